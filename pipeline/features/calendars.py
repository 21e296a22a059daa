"""Dates as numbers: parts of the calendar, places on a circle, working days and holidays."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from pipeline.errors import UnknownName

DAY = pd.Timedelta(days=1)
YEARS = range(1900, 2101)  # those whose holidays are asked for
FIELDS = {"weekday": "day_of_week", "day of year": "day_of_year"}
CYCLES = {"month": 12, "weekday": 7, "day of year": 365.25, "hour": 24}


class Dated(TransformerMixin, BaseEstimator):
    """From each date column the columns that `_parts` names in fit, each made by `_part`. A missing date is missing in all of them."""

    def fit(self, table: pd.DataFrame, y: object = None) -> Dated:
        validate_data(self, table, skip_check_array=True)
        self.parts_ = {name: self._parts(table[name]) for name in table.columns}
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        made = {f"{name}: {part}": self._part(table[name], part) for name, parts in self.parts_.items() for part in parts}
        return pd.DataFrame(made, index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([f"{name}: {part}" for name, parts in self.parts_.items() for part in parts], dtype=object)

    def _parts(self, dates: pd.Series) -> list[str]:
        raise TypeError(f"{type(self).__name__} does not say what it makes of a date.")

    def _part(self, dates: pd.Series, part: str) -> pd.Series:
        raise TypeError(f"{type(self).__name__} does not say how it makes {part}.")


class DateParts(Dated):
    """The named parts of a date as numbers (Monday is 0); the hour only where the training rows have times.

    With `elapsed`, days since `since` as one number with a fraction: a date, or "first" for the first date of the training rows.
    """

    def __init__(self, parts: tuple[str, ...] = ("year", "month", "day", "weekday", "day of year", "hour"), elapsed: bool = True,
                 since: str = "1970") -> None:  # fmt: skip
        self.parts = parts
        self.elapsed = elapsed
        self.since = since

    def fit(self, table: pd.DataFrame, y: object = None) -> DateParts:
        first = self.since == "first"
        self.starts_ = {name: table[name].min() if first else pd.Timestamp(self.since) for name in table.columns}
        return super().fit(table)

    def _parts(self, dates: pd.Series) -> list[str]:
        parts = [part for part in self.parts if part != "hour" or _timed(dates)]
        return [*parts, *([f"days since {self.since}"] if self.elapsed else [])]

    def _part(self, dates: pd.Series, part: str) -> pd.Series:
        if part.startswith("days since"):
            return (dates - self.starts_[dates.name]) / DAY
        if part == "week":
            return dates.dt.isocalendar().week.astype("float64").to_numpy(dtype="float64", na_value=np.nan)
        return getattr(dates.dt, FIELDS.get(part, part)).astype("float64")


class DateCycles(Dated):
    """Month, weekday, day of the year and (where the training rows have times) hour as places on a circle: sine and cosine.

    December is next to January on it, and Sunday next to Monday.
    """

    def __init__(self, cycles: tuple[str, ...] = tuple(CYCLES)) -> None:
        self.cycles = cycles

    def _parts(self, dates: pd.Series) -> list[str]:
        return [f"{cycle} {side}" for cycle in self.cycles if cycle != "hour" or _timed(dates) for side in ("sin", "cos")]

    def _part(self, dates: pd.Series, part: str) -> pd.Series:
        cycle, _, side = part.rpartition(" ")
        place = getattr(dates.dt, FIELDS.get(cycle, cycle)).astype("float64")
        if cycle == "hour":
            place = place + dates.dt.minute / 60
        return getattr(np, side)(2 * np.pi * place / CYCLES[cycle])


class WorkingDays(Dated):
    """Whether a date is on a weekend, and with a country whether it is a holiday there, a working day, and how far holidays are.

    `country` is an ISO code, with a part of the country after a hyphen (DE, US-CA), or empty for weekends alone.
    """

    def __init__(self, country: str = "") -> None:
        self.country = country

    def _parts(self, dates: pd.Series) -> list[str]:
        return ["weekend", *(["holiday", "working day", "days to holiday", "days since holiday"] if self.country else [])]

    def _part(self, dates: pd.Series, part: str) -> pd.Series:
        weekend = dates.dt.day_of_week >= 5
        if part == "weekend":
            return weekend.astype("float64").where(dates.notna())
        free = holidays_of(self.country)
        known = dates.between(pd.Timestamp(free[0]), pd.Timestamp(free[-1]))
        return pd.Series(self._by_holiday(free, dates, weekend, part), index=dates.index).astype("float64").where(known)

    @staticmethod
    def _by_holiday(free: np.ndarray, dates: pd.Series, weekend: pd.Series, part: str) -> np.ndarray:
        days = dates.dt.normalize().to_numpy().astype("datetime64[D]")
        to_next = (free[np.clip(np.searchsorted(free, days), 0, len(free) - 1)] - days).astype(float)
        if part == "holiday":
            return to_next == 0
        if part == "working day":
            return (to_next != 0) & ~weekend.to_numpy()
        last = free[np.clip(np.searchsorted(free, days, side="right") - 1, 0, None)]
        return to_next if part == "days to holiday" else (days - last).astype(float)


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


def _timed(dates: pd.Series) -> bool:
    known = dates.dropna()
    return bool((known != known.dt.normalize()).any())
