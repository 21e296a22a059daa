"""What a run ends with: the most accurate model and the fast one, how good they are, and every family beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog, evaluate, features, latency
from pipeline.data.schema import Schema
from pipeline.errors import TrainingError
from pipeline.latency import Loaded
from pipeline.plan import Plan
from pipeline.predictor import Predictor, blend
from pipeline.schedule import Schedule
from pipeline.trials import Tally, TrainingData, Trial, costed_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Result:
    """One model that a run offers: its predictor, and its predictions of the training rows by models that have not seen them.

    `rows` are the training rows that `oof` is for, and `latency` is in seconds per 1,000 rows.
    """

    name: str
    predictor: Predictor
    rows: np.ndarray
    oof: np.ndarray
    latency: float


@dataclass(frozen=True)
class Members:
    """The trials of a result with their weights, on the folds that all of them have.

    `weighed` says what came of weighing several models, JSON-able: how many had weight, by how much they are better than
    choosing one (`gain`, with its standard error), and whether that is more than noise. None when there was only one.
    """

    tallies: list[Tally]
    weights: np.ndarray
    rows: np.ndarray
    oof: np.ndarray
    weighed: dict[str, Any] | None = None


def choose(schedule: Schedule, loaded: Loaded) -> tuple[Members, Members]:
    """The members of the most accurate result, and the trial of the fast one. Raises TrainingError when nothing was finished."""
    best = schedule.best()
    if best is None:
        failed = "; ".join(f"{t.family}: {t.failed}" for t in schedule.tallies if t.failed)
        raise TrainingError(
            f"No model was finished{f' ({failed})' if failed else ''}.", "Give the run more time, or choose quicker families such as linear."
        )
    folds = [f for f in schedule.compared if f in best.folds]
    among, found = schedule.blend(folds)
    if not found:
        alone = _alone(schedule, best)
        return alone, alone
    fast = latency.fast(schedule, loaded)
    among, found = _weighed_again(schedule, folds, among, found)
    single, weighed = _alone(schedule, among[found.single]), _weighed(among, found)
    quick = _alone(schedule, fast) if fast else single
    if not found.earned:
        return replace(single, weighed=weighed), quick
    return replace(_together(schedule, loaded, among, found), weighed=weighed), quick


def _together(schedule: Schedule, loaded: Loaded, among: list[Tally], found: Any) -> Members:
    """The members with weight that predict quickly enough together, weighed without those that do not."""
    while True:
        kept, (rows, _) = np.flatnonzero(found.weights), schedule.rows(_shared(among))
        members = Members([among[i] for i in kept], found.weights[kept], rows, found.crossed)
        models = latency.quick_enough(members.tallies, members.weights, schedule, loaded)
        quick = [tally for tally, fits in zip(members.tallies, models, strict=True) if fits]
        if len(quick) == len(members.tallies):
            return members
        among, found = schedule.blend(_shared(quick), quick)


def _weighed(among: Sequence[Tally], found: Any) -> dict[str, Any] | None:
    if len(among) < 2:
        return None
    return {"models": int((found.weights > 0).sum()), "gain": found.gain, "error": found.error, "offered": found.earned}


def _shared(tallies: Sequence[Tally]) -> list[int]:
    return sorted(set.intersection(*(set(t.folds) for t in tallies)))


def _weighed_again(schedule: Schedule, folds: list[int], among: list[Tally], found: Any) -> tuple[list[Tally], Any]:
    """The members weighed on all the folds that every one of them has: more rows than the race had."""
    members = [t for t, w in zip(among, found.weights, strict=True) if w > 0 or t is among[found.single]]
    shared = _shared(members)
    if len(shared) <= len(folds):
        return members, schedule.blend(folds, members)[1]
    return members, schedule.blend(shared, members)[1]


def _alone(schedule: Schedule, tally: Tally) -> Members:
    rows, _ = schedule.rows(sorted(tally.folds))
    return Members([tally], np.ones(1), rows, tally.oof(schedule.data)[rows])


def result(name: str, members: Members, schedule: Schedule, loaded: Loaded, schema: Schema) -> Result:
    """Load the models of the members into a predictor; the fast result has one model."""
    data, models, weights = schedule.data, [], []
    alone = name == "fast"
    chosen = [latency.models_of(members.tallies[0])[:1]] if alone else latency.quick_enough(members.tallies, members.weights, schedule, loaded)
    for fits, weight in zip(chosen, members.weights, strict=True):
        total = sum(count for _, count in fits)
        for fit, count in fits:
            models.append(loaded.model(fit))
            weights.append(float(weight * count / total))
    predictor = _predictor(data, schema, members, models, weights)
    return Result(name, predictor, members.rows, members.oof, _measured(predictor, data))


def _measured(predictor: Predictor, data: TrainingData) -> float:
    """Seconds per 1,000 rows, on rows of the training table."""
    rows = data.table.iloc[: costed_rows(len(data.rows))]
    began = time.perf_counter()
    blend(predictor.models, predictor.weights, rows)
    return (time.perf_counter() - began) / len(rows) * 1000


def selection(data: TrainingData, single: Members, loaded: Loaded) -> dict[str, Any] | None:
    """How often the selections of the recipe kept each column over the folds of the best single model; None where nothing is selected."""
    if not any(catalog.get("step", spec.step).facts.selects for spec in features.flow(data.plan).matrix):
        return None
    found = features.stability(data.plan, [loaded.recipe(fit) for fit in single.tallies[0].folds.values()])
    return found if found["steps"] else None


def _predictor(data: TrainingData, schema: Schema, members: Members, models: list, weights: list[float]) -> Predictor:
    plan, first = data.plan, members.tallies[int(np.argmax(members.weights))]
    about: dict[str, Any] = {"family": first.family, "params": first.params, "trial": first.number, "metric": plan.metric}
    about |= {"score": evaluate.score(plan.metric, data.y[members.rows], members.oof), "plan": plan.fingerprint(), "dataset": plan.dataset}
    about |= {"training_rows": len(data.rows), "folds": len(data.folds), "models": len(models)}
    about["members"] = [
        {"trial": t.number, "family": t.family, "weight": float(w), "folds": len(t.folds), "refits": len(t.refits)}
        for t, w in zip(members.tallies, members.weights, strict=True)
    ]
    needed = set(features.inputs(plan))
    unused = tuple(name for name in schema.names if name not in needed)
    return Predictor(plan.task, plan.target, schema.only(needed), tuple(models), data.classes, unused, about, tuple(weights))


@dataclass(frozen=True)
class Holdout:
    """Rows that no trial has seen; used once, by `judge`. There may be none."""

    table: pd.DataFrame
    y: np.ndarray
    rows: np.ndarray


def judge(data: TrainingData, holdout: Holdout, results: Sequence[Result], baseline: Trial | None) -> dict[str, Any]:
    """How good the first result is, by every metric with an interval: on the holdout (when there is one) and out of fold.

    "results" says of each result what it reaches on both and how quick it is, so that accuracy and speed can be weighed.
    """
    plan, best, classes = data.plan, results[0], [str(label) for label in data.classes]
    predicted = [blend(r.predictor.models, r.predictor.weights, holdout.table) if len(holdout.rows) else None for r in results]
    facts: dict[str, Any] = {"task": plan.task, "metric": plan.metric, "classes": classes, "positive": plan.positive, "target": plan.target}
    about = best.predictor.about
    facts |= {"family": about["family"], "trial": about["trial"], "params": about["params"], "members": about["members"], "folds": len(data.folds)}
    facts["split"] = data.split
    facts["baseline"] = _guesses(plan, data, holdout, baseline) if baseline else None
    facts["cv"] = evaluate.judge(plan.task, data.y[best.rows], best.oof, classes)
    if len(holdout.rows):
        facts["holdout"] = evaluate.judge(plan.task, holdout.y, predicted[0], classes)
    facts["results"] = [_offered(plan, data, holdout, r, p) for r, p in zip(results, predicted, strict=True)]
    return facts


def _offered(plan: Plan, data: TrainingData, holdout: Holdout, result: Result, predicted: np.ndarray | None) -> dict[str, Any]:
    about = result.predictor.about
    said = {"name": result.name, "family": about["family"], "members": about["members"], "models": about["models"], "latency": result.latency}
    said["cv"] = evaluate.score(plan.metric, data.y[result.rows], result.oof)
    said["holdout"] = None if predicted is None else evaluate.score(plan.metric, holdout.y, predicted)
    return said


def _guesses(plan: Plan, data: TrainingData, holdout: Holdout, baseline: Trial) -> dict[str, Any]:
    """What the baseline reaches by every metric: out of fold, and on the holdout with the mean of its fold models."""
    known = ~np.isnan(baseline.oof.reshape(len(baseline.oof), -1)).any(axis=1)
    guesses = baseline.oof[known]
    rows = {"cv": (data.y[known], guesses)}
    if len(holdout.rows):
        rows["holdout"] = (holdout.y, np.repeat(guesses.mean(axis=0, keepdims=True), len(holdout.y), axis=0))
    metrics = catalog.entries("metric", plan.task)
    return {"cv": baseline.score, "metrics": {part: {m.name: m.make(y, p) for m in metrics} for part, (y, p) in rows.items()}}


def leaderboard(plan: Plan, data: TrainingData, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The best trial of each family, best first. `tied` says that the difference to the first, on the rows of both, is within noise."""
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.score is not None and (trial.family not in best or evaluate.better(plan.metric, trial.score, best[trial.family].score)):
            best[trial.family] = trial
    sign = -1 if catalog.get("metric", plan.metric).facts.greater else 1
    ranked = sorted(best.values(), key=lambda trial: (sign * trial.score, trial.number))
    return [_board_row(plan, data, trial, ranked[0]) for trial in ranked]


def _board_row(plan: Plan, data: TrainingData, trial: Trial, first: Trial) -> dict[str, Any]:
    row = {"family": trial.family, "title": catalog.get("family", trial.family).title, "score": trial.score}
    row |= {"interval": list(trial.interval), "seconds": trial.seconds, "trial": trial.number, "params": trial.params}
    tied = trial is first or _tied(plan, data, trial, first)
    return row | {"fold_scores": list(trial.fold_scores), "tied": tied, "baseline": trial.family == "baseline"}


def _tied(plan: Plan, data: TrainingData, trial: Trial, first: Trial) -> bool:
    known = ~np.isnan((trial.oof + first.oof).reshape(len(data.rows), -1)).any(axis=1)
    return evaluate.tied(plan.metric, data.y[known], trial.oof[known], first.oof[known], seed=plan.seed)
