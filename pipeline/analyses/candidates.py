"""Columns worth adding: those that could be made of others, screened cheaply, measured one by one, and confirmed together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from pipeline.analyses import Asked, analysis
from pipeline.catalog import Param
from pipeline.features import candidates as made

if TYPE_CHECKING:
    from pipeline.measure import Gain, Measured, Ruler
    from pipeline.plan import Plan

# Nothing is drawn at random but the rows that early stopping watches, so that a column that says nothing changes next to nothing.
STEADY = {"learning_rate": 0.1, "num_leaves": 31, "n_estimators": 300, "feature_fraction": 1.0, "bagging_fraction": 1.0}
ROWS, LEAST_ROWS, SCREENED_ROWS, FOLDS = 20_000, 2_000, 10_000, 3
ONE = 1 / 10  # of the time may go into one measurement: where it takes longer, fewer rows are measured
SCREEN = 1 / 8  # of the time is for the screen, even when the draft has taken all of it
SEEDS = 3  # fits of the draft as it is: how much a score moves by chance alone
LEVEL = 0.95
MOST_TOGETHER = 5


@analysis(
    "candidates",
    title="Candidates with their gain",
    help="Proposes ratios, differences, products, crossed categories, group aggregates and days between dates, and measures what the most "
    "promising of them add to the score on the same folds.",
    params=(
        Param("seconds", "float", 120.0, "Time, at most", "What is measured by then is the answer.", 10.0, 7_200.0, unit="s", tune=False),
        Param("most", "int", 20, "Measured, at most", "The best by the screen.", 1, 200, unit="candidates", tune=False),
    ),
)
def candidates(asked: Asked) -> dict[str, Any]:
    """Base fits, the screen, a measurement of each of the best, and the chosen ones together on other folds."""
    search = _Search(asked)
    ranked, proposed, possible = search.screened()
    chosen = ranked[: asked.params["most"]]
    rows = search.measured(chosen, proposed)
    rows.sort(key=lambda row: -row["gain"])
    together = search.confirmed([row for row in rows if row["verdict"] in ("better", "promising")][:MOST_TOGETHER])
    return {
        "metric": asked.plan.metric,
        "score": search.base.score,
        "rows": int(search.base.counts.sum()),
        "possible": possible,
        "proposed": proposed,
        "promising": len(ranked),
        "chosen": len(chosen),
        "noise": search.noise,
        "candidates": rows,
        "together": together,
        "seconds": round(time.monotonic() - search.began, 1),
    }


class _Search:
    """One search for candidates: the draft measured first, and the time that is left."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.began = asked, time.monotonic()
        asked.done(0.0, "Measuring the draft as it is")
        self.seconds = asked.params["seconds"]
        self._measure_draft(ROWS)
        if self.each > ONE * self.seconds and len(self.base.rows) > LEAST_ROWS:
            self._measure_draft(max(LEAST_ROWS, int(len(self.base.rows) * ONE * self.seconds / self.each)))
        again = time.monotonic()  # the first fits also start processes
        self.noise = _noise(self.ruler, asked.plan, self.base)
        self.each = (time.monotonic() - again) / (SEEDS - 1)

    def _measure_draft(self, rows: int) -> None:
        began, self.most_rows = time.monotonic(), rows
        self.ruler = self.asked.ruler(params=STEADY, folds=FOLDS, most_rows=rows)
        self.base = self.ruler.measure(self.asked.plan)
        self.each = time.monotonic() - began

    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.began)

    def screened(self) -> tuple[list[made.Candidate], int, int]:
        self.asked.done(0.15, "Looking for columns that explain what the model does not")
        known = np.flatnonzero(self.base.counts)
        if len(known) > SCREENED_ROWS:
            known = np.sort(np.random.default_rng(self.asked.plan.seed).choice(known, SCREENED_ROWS, replace=False))
        left = made.residuals(self.base.y[known], self.base.oof[known])
        end = time.monotonic() + max(self.left() / 3, SCREEN * self.seconds)
        table = self.asked.table.loc[self.ruler.rows[known]]
        return made.screen(self.asked.plan, table, left, should_stop=lambda: self.asked.should_stop() or time.monotonic() > end)

    def measured(self, ranked: list[made.Candidate], proposed: int) -> list[dict[str, Any]]:
        rows = []
        for place, candidate in enumerate(ranked):
            if rows and self.left() < 3 * self.each:  # two are kept for the chosen ones together
                break
            self.asked.done(0.2 + 0.7 * place / len(ranked), f"Measuring {candidate.title!r}, {place + 1} of {len(ranked)}")
            began = time.monotonic()
            other = self.ruler.measure(self.asked.plan.with_steps([candidate.step]))
            gain = self.ruler.gain(other, over=self.base)
            self.each = time.monotonic() - began
            rows.append(_row(candidate, other, gain, self.noise, proposed, time.monotonic() - began))
        return rows

    def confirmed(self, chosen: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The chosen ones together, on folds that have not chosen them, and on other rows where the table has more."""
        if not chosen:
            return None
        self.asked.done(0.92, "Measuring the chosen candidates together, on other folds")
        plan = self.asked.plan.model_copy(update={"seed": self.asked.plan.seed + 1})
        ruler = type(self.ruler)(
            plan, self.asked.table, self.asked.schema, params=STEADY, folds=FOLDS, most_rows=self.most_rows, executor=self.asked.executor,
            should_stop=self.asked.should_stop,
        )  # fmt: skip
        steps = [row["step"] for row in chosen]
        base, other = ruler.measure(plan), ruler.measure(plan.with_steps(steps))
        gain, error = _judged(ruler.gain(other, over=base), self.noise)
        half = error * float(norm.ppf(0.5 + LEVEL / 2))
        verdict = "better" if gain > half else "worse" if gain < -half else "tie"
        return {
            "titles": [row["title"] for row in chosen], "steps": steps, "score": other.score, "without": base.score, "gain": gain, "low": gain - half,
            "high": gain + half, "verdict": verdict,
        }  # fmt: skip


def _noise(ruler: Ruler, plan: Plan, base: Measured) -> float:
    """The deviation of the draft's score over seeds of the model."""
    others = [ruler.measure(plan.model_copy(update={"seed": plan.seed + i})) for i in range(1, SEEDS)]
    return float(np.std([0.0, *(ruler.gain(other, over=base).gain for other in others)], ddof=1))


def _judged(gain: Gain, noise: float) -> tuple[float, float]:
    """The gain and its standard error: by the rows (bootstrap), and by the seeds of the two models that are compared."""
    of_rows = (gain.high - gain.low) / 2 / float(norm.ppf(0.5 + LEVEL / 2))
    return gain.gain, float(np.hypot(of_rows, np.sqrt(2) * noise))


def _row(candidate: made.Candidate, other: Measured, measured: Gain, noise: float, proposed: int, seconds: float) -> dict[str, Any]:
    """What is told of a candidate. The strict interval allows for every candidate that was looked at (Bonferroni)."""
    gain, error = _judged(measured, noise)
    half, strict = (error * float(norm.ppf(1 - (1 - LEVEL) / 2 / tried)) for tried in (1, max(1, proposed)))
    verdict = "better" if gain > strict else "promising" if gain > half else "worse" if gain < -half else "tie"
    return {
        "title": candidate.title, "kind": candidate.step.step, "step": candidate.step.model_dump(mode="json"), "share": candidate.worth,
        "score": other.score, "gain": gain, "low": gain - half, "high": gain + half, "strict_low": gain - strict, "strict_high": gain + strict,
        "verdict": verdict, "seconds": round(seconds, 2),
    }  # fmt: skip
