"""Which columns go on: dropped or kept by name at a place of the recipe, columns that steps have added included."""

from __future__ import annotations

from typing import Any

from pipeline.data.schema import KINDS
from pipeline.features import Needs, step


@step(
    "drop",
    title="Drop columns",
    help="The chosen columns do not reach the model. Steps that come later may still read them.",
    kinds=KINDS,
    drops="chosen",
    order=18,
)
def drop(params: dict[str, Any], needs: Needs) -> Any:
    return None  # the flow of the recipe leaves the columns out


@step(
    "keep",
    title="Keep only these columns",
    help="Of the columns that are there at this place, only the chosen ones reach the model. Steps that come later may still read the others.",
    kinds=KINDS,
    drops="others",
    order=18,
)
def keep(params: dict[str, Any], needs: Needs) -> Any:
    return None  # the flow of the recipe leaves the columns out
