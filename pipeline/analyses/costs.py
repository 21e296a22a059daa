"""What a finding costs: the score with its fix and without it, on the same folds."""

from __future__ import annotations

from typing import Any

from pipeline.analyses import Asked, analysis
from pipeline.analyses.compared import compared
from pipeline.catalog import Param
from pipeline.errors import TrainyardError
from pipeline.measure import Measured, Ruler
from pipeline.plan import Fix
from pipeline.quality import check


@analysis(
    "costs",
    title="What each finding costs",
    help="Measures the score with the fix of each finding and without it, on the same folds. A fix that makes the score worse may still be "
    "right: what a leak adds to the score is not there when the model is used.",
    params=(Param("code", "text", "", "Finding", "The code of one finding; empty for all that have a fix.", tune=False),),
    order=30,
)
def costs(asked: Asked) -> dict[str, Any]:
    plan, fixes = asked.plan, _fixes(asked)
    asked.done(0.0, "Measuring the draft as it is")
    ruler = asked.ruler()
    now, rows = ruler.measure(plan), []
    for place, fix in enumerate(fixes):
        asked.done((place + 1) / (len(fixes) + 1), f"Measuring with: {fix.title}")
        rows.append(_cost(asked, ruler, now, fix))
    return {"metric": plan.metric, "score": now.score, "interval": list(now.interval), "rows": int(now.counts.sum()), "findings": rows}


def _fixes(asked: Asked) -> list[Fix]:
    """The fixes that change what is learned: of the findings, and those that are accepted already."""
    report = check(asked.table, asked.schema, asked.plan.target)
    wanted = asked.params.get("code", "")
    offered = [fix for finding in report.found for fix in finding.fixes[:1]]
    each = {(fix.code, fix.title): fix for fix in (*asked.plan.fixes, *offered)}
    return [fix for fix in each.values() if (fix.steps or fix.ignore) and wanted in ("", fix.code)]


def _cost(asked: Asked, ruler: Ruler, now: Measured, fix: Fix) -> dict[str, Any]:
    """`gain` is of the fix: positive when the score is better with it. A fix with which nothing can be learned says so."""
    plan = asked.plan
    said = {"code": fix.code, "title": fix.title, "accepted": (fix.code, fix.title) in {(f.code, f.title) for f in plan.fixes}}
    other = plan.undo(fix.code, fix.title) if said["accepted"] else plan.accept([fix])
    other = other.model_copy(update={"metric": plan.metric})  # a fix that changes the metric is measured by the draft's
    try:
        measured = ruler.measure(other)
    except TrainyardError as error:
        if asked.should_stop():
            raise
        return {**said, "failed": str(error)}
    fixed, unfixed = (now, measured) if said["accepted"] else (measured, now)
    return {**said, **compared(ruler, fixed, over=unfixed)}
