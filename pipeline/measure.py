"""A ruler for plans: the same rows, the same folds and a quick model, so that what differs is the plan alone.

ruler = Ruler(plan, table, schema)
before, after = ruler.measure(plan), ruler.measure(plan.accept(fixes))
ruler.gain(after, over=before)          # how much better, with an interval and a verdict
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import norm

from pipeline import catalog, evaluate, executor, features, run
from pipeline.data.schema import Schema
from pipeline.device import choose
from pipeline.errors import PlanError, TrainingError
from pipeline.models import Resources
from pipeline.plan import FamilySpec, Plan
from pipeline.trials import Tally, Task, TrainingData, fit
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

QUICK = {"lightgbm": {"learning_rate": 0.08, "num_leaves": 31}}
FOLDS = 5
MOST_ROWS = 50_000
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """One plan on the ruler. `oof` are out-of-fold predictions, `y` the target of the same rows; `rows` are their positions in the
    table. `counts` is true for the rows that the plan keeps: those that its row steps leave out are predicted, but not counted.
    """

    score: float
    fold_scores: tuple[float, ...]
    interval: tuple[float, float]
    oof: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Gain:
    """How much better one plan is than another, in the unit of the metric: positive is better, whichever way the metric points.

    The interval is of 95 %, by paired bootstrap over the rows that both count; it does not know that models differ by
    their seed, nor how many plans were tried. The verdict is "tie" when it holds 0.
    """

    gain: float
    low: float
    high: float
    verdict: Literal["better", "worse", "tie"]


class Ruler:
    """Measures plans for the same target on the same rows and folds, those of `plan`.

    `family` and `params` are the model behind every measurement. At most `most_rows` rows are used, drawn by the plan's seed.
    Raises PlanError when the plan cannot be trained, and, while it measures, TrainingError when `should_stop` turns true or
    the model cannot be fitted.
    """

    def __init__(
        self, plan: Plan, table: pd.DataFrame, schema: Schema, *, family: str = "lightgbm", params: Mapping[str, Any] | None = None,
        folds: int | None = None, most_rows: int = MOST_ROWS, executor: executor.Executor | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.schema = plan.training(), schema
        self._family, self._params = family, dict(QUICK.get(family, {}) if params is None else params)
        self._slots, self._should_stop = executor, should_stop or (lambda: False)
        self._table = _some(table, plan, most_rows)
        split = plan.split.model_copy(update={"holdout": 0.0, "nested": False, "repeats": 1, "folds": folds or plan.split.folds or FOLDS})
        base = self.plan.model_copy(update={"split": split, "families": (FamilySpec(family=family),)})
        base.require(schema)
        # Every row counts in the folds, those too that the plan's row steps leave out: another plan may keep them.
        whole = base.model_copy(update={"recipe": _without_rows(base.recipe), "fixes": tuple(_fix_without_rows(f) for f in base.fixes)})
        self._data, _ = run.prepare(whole, self._table, schema, lambda message: None)

    @property
    def rows(self) -> np.ndarray:
        """The labels, in the index of the table that was given, of the rows that are measured."""
        return self._table.index.to_numpy()[self._data.rows]

    @property
    def classes(self) -> tuple:
        """The classes in the order of their codes, as the file wrote them; none for a number."""
        return self._data.classes

    def measure(
        self, plan: Plan, *, table: pd.DataFrame | None = None, labels: np.ndarray | None = None, family: str | None = None
    ) -> Measured:
        """Fit the model on each fold with the columns and the recipe of `plan`, and score the rows that it has not seen.

        `table` has other cells for the same index; `labels`, one for each of `rows` and coded as the ruler's own `y`, are
        learned from in place of the target. Rows are always judged by the target itself. `family` is another model, with its defaults.
        """
        if (plan.target, plan.task, plan.metric) != (self.plan.target, self.plan.task, self.plan.metric):
            raise PlanError("A ruler measures plans of one target, task and metric.", "Make another ruler for another target.")
        cells = self._table if table is None else table.loc[self._table.index]
        data, kept = self._changed(plan, cells, labels)
        with tempfile.TemporaryDirectory(prefix="trainyard-ruler-") as folder:
            data.save(Workspace(folder))
            tally = self._fitted(folder, data, family)
        return self._measured(tally, replace(data, y=self._data.y), kept)

    def gain(self, one: Measured, over: Measured, *, level: float = 0.95) -> Gain:
        """How much better `one` is than `over`, on the rows that both count."""
        both = one.counts & over.counts
        gain, error = evaluate.difference(
            self.plan.metric, self._data.y[both], one.oof[both], over.oof[both], seed=self.plan.seed, resamples=200
        )
        half = error * float(norm.ppf(0.5 + level / 2))
        low, high = gain - half, gain + half
        return Gain(gain, low, high, "better" if low > 0 else "worse" if high < 0 else "tie")

    def _changed(self, plan: Plan, cells: pd.DataFrame, labels: np.ndarray | None) -> tuple[TrainingData, np.ndarray]:
        """What the engine needs to fit that plan on our folds, and which of our rows the plan keeps."""
        mine = cells.iloc[self._data.rows]
        kept = features.rows_to_keep(plan, mine)
        folds = [(train[kept[train]], valid) for train, valid in self._data.folds]
        weighing = mine[[plan.balance.column]] if plan.balance.column else None
        y = self._data.y if labels is None else np.asarray(labels)
        asked = plan.training().model_copy(update={"split": self._data.plan.split})
        return replace(self._data, plan=asked, table=mine[features.inputs(plan)], y=y, folds=folds, weighing=weighing), kept

    def _fitted(self, folder: str, data: TrainingData, family: str | None) -> Tally:
        slots = self._slots or executor.shared()
        resources = Resources(threads=slots.threads, seed=data.plan.seed, device=choose(None).kind)
        name, params = (self._family, self._params) if family is None else (family, QUICK.get(family, {}))
        tally = Tally(0, name, params)
        tasks = [Task(0, name, params, fold, resources) for fold in range(len(data.folds))]
        waiting = {slots.submit(fit, folder, task) for task in tasks}
        while waiting:
            done, waiting = wait(waiting, LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                tally.add(future.result())
            if self._should_stop():
                _cancel(slots, waiting)
                raise TrainingError("The measurement was stopped before it was finished.", "Start it again.")
        failed = next((each for each in tally.fits.values() if each.state == "failed"), None)
        if failed:
            raise TrainingError(
                f"The measuring model could not be fitted: {failed.message}", "See the Quality page for what is wrong with the data."
            )
        return tally

    def _measured(self, tally: Tally, data: TrainingData, kept: np.ndarray) -> Measured:
        metric, oof, y = self.plan.metric, tally.oof(data), data.y
        scores = [evaluate.score(metric, y[valid[kept[valid]]], oof[valid[kept[valid]]]) for _, valid in data.folds if kept[valid].any()]
        known = kept & ~np.isnan(oof).reshape(len(oof), -1).any(axis=1)
        around = evaluate.interval(metric, y[known], oof[known], seed=self.plan.seed)
        seconds = sum(each.seconds for each in tally.fits.values())
        return Measured(float(np.nanmean(scores)), tuple(scores), around, oof, y, data.rows, known, round(seconds, 3))


def _some(table: pd.DataFrame, plan: Plan, most: int) -> pd.DataFrame:
    """At most so many rows, in the table's order. Groups, if the split has any, lose members but never straddle folds."""
    if len(table) <= most:
        return table
    drawn = np.random.default_rng(plan.seed).choice(len(table), most, replace=False)
    return table.iloc[np.sort(drawn)]


def _without_rows(steps: tuple) -> tuple:
    return tuple(spec for spec in steps if not catalog.get("step", spec.step).facts.rows)


def _fix_without_rows(fix: Any) -> Any:
    return fix.model_copy(update={"steps": _without_rows(fix.steps)})


def _cancel(slots: executor.Executor, waiting: set[Future]) -> None:
    for future in waiting:
        if not future.cancel():
            slots.cancel(future)
