"""The whole pipeline: a plan and a table in, an outcome out. No store, no page, no globals.

    outcome = train(frame, target="churned", budget_seconds=60)      # the short way, from a table
    outcome = execute(plan, table, schema=schema, on_event=...)      # the long way, from a plan
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog, evaluate, explain, features, search
from pipeline.data import infer
from pipeline.data.schema import Column, Schema
from pipeline.data.splits import divide
from pipeline.device import choose, cores
from pipeline.errors import PlanError, TrainingError
from pipeline.models import Resources
from pipeline.plan import Plan
from pipeline.predictor import Predictor
from pipeline.trials import Clock, Stopped, TrainingData, Trial, fit_trial

if TYPE_CHECKING:
    import pandas as pd

RESERVE = 0.08  # of a budget in seconds: for the holdout and its intervals
LEAST_RESERVE = 1.5  # seconds, but never more than a quarter of the budget


@dataclass(frozen=True)
class Outcome:
    """What a run ends with. `leaderboard` has one row per family, best first, the baseline always among them.

    `evaluation` is JSON-able: "holdout" (rows that no trial has seen), "cv" (out-of-fold predictions of the chosen
    trial), each as `evaluate.judge` gives it. `rows` are the positions of the training and holdout rows.
    """

    plan: Plan
    predictor: Predictor
    leaderboard: list[dict[str, Any]]
    evaluation: dict[str, Any]
    trials: list[Trial]
    rows: dict[str, Any]
    warnings: list[str]
    seconds: float
    stopped: bool = False


@dataclass
class _Journal:
    """What a run says while it works, and when it must end."""

    listener: Callable[[str, dict], None]
    clock: Clock
    warnings: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def say(self, kind: str, payload: dict) -> None:
        """Tell the listener, one event at a time: folds are fitted side by side."""
        with self._lock:
            self.listener(kind, payload)

    def phase(self, phase: str, message: str) -> None:
        self.say("phase", {"phase": phase, "message": message})

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self.say("warning", {"message": message})


def train(
    frame: pd.DataFrame, target: Hashable, *, budget_seconds: float | None = None, budget_trials: int | None = None, seed: int = 0,
    task: str | None = None, metric: str | None = None, families: Sequence[str] = (), on_event: Callable | None = None,
) -> Outcome:  # fmt: skip
    """Train on a DataFrame and return the outcome; nothing is stored. The default budget is 60 seconds.

    Raises UnknownName for a target or family that does not exist and PlanError with every reason why it cannot work.
    """
    started = time.monotonic()
    table, schema = infer(frame)
    plan = Plan.draft(schema, str(target), task=task)
    plan = with_options(plan, budget_seconds=budget_seconds, budget_trials=budget_trials, metric=metric, families=families, seed=seed)
    return execute(plan, table, schema=schema, on_event=on_event, started=started, explained=False)


def with_options(
    plan: Plan, *, budget_seconds: float | None = None, budget_trials: int | None = None, metric: str | None = None,
    families: Sequence[str] = (), seed: int | None = None,
) -> Plan:  # fmt: skip
    """The plan with what a person asked for in words: names are checked, what is not given stays."""
    changes: dict[str, Any] = {}
    if budget_seconds is not None or budget_trials is not None:
        changes["search"] = {"strategy": plan.search.strategy, "trials": budget_trials, "seconds": budget_seconds}
    if metric:
        changes["metric"] = catalog.get("metric", metric).name
    if families:
        changes["families"] = [{"family": catalog.get("family", name).name} for name in families]
    if seed is not None:
        changes["seed"] = seed
    return plan.change(**changes)


def execute(
    plan: Plan, table: pd.DataFrame, *, schema: Schema | None = None, on_event: Callable[[str, dict], None] | None = None,
    should_stop: Callable[[], bool] | None = None, finished: Sequence[Trial] = (), started: float | None = None, explained: bool = True,
) -> Outcome:  # fmt: skip
    """Carry out a plan on a typed table.

    `schema` is that of the dataset; without one it is inferred. `finished` are the trials of an earlier attempt at the
    same plan: they are not repeated; only the best of them needs its models. When `should_stop` turns true the best so far is kept, and TrainingError is raised
    if there is none. `started` (monotonic seconds) is when the budget began to count; default: now. `explained` adds
    permutation importance, after the budget.
    """
    started = time.monotonic() if started is None else started
    if schema is None:
        table, schema = infer(table)
    plan.require(schema)
    journal = _Journal(on_event or (lambda kind, payload: None), _clock(plan, started, finished, should_stop or (lambda: False)))
    journal.phase("preparing", "Splitting the rows")
    data, holdout = prepare(plan, table, schema, journal.warn)
    trials = _fit_trials(data, journal, finished)
    best = _require_best(plan, trials)
    journal.phase("evaluating", f"Judging {catalog.get('family', best.family).title} on {len(holdout.rows):,} rows that no trial has seen")
    predictor = _predictor(plan, schema, data, best)
    evaluation = _evaluate(plan, data, holdout, trials, best)
    board = leaderboard(plan, data, trials)
    if explained:
        journal.phase("explaining", "Measuring what the model rests on")
        evaluation["importance"] = explain.permutation_importance(data, best)
    rows = {"train": data.rows, "holdout": holdout.rows, "folds": [data.rows[fold] for fold in data.folds]}
    stopped = bool(should_stop and should_stop())
    seconds = round(time.monotonic() - started, 3)
    return Outcome(plan, predictor, board, evaluation, trials, rows, journal.warnings, seconds, stopped)


@dataclass(frozen=True)
class Holdout:
    """Rows that no trial has seen; used once, by `_evaluate`. There may be none."""

    table: pd.DataFrame
    y: np.ndarray
    rows: np.ndarray
    split: dict[str, Any]  # the facts of the division


def prepare(plan: Plan, table: pd.DataFrame, schema: Schema, warn: Callable[[str], None]) -> tuple[TrainingData, Holdout]:
    """Leave out rows that cannot be learned from, encode the target, and split. What was left out is said, with numbers."""
    rows = np.flatnonzero(table[plan.target].notna().to_numpy())
    if len(rows) < len(table):
        warn(f"{len(table) - len(rows):,} of {len(table):,} rows have no value in {plan.target!r} and were left out.")
    kept = rows[features.rows_to_keep(plan, table.iloc[rows])]
    if len(kept) < len(rows):
        warn(f"{len(rows) - len(kept):,} repeated rows were left out before the split.")
    y, classes = encode(plan, table[plan.target].iloc[kept], schema[plan.target])
    count = plan.split.count(len(kept))
    division = divide(plan.split, table.iloc[kept], y, classes=bool(classes), seed=plan.seed, folds=count, features=plan.features)
    train, held, place = division.train, division.holdout, np.full(len(kept), -1)
    place[train] = np.arange(len(train))
    folds = [place[valid] for _, valid in division.folds]
    seen = table[plan.features]
    data = TrainingData(plan, seen.iloc[kept[train]], y[train], kept[train], folds, classes)
    if classes and len(np.unique(y[train])) < 2:
        raise PlanError(f"Only one class of {plan.target!r} is left to train on.", "Add rows of the other classes.")
    return data, Holdout(seen.iloc[kept[held]], y[held], kept[held], division.facts)


def encode(plan: Plan, target: pd.Series, column: Column) -> tuple[np.ndarray, tuple]:
    """The target as class numbers with the classes as the file wrote them, or as float64 with no classes. The positive class is last."""
    if plan.task == "regression":
        return target.to_numpy(dtype="float64"), ()
    values = target.to_numpy(dtype=object)
    named = {value: _python(column.label(value)) for value in set(values)}
    order = sorted(named, key=lambda v: (str(named[v]) == plan.positive, v if isinstance(v, (int, float)) else 0, str(v)))
    numbers = {value: k for k, value in enumerate(order)}
    return np.array([numbers[value] for value in values]), tuple(named[value] for value in order)


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _clock(plan: Plan, started: float, finished: Sequence[Trial], should_stop: Callable[[], bool]) -> Clock:
    """The end of fitting: the budget less what judging needs, and less what an earlier attempt has used."""
    if plan.search.seconds is None:
        return Clock(None, should_stop)
    budget = plan.search.seconds
    reserve = max(min(LEAST_RESERVE, budget / 4), RESERVE * budget)
    usable = budget - reserve - sum(trial.seconds for trial in finished)
    return Clock(started + usable, should_stop)


def _fit_trials(data: TrainingData, journal: _Journal, finished: Sequence[Trial]) -> list[Trial]:
    plan, trials, clock = data.plan, list(finished), journal.clock
    first = search.first_turns(plan)
    resources = Resources(threads=cores(), seed=plan.seed, device=choose(None).kind)
    while _goes_on(plan, trials, clock):
        proposal = search.propose(plan, [_past(plan, trial) for trial in trials])
        journal.phase("tuning" if proposal.tuned else "training", f"Trial {proposal.number}: {catalog.get('family', proposal.family).title}")
        journal.say("trial_started", {"number": proposal.number, "family": proposal.family, "params": proposal.params})
        share = clock.left() if proposal.tuned else clock.left() / max(1, first - proposal.number)
        try:
            trial = fit_trial(proposal.number, proposal.family, proposal.params, data, resources, clock.at_most(share), journal.say)
        except Stopped:
            break
        trials.append(trial)
        _report(plan, trials, trial, journal, first)
        trials = _without_old_models(plan, trials)
    return trials


def _goes_on(plan: Plan, trials: Sequence[Trial], clock: Clock) -> bool:
    """Whether another trial may start: nobody asked to stop, budget left, and something left to try. The baseline always may."""
    if clock.should_stop():
        return False
    if not trials:
        return True
    tuning = len(trials) >= search.first_turns(plan)
    if tuning and not search.can_tune(plan):
        return False
    if plan.search.trials is not None:
        return len(trials) - 1 < plan.search.trials  # the baseline is extra
    best = best_of(plan, trials)
    # A tuned trial that would be cut short by half cannot win: the time is better left unused.
    return clock.left() > (best.seconds / 2 if tuning and best else 0)


def _past(plan: Plan, trial: Trial) -> search.Past:
    greater = catalog.get("metric", plan.metric).facts.greater
    known = trial.score is not None and np.isfinite(trial.score)
    return search.Past(trial.family, trial.params, (-trial.score if greater else trial.score) if known else None)


def _report(plan: Plan, trials: Sequence[Trial], trial: Trial, journal: _Journal, first: int) -> None:
    """Tell the trial, the best so far, and how far the run is."""
    if trial.state == "failed":
        journal.warn(f"{catalog.get('family', trial.family).title} could not be fitted: {trial.message}")
    best = best_of(plan, trials)
    # The models of a trial that is not ahead are never used again: its out-of-fold predictions are its evidence.
    journal.say("trial", {"trial": trial if trial is best else replace(trial, models=None)})
    if best:
        journal.say("best", {"number": best.number, "family": best.family, "score": best.score, "metric": plan.metric})
    if plan.search.trials is not None:
        done = (len(trials) - 1) / plan.search.trials
        pace = float(np.mean([t.seconds for t in trials[1:]] or [0]))
        left = pace * (plan.search.trials - len(trials) + 1) if len(trials) > 1 else None
    else:
        left = max(0.0, journal.clock.left())
        done = 1 - left / plan.search.seconds
    journal.say("progress", {"progress": round(min(max(done, 0), 1), 4), "eta_seconds": left, "trials": len(trials), "families": first})


def _without_old_models(plan: Plan, trials: list[Trial]) -> list[Trial]:
    """Keep the fold models of the best trial in memory only; all out-of-fold predictions stay."""
    best = best_of(plan, trials)
    return [trial if trial is best else replace(trial, models=None) for trial in trials]


def best_of(plan: Plan, trials: Sequence[Trial]) -> Trial | None:
    """The best finished trial, of equals the earliest; None when none is finished. Anything with a `score` will do."""
    best = None
    for trial in trials:
        if trial.score is not None and (best is None or evaluate.better(plan.metric, trial.score, best.score)):
            best = trial
    return best


def _require_best(plan: Plan, trials: Sequence[Trial]) -> Trial:
    best = best_of(plan, trials)
    if best is None:
        failed = "; ".join(f"{t.family}: {t.message}" for t in trials if t.message)
        why = f" ({failed})" if failed else ""
        raise TrainingError(f"No model was finished{why}.", "Give the run more time, or choose quicker families such as linear.")
    return best


def _predictor(plan: Plan, schema: Schema, data: TrainingData, best: Trial) -> Predictor:
    about = {"family": best.family, "params": best.params, "trial": best.number, "metric": plan.metric, "score": best.score}
    about |= {"plan": plan.fingerprint(), "dataset": plan.dataset, "training_rows": len(data.rows), "folds": len(data.folds)}
    unused = tuple(name for name in schema.names if name not in plan.features)
    return Predictor(plan.task, plan.target, schema.only(plan.features), best.models, data.classes, unused, about)


def _evaluate(plan: Plan, data: TrainingData, holdout: Holdout, trials: Sequence[Trial], best: Trial) -> dict[str, Any]:
    classes = [str(label) for label in data.classes]
    baseline = next((trial for trial in trials if trial.family == "baseline" and trial.oof is not None), None)
    judged = {"holdout": None, "cv": evaluate.judge(plan.task, data.y, best.oof, classes)}
    if len(holdout.rows):
        predicted = np.mean([model.predict(holdout.table) for model in best.models], axis=0)
        judged["holdout"] = evaluate.judge(plan.task, holdout.y, predicted, classes)
    facts = {"task": plan.task, "metric": plan.metric, "classes": classes, "positive": plan.positive, "target": plan.target}
    facts |= {"family": best.family, "trial": best.number, "params": best.params, "folds": len(data.folds), "split": holdout.split}
    facts["baseline"] = _guesses(plan, data, holdout, baseline) if baseline else None
    return facts | judged


def _guesses(plan: Plan, data: TrainingData, holdout: Holdout, baseline: Trial) -> dict[str, Any]:
    """What the baseline reaches by every metric: out of fold, and on the holdout with the mean of its fold models."""
    constant = np.repeat(baseline.oof.mean(axis=0, keepdims=True), len(holdout.y), axis=0)
    rows = {"cv": (data.y, baseline.oof)} | ({"holdout": (holdout.y, constant)} if len(holdout.y) else {})
    metrics = catalog.entries("metric", plan.task)
    return {"cv": baseline.score, "metrics": {part: {m.name: m.make(y, p) for m in metrics} for part, (y, p) in rows.items()}}


def leaderboard(plan: Plan, data: TrainingData, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The best trial of each family, best first. `tied` says that the difference to the first is within noise."""
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.score is not None and (trial.family not in best or evaluate.better(plan.metric, trial.score, best[trial.family].score)):
            best[trial.family] = trial
    sign = -1 if catalog.get("metric", plan.metric).facts.greater else 1
    ranked = sorted(best.values(), key=lambda trial: (sign * trial.score, trial.number))
    return [_board_row(plan, data, trial, ranked[0]) for trial in ranked]


def _board_row(plan: Plan, data: TrainingData, trial: Trial, first: Trial) -> dict[str, Any]:
    tied = trial is first or evaluate.tied(plan.metric, data.y, trial.oof, first.oof, seed=plan.seed)
    row = {"family": trial.family, "title": catalog.get("family", trial.family).title, "score": trial.score}
    row |= {"interval": list(trial.interval), "seconds": trial.seconds, "trial": trial.number, "params": trial.params}
    return row | {"fold_scores": list(trial.fold_scores), "tied": tied, "baseline": trial.family == "baseline"}

