"""Two measurements beside each other, as facts: both scores on the rows that both count, and the gain, which is their difference."""

from __future__ import annotations

from typing import Any

from pipeline import evaluate
from pipeline.measure import Measured, Ruler


def compared(ruler: Ruler, one: Measured, over: Measured) -> dict[str, Any]:
    """{with, without, gain, low, high, verdict, rows}: `one` is "with", `over` is "without"; a positive gain is better."""
    both, metric, found = one.counts & over.counts, ruler.plan.metric, ruler.gain(one, over=over)
    scores = {key: float(evaluate.score(metric, m.y[both], m.oof[both])) for key, m in (("with", one), ("without", over))}
    return {**scores, "gain": found.gain, "low": found.low, "high": found.high, "verdict": found.verdict, "rows": int(both.sum())}
