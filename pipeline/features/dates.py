"""Steps for dates and truth values."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.errors import PlanError
from pipeline.features import Needs, step
from pipeline.features.arithmetic import several
from pipeline.features.names import HOLIDAY_PARTS

DATES = ("datetime",)
PARTS = ("year", "month", "day", "weekday", "day of year", "hour", "quarter", "week")


def _switch(part: str) -> Param:
    return Param(part.replace(" ", "_"), "bool", part not in ("quarter", "week"), part.capitalize(), tune=False)


@step(
    "date_parts",
    title="Date parts",
    help="Turns a date into year, month, day, weekday, day of the year, days since 1970 and, where times differ, the hour; "
    "or into those of them that you choose.",
    kinds=DATES,
    gives="numeric",
    default=True,
    order=20,
    params=(
        Param("elapsed", "bool", True, "Days since", "Keeps the order of time as one number.", tune=False),
        Param("since", "text", "1970", "Since when", "A date (2020-03-01), or 'first' for the first of the training rows.", tune=False),
        *map(_switch, PARTS),
        Param(
            "curves", "choice", "auto", "Curves of time", "How near a date is to points of the week, the year and the day (splines), so that a "
            "weighted sum can follow rush hours and seasons. 'auto': for the families that make one, linear models and SVMs.",
            choices=("auto", "always", "never"), tune=False,
        ),
    ),
)  # fmt: skip
def date_parts(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.calendars import DateParts

    parts = tuple(part for part in PARTS if params[part.replace(" ", "_")])
    if not parts and not params["elapsed"]:
        raise PlanError("Date parts has every part switched off.", "Switch at least one part on, or give the dates the role 'ignore'.")
    return DateParts(parts, params["elapsed"], _start(params["since"].strip()), {"auto": needs.sums}.get(params["curves"], params["curves"] == "always"))


def _start(said: str) -> str:
    import pandas as pd

    if said != "first" and pd.isna(pd.to_datetime(said, errors="coerce")):
        raise PlanError(f"Date parts counts days since {said!r}, which is no date.", "Write a date like 2020-03-01, a year, or 'first'.")
    return said


CYCLES = ("month", "weekday", "day of year", "hour")


def _circles(params: dict[str, Any]) -> list[str]:
    found = [cycle for cycle in CYCLES if params[cycle.replace(" ", "_")]]
    if not found:
        raise PlanError("Every cycle is switched off.", "Switch at least one on in the settings of the step.")
    return found


@step(
    "date_cycles",
    title="Circles of time",
    help="Month, weekday, day of the year and hour as places on a circle (sine and cosine), so that December is next to January. "
    "For families that draw lines or measure distances; trees gain little.",
    phase="derive",
    order=15,
    params=(
        several("columns", "Dates", accepts=DATES),
        *(Param(cycle.replace(" ", "_"), "bool", cycle in ("month", "weekday"), cycle.capitalize(), tune=False) for cycle in CYCLES),
    ),
    names=lambda params: {
        f"{n}: {cycle} {side}": "numeric" for n in params["columns"] for cycle in _circles(params) for side in ("sin", "cos")
    },
)
def date_cycles(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.calendars import make_cycles
    from pipeline.features.derive import Made

    return Made(make_cycles, params)


@step(
    "weekend",
    title="Weekends",
    help="1 for Saturday and Sunday, 0 for other days.",
    phase="derive",
    order=15,
    params=(several("columns", "Dates", accepts=DATES),),
    names=lambda params: {f"{name}: weekend": "numeric" for name in params["columns"]},
)
def weekend(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.calendars import make_weekends
    from pipeline.features.derive import Made

    return Made(make_weekends, params)


def _holiday_names(params: dict[str, Any]) -> dict[str, Any]:
    """The columns that are added; a country without a calendar is told here, before anything is fitted."""
    from pipeline.features.calendars import holidays_of

    holidays_of(params["country"])
    return {f"{name}: {part}": "numeric" for name in params["columns"] for part in HOLIDAY_PARTS}


@step(
    "holidays",
    title="Public holidays",
    help="Of a country or a part of it: whether a day is a holiday, whether it is worked on (no holiday and no weekend), and how many "
    "days away the next and the last holiday are.",
    phase="derive",
    order=15,
    params=(
        several("columns", "Dates", accepts=DATES),
        Param("country", "text", "US", "Country", "Two letters, with a part of the country after a hyphen: DE, US-CA, GB-SCT.", tune=False),
    ),
    names=_holiday_names,
)
def public_holidays(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.calendars import make_holidays
    from pipeline.features.derive import Made

    return Made(make_holidays, params)


@step(
    "boolean",
    title="True and false to 1 and 0",
    help="Makes a number of a yes/no column; missing stays missing.",
    kinds=("boolean",),
    gives="numeric",
    keeps=True,
    default=True,
    order=10,
)
def boolean(params: dict[str, Any], needs: Needs) -> Any:
    return None  # the table arrives as 1.0 and 0.0 already; the step says that the kind is now a number
