"""Common English words of the same meaning, written for Trainyard and under its licence: a line for each meaning."""

from __future__ import annotations

from functools import cache

WORDS = """
good fine nice decent
great excellent superb outstanding
bad poor awful
terrible horrible dreadful
big large huge
small little tiny
fast quick rapid swift
slow sluggish
happy glad pleased delighted
sad unhappy sorrowful
angry furious annoyed
easy simple effortless
hard difficult tough
cheap inexpensive affordable
expensive costly pricey
beautiful lovely pretty gorgeous
ugly unattractive
clean spotless tidy
dirty filthy unclean
tasty delicious flavourful yummy
bland tasteless flavourless
fresh new
old aged
strong powerful sturdy
weak feeble flimsy
smart clever intelligent
stupid foolish silly
funny amusing humorous
boring dull tedious
interesting fascinating intriguing
important significant essential
strange odd weird unusual
normal usual ordinary
correct right accurate
wrong incorrect mistaken
safe secure
dangerous risky hazardous
quiet silent calm
loud noisy
warm heated
cold chilly cool
wet damp moist
empty vacant
full packed
rich wealthy
whole entire complete
broken damaged faulty defective
useful helpful handy
useless worthless pointless
friendly kind welcoming
rude impolite unfriendly
perfect flawless ideal
awesome amazing fantastic wonderful
disappointing unsatisfying underwhelming
reliable dependable trustworthy
buy purchase
sell vend
get obtain receive
give offer provide
begin start commence
end finish conclude
stop halt cease
help assist aid
need require
want desire wish
like enjoy appreciate
love adore
hate detest loathe
recommend suggest advise
say state mention
tell inform
ask inquire
answer reply respond
show display present
see notice observe
look appear seem
think believe consider
know understand
use employ utilise
make create produce
build construct assemble
fix repair mend
break smash shatter
change alter modify
keep retain hold
return send
order request
pay spend
try attempt
choose select pick
find discover locate
lose misplace
grow increase expand
shrink decrease reduce
improve enhance better
arrive come
leave depart go
wait stay
eat consume
drink sip
cook prepare
taste flavour
smell odour scent aroma
buy acquire
price cost
money cash
product item article
shop store market
customer client buyer
quality standard
problem issue trouble
mistake error fault
idea thought notion
story tale narrative
film movie picture
book volume
picture image photo
job work task
house home
room chamber
hotel inn
road street
car vehicle automobile
child kid
person individual
friend pal companion
doctor physician
illness sickness disease
food meal
box package parcel
bag sack
piece part bit
place spot location
trip journey travel
very really extremely
quite rather fairly
almost nearly
always constantly
often frequently
sometimes occasionally
never rarely
quickly rapidly swiftly
slowly gradually
maybe perhaps possibly
definitely certainly surely
also too
however though
because since
many numerous
several various
enough sufficient
"""


@cache
def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in WORDS.split("\n"):
        words = line.split()
        for word in words:
            found.setdefault(word, []).extend(other for other in words if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


def of(word: str) -> tuple[str, ...]:
    """Words that mean the same, written as this one is: in capitals, with a capital, and with its comma or full stop."""
    bare = word.strip(".,;:!?\"'()")
    others = _table().get(bare.lower(), ())
    if not others:
        return ()
    before, after = word.split(bare, 1)
    shape = str.upper if bare.isupper() and len(bare) > 1 else str.capitalize if bare[0].isupper() else str
    return tuple(before + shape(other) + after for other in others)
