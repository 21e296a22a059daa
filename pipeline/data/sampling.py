"""The rows of a table that are kept beside it, so that looking at it does not mean reading it."""

from __future__ import annotations

import numpy as np
import pandas as pd

HEAD_ROWS = 2_000
SAMPLE_ROWS = 50_000


def positions(rows: int) -> np.ndarray:
    """The positions of the sample: all rows of a small table, evenly spread ones of a large table."""
    return np.arange(0, rows, max(1, rows // SAMPLE_ROWS))


def sampled(table: pd.DataFrame) -> pd.DataFrame:
    """Those rows, numbered anew."""
    return table.iloc[positions(len(table))].reset_index(drop=True)
