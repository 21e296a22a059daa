"""What the columns that a step adds are called: known from its parameters alone, before anything is fitted."""

from __future__ import annotations

from typing import Any

from pipeline.errors import PlanError

HOLIDAY_PARTS = ("holiday", "working day", "days to holiday", "days since holiday")
STYLE = (
    "characters", "words", "characters per word", "distinct words", "capitals", "words in capitals", "digits", "punctuation", "exclamation marks",
    "question marks", "lines",
)  # fmt: skip


def aggregate_names(params: dict[str, Any]) -> list[tuple[str, str]]:
    """The new columns of each number: the statistic and the difference from it, "" for the one that is not asked for."""
    by, what, gives = " & ".join(params["keys"]), params["statistic"], params["gives"]
    if what == "count":
        return [(f"rows by {by}", "")]
    if not params["values"]:
        raise PlanError("No number is chosen to aggregate.", "Choose one in the settings of the step, or count rows.")
    what = f"quantile {params['quantile']:g}" if what == "quantile" else what
    found = [(f"{what} of {value} by {by}", f"{value} - {what} by {by}") for value in params["values"]]
    return [(one if gives != "difference" else "", other if gives != "statistic" else "") for one, other in found]


def rolling_name(params: dict[str, Any], value: str) -> str:
    return f"{params['statistic']} of {value}, {params['window']:g} {params['unit']} before"
