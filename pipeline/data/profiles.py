"""Facts about each column for a person to look at: numbers only, drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.schema import Column, Schema

BINS = 20
MOST_TOP = 10
MOST_COUNTED = 1_000


def profile(table: pd.DataFrame, schema: Schema, counted: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """One JSON-able dict per column: name, kind, missing, missing_share, unique, min, max, mean, top, histogram.

    `table` may be a sample of the rows of the schema: what the schema counted (missing, unique, lowest, highest) is then said of
    all rows, `top` is what was `counted` (see `tops`) where that has the column, and else in proportion, as `histogram` is.

    `top` is [[value, count], ...], most frequent first. `histogram` is {"edges": n + 1 values, "counts": n}; edges of
    dates are ISO 8601 text. What does not apply to a column is None (`top` and `histogram`: for dates and text too).
    """
    if len(table) == schema.rows:
        return [_facts(table[column.name], column) for column in schema.columns]
    return [_of_sample(table[column.name], column, schema.rows, (counted or {}).get(column.name)) for column in schema.columns]


def tops(table: pd.DataFrame, schema: Schema) -> dict[str, list[list[Any]]]:
    """The most frequent values of each column with few different ones, and how often they occur."""
    few = [column.name for column in schema.columns if 0 < column.unique <= MOST_COUNTED and column.dtype != "datetime"]
    return {name: _top(table[name].dropna()) for name in few}


def _top(known: pd.Series) -> list[list[Any]]:
    return [[_plain(value), int(count)] for value, count in known.value_counts().head(MOST_TOP).items()]


def _of_sample(values: pd.Series, column: Column, rows: int, counted: list[list[Any]] | None) -> dict[str, Any]:
    facts, times = _facts(values, column), rows / max(1, len(values))
    if counted and (column.dtype in ("bool", "str") or column.unique <= BINS):
        facts["top"] = counted
    elif facts["top"]:
        facts["top"] = [[value, round(count * times)] for value, count in facts["top"]]
    if facts["histogram"]:
        facts["histogram"]["counts"] = [round(count * times) for count in facts["histogram"]["counts"]]
    bounds = {"min": column.minimum, "max": column.maximum} if column.minimum is not None else {}
    return facts | bounds | {"missing": column.missing, "missing_share": column.missing / max(1, rows), "unique": column.unique}


def _facts(values: pd.Series, column: Column) -> dict[str, Any]:
    known = values.dropna()
    missing = len(values) - len(known)
    facts: dict[str, Any] = {
        "name": column.name, "kind": column.kind, "missing": missing, "missing_share": missing / len(values) if len(values) else 0.0,
        "unique": int(known.nunique()), "min": None, "max": None, "mean": None, "top": None, "histogram": None,
    }  # fmt: skip
    if known.empty:
        return facts
    if column.dtype in ("int", "float"):
        facts |= _numeric(known.to_numpy(dtype=np.float64))
    elif column.dtype == "datetime":
        facts |= _dates(known)
    elif column.dtype == "bool":
        facts["mean"] = float(known.astype(float).mean())
    if column.dtype in ("bool", "str") or facts["unique"] <= BINS:
        facts["top"] = _top(known)
    return facts


def _numeric(values: np.ndarray) -> dict[str, Any]:
    facts: dict[str, Any] = {"min": float(values.min()), "max": float(values.max()), "mean": _mean(values)}
    # A range too wide for a float, or too narrow to be cut, has no bins.
    with np.errstate(over="ignore"):
        wide = np.isfinite(facts["max"] - facts["min"])
    edges = np.linspace(facts["min"], facts["max"], BINS + 1) if wide else np.array([])
    if wide and (facts["min"] == facts["max"] or (np.diff(edges) > 0).all()):
        counts, edges = np.histogram(values, bins=BINS)
        facts["histogram"] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return facts


def _mean(values: np.ndarray) -> float | None:
    with np.errstate(over="ignore"):
        mean = float(values.mean())
    return mean if np.isfinite(mean) else None


def _dates(known: pd.Series) -> dict[str, Any]:
    stamps = known.to_numpy(dtype="datetime64[us]").astype(np.int64)
    counts, edges = np.histogram(stamps.astype(np.float64), bins=BINS)
    shown = [pd.Timestamp(int(edge), unit="us").isoformat() for edge in np.clip(edges, stamps.min(), stamps.max())]
    return {
        "min": known.min().isoformat(),
        "max": known.max().isoformat(),
        "mean": pd.Timestamp(int(stamps.astype(np.float64).mean()), unit="us").isoformat(),
        "histogram": {"edges": shown, "counts": counts.tolist()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
