"""Versions of a table: what an edit makes of it, and what is different between two of them.

An edit is data, like a plan: the new version keeps the edits that made it, and the same edits on the same table are the same
version again, because versions are told by the hash of their content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from pipeline.data import types
from pipeline.data.relations import as_numbers
from pipeline.data.schema import Column, Schema
from pipeline.errors import DataError

MOST_ROWS = 1_000_000
MOVED = 0.1
How = Literal["is", "is not", "above", "below", "known", "missing"]


class Edit(BaseModel):
    """One edit. "keep": the rows whose cell in `column` is as `how` and `value` say. "leave_out": `columns`, or the rows at `rows`
    (positions). "set": the cell of `column` in each of `rows` to the text in `values` that belongs to it, "" for missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["keep", "leave_out", "set"]
    column: str = ""
    how: How = "is"
    value: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The edit in words."""
        if self.kind == "keep":
            return f"kept the rows where {self.column!r} is {self.how}" if not self._compares else f"kept the rows where {self.column!r} {self._said}"
        if self.kind == "set":
            return f"set {len(self.rows):,} cells of {self.column!r}"
        return f"left out {len(self.rows):,} rows" if self.rows else f"left out {', '.join(map(repr, self.columns))}"

    @property
    def _compares(self) -> bool:
        return self.how not in ("known", "missing")

    @property
    def _said(self) -> str:
        return f"{self.how if self.how.startswith('is') else 'is ' + self.how} {self.value!r}"


def edited(table: pd.DataFrame, schema: Schema, edits: Sequence[Edit]) -> tuple[pd.DataFrame, Schema]:
    """The table after the edits, and its schema: read as before, with what there is to see now. Raises DataError, UnknownName."""
    for edit in edits:
        if edit.kind == "keep":
            table = table[_kept(table[schema[edit.column].name], schema[edit.column], edit)]
        elif edit.kind == "set":
            table = _with_cells(table, schema[edit.column], edit)
        else:
            _check_rows(edit, len(table))
            table = table.drop(index=table.index[list(edit.rows)], columns=[schema[name].name for name in edit.columns])
        table = table.reset_index(drop=True)
        if table.empty:
            raise DataError(f"No row or column is left when {edit.words}.", "Change the condition.")
    return table, types.seen_again(table, schema)


def _kept(values: pd.Series, column: Column, edit: Edit) -> np.ndarray:
    known = values.notna().to_numpy()
    if edit.how in ("known", "missing"):
        return known if edit.how == "known" else ~known
    read = types.read_cells([edit.value], column)
    if read.isna().all():
        raise DataError(f"{edit.value!r} is no value of the {column.kind} column {column.name!r}.", f"Write it like {column.minimum or column.labels[:1]}.")
    value = read.iloc[0]
    if edit.how in ("is", "is not"):
        same = (values == value).fillna(False).to_numpy(dtype=bool)
        return same if edit.how == "is" else ~same
    if column.dtype in ("str", "bool"):
        raise DataError(f"{column.name!r} holds no numbers or dates to be above or below anything.", "Use is, is not, known or missing.")
    numbers, limit = as_numbers(values), as_numbers(read)[0]
    return known & ((numbers > limit) if edit.how == "above" else (numbers < limit))


def _with_cells(table: pd.DataFrame, column: Column, edit: Edit) -> pd.DataFrame:
    _check_rows(edit, len(table))
    if len(edit.rows) != len(edit.values):
        raise DataError(f"{len(edit.rows):,} rows are to be set and {len(edit.values):,} values are given.", "Give one value for each row.")
    read = types.read_cells(list(edit.values), column)
    wrong = [text for text, gone in zip(edit.values, read.isna(), strict=True) if gone and text.strip()]
    if wrong:
        raise DataError(f"{wrong[0]!r} is no value of the {column.kind} column {column.name!r}.", "Write it as the file does.")
    values = table[column.name].astype(object)
    values.iloc[list(edit.rows)] = [None if pd.isna(value) else value for value in read]
    return table.assign(**{column.name: types.stored(values, column)})


def _check_rows(edit: Edit, rows: int) -> None:
    if edit.rows and not 0 <= min(edit.rows) <= max(edit.rows) < rows:
        raise DataError(f"There is no row {max(edit.rows):,}; the table has {rows:,} rows, counted from 0.", "Choose rows of this version.")


# Comparing


def compare(before: pd.DataFrame, was: Schema, after: pd.DataFrame, now: Schema) -> dict[str, Any]:
    """What is different between two versions: facts that are JSON-able.

    "columns": rows {column, change: added | removed | retyped | moved to place, was, now}; "rows": {before, after, added, removed}, where a
    row that was changed counts as removed and added (None: too many rows to compare); "moved": rows {column, distance, measure,
    missing_before, missing_after}, the columns whose values are spread otherwise, most first. Tables may be samples of the schemas.
    """
    common = [name for name in was.names if name in now]
    whole = len(before) == was.rows and len(after) == now.rows and max(was.rows, now.rows) <= MOST_ROWS
    added, removed = _rows_apart(before[common], after[common]) if whole and common else (None, None)
    moved = [fact for name in common if (fact := _moved(before[name], was[name], after[name], now[name]))]
    return {
        "columns": _changed_columns(was, now),
        "rows": {"before": was.rows, "after": now.rows, "added": added, "removed": removed},
        "moved": sorted(moved, key=lambda fact: -fact["distance"]),
        "same": common == was.names == now.names and added == removed == 0,
    }


def _changed_columns(was: Schema, now: Schema) -> list[dict[str, Any]]:
    found = [{"column": c.name, "change": "removed", "was": c.kind, "now": ""} for c in was.columns if c.name not in now]
    found += [{"column": c.name, "change": "added", "was": "", "now": c.kind} for c in now.columns if c.name not in was]
    both = [name for name in was.names if name in now]
    order = [name for name in now.names if name in was]
    for before, after in zip(both, order, strict=True):
        if before != after:
            found.append({"column": after, "change": "moved", "was": f"place {both.index(after) + 1}", "now": f"place {order.index(after) + 1}"})
    for name in both:
        old, new = was[name], now[name]
        if (old.kind, old.dtype) != (new.kind, new.dtype):
            found.append({"column": name, "change": "retyped", "was": f"{old.kind}, {old.dtype}", "now": f"{new.kind}, {new.dtype}"})
    return found


def _rows_apart(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, int]:
    """How many rows were added, and how many removed; equal rows count as often as they occur."""
    old, new = (Counter(_row_hashes(table).tolist()) for table in (before, after))
    return (new - old).total(), (old - new).total()


def _row_hashes(table: pd.DataFrame) -> np.ndarray:
    """A hash per row over the values: a number is the same whatever type holds it."""
    whole = np.zeros(len(table), dtype=np.uint64)
    for _, column in table.items():
        plain = column if isinstance(column.dtype, pd.StringDtype) else pd.Series(as_numbers(column) + 0.0)
        with np.errstate(over="ignore"):
            whole = whole * np.uint64(1_000_003) + pd.util.hash_pandas_object(plain, index=False).to_numpy()
    return whole


def _moved(before: pd.Series, was: Column, after: pd.Series, now: Column) -> dict[str, Any] | None:
    """How far apart the values are spread: Kolmogorov-Smirnov for numbers, half the sum of the differences of shares for levels."""
    numbers = {was.dtype, now.dtype} <= {"int", "float", "datetime"}
    distance = _ks(as_numbers(before.dropna()), as_numbers(after.dropna())) if numbers else _shift(before, after)
    gap = abs(float(before.isna().mean()) - float(after.isna().mean()))
    if max(distance, gap) < MOVED:
        return None
    measure = "Kolmogorov-Smirnov distance" if numbers else "total variation distance"
    shares = {"missing_before": float(before.isna().mean()), "missing_after": float(after.isna().mean())}
    return {"column": was.name, "distance": round(max(distance, gap), 4), "measure": measure, **shares}


def _ks(one: np.ndarray, other: np.ndarray) -> float:
    if not (len(one) and len(other)):
        return 0.0
    one, other = np.sort(one), np.sort(other)
    at = np.concatenate([one, other])
    return float(np.abs(np.searchsorted(one, at, "right") / len(one) - np.searchsorted(other, at, "right") / len(other)).max())


def _shift(one: pd.Series, other: pd.Series) -> float:
    shares = [values.dropna().astype(str).value_counts(normalize=True) for values in (one, other)]
    if shares[0].empty or shares[1].empty:
        return 0.0
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
