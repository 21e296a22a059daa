"""The whole pipeline: a plan and a table in, an outcome out. No store, no page, no globals.

    outcome = train(frame, target="churned", budget_seconds=60)      # the short way, from a table
    outcome = execute(plan, table, schema=schema, on_event=...)      # the long way, from a plan
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog, executor, explain, features, latency, results
from pipeline.data import infer
from pipeline.data.schema import Column, Schema
from pipeline.data.splits import divide
from pipeline.device import choose, give_back_memory
from pipeline.errors import PlanError
from pipeline.fitting import Fitting, Journal
from pipeline.latency import Loaded
from pipeline.models import Resources
from pipeline.plan import Plan
from pipeline.predictor import Predictor
from pipeline.replay import Replay, realised
from pipeline.results import Holdout
from pipeline.schedule import ByTime, ByTrials, Clock, Schedule
from pipeline.trials import TrainingData, Trial, costed_rows
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

RESERVE = 0.045  # of a budget in seconds: for putting the models together and judging them
LEAST_RESERVE = 2.0  # seconds, but never more than a quarter of the budget
ELAPSED = "elapsed"
FOLDS_OF_TRIALS = 5


@dataclass(frozen=True)
class Outcome:
    """What a run ends with. `predictor` is the most accurate model, `fast` a single model that answers sooner (or the same).

    `leaderboard` has one row per family, best first, the baseline always among them. `evaluation` is JSON-able:
    "holdout" (rows that no trial has seen; absent when none were held out), "cv" (out-of-fold predictions), each as
    `evaluate.judge` gives it, and "results", what either model reaches and how quick it is. After a budget in seconds
    "realised" has every fit that was made, for `Plan.replaying`. `rows` are the positions of
    the training and holdout rows.
    """

    plan: Plan
    predictor: Predictor
    fast: Predictor
    leaderboard: list[dict[str, Any]]
    evaluation: dict[str, Any]
    trials: list[Trial]
    rows: dict[str, Any]
    warnings: list[str]
    seconds: float
    stopped: bool = False


def train(
    frame: pd.DataFrame, target: Hashable, *, budget_seconds: float | None = None, budget_trials: int | None = None, seed: int = 0,
    task: str | None = None, metric: str | None = None, families: Sequence[str] = (), holdout: float = 0.0, on_event: Callable | None = None,
    executor: executor.Executor | None = None,
) -> Outcome:  # fmt: skip
    """Train on a DataFrame and return the outcome; nothing is stored. The default budget is 60 seconds.

    `holdout` is the share of the rows that no trial sees, to check the result with. By default there is none: all rows
    are learned from, and the evaluation rests on out-of-fold predictions alone.

    Raises UnknownName for a target or family that does not exist and PlanError with every reason why it cannot work.
    """
    started = time.monotonic()
    table, schema = infer(frame)
    plan = Plan.draft(schema, str(target), task=task)
    plan = with_options(
        plan, budget_seconds=budget_seconds, budget_trials=budget_trials, metric=metric, families=families, seed=seed, holdout=holdout
    )
    return execute(plan, table, schema=schema, on_event=on_event, started=started, explained=False, executor=executor)


def with_options(
    plan: Plan, *, budget_seconds: float | None = None, budget_trials: int | None = None, metric: str | None = None,
    families: Sequence[str] = (), seed: int | None = None, strategy: str | None = None, holdout: float | None = None,
) -> Plan:  # fmt: skip
    """The plan with what a person asked for in words: names are checked, what is not given stays."""
    changes: dict[str, Any] = {}
    search = plan.search.model_dump(mode="json")
    if budget_seconds is not None or budget_trials is not None:
        search |= {"trials": budget_trials, "seconds": budget_seconds}
    if strategy and strategy != plan.search.strategy:
        search |= {"strategy": catalog.get("strategy", strategy).name, "params": {}}
    changes["search"] = search
    if holdout is not None:
        changes["split"] = {**plan.split.model_dump(mode="json"), "holdout": holdout}
    if metric:
        changes["metric"] = catalog.get("metric", metric).name
    if families:
        changes["families"] = [{"family": catalog.get("family", name).name} for name in families]
    if seed is not None:
        changes["seed"] = seed
    return plan.change(**changes)


def execute(
    plan: Plan, table: pd.DataFrame, *, schema: Schema | None = None, on_event: Callable[[str, dict], None] | None = None,
    should_stop: Callable[[], bool] | None = None, workspace: Path | None = None, started: float | None = None, explained: bool = True,
    executor: executor.Executor | None = None,
) -> Outcome:  # fmt: skip
    """Carry out a plan on a typed table.

    `schema` is that of the dataset; without one it is inferred. `workspace` is a directory for finished fits: a run that
    is started again with the same plan and directory repeats none of them; without one, a temporary directory is used.
    When `should_stop` turns true the best so far is kept, and TrainingError is raised if there is none. `started`
    (monotonic seconds) is when the budget began to count; default: now. `explained` adds permutation importance, after
    the budget. `executor` is where fits run; default: one process per core, kept warm for the next run.
    """
    started = time.monotonic() if started is None else started
    slots = executor or _shared()  # its processes start while the table is looked at
    if schema is None:
        table, schema = infer(table)
    plan.require(schema)
    journal = Journal(on_event or (lambda kind, payload: None))
    journal.phase("preparing", "Splitting the rows")
    data, holdout = prepare(plan, table, schema, journal.warn)
    with _space(workspace) as space:
        data.save(space)
        data = replace(data, table=data.table.iloc[: costed_rows(len(data.rows))])  # the rest is on the disk
        give_back_memory()
        schedule = _schedule(data, holdout, slots, space, started, should_stop or (lambda: False))
        Fitting(schedule, space, slots, journal).run()
        outcome = _outcome(schedule, holdout, schema, space, journal, explained)
    stopped = bool(should_stop and should_stop())
    return Outcome(plan, **outcome, warnings=journal.warnings, seconds=round(time.monotonic() - started, 3), stopped=stopped)


def _shared() -> executor.Executor:
    return executor.shared()


@contextmanager
def _space(path: Path | None) -> Iterator[Workspace]:
    if path is not None:
        yield Workspace(path)
        return
    with tempfile.TemporaryDirectory(prefix="trainyard-") as temporary:
        yield Workspace(temporary)


def _schedule(
    data: TrainingData, holdout: Holdout, slots: executor.Executor, space: Workspace, started: float, should_stop: Callable[[], bool]
) -> Schedule:
    """The way to spend the plan's budget. What an earlier attempt has spent in the same workspace counts."""
    plan, resources = data.plan, Resources(threads=slots.threads, seed=data.plan.seed, device=choose(None).kind)
    if plan.replay:
        return Replay(data, Clock(started, None, should_stop), resources)
    if plan.search.seconds is None:
        return ByTrials(data, Clock(started, None, should_stop), resources)
    budget = plan.search.seconds
    reserve = max(min(LEAST_RESERVE, budget / 4), RESERVE * budget) + len(holdout.rows) / 1000 * latency.MOST_LATENCY
    spent = space.get(ELAPSED) or 0.0
    clock = Clock(started, started + max(0.5, budget - min(reserve, budget / 2) - spent), should_stop, spent)
    return ByTime(data, clock, resources)


