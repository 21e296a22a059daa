"""Dates and truth values into numbers."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step


@step(
    "date_parts",
    title="Date parts",
    help="Turns a date into year, month, day, weekday, day of the year, days since 1970 and, where times differ, the hour.",
    kinds=("datetime",),
    gives="numeric",
    default=True,
    order=20,
    params=(Param("elapsed", "bool", True, "Days since 1970", "Keeps the order of time as one number.", tune=False),),
)
def date_parts(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import DateParts

    return DateParts(elapsed=params["elapsed"])


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
