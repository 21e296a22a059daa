"""Fits and trials: one configuration on one fold is a fit; a trial is a configuration with all the fits it has so far.

A fit runs in a process of its own and shares a workspace with the others: what a recipe makes of a fold is computed
once, by whoever needs it first, and a fit that is finished is never repeated.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import balance, catalog, evaluate, features
from pipeline.device import give_back_memory
from pipeline.errors import TrainyardError
from pipeline.models import Resources
from pipeline.models.early_stopping import drawn
from pipeline.models.estimator import Estimator
from pipeline.plan import Plan
from pipeline.predictor import FittedModel
from pipeline.rounds import Rounds
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

REFIT = -1  # the "fold" whose training rows are all rows
REFIT_ROUNDS = 1.1  # times the rounds that early stopping found on part of the rows
TIMED_ROWS = 1_000
QUICK = 0.03  # seconds per 1,000 rows
COSTED_ROWS = 4_000  # at most: a holdout of a fifth of a larger table costs no more per row than these
WHOLE_ENOUGH = 0.8  # of the rounds that it should have: what the clock cut earlier would spoil the others, and is not used


@dataclass(frozen=True)
class Task:
    """One fit to do: `fold` is a number, or REFIT for all rows. `seconds`, from when the features are there, is when to stop growing and keep the best round.

    `rounds` sets how many rounds an iterative family takes, without early stopping. `others` are tasks of the same configuration
    that are fitted as one batch with it, and `beside` the folds of the batch. Equal tasks give equal fits, unless the clock cut them short.
    """

    number: int
    family: str
    params: dict[str, Any]
    fold: int
    resources: Resources
    rounds: int | None = None
    repeat: int = 0
    seconds: float | None = None
    until: float | None = None  # monotonic time: the end of the run's time
    beat: float | None = None  # the best that another booster reached on the same held-back rows
    stop: int | None = None  # the round after which a replayed fit ends, because the clock ended it there
    beside: tuple[int, ...] = ()
    others: tuple[Task, ...] = ()

    @property
    def batch(self) -> tuple[Task, ...]:
        return (self, *self.others)

    @property
    def recipe(self) -> str:
        """The name of the prepared features that it needs, in the workspace."""
        return recipe_name(self.fold, features.Needs.of(catalog.get("family", self.family).facts, self.params))

    @property
    def key(self) -> str:
        """The content of the fit: the same whatever trial asks for it, and however long it may take."""
        said = [self.family, self.params, self.fold, self.rounds, self.repeat, self.resources.seed, self.resources.device]
        said += [self.stop] if self.stop else []
        said += [["beside", *self.beside]] if self.beside else []  # what networks draw at random depends on the batch
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Fit:
    """What came of a task. `predicted` are the predictions of the fold's validation rows (none for a refit).

    `score` is the plan's metric on these rows; `state` is "complete", "cut" (the clock ended it, the best round is
    kept) or "failed". `latency` is in processor seconds per 1,000 rows. The model itself is in the workspace.
    """

    number: int
    family: str
    fold: int
    key: str
    state: str
    seconds: float
    score: float | None = None
    rounds: int = 0
    predicted: np.ndarray | None = None
    latency: float = 0.0
    message: str = ""
    needs: features.Needs | None = None
    repeat: int = 0
    balanced: dict[str, Any] | None = None
    degraded: str = ""
    target_rounds: int = 0
    held_back: float | None = None  # the best score on the rows that early stopping watched, greater is better
    added: int = 0  # rows that the training steps of the recipe have added
    cost: tuple[float, float] | None = None  # seconds per 1,000 rows of the model and of its recipe, of the thread that asks; None: not measured
    alone: float | None = None  # both together, where no other recipe has been at work before
    stopped: int | None = None  # the round at which the clock ended it


@dataclass(frozen=True)
class Trial:
    """One configuration and how good it is so far. `score` is the mean over the folds that were fitted.

    `oof` has, for every training row whose fold was fitted, the prediction of the model that has not seen it (the mean of
    several where the fold was fitted with several seeds), and NaN elsewhere. `interval` is for rows like these (see
    evaluate.interval). `fits` are by fold and seed; `state` is "complete", "dropped" (clearly behind after its first folds) or "failed".
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
    latency: float | None = None
    fits: tuple[Fit, ...] = ()


