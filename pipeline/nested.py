"""Nested cross-validation: how good the whole way to a model is, choosing included, on rows that the choosing has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from pipeline import evaluate, run
from pipeline.data.splits import divide

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.schema import Schema
    from pipeline.plan import Plan


@dataclass(frozen=True)
class Nested:
    """`scores` are one per outer fold, `selected` what cross-validation inside that fold said of the same model."""

    metric: str
    score: float
    interval: tuple[float, float]
    scores: tuple[float, ...]
    selected: tuple[float, ...]
    families: tuple[str, ...]
    split: dict[str, Any]


def nested_score(
    plan: Plan, table: pd.DataFrame, schema: Schema, on_event: Callable[[str, dict], None] | None = None, should_stop: Callable | None = None
) -> Nested:
    """Run the plan anew on the training rows of each outer fold, with an even share of the budget, and score its validation rows.

    Both loops divide as the plan's split says. The interval is of Student's t, widened for training rows that the folds
    share (Nadeau and Bengio 2003). Raises PlanError, and TrainingError when a fold ends without a model.
    """
    plan.require(schema)
    table = table[table[plan.target].notna()]
    y, classes = run.encode(plan, table[plan.target], schema[plan.target])
    folds = plan.split.folds or min(5, plan.split.count(len(table)))  # each is a whole run
    outer = plan.split.model_copy(update={"holdout": 0, "repeats": 1})
    division = divide(outer, table, y, classes=bool(classes), seed=plan.seed, folds=folds, features=plan.features)
    inner, found = _inner(plan, len(division.folds)), []
    for train, valid in division.folds:
        outcome = run.execute(inner, table.iloc[train], schema=schema, on_event=on_event, should_stop=should_stop, explained=False)
        score = evaluate.score(plan.metric, y[valid], _predicted(outcome.predictor, table.iloc[valid], classes))
        found.append((score, outcome.leaderboard[0]["score"], outcome.leaderboard[0]["family"], len(valid) / len(train)))
    scores, selected, families, ratios = zip(*found, strict=True)
    score, around = _with_interval(np.array(scores), float(np.mean(ratios)))
    return Nested(plan.metric, score, around, scores, selected, families, division.facts)


def _inner(plan: Plan, parts: int) -> Plan:
    """The plan of one inner run: no holdout, because the outer fold is one, and its share of the budget."""
    search = plan.search
    share = {"trials": max(1, search.trials // parts)} if search.trials is not None else {"seconds": (search.seconds or 60) / parts}
    split = plan.split.model_copy(update={"holdout": 0, "nested": False})
    return plan.model_copy(update={"split": split, "search": search.model_copy(update=share)})


def _predicted(predictor: Any, rows: pd.DataFrame, classes: tuple) -> np.ndarray:
    """Predictions with a column for every class, those that the fold's training rows lacked at 0."""
    if not classes:
        return predictor.predict(rows)
    probabilities = np.zeros((len(rows), len(classes)))
    probabilities[:, [classes.index(label) for label in predictor.classes]] = predictor.predict_proba(rows)
    return probabilities


def _with_interval(scores: np.ndarray, ratio: float) -> tuple[float, tuple[float, float]]:
    known = scores[np.isfinite(scores)]  # a fold of a single class has no AUC
    mean, many = float(known.mean()), len(known)
    half = float(stats.t.ppf(0.975, many - 1) * np.sqrt(known.var(ddof=1) * (1 / many + ratio))) if many > 1 else float("inf")
    return mean, (mean - half, mean + half)
