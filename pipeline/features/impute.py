"""The step that fills gaps in numbers."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step

ALIKE = {"nearest": 2_000, "iterative": 20_000}  # training rows that are asked; a distance to each costs more than a formula


@step(
    "impute",
    title="Fill missing numbers",
    help="Fills gaps from the training rows and adds a column that marks where the gaps were. 'auto' leaves them to families that "
    "handle missing values themselves and takes the median for the others; 'native' is that with the marks for all. 'nearest' "
    "asks the rows that are most alike, 'iterative' the other columns.",
    kinds=("numeric",),
    default=True,
    order=40,
    params=(
        Param(
            "strategy", "choice", "auto", "Fill with", tune=False,
            choices=("auto", "median", "mean", "most_frequent", "constant", "nearest", "iterative", "native"),
        ),
        Param("indicator", "bool", True, "Mark the gaps", "Adds a 0/1 column where training rows had gaps.", tune=False),
        Param("value", "float", 0.0, "Constant", "For 'constant': what stands in every gap.", -1e12, 1e12, tune=False),
        Param("neighbours", "int", 5, "Neighbours", "For 'nearest': how many rows are asked.", 1, 100, tune=False),
    ),
)  # fmt: skip
def impute(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import Fill, FillAlike, MarkGaps

    strategy, indicator = params["strategy"], params["indicator"]
    if needs.missing and strategy in ("auto", "native"):
        return MarkGaps() if strategy == "native" and indicator else None
    if strategy in ALIKE:
        return FillAlike(strategy, params["neighbours"], ALIKE[strategy], indicator)
    return Fill("median" if strategy in ("auto", "native") else strategy, params["value"], indicator)
