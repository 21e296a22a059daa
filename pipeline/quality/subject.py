"""What the checks look at: a table with its schema and target, and the facts about columns that several checks need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.data.schema import Kind, Schema
from pipeline.plan import guess_task
from pipeline.quality.report import MOST_EXAMPLES

if TYPE_CHECKING:
    import pyarrow as pa


class Subject:
    """One table under examination. Column facts are computed once and kept: every column is factorized at most once.

    `features` are the names of all columns but the target; `task` is None without a target.
    `against` has other rows of the same schema, to compare with.
    """

    def __init__(self, table: pd.DataFrame, schema: Schema, target: str | None = None, against: pd.DataFrame | None = None) -> None:
        self.table, self.schema, self.target, self.against = table, schema, target, against
        self.task = guess_task(schema, target) if target is not None else None
        self.rows = len(table)
        self.names = [column.name for column in schema.columns if column.name in table.columns]
        self.features = [name for name in self.names if name != target]
        self._codes: dict[str, tuple[np.ndarray, pd.Index]] = {}
        self._answers: dict[tuple[str, str], Any] = {}

    def once(self, ask: Callable[[Subject, str], Any], name: str = "") -> Any:
        """`ask(self, name)`, answered once: what several checks need to know, so that no two report the same defect."""
        key = (f"{ask.__module__}.{ask.__qualname__}", name)
        if key not in self._answers:
            self._answers[key] = ask(self, name)
        return self._answers[key]

    def asking(self, target: str, without: Iterable[str] = ()) -> Subject:
        """The same table with another target, the facts about its columns shared."""
        other = Subject(self.table, self.schema, target)
        gone = {*without, target}
        other.features = [name for name in other.features if name not in gone]
        other._codes = self._codes
        return other

    def kind(self, name: str) -> Kind:
        return self._kinds[name]

    def of_kind(self, *kinds: Kind) -> list[str]:
        return [name for name in self.features if self.kind(name) in kinds]

    @cached_property
    def figures(self) -> list[str]:
        """The feature columns of kind numeric that are stored as numbers."""
        return [name for name in self.of_kind("numeric") if self.is_number(name)]

    @cached_property
    def _kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.schema.columns}

    def codes(self, name: str) -> tuple[np.ndarray, pd.Index]:
        """Codes (one per row, -1 for missing, numbered in order of first appearance) and the distinct values."""
        if name not in self._codes:
            codes, values = pd.factorize(self.table[name])
            self._codes[name] = codes.astype(np.int32, copy=False), pd.Index(values)
        return self._codes[name]

    def counts(self, name: str) -> np.ndarray:
        """How many rows have each distinct value, in the order of `codes`."""
        codes, values = self.codes(name)
        return np.bincount(codes[codes >= 0], minlength=len(values))

    def missing(self, name: str) -> np.ndarray:
        """True where the cell is missing, one per row."""
        return self.codes(name)[0] < 0

    def prints(self, names: list[str]) -> np.ndarray:
        """A 64-bit fingerprint of each row in those columns: equal rows have equal ones, others practically never."""
        found, odd = np.zeros(self.rows, dtype=np.uint64), np.random.default_rng(0).integers(1, 2**63, len(names), dtype=np.uint64) * 2 + 1
        for name, times in zip(names, odd, strict=True):
            found += (self.codes(name)[0].astype(np.int64) + 2).astype(np.uint64) * times
        return found

    def numbers(self, name: str) -> np.ndarray:
        """The column as float64, missing as NaN; dates as microseconds. Only for numbers, booleans and dates."""
        column = self.table[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            ticks = column.astype("datetime64[us]").astype("int64").to_numpy(dtype="float64")
            return np.where(column.isna().to_numpy(), np.nan, ticks)
        return column.to_numpy(dtype="float64", na_value=np.nan)

    def is_text(self, name: str) -> bool:
        dtype = self._dtypes[name]
        return not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype))

    def is_number(self, name: str) -> bool:
        dtype = self._dtypes[name]
        return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)

    @cached_property
    def _dtypes(self) -> dict[str, Any]:
        return dict(zip(self.table.columns, self.table.dtypes, strict=True))



def arrow(values: pd.Index) -> pa.Array:
    """Distinct values as texts of Arrow, whose functions see to thousands of them in the time that Python takes for one or two."""
    import pyarrow as pa

    if isinstance(values.dtype, pd.StringDtype) and values.dtype.storage == "pyarrow":
        return pa.array(values)
    return pa.array([str(value).encode("utf-8", "replace").decode() for value in values], pa.string())


def like(values: pd.Index, pattern: str) -> np.ndarray:
    """The codes of the values in which the pattern is found. It is one of RE2: \\s, \\d and \\w are of ASCII."""
    import pyarrow.compute as pc

    return np.flatnonzero(pc.match_substring_regex(arrow(values), pattern).to_numpy(zero_copy_only=False)) if len(values) else np.zeros(0, int)


def positions(where: np.ndarray) -> tuple[int, ...]:
    """The first positions at which `where` is true, at most 20: the example rows of a finding."""
    return tuple(int(i) for i in np.flatnonzero(where)[:MOST_EXAMPLES])


def listed(names: list[str] | tuple[str, ...], most: int = 3) -> str:
    """Names for a sentence: 'a', 'b' and 4 more."""
    shown = [repr(name) for name in names[:most]]
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most:,} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else "none"


def counted(number: int, noun: str) -> str:
    """'1 column', '1,200 columns'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """A share from 0 to 1 for a person, never rounded to 0 % or to 100 % when it is not."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.1f} %"


def some(sentences: Iterable[str], most: int = 3) -> str:
    """The first few of many parts of a sentence: 'a; b; c; and 4 more'."""
    parts = list(sentences)
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most:,} more" if len(parts) > most else "")
