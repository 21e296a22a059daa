"""The transformers that put new columns in the place of all numbers, or beside them, and the numbers as they see them.

The input is an array, a CSR matrix, or for native categories a DataFrame; the output is of the same sort.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

EXTREME = 20.0  # standard deviations: one typing error must not make a direction of its own
MANY_ROWS = 20_000


class Standard:
    """Numbers with mean 0 and spread 1, gaps at the mean, as the training rows had them; a sparse matrix keeps its zeros."""

    def __init__(self, X: Any) -> None:
        if sparse.issparse(X):
            self.mean = 0.0
            self.spread = np.sqrt(np.asarray(X.multiply(X).mean(axis=0)).ravel())
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a column without a single number
                self.mean, self.spread = np.nan_to_num(np.nanmean(X, axis=0)), np.nan_to_num(np.nanstd(X, axis=0))
        self.spread = np.where(self.spread > 1e-12, self.spread, 1.0)

    def of(self, X: Any) -> Any:
        if sparse.issparse(X):
            return sparse.csr_matrix(X.multiply(1 / self.spread))
        return np.clip(np.nan_to_num((X - self.mean) / self.spread, nan=0.0), -EXTREME, EXTREME)


def is_category(X: pd.DataFrame) -> np.ndarray:
    return np.array([isinstance(kind, pd.CategoricalDtype) for kind in X.dtypes], dtype=bool)


class Projection(TransformerMixin, BaseEstimator):
    """Learns from the standardised numbers and makes columns of them: `_learn(numbers)`, `_change(numbers)`, `_made_names()`."""

    beside: bool

    def fit(self, X: Any, y: object = None) -> Projection:
        self.n_features_in_ = X.shape[1]
        self.numeric_ = np.flatnonzero(~is_category(X)) if isinstance(X, pd.DataFrame) else np.arange(X.shape[1])
        numbers = self._numbers(X)
        self.standard_ = Standard(numbers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", (UserWarning, RuntimeWarning))  # fewer different rows than clusters, no variance at all
            self._learn(self.standard_.of(numbers))
        return self

    def transform(self, X: Any) -> Any:
        made = self._change(self.standard_.of(self._numbers(X))) if len(self.numeric_) else np.empty((X.shape[0], 0))
        if isinstance(X, pd.DataFrame):
            kept = X if self.beside else X.iloc[:, np.flatnonzero(is_category(X))]
            return pd.concat([kept, pd.DataFrame(made, columns=self._made_names(), index=X.index)], axis=1)
        if not self.beside:
            return made
        return sparse.hstack([X, sparse.csr_matrix(made)], format="csr") if sparse.issparse(X) else np.hstack([X, made])

    def get_feature_names_out(self, names: Any = None) -> np.ndarray:
        kept = [name for i, name in enumerate(names) if self.beside or i not in set(self.numeric_)]
        return np.asarray([*kept, *self._made_names()], dtype=object)

    def _numbers(self, X: Any) -> Any:
        return X.iloc[:, self.numeric_].to_numpy(dtype="float64") if isinstance(X, pd.DataFrame) else X

    def _learn(self, numbers: Any) -> None:
        raise NotImplementedError

    def _change(self, numbers: Any) -> np.ndarray:
        raise NotImplementedError

    def _made_names(self) -> list[str]:
        raise NotImplementedError


class Directions(Projection):
    """Principal components, or a truncated SVD, which a sparse matrix gets in any case."""

    def __init__(self, components: int = 10, beside: bool = True, centred: bool = True) -> None:
        self.components, self.beside, self.centred = components, beside, centred

    def _learn(self, numbers: Any) -> None:
        from sklearn.decomposition import PCA, TruncatedSVD

        rows, columns = numbers.shape
        self.count_ = min(self.components, rows, columns) if self.centred else min(self.components, rows - 1, columns - 1)
        self.model_ = None
        if self.count_ >= 1:
            dense = self.centred and not sparse.issparse(numbers)
            model = PCA(self.count_, random_state=0) if dense else TruncatedSVD(min(self.count_, columns), random_state=0)
            self.model_ = model.fit(numbers)
        self.count_ = max(0, self.count_)

    def _change(self, numbers: Any) -> np.ndarray:
        return self.model_.transform(numbers) if self.model_ is not None else np.empty((numbers.shape[0], 0))

    def _made_names(self) -> list[str]:
        return [f"direction {i + 1} of the numbers" for i in range(self.count_)]


class Clusters(Projection):
    """k-means: the distance to each centre, or 1 for the nearest and 0 for the others."""

    def __init__(self, clusters: int = 8, gives: str = "distances", beside: bool = True) -> None:
        self.clusters, self.gives, self.beside = clusters, gives, beside

    def _learn(self, numbers: Any) -> None:
        from sklearn.cluster import KMeans, MiniBatchKMeans

        self.count_, self.model_ = 0, None
        if numbers.shape[1]:
            self.count_ = min(self.clusters, numbers.shape[0])
            kind = MiniBatchKMeans if numbers.shape[0] > MANY_ROWS else KMeans
            self.model_ = kind(self.count_, random_state=0, n_init=3).fit(numbers)

    def _change(self, numbers: Any) -> np.ndarray:
        if self.model_ is None:
            return np.empty((numbers.shape[0], 0))
        return self.model_.transform(numbers) if self.gives == "distances" else np.eye(self.count_)[self.model_.predict(numbers)]

    def _made_names(self) -> list[str]:
        return [f"distance to cluster {i + 1}" if self.gives == "distances" else f"in cluster {i + 1}" for i in range(self.count_)]
