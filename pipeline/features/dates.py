"""Steps for dates and truth values."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.errors import PlanError
from pipeline.features import Needs, step

PARTS = ("year", "month", "day", "weekday", "day of year", "hour", "quarter", "week")


def _switch(part: str) -> Param:
    return Param(part.replace(" ", "_"), "bool", part not in ("quarter", "week"), part.capitalize(), tune=False)


@step(
    "date_parts",
    title="Date parts",
    help="Turns a date into year, month, day, weekday, day of the year, days since 1970 and, where times differ, the hour; "
    "or into those of them that you choose.",
    kinds=("datetime",),
    gives="numeric",
    default=True,
    order=20,
    onnx=True,
    params=(
        Param("elapsed", "bool", True, "Days since", "Keeps the order of time as one number.", tune=False),
        Param("since", "text", "1970", "Since when", "A date (2020-03-01), or 'first' for the first of the training rows.", tune=False),
        *map(_switch, PARTS),
    ),
)
def date_parts(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.calendars import DateParts

    parts = tuple(part for part in PARTS if params[part.replace(" ", "_")])
    if not parts and not params["elapsed"]:
        raise PlanError("Date parts has every part switched off.", "Switch at least one part on, or give the dates the role 'ignore'.")
    return DateParts(parts, params["elapsed"], _start(params["since"].strip()))


def _start(said: str) -> str:
    import pandas as pd

    if said != "first" and pd.isna(pd.to_datetime(said, errors="coerce")):
        raise PlanError(f"Date parts counts days since {said!r}, which is no date.", "Write a date like 2020-03-01, a year, or 'first'.")
    return said


@step(
    "boolean",
    title="True and false to 1 and 0",
    help="Makes a number of a yes/no column; missing stays missing.",
    kinds=("boolean",),
    gives="numeric",
    keeps=True,
    onnx=True,
    default=True,
    order=10,
)
def boolean(params: dict[str, Any], needs: Needs) -> Any:
    return None  # the table arrives as 1.0 and 0.0 already; the step says that the kind is now a number
