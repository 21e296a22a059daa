"""Personal data (DQ031): e-mail addresses, phone, card, account and identity numbers, names. Never shown in full.

Numbers with check digits are tested by python-stdnum, which knows the rules of each country; a column counts when nearly all of
its values pass, which numbers that only look alike do not.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, check_entry, leave_out, not_applicable, passed
from pipeline.quality.ranges import words_of
from pipeline.quality.subject import Subject, counted, like, percent, some

EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
PHONE = re.compile(r"(?:\+|00)?[\d\s().\-/]{7,20}")
PERSON = re.compile(r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){1,3}")
CARD = re.compile(r"(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14})")
# What is looked for in free text, and the mark without which a text cannot have it.
IN_TEXT = {"e-mail address": ("@", EMAIL), "phone number": (r"\+", re.compile(r"(?<!\w)\+\d{1,3}[\s./-]?(?:\(?\d+\)?[\s./-]?){2,6}(?!\w)"))}
# The country's number, and whether anything with as many digits would do, so that the name of the column has to say it.
IDENTITY = {
    "us.ssn": True, "gb.nhs": False, "it.codicefiscale": False, "es.dni": False, "es.nie": False, "fr.nir": False, "de.idnr": False, "nl.bsn": False,
    "se.personnummer": False, "dk.cpr": True, "fi.hetu": False, "no.fodselsnummer": False, "pl.pesel": False, "br.cpf": False, "in_.aadhaar": False,
    "in_.pan": True, "cn.ric": False, "be.nn": False, "ch.ssn": False, "ro.cnp": False, "bg.egn": False, "tr.tckimlik": False, "za.idnr": False,
    "kr.rrn": False, "mx.curp": False, "ca.sin": False, "at.vnr": False, "cz.rc": False, "ie.pps": False,
}  # fmt: skip
SAYS_PHONE = frozenset("phone tel telephone mobile cell cellphone fax handy telefon telefono".split())
SAYS_IDENTITY = frozenset("ssn cpr pan nin tin sin cpf dni nie pesel bsn social tax national identity passport fiscal".split())
SAYS_PERSON = frozenset(
    {"first name", "last name", "given name", "family name", "surname", "firstname", "lastname", "forename", "middle name", "maiden name",
     "vorname", "nachname", "nome", "cognome", "prenom", "apellido"}
)  # fmt: skip
SAYS_WHOLE_NAME = frozenset("name fullname customer patient client employee contact person member passenger applicant owner author".split())
LOOK_AT = 20_000
PROBE = 200
MOST = 0.9


@check_entry(
    code="DQ031",
    title="Personal data",
    help="Looks for e-mail addresses, phone numbers, card numbers (Luhn), IBANs and national identity numbers (check digits) and names of "
    "people, in columns and inside free text. A model has no use for them, and a file with them may not be passed on freely.",
    severity="Warning: leave them out, and keep the file safe.",
    params=(Param("rows", "int", 3, "At least", "Different values of a kind before free text counts.", 1, 10_000, unit="values"),),
)
def personal(subject: Subject, params: dict) -> Verdict:
    columns = [name for name in subject.names if subject.is_text(name) or _whole(subject, name)]
    if not columns:
        return not_applicable("No column is text or long whole numbers.")
    found = {name: hit for name in columns if (hit := _kind_of(subject, name, params["rows"]))}
    if not found:
        return passed(f"No personal data was seen in {counted(len(columns), 'column')}.")
    masks = {name: np.isin(subject.codes(name)[0], codes) for name, (_, codes) in found.items()}
    shown = {name: [masked(str(subject.codes(name)[1][code])) for code in codes[:3]] for name, (_, codes) in found.items()}
    seen = (f"{name!r}: {kind} in {percent(float(masks[name].mean()))} of the rows ({', '.join(shown[name][:2])})" for name, (kind, _) in found.items())
    leave = [name for name in found if name != subject.target]
    return Verdict(
        f"{some(seen)}.", "warning", tuple(found), np.any(list(masks.values()), axis=0),
        {name: {"kind": kind, "rows": int(masks[name].sum()), "examples": shown[name], "values_looked_at": min(LOOK_AT, len(subject.codes(name)[1]))}
         for name, (kind, _) in found.items()}, (leave_out("DQ031", leave),) if leave else (), safe=bool(leave), private=True,
    )  # fmt: skip


def masked(text: str) -> str:
    """The first and the last character of each part, and how long it is; nothing that names anybody."""
    return re.sub(r"\w+", lambda part: part[0][0] + "•" * min(len(part[0]) - 1, 8) if len(part[0]) > 1 else "•", text)[:40]


def _whole(subject: Subject, name: str) -> bool:
    return subject.kind(name) in ("numeric", "id") and subject.is_number(name) and _long(subject, name)


def _long(subject: Subject, name: str) -> bool:
    """Whether there are whole numbers of eight digits and more: fewer identify nobody."""
    x = subject.codes(name)[1][:PROBE].to_numpy(dtype="float64")
    return bool(len(x)) and bool((x == np.trunc(x)).all()) and float(np.median(x)) >= 1e7


def _kind_of(subject: Subject, name: str, rows: int) -> tuple[str, np.ndarray] | None:
    """What personal data a column has, and the codes of the values that are it."""
    values = subject.codes(name)[1][:LOOK_AT]
    if len(values) < rows:
        return None
    texts = [str(value).strip() for value in values]
    probe = texts[:: max(1, len(texts) // PROBE)][:PROBE]
    for kind, test in _tests(words_of(name), number=not subject.is_text(name)):
        if _most(test, probe):
            return kind, np.flatnonzero([test(text) for text in texts])
    return _inside(subject, name, texts, rows)


def _most(test: Callable[[str], object], texts: list[str]) -> bool:
    """Whether nearly all of the texts pass; asked no longer than that can be."""
    misses = (1 for text in texts if not test(text))
    return all(number <= (1 - MOST) * len(texts) for number, _ in enumerate(misses, 1))


def _tests(words: list[str], number: bool) -> Iterable[tuple[str, Callable[[str], object]]]:
    """What a column may be, the surest first; a number by its digits only, a phone or a name only where it is written or named so."""
    from stdnum import iban

    if not number:
        yield "e-mail address", EMAIL.fullmatch
        yield "account number (IBAN)", lambda text: len(text) >= 15 and iban.is_valid(text)
    yield "card number", _card
    says = not SAYS_IDENTITY.isdisjoint(words)
    for place, lax in IDENTITY.items():
        if says or not (lax or number):
            yield f"identity number ({place.split('.')[0].strip('_').upper()})", _valid(place)
    if not SAYS_PHONE.isdisjoint(words):
        yield "phone number", _phone
    if not number:
        yield "phone number", lambda text: text[:1] in "+(" and _phone(text)
        if " ".join(words) in SAYS_PERSON:
            yield "name", lambda text: text[:1].isupper() and not any(c.isdigit() for c in text)
        if not SAYS_WHOLE_NAME.isdisjoint(words):
            yield "name", lambda text: PERSON.fullmatch(text) and text.istitle()


def _card(text: str) -> bool:
    from stdnum import luhn

    digits = re.sub(r"[\s-]", "", text)
    return CARD.fullmatch(digits) is not None and luhn.is_valid(digits)


def _phone(text: str) -> bool:
    return PHONE.fullmatch(text) is not None and 7 <= sum(c.isdigit() for c in text) <= 15


def _valid(place: str) -> Callable[[str], bool]:
    module = importlib.import_module(f"stdnum.{place}")
    return lambda text: 8 <= len(text) <= 20 and module.is_valid(text)


def _inside(subject: Subject, name: str, texts: list[str], rows: int) -> tuple[str, np.ndarray] | None:
    """Addresses and phone numbers written in free text."""
    if subject.kind(name) not in ("text", "categorical") or not subject.is_text(name):
        return None
    for kind, (mark, pattern) in IN_TEXT.items():
        maybe = like(subject.codes(name)[1][: len(texts)], mark)
        codes = np.array([code for code in maybe if pattern.search(texts[code])], dtype=int)
        if len(codes) >= rows:
            return kind, codes
    return None
