"""The contract of a dataset: what its columns must be like, learned from one version, edited by a person, and kept to ever after.

    contract = Contract.learn(table, schema)
    for breach in contract.check(next_month):
        breach.column, breach.rule, breach.expected, breach.examples      # (row, value) of some; row 1 is the first below the header

Cells are read by the rules of the version it was learned from (`conform`), so text at scoring and typed columns at import are judged
alike, and a number that is none is a breach with its row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pipeline.data.schema import Schema
from pipeline.data.types import Conformed, conform
from pipeline.errors import DataError, SchemaMismatch

MOST_ALLOWED = 50  # a category with more values than this may have others tomorrow
MOST_EXAMPLES = 20
FEW = 20  # rows that say little about what may be missing or repeated
MARGIN = 0.1  # of the range seen, beyond it
TYPES = {"int": "a whole number", "float": "a number", "bool": "yes or no", "datetime": "a date", "str": "text"}
Rule = Literal["there", "type", "filled", "range", "allowed", "unique", "format"]


class Term(BaseModel):
    """What one column must be like. None, and an empty list of allowed values, ask for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    there: bool = True
    may_be_missing: bool = True
    low: float | None = None
    high: float | None = None
    first: str | None = None  # the earliest date, ISO 8601
    last: str | None = None
    allowed: tuple[str, ...] = ()
    unique: bool = False
    date_format: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Term:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the lowest value {self.low:g} is above the highest {self.high:g}")
        for day in (self.first, self.last):
            if day and pd.isna(pd.to_datetime(day, errors="coerce")):
                raise ValueError(f"{day!r} is not a date such as 2024-12-31")
        return self


@dataclass(frozen=True)
class Breach:
    """One term that rows do not keep: `rows` counts them (0: it is about the column), `examples` are (row, value) of some."""

    column: str
    rule: Rule
    expected: str
    rows: int = 0
    examples: tuple[tuple[int, Any], ...] = ()

    @property
    def message(self) -> str:
        """In words: what was seen, where, and what was expected."""
        if not self.rows:
            return f"{self.column!r}: expected {self.expected}."
        row, value = self.examples[0]
        seen = "nothing" if value is None else repr(value)
        more = f" and {self.rows - 1:,} more" if self.rows > 1 else ""
        return f"{self.column!r}, row {row:,}{more}: {seen}, expected {self.expected}."

    def shifted(self, by: int) -> Breach:
        return replace(self, examples=tuple((row + by, value) for row, value in self.examples))

    def after(self, earlier: Breach | None) -> Breach:
        """This breach with what earlier rows break of the same term."""
        if earlier is None:
            return self
        return replace(self, rows=earlier.rows + self.rows, examples=(earlier.examples + self.examples)[:MOST_EXAMPLES])


class _Met:
    """The values that have been seen in each column, as 64-bit hashes: eight bytes for each, however long they are."""

    def __init__(self) -> None:
        self._hashes: dict[str, np.ndarray] = {}

    def again(self, column: str, values: pd.Series) -> np.ndarray:
        """Which of the values there were before, here or in earlier parts."""
        again = values.duplicated(keep="first").to_numpy()
        if pd.api.types.is_numeric_dtype(values):  # a part with gaps or fractions has another type, and no other hash
            values = pd.Series(values.astype("Float64").to_numpy(np.float64, na_value=np.nan) + 0.0)
        hashes = pd.util.hash_pandas_object(values, index=False).to_numpy()
        known = self._hashes.get(column, np.zeros(0, dtype=np.uint64))
        if len(known):
            places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            again = again | (known[places] == hashes)
        self._hashes[column] = np.sort(np.concatenate([known, hashes]), kind="stable")
        return again


