"""Dates as numbers: parts of the calendar, places on a circle, working days and holidays."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from pipeline.errors import UnknownName
from pipeline.features.names import HOLIDAY_PARTS

DAY = pd.Timedelta(days=1)
YEARS = range(1900, 2101)  # those whose holidays are asked for
FIELDS = {"weekday": "day_of_week", "day of year": "day_of_year"}
KNOTS = {"weekday": 7, "day of year": 8, "hour": 12}  # of the curves: what is told of the month is in the day of the year
CYCLES = {"month": 12, "weekday": 7, "day of year": 365.25, "hour": 24}


class DateParts(TransformerMixin, BaseEstimator):
    """The named parts of a date as numbers (Monday is 0); the hour only where the training rows have times. Missing is missing in all.

    With `elapsed`, days since `since` as one number with a fraction: a date, or "first" for the first date of the training rows.
    With `curves`, also how near the date is to each of a few points of the week, the year and the day.
    """

    def __init__(self, parts: tuple[str, ...] = ("year", "month", "day", "weekday", "day of year", "hour"), elapsed: bool = True,
                 since: str = "1970", curves: bool = False) -> None:  # fmt: skip
        self.parts = parts
        self.elapsed = elapsed
        self.since = since
        self.curves = curves

    def fit(self, table: pd.DataFrame, y: object = None) -> DateParts:
        validate_data(self, table, skip_check_array=True)
        first = self.since == "first"
        self.starts_ = {name: table[name].min() if first else pd.Timestamp(self.since) for name in table.columns}
        timed = {name: _timed(table[name]) for name in table.columns}
        self.parts_ = {name: self._parts(timed[name]) for name in table.columns}
        self.curves_ = {name: [c for c in KNOTS if c != "hour" or timed[name]] if self.curves else [] for name in table.columns}
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        made: dict[str, Any] = {}
        for name, parts in self.parts_.items():
            dates = pd.DatetimeIndex(table[name])  # its parts cost a third of those of a Series
            made |= {f"{name}: {part}": self._part(dates, part) for part in parts}
        for name, cycles in self.curves_.items():
            for cycle in cycles:
                made |= dict(zip(_curve_names(name, cycle), _curves(table[name].dt, cycle).T, strict=True))
        return pd.DataFrame(made, index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        made = [f"{name}: {part}" for name, parts in self.parts_.items() for part in parts]
        curves = [curve for name, cycles in self.curves_.items() for cycle in cycles for curve in _curve_names(name, cycle)]
        return np.asarray([*made, *curves], dtype=object)

    def _parts(self, timed: bool) -> list[str]:
        parts = [part for part in self.parts if part != "hour" or timed]
        return [*parts, *([f"days since {self.since}"] if self.elapsed else [])]

    def _part(self, dates: pd.DatetimeIndex, part: str) -> np.ndarray:
        if part.startswith("days since"):
            return np.asarray((dates - self.starts_[dates.name]) / DAY, dtype="float64")
        if part == "week":
            return dates.isocalendar().week.to_numpy(dtype="float64", na_value=np.nan)
        return np.asarray(getattr(dates, FIELDS.get(part, part)), dtype="float64")


def _timed(dates: pd.Series) -> bool:
    known = dates.dropna()
    return bool((known != known.dt.normalize()).any())


def _curve_names(name: str, cycle: str) -> list[str]:
    return [f"{name}: {cycle} near {point:.4g}" for point in np.linspace(0, CYCLES[cycle], KNOTS[cycle], endpoint=False)[1:]]


def _curves(dates: Any, cycle: str) -> np.ndarray:
    """Periodic cubic B-splines of the place in the cycle, rows x curves; a missing date is missing in all."""
    places, which = np.unique(_place(dates, cycle), return_inverse=True)  # a year has few days
    made = np.full((len(places), KNOTS[cycle] - 1), np.nan)
    known = ~np.isnan(places)
    if known.any():
        made[known] = _splines(cycle).transform(places[known].reshape(-1, 1))
    return made[which]


@lru_cache
def _splines(cycle: str) -> Any:
    from sklearn.preprocessing import SplineTransformer

    knots = np.linspace(0, CYCLES[cycle], KNOTS[cycle] + 1).reshape(-1, 1)
    return SplineTransformer(knots=knots, extrapolation="periodic", include_bias=False).fit(knots)


def chosen(switches: dict[str, Any]) -> list[str]:
    """The cycles that are switched on, in the words of a person."""
    return [cycle for cycle in CYCLES if switches[cycle.replace(" ", "_")]]


def make_cycles(table: pd.DataFrame, columns: tuple[str, ...], **cycles: bool) -> dict[str, np.ndarray]:
    """Sine and cosine of the place on a circle: December is next to January, and Sunday next to Monday."""
    made = {}
    for name in columns:
        for cycle in chosen(cycles):
            angle = 2 * np.pi * _place(table[name].dt, cycle) / CYCLES[cycle]
            made |= {f"{name}: {cycle} sin": np.sin(angle), f"{name}: {cycle} cos": np.cos(angle)}
    return made


def _place(dates: Any, cycle: str) -> np.ndarray:
    place = getattr(dates, FIELDS.get(cycle, cycle)).to_numpy(dtype="float64", na_value=np.nan)
    return place + dates.minute.to_numpy(dtype="float64", na_value=np.nan) / 60 if cycle == "hour" else place


def make_weekends(table: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """1 for Saturday and Sunday; missing for a missing date."""
    return {f"{name}: weekend": _known(table[name].dt.day_of_week >= 5, table[name].notna()) for name in columns}


def make_holidays(table: pd.DataFrame, columns: tuple[str, ...], country: str) -> dict[str, np.ndarray]:
    """Whether a day is a holiday, whether it is worked on, and the days to the next holiday and since the last one; 0 on the day itself.

    A date outside the years whose holidays are known is missing in all of them.
    """
    made, free = {}, holidays_of(country)
    for name in columns:
        dates = table[name]
        known, days = dates.between(*map(pd.Timestamp, free[[0, -1]])), dates.dt.normalize().to_numpy().astype("datetime64[D]")
        to_next = (free[np.clip(np.searchsorted(free, days), 0, len(free) - 1)] - days).astype(float)
        since = (days - free[np.clip(np.searchsorted(free, days, side="right") - 1, 0, None)]).astype(float)
        worked = (to_next != 0) & (dates.dt.day_of_week < 5)
        for part, values in zip(HOLIDAY_PARTS, (to_next == 0, worked, to_next, since), strict=True):
            made[f"{name}: {part}"] = _known(values, known)
    return made


def _known(values: Any, known: pd.Series) -> np.ndarray:
    return np.where(known, np.asarray(values, dtype="float64"), np.nan)


@lru_cache(maxsize=16)
def holidays_of(country: str) -> np.ndarray:
    """All public holidays that are known of a country, in order."""
    import holidays

    supported, (code, _, part) = holidays.list_supported_countries(), country.upper().partition("-")
    if code not in supported:
        raise UnknownName("country with known holidays", code, supported)
    if part and part not in supported[code]:
        raise UnknownName(f"part of {code} with known holidays", part, supported[code])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some countries are known for fewer years; so is what we say of them
        known = holidays.country_holidays(code, subdiv=part or None, years=YEARS)
    return np.array(sorted(known), dtype="datetime64[D]")
