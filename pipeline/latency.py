"""What predicting costs: which models of an ensemble are quick enough together, and which single one is the fast result.

Costs are measured on the finished models, and what is measured becomes part of the fit: choices rest on it, and a replay makes them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline import balance, features
from pipeline.device import cores
from pipeline.predictor import FittedModel
from pipeline.schedule import Schedule, behind, whole_enough
from pipeline.trials import Fit, Tally, TrainingData, costed_rows, recipe_name
from pipeline.workspace import Workspace

REFIT_COUNTS = 2.0  # folds that a model of all rows weighs as much as
MOST_LATENCY = 0.077  # seconds per 1,000 rows of an ensemble: slower models are left out
MOST_LATENCY_OF_FAST = 0.019  # of the fast result, with its recipe
WEIGHED = 5  # candidates for the fast result that are timed
NEAR = 1.5  # times the quickest of them: what is good enough where none is quick enough, for what they share costs most then
NOISE = 1.0  # standard errors, row by row: trials that are this near to each other are equally good
FIRST_ROWS = 20


def models_of(tally: Tally) -> list[tuple[Fit, float]]:
    """The fits whose models can predict for a trial, and how much each counts: its refits first, then its folds."""
    refits = [(fit, REFIT_COUNTS) for fit in tally.refits if whole_enough(fit)]
    return refits + [(fit, 1.0) for fit in tally.seeds]


def quick_enough(tallies: Sequence[Tally], weights: np.ndarray, schedule: Schedule, loaded: Loaded) -> list[list[tuple[Fit, float]]]:
    """The models of each member that together predict quickly enough: one of each, then more of all in turn, heavy members first.

    A member whose first model is too slow beside the others is left out. Where nothing may rest on measured times, each
    of several members has its refit, and a single one its folds too.
    """
    offered = [models_of(t) for t in tallies]
    if not schedule.timed:
        return [fits[:1] for fits in offered] if len(offered) > 1 else offered
    costs = [_cost(fits[0][0], schedule, loaded) for fits in offered]  # the others of a member cost the same, and need not be loaded for it
    taken: list[list[tuple[Fit, float]]] = [[] for _ in offered]
    order, spent, recipes = np.argsort(-weights, kind="stable"), 0.0, set()
    for turn in range(max(len(fits) for fits in offered)):
        for i in order:
            if turn >= len(offered[i]) or (turn and not taken[i]):
                continue
            fit, count = offered[i][turn]
            name = recipe_name(fit.fold, fit.needs)
            model, recipe = costs[i]
            cost = model + (0 if name in recipes else recipe)
            if spent == 0 or spent + cost <= MOST_LATENCY:
                taken[i].append((fit, count))
                recipes.add(name)
                spent += cost
    return taken


def _cost(fit: Fit, schedule: Schedule, loaded: Loaded) -> tuple[float, float]:
    """What the model and its recipe cost; what is measured becomes part of the fit, because a choice rests on it."""
    if fit.cost is None:
        fit = replace(fit, cost=loaded.cost(fit))
        schedule.tallies[fit.number].add(fit)
    return fit.cost


def fast(schedule: Schedule, loaded: Loaded) -> Tally | None:
    """The best trial that answers quickly enough with its recipe.

    Where none of the best few does, the quickest of those that are as good, but for noise, as the best of those near the quickest.
    """
    found = schedule.quick()
    if not schedule.timed or len(found) < 2:
        return found[0] if found else None
    costs: list[float] = []
    for tally in found[:WEIGHED]:
        costs.append(_alone(models_of(tally)[0][0], schedule, loaded))
        if costs[-1] <= MOST_LATENCY_OF_FAST:
            return tally
    near = [(cost, tally) for tally, cost in zip(found, costs, strict=False) if cost <= NEAR * min(costs)]
    best = near[0][1]
    return min((pair for pair in near if behind(schedule, pair[1], best)[0] <= NOISE), key=lambda pair: pair[0])[1]


def _alone(fit: Fit, schedule: Schedule, loaded: Loaded) -> float:
    if fit.alone is None:
        fit = replace(fit, alone=loaded.cost_alone(fit))
        schedule.tallies[fit.number].add(fit)
    return fit.alone


class Loaded:
    """The models of finished fits, each read once, and what predicting by them costs."""

    def __init__(self, workspace: Workspace, data: TrainingData) -> None:
        self._workspace, self._data = workspace, data
        self._recipes: dict[str, Any] = {}
        self._models: dict[str, FittedModel] = {}
        self._batches: dict[str, tuple[Any, float]] = {}
        self._alike = features.Brief()  # what the recipes make alike costs only the first of them, as in a prediction

    def model(self, fit: Fit) -> FittedModel:
        """The model of a finished fit. Models of the same fold and needs share one recipe."""
        if fit.key not in self._models:
            estimator, present = self._workspace.get(f"model-{fit.key}")
            if hasattr(estimator, "resources"):
                estimator.resources = replace(estimator.resources, threads=cores())  # it was fitted beside others; it predicts alone
            self._models[fit.key] = FittedModel(self.recipe(fit), estimator, present, len(self._data.classes))
        return self._models[fit.key]

    def cost(self, fit: Fit) -> tuple[float, float]:
        """Seconds per 1,000 rows of the model, and of its recipe beside those that were asked for before."""
        name = recipe_name(fit.fold, fit.needs)
        if name not in self._batches:
            self._batches[name] = self._prepared(fit, self._alike)
        return self._spent(fit, *self._batches[name])

    def cost_alone(self, fit: Fit) -> float:
        """Seconds per 1,000 rows of the model and its recipe, where no other recipe is asked."""
        return sum(self._spent(fit, *self._prepared(fit, features.Brief())))

    def _prepared(self, fit: Fit, alike: features.Brief) -> tuple[Any, float]:
        rows = self._data.table.iloc[np.arange(costed_rows(len(self._data.rows))) % len(self._data.table)]
        with features.sharing(alike):
            return _timed(self.recipe(fit).transform, rows)

    def _spent(self, fit: Fit, batch: Any, seconds: float) -> tuple[float, float]:
        per_thousand = 1_000 / batch.shape[0]
        return _timed(self.model(fit).predict_prepared, batch)[1] * per_thousand, seconds * per_thousand

    def recipe(self, fit: Fit) -> Any:
        """The fitted recipe of a finished fit."""
        name = recipe_name(fit.fold, fit.needs)
        if name not in self._recipes:
            self._recipes[name] = self._workspace.get(name)
        return self._recipes[name]


def _timed(work: Callable[[Any], Any], rows: Any) -> tuple[Any, float]:
    """What comes of the rows, and the processor seconds that it took, after a few rows for what has to be loaded first.

    What else the machine does must not decide which models are kept, so it is not the time on the clock, but that of the thread
    that asks: where others help it does its share, and where they cannot it does all.
    """
    work(balance.take(rows, np.arange(FIRST_ROWS)))
    began = time.thread_time()
    return work(rows), time.thread_time() - began
