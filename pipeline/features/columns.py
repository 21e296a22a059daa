"""The two ends of every recipe: typed columns in by name, safe column names out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Canonical(TransformerMixin, BaseEstimator):
    """Take the named columns, whatever their order, in the dtypes that scikit-learn understands.

    Numbers and booleans become float64 with NaN, dates stay, everything else becomes text objects with NaN. The index
    is dropped: rows are known by their position.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, table: pd.DataFrame, y: object = None) -> Canonical:
        self.n_features_in_ = len(self.names)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({name: _canonical(table[name]) for name in self.names})

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray(self.names, dtype=object)


def _canonical(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]")
    return column.astype(object).where(column.notna(), np.nan).to_numpy()


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
