"""A look at what fits cost here: each family once or twice on a small sample of the rows, in a process of its own, within seconds.

What is seen is seconds, rounds and bytes on so many rows; what follows from it for a whole run is in `estimate`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from pipeline import catalog, features, trials
from pipeline.errors import TrainyardError
from pipeline.executor import LocalExecutor
from pipeline.models import Resources, device_for
from pipeline.models.estimator import sample_rows
from pipeline.trials import Task, TrainingData
from pipeline.workspace import Workspace

SAMPLE_ROWS = 2_000
VALID_ROWS = 300
SMALLER = 4  # times fewer rows in the first look at a table that is larger than the sample
SECONDS = 5.0  # of a core, for all looks together, once the process is there
STRETCH = 3.0  # times that by the clock, where other work keeps the cores busy
LEAST_SECONDS = 0.2  # with less there is nothing to see
FIRST = 0.1  # of its time: for the rounds of the first look
SOFT = 0.75  # of its time: then a fit in rounds is asked to end; at the end of it any fit is ended
START_SECONDS = 60.0  # until the process is there, however slow the disk
SPEEDS = ("fast", "medium", "slow")


@dataclass(frozen=True)
class Look:
    """One fit on `rows` rows. `pace` are the seconds of each of its rounds but the first.

    Seconds are those of a core that does nothing else, `used` with all that the look did; on an accelerator those of the clock.
    `whole`: it ended by itself. `prepare` are the seconds of preparing the features, None when they were there already.
    `predict` are seconds per row, `row_bytes` the prepared features of a row; `memory` and `gpu` are the most that the
    process had, in bytes.
    """

    rows: int
    prepare: float | None
    seconds: float
    pace: float
    rounds: int
    whole: bool
    predict: float
    row_bytes: float
    dense: bool
    memory: int
    used: float
    gpu: int | None = None


@dataclass(frozen=True)
class Sight:
    """What was seen of one family: looks on ever more rows, and in words what stopped them, if anything did.

    `failed` says that no fit of it can be expected to succeed; else its time was over after at least `spent` seconds on `tried` rows.
    `used` are all its seconds.
    """

    family: str
    params: dict[str, Any]
    looks: tuple[Look, ...] = ()
    problem: str = ""
    failed: bool = False
    spent: float = 0.0
    tried: int = 0
    used: float = 0.0


@dataclass(frozen=True)
class Sights:
    """All families as seen, the seconds until the process was there, and the bytes that a process has before its first fit."""

    families: tuple[Sight, ...]
    started: float
    base_bytes: int
    row_bytes: float  # of the table, in memory


def sights(data: TrainingData, configurations: Mapping[str, dict[str, Any]], device: str, seconds: float = SECONDS) -> Sights:
    """Fit each configuration on a sample of the rows of the first fold, all within so many seconds; the process that does it is gone afterwards."""
    small = _sample(data)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trainyard-") as folder:
        small.save(Workspace(folder))
        slot = LocalExecutor(1, threads=1)
        try:
            base = slot.submit(resident).result(START_SECONDS)
            started = time.monotonic() - began
            found = _in_turn(slot, folder, small, _tasks(data, small, configurations, device), seconds)
        finally:
            slot.close()
    table = float(small.table.memory_usage(deep=True).sum()) / max(1, len(small.rows))
    return Sights(tuple(found), round(started, 3), base, table)


def _sample(data: TrainingData) -> TrainingData:
    """A small part of the first fold's training rows: one or two parts to learn from, and a few rows to predict."""
    train, _ = data.part(0)
    classes = bool(data.classes)
    most = min(SAMPLE_ROWS, len(train))
    picked = train[sample_rows(data.y[train], most, data.plan.seed, classes)]
    large = np.arange(len(picked))
    judged = large[:: max(1, -(-most // VALID_ROWS))]
    sizes = [large] if most == len(train) else [sample_rows(data.y[picked], most // SMALLER, data.plan.seed + 1, classes), large]
    weighing = None if data.weighing is None else data.weighing.iloc[picked]
    folds = [(part, judged) for part in sizes]
    return replace(data, table=data.table.iloc[picked], y=data.y[picked], rows=data.rows[picked], folds=folds, weighing=weighing)


def _tasks(data: TrainingData, small: TrainingData, configurations: Mapping[str, dict[str, Any]], device: str) -> list[Task]:
    """One per family, quick ones first and networks, whose library loads slowly, last; each where the run would fit it."""
    entries = [catalog.get("family", name) for name in configurations]
    entries.sort(key=lambda entry: (SPEEDS.index(entry.facts.speed), entry.facts.device == "any"))
    places = [Resources(1, data.plan.seed, device_for(entry, device, len(data.rows))) for entry in entries]
    return [Task(i, entry.name, configurations[entry.name], 0, place) for i, (entry, place) in enumerate(zip(entries, places, strict=True))]


def _in_turn(slot: LocalExecutor, folder: str, small: TrainingData, tasks: Sequence[Task], seconds: float) -> list[Sight]:
    """One family after the other; each has an even share of the time that is left."""
    over, left, found = time.monotonic() + STRETCH * seconds, seconds, []
    for place, task in enumerate(tasks):
        families = len(tasks) - place
        share, by_clock = max(0.0, left) / families, max(0.0, over - time.monotonic()) / families
        found.append(_sight(slot, folder, small, task, min(share, by_clock), by_clock))
        left -= found[-1].used
    return found


def _sight(slot: LocalExecutor, folder: str, small: TrainingData, task: Task, seconds: float, by_clock: float) -> Sight:
    """The first look of a family is short and pays for loading its library; it counts only when there is no other."""
    looks: list[Look] = []
    sight, over = Sight(task.family, task.params), time.monotonic() + by_clock
    if seconds < LEAST_SECONDS:
        return replace(sight, problem="had no turn in the time of the probe")
    for number, fold in enumerate([0, *range(len(small.folds))]):
        tried, began = len(small.folds[fold][0]), time.monotonic()
        left = seconds - sight.used
        future = slot.submit(look, folder, replace(task, fold=fold), (SOFT if number else FIRST) * left)
        try:
            seen = future.result(max(LEAST_SECONDS, over - began))
        except Late:
            slot.cancel(future)
            spent = time.monotonic() - began
            problem = f"did not end in {spent:.1f} s on {tried:,} rows"
            return replace(sight, problem=problem, spent=spent / STRETCH, tried=tried, used=seconds)
        except Exception as error:  # any library may raise anything; the fit of a run would say the same
            reason = str(error) if isinstance(error, TrainyardError) else f"{type(error).__name__}: {error}"
            return replace(sight, problem=reason[:300], failed=True, tried=tried)
        looks = [*looks, seen] if number > 1 else [replace(seen, prepare=looks[0].prepare if looks else seen.prepare)]
        sight = replace(sight, looks=tuple(looks), used=sight.used + seen.used)
    return sight


def resident(*, tell: Callable[[Any], None]) -> int:
    """The bytes that this process has now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def look(folder: str, task: Task, seconds: float, *, tell: Callable[[Any], None]) -> Look:
    """Fit one configuration on one part of the sample and say what it took; with no seconds it ends after its first round."""
    clock = time.process_time if task.resources.device == "cpu" else time.monotonic
    workspace, began = Workspace(folder), clock()
    data: TrainingData = workspace.get("rows")
    entry, (train, valid) = catalog.get("family", task.family), data.part(task.fold)
    needs = features.Needs.of(entry.facts, task.params)
    there = workspace.has(trials.recipe_name(task.fold, needs))
    _forget_peak()
    recipe, made, judged, grown = trials.prepared(workspace, data, task.fold, needs)
    ready = clock()
    rounds = _Rounds(clock, seconds)
    model = trials.fit_model(entry, task, data, recipe, made, rounds, grown)
    fitted = clock()
    model.predict_prepared(judged)
    over = clock()
    return Look(
        rows=len(train), prepare=None if there else ready - began, seconds=fitted - ready, pace=rounds.pace(),
        rounds=rounds.count, whole=not rounds.cut, predict=(over - fitted) / max(1, len(valid)), row_bytes=_size(made) / max(1, len(train)),
        dense=isinstance(made, np.ndarray), memory=_peak(), used=over - began, gpu=_gpu_peak(),
    )  # fmt: skip


class _Rounds:
    """Counts the rounds of a fit and asks it to end when its time is over."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._began, self._seconds = clock, clock(), seconds
        self._first, self._last, self.begun, self.count, self.cut = 0, 0.0, 0.0, 0, False

    def __call__(self, iteration: int, score: float | None) -> bool:
        spent = self._clock() - self._began
        if not self.count:
            self._first, self.begun = iteration, spent
        self.count, self._last = iteration, spent
        self.cut = spent >= self._seconds
        return self.cut

    def pace(self) -> float:
        """Seconds per round after the first; 0 for a fit without rounds."""
        return (self._last - self.begun) / (self.count - self._first) if self.count > self._first else self.begun / max(1, self._first)


def _size(made: Any) -> int:
    """The bytes of prepared features."""
    if sparse.issparse(made):
        return made.data.nbytes + made.indices.nbytes + made.indptr.nbytes
    return made.nbytes if isinstance(made, np.ndarray) else 8 * made.shape[0] * made.shape[1]


def _forget_peak() -> None:
    """Let the most memory of this process count from now, where the system offers that (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most memory that this process had; where the system does not tell, what it has now."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0) or resident(tell=lambda said: None)


def _gpu_peak() -> int | None:
    """The most that torch had of an accelerator, if it was used at all; what other libraries take there is not known."""
    torch = sys.modules.get("torch")
    used = torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_available() else 0
    return int(used) or None
