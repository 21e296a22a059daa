"""The leakage court as an analysis: the verdicts, and two scores on the same folds, with the suspects and without them."""

from __future__ import annotations

from typing import Any

from pipeline.analyses import Asked, analysis
from pipeline.judge.court import CODE, Findings, acquit, hear
from pipeline.measure import Measured
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
    """The plan with the suspects and without them. What is left out already counts as with; without suspects both are one."""
    plan = acquit(asked.plan)
    suspects = [name for name in (*found.of("guilty"), *found.of("suspicious")) if name in plan.features]
    asked.done(0.6, "Measuring with all columns")
    ruler = asked.ruler()
    whole = ruler.measure(plan)
    told: dict[str, Any] = {"suspects": suspects, "with": _told(whole), "without": None, "gain": None}
    if suspects and set(suspects) != set(plan.features):
        asked.done(0.8, "Measuring without the suspects")
        honest = ruler.measure(plan.accept([Fix(code=CODE, title="without the suspects", ignore=tuple(suspects))]))
        drop = ruler.gain(whole, over=honest)
        told |= {"without": _told(honest), "gain": {"gain": drop.gain, "low": drop.low, "high": drop.high, "verdict": drop.verdict}}
    return told


def _told(one: Measured) -> dict[str, Any]:
    return {"score": one.score, "interval": list(one.interval), "rows": int(one.counts.sum())}
