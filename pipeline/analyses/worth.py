"""What each column is worth: the score with all columns, and without each in turn."""

from __future__ import annotations

from typing import Any

from pipeline.analyses import Asked, analysis
from pipeline.catalog import Param


@analysis(
    "worth",
    title="What each column is worth",
    help="Trains a quick model without each column in turn, on the same folds. A column that others stand in for is worth nothing here, "
    "however well it predicts alone; one that makes the model worse should be left out.",
    params=(Param("most", "int", 30, "Columns, at most", "In the order of the table.", 1, 500, unit="columns", tune=False),),
)
def worth(asked: Asked) -> dict[str, Any]:
    names = asked.plan.features[: asked.params["most"]]
    asked.done(0.0, f"Measuring with all {len(asked.plan.features)} columns")
    ruler = asked.ruler()
    whole, rows = ruler.measure(asked.plan), []
    for place, name in enumerate(names if len(asked.plan.features) > 1 else []):
        asked.done((place + 1) / (len(names) + 1), f"Measuring without {name!r}")
        without = ruler.measure(_without(asked.plan, name))
        loss = ruler.gain(whole, over=without)
        rows.append(
            {"column": name, "worth": loss.gain, "low": loss.low, "high": loss.high, "verdict": loss.verdict, "without": without.score}
        )
    rows.sort(key=lambda row: -row["worth"])
    return {
        "metric": asked.plan.metric,
        "score": whole.score,
        "interval": list(whole.interval),
        "rows": int(whole.counts.sum()),
        "columns": rows,
    }


def _without(plan: Any, name: str) -> Any:
    columns = tuple(c.model_copy(update={"role": "ignore"}) if c.name == name else c for c in plan.columns)
    return plan.model_copy(update={"columns": columns})
