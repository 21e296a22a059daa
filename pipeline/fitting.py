"""The loop of a run: every slot is kept busy with the next fit of the schedule until there is none, the time is over, or somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any

from pipeline import catalog, trials
from pipeline.errors import WorkerDied
from pipeline.executor import FORKS, Executor, Interrupted
from pipeline.schedule import LARGE, MEMBERS, Schedule
from pipeline.trials import REFIT, Fit, Tally, Task, recipe_name
from pipeline.workspace import Workspace

POLL_SECONDS = 0.2
USAGE_SECONDS = 2.0
GRACE_SECONDS = 0.5  # past the end of the time: for fits that are writing their result
MOST_HELD = 8  # fits that may wait for the accelerator before no more are asked for
NEARLY_OVER = 0.8  # of the time: from then on the libraries are loaded that the end of the run needs
OVERDUE = 1.5  # times its seconds: a fit that nothing can interrupt from inside is ended from outside


@dataclass
class Journal:
    """What a run says while it works. Fits speak from several threads; the listener hears one thing at a time."""

    listener: Callable[[str, dict], None]
    warnings: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def say(self, kind: str, payload: dict) -> None:
        with self._lock:
            self.listener(kind, payload)

    def phase(self, phase: str, message: str) -> None:
        self.say("phase", {"phase": phase, "message": message})

    def warn(self, message: str) -> None:
        """Say something once."""
        if message not in self.warnings:
            self.warnings.append(message)
            self.say("warning", {"message": message})


class Fitting:
    """One run's fits. `run` returns when nothing is left to do."""

    def __init__(self, schedule: Schedule, workspace: Workspace, executor: Executor, journal: Journal) -> None:
        self.schedule, self.workspace, self.executor, self.journal = schedule, workspace, executor, journal
        self._open: dict[Future, tuple[Task, float]] = {}
        self._held: list[Task] = []  # that wait for the accelerator
        self._slots = executor.slots
        self._best: tuple[int, float | None] | None = None
        self._looked = time.monotonic()
        self._loading: Thread | None = None

    def run(self) -> None:
        """Fit until the schedule has nothing more. Fits that are under way when the time is over, or when somebody stops, are dropped."""
        try:
            self._go_on()
        finally:  # also when whoever listens cannot any more: nobody works on for nobody
            for pending in self._open:
                pending.cancel()
                self.executor.cancel(pending)
        for future in wait(self._open).done:
            self._take(future, *self._open.pop(future))
        if FORKS:  # where a fresh process is a matter of milliseconds
            self.executor.rest()

    def _go_on(self) -> None:
        clock = self.schedule.clock
        while not clock.should_stop():
            self._fill()
            if not self._open:
                return
            for future in wait(self._open, POLL_SECONDS, FIRST_COMPLETED).done:
                self._take(future, *self._open.pop(future))
            if self._over():
                return
            self._end_overdue()
            self._look_around()
            self._look_ahead()

    def _over(self) -> bool:
        """Whether the time is over. A run without a model waits for the fits that are under way: late is better than nothing."""
        if self.schedule.clock.left() > -GRACE_SECONDS or self.schedule.fitted():
            return self.schedule.clock.left() <= -GRACE_SECONDS
        self.journal.warn("The time was over before a model was finished; the run waited for its first.")
        return False

    def _fill(self) -> None:
        while len(self._open) < self._slots and (task := self._next()):
            tally = self.schedule.tallies[task.number]
            if not tally.fits and len(tally.asked) == len(task.batch):
                title = catalog.get("family", task.family).title
                self.journal.phase("training", f"Trial {task.number}: {title}")
                self.journal.say("trial_started", {"number": task.number, "family": task.family, "params": task.params})
            # Not for an accelerator: its driver does not survive a fork.
            imports = catalog.get("family", task.family).facts.imports if task.resources.device == "cpu" else ()
            future = self.executor.submit(trials.fit_batch, str(self.workspace.path), task.batch, tell=self._told, imports=imports)
            self._open[future] = (task, time.monotonic())

    def _next(self) -> Task | None:
        """The next fit that may start: one at a time on an accelerator, where two contexts would fight over the memory."""
        busy = any(task.resources.device != "cpu" for task, _ in self._open.values())
        if self._held and not busy:
            return self._held.pop(0)
        while task := self.schedule.next():
            if not busy or task.resources.device == "cpu":
                return task
            self._held.append(task)
            if len(self._held) >= MOST_HELD:
                return None
        return None

    def _take(self, future: Future, task: Task, began: float) -> None:
        """What came of a task becomes part of its trial, and is told."""
        try:
            fits = future.result()
        except (Interrupted, CancelledError):
            self._ended_early(task, began)
            return
        except WorkerDied as error:  # its process died twice: fewer at a time from now on
            self._slots = max(1, self._slots // 2)
            fits = _failed(task, began, str(error))
        self._add(fits, task, began, getattr(future, "slot", 0))

    def _ended_early(self, task: Task, began: float) -> None:
        if self.schedule.clock.should_stop() or self.schedule.clock.left() <= 0:
            return
        self._add(_failed(task, began, f"ended after {time.monotonic() - began:.0f} s, its share of the time"), task, began)

    def _add(self, fits: list[Fit], task: Task, began: float, slot: int = 0) -> None:
        for fit in fits:
            tally = self.schedule.add(replace(fit, target_rounds=task.rounds or 0))
            what = "refit" if fit.fold == REFIT else "fold"
            told = {"number": fit.number, "family": fit.family, "what": what, "fold": fit.fold + 1, "score": fit.score, "state": fit.state}
            told |= {"slot": slot, "began": round(began - self.schedule.clock.began, 3), "seconds": fit.seconds, "rounds": fit.rounds, "added": fit.added}
            self.journal.say("fit", told)
            began += fit.seconds  # fits of a batch share its time
            self._report(tally, fit)

    def _report(self, tally: Tally, fit: Fit) -> None:
        """Tell the trial as it stands, the best so far, and how far the run is."""
        title = catalog.get("family", fit.family).title
        if fit.state == "failed":
            self.journal.warn(f"{title} could not be fitted: {fit.message}")
        if fit.degraded:
            self.journal.warn(f"{title}: {fit.degraded}")
        if fit.fold != REFIT:
            self.journal.say("trial", {"trial": tally.trial(self.schedule.data)})
        best = self.schedule.best()
        if best and best.folds:
            score = sum(f.score for f in best.folds.values()) / len(best.folds)
            if self._best != (best.number, score):
                self._best = (best.number, score)
                self.journal.say("best", {"number": best.number, "family": best.family, "score": score, "metric": self.schedule.plan.metric})
        done, left = self.schedule.progress()
        self.journal.say("progress", {"progress": round(min(max(done, 0), 1), 4), "eta_seconds": left, "trials": len(self.schedule.tallies)})

    def _told(self, said: Any) -> None:
        self.journal.say("round", said)

    def _end_overdue(self) -> None:
        """A fit that does not look at the clock is ended from outside when it has had its time and half as much again.

        Preparing its features does not count: others need them too.
        """
        if self.schedule.best() is None:
            return
        now = time.monotonic()
        for future, (task, began) in self._open.items():
            if task.seconds is not None and now - began > OVERDUE * task.seconds + 1:
                ready = self.workspace.age(task.recipe)
                if ready is not None and min(ready, now - began) > OVERDUE * task.seconds + 1:
                    self.executor.cancel(future)

    def _look_around(self) -> None:
        """Now and then: what the fits use, and how long the run has worked, for one that goes on after a kill."""
        if time.monotonic() - self._looked >= USAGE_SECONDS:
            self._looked = time.monotonic()
            self.workspace.put("elapsed", self.schedule.clock.spent + self._looked - self.schedule.clock.began)
            self.journal.say("usage", self.executor.usage())

    def _look_ahead(self) -> None:
        """Beside the last fits, read a model of each family of the best few: the end of the run then finds its libraries loaded (over a second)."""
        few = len(self.schedule.data.rows) <= LARGE  # of more, the fits need the memory
        if few and self._loading is None and self.schedule.clock.used() > NEARLY_OVER:
            best = {tally.family: tally.folds[0] for tally in reversed(self.schedule.candidates([0])[:MEMBERS])}
            names = [name for fit in best.values() for name in (f"model-{fit.key}", recipe_name(fit.fold, fit.needs))]
            self._loading = Thread(target=lambda: [self.workspace.get(name) for name in names], name="look-ahead", daemon=True)
            self._loading.start()


def _failed(task: Task, began: float, why: str) -> list[Fit]:
    seconds = round((time.monotonic() - began) / len(task.batch), 3)
    return [Fit(t.number, t.family, t.fold, t.key, "failed", seconds, message=why, repeat=t.repeat) for t in task.batch]
