"""The label doctor as analyses: which labels are probably wrong, and what the corrected ones gain."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses import Asked, analysis
from pipeline.analyses.compared import compared
from pipeline.catalog import Param
from pipeline.data.versions import Edit, edited
from pipeline.errors import PlanError
from pipeline.judge.doctor import Doubts, Neighbours, of_classes, of_numbers
from pipeline.measure import Measured, Ruler
from pipeline.plan import Plan

FEWEST = 20
NEAREST = 5
FLOOR = 0.005  # of a residual, in ranks


@analysis(
    "doctor",
    title="Label doctor",
    help="Predicts every row by models that have not seen it, and ranks the rows whose label they believe least, each beside its nearest rows and "
    "with its estimated probability of being wrong. A doubtful label is not a wrong one: look at each.",
    params=(Param("most", "int", 200, "Suspects, at most", "The most doubtful rows that are kept to look at.", 10, 1_000, unit="rows", tune=False),),
    order=40,
)
def doctor(asked: Asked) -> dict[str, Any]:
    asked.done(0.0, "Predicting every row by models that have not seen it")
    ruler = asked.ruler()
    measured, found = examine(ruler, asked.plan)
    count = min(asked.params["most"], len(measured.y), max(FEWEST, found.errors))
    asked.done(0.6, f"Looking for the rows nearest to {count} suspects")
    suspects = _suspects(asked, ruler, measured, found, count)
    asked.done(0.8, "Measuring what the proposed labels gain")
    labels = measured.y.copy()
    replaced = found.ranked[: min(found.errors, count)]
    labels[replaced] = found.proposed[replaced]
    gain = compared(ruler, ruler.measure(asked.plan, labels=labels), over=measured) if len(replaced) else None
    return {
        "metric": asked.plan.metric, "score": measured.score, "interval": list(measured.interval), "rows": len(measured.y),
        "errors": found.errors, "classes": [str(c) for c in ruler.classes], "suspects": suspects, "replaced": len(replaced), "gain": gain,
    }  # fmt: skip


def examine(ruler: Ruler, plan: Plan) -> tuple[Measured, Doubts]:
    """The plan as the ruler measures it, and the doubts about the labels of its rows."""
    measured = ruler.measure(plan)
    if ruler.classes:
        linear = ruler.measure(plan, family="linear")
        return measured, of_classes(measured.y, (measured.oof + linear.oof) / 2)
    ranks = pd.Series(measured.y).rank(pct=True).to_numpy()
    expected = ruler.measure(plan, labels=ranks).oof
    off = np.nan_to_num(np.abs(ranks - expected))
    spread = ruler.measure(plan, labels=np.log(off + FLOOR)).oof
    return measured, of_numbers(measured.y, expected, np.exp(spread))


def _suspects(asked: Asked, ruler: Ruler, measured: Measured, found: Doubts, count: int) -> list[dict[str, Any]]:
    """The most doubtful rows, with positions in the table."""
    classes = ruler.classes
    whole = asked.schema[asked.plan.target].dtype == "int"
    named = (lambda v: str(classes[int(v)])) if classes else round if whole else (lambda v: round(float(v), 6))
    nearest = Neighbours(asked.table[asked.plan.features], asked.plan.seed)
    position = {label: place for place, label in enumerate(asked.table.index)}
    told = []
    for i in found.ranked[:count]:
        row, given, proposed = position[ruler.rows[i]], measured.y[i], found.proposed[i]
        said = {"row": row, "given": named(given), "proposed": named(proposed), "chance": round(float(found.chance[i]), 4), "nearest": nearest.of(row, NEAREST)}
        if found.believed is not None:
            said |= {"belief": round(float(found.believed[i, int(given)]), 4), "other": round(float(found.believed[i, int(proposed)]), 4)}
        told.append(said)
    return told


@analysis(
    "relabelled",
    title="What corrected labels gain",
    help="Learns once from the labels as they are and once from the corrected ones, on the same folds. Both are judged by the labels as they are, "
    "so that nothing is gained by agreeing with oneself.",
    params=(Param("labels", "text", "{}", "Corrected labels", "Position of the row to its label, as JSON.", tune=False),),
    order=41,
)
def relabelled(asked: Asked) -> dict[str, Any]:
    changes = json.loads(asked.params["labels"])
    if not changes:
        raise PlanError("No label was corrected.", "Accept or change some labels first.")
    asked.done(0.0, "Measuring with the labels as they are")
    ruler = asked.ruler()
    before = ruler.measure(asked.plan)
    asked.done(0.5, f"Measuring with {len(changes)} corrected labels")
    codes = _codes(asked, ruler, changes)
    gain = compared(ruler, ruler.measure(asked.plan, labels=codes), over=before)
    return {"metric": asked.plan.metric, "labels": changes, "used": int(np.sum(codes != before.y)), **gain}


def _codes(asked: Asked, ruler: Ruler, changes: dict[str, Any]) -> np.ndarray:
    """The labels of the ruler's rows, corrected, as it codes them."""
    target = asked.plan.target
    edit = Edit(kind="set", column=target, rows=tuple(map(int, changes)), values=tuple(map(str, changes.values())))
    table, schema = edited(asked.table[[target]], asked.schema.only([target]), [edit])
    values = table.set_index(asked.table.index).loc[ruler.rows, target]
    if not ruler.classes:
        return values.to_numpy(float)
    places = {str(name): code for code, name in enumerate(ruler.classes)}
    labels = [str(schema[target].label(value)) for value in values]
    if strange := sorted(set(labels) - set(places)):
        raise PlanError(f"{target!r} has no class {strange[0]!r}.", f"Choose one of: {', '.join(sorted(places)[:20])}.")
    return np.array([places[label] for label in labels])
