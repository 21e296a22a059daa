"""Steps that put right what the quality checks found. They change values and rows, and learn nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.catalog import Param
from pipeline.features import Needs, step

EVERY = ("numeric", "categorical", "text", "id")


@step(
    "drop_duplicates",
    title="Leave out repeated rows",
    help="Of rows that are equal in every feature and in the target, keeps the first. Done before the split, so that no copy of a "
    "training row is left to judge by; rows that are scored are never dropped.",
    rows=True,
    order=1,
)
def drop_duplicates(table: pd.DataFrame, params: dict[str, Any]) -> np.ndarray:
    return ~table.duplicated().to_numpy()


@step(
    "replace_missing",
    title="Treat values as missing",
    help="Values that stand for 'unknown' become missing. Several are separated by |, for example ?|unknown|-1.",
    kinds=EVERY,
    order=2,
    params=(Param("values", "text", "?", "Values", "Separated by |.", tune=False),),
)
def replace_missing(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import ReplaceValues

    return ReplaceValues(values=tuple(params["values"].split("|")))


@step(
    "to_number",
    title="Read text as numbers",
    help="Reads a column that is mostly numbers as numbers; what is not a number becomes missing.",
    kinds=("categorical", "text", "id"),
    gives="numeric",
    keeps=True,
    order=3,
)
def to_number(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import ToNumber

    return ToNumber()
