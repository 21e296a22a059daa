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


@step(
    "merge_spellings",
    title="One spelling for each category",
    help="Categories that are equal apart from capitals, blanks, dots, hyphens and accents get the spelling that is commonest among the training rows.",
    kinds=("categorical",),
    order=4,
)
def merge_spellings(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import MergeSpellings

    return MergeSpellings()


@step(
    "tidy_text",
    title="Take stray blanks away",
    help="Removes blanks at the ends, doubled blanks and characters that nobody sees; writes small letters when asked.",
    kinds=("categorical", "text", "id"),
    order=3,
    params=(Param("lower", "bool", False, "Small letters", "Makes NY and ny the same.", tune=False),),
)
def tidy_text(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import TidyText

    return TidyText(**params)


@step(
    "bounds",
    title="Treat impossible numbers as missing",
    help="Numbers below the lowest or above the highest possible value become missing.",
    kinds=("numeric",),
    order=5,
    params=(
        Param("low", "float", -1e15, "Lowest possible", "What is less becomes missing.", -1e15, 1e15, tune=False),
        Param("high", "float", 1e15, "Highest possible", "What is more becomes missing.", -1e15, 1e15, tune=False),
    ),
)
def bounds(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import Bounds

    return Bounds(**params)


@step(
    "rescale",
    title="Convert numbers in another unit",
    help="Multiplies the numbers whose size lies between two bounds, for example 0.4536 for pounds among kilograms.",
    kinds=("numeric",),
    order=6,
    params=(
        Param("low", "float", 0.0, "From", "The smallest size to convert.", 0.0, 1e15, tune=False),
        Param("high", "float", 0.0, "To", "The largest size to convert.", 0.0, 1e15, tune=False),
        Param("factor", "float", 1.0, "Times", "What one of the other unit is in this one.", 1e-12, 1e12, tune=False),
    ),
)
def rescale(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import Rescale

    return Rescale(**params)


@step(
    "read_units",
    title="Read amounts with units",
    help="Reads amounts such as '5 kg' and '11 lb' as numbers of one unit; what is not an amount becomes missing.",
    kinds=("categorical", "text", "id"),
    gives="numeric",
    keeps=True,
    order=6,
    params=(Param("unit", "text", "kg", "In", "The unit of the numbers that come out: kg, m, l, h …", tune=False),),
)
def read_units(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import ReadUnits

    return ReadUnits(**params)


@step(
    "read_dates",
    title="Read text as dates",
    help="Reads a column that is mostly dates as dates; what is no day of the calendar becomes missing.",
    kinds=("categorical", "text", "id"),
    gives="datetime",
    keeps=True,
    order=6,
    params=(Param("format", "text", "ISO8601", "Format", "ISO8601, or as %d.%m.%Y; several are separated by |.", tune=False),),
)
def read_dates(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import ReadDates

    return ReadDates(**params)


@step(
    "date_bounds",
    title="Treat impossible dates as missing",
    help="Dates before the first or after the last possible day become missing.",
    kinds=("datetime",),
    order=6,
    params=(
        Param("first", "text", "", "First possible day", "As 2001-12-31; empty leaves this side open.", tune=False),
        Param("last", "text", "", "Last possible day", "As 2001-12-31; empty leaves this side open.", tune=False),
    ),
)
def date_bounds(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.repairs import DateBounds

    return DateBounds(**params)
