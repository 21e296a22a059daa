"""What steps share that add columns: how they are registered, and a transformer that reads a table and gives new columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Cells:
    """Columns by name, as a table has them: all that a step needs which makes columns of columns."""

    def __init__(self, columns: dict[str, pd.Series], rows: int) -> None:
        self._columns, self._rows = columns, rows

    def __getitem__(self, name: str) -> pd.Series:
        return self._columns[name]

    def __len__(self) -> int:
        return self._rows


class Adding(TransformerMixin, BaseEstimator):
    """Reads columns of a table and gives others, without learning anything: `made_of(table) -> dict of arrays`."""

    def fit(self, table: pd.DataFrame, y: object = None) -> Adding:
        self.n_features_in_ = table.shape[1]
        self.names_ = np.asarray(list(self.made_of(table)), dtype=object)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self.made_of(table), index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return self.names_

    def made_of(self, table: pd.DataFrame | Cells) -> dict[str, Any]:
        raise NotImplementedError


def finite(values: Any) -> np.ndarray:
    """Numbers as float64, whatever is not finite as missing."""
    found = np.asarray(values, dtype="float64")
    return np.where(np.isfinite(found), found, np.nan)


class Made(Adding):
    """New columns by a function of the table and parameters: `make(table, **params) -> dict of arrays`."""

    def __init__(self, make: Callable[..., dict[str, Any]], params: dict[str, Any]) -> None:
        self.make = make
        self.params = params

    def made_of(self, table: pd.DataFrame | Cells) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            return self.make(table, **self.params)