def _outcome(schedule: Schedule, holdout: Holdout, schema: Schema, space: Workspace, journal: Journal, explained: bool) -> dict[str, Any]:
    """Choose the models, judge them, and put together what the run has to say."""
    plan, data = schedule.plan, schedule.data
    trials = [tally.trial(data) for tally in schedule.tallies if tally.fits]
    loaded = Loaded(space, data)
    members, single = results.choose(schedule, loaded)
    journal.phase("evaluating", _judging(holdout, members))
    offered = [results.result(name, chosen, schedule, loaded, schema) for name, chosen in (("accurate", members), ("fast", single))]
    baseline = next((trial for trial in trials if trial.family == "baseline" and trial.oof is not None), None)
    evaluation = results.judge(data, holdout, offered, baseline)
    evaluation["ensemble"] = members.weighed
    if schedule.timed:
        evaluation["realised"] = realised(schedule)
    evaluation["selection"] = results.selection(data, single, loaded)
    if explained:
        journal.phase("explaining", "Measuring what the model rests on")
        best, whole = single.tallies[0], replace(data, table=space.get("table"))
        models = {fold: loaded.model(fit) for fold, fit in best.folds.items()}
        evaluation["importance"] = explain.permutation_importance(whole, models)
    rows = {"train": data.rows, "holdout": holdout.rows, "folds": [data.rows[valid] for _, valid in data.folds]}
    board = results.leaderboard(plan, data, trials)
    predictor, fast = (result.predictor for result in offered)
    return {"predictor": predictor, "fast": fast, "leaderboard": board, "evaluation": evaluation, "trials": trials, "rows": rows}


def _judging(holdout: Holdout, members: results.Members) -> str:
    several = len(members.tallies)
    what = f"an ensemble of {several} models" if several > 1 else catalog.get("family", members.tallies[0].family).title
    rows = f"{len(holdout.rows):,} rows that no trial has seen" if len(holdout.rows) else f"{len(members.rows):,} rows out of fold"
    return f"Judging {what} on {rows}"


def prepare(plan: Plan, table: pd.DataFrame, schema: Schema, warn: Callable[[str], None]) -> tuple[TrainingData, Holdout]:
    """Leave out rows that cannot be learned from, encode the target, and split. What was left out is said, with numbers."""
    rows = np.flatnonzero(table[plan.target].notna().to_numpy())
    if len(rows) < len(table):
        warn(f"{len(table) - len(rows):,} of {len(table):,} rows have no value in {plan.target!r} and were left out.")
    kept = rows[features.rows_to_keep(plan, table.iloc[rows])]
    if len(kept) < len(rows):
        warn(f"{len(rows) - len(kept):,} repeated rows were left out before the split.")
    y, classes = encode(plan, table[plan.target].iloc[kept], schema[plan.target])
    division = divide(plan.split, table.iloc[kept], y, classes=bool(classes), seed=plan.seed, folds=_folds(plan, len(kept)), features=plan.features)
    train, held, place = division.train, division.holdout, np.full(len(kept), -1)
    place[train] = np.arange(len(train))
    folds = [(place[learned], place[valid]) for learned, valid in division.folds]
    if plan.split.strategy == "time":
        folds = folds[::-1]  # what is judged on one fold is judged on the latest, which learns from the most rows
    seen, weighing = table[features.inputs(plan)], None
    if plan.balance.column:
        weighing = table[[plan.balance.column]].iloc[kept[train]]
    data = TrainingData(plan, seen.iloc[kept[train]], y[train], kept[train], folds, classes, weighing, division.facts)
    if classes and len(np.unique(y[train])) < 2:
        raise PlanError(f"Only one class of {plan.target!r} is left to train on.", "Add rows of the other classes.")
    return data, Holdout(seen.iloc[kept[held]], y[held], kept[held])


def _folds(plan: Plan, rows: int) -> int:
    """How many folds: in a budget of trials every one of them is fitted for every trial, so there are fewer."""
    count = plan.split.count(rows)
    return count if plan.split.folds or plan.search.seconds is not None else min(FOLDS_OF_TRIALS, count)


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
