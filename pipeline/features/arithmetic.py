"""Columns made of two or more others, without learning anything: ratios, differences, products, powers, crossed categories, days between dates."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from pipeline.catalog import Param
from pipeline.errors import PlanError
from pipeline.features import Needs, step

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("numeric", "boolean")
LEVELS = ("categorical", "id", "boolean")
MOST_PAIRS = 500


def column(name: str, title: str, help: str = "", accepts: tuple[str, ...] = NUMBERS, optional: bool = False) -> Param:
    """A parameter that is one column."""
    return Param(name, "column", "", title, help, tune=False, accepts=accepts, optional=optional)


def several(name: str, title: str, help: str = "", accepts: tuple[str, ...] = NUMBERS) -> Param:
    """A parameter that is several columns."""
    return Param(name, "columns", (), title, help, tune=False, accepts=accepts)


def pairs(columns: tuple[str, ...], least: int = 2) -> list[tuple[str, str]]:
    """Every two of the columns. Raises PlanError when there are too few columns, or too many pairs."""
    found = list(combinations(dict.fromkeys(columns), 2))
    if len(found) < least - 1:
        raise PlanError(
            f"{len(set(columns))} column is chosen; at least {least} are needed.", "Choose more columns in the settings of the step."
        )
    if len(found) > MOST_PAIRS:
        raise PlanError(
            f"{len(set(columns)):,} columns make {len(found):,} pairs; at most {MOST_PAIRS} are made by one step.", "Choose fewer columns."
        )
    return found


@step(
    "ratio",
    title="Ratio of two numbers",
    help="One number divided by another. Where the lower one is 0 or missing, the ratio is missing.",
    phase="derive",
    order=12,
    params=(column("numerator", "Upper number"), column("denominator", "Lower number")),
    names=lambda params: {f"{params['numerator']} / {params['denominator']}": "numeric"},
)
def ratio(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_ratio, params)


def make_ratio(table: pd.DataFrame, numerator: str, denominator: str) -> dict[str, Any]:
    from pipeline.features.derive import finite

    return {f"{numerator} / {denominator}": finite(table[numerator].to_numpy() / table[denominator].to_numpy())}


@step(
    "difference",
    title="Difference of two numbers",
    help="One number less another; missing where either is.",
    phase="derive",
    order=12,
    params=(column("left", "From"), column("right", "Take away")),
    names=lambda params: {f"{params['left']} - {params['right']}": "numeric"},
)
def difference(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_difference, params)


def make_difference(table: pd.DataFrame, left: str, right: str) -> dict[str, Any]:
    from pipeline.features.derive import finite

    return {f"{left} - {right}": finite(table[left].to_numpy() - table[right].to_numpy())}


@step(
    "product",
    title="Products of numbers",
    help="Every two of the chosen numbers, multiplied: what one is worth may depend on the other.",
    phase="derive",
    order=13,
    params=(several("columns", "Numbers", "Two or more."),),
    names=lambda params: {f"{a} × {b}": "numeric" for a, b in pairs(params["columns"])},
)
def product(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_product, params)


def make_product(table: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, Any]:
    from pipeline.features.derive import finite

    return {f"{a} × {b}": finite(table[a].to_numpy() * table[b].to_numpy()) for a, b in pairs(columns)}


@step(
    "polynomial",
    title="Powers of numbers",
    help="The square, and with a higher degree the cube and so on, of each chosen number, beside the number itself.",
    phase="derive",
    order=13,
    params=(several("columns", "Numbers"), Param("degree", "int", 2, "Degree", "The highest power.", 2, 5, tune=False)),
    names=lambda params: {f"{name}^{power}": "numeric" for name in params["columns"] for power in range(2, params["degree"] + 1)},
)
def polynomial(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_powers, params)


def make_powers(table: pd.DataFrame, columns: tuple[str, ...], degree: int) -> dict[str, Any]:
    from pipeline.features.derive import finite

    return {f"{name}^{power}": finite(table[name].to_numpy() ** power) for name in columns for power in range(2, degree + 1)}


@step(
    "cross",
    title="Crossed categories",
    help="Every two of the chosen categories as one: a level for each combination. Missing where both are.",
    phase="derive",
    order=14,
    params=(several("columns", "Categories", "Two or more.", LEVELS),),
    names=lambda params: {f"{a} & {b}": "categorical" for a, b in pairs(params["columns"])},
)
def cross(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_crosses, params)


def make_crosses(table: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, Any]:
    import numpy as np

    words = {name: table[name].where(table[name].notna(), "").astype(str).astype(object) for name in columns}
    known = {name: table[name].notna() for name in columns}
    made = {(a, b): words[a] + " & " + words[b] for a, b in pairs(columns)}
    return {f"{a} & {b}": values.where(known[a] | known[b], np.nan).to_numpy(dtype=object) for (a, b), values in made.items()}


@step(
    "days_between",
    title="Days between two dates",
    help="How many days one date is after another, or after a fixed day; with a fraction where there are times.",
    phase="derive",
    order=12,
    params=(
        column("end", "Date", "The later one, as a rule.", ("datetime",)),
        column("start", "Days since this date", "Leave it empty to count from a fixed day.", ("datetime",), optional=True),
        Param("day", "text", "2000-01-01", "Fixed day", "Year-month-day; only where no second date is chosen.", tune=False),
    ),
    names=lambda params: {f"days from {params['start'] or _day(params['day'])} to {params['end']}": "numeric"},
)
def days_between(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_days, params)


def make_days(table: pd.DataFrame, end: str, start: str, day: str) -> dict[str, Any]:
    import pandas as pd

    since = table[start] if start else pd.Timestamp(_day(day))
    days = (table[end] - since) / pd.Timedelta(days=1)
    return {f"days from {start or _day(day)} to {end}": days.to_numpy(dtype="float64")}


def _day(text: str) -> str:
    """A day as it was written, if it is one."""
    from datetime import date

    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise PlanError(f"{text!r} is not a day; expected year-month-day, such as 2024-02-29.", "Write the day like that.") from error
