"""How columns hang together: one strength per pair, by the measure that fits their kinds, and what there is to see of a pair.

numbers and numbers: Pearson's r; levels and levels: Cramér's V, corrected for chance (Bergsma 2013); levels and numbers: the
correlation ratio, the root of the share of the variance that lies between the levels. Dates count as numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.schema import Column, Schema

MOST_ROWS = 20_000
MOST_COLUMNS = 40
MOST_LEVELS = 30
_SHOWN_LEVELS = 12
_CELLS = 24
_OTHER = "(other)"


def relations(sample: pd.DataFrame, schema: Schema, first: str | None = None) -> dict[str, Any]:
    """{"columns", "strength", "rows", "left_out"}: a square of strengths from -1 to 1, None where there is nothing to measure.

    At most 40 columns, `first` (the target) before all others; free text and what is different in most rows are left out.
    """
    usable = [column for column in schema.columns if column.kind not in ("id", "text") and column.unique > 1 and not _names_rows(column, schema.rows)]
    usable.sort(key=lambda column: column.name != first)
    chosen, rows = usable[:MOST_COLUMNS], _thinned(sample)
    numeric, coded = _prepared(rows, chosen)
    strength = np.full((len(chosen), len(chosen)), np.nan)
    at_numbers = [i for i, column in enumerate(chosen) if _is_number(column)]
    at_levels = [i for i, column in enumerate(chosen) if not _is_number(column)]
    strength[np.ix_(at_numbers, at_numbers)] = _pearson(numeric)
    for j, one in enumerate(at_levels):
        ratios = _ratios(coded[j], numeric)
        strength[one, at_numbers] = strength[at_numbers, one] = ratios
        for k, other in enumerate(at_levels[: j + 1]):
            strength[one, other] = strength[other, one] = 1.0 if one == other else _cramer(coded[j], coded[k])
    left = [column.name for column in schema.columns if column not in chosen]
    values = [[None if np.isnan(v) else round(float(v), 4) for v in line] for line in strength]
    return {"columns": [column.name for column in chosen], "strength": values, "rows": len(rows), "left_out": left}


def measure(one: Column, other: Column) -> str:
    """The name of the measure for two columns."""
    numbers = _is_number(one) + _is_number(other)
    return ("Cramér's V", "Correlation ratio", "Pearson's r")[numbers]


def pair(sample: pd.DataFrame, schema: Schema, one: str, other: str) -> dict[str, Any]:
    """What there is to see of two columns, as facts to draw: {"measure", "value", "rows", "shape", ...} by the kinds of the columns.

    "numbers": counts on a grid of {"x", "y"} edges; "levels": a share of `other` within each level of `one`; "mixed": the five
    numbers of a box for each level.
    """
    found = relations(sample, schema.only([one, other]))
    value = found["strength"][0][1] if len(found["columns"]) == 2 else None
    told = {"one": one, "other": other, "measure": measure(schema[one], schema[other]), "value": value}
    rows = _thinned(sample)[[one, other]].dropna()
    told["rows"] = len(rows)
    numbers = [_is_number(schema[name]) for name in (one, other)]
    if not len(rows):
        return told | {"shape": "nothing"}
    if all(numbers):
        return told | _grid(rows, schema, one, other)
    if not any(numbers):
        return told | _shares(rows, schema, one, other)
    levels, values = (other, one) if numbers[0] else (one, other)
    return told | _boxes(rows, schema, levels, values)


def _thinned(sample: pd.DataFrame) -> pd.DataFrame:
    return sample.iloc[:: max(1, -(-len(sample) // MOST_ROWS))]


def _is_number(column: Column) -> bool:
    return column.dtype in ("int", "float", "datetime")


def _names_rows(column: Column, rows: int) -> bool:
    """Whether most rows have a level of their own: such levels hang together with whatever is odd in one of them."""
    return not _is_number(column) and column.unique > max(MOST_LEVELS, 0.5 * (rows - column.missing))


def as_numbers(values: pd.Series) -> np.ndarray:
    """Numbers and dates as float64; a missing cell is NaN."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        stamps = values.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(np.float64))
    return values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _prepared(rows: pd.DataFrame, columns: list[Column]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The number columns as one matrix; the others as codes, -1 where a cell is missing, rare levels together."""
    numbers = [as_numbers(rows[column.name]) for column in columns if _is_number(column)]
    coded = [_codes(rows[column.name]) for column in columns if not _is_number(column)]
    return np.column_stack(numbers) if numbers else np.zeros((len(rows), 0)), coded


def _codes(values: pd.Series) -> np.ndarray:
    codes, levels = pd.factorize(values)
    if len(levels) <= MOST_LEVELS:
        return codes
    order = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
    place = np.full(len(levels) + 1, MOST_LEVELS)
    place[order[:MOST_LEVELS]] = np.arange(MOST_LEVELS)
    place[-1] = -1
    return place[codes]


def _pearson(numbers: np.ndarray) -> np.ndarray:
    """Pearson's r of all pairs, each over the rows that have both."""
    if not numbers.shape[1]:
        return np.zeros((0, 0))
    with np.errstate(all="ignore"):
        spread = np.nanstd(numbers, axis=0)
        there = ~np.isnan(numbers)
        x = np.where(there, (numbers - np.nanmean(numbers, axis=0)) / np.where(spread > 0, spread, np.nan), 0.0)
        x = np.nan_to_num(x)
        n = there.T.astype(float) @ there
        sums, squares = x.T @ there, (x * x).T @ there
        covariance = x.T @ x - sums * sums.T / n
        variance = squares - sums**2 / n
        r = covariance / np.sqrt(variance * variance.T)
    return np.clip(np.where((n > 2) & (variance > 1e-9) & (variance.T > 1e-9), r, np.nan), -1, 1)


def _ratios(codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The correlation ratio of one column of levels with each column of numbers."""
    out = np.full(numbers.shape[1], np.nan)
    for j in range(numbers.shape[1]):
        both = (codes >= 0) & ~np.isnan(numbers[:, j])
        level, x = codes[both], numbers[both, j]
        if len(x) < 3 or x.min() == x.max():
            continue
        x = (x - x.mean()) / x.std()
        counts = np.bincount(level)
        sums = np.bincount(level, weights=x)[counts > 0]
        out[j] = np.sqrt(min(1.0, float((sums**2 / counts[counts > 0]).sum() / (x**2).sum())))
    return out


def _cramer(one: np.ndarray, other: np.ndarray) -> float:
    both = (one >= 0) & (other >= 0)
    n = int(both.sum())
    if n < 3:
        return np.nan
    width = int(other.max()) + 1
    table = np.bincount(one[both] * width + other[both], minlength=(int(one.max()) + 1) * width).reshape(-1, width)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, k = table.shape
    if min(r, k) < 2:
        return np.nan
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = max(0.0, float(((table - expected) ** 2 / expected).sum()) / n - (r - 1) * (k - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return float(min(1.0, np.sqrt(phi / max(1e-12, min(rows, columns) - 1))))


# What there is to see of a pair


def _grid(rows: pd.DataFrame, schema: Schema, one: str, other: str) -> dict[str, Any]:
    x, y = as_numbers(rows[one]), as_numbers(rows[other])
    edges = [_edges(values) for values in (x, y)]
    counts, _, _ = np.histogram2d(x, y, bins=edges)
    return {"shape": "numbers", "x": _plain_edges(edges[0], schema[one]), "y": _plain_edges(edges[1], schema[other]),
            "counts": counts.T.astype(int).tolist()}  # fmt: skip


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins over the middle 99 % of the values: one far value would leave all others in one cell."""
    low, high = np.quantile(values, [0.005, 0.995])
    if not high > low:
        low, high = values.min(), values.max()
    return np.linspace(low, high, _CELLS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _plain_edges(edges: np.ndarray, column: Column) -> list[Any]:
    if column.dtype == "datetime":
        return [pd.Timestamp(int(edge), unit="us").isoformat() for edge in edges]
    return [float(edge) for edge in edges]


def _most(values: pd.Series, column: Column) -> pd.Series:
    """The levels as the file wrote them, all but the most frequent ones together."""
    texts = values.map(lambda value: str(column.label(value)))
    kept = texts.value_counts().index[:_SHOWN_LEVELS]
    return texts.where(texts.isin(kept), _OTHER)


def _shares(rows: pd.DataFrame, schema: Schema, one: str, other: str) -> dict[str, Any]:
    table = pd.crosstab(_most(rows[one], schema[one]), _most(rows[other], schema[other]))
    table = table.loc[table.sum(axis=1).sort_values(ascending=False).index, table.sum().sort_values(ascending=False).index]
    shares = table.div(table.sum(axis=1), axis=0)
    return {"shape": "levels", "levels": list(table.index), "within": list(table.columns), "shares": shares.round(4).to_numpy().tolist(),
            "counts": table.sum(axis=1).tolist()}  # fmt: skip


def _boxes(rows: pd.DataFrame, schema: Schema, levels: str, values: str) -> dict[str, Any]:
    numbers = pd.Series(as_numbers(rows[values]))
    groups = numbers.groupby(_most(rows[levels], schema[levels]).to_numpy())
    boxes = groups.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack()
    counts = groups.size()
    order = boxes[0.5].sort_values(ascending=False).index
    five = [_plain_edges(boxes.loc[level].to_numpy(), schema[values]) for level in order]
    return {"shape": "mixed", "levels": list(order), "values": values, "of": levels, "boxes": five, "counts": [int(counts[level]) for level in order]}
