"""What every recipe rests on: typed columns in by name, columns that steps add on the way, safe column names out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone

from pipeline.errors import PlanError
from pipeline.features.crossfit import ORIGIN
from pipeline.features.derive import Adding, Cells

TALL = 1_000  # rows for each column: from here on a second copy costs more than columns in one block are worth


class Canonical(TransformerMixin, BaseEstimator):
    """Take the named columns, whatever their order, in the dtypes that scikit-learn understands.

    Numbers and booleans become float64 with NaN, dates and strings stay, everything else becomes text objects with NaN. The index
    is dropped: rows are known by their position. Only one that tells which rows are copies of which is kept.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, table: pd.DataFrame, y: object = None) -> Canonical:
        self.n_features_in_ = len(self.names)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        index = table.index if table.index.name == ORIGIN else pd.RangeIndex(len(table))
        if (table.dtypes == np.float64).all():  # one block: one by one, thousands of columns take seconds
            values = table[self.names].to_numpy(np.float64)
            return pd.DataFrame(np.where(np.isinf(values), np.nan, values), index=index, columns=self.names)
        tall = len(table) > TALL * len(self.names)
        return pd.DataFrame({name: _canonical(table[name]) for name in self.names}, index=index, copy=not tall)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray(self.names, dtype=object)


def _canonical(column: pd.Series) -> Any:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]")
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.na_value is np.nan:
        return column.array  # as objects they would take several times the memory
    return column.astype(object).where(column.notna(), np.nan).to_numpy()


class Ready(TransformerMixin, BaseEstimator):
    """Chains that end before the join: their columns are replaced; what else they make, such as marks of gaps, is added."""

    def __init__(self, chains: list[tuple[Any, list[str]]]) -> None:
        self.chains = chains

    def fit(self, table: pd.DataFrame, y: object = None) -> Ready:
        self.fit_transform(table, y)
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> pd.DataFrame:
        self.names_in_, self.fitted_, made = list(table.columns), [], []
        for chain, columns in self.chains:
            fitted = clone(chain).set_output(transform="pandas")
            made.append(fitted.fit_transform(table[columns], y))
            lost = [name for name in columns if name not in made[-1]]
            if lost:
                raise PlanError(
                    f"After its steps {lost[0]!r} is no longer one column, and a later step reads it.", "Move that step further up."
                )
            self.fitted_.append((fitted, columns))
        joined = self._with(table, made)
        self.names_ = np.asarray(joined.columns, dtype=object)
        return joined

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return self._with(table, [fitted.transform(table[columns]) for fitted, columns in self.fitted_])

    def _with(self, table: pd.DataFrame, made: list[pd.DataFrame]) -> pd.DataFrame:
        new = {name: values for part in made for name, values in part.items()}
        return pd.DataFrame({**dict(table.items()), **new}, index=table.index, copy=False)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return self.names_


class Derived(TransformerMixin, BaseEstimator):
    """Steps that add columns, one after the other: a later one may read what an earlier one has added.

    `parts` are pairs of the columns to read and a transformer from these to a DataFrame of the new ones.
    """

    def __init__(self, parts: list[tuple[list[str], Any]]) -> None:
        self.parts = parts

    def fit(self, table: pd.DataFrame, y: object = None) -> Derived:
        self.fit_transform(table, y)
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> pd.DataFrame:
        columns, self.fitted_ = dict(table.items()), []
        for reads, transformer in self.parts:
            fitted = clone(transformer)
            columns |= dict(fitted.fit_transform(_read(columns, reads, table.index), y).items())
            self.fitted_.append((reads, fitted))
        self.names_ = np.asarray(list(columns), dtype=object)
        return pd.DataFrame(columns, index=table.index, copy=False)

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        columns = dict(table.items())
        for reads, fitted in self.fitted_:
            if isinstance(fitted, Adding):  # a table for each of a hundred ratios would take most of a prediction's time
                columns |= {
                    name: pd.Series(values, table.index, copy=False) for name, values in fitted.made_of(Cells(columns, len(table))).items()
                }
            else:
                columns |= dict(fitted.transform(_read(columns, reads, table.index)).items())
        return pd.DataFrame(columns, index=table.index, copy=False)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return self.names_


def _read(columns: dict[str, pd.Series], reads: list[str], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({name: columns[name] for name in reads}, index=index, copy=False)


class Others:
    """Chooses the columns of a table that are not among the known ones."""

    def __init__(self, known: list[str]) -> None:
        self.known = known

    def __call__(self, table: pd.DataFrame) -> list[str]:
        known = set(self.known)
        return [name for name in table.columns if name not in known]


class SafeNames(TransformerMixin, BaseEstimator):
    """Rename columns to f0..fn: LightGBM refuses JSON characters in names and XGBoost brackets."""

    def fit(self, table: pd.DataFrame, y: object = None) -> SafeNames:
        self.names_ = np.asarray(table.columns, dtype=object)
        self.n_features_in_ = len(self.names_)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.set_axis([f"f{i}" for i in range(table.shape[1])], axis=1)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        """The names a person knows, not the safe ones."""
        return self.names_
