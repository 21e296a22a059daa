"""Facts about each column for a person to look at: numbers only, drawn elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.schema import Column, Schema

BINS = 20
MOST_TOP = 10


def profile(table: pd.DataFrame, schema: Schema) -> list[dict[str, Any]]:
    """One JSON-able dict per column: name, kind, missing, missing_share, unique, min, max, mean, top, histogram.

    `top` is [[value, count], ...], most frequent first. `histogram` is {"edges": n + 1 values, "counts": n}; edges of
    dates are ISO 8601 text. What does not apply to a column is None (`top` and `histogram`: for dates and text too).
    """
    return [_facts(table[column.name], column) for column in schema.columns]


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
        facts["top"] = [[_plain(value), int(count)] for value, count in known.value_counts().head(MOST_TOP).items()]
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
