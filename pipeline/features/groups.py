"""What the rows of the same key say together, and what a row's own past says.

Both are learned from training rows. An aggregate of a training row is made out of fold, from other rows of its group, as it
will be for a new row. A lag or a rolling window sees rows of strictly earlier time only, in training and afterwards.
"""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step
from pipeline.features.arithmetic import column, several
from pipeline.features.names import aggregate_names, rolling_name

KEYS = ("categorical", "id", "boolean", "numeric")
TIMES = ("datetime", "numeric")
STATISTICS = ("mean", "median", "std", "min", "max", "quantile", "count")
MOVING = ("mean", "sum", "std", "min", "max", "count")


@step(
    "group_aggregate",
    title="Aggregate by group",
    help="What a number is in the rows of the same group: its mean, spread or extremes, and how far the row itself is from that. Learned on "
    "training rows only, and for a training row from other rows than itself; a group that is new or missing gets the value of all rows.",
    phase="derive",
    order=16,
    params=(
        several("keys", "Group by", "One column, or several together.", KEYS),
        Param("values", "columns", (), "Numbers", "Not needed to count rows.", tune=False, accepts=("numeric", "boolean"), optional=True),
        Param("statistic", "choice", "mean", "Statistic", "count: training rows of the group.", choices=STATISTICS, tune=False),
        Param("quantile", "float", 0.9, "Quantile", "For the statistic of that name.", 0.01, 0.99, tune=False),
        Param("gives", "choice", "both", "Gives", "difference: of the row from its group.", choices=("statistic", "difference", "both"), tune=False),
        Param("cross_fit", "bool", True, "From other rows", "A training row does not count in its own group, as a new row does not.", tune=False),
    ),
    names=lambda params: {name: "numeric" for pair in aggregate_names(params) for name in pair if name},
)  # fmt: skip
def group_aggregate(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.aggregates import GroupStatistic

    return GroupStatistic(**params)


PAST = (
    several("values", "Numbers"),
    column("time", "Time", "Dates, or numbers that grow with time.", TIMES),
    Param("keys", "columns", (), "Within", "The rows of the same key are one course of time; empty for all rows.", tune=False, accepts=KEYS, optional=True),
)  # fmt: skip
SEES = (
    "A row sees rows of strictly earlier time only: those of the training rows, and in a table that is scored the earlier rows of that "
    "table, whose values are known by then. A row that is scored alone sees the training rows."
)


@step(
    "lag",
    title="Earlier values",
    help="The value that a number had one or more rows earlier in time. " + SEES,
    phase="derive",
    past=True,
    order=16,
    params=(*PAST, Param("steps", "int", 1, "How many", "1: the row before; 3: the three rows before, a column each.", 1, 30, unit="rows", tune=False)),
    names=lambda params: {f"{value}, {k} earlier": "numeric" for value in params["values"] for k in range(1, params["steps"] + 1)},
)  # fmt: skip
def lag(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.aggregates import Lag

    return Lag(**params)


@step(
    "rolling",
    title="Rolling window",
    help="A statistic of the rows just before, by their number or within some days. " + SEES,
    phase="derive",
    past=True,
    order=16,
    params=(
        *PAST,
        Param("statistic", "choice", "mean", "Statistic", choices=MOVING, tune=False),
        Param("window", "float", 7.0, "Length", "Of the window.", 1.0, 10_000.0, unit="rows or days", tune=False),
        Param(
            "unit",
            "choice",
            "rows",
            "Counted in",
            "days: units of the time column where that is a number.",
            choices=("rows", "days"),
            tune=False,
        ),
    ),
    names=lambda params: {rolling_name(params, value): "numeric" for value in params["values"]},
)
def rolling(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.aggregates import Rolling

    return Rolling(**params)
