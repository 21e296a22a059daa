"""Which kind each column is, and the same parsing again for rows to score.

`infer` looks at a table and writes down, per column, how to read it (a Schema); `conform` reads other rows by what was
written down. Both call `_read`, so a cell can never mean one thing at training and another at scoring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.data import cells, dates
from pipeline.data.matching import match_columns
from pipeline.data.schema import Column, Kind, Schema
from pipeline.errors import DataError

MOSTLY = 0.95
MOST_LEVELS = 1000
_FEW = 10
_ROW_NAME = re.compile(r"(^|_)(id|index|idx|rowid|row_id|uuid|guid|rownum|row_number|serial)$")
NoteKind = Literal["renamed", "extra", "missing_column", "unparsable", "ambiguous_date"]


@dataclass(frozen=True)
class Note:
    """Something about a column that a person should know. `rows` are positions in the table; None means every row."""

    column: str
    kind: NoteKind
    message: str
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Conformed:
    """Rows in the order, with the names and of the types of a schema, and what had to be done for it."""

    table: pd.DataFrame
    notes: list[Note]


def infer(frame: pd.DataFrame, renamed: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, Schema]:
    """The typed table and its schema. `frame` may hold text cells or typed columns. Raises DataError when two have one name.

    `renamed` maps a name to the header in the file; it is kept as `Column.source` so that scoring finds either.
    """
    table, schema, _ = infer_with_notes(frame, renamed)
    return table, schema


def infer_with_notes(frame: pd.DataFrame, renamed: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, Schema, list[Note]]:
    """`infer`, and a note for each column with cells that could not be read or dates that could be read in two ways."""
    twice = frame.columns[frame.columns.map(str).duplicated()]
    if len(twice):
        raise DataError(f"The table has more than one column named {str(twice[0])!r}.", "Give every column a name of its own.")
    data: dict[str, pd.Series] = {}
    columns, notes = [], []
    for name in frame.columns:
        rule, unsure = _rule(str(name), frame[name])
        values, bad, seen = _read(frame[name], rule)
        data[str(name)] = values
        columns.append(_described(rule, values, len(bad), (renamed or {}).get(str(name), "")))
        if len(bad):
            notes.append(Note(str(name), "unparsable", _unparsable(rule, bad, seen, len(frame)), bad))
        if unsure:
            notes.append(
                Note(
                    str(name),
                    "ambiguous_date",
                    f"The dates in {name!r} fit both day-month and month-day order; they were read as {rule.date_format}.",
                )
            )
    table = pd.DataFrame(data, index=pd.RangeIndex(len(frame)))
    return table, Schema(columns=tuple(columns), rows=len(table)), notes


def conform(frame: pd.DataFrame, schema: Schema) -> Conformed:
    """`frame` as a table of that schema: columns by name, in its order, parsed as at training.

    Extra columns are dropped, absent ones filled with missing values, headers that differ only in case, in blanks or
    by an import rename are mapped; cells that cannot be read become missing. Each of these is a note.
    Raises SchemaMismatch when the frame has none of the columns or lacks more than half of them.
    """
    found, told = match_columns([str(name) for name in frame.columns], schema)
    notes = [Note(column, kind, message) for column, kind, message in told]
    data: dict[str, pd.Series] = {}
    for column in schema.columns:
        if column.name not in found:
            data[column.name] = _empty(column, len(frame))
            continue
        values, bad, seen = _read(frame.iloc[:, found[column.name]], column)
        data[column.name] = values
        if len(bad):
            notes.append(Note(column.name, "unparsable", _unparsable(column, bad, seen, len(frame)), bad))
    return Conformed(pd.DataFrame(data, index=pd.RangeIndex(len(frame))), notes)


# Deciding


def _rule(name: str, series: pd.Series) -> tuple[Column, bool]:
    """How to read a column, as a Column without its facts, and whether its dates could be read in two ways."""
    if not cells.is_text(series):
        native = _native_rule(name, series)
        if native:
            return native, False
        series = cells.as_text(series)
    return decided(name, cells.distinct(series))


def decided(name: str, seen: cells.Distinct) -> tuple[Column, bool]:
    """How to read a column of those texts, and whether its dates could be read in two ways."""
    if not seen.known:
        return Column(name=name, kind="categorical", dtype="str", reason="has no value"), False
    words = cells.boolean_words(seen.texts)
    if words:
        return Column(name=name, kind="boolean", dtype="bool", true_values=words[0], false_values=words[1]), False
    number, too_large = _number_rule(name, seen)
    if number:
        return number, False
    dated = None if too_large else dates.decide(seen.texts, seen.counts)
    if dated:
        return Column(name=name, kind="datetime", dtype="datetime", date_format=dated[0]), dated[1]
    return text_rule(name, seen, too_large, unique=len(seen.texts), known=seen.known), False


def _native_rule(name: str, series: pd.Series) -> Column | None:
    """The rule of a column that has a type already; None when it must be looked at as text."""
    kind = series.dtype
    if pd.api.types.is_bool_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        return Column(name=name, kind="boolean", dtype="bool")
    if pd.api.types.is_datetime64_any_dtype(kind):
        return Column(name=name, kind="datetime", dtype="datetime", date_format=dates.ISO)
    if pd.api.types.is_integer_dtype(kind):
        known = series.dropna()
        exact = known.empty or (int(known.max()) <= cells.LARGEST_EXACT and int(known.min()) >= -cells.LARGEST_EXACT)
        return Column(name=name, kind="numeric", dtype="int") if exact else None
    if pd.api.types.is_float_dtype(kind):
        return Column(name=name, kind="numeric", dtype="float")
    return None


def _number_rule(name: str, seen: cells.Distinct) -> tuple[Column | None, bool]:
    """A numeric rule when at least 95 % of the cells are numbers; the flag says that exact whole numbers are too large for one."""
    mark = cells.decimal_mark(seen.texts)
    plain = cells.plain_numbers(seen.texts, mark)
    ok = plain.notna().to_numpy()
    if seen.counts[ok].sum() < MOSTLY * seen.known or cells.has_codes(seen.texts):
        return None, False
    if cells.too_large(plain):
        return None, True
    dtype = "int" if cells.all_integers(plain) else "float"
    return Column(name=name, kind="numeric", dtype=dtype, decimal=mark), False


def surely_text(seen: cells.Distinct) -> bool:
    """Whether a column of which those texts are a sample cannot turn out as numbers, dates or truth values: it is nowhere near."""
    if cells.has_codes(seen.texts):
        return True
    plain = cells.plain_numbers(seen.texts, cells.decimal_mark(seen.texts))
    return cells.too_large(plain) or seen.counts[plain.notna().to_numpy()].sum() < 0.8 * seen.known


def text_rule(name: str, seen: cells.Distinct, too_large: bool, *, unique: int, known: int) -> Column:
    """id: all different single tokens. text: long, or mostly different, strings of several words. Otherwise categorical.

    `unique` and `known` count all of the column; `seen` may be a sample of it.
    """
    words = seen.texts.str.count(r"\S+").to_numpy()
    several = (words > 1).mean()
    kind: Kind = "categorical"
    reason = "whole numbers too large to compute with exactly" if too_large else ""
    if unique == known >= _FEW and several < 0.05:
        kind, reason = "id", reason or "a different single word in every row"
    elif unique > 0.5 * known and (words * seen.counts).sum() >= 5 * seen.known and unique >= _FEW:
        kind, reason = "text", "free text of five words or more"
    elif unique >= max(_FEW, 0.9 * known) and several > 0.5:
        kind, reason = "text", "several words, different in nearly every row"
    elif not reason and cells.has_codes(seen.texts):
        reason = "codes with leading zeros"
    return Column(name=name, kind=kind, dtype="str", reason=reason)


def _row_number(name: str, values: pd.Series) -> str:
    if values.isna().any() or not values.is_unique:
        return ""
    numbers = values.to_numpy(dtype=np.int64)
    return row_number(name, len(values), numbers[0] if len(numbers) else None, bool((np.diff(numbers) == 1).all()))


def row_number(name: str, rows: int, first: int | None, counting: bool) -> str:
    """Why a column of distinct whole numbers only counts the rows, or "" when it does not. `counting`: each is one more than the last."""
    if rows < _FEW:
        return ""
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_").replace("-", "_").replace(".", "_")
    if _ROW_NAME.search(spelled):
        return "a different whole number in every row, named like an identifier"
    return "counts the rows" if first in (0, 1) and counting else ""


def _described(rule: Column, values: pd.Series, bad: int, source: str) -> Column:
    """The rule with what was seen: how many are missing, how many differ, the range, the levels."""
    known = values.dropna()
    facts: dict[str, Any] = {"missing": int(len(values) - len(known)), "unique": int(known.nunique()), "source": source}
    if rule.dtype in ("int", "float", "datetime") and len(known):
        low, high = known.min(), known.max()
        facts |= (
            {"minimum": low.isoformat(), "maximum": high.isoformat()}
            if rule.dtype == "datetime"
            else {"minimum": float(low), "maximum": float(high)}
        )
    if rule.kind in ("categorical", "boolean"):
        facts["levels"] = tuple(str(level) for level in known.value_counts().index[:MOST_LEVELS])
    if rule.dtype == "int":
        why = _row_number(rule.name, values)
        facts |= {"kind": "id", "reason": why} if why else {}
    if bad:
        facts["reason"] = "; ".join(filter(None, [rule.reason, f"{bad:,} of {len(values):,} cells could not be read and count as missing"]))
    return rule.model_copy(update=facts)


# Reading


def _read(series: pd.Series, rule: Column) -> tuple[pd.Series, np.ndarray, pd.Series]:
    """A column read by its rule: the values, the positions of the cells that could not be read, and the column as it came."""
    if not (isinstance(series.index, pd.RangeIndex) and series.index.equals(pd.RangeIndex(len(series)))):
        series = series.reset_index(drop=True)
    native = _read_native(series, rule)
    if native is not None:
        values, bad = native
    else:
        values, bad = _read_text(cells.as_text(series), rule)
    return values, np.flatnonzero(bad), series


def _read_native(series: pd.Series, rule: Column) -> tuple[pd.Series, np.ndarray] | None:
    """Typed columns that need no detour over text."""
    kind, none = series.dtype, np.zeros(len(series), dtype=bool)
    if cells.is_text(series) or isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_object_dtype(kind):
        return None
    if rule.dtype == "datetime" and pd.api.types.is_datetime64_any_dtype(kind):
        stamps = series.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(kind, "tz", None) is not None else series
        return stamps.astype("datetime64[us]"), none
    if rule.dtype in ("int", "float") and pd.api.types.is_numeric_dtype(kind):
        numbers = series.to_numpy(np.float64) if isinstance(kind, np.dtype) else series.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        infinite = np.isinf(numbers)
        return _numbers(np.where(infinite, np.nan, numbers) if infinite.any() else numbers, rule), infinite
    if rule.dtype == "bool" and pd.api.types.is_bool_dtype(kind):
        return _booleans(series.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)), none
    return None


def _read_text(series: pd.Series, rule: Column) -> tuple[pd.Series, np.ndarray]:
    if rule.dtype == "str":
        # The text stays as it is, blanks included; only the marks for "missing" go.
        return series.mask(series.str.strip().isin(cells.MISSING)), np.zeros(len(series), dtype=bool)
    seen = cells.distinct(series)
    if rule.dtype == "datetime":
        stamps = seen.spread(dates.parse(seen.texts, rule.date_format or dates.ISO), np.datetime64("NaT"))
        return pd.Series(stamps), np.isnat(stamps) & (seen.codes >= 0)
    if rule.dtype == "bool":
        flags = seen.spread(cells.to_booleans(seen.texts, rule.true_values, rule.false_values), np.nan)
        return _booleans(flags), np.isnan(flags) & (seen.codes >= 0)
    numbers = seen.spread(cells.to_floats(cells.plain_numbers(seen.texts, rule.decimal)), np.nan)
    return _numbers(numbers, rule), np.isnan(numbers) & (seen.codes >= 0)


def _numbers(values: np.ndarray, rule: Column) -> pd.Series:
    """int64 (Int64 with gaps) for whole numbers in an "int" column, float64 otherwise: a 3.5 at scoring stays 3.5."""
    gaps = np.isnan(values)
    whole = values[~gaps]
    if rule.dtype == "float" or not (whole == np.trunc(whole)).all() or (np.abs(whole) > cells.LARGEST_EXACT).any():
        return pd.Series(values)
    if not gaps.any():
        return pd.Series(values.astype(np.int64))
    return pd.Series(pd.arrays.IntegerArray(np.where(gaps, 0, values).astype(np.int64), gaps))


def _booleans(values: np.ndarray) -> pd.Series:
    gaps = np.isnan(values)
    if not gaps.any():
        return pd.Series(values == 1)
    return pd.Series(pd.arrays.BooleanArray(values == 1, gaps))


def _empty(column: Column, rows: int) -> pd.Series:
    none = pd.Series([None] * rows, dtype="str")
    return _read_text(none, column)[0] if column.dtype != "str" else none


def _unparsable(rule: Column, bad: np.ndarray, seen: pd.Series, rows: int) -> str:
    wanted = {"int": "numbers", "float": "numbers", "bool": "yes or no", "datetime": "dates"}.get(rule.dtype, "values")
    shown = ", ".join(repr(str(value)[:40]) for value in dict.fromkeys(seen.iloc[bad[:200]].tolist()))
    first = shown if len(shown) < 200 else shown[:200] + " …"
    return f"{len(bad):,} of {rows:,} cells in {rule.name!r} are not {wanted} that can be used ({first}); they count as missing."
