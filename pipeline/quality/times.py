"""Dates: those that cannot be (DQ022), gaps in a regular series (DQ023), and rows that are out of order (DQ024)."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd

from pipeline.catalog import Param
from pipeline.data.dates import parse
from pipeline.plan import Fix
from pipeline.quality.entry import Verdict, add_step, check_entry, not_applicable, passed
from pipeline.quality.gaps import TOKENS
from pipeline.quality.ranges import words_of
from pipeline.quality.subject import Subject, counted, some

AHEAD = frozenset(
    "due expiry expires expiration expected end ends next planned valid until deadline delivery checkout scheduled schedule maturity renewal forecast target "
    "future arrival departure booked reservation warranty".split()
)
PLACEHOLDERS = pd.to_datetime(["1899-12-30", "1899-12-31", "1900-01-01", "1753-01-01", "1970-01-01", "2099-12-31", "2999-12-31", "9999-12-31", "0001-01-01"])
FORMATS = ("ISO8601", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%m-%d-%Y")
LOOKS = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?\s*")
DAY = 86_400e6  # microseconds
NO_DATES = "The table has no column of dates besides the target."


@check_entry(
    code="DQ022",
    title="Dates that cannot be",
    help="Looks for days that no calendar has (30 February), dates in the future of a column that tells the past, stand-ins such as "
    "1900-01-01 or 9999-12-31, and dates centuries away from all others.",
    severity="Warning: each is a mistake or stands for a missing date.",
    params=(
        Param("dates", "float", 0.6, "Dates from", "Share of the filled cells of a text column that must be dates before the others are mistakes.", 0.1, 1.0),
        Param("most", "float", 0.1, "At most", "A larger share of such dates is meant.", 0.0, 0.5),
    ),
)
def impossible_dates(subject: Subject, params: dict) -> Verdict:
    dated, texts = _dated(subject), [name for name in subject.of_kind("categorical", "id", "text") if subject.is_text(name)]
    read = {name: seen for name in texts if (seen := _read_as_dates(subject, name, params["dates"]))}
    if not dated and not read:
        return not_applicable(NO_DATES)
    masks = {name: mask for name in dated if (mask := _cannot_be(subject, name)).any() and mask.mean() <= params["most"]}
    masks |= {name: np.isin(subject.codes(name)[0], codes) for name, (codes, _) in read.items()}
    if not masks:
        return passed("Every date is one that can be.")
    examples = {name: _examples(subject, name, mask) for name, mask in masks.items()}
    seen = (f"{name!r}: {counted(int(mask.sum()), 'row')}, such as {' and '.join(examples[name][:2])}" for name, mask in masks.items())
    fixes = [add_step("DQ022", f"Read {name!r} as dates; what is none becomes missing", "read_dates", [name], format=read[name][1]) for name in read]
    fixes += [_unreal(subject, name) for name in masks if name not in read]
    return Verdict(f"{some(seen)}.", "warning", tuple(masks), np.any(list(masks.values()), axis=0),
                   {"rows": {name: int(mask.sum()) for name, mask in masks.items()}, "examples": examples}, tuple(fixes))  # fmt: skip


def _dated(subject: Subject) -> list[str]:
    return [name for name in subject.of_kind("datetime") if not subject.is_text(name)]


def _cannot_be(subject: Subject, name: str) -> np.ndarray:
    """Dates after today where nearly all are before it, lonely stand-ins, and dates far from nearly all others."""
    x = subject.numbers(name)
    known = x[~np.isnan(x)]
    if len(known) < 20:
        return np.zeros(len(x), dtype=bool)
    low, high = _believable(subject, name)
    return (x < low) | (x > high)


def _believable(subject: Subject, name: str) -> tuple[float, float]:
    """The first and the last moment that a date of this column can be believed, in microseconds."""
    x = subject.numbers(name)
    x = x[~np.isnan(x)]
    first, last = np.quantile(x, (0.05, 0.95))
    reach = max(last - first, 365 * DAY)
    low, high = first - 10 * reach, last + 10 * reach
    tomorrow = _ticks(datetime.datetime.now(datetime.UTC).replace(tzinfo=None)) + DAY
    if last < tomorrow and AHEAD.isdisjoint(words_of(name)):
        high = min(high, tomorrow)
    for stamp in (_ticks(date) for date in PLACEHOLDERS):
        beyond = np.sort(x[x > stamp]) if stamp < first else -np.sort(-x[x < stamp])
        if stamp in x and not first <= stamp <= last and len(beyond) and abs((beyond[0] if stamp < first else beyond[-1]) - stamp) > 365 * DAY:
            low, high = (max(low, stamp + 1), high) if stamp < first else (low, min(high, stamp - 1))
    return low, high


def _ticks(moment: datetime.datetime) -> float:
    return (np.datetime64(moment.isoformat(), "us")).astype("int64").astype(float)


def _unreal(subject: Subject, name: str) -> Fix:
    low, high = (str(np.datetime64(int(np.clip(end, -6e16, 2.5e17)), "us").astype("datetime64[D]")) for end in _believable(subject, name))
    return add_step("DQ022", f"Take such dates in {name!r} for missing", "date_bounds", [name], first=low, last=high)


def _read_as_dates(subject: Subject, name: str, least: float) -> tuple[list[int], str] | None:
    """Codes of the texts that are no date although most of the column are, and the format of those; None: not such a column."""
    values, counts = subject.codes(name)[1], subject.counts(name)
    if len(values) == 0 or (LOOKS.fullmatch(str(values[0])) is None and LOOKS.fullmatch(str(values[-1])) is None):
        return None
    texts = pd.Series([str(value) for value in values], dtype="str")
    if counts[texts.str.fullmatch(LOOKS).to_numpy(dtype=bool)].sum() < least * counts.sum():
        return None
    parsed = {form: ~np.isnat(parse(texts, form)) for form in FORMATS}
    form = max(FORMATS, key=lambda f: counts[parsed[f]].sum())
    bad = [code for code in np.flatnonzero(~parsed[form]) if texts.iloc[code].strip().lower() not in TOKENS]
    return (bad, form) if bad and counts[parsed[form]].sum() >= least * counts.sum() else None


def _examples(subject: Subject, name: str, mask: np.ndarray) -> list[str]:
    shown = subject.table[name][mask].drop_duplicates().head(5)
    return [str(value)[:10] if subject.kind(name) == "datetime" else repr(str(value)[:40]) for value in shown]


@check_entry(
    code="DQ023",
    title="Gaps in a regular series",
    help="Where the moments of a column come at a steady pace (each hour, day, week or month), looks for places where some were left out. "
    "Gaps that come again and again, such as nights and weekends, are meant.",
    severity="Warning: what was not recorded is not nothing.",
    params=(Param("steady", "float", 0.8, "Steady from", "Share of the steps that are as long as the usual one.", 0.5, 1.0),),
)
def time_gaps(subject: Subject, params: dict) -> Verdict:
    if not _dated(subject):
        return not_applicable(NO_DATES)
    found = {name: after for name in _dated(subject) if (after := _gaps(subject, name, params["steady"])) is not None}
    if not found:
        return passed("No column of dates has gaps in a steady pace.")
    masks = {name: np.isin(subject.numbers(name), after) for name, (after, _, _) in found.items()}
    seen = (
        f"{name!r} goes on every {_spoken(step)} and has {counted(len(after), 'gap')}, where {missing:,} are left out"
        for name, (after, step, missing) in found.items()
    )
    evidence = {name: {"gaps": len(after), "left_out": missing, "step_hours": step / DAY * 24} for name, (after, step, missing) in found.items()}
    return Verdict(f"{some(seen)}. The rows are those after each gap.", "warning", tuple(found), np.any(list(masks.values()), axis=0), evidence)


def _gaps(subject: Subject, name: str, steady: float) -> tuple[np.ndarray, float, int] | None:
    """The moments after a gap, the usual step, and how many moments are left out; None without a steady pace or without gaps."""
    moments = np.unique(subject.numbers(name)[~subject.missing(name)])
    steps = np.diff(moments)
    if len(steps) < 20:
        return None
    step = float(np.median(steps))
    wide = steps >= 1.9 * step
    if (np.abs(steps / step - 1) <= 0.15).mean() < steady or not wide.any() or wide.mean() > 0.05:
        return None
    again = np.unique(np.round(steps[wide] / step), return_counts=True)[1]
    if again.max() >= max(5, 0.5 * wide.sum()):
        return None
    return moments[1:][wide], step, int(np.round(steps[wide] / step - 1).sum())


def _spoken(step: float) -> str:
    for size, word in ((365 * DAY, "year"), (30 * DAY, "month"), (7 * DAY, "week"), (DAY, "day"), (DAY / 24, "hour"), (DAY / 1440, "minute")):
        if step >= 0.93 * size:
            number = round(step / size)
            return word if number == 1 else f"{number} {word}s"
    return f"{step / 1e6:g} seconds"


@check_entry(
    code="DQ024",
    title="Rows out of order",
    help="Where the rows of a table are in the order of a date but for a few, those few were as a rule put in later or carry a wrong date.",
    severity="Warning: what comes before and after a row is not what it seems.",
    params=(Param("most", "float", 0.02, "At most", "A larger share of rows out of order means that the table is not sorted.", 0.0, 0.5),),
)
def time_order(subject: Subject, params: dict) -> Verdict:
    if not _dated(subject):
        return not_applicable(NO_DATES)
    masks = {name: mask for name in _dated(subject) if 0 < (mask := _astray(subject.numbers(name))).sum() <= params["most"] * subject.rows}
    if not masks:
        return passed("No table in the order of its dates has rows out of that order.")
    seen = (f"the rows are in the order of {name!r}, but for {mask.sum():,}" for name, mask in masks.items())
    words = some(seen)
    return Verdict(f"{words[0].upper()}{words[1:]}.", "warning", tuple(masks), np.any(list(masks.values()), axis=0),
                   {"rows": {name: int(mask.sum()) for name, mask in masks.items()}})  # fmt: skip


def _astray(x: np.ndarray) -> np.ndarray:
    """The fewest rows that break a rising or a falling order: below all before them, or above all after them."""
    filled, none = ~np.isnan(x), np.zeros(len(x), dtype=bool)
    if filled.sum() < 50 or len(np.unique(x[filled])) < 20:
        return none
    best = None
    for y in (x[filled], -x[filled]):
        below, above = y < np.maximum.accumulate(y), y > np.minimum.accumulate(y[::-1])[::-1]
        fewest = min(below, above, key=lambda mask: mask.sum())
        best = fewest if best is None or fewest.sum() < best.sum() else best
    none[filled] = best
    return none
