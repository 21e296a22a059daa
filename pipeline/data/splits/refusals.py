"""Why rows cannot be divided like that, from the schema alone: what a plan says before anything is read or fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.data.splits import own
from pipeline.data.splits.split import MOST_LEFT_OUT_ONE_BY_ONE, SPLITS
from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.data.schema import Column, Schema
    from pipeline.data.splits.split import Split

Refusal = tuple[str, str]  # (what is wrong, what to do)
SHUFFLED_TIME = "a model would be judged on a past whose future it has learned"


def refusals(split: Split, schema: Schema, target: str, families: int) -> Iterator[Refusal]:
    """Everything that does not fit, with numbers; empty when the split can be carried out, as far as a schema can tell."""
    way = SPLITS[split.strategy]
    column = next((c for c in schema.columns if c.name == split.column), None)
    if column is None:
        yield from _absent(split, schema)
    elif column.name == target:
        yield f"The target {target!r} cannot also divide the rows.", "Choose another column."
    else:
        yield from {"group": _group, "time": _time, "own": _own, None: _unused}[way.column](split, column, schema)
    if (split.gap or split.embargo) and way.column != "time":
        yield f"A gap or an embargo is set, and {way.title!r} does not go by time.", "Set both to 0, or choose Time-ordered and its column."
    if split.repeats > 1 and not way.repeats:
        yield f"{way.title!r} gives the same folds each time, and {split.repeats} repeats are set.", "Set the repeats to 1."
    if split.strategy == "leave_one_out":
        yield from _one_by_one(round(schema.rows * (1 - split.holdout)), max(1, families))


def _absent(split: Split, schema: Schema) -> Iterator[Refusal]:
    if split.column:
        known = ", ".join(schema.names[:20])
        yield f"The rows are to be divided by {split.column!r}, which is not in the table.", f"The columns are {known}."
    elif SPLITS[split.strategy].column:
        yield f"{SPLITS[split.strategy].title!r} needs a column to divide the rows by.", "Choose the column."


def _unused(split: Split, column: Column, schema: Schema) -> Iterator[Refusal]:
    title = SPLITS[split.strategy].title
    if column.dtype == "datetime":
        yield f"A time column, {column.name!r}, is set, and {title!r} shuffles the rows: {SHUFFLED_TIME}.", "Choose Time-ordered, or clear the column."
    else:
        yield f"{title!r} does not use the column {column.name!r} that is set.", "Clear the column, or choose By group, Time-ordered or My own column."


def _group(split: Split, column: Column, schema: Schema) -> Iterator[Refusal]:
    if column.dtype == "datetime":
        title = SPLITS[split.strategy].title
        yield f"{column.name!r} is a time, and {title!r} shuffles its groups: {SHUFFLED_TIME}.", "Choose Time-ordered: rows of one time stay together."
        return
    groups, folds = column.unique + (column.missing > 0), split.count(schema.rows)
    if groups < folds + (split.holdout > 0):
        need = f"{folds} folds{' and a holdout' if split.holdout else ''} need at least {folds + (split.holdout > 0)}"
        yield f"The column {column.name!r} has {groups:,} groups; {need}.", "Use fewer folds, or another column."


def _time(split: Split, column: Column, schema: Schema) -> Iterator[Refusal]:
    if column.dtype not in ("datetime", "int", "float"):
        yield f"The column {column.name!r} is {column.kind}; a time is a date or a number.", "Choose a column of dates or numbers."
        return
    if column.missing:
        seen = f"{column.missing:,} of {schema.rows:,} rows have no time in {column.name!r}, so they have no place in the order."
        yield seen, "Choose a column that is known in every row, or fill it in the file."
    folds = split.count(schema.rows)
    need = folds + 1 + (split.holdout > 0)  # the first moments are only learned from
    if column.unique < need:
        seen = f"The column {column.name!r} has {column.unique:,} different times; {folds} folds in time need at least {need}."
        yield seen, "Use fewer folds, or a finer time."


def _own(split: Split, column: Column, schema: Schema) -> Iterator[Refusal]:
    if column.missing:
        yield f"{column.missing:,} of {schema.rows:,} rows have no value in the split column {column.name!r}.", own.EXPECTED
    elif column.dtype in ("datetime", "float") or column.unique > own.MOST_FOLDS + 1:
        seen = f"The column {column.name!r} is {column.kind} with {column.unique:,} different values"
        yield f"{seen}; it does not say where a row goes.", own.EXPECTED
    elif column.levels:
        try:
            parts = own.read(column.name, [level == "True" if column.dtype == "bool" else level for level in column.levels]).values()
        except PlanError as error:
            yield str(error), error.hint
            return
        if split.nested and any(isinstance(part, str) for part in parts):
            yield f"A nested loop needs several parts to judge by in turn; {column.name!r} marks one.", "Use the numbers of folds, or no nested loop."


def _one_by_one(rows: int, families: int) -> Iterator[Refusal]:
    if rows > MOST_LEFT_OUT_ONE_BY_ONE:
        fits = f"{rows:,} fits of every configuration, {rows * families:,} for one of each family"
        seen = f"Leave one out of {rows:,} rows is {fits}; it is offered up to {MOST_LEFT_OUT_ONE_BY_ONE:,} rows."
        yield seen, "Choose 10 folds: the score is nearly the same."
