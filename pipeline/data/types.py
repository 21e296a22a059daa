"""Which kind each column is, and the same parsing again for rows to score.

`infer` looks at a table and writes down, per column, how to read it (a Schema); `conform` reads other rows by what was
written down. Both call `_read`, so a cell can never mean one thing at training and another at scoring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.data import cells, dates, numbers
from pipeline.data.deciding import AS_FOUND, Decision, Doubt, decide, described
from pipeline.data.matching import match_columns
from pipeline.data.plainly import Plain, plainly
from pipeline.data.report import ReadOptions
from pipeline.data.schema import Column, Schema
from pipeline.errors import DataError

NoteKind = Literal["renamed", "extra", "missing_column", "unparsable"] | Doubt


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


def infer(frame: pd.DataFrame, renamed: Mapping[str, str] | None = None, options: ReadOptions = AS_FOUND) -> tuple[pd.DataFrame, Schema]:
    """The typed table and its schema. `frame` may hold text cells or typed columns. Raises DataError when two have one name.

    `renamed` maps a name to the header in the file; it is kept as `Column.source` so that scoring finds either. `options` hold what a
    person said about decimal marks, dates, marks for "missing" and single columns.
    """
    table, schema, _ = infer_with_notes(frame, renamed, options)
    return table, schema


def infer_with_notes(
    frame: pd.DataFrame, renamed: Mapping[str, str] | None = None, options: ReadOptions = AS_FOUND, decimal: str = ""
) -> tuple[pd.DataFrame, Schema, list[Note]]:
    """`infer`, and a note for each column with cells that could not be read or that could be read in two ways.

    `decimal` is the mark that 1,234 is read by where nothing else in the table tells: a file cut by commas has decimal points.
    """
    twice = frame.columns[frame.columns.map(str).duplicated()]
    if len(twice):
        raise DataError(f"The table has more than one column named {str(twice[0])!r}.", "Give every column a name of its own.")
    data: dict[str, pd.Series] = {}
    columns, notes, none = [], [], np.zeros(0, dtype=np.int64)
    plain = {name: found for name, series in frame.items() if (found := plainly(str(name), series, options))}
    for name, decision in _decisions(frame, options, decimal, plain).items():
        rule = decision.rule
        values, bad, seen = (plain.pop(name).values, none, frame[name]) if name in plain else _read(frame[name], rule)
        data[str(name)] = values
        columns.append(described(rule, values, len(bad), (renamed or {}).get(str(name), "")))
        if len(bad):
            notes.append(Note(str(name), "unparsable", _unparsable(rule, bad, seen, len(frame)), bad))
        notes += [Note(str(name), kind, message) for kind, message in decision.doubts]
    table = pd.DataFrame(data, index=pd.RangeIndex(len(frame)))
    return table, Schema(columns=tuple(columns), rows=len(table)), notes


def _decisions(frame: pd.DataFrame, options: ReadOptions, decimal: str, plain: Mapping[Any, Plain]) -> dict[Any, Decision]:
    """A decision per column; where 1,234 may be two things, the decimal mark that other columns prove decides."""
    found = {name: Decision(plain[name].rule, (), plain[name].decimal) if name in plain else decide(str(name), frame[name], options) for name in frame.columns}
    proved = {decision.decimal for decision in found.values()} - {""} or {decimal}
    if len(proved) == 1:
        unsure = [name for name, decision in found.items() if any(kind == "ambiguous_number" for kind, _ in decision.doubts)]
        found |= {name: decide(str(name), frame[name], options, *proved) for name in unsure}
    return found


def conform(frame: pd.DataFrame, schema: Schema) -> Conformed:
    """`frame` as a table of that schema: columns by name, in its order, parsed as at training.

    Extra columns are dropped, absent ones filled with missing values, headers that differ only in case, in blanks or
    by an import rename are mapped; cells that cannot be read become missing. Each of these is a note.
    Raises SchemaMismatch when the frame has none of the columns or lacks more than half of them.
    """
    found, told = match_columns([str(name) for name in frame.columns], schema)
    notes = [Note(column, kind, message) for column, kind, message in told]
    block = _plain(frame, schema, found)
    data: dict[str, pd.Series] = {}
    for column in schema.columns:
        if column.name in block:
            continue
        if column.name not in found:
            data[column.name] = _empty(column, len(frame))
            continue
        values, bad, seen = _read(frame.iloc[:, found[column.name]], column)
        data[column.name] = values
        if len(bad):
            notes.append(Note(column.name, "unparsable", _unparsable(column, bad, seen, len(frame)), bad))
    rest = pd.DataFrame(data, index=pd.RangeIndex(len(frame)))
    if not block.columns.empty:
        rest = pd.concat([rest, block], axis=1)[list(schema.names)] if data else block
    return Conformed(rest, notes)


def _plain(frame: pd.DataFrame, schema: Schema, found: dict[str, int]) -> pd.DataFrame:
    """The columns that are there as the numbers they are to be, in one block: one by one, thousands of them take seconds."""
    exact = (frame.dtypes == np.float64).to_numpy()
    names = [column.name for column in schema.columns if column.dtype == "float" and column.name in found and exact[found[column.name]]]
    values = frame.iloc[:, [found[name] for name in names]].to_numpy(np.float64)
    finite = ~np.isinf(values).any(axis=0)
    return pd.DataFrame(values[:, finite], columns=[name for name, fine in zip(names, finite, strict=True) if fine])


def read_cells(texts: Sequence[str], column: Column) -> pd.Series:
    """Cells that a person wrote, as values of that column; what cannot be read is missing."""
    return _read(pd.Series(list(texts), dtype="str"), column)[0]


def stored(values: pd.Series, column: Column) -> pd.Series:
    """Values of that column (numbers, truth values, dates or text, with gaps) in the type in which it is stored."""
    kinds = {"int": "Int64", "float": "Float64", "bool": "boolean", "datetime": "datetime64[us]", "str": "str"}
    return _read(values.astype(kinds[column.dtype]), column)[0]


def seen_again(table: pd.DataFrame, schema: Schema) -> Schema:
    """The schema of a table whose columns are read as before, with what there is to see in them now."""
    nothing: dict[str, Any] = {"missing": 0, "unique": 0, "minimum": None, "maximum": None, "levels": ()}
    columns = [described(c.model_copy(update=nothing), table[c.name], 0, c.source) for c in schema.columns if c.name in table]
    return Schema(columns=tuple(columns), rows=len(table))


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
        plain = isinstance(kind, np.dtype)
        given = series.to_numpy(np.float64) if plain else series.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        infinite = np.isinf(given)
        return _numbers(np.where(infinite, np.nan, given) if infinite.any() else given, rule), infinite
    if rule.dtype == "bool" and pd.api.types.is_bool_dtype(kind):
        return _booleans(series.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)), none
    return None


def _read_text(series: pd.Series, rule: Column) -> tuple[pd.Series, np.ndarray]:
    if rule.dtype == "str":
        # The text stays as it is, blanks included; only the marks for "missing" go.
        gone = series.str.strip().isin(cells.MISSING.union(rule.missing_marks))
        return series.mask(gone) if gone.any() else series, np.zeros(len(series), dtype=bool)
    seen = cells.distinct(series, rule.missing_marks)
    if rule.dtype == "datetime":
        stamps = seen.spread(dates.parse(seen.texts, rule.date_format or dates.ISO), np.datetime64("NaT"))
        return pd.Series(stamps), np.isnat(stamps) & (seen.codes >= 0)
    if rule.dtype == "bool":
        flags = seen.spread(cells.to_booleans(seen.texts, rule.true_values, rule.false_values), np.nan)
        return _booleans(flags), np.isnan(flags) & (seen.codes >= 0)
    read = numbers.bare_integers(seen.texts)
    if read is None:
        read = numbers.to_floats(numbers.plain_numbers(numbers.without_unit(seen.texts, rule.unit), rule.decimal))
    values = seen.spread(read, np.nan)
    return _numbers(values, rule), np.isnan(values) & (seen.codes >= 0)


def _numbers(values: np.ndarray, rule: Column) -> pd.Series:
    """int64 (Int64 with gaps) for whole numbers in an "int" column, float64 otherwise: a 3.5 at scoring stays 3.5."""
    gaps = np.isnan(values)
    whole = values[~gaps]
    if rule.dtype == "float" or not (whole == np.trunc(whole)).all() or (np.abs(whole) > numbers.LARGEST_EXACT).any():
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
