"""Labels that a person has corrected: as codes for the ruler, and as the table of a new version."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.schema import Schema
from pipeline.errors import DataError


def corrected(table: pd.DataFrame, schema: Schema, target: str, labels: Mapping[int, Any]) -> pd.DataFrame:
    """The table with the labels of those rows, by position, replaced; labels are as the file wrote them. A new table.

    Raises DataError for a label that the column has not, or that is no number in a column of numbers.
    """
    changed, column = table.copy(deep=False), schema[target]
    values = changed[target].to_numpy(dtype=object).copy()
    stored = {str(column.label(value)): value for value in pd.unique(table[target].dropna())}
    for row, label in labels.items():
        values[int(row)] = _number(target, label) if column.kind == "numeric" and str(label) not in stored else _stored(target, label, stored)
    changed[target] = pd.Series(values, index=table.index).astype(_wide_enough(table[target], values))
    return changed


def as_written(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The table with yes and no as its file wrote them, so that a file made from it is read as this one was."""
    worded = [c for c in schema.columns if c.dtype == "bool" and c.true_values and c.false_values]
    return table.assign(**{c.name: table[c.name].map({True: c.true_values[0], False: c.false_values[0]}).astype("str") for c in worded})


def _stored(target: str, label: Any, stored: dict[str, Any]) -> Any:
    if str(label) not in stored:
        raise DataError(f"{target!r} has no class {str(label)!r}.", f"Choose one of: {', '.join(sorted(stored)[:20])}.")
    return stored[str(label)]


def _number(target: str, label: Any) -> float:
    try:
        value = float(label)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{label!r} is no number, and {target!r} has numbers.", "Write a number.")
    return value


def _wide_enough(column: pd.Series, values: Any) -> Any:
    """The column's own type; decimals where whole numbers get one."""
    whole = pd.api.types.is_integer_dtype(column)
    return "float64" if whole and any(isinstance(v, float) and v != round(v) for v in values) else column.dtype
