"""What a network sees of a prepared table, sparse or not: float32 numbers within bounds, which columns have two sides, and the bins of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

AT_ONCE = 4_096  # rows of one forward pass: bounds the memory of a prediction
EXTREME = 10.0  # standardised values beyond this are cut: one typing error must not rule a whole batch
BIN_ROWS = 100_000  # quantiles of that many rows are as good as those of all


def blocks(X: Any) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows as the network sees them, a few thousand at a time: as an array all columns of 0 and 1 are many times the table."""
    for start in range(0, max(1, X.shape[0]), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        yield rows, _tame(X[rows])


def two_sided(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """The columns with more than two values, and the lower and the higher value of each of the others (2 x others)."""
    low, high = np.full((2, X.shape[1]), [[np.inf], [-np.inf]], np.float32)
    for _, block in blocks(X):
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    more = np.zeros(X.shape[1], bool)
    for _, block in blocks(X):
        more |= ((block != low) & (block != high)).any(axis=0)
    return np.flatnonzero(more), np.stack([low, high])[:, ~more]


def quantile_bins(X: Any, rows: np.ndarray, numbers: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    """The quantile bins of the columns at `numbers`, over these rows: `low` and `inverse` width (columns x bins).

    A value's place in a bin runs from 0 to 1; a bin without width (many equal values) always gives 0.
    """
    some = rows[:: -(-len(rows) // BIN_ROWS)]
    edges = np.quantile(_tame(X[some][:, numbers]), np.linspace(0, 1, bins + 1), axis=0).T.astype(np.float32)
    width = np.diff(edges, axis=1)
    inverse = np.divide(1, width, out=np.zeros_like(width), where=width > 1e-6)
    return {"low": edges[:, :-1].copy(), "inverse": inverse}


def _tame(X: Any) -> np.ndarray:
    """Float32 within bounds; a missing value, which the recipe should have filled, counts as the mean."""
    found = np.nan_to_num(np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float32), nan=0.0)  # a copy
    return np.clip(found, -EXTREME, EXTREME, out=found)
