"""What a table is: its columns, their kinds, and what was seen in them. Plain data, JSON in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.data.report import ReadOptions
from pipeline.errors import UnknownName

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text", "id"]
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "datetime", "text", "id")


class _Kept(BaseModel):
    """Part of kept models, which an older Trainyard may have written: fields that it did not know get their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __setstate__(self, state: dict[Any, Any]) -> None:
        known = {
            name: field.get_default(call_default_factory=True) for name, field in type(self).model_fields.items() if not field.is_required()
        }
        super().__setstate__(state | {"__dict__": known | state["__dict__"]})


class Column(_Kept):
    """One column as it was read: how to read it again at scoring, and what was seen in it.

    `kind` is what it means, `dtype` is how it is stored: "int" (int64, or Int64 with missing cells), "float" (float64),
    "bool" (bool, or boolean with missing cells), "datetime" (datetime64[us], UTC, no zone) or "str".
    `minimum` and `maximum` are numbers; for dates they are ISO 8601 strings. `levels` are the distinct values of a
    categorical or boolean column, most frequent first, at most 1,000; `unique` is the true number.
    """

    name: str
    kind: Kind
    dtype: Literal["int", "float", "bool", "datetime", "str"]
    source: str = ""  # the header in the file, when it had to be renamed
    reason: str = ""  # why this kind, in words
    missing: int = 0
    unique: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    levels: tuple[str, ...] = ()
    date_format: str | None = None
    decimal: Literal[".", ","] = "."
    unit: str = ""  # what stands beside every number: "$", "%", "kg"
    missing_marks: tuple[str, ...] = ()  # what means "missing" in this column besides an empty cell, NA and the like
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()

    def label(self, value: object) -> object:
        """A value as the file wrote it: a yes/no column is stored as truth values and still answers "yes"."""
        if self.dtype != "bool" or not (self.true_values and self.false_values):
            return value
        return self.true_values[0] if value else self.false_values[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The levels as the file wrote them, most frequent first."""
        return tuple(str(self.label(level == "True")) if self.dtype == "bool" else level for level in self.levels)


class Schema(_Kept):
    """The columns of a table, in order, and its number of rows; `reading` is the recipe by which its file was cut into cells."""

    columns: tuple[Column, ...]
    rows: int
    reading: ReadOptions | None = None

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownName("column", name, self.names)

    def of_kind(self, *kinds: Kind) -> list[str]:
        return [column.name for column in self.columns if column.kind in kinds]

    def only(self, names: Iterable[str]) -> Schema:
        """The schema of those columns alone, in this schema's order."""
        wanted = set(names)
        return self.model_copy(update={"columns": tuple(c for c in self.columns if c.name in wanted)})
