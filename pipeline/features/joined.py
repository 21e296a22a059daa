"""The columns of a recipe side by side, made a block of rows at a time.

What lies between two steps of a chain is several times the table when it is made for all rows at once: the parts and
curves of one date are thirty numbers. So chains learn first, and then only one block of rows is on its way through them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline

from pipeline.device import give_back_memory
from pipeline.features.transformers import Numeric, drawn

BLOCK = 4_096
LEARNED_FROM = 32_768  # rows that numbers further down a chain learn their middle and width from
DENSE = 0.3  # of the numbers are not 0: from here on a CSR matrix is no smaller


class Joined(TransformerMixin, BaseEstimator):
    """Pairs of a chain (or "passthrough") and its columns, to one array of `dtype`, or a CSR matrix where one is wanted and pays.

    The first step of a chain learns from all rows, and so does every step of a chain in which one is made out of fold.
    """

    def __init__(self, parts: list[tuple[Any, Any]], wants_sparse: bool = False, dtype: str = "float64") -> None:
        self.parts = parts
        self.wants_sparse = wants_sparse
        self.dtype = dtype

    def fit(self, table: pd.DataFrame, y: object = None) -> Joined:
        self.fit_transform(table, y)
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> Any:
        self.n_features_in_, self.fitted_, whole = table.shape[1], [], {}
        for chain, columns in self.parts:
            columns = columns(table) if callable(columns) else columns
            fitted = None if chain == "passthrough" else clone(chain)
            if fitted is not None and _by_blocks(fitted):
                _learn(fitted, table[columns], y)
            elif fitted is not None:
                whole[len(self.fitted_)] = fitted.fit_transform(table[columns], y)
            self.fitted_.append((fitted, columns))
        made = self._made(table.iloc[:BLOCK], {part: values[:BLOCK] for part, values in whole.items()})
        self.sparse_ = self.wants_sparse and any(map(sparse.issparse, made)) and _filled(made) < DENSE
        del made
        if len(table) > BLOCK:
            give_back_memory()  # what learning took: else it stays with the process beside what is made now
        return self._joined(table, whole)

    def transform(self, table: pd.DataFrame) -> Any:
        return self._joined(table, {})

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        """With the number of the chain, because two may make the same name."""
        given = [columns if fitted is None else fitted.get_feature_names_out(columns) for fitted, columns in self.fitted_]
        return np.asarray([f"{part}__{name}" for part, names in enumerate(given) for name in names], dtype=object)

    def _made(self, rows: pd.DataFrame, whole: dict[int, Any]) -> list[Any]:
        """What each chain makes of these rows; of some it is there already."""
        made = []
        for part, (fitted, columns) in enumerate(self.fitted_):
            values = whole[part] if part in whole else rows[columns] if fitted is None else fitted.transform(rows[columns])
            made.append(values if sparse.issparse(values) else np.asarray(values, dtype="float64"))
        return made

    def _joined(self, table: pd.DataFrame, whole: dict[int, Any]) -> Any:
        pile = Pile(len(table))
        for rows in _blocks(len(table)):
            made = self._made(table.iloc[rows], {part: values[rows] for part, values in whole.items()})
            pile.add(_beside(made, self.sparse_, self.dtype) if made else np.empty((len(table.iloc[rows]), 0)))
        return pile.whole()


class Pile:
    """An array or a CSR matrix that grows by blocks of rows, without a second copy of what is there."""

    def __init__(self, rows: int) -> None:
        self.rows, self.done = rows, 0

    def add(self, block: Any) -> None:
        if block.shape[0] == self.rows:
            self.made = block
        elif sparse.issparse(block):
            self._add_sparse(block)
        else:
            self.made = np.empty((self.rows, block.shape[1]), block.dtype) if self.done == 0 else self.made
            self.made[self.done : self.done + len(block)] = block
        self.done, self.shape = self.done + block.shape[0], (self.rows, block.shape[1])

    def whole(self) -> Any:
        if hasattr(self, "made"):
            return self.made
        self._room(int(self.starts[-1]))
        return sparse.csr_matrix((self.data, self.indices, self.starts), shape=self.shape)

    def _add_sparse(self, block: sparse.csr_matrix) -> None:
        if self.done == 0:
            self.data, self.indices, self.starts = block.data[:0].copy(), block.indices[:0].copy(), np.zeros(self.rows + 1, np.int64)
        start, done = self.starts[self.done], self.done + block.shape[0]
        end = start + block.nnz
        if end > len(self.data):
            self._room(int(1.02 * end * self.rows / done) + 1)
        self.data[start:end], self.indices[start:end] = block.data, block.indices
        self.starts[self.done + 1 : done + 1] = start + block.indptr[1:]

    def _room(self, count: int) -> None:
        for values in (self.data, self.indices):
            values.resize(count, refcheck=False)  # the operating system moves the pages; nothing is copied


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, max(rows, 1), BLOCK))


def _beside(made: list[Any], as_sparse: bool, dtype: str) -> Any:
    if as_sparse:
        return sparse.hstack([sparse.csr_matrix(values, dtype=dtype) for values in made], format="csr")
    return np.hstack([values.toarray() if sparse.issparse(values) else values for values in made]).astype(dtype, copy=False)


def _filled(made: list[Any]) -> float:
    """The share of the numbers that are not 0."""
    there = sum(values.nnz if sparse.issparse(values) else np.count_nonzero(values) for values in made)
    return there / max(1, sum(values.shape[0] * values.shape[1] for values in made))


def _by_blocks(chain: Pipeline) -> bool:
    """Whether rows go through it one like the other (nothing is made out of fold), and what comes later than first may learn from a part of them."""
    steps = [step for _, step in chain.steps]
    alike = all(type(step).fit_transform is TransformerMixin.fit_transform for step in steps)
    return alike and all(isinstance(step, Numeric) for step in steps[1:])


def _learn(chain: Pipeline, given: pd.DataFrame, y: Any) -> None:
    first, *later = [step for _, step in chain.steps]
    first.fit(given, y)
    if later:
        numbers = first.transform(given.iloc[drawn(len(given), LEARNED_FROM)])
        for step in later:
            numbers = step.fit(numbers).transform(numbers)
