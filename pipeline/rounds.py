"""What an iterative family calls after each round: what it has reached is told now and then, and whether to go on is decided."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

TELL_SECONDS = 0.5
HOPE_SHARE = 0.3  # of its time that a fit always gets
HOPE_MARGIN = 0.015  # of the score: a model a little behind may still help an ensemble


class Rounds:
    """Ends a fit at its deadline, or when even the pace of its best half does not bring it near what another has reached.

    `tell(iteration, score)` is called at most twice a second. `seconds` count from now and end at `until` (monotonic) at the latest; without
    them there is no deadline. `beat` is the best that another booster reached on the same held-back rows. `stop` is the round after
    which a replayed fit ends, whatever the clock says. The best round is kept either way.
    """

    def __init__(
        self, tell: Callable[[int, float | None], None], seconds: float | None, until: float | None, beat: float | None, stop: int | None
    ) -> None:
        self._tell, self._beat, self._stop, self._told, self.cut = tell, beat, stop, time.monotonic(), False
        self._deadline = None if seconds is None else min(self._told + seconds, until or float("inf"))
        self._began: float | None = None
        self._course: list[tuple[float, float]] = []  # (seconds since the first round, best score so far)
        self.best: float | None = None
        self.stopped: int | None = None

    def __call__(self, iteration: int, score: float | None) -> bool:
        now = time.monotonic()
        self._began = self._began or now
        if score is not None and np.isfinite(score) and (self.best is None or score > self.best):
            self.best = score
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._tell(iteration, score)
            if self.best is not None:
                self._course.append((now - self._began, self.best))
        if not self.cut and self._over(iteration, now):
            self.cut, self.stopped = True, iteration
        return self.cut

    def _over(self, iteration: int, now: float) -> bool:
        if self._stop is not None:
            return iteration >= self._stop
        return self._deadline is not None and (now >= self._deadline or self._hopeless(now))

    def _hopeless(self, now: float) -> bool:
        """Whether going on at the pace of the second half of its time so far leaves it clearly behind at the deadline."""
        if self._beat is None or len(self._course) < 4 or now - self._began < HOPE_SHARE * (self._deadline - self._began):
            return False
        spent, best = self._course[-1]
        middle = next(score for seconds, score in self._course if seconds >= spent / 2)
        hoped = best + (best - middle) * (self._deadline - now) / max(spent / 2, 1e-9)
        return hoped < self._beat - HOPE_MARGIN * abs(self._beat)
