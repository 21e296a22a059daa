"""The leakage court as an analysis: the verdicts, and two scores on the same folds, with the suspects and without them."""

from __future__ import annotations

from typing import Any

from pipeline.analyses import Asked, analysis
from pipeline.analyses.compared import compared
from pipeline.judge.court import CODE, Findings, acquit, hear
from pipeline.plan import Fix


@analysis(
    "court",
    title="Leakage court",
    help="Hears every column: does it give the target away? Looks for copies and recodings of the target, values that are only known afterwards, "
    "gaps and numbers that follow it, group means that contain it, rows that are there twice. Then measures the score without the suspects.",
    order=20,
)
def court(asked: Asked) -> dict[str, Any]:
    found = hear(asked.plan, asked.table, asked.schema, tell=lambda share, message: asked.done(0.6 * share, message))
    return {**found.told(), "metric": asked.plan.metric, "scores": _scores(asked, found)}


def _scores(asked: Asked, found: Findings) -> dict[str, Any]:
    """The score with the suspects and without them, and what they add. What the court had left out before counts as with."""
    plan = acquit(asked.plan)
    suspects = [name for name in (*found.of("guilty"), *found.of("suspicious")) if name in plan.features]
    asked.done(0.6, "Measuring with all columns")
    ruler = asked.ruler()
    whole = ruler.measure(plan)
    if not suspects or set(suspects) == set(plan.features):
        return {"suspects": suspects, "with": whole.score, "without": None if suspects else whole.score, "rows": int(whole.counts.sum())}
    asked.done(0.8, "Measuring without the suspects")
    honest = ruler.measure(plan.accept([Fix(code=CODE, title="without the suspects", ignore=tuple(suspects))]))
    return {"suspects": suspects, **compared(ruler, whole, over=honest)}
