"""The transformers that scikit-learn does not have. All follow its contract, take a DataFrame and keep the row order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

OTHER = "(rare or new)"
GAP = "(missing)"


class _Columnwise(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """One column in, one column out, each on its own: `_learn(values)` in fit, `_change(values, learned)` in transform."""

    def fit(self, table: pd.DataFrame, y: object = None) -> _Columnwise:
        self.feature_names_in_ = np.asarray(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        self.learned_ = [self._learn(table[name]) for name in table.columns]
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        changed = [self._change(table[name], learned) for name, learned in zip(self.feature_names_in_, self.learned_, strict=True)]
        return pd.DataFrame(dict(zip(self.feature_names_in_, changed, strict=True)), index=table.index)

    def _learn(self, values: pd.Series) -> object:
        return None

    def _change(self, values: pd.Series, learned: object) -> object:
        raise TypeError(f"{type(self).__name__} does not say what it does to a column.")


class ReplaceValues(_Columnwise):
    """Values that stand for 'unknown' become NaN: by text, or by number in a column of numbers."""

    def __init__(self, values: tuple[str, ...] = ("?",)) -> None:
        self.values = values

    def _change(self, values: pd.Series, learned: object) -> object:
        if pd.api.types.is_numeric_dtype(values):
            numbers = pd.to_numeric(pd.Series(list(self.values), dtype=object), errors="coerce").dropna()
            return values.where(~values.isin(numbers.to_list()), np.nan)
        return values.where(~values.astype(str).str.strip().isin([v.strip() for v in self.values]), np.nan)


class ToNumber(_Columnwise):
    """Text as numbers; what is none becomes NaN."""

    def _change(self, values: pd.Series, learned: object) -> object:
        return pd.to_numeric(values, errors="coerce").astype("float64")


class Clip(_Columnwise):
    """Values beyond two quantiles of the training rows, set to them."""

    def __init__(self, low: float = 0.01, high: float = 0.99) -> None:
        self.low = low
        self.high = high

    def _learn(self, values: pd.Series) -> tuple[float, float]:
        low, high = values.quantile([self.low, self.high])
        return (low, high) if np.isfinite(low) else (-np.inf, np.inf)

    def _change(self, values: pd.Series, learned: tuple[float, float]) -> pd.Series:
        return values.clip(*learned)


class GroupRare(_Columnwise):
    """Levels rarer than `min_share` of the training rows, and levels that are new, under one name. Missing stays missing."""

    def __init__(self, min_share: float = 0.01) -> None:
        self.min_share = min_share

    def _learn(self, values: pd.Series) -> frozenset:
        counts = values.value_counts()
        return frozenset(counts.index[counts >= self.min_share * len(values)])

    def _change(self, values: pd.Series, learned: frozenset) -> pd.Series:
        return values.where(values.isin(learned) | values.isna(), OTHER)


class FrequencyCodes(_Columnwise):
    """Each level as its rank by frequency in the training rows: 0 is the most frequent. Ties are broken by name.

    On high-cardinality columns this beat native categories by .03 ROC AUC (flights), and lost a little elsewhere.
    Unknown and missing become NaN, or -1 for a family that takes no NaN.
    """

    def __init__(self, unknown_is_missing: bool = True) -> None:
        self.unknown_is_missing = unknown_is_missing

    def _learn(self, values: pd.Series) -> dict:
        counts = values.value_counts().rename_axis("level").reset_index(name="rows")
        ordered = counts.assign(key=counts["level"].astype(str)).sort_values(["rows", "key"], ascending=[False, True])
        return {level: float(rank) for rank, level in enumerate(ordered["level"])}

    def _change(self, values: pd.Series, learned: dict) -> pd.Series:
        codes = values.map(learned).astype("float64")
        return codes if self.unknown_is_missing else codes.fillna(-1.0)


class NativeCategories(_Columnwise):
    """The pandas `category` type with the levels of the training rows; a new level is missing.

    Where training rows had gaps, a gap is a level of its own: LightGBM cannot split missing from known categories otherwise.
    """

    def _learn(self, values: pd.Series) -> pd.CategoricalDtype:
        return pd.CategoricalDtype(sorted(values.where(values.notna(), GAP).unique(), key=str))

    def _change(self, values: pd.Series, learned: pd.CategoricalDtype) -> object:
        filled = values.where(values.notna(), GAP)
        return filled.where(filled.isin(learned.categories)).astype(learned)


class DateParts(TransformerMixin, BaseEstimator):
    """Year, month, day, weekday (Monday is 0), day of the year, and the hour where the training rows have times.

    With `elapsed`, days since 1970-01-01 as one number with a fraction. A missing date is missing in every part.
    """

    def __init__(self, elapsed: bool = True) -> None:
        self.elapsed = elapsed

    def fit(self, table: pd.DataFrame, y: object = None) -> DateParts:
        self.feature_names_in_ = np.asarray(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        self.parts_ = {name: self._parts(table[name]) for name in table.columns}
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        made = {f"{name}: {part}": self._part(table[name], part) for name, parts in self.parts_.items() for part in parts}
        return pd.DataFrame(made, index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([f"{name}: {part}" for name, parts in self.parts_.items() for part in parts], dtype=object)

    def _parts(self, dates: pd.Series) -> list[str]:
        timed = bool((dates.dropna() != dates.dropna().dt.normalize()).any())
        return ["year", "month", "day", "weekday", "day of year", *(["hour"] if timed else []), *(["days since 1970"] if self.elapsed else [])]

    @staticmethod
    def _part(dates: pd.Series, part: str) -> pd.Series:
        if part == "days since 1970":
            return (dates - pd.Timestamp(0)) / pd.Timedelta(days=1)
        return getattr(dates.dt, {"weekday": "day_of_week", "day of year": "day_of_year"}.get(part, part)).astype("float64")
