"""One trial: one configuration fitted on every fold, its out-of-fold predictions and its fold models."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog, evaluate, features
from pipeline.errors import TrainyardError
from pipeline.models import Resources, device_for
from pipeline.plan import Plan
from pipeline.predictor import FittedModel

if TYPE_CHECKING:
    import pandas as pd

CACHE_BYTES = 1_000_000_000


class Stopped(Exception):
    """The run was asked to stop, or its time is over, in the middle of a trial; the trial does not count."""


@dataclass(frozen=True)
class Trial:
    """A finished trial. `score` is the mean over the folds; `interval` is for rows like these (see evaluate.interval).

    `oof` has a prediction for every training row, made by the fold model that has not seen it, in the order of
    `TrainingData.rows`. `models` are the fold models, or None when they were not kept.
    """

    number: int
    family: str
    params: dict[str, Any]
    score: float | None
    interval: tuple[float, float] | None
    fold_scores: tuple[float, ...]
    seconds: float
    state: str = "complete"
    message: str = ""
    oof: np.ndarray | None = None
    models: tuple[FittedModel, ...] | None = None


@dataclass(frozen=True)
class Clock:
    """When to stop: a monotonic time, or because somebody asks. `deadline=None` never runs out."""

    deadline: float | None
    should_stop: Callable[[], bool]

    def left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def expired(self) -> bool:
        return self.left() <= 0 or self.should_stop()

    def at_most(self, seconds: float) -> Clock:
        """A clock for a part of the work."""
        if seconds == float("inf"):
            return self
        return Clock(min(self.deadline or float("inf"), time.monotonic() + seconds), self.should_stop)


@dataclass
class TrainingData:
    """The rows that a run may learn from: a typed table, the encoded target, and the folds as positions in `rows`.

    `rows` are positions in the original table. What a recipe makes of a fold is kept, so that families and
    configurations with the same needs pay for it once.
    """

    plan: Plan
    table: pd.DataFrame
    y: np.ndarray
    rows: np.ndarray
    folds: list[np.ndarray]
    classes: tuple = ()
    _made: dict = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fold(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions in `rows`: those to train on and those to validate on."""
        mask = np.ones(len(self.rows), bool)
        mask[self.folds[number]] = False
        return np.flatnonzero(mask), self.folds[number]

    def prepared(self, number: int, needs: features.Needs) -> tuple[Any, Any, Any]:
        """The recipe fitted on the fold's training rows, and what it makes of its training and validation rows."""
        key = (number, needs)  # one thread works on one fold, so two never make the same
        if key in self._made:
            return self._made[key]
        train, valid = self.fold(number)
        recipe = features.build(self.plan, needs)
        made = recipe.fit_transform(self.table.iloc[train], self.y[train])
        result = (recipe, made, recipe.transform(self.table.iloc[valid]))
        with self._lock:
            self._forget_beyond(_size(made))
            self._made[key] = result
        return result

    def _forget_beyond(self, coming: int) -> None:
        """Make room, oldest first."""
        while self._made and coming + sum(_size(a) + _size(b) for _, a, b in self._made.values()) > CACHE_BYTES:
            self._made.pop(next(iter(self._made)))


def _size(made: Any) -> int:
    if hasattr(made, "memory_usage"):
        return int(made.memory_usage(deep=False).sum())
    return int(made.data.nbytes if hasattr(made, "indptr") else made.nbytes)


def fit_trial(number: int, family: str, params: dict, data: TrainingData, resources: Resources, clock: Clock, on_event: Callable) -> Trial:
    """Fit one configuration on every fold. A family that fails gives a Trial with state "failed" and the reason.

    Raises Stopped when the run is asked to stop before the last fold is done.
    """
    started = time.monotonic()
    try:
        return _fit(number, family, params, data, resources, clock, on_event)
    except (Stopped, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # any library may raise anything on odd data: one family that fails must not end the run
        reason = str(error) if isinstance(error, TrainyardError) else f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - started, 3)
        return Trial(number, family, params, None, None, (), seconds, "failed", reason[:500])


def _fit(number: int, family: str, params: dict, data: TrainingData, resources: Resources, clock: Clock, on_event: Callable) -> Trial:
    """Fit the folds side by side, one per core: two fits with one thread each beat one fit with two threads by 1.2 to 1.4."""
    entry, plan, started = catalog.get("family", family), data.plan, time.monotonic()
    oof, scores = _empty(data), np.full(len(data.folds), np.nan)
    slots = min(resources.threads, len(data.folds))
    each = replace(resources, threads=resources.threads // slots, device=device_for(entry, resources.device))

    def fit(fold: int) -> FittedModel:
        waves_left = -(-len(data.folds) // slots) - fold // slots
        on_round = _rounds(clock.at_most(clock.left() / waves_left), on_event, number, fold)
        model, oof[data.folds[fold]] = fit_fold(entry, entry.complete(params), data, fold, each, on_round)
        if clock.should_stop():
            raise Stopped
        scores[fold] = evaluate.score(plan.metric, data.y[data.folds[fold]], oof[data.folds[fold]])
        on_event("fold", {"number": number, "family": family, "fold": fold + 1, "folds": len(data.folds), "score": scores[fold]})
        return model

    with ThreadPoolExecutor(slots) as pool:
        models = tuple(pool.map(fit, range(len(data.folds))))
    score, around = _scored(plan, data, oof, scores)
    seconds = round(time.monotonic() - started, 3)
    return Trial(number, family, params, score, around, tuple(scores.tolist()), seconds, oof=oof, models=models)


def _scored(plan: Plan, data: TrainingData, oof: np.ndarray, scores: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The mean over the folds, and the interval of the pooled predictions moved to it."""
    score, pooled = float(np.nanmean(scores)), evaluate.score(plan.metric, data.y, oof)
    low, high = evaluate.interval(plan.metric, data.y, oof, seed=plan.seed, resamples=60)
    return score, (score + low - pooled, score + high - pooled)


def fit_fold(
    entry: catalog.Entry, params: dict, data: TrainingData, fold: int, resources: Resources, on_round: Callable
) -> tuple[FittedModel, np.ndarray]:
    """Fit one configuration on one fold's training rows; return the model and its predictions of the validation rows."""
    recipe, made, valid_made = data.prepared(fold, features.Needs.of(entry.facts))
    train, _ = data.fold(fold)
    y, present = data.y[train], None
    if data.classes:
        present, y = np.unique(y, return_inverse=True)  # a fold may lack a rare class, and boosters want 0..K-1 without gaps
        if len(present) == 1:
            entry, params = catalog.get("family", "baseline"), {}
    estimator = entry.make(data.plan.task, params, resources)
    estimator.fit(made, y, **({"on_round": on_round} if entry.facts.iterative else {}))
    model = FittedModel(recipe, estimator, present, len(data.classes))
    return model, model.predict_prepared(valid_made)


def _empty(data: TrainingData) -> np.ndarray:
    shape = (len(data.rows), len(data.classes)) if data.classes else len(data.rows)
    return np.full(shape, np.nan, dtype="float64")


def _rounds(clock: Clock, on_event: Callable, number: int, fold: int) -> Callable[[int, float | None], bool]:
    """What a family calls after each round: tells the run at most once a second, and says when to stop."""
    last = time.monotonic()

    def on_round(iteration: int, score: float | None) -> bool:
        nonlocal last
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            on_event("round", {"number": number, "fold": fold + 1, "iteration": iteration, "score": score})
        return clock.expired()

    return on_round
