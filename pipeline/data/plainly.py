"""Columns of numbers as programs write them: told and read in one step, because nothing in them is open to doubt.

What comes out is what `deciding` and `types` would make of the column, at a tenth of the cost: most columns of a wide table are such.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import cells
from pipeline.data.report import ReadOptions
from pipeline.data.schema import Column

_WHOLE = "^-?(?:0|[1-9][0-9]{0,14})$"  # fifteen digits are always exact
_REAL = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
_NO_PROOF = r"^(?:-?[1-9][0-9]{0,2}\.[0-9]{3}|[^.]*)$"  # says nothing of the decimal mark: 1.234 may be grouped
_MISSING = pa.array(sorted(cells.MISSING))
_FEW = 50


@dataclass(frozen=True)
class Plain:
    """The rule of a column, its values, and the decimal mark that they prove ("" for whole numbers)."""

    rule: Column
    values: pd.Series
    decimal: str


def plainly(name: str, series: pd.Series, options: ReadOptions) -> Plain | None:
    """The column as plain numbers; None when anything in it, or anything that a person said, asks for a closer look."""
    if name in options.kinds or options.missing or options.decimal == ",":
        return None
    texts = _texts(series)
    if texts is None or not _all(texts.slice(0, _FEW), _REAL) or texts.null_count == len(texts):
        return None
    if _all(texts, _WHOLE):
        return Plain(Column(name=name, kind="numeric", dtype="int"), _whole(texts.cast(pa.int64())), "")
    if not _all(texts, _REAL) or _all(texts, _NO_PROOF):
        return None
    values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return None if np.isinf(values).any() else Plain(Column(name=name, kind="numeric", dtype="float"), pd.Series(values), ".")


def _texts(series: pd.Series) -> pa.Array | None:
    """A text column with the marks for "missing" gone."""
    if not cells.is_text(series):
        return None
    try:
        texts = pa.array(series, from_pandas=True)
    except UnicodeEncodeError:  # half a character, as damaged JSON has it
        return None
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    marks = pc.is_in(texts, value_set=_MISSING.cast(texts.type))
    return pc.if_else(marks, None, texts) if marks.true_count else texts


def _all(texts: pa.Array, pattern: str) -> bool:
    """Whether every text that is there fits."""
    fits = pc.match_substring_regex(texts, pattern)
    return fits.true_count == len(fits) - fits.null_count


def _whole(values: pa.Array) -> pd.Series:
    if not values.null_count:
        return pd.Series(values.to_numpy())
    gaps = values.is_null().to_numpy(zero_copy_only=False)
    return pd.Series(pd.arrays.IntegerArray(values.fill_null(0).to_numpy(), gaps))
