"""What the repairing steps of `clean` do to a column: one spelling, no stray blanks, one unit, nothing impossible."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.data.dates import parse
from pipeline.data.wording import UNITS, amount, kind_of_unit, spelling, tidied
from pipeline.features.transformers import Columnwise


class MergeSpellings(Columnwise):
    """Every word in the spelling that was commonest among the training rows; a word that was not there stays as it is."""

    def _learn(self, values: pd.Series) -> dict[str, str]:
        counts = values.value_counts().rename_axis("value").reset_index(name="rows")
        counts["word"] = [str(value) for value in counts["value"]]
        ordered = counts.sort_values(["rows", "word"], ascending=[False, True])
        best: dict[str, str] = {}
        for word in ordered["word"]:
            best.setdefault(spelling(word), word)
        return best

    def _change(self, values: pd.Series, learned: dict[str, str]) -> pd.Series:
        return values.map(lambda value: learned.get(spelling(str(value)), value), na_action="ignore").astype(object)


class TidyText(Columnwise):
    """Text without stray blanks; in small letters too, when asked."""

    def __init__(self, lower: bool = False) -> None:
        self.lower = lower

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        return values.map(lambda value: tidied(str(value)).casefold() if self.lower else tidied(str(value)), na_action="ignore").astype(object)


class Bounds(Columnwise):
    """Numbers outside of what is possible become NaN; None leaves a side open."""

    def __init__(self, low: float = -1e15, high: float = 1e15) -> None:
        self.low = low
        self.high = high

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        return values.where(~((values < self.low) | (values > self.high)), np.nan)


class Rescale(Columnwise):
    """Numbers between two bounds times a factor: those that were written in another unit."""

    def __init__(self, low: float = 0.0, high: float = 0.0, factor: float = 1.0) -> None:
        self.low = low
        self.high = high
        self.factor = factor

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        inside = (values.abs() >= self.low) & (values.abs() <= self.high)
        return values.where(~inside, values * self.factor)


class ReadUnits(Columnwise):
    """Amounts such as '5 kg' and '11 lb' as numbers of one unit; a number without a unit is taken to be in that one."""

    def __init__(self, unit: str = "kg") -> None:
        self.unit = unit

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        return values.map(self._number, na_action="ignore").astype("float64")

    def _number(self, value: object) -> float:
        seen, known = amount(str(value)), UNITS.get(kind_of_unit(self.unit), {})
        if seen is None:
            return np.nan
        number, unit = seen
        return number if unit in ("", self.unit) else number * known[unit] / known[self.unit] if unit in known else np.nan


class ReadDates(Columnwise):
    """Text as dates; what is none becomes NaT."""

    def __init__(self, format: str = "ISO8601") -> None:
        self.format = format

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        texts = values.astype("str")
        return pd.Series(parse(texts.where(texts.notna(), ""), self.format), index=values.index)


class DateBounds(Columnwise):
    """Dates before the first or after the last possible day become NaT."""

    def __init__(self, first: str = "", last: str = "") -> None:
        self.first = first
        self.last = last

    def _change(self, values: pd.Series, learned: object) -> pd.Series:
        out = values < pd.Timestamp(self.first) if self.first else values != values
        if self.last:
            out = out | (values >= pd.Timestamp(self.last) + pd.Timedelta(days=1))
        return values.where(~out)
