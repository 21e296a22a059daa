"""The recipe that a new plan begins with: the usual steps, and what the columns of this table ask for, all as ordinary steps.

What differs between families is left to the steps themselves (`auto` in their parameters), so that one recipe serves them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from pipeline import catalog
from pipeline.data.schema import Column, Schema
from pipeline.data.wording import amount, kind_of_unit
from pipeline.plan import StepSpec

MOSTLY = 0.8  # of the levels: reading 95 % of the cells has made a number of the column already
LEAST_NUMBERS = 20  # fewer different numbers may be codes
MOST_DATES = 4


def recipe(schema: Schema, target: str) -> tuple[StepSpec, ...]:
    """The automatic recipe for a table and what is to be predicted, in the usual order of the steps."""
    columns = [column for column in schema.columns if column.name != target and column.kind != "id" and column.unique > 1]
    usual = [StepSpec(step=entry.name) for entry in catalog.entries("step") if entry.facts.default]
    order = {entry.name: entry.order for entry in catalog.entries("step")}
    return tuple(sorted([*_numbers_in_words(columns), *_days_between(columns), *usual], key=lambda spec: order[spec.step]))


def _numbers_in_words(columns: list[Column]) -> Iterator[StepSpec]:
    """Categories that are numbers for the most part, plain or with a unit, are read as numbers; other words there become missing."""
    plain, measured = [], {}
    for column in columns:
        unit = _unit(column) if column.kind == "categorical" else None
        if unit:
            measured.setdefault(unit, []).append(column.name)
        elif unit == "":
            plain.append(column.name)
    if plain:
        yield StepSpec(step="to_number", columns=tuple(plain))
    for unit, names in measured.items():
        yield StepSpec(step="read_units", columns=tuple(names), params={"unit": unit})


def _unit(column: Column) -> str | None:
    """The unit that the amounts of a column mostly have, "" for plain numbers, None when most levels are no amounts of one kind."""
    if column.reason.startswith("codes"):
        return None
    seen = [found for found in map(amount, column.levels) if found]
    if len(seen) < max(LEAST_NUMBERS, MOSTLY * len(column.levels)):
        return None
    units = Counter(unit for _, unit in seen if unit)
    if not units:
        return "" if sum(_is_number(level) for level in column.levels) >= MOSTLY * len(column.levels) else None
    kinds = {kind_of_unit(unit) for unit in units}
    return units.most_common(1)[0][0] if len(kinds) == 1 and "" not in kinds else None


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _days_between(columns: list[Column]) -> Iterator[StepSpec]:
    """How far a few dates of one row lie apart: trees cannot subtract, and no part of a date says it."""
    dates = sorted((column for column in columns if column.kind == "datetime"), key=lambda column: str(column.minimum))
    if len(dates) <= MOST_DATES:
        for start, end in combinations(dates, 2):
            yield StepSpec(step="days_between", params={"start": start.name, "end": end.name})