class Contract(BaseModel):
    """The terms of all columns, and the schema that says how their cells are read. JSON in and out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    terms: tuple[Term, ...]
    reads: Schema

    @classmethod
    def learn(cls, table: pd.DataFrame, schema: Schema) -> Contract:
        """The terms that this table keeps, with a tenth of the range to spare: dates may go on, and long lists of values may grow."""
        return cls(terms=tuple(_learned(table[column.name], column) for column in schema.columns if column.name in table), reads=schema)

    def edited(self, changes: Iterable[Mapping[str, Any]]) -> Contract:
        """This contract with the terms of some columns replaced. Raises DataError that names the column and what does not fit."""
        given = {str(change["column"]): change for change in changes}
        terms = []
        for term in self.terms:
            try:
                terms.append(Term.model_validate({**term.model_dump(), **given.get(term.column, {})}))
            except ValidationError as error:
                why = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise DataError(f"The terms of {term.column!r} do not fit: {why}.", "Correct this row of the contract.") from error
        return self.model_copy(update={"terms": tuple(terms)})

    def only(self, names: Iterable[str]) -> Contract:
        """The terms of those columns alone."""
        wanted = set(names)
        return self.model_copy(update={"terms": tuple(t for t in self.terms if t.column in wanted), "reads": self.reads.only(wanted)})

    def check(self, frame: pd.DataFrame, schema: Schema | None = None) -> list[Breach]:
        """Every term that the rows do not keep, in the order of the columns. `schema` says how they were read, when they were."""
        return [breach for breach, _ in self.examine(frame, schema)]

    def check_parts(self, parts: Iterable[pd.DataFrame], schema: Schema | None = None) -> list[Breach]:
        """`check` of a table that comes in parts, of which one at a time is held. Values that may not repeat are remembered by a hash."""
        met, found, before = _Met(), dict[tuple[str, Rule, str], Breach](), 0
        for part in parts:
            for breach, _ in self.examine(part, schema, met):
                key = (breach.column, breach.rule, breach.expected)
                found[key] = breach.shifted(before).after(found.get(key))
            before += len(part)
        columns, rules = [term.column for term in self.terms], get_args(Rule)
        return sorted(found.values(), key=lambda breach: (columns.index(breach.column), rules.index(breach.rule)))

    def examine(self, frame: pd.DataFrame, schema: Schema | None = None, met: _Met | None = None) -> list[tuple[Breach, np.ndarray]]:
        """`check`, and with each breach the positions of all its rows. `met` knows the values of the rows before these."""
        try:
            read = conform(frame, self.reads)
        except SchemaMismatch:
            there = {str(name) for name in frame.columns}
            return [(_absent(term), np.zeros(0, int)) for term in self.terms if term.there and term.column not in there]
        absent = {note.column for note in read.notes if note.kind == "missing_column"}
        found = []
        for term in self.terms:
            if term.column in absent:
                found += [(_absent(term), np.zeros(0, int))] if term.there else []
                continue
            found += self._of_column(term, frame, read, schema, met or _Met())
        return found

    def _of_column(
        self, term: Term, frame: pd.DataFrame, read: Conformed, schema: Schema | None, met: _Met
    ) -> list[tuple[Breach, np.ndarray]]:
        column, values = self.reads[term.column], read.table[term.column]
        unread = np.concatenate([np.zeros(0, int), *(n.rows for n in read.notes if n.kind == "unparsable" and n.column == term.column)])
        raw = frame.get(term.column, values)
        expected = TYPES[column.dtype] + (f" as {column.date_format}" if column.date_format else "")
        found = [_breach(term, "type", expected, unread, raw)] if len(unread) else []
        found += [_breach(term, rule, words, np.flatnonzero(rows), values) for rule, words, rows in _broken(term, values, unread, met) if rows.any()]
        if schema is not None and term.column in schema and term.date_format and schema[term.column].date_format not in (None, term.date_format):
            words = f"dates as {term.date_format}; they were read as {schema[term.column].date_format}"
            common = set(term.date_format.split("|")) & set((schema[term.column].date_format or "").split("|"))
            rows = values.notna().to_numpy() & (not common)  # with a format in common, the typed values do not tell which rows have another
            found.append(_breach(term, "format", words, np.flatnonzero(rows), values))
        return found


def _absent(term: Term) -> Breach:
    return Breach(term.column, "there", "the column to be there")


def _breach(term: Term, rule: Rule, expected: str, rows: np.ndarray, values: pd.Series) -> tuple[Breach, np.ndarray]:
    examples = tuple((int(row) + 1, _plain(values.iloc[row])) for row in rows[:MOST_EXAMPLES])
    return Breach(term.column, rule, expected, len(rows), examples), rows


def _broken(term: Term, values: pd.Series, unread: np.ndarray, met: _Met) -> Iterator[tuple[Rule, str, np.ndarray]]:
    """Each rule of a term with what it expects, and the rows that break it."""
    gap = values.isna().to_numpy()
    unreadable = np.zeros(len(values), dtype=bool)
    unreadable[unread] = True
    if not term.may_be_missing:
        yield "filled", "a value", gap & ~unreadable
    if pd.api.types.is_datetime64_any_dtype(values):
        first = pd.Timestamp(term.first) if term.first else None
        last = pd.Timestamp(term.last) + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1) if term.last else None
        yield "range", _between(term.first, term.last), _outside(values, first, last)
    elif pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        yield "range", _between(_short(term.low), _short(term.high)), _outside(values, term.low, term.high)
    elif term.allowed:
        words = ", ".join(map(repr, term.allowed[:6])) + (f" … ({len(term.allowed)} values)" if len(term.allowed) > 6 else "")
        yield "allowed", f"one of {words}", ~gap & ~values.astype("str").isin(set(term.allowed)).to_numpy()
    if term.unique:
        yield "unique", "a value of its own in every row", ~gap & met.again(term.column, values)


def _outside(values: pd.Series, low: Any, high: Any) -> np.ndarray:
    out = np.zeros(len(values), dtype=bool)
    for end, beyond in ((low, values.lt), (high, values.gt)):
        if end is not None:
            out |= beyond(end).fillna(False).to_numpy(dtype=bool)
    return out


def _between(low: str | None, high: str | None) -> str:
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def _short(number: float | None) -> str | None:
    return None if number is None else f"{number:.10g}"


def _learned(values: pd.Series, column: Any) -> Term:
    known = len(values) - column.missing
    low, high = _range(column) if column.kind == "numeric" and column.dtype in ("int", "float") else (None, None)
    closed = column.kind == "categorical" and len(column.levels) == column.unique <= min(MOST_ALLOWED, known // 10)
    return Term(
        column=column.name, may_be_missing=column.missing > 0 or known < FEW, low=low, high=high, allowed=tuple(sorted(column.levels)) if closed else (),
        unique=column.kind == "id" and column.unique == known >= FEW, date_format=column.date_format,
    )  # fmt: skip


def _range(column: Any) -> tuple[float | None, float | None]:
    """The range seen and a tenth of it to each side; not below zero where nothing was, and whole where all are whole."""
    if not isinstance(column.minimum, float) or not isinstance(column.maximum, float):
        return None, None
    spare = MARGIN * (column.maximum - column.minimum)
    low = max(0.0, column.minimum - spare) if column.minimum >= 0 else column.minimum - spare
    high = min(0.0, column.maximum + spare) if column.maximum <= 0 else column.maximum + spare
    whole = column.dtype == "int"
    return (float(math.floor(low)), float(math.ceil(high))) if whole else (float(f"{low:.6g}"), float(f"{high:.6g}"))


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return str(value) if isinstance(value, (pd.Timestamp, np.datetime64)) else value.item() if isinstance(value, np.generic) else value
