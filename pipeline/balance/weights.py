"""Methods that weight rows: by class, by what a mistake costs, by a column of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.balance import Part, Refusals, balance
from pipeline.catalog import Param
from pipeline.errors import PlanError


@balance("none", title="As they are", help="Every row counts the same. Boosters cope well with rare classes; judge by PR AUC.", order=0,
         tasks=catalog.TASKS, after=lambda params, classes, rows: rows)  # fmt: skip
def none(params: dict[str, Any]) -> Callable:
    return lambda part: (part.X, part.y, None)


def _counting(rows: np.ndarray, each: np.ndarray) -> np.ndarray:
    """What the rows of each class count for, when one of them weighs `each` and all together as much as before."""
    return rows * each * rows.sum() / (rows * each).sum()


@balance("class_weights", title="Class weights", order=10,
         after=lambda params, classes, rows: _counting(rows, inverse(rows, params["strength"])),
         help="Rows of a rare class weigh more, in inverse proportion to its frequency. Moves the decision, not the ranking.",
         params=[Param("strength", "float", 1.0, "Strength", "0 leaves the rows as they are, 1 lets every class count the same.",
                       0, 1, tune=False)])  # fmt: skip
def class_weights(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        return part.X, part.y, _normal(inverse(np.bincount(part.y), params["strength"])[part.y])

    return method


def _costs_fit(plan: Any, schema: Any) -> Refusals:
    labels = schema[plan.target].labels
    try:
        costs_of(catalog.get("balance", "costs").complete(plan.balance.params), sorted(labels, key=lambda label: label == plan.positive))
    except PlanError as error:
        return [(str(error), error.hint)]
    return []


@balance("costs", title="Costs of mistakes", order=20, refusals=_costs_fit,
         after=lambda params, classes, rows: _counting(rows, costs_of(params, classes)),
         help="A mistake on a class weighs as much as it costs: type a cost for each class, or for two classes what a miss costs in false alarms.",
         params=[
             Param("costs", "text", "", "Cost of each class", "Like fraud=50, fine=1; a class that is not named costs 1.", tune=False),
             Param("ratio", "float", 1.0, "A miss in false alarms", "For two classes, when no cost is typed: what a missed positive costs.",
                   0.01, 1000, tune=False),
         ])  # fmt: skip
def costs(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        names = part.classes or tuple(map(str, range(int(part.y.max()) + 1)))
        return part.X, part.y, _normal(costs_of(params, names)[part.y])

    return method


def costs_of(params: Mapping[str, Any], names: Sequence[str]) -> np.ndarray:
    """The cost of each class, in the order of `names`; the positive class of two is last."""
    if not params["costs"].strip():
        if len(names) != 2:
            raise PlanError(f"The costs of {len(names)} classes are not given.", f"Type them, like {names[0]}=1, {names[-1]}=5.")
        return np.array([1.0, params["ratio"]])
    given = {}
    for item in params["costs"].split(","):
        name, _, number = item.rpartition("=")
        try:
            given[name.strip()] = float(number)
        except ValueError:
            given[name.strip()] = -1.0
        if given[name.strip()] <= 0 or not np.isfinite(given[name.strip()]):
            raise PlanError(f"The cost {item.strip()!r} is not of the form class=number above 0.", f"Type them like {names[0]}=1, {names[-1]}=5.")
    unknown = [name for name in given if name not in names]
    if unknown:
        raise PlanError(f"A cost is given for {unknown[0]!r}, which is no class.", f"The classes are {', '.join(map(repr, list(names)[:20]))}.")
    return np.array([given.get(name, 1.0) for name in names])


def _column_fits(plan: Any, schema: Any) -> Refusals:
    name = plan.balance.column
    if name is None or name not in schema or name == plan.target:
        what = "the target" if name == plan.target else "not in the table"
        return [("No weight column is chosen." if name is None else f"{name!r} cannot weight the rows: it is {what}.", "Choose a column of numbers.")]
    column = schema[name]
    if column.dtype not in ("int", "float"):
        return [(f"The weight column {name!r} is {column.kind}; weights are numbers.", "Choose a column of numbers.")]
    if column.missing:
        return [(f"{column.missing:,} of {schema.rows:,} rows have no weight in {name!r}.", "Choose a column that is known in every row.")]
    if column.minimum is not None and float(column.minimum) < 0:
        return [(f"The weight column {name!r} goes down to {column.minimum}; weights are 0 or more.", "Choose another column.")]
    return []


@balance("column_weights", title="Weights from a column", order=30, reads_column=True, refusals=_column_fits, tasks=catalog.TASKS,
         help="Each row counts as much as a column of the table says, such as the number of cases behind it. Scores do not use the weights.")  # fmt: skip
def column_weights(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        weight = part.values.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
        bad = int((~(weight >= 0) | np.isinf(weight)).sum())
        if bad or not weight.sum():
            rows = f"{bad:,} of {len(weight):,} training rows have a weight below 0 or none" if bad else f"All {len(weight):,} training rows weigh 0"
            raise PlanError(f"{rows} in {part.values.name!r}.", "Choose a column of numbers of 0 or more, known in every row.")
        return part.X, part.y, _normal(weight)

    return method


def inverse(counts: np.ndarray, strength: float) -> np.ndarray:
    there = (counts > 0).sum()
    return (counts.sum() / (there * np.maximum(counts, 1))) ** strength


def _normal(weight: np.ndarray) -> np.ndarray:
    return weight / weight.mean()
