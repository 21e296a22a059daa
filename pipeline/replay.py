"""A run in seconds, made again exactly: the fits that it made, each ended at the round at which the clock had ended it.

How many fits a budget in seconds buys depends on the machine; so the realised list of them is part of what a run leaves
behind. Replayed, every fit is the same, and what was measured is taken from the list: so the same models are chosen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.plan import RealisedFit
from pipeline.schedule import ByTime, Schedule
from pipeline.search import Proposal
from pipeline.trials import Fit, Tally, Task


class Replay(ByTime):
    """The fits of `plan.replay`, trial by trial, and no other."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)
        self._waiting: list[Task] = []
        self._made: list[dict[tuple[int, int], RealisedFit]] = []
        for number, trial in enumerate(self.plan.replay):
            tally = self.start(Proposal(number, trial.family, trial.params, "replay"))
            tally.dropped = trial.dropped
            self._made.append({(fit.fold, fit.repeat): fit for fit in trial.fits})
            for made in trial.fits:
                if (made.fold, made.repeat) not in tally.asked:  # it may have come along with another
                    self._again(tally, made)
        self._all = len(self._waiting)

    def next(self) -> Task | None:
        return self._waiting.pop(0) if self._waiting else None

    def add(self, fit: Fit) -> Tally:
        """The fit, with what was measured the first time."""
        made = self._made[fit.number][fit.fold, fit.repeat]
        return super().add(replace(fit, seconds=made.seconds, latency=made.latency, cost=made.cost, alone=made.alone))

    def progress(self) -> tuple[float, float | None]:
        return 1 - len(self._waiting) / max(1, self._all), None

    def _again(self, tally: Tally, made: RealisedFit) -> None:
        if made.state == "failed":
            number, family = tally.number, tally.family
            tally.add(Fit(number, family, made.fold, "", "failed", made.seconds, message=made.message, repeat=made.repeat))
            return
        task = self.task(tally, made.fold, repeat=made.repeat)
        others = [self._as_made(other) for other in task.others if (other.fold, other.repeat) in self._made[tally.number]]
        self._waiting.append(replace(self._as_made(task), others=tuple(others)))

    def _as_made(self, task: Task) -> Task:
        made = self._made[task.number][task.fold, task.repeat]
        return replace(task, rounds=made.rounds, stop=made.stop, until=None, beat=None)


def realised(schedule: Schedule) -> list[dict[str, Any]]:
    """Every fit of a run by trial, JSON-able: what `Plan.replaying` takes."""
    return [
        {"family": t.family, "params": t.params, "dropped": t.dropped, "fits": [_said(fit) for _, fit in sorted(t.fits.items())]}
        for t in schedule.tallies
    ]


def _said(fit: Fit) -> dict[str, Any]:
    said = {"fold": fit.fold, "repeat": fit.repeat, "rounds": fit.target_rounds or None, "stop": fit.stopped, "state": fit.state}
    said |= {"seconds": fit.seconds, "latency": fit.latency, "cost": fit.cost, "alone": fit.alone}
    return {**said, "message": fit.message}