@dataclass(frozen=True)
class TrainingData:
    """The rows that a run may learn from: a typed table, the encoded target, and the folds.

    `folds` are pairs (train, valid) of positions in `rows`; `rows` are positions in the original table.
    """

    plan: Plan
    table: pd.DataFrame
    y: np.ndarray
    rows: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    classes: tuple = ()
    weighing: pd.DataFrame | None = None  # the weight column of the same rows, when the plan has one
    split: dict[str, Any] = field(default_factory=dict)  # what the division counted, for the evaluation

    def part(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions in `rows`: those to train on and those to validate on (none for REFIT)."""
        return (np.arange(len(self.rows)), np.arange(0)) if fold == REFIT else self.folds[fold]

    def save(self, workspace: Workspace) -> None:
        """Write the rows once, for all the processes that fit. The table is apart: only who prepares features needs it.

        What another plan or other rows have left in the workspace is removed first; the budget makes no difference.
        """
        workspace.claim(self._digest())
        workspace.put("table", self.table)
        workspace.put("rows", replace(self, table=None))

    def _digest(self) -> str:
        """What fits depend on, in a name: the plan without its budget, every cell, the target and who is in which fold."""
        import pandas as pd

        said = hashlib.sha256(self.plan.model_dump_json(exclude={"search"}).encode())
        cells = [frame for frame in (self.table, self.weighing) if frame is not None]
        for values in (self.y, self.rows, *(pd.util.hash_pandas_object(frame, index=False).to_numpy() for frame in cells)):
            said.update(values.tobytes())
        for train, valid in self.folds:
            said.update(train.tobytes() + b"|" + valid.tobytes())
        return said.hexdigest()


@lru_cache(maxsize=1)
def _loaded(path: str) -> TrainingData:
    return Workspace(path).get("rows")


def fit(path: str, task: Task, *, tell: Callable[[Any], None]) -> Fit:
    """Do one task in the workspace at `path`; a family that fails gives a Fit with state "failed" and the reason.

    `tell` gets {"number", "fold", "iteration", "score"} at most twice a second. Runs in a process of the executor.
    """
    return fit_batch(path, (task,), tell=tell)[0]


def fit_batch(path: str, tasks: Sequence[Task], *, tell: Callable[[Any], None]) -> list[Fit]:
    """The same for tasks of one configuration, all at once where there are several. They are kept together or not at all."""
    workspace = Workspace(path)
    done = [workspace.get(f"fit-{task.key}") for task in tasks]
    if all(one is not None for one in done):
        return [replace(one, number=task.number) for one, task in zip(done, tasks, strict=True)]
    started = time.monotonic()
    try:
        made = _fitted(workspace, _loaded(path), tasks, started, tell)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # any library may raise anything on odd data: one family that fails must not end the run
        reason = str(error) if isinstance(error, TrainyardError) else f"{type(error).__name__}: {error}"
        seconds = round((time.monotonic() - started) / len(tasks), 3)
        made = [Fit(t.number, t.family, t.fold, t.key, "failed", seconds, message=reason[:500], repeat=t.repeat) for t in tasks]
    for one in made:
        workspace.put(f"fit-{one.key}", one)
    give_back_memory()
    return made


def _fitted(workspace: Workspace, data: TrainingData, tasks: Sequence[Task], started: float, tell: Callable[[Any], None]) -> list[Fit]:
    entry, owner = catalog.get("family", tasks[0].family), workspace.get("owner")
    needs = features.Needs.of(entry.facts, tasks[0].params)
    parts = [prepared(workspace, data, task.fold, needs) for task in tasks]
    rounds = [_rounds(task, tell) for task in tasks]
    jobs = [_job(entry, task, data, recipe, made, grown) for task, (recipe, made, _, grown) in zip(tasks, parts, strict=True)]
    if len(jobs) == 1:
        _learn(jobs[0], rounds[0], owner and (owner, recipe_name(tasks[0].fold, needs)))
    else:
        _learn_together(entry, jobs, rounds)
    spent = (time.monotonic() - started) / len(tasks)
    return [_judged(workspace, data, *each, spent) for each in zip(tasks, jobs, rounds, parts, strict=True)]


def _rounds(task: Task, tell: Callable[[Any], None]) -> Rounds:
    def said(iteration: int, score: float | None) -> None:
        tell({"number": task.number, "fold": task.fold + 1, "iteration": iteration, "score": score})

    return Rounds(said, task.seconds, task.until, task.beat, task.stop)


def _judged(workspace: Workspace, data: TrainingData, task: Task, job: _Job, rounds: Rounds, part: tuple, spent: float) -> Fit:
    """The fit of a job that is done, with what its model says of the rows that it has not seen; the model is written."""
    (_, _, valid_made, grown), (_, valid), began = part, data.part(task.fold), time.monotonic()
    model, predicted, score, latency = job.model(len(data.classes)), None, None, 0.0
    if len(valid):
        predicted = model.predict_prepared(valid_made)
        latency = _per_thousand(model.predict_prepared, valid_made, costed_rows(len(data.rows)))
        score = evaluate.score(data.plan.metric, data.y[valid], predicted)
        predicted = predicted.astype(np.float32)
    workspace.put(f"model-{task.key}", (model.estimator, model.present))
    state, seconds = "cut" if rounds.cut else "complete", round(spent + time.monotonic() - began, 4)
    degraded = getattr(model.estimator, "degraded_", None) or ""
    best = int(getattr(model.estimator, "best_round_", 0) or 0)
    needs = features.Needs.of(catalog.get("family", task.family).facts, task.params)
    same = {"needs": needs, "repeat": task.repeat, "balanced": job.balanced, "degraded": degraded}
    same |= {"added": grown.added if grown else 0, "held_back": rounds.best, "stopped": rounds.stopped}
    return Fit(task.number, task.family, task.fold, task.key, state, seconds, score, best, predicted, latency, **same)


@dataclass(frozen=True)
class _Job:
    """An unfitted estimator and the prepared rows that it is to learn from."""

    entry: catalog.Entry
    recipe: Any
    estimator: Any
    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    origin: np.ndarray | None
    present: np.ndarray | None
    balanced: dict[str, Any] | None
    added: bool  # some of the rows were made, by the recipe or by balancing

    def model(self, n_classes: int) -> FittedModel:
        return FittedModel(self.recipe, self.estimator, self.present, n_classes)


def fit_model(entry: catalog.Entry, task: Task, data: TrainingData, recipe: Any, made: Any, on_round: Callable, grown: features.Grown | None) -> FittedModel:
    """Fit one configuration on the prepared training rows of one fold. `grown` says which of the rows were added, and of which rows these were made."""
    job = _job(entry, task, data, recipe, made, grown)
    _learn(job, on_round)
    return job.model(len(data.classes))


def _job(entry: catalog.Entry, task: Task, data: TrainingData, recipe: Any, made: Any, grown: features.Grown | None) -> _Job:
    made, y, weight, origin, counts = _balanced(entry, task, data, recipe, made, grown)
    present, params = None, dict(task.params)
    if data.classes:
        present, y = np.unique(y, return_inverse=True)  # a fold may lack a rare class, and boosters want 0..K-1 without gaps
        if len(present) == 1:
            entry, params = catalog.get("family", "baseline"), {}
    if task.rounds and entry.facts.rounds:
        params |= {"early_stopping": False, entry.facts.rounds: _within(entry, task.rounds)}
    estimator = entry.make(data.plan.task, params, task.resources)
    return _Job(entry, recipe, estimator, made, y, weight, origin, present, counts, grown is not None or counts is not None)


def _learn(job: _Job, on_round: Callable, content: Hashable = None) -> None:
    """Fit the estimator; `content` names the rows of the fold as prepared."""
    weighted = {} if job.weight is None else {"sample_weight": job.weight}  # a family that knows no weights need not name them
    ours = {"origin": job.origin, "content": None if job.added else content} if isinstance(job.estimator, Estimator) else {}
    job.estimator.fit(job.X, job.y, **weighted, **ours, **({"on_round": on_round} if job.entry.facts.iterative else {}))


def _learn_together(entry: catalog.Entry, jobs: Sequence[_Job], rounds: Sequence[Callable]) -> None:
    """Fit the estimators as one batch; where a fold has a single class, there is nothing for a batch to learn."""
    own = [(job, on_round) for job, on_round in zip(jobs, rounds, strict=True) if job.entry is entry]
    for job, on_round in zip(jobs, rounds, strict=True):
        if job.entry is not entry:
            _learn(job, on_round)
    if own:
        tables = [(job.X, job.y, job.weight) for job, _ in own]
        entry.facts.together([job.estimator for job, _ in own], tables, [on_round for _, on_round in own], [job.origin for job, _ in own])


def _balanced(entry: catalog.Entry, task: Task, data: TrainingData, recipe: Any, made: Any, grown: features.Grown | None) -> tuple:
    """The rows to fit on, their target, weights and origin, and the rows per class before and after balancing."""
    train, _ = data.part(task.fold)
    y, weight, origin, rows = data.y[train], None, None, train
    if grown is not None:
        y, weight, origin, rows = grown.y, grown.weight, grown.origin, train[grown.origin[:, 0]]
    if weight is not None and not entry.facts.weights:  # a mixture then counts for the row that it is nearer to
        kept = np.flatnonzero(weight >= 0.5)
        made, y, weight, origin, rows = balance.take(made, kept), y[kept], None, drawn(origin, kept), rows[kept]
    if data.plan.balance.method == "none":
        return made, y, weight, origin, None
    raw = None if data.weighing is None else data.weighing.iloc[rows]
    classes = [str(label) for label in data.classes]
    coded = _coded(data.plan, recipe) if isinstance(made, np.ndarray) and entry.facts.categories == "codes" else None
    same = {"classes": classes, "categorical": coded, "weighted": entry.facts.weights}
    done = balance.apply(data.plan.balance, made, y, task.resources.seed, raw, **same)
    both = weight if done.weight is None else done.weight if weight is None else done.weight * weight
    return done.X, done.y, both, origin if len(done.y) == len(y) else None, {"before": done.before, "after": done.after}


def _coded(plan: Plan, recipe: Any) -> list[int]:
    """The positions of the columns whose numbers are codes of levels."""
    kinds = plan.kinds
    words = {name for name in plan.features if kinds[name] in ("categorical", "id")}
    return [place for place, name in enumerate(features.names_out(recipe)) if name in words]


def _within(entry: catalog.Entry, rounds: int) -> int:
    bounds = entry.param(entry.facts.rounds)
    return int(min(max(rounds, bounds.low), bounds.high))


def prepared(workspace: Workspace, data: TrainingData, fold: int, needs: features.Needs) -> tuple[Any, Any, Any, features.Grown | None]:
    """The recipe fitted on the fold's training rows, and what it makes of its training and validation rows.

    Last, where the recipe adds training rows, which rows these are; their columns are with the training rows.
    """
    name = recipe_name(fold, needs)
    with workspace.lock(name):
        if not all(map(workspace.has, (name, f"{name}-train", f"{name}-valid"))):  # of an earlier run only the recipe may be left
            _prepare(workspace, data, fold, needs)
    grown = workspace.get(f"{name}-grown") if features.grows(data.plan) else None
    return workspace.get(name), workspace.matrix(f"{name}-train"), workspace.matrix(f"{name}-valid"), grown


def recipe_name(fold: int, needs: features.Needs) -> str:
    return f"recipe-{fold}-{hashlib.sha256(repr(needs).encode()).hexdigest()[:8]}"


def _prepare(workspace: Workspace, data: TrainingData, fold: int, needs: features.Needs) -> None:
    name, table = recipe_name(fold, needs), data.table if data.table is not None else workspace.get("table")
    train, valid = data.part(fold)
    recipe = features.build(data.plan, needs)
    learned, y = table.iloc[train], data.y[train]
    with features.sharing(workspace):
        if features.grows(data.plan):
            grown = features.grow(data.plan, learned, y)
            grown = features.mix(data.plan, needs, replace(grown, X=recipe.fit_transform(grown.X, grown.y)))
            workspace.put(f"{name}-grown", replace(grown, X=None))
            workspace.put_matrix(f"{name}-train", grown.X)
        else:
            workspace.put_matrix(f"{name}-train", recipe.fit_transform(learned, y))
        made = recipe.transform(table.iloc[valid if len(valid) else train[:1]])
    workspace.put_matrix(f"{name}-valid", made[:0] if not len(valid) else made)
    workspace.put(name, recipe)
    del table, made
    give_back_memory()


def _per_thousand(work: Callable[[Any], Any], rows: Any, count: int) -> float:
    """Processor seconds for 1,000 rows, these in turn, by what has been called before and has nothing more to load.

    What a call costs whatever it is given weighs little in as many rows as people score, so a quick model is timed on `count`;
    for a slow one a batch of 1,000 tells enough.
    """
    found = 0.0
    for size in dict.fromkeys((TIMED_ROWS, count)):
        batch = balance.take(rows, np.arange(size) % rows.shape[0])
        began = time.process_time()  # other processes do not count
        work(batch)
        found = (time.process_time() - began) / size * 1_000
        if found > QUICK:
            break
    return found


@dataclass
class Tally:
    """A trial while it grows: its fits as they come in."""

    number: int
    family: str
    params: dict[str, Any]
    fits: dict[tuple[int, int], Fit] = field(default_factory=dict)
    asked: set[tuple[int, int]] = field(default_factory=set)
    dropped: str = ""
    bags: dict[int, Fit] = field(default_factory=dict)

    def add(self, fit: Fit) -> None:
        self.fits[fit.fold, fit.repeat] = fit

    def bag(self, fold: int, data: TrainingData) -> None:
        """Judge a fold that was fitted with several seeds by the mean of their predictions.

        What is kept is the mean of several models. It helps a network far more than a forest; judged one model at a time, the
        forest is taken for the better one (measured: soybean, out of fold, TabM 0.171 with one seed, 0.149 with three; extra trees 0.146, 0.147).
        """
        predicted = np.mean([fit.predicted for fit in self.seeds if fit.fold == fold], axis=0)
        score = evaluate.score(data.plan.metric, data.y[data.folds[fold][1]], predicted)
        self.bags[fold] = replace(self.fits[fold, 0], predicted=predicted, score=score)

    @property
    def seeds(self) -> list[Fit]:
        """Every fit on a fold that has predictions, by seed; but for those that the clock cut far shorter than the first."""
        there = sorted((repeat, fold) for (fold, repeat), fit in self.fits.items() if fold != REFIT and fit.predicted is not None)
        enough = WHOLE_ENOUGH * self.fits[0, 0].rounds if (0, 0) in there else 0
        found = [self.fits[fold, repeat] for repeat, fold in there]
        return [fit for fit in found if not (fit.fold or fit.repeat) or fit.stopped is None or fit.stopped >= enough]

    @property
    def folds(self) -> dict[int, Fit]:
        """The fits on folds, each judged as the mean of its seeds where there are several."""
        return {fit.fold: self.bags.get(fit.fold, fit) for fit in sorted(self.seeds, key=lambda fit: fit.fold) if not fit.repeat}

    @property
    def varies(self) -> bool:
        """Whether another seed may give another model, as far as is known."""
        return not any(np.array_equal(fit.predicted, self.fits[fit.fold, 0].predicted) for fit in self.seeds if fit.repeat and fit.fold in self.folds)

    @property
    def refits(self) -> list[Fit]:
        return [fit for (fold, _), fit in sorted(self.fits.items()) if fold == REFIT and fit.state != "failed"]

    @property
    def failed(self) -> str:
        """Why it has no fold that was fitted, or nothing."""
        return "" if self.folds else next((fit.message for fit in self.fits.values() if fit.state == "failed"), "")

    @property
    def rounds(self) -> int:
        return round(float(np.mean([fit.rounds for fit in self.folds.values()] or [0])))

    @property
    def seconds(self) -> float:
        """What a fit on one fold takes."""
        return float(np.mean([fit.seconds for fit in self.folds.values()] or [0]))

    @property
    def latency(self) -> float:
        return float(np.mean([fit.latency for fit in self.folds.values()] or [0]))

    def oof(self, data: TrainingData) -> np.ndarray:
        """The out-of-fold predictions so far; a row that several folds validate (repeats) has their mean."""
        shape = (len(data.rows), len(data.classes)) if data.classes else (len(data.rows),)
        total, times = np.zeros(shape), np.zeros(len(data.rows))
        for number, fit in self.folds.items():
            valid = data.folds[number][1]
            total[valid] += fit.predicted
            times[valid] += 1
        with np.errstate(invalid="ignore"):
            return total / (times[:, None] if data.classes else times)

    def trial(self, data: TrainingData) -> Trial:
        """The trial as it stands."""
        spent = round(sum(fit.seconds for fit in self.fits.values()), 3)
        fits = tuple(self.fits.values())
        if not self.folds:
            return Trial(self.number, self.family, self.params, None, None, (), spent, "failed", self.failed, fits=fits)
        plan, oof = data.plan, self.oof(data)
        scores = tuple(float(fit.score) for fit in self.folds.values())
        known = ~np.isnan(oof).reshape(len(oof), -1).any(axis=1)
        score, pooled = float(np.nanmean(scores)), evaluate.score(plan.metric, data.y[known], oof[known])
        low, high = evaluate.interval(plan.metric, data.y[known], oof[known], seed=plan.seed, resamples=60)
        around = (score + low - pooled, score + high - pooled)
        state = "dropped" if self.dropped else "complete"
        return Trial(self.number, self.family, self.params, score, around, scores, spent, state, self.dropped, oof, self.latency, fits)


def costed_rows(n_rows: int) -> int:
    """How many rows a model is timed on: as many as a fifth of the table, for people score tables of the size that they have."""
    return min(max(TIMED_ROWS, n_rows // 5), COSTED_ROWS)
