"""Category columns as codes: what a booster with native categories was taught is repeated exactly at prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK_CELLS = 4_000_000  # of numbers that are copied at once


class Columns:
    """The category columns of a training table, by position, with their levels in order.

    At prediction the same level has the same code, whatever categories the new table declares; unseen and missing
    levels have the code -1.
    """

    def __init__(self, X: Any) -> None:
        self.levels: dict[int, Any] = {}
        for position, dtype in enumerate(getattr(X, "dtypes", ()) if hasattr(X, "iloc") else ()):
            if dtype == "category":
                self.levels[position] = dtype.categories

    def codes(self, X: Any, position: int) -> np.ndarray:
        """The codes of one category column (rows, int); -1 for missing and unseen."""
        column = X.iloc[:, position]
        levels = self.levels[position]
        if column.dtype != "category" or not column.cat.categories.equals(levels):
            return levels.get_indexer(column.astype(object).where(column.notna(), None))
        return column.cat.codes.to_numpy()

    def frequency_order(self, X: Any, position: int) -> np.ndarray:
        """The rank of each level by how often it occurs in X (0 is the most frequent): rank[code]."""
        codes = self.codes(X, position)
        counts = np.bincount(codes[codes >= 0], minlength=len(self.levels[position]))
        ranks = np.empty(len(counts))
        ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return ranks

    def matrix(self, X: Any, ranks: dict[int, np.ndarray] | None = None) -> Any:
        """X as one float32 matrix, categories as codes (or as `ranks` of their codes), NaN where missing.

        Half the memory of float64, and the boosters sort numbers into 255 bins anyway.
        """
        if not hasattr(X, "iloc"):
            return np.asarray(X, dtype=np.float32)
        found = np.empty(X.shape, dtype=np.float32, order="F")
        for position in self.levels:
            codes = self.codes(X, position)
            values = (ranks or {}).get(position, np.arange(len(self.levels[position])))
            found[:, position] = np.where(codes >= 0, np.append(values, np.nan)[codes], np.nan)
        numbers = [position for position in range(X.shape[1]) if position not in self.levels]
        for some in np.array_split(numbers, max(1, X.size // BLOCK_CELLS)):  # together, for one by one takes 30 microseconds each
            found[:, some] = X.iloc[:, some].to_numpy(dtype=found.dtype, na_value=np.nan)
        return found
