"""The inner folds of steps that are made out of fold: a training row gets what rows other than itself say.

Otherwise such a column would be worth more in training than it ever is afterwards. Copies of a row that a training step
has added say nothing new: they are in the same inner fold as their original, which they name in the table's index.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

ORIGIN = "origin"  # the name of an index that says, for each row, which row it is or is a copy of
INNER_FOLDS = 5


def inner_folds(
    table: pd.DataFrame, y: np.ndarray | None = None, folds: int = INNER_FOLDS, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (train, valid) of positions in the table, every row valid once; with y of whole numbers classes keep their shares.

    A single row is its own training part: there is no other that could speak for it.
    """
    copies = table.index.name == ORIGIN
    rows = table.index.unique() if copies else pd.RangeIndex(len(table))
    if len(rows) < 2:
        return [(np.arange(len(table)), np.arange(len(table)))]
    first = rows.get_indexer(table.index) if copies else np.arange(len(table))
    labels = None if y is None else np.asarray(y)[np.unique(first, return_index=True)[1]]
    found = _splits(len(rows), labels, min(folds, len(rows)), seed)
    if not copies:
        return found
    return [(np.flatnonzero(np.isin(first, train)), np.flatnonzero(np.isin(first, valid))) for train, valid in found]


def _splits(rows: int, labels: np.ndarray | None, folds: int, seed: int) -> list[tuple[Any, Any]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    classes = labels is not None and not np.issubdtype(labels.dtype, np.floating)
    if classes and np.unique(labels, return_counts=True)[1].max() < folds:
        classes = False
    kind = StratifiedKFold if classes else KFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds: it is as it is
        return list(kind(folds, shuffle=True, random_state=seed).split(np.zeros(rows), labels if classes else None))
