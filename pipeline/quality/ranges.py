"""Numbers that what they measure cannot be (DQ016): what it is is told by the name, and believed when nearly all numbers agree."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from pipeline.catalog import Param
from pipeline.plan import Fix, StepSpec
from pipeline.quality.entry import Verdict, check_entry, not_applicable, passed
from pipeline.quality.gaps import disguise
from pipeline.quality.subject import Subject, counted, listed, some
from pipeline.quality.units import other_scale

FEWEST = 20
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|%")
# A name with one of these may be negative or beyond the usual range: a change, a difference, a number that was scaled.
SIGNED = frozenset(
    "change changes diff difference delta net balance profit margin growth return returns residual error log ln zscore z std scaled norm normalized "
    "standardized centered centred relative gain loss adjustment offset shift lag trend slope score index rank deviation variance anomaly excess elevation "
    "variation rate ratio effect coefficient temp temperature utm".split()
)


@dataclass(frozen=True)
class Rule:
    """What a number with one of these words in its name must lie between. `alone`: the whole name is one of the words."""

    what: str
    words: frozenset[str]
    low: float = -np.inf
    high: float = np.inf
    alone: bool = False

    def fits(self, parts: list[str]) -> bool:
        return bool(parts) and (" ".join(parts) in self.words if self.alone else not self.words.isdisjoint(parts))


def _rule(what: str, words: str, low: float = -np.inf, high: float = np.inf, alone: bool = False) -> Rule:
    return Rule(what, frozenset(words.split("|")), low, high, alone)


RULES = (
    _rule("the age of a person", "age|age years|age in years|customer age|patient age|client age|person age|employee age|driver age", 0, 125, True),
    _rule("a latitude", "lat|latitude", -90, 90),
    _rule("a longitude", "lon|lng|longitude", -180, 180),
    _rule("a probability", "probability|prob", 0, 1),
    _rule("a percentage", "percent|percentage|pct|%|humidity", 0, 100),
    _rule("a month", "month|birth month|sale month", 1, 12, True),
    _rule("an hour of the day", "hour|hour of day", 0, 24, True),
    _rule("a minute of the hour", "minute", 0, 60, True),
    _rule("a day of the month", "day of month|dayofmonth", 1, 31, True),
    _rule("a day of the week", "weekday|day of week|dayofweek", 0, 7, True),
    _rule("a year", "year|birth year|year of birth|yob|year built|built year", 1000, 2200, True),
    _rule(
        "a number of things", "count|counts|qty|quantity|visits|children|kids|persons|people|adults|babies|guests|rooms|bedrooms|bathrooms|nights|"
        "stays|items|orders|purchases|clicks|views|calls|cars|households|population|passengers|employees|students|days|hours|minutes|months|years", 0,
    ),
    _rule("a price or an amount", "price|prices|cost|costs|fee|fees|salary|wage|wages|rent|fare|premium|revenue|sales|turnover|income", 0),
    _rule(
        "a size", "age|area|sqft|sqm|size|weight|height|length|width|depth|distance|duration|speed|volume|mileage|km|kg|miles|mass|bmi|thickness|diameter|"
        "radius|capacity|power|horsepower|hp|mpg|tenure", 0,
    ),
)  # fmt: skip


def words_of(name: str) -> list[str]:
    """The words of a column's name in small letters: unit_price, UnitPrice and 'unit price' have the same."""
    return [part.lower() for part in PARTS.findall(name)]


def rule_for(name: str) -> Rule | None:
    parts = words_of(name)
    if not SIGNED.isdisjoint(parts):
        return None
    return next((rule for rule in RULES if rule.fits(parts)), None)


@check_entry(
    code="DQ016",
    title="Impossible numbers",
    help="Looks for what cannot be: ages, prices and counts below zero, percentages over 100, latitudes over 90, a 13th month. What a column "
    "measures is told by its name, and only believed when nearly all of its numbers agree.",
    severity="Warning: each is a mistake of whoever wrote it.",
    params=(
        Param("most", "float", 0.05, "At most", "A larger share of impossible numbers means that the column is something else.", 0.0, 0.5),
    ),
)
def impossible_numbers(subject: Subject, params: dict) -> Verdict:
    columns = [name for name in subject.figures if rule_for(name)]
    if not columns:
        return not_applicable("No number has a name that says what it measures, such as age, price, percent or latitude.")
    masks = {name: mask for name in columns if (mask := subject.once(impossible, name)) is not None and mask.mean() <= params["most"]}
    if not masks:
        return passed(f"No impossible number in {counted(len(columns), 'column')} whose name says what is measured.")
    facts = {name: _facts(subject, name, mask) for name, mask in masks.items()}
    seen = (f"{name!r} is {f['what']}, so {f['expected']}, and has {f['least']:g}" + (f" to {f['most']:g}" if f["most"] != f["least"] else "")
            + f" in {counted(f['rows'], 'row')}" for name, f in facts.items())  # fmt: skip
    return Verdict(
        f"{some(seen)}.", "warning", tuple(masks), np.any(list(masks.values()), axis=0), facts,
        (Fix(code="DQ016", title=f"Take impossible numbers in {listed(list(masks))} for missing", steps=tuple(_step(name) for name in masks)),), safe=True,
    )  # fmt: skip


def impossible(subject: Subject, name: str) -> np.ndarray | None:
    """The rows whose number cannot be, or None when there is none; stand-ins and another unit have checks of their own."""
    rule, x = rule_for(name), subject.numbers(name)
    known = int((~np.isnan(x)).sum())
    if rule is None or known < FEWEST:
        return None
    out = (x < rule.low) | (x > rule.high)
    if not out.any() or out.sum() > 0.5 * known:
        return None
    out &= ~np.isin(subject.codes(name)[0], _explained(subject, name))
    return out if out.any() else None


def _explained(subject: Subject, name: str) -> list[int]:
    hidden, other = subject.once(disguise, name), subject.once(other_scale, name)
    return [*(hidden.codes if hidden else ()), *(other.codes if other else ())]


def _facts(subject: Subject, name: str, mask: np.ndarray) -> dict:
    rule, x = rule_for(name), subject.numbers(name)[mask]
    low, high = rule.low, rule.high
    expected = f"from {low:g} to {high:g}" if np.isfinite(high) and np.isfinite(low) else f"at least {low:g}"
    return {"what": rule.what, "expected": expected, "rows": int(mask.sum()), "least": float(x.min()), "most": float(x.max())}


def _step(name: str) -> StepSpec:
    rule = rule_for(name)
    ends = {side: value for side, value in (("low", rule.low), ("high", rule.high)) if np.isfinite(value)}
    return StepSpec(step="bounds", columns=(name,), params=ends)
