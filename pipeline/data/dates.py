"""Dates and times out of text. All formats are tried jointly; day-first or month-first is decided over the whole column."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd

ISO = "ISO8601"
_SAMPLE = 1000
_FEW = 50
_MOST_FORMATS = 4
_LEAST_SHARE = 0.95
_DAYS = (
    ISO, "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d",
    "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y", "%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
    "%a, %d %b %Y", "%b-%y", "%b-%Y", "%b %Y", "%B %Y", "%Y, %B", "%Y, %b",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
# A date has a digit and a mark between its parts, and is short.
_SHAPE = r"[\w ,.]*(?:[0-9][-/.:, ]|[-/. ][0-9])[\w ,.:/+-]*"
_YEAR = "[12][0-9]{3}"  # alone it is a number; among other dates it is the first of January
_MONTH = "(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
# A letter that begins neither a month, a weekday, am, pm, nor is the T or Z of ISO 8601: what holds one is no date.
_NO_DATE = re.compile(r"(?i)(?<![a-z])(?!jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|[ap]m|[tz](?![a-z]))[a-z]")
_SWAPPED = {"%m/%d": "%d/%m", "%d/%m": "%m/%d", "%m-%d": "%d-%m", "%d-%m": "%m-%d", "%d.%m": "%m.%d", "%m.%d": "%d.%m"}


def decide(texts: pd.Series, counts: np.ndarray, order: str = "auto", least: float = _LEAST_SHARE) -> tuple[str, bool] | None:
    """The formats of a column of dates, joined by "|", and whether day and month could be swapped; None: not dates.

    `texts` are distinct, `counts` says how often each occurs. At least a share of `least` of the cells must parse. `order` is
    "day_first" or "month_first" when a person said so.
    """
    sample = texts.iloc[np.unique(np.linspace(0, len(texts) - 1, min(_SAMPLE, len(texts))).astype(int))] if len(texts) else texts
    if sample.empty or all(map(_NO_DATE.search, _few(sample).tolist())):
        return None
    if (sample.str.len() > 40).mean() > 0.05 or sample.str.fullmatch(f"{_SHAPE}|{_YEAR}").mean() < least:
        return None
    chosen = _choose(sample)
    if not chosen:
        return None
    chosen, unsure = _settle_order(texts, chosen, order)
    joined = "|".join(chosen)
    parsed = ~np.isnat(parse(texts, joined))
    if counts[parsed].sum() < least * counts.sum():
        return None
    return joined, unsure


def _few(sample: pd.Series) -> pd.Series:
    return sample.iloc[:: max(1, len(sample) // _FEW)]


def _choose(sample: pd.Series) -> list[str]:
    """Greedily: the format that reads the most, then the one that reads the most of the rest, up to four."""
    if _parse_one(sample, ISO).notna().all():
        return [ISO]
    candidates = _candidates(sample)
    few = _few(sample)
    if not any(_parse_one(few, fmt).notna().any() for fmt in candidates):
        return []  # nearly all would have to be dates
    rest, chosen = sample, []
    while len(rest) and len(chosen) < _MOST_FORMATS:
        read = {fmt: _parse_one(rest, fmt).notna() for fmt in candidates}
        best = max(candidates, key=lambda fmt: int(read[fmt].sum()))
        if not read[best].any():
            return [*chosen, "%Y"] if chosen and rest.str.fullmatch(_YEAR).any() else chosen
        chosen.append(best)
        rest = rest[~read[best]]
    return chosen


def _candidates(sample: pd.Series) -> list[str]:
    timed = sample.str.contains(":", regex=False).any()
    days = [fmt for fmt in _DAYS if fmt != ISO]
    if not sample.str.contains(_MONTH, regex=True).any():
        days = [fmt for fmt in days if "b" not in fmt.lower()]
    return [ISO, *(day + time for day in days for time in (_TIMES if timed else ("",)))]


def _settle_order(texts: pd.Series, chosen: list[str], order: str) -> tuple[list[str], bool]:
    """Compare each format with its day and month swapped on every distinct text; a tie is said aloud."""
    settled, unsure = [], False
    for fmt in chosen:
        other = _swapped(fmt)
        if other is None:
            settled.append(fmt)
            continue
        if order != "auto":
            settled.append(fmt if fmt.startswith("%d") == (order == "day_first") else other)
            continue
        here, there = _parse_one(texts, fmt).notna().sum(), _parse_one(texts, other).notna().sum()
        settled.append(_usual(fmt, other) if here == there else fmt if here > there else other)
        unsure |= here == there
    return list(dict.fromkeys(settled)), unsure


def _swapped(fmt: str) -> str | None:
    return next((fmt.replace(part, other) for part, other in _SWAPPED.items() if fmt.startswith(part)), None)


def _usual(fmt: str, other: str) -> str:
    """Slashes are mostly written month first, points and hyphens day first."""
    month_first = fmt if fmt.startswith("%m") else other
    day_first = other if month_first == fmt else fmt
    return month_first if "/" in fmt[:5] else day_first


def parse(texts: pd.Series, formats: str) -> np.ndarray:
    """datetime64[us] in UTC without a zone, NaT where no format fits. ISO 8601 is always understood as well."""
    values = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[us]")
    for fmt in dict.fromkeys([*formats.split("|"), ISO]):
        todo = np.isnat(values)
        if not todo.any():
            break
        values[todo] = _parse_one(texts[todo], fmt).to_numpy()
    return values


def _parse_one(texts: pd.Series, fmt: str) -> pd.Series:
    if fmt == ISO:
        # A bare number is not a date here, although ISO 8601 would take 2013 or 20130101.
        stamps = pd.to_datetime(texts.mask(texts.str.fullmatch("[0-9]*")), format=ISO, utc=True, errors="coerce")
        return stamps.dt.tz_localize(None).astype("datetime64[us]")
    stamps = pd.to_datetime(texts, format=fmt, errors="coerce").astype("datetime64[us]")
    return _not_in_future(stamps) if "%y" in fmt else stamps


def _not_in_future(stamps: pd.Series) -> pd.Series:
    """A two-digit year that lies ahead of today was meant a hundred years earlier: 62 is 1962, not 2062."""
    ahead = stamps > pd.Timestamp(datetime.datetime.now(datetime.UTC).replace(tzinfo=None))
    return stamps.mask(ahead, stamps - pd.DateOffset(years=100)) if ahead.any() else stamps
