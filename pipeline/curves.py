"""The course of a run, as its events tell it: learning curves and what is wrong with them, fits in time, what was used.

course = Course()
for event in events: course.take(event.kind, event.payload, event.at)
course.curves[7, 2], course.findings, course.busy()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

DIVERGED = 1.25  # times the loss of the beginning, for the last few points
FLAT = 0.001  # of the best loss: what the second half must gain not to be a plateau
WORSE = 0.02  # of the best validation loss: how far it must have risen to be over-fitting
LAST = 3  # points that all say the same; one odd point is no finding
ENOUGH = 8  # points before a curve is said to be flat


class Point(NamedTuple):
    """One point of a learning curve. `score` is minus the validation loss, `train` minus the training loss; None where not known."""

    iteration: int
    score: float | None
    train: float | None = None


class Fit(NamedTuple):
    """One piece of work in a slot. `began` is in seconds since the start of the run; `what` is "fold", "refit" or "prepare"."""

    began: float
    seconds: float
    slot: int = 0
    number: int | None = None
    family: str = ""
    what: str = "fold"
    fold: int | None = None
    score: float | None = None
    state: str = "complete"


class Usage(NamedTuple):
    """What the run used at a moment: `cpu` and `gpu` in percent of all there is, memory in bytes; None where there is none."""

    at: float
    cpu: float | None
    memory: float | None
    gpu: float | None
    gpu_memory: float | None


class Finding(NamedTuple):
    """Something wrong with the learning curves of a trial, said once for all its folds."""

    number: int
    fold: int
    code: str
    sentence: str


TRAINING = ("training", "tuning")  # the phases in which slots are to be busy


@dataclass
class Course:
    """What the events so far say of the course of a run's latest attempt.

    `curves` are by (trial, fold), `families` by trial. `phases` are pairs (seconds since the start, name).
    """

    curves: dict[tuple[int, int], list[Point]] = field(default_factory=dict)
    families: dict[int, str] = field(default_factory=dict)
    fits: list[Fit] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    phases: list[tuple[float, str]] = field(default_factory=list)
    _start: datetime | None = None
    _found: dict[tuple[int, str], Finding] = field(default_factory=dict)
    _new: set[tuple[int, int]] = field(default_factory=set)  # the curves that have grown since somebody looked

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with the curves, each finding once for each trial, in the order of the trials."""
        for number, fold in sorted(self._new):
            for code, sentence in flags(self.curves[number, fold]):
                self._found.setdefault((number, code), Finding(number, fold, code, sentence))
        self._new.clear()
        return sorted(self._found.values(), key=lambda finding: finding.number)

    def take(self, kind: str, told: Mapping[str, Any], at: datetime) -> None:
        """Take the next event; the ones that say nothing of the course are passed over."""
        if kind == "started":  # another attempt counts its seconds anew
            self.fits, self.usage, self.phases, self._start = [], [], [], None
        elif kind == "phase":
            self._start = self._start or at
            self.phases.append((self._seconds(at), told["phase"]))
        elif kind == "trial_started":
            self.families[told["number"]] = told["family"]
        elif kind == "round":
            self._round(told)
        elif kind == "fit":
            self.fits.append(Fit(**{name: told[name] for name in Fit._fields if name in told}))
        elif kind == "usage":
            self.usage.append(Usage(self._seconds(at), *(told.get(name) for name in Usage._fields[1:])))

    def busy(self) -> float | None:
        """The share of the slots' time in the training phases that went into fits; None before there was any."""
        fits = [fit for fit in self.fits if fit.what != "refit"]
        if not fits:
            return None
        began, ended = self._training(fits)
        return busy_share(fits, 1 + max(fit.slot for fit in fits), began, ended)

    def _training(self, fits: Sequence[Fit]) -> tuple[float, float]:
        """From the first training phase to what came after the last one; while that is on, to the end of the last fit."""
        places = [k for k, (_, phase) in enumerate(self.phases) if phase in TRAINING]
        ended = max(fit.began + fit.seconds for fit in fits)
        if not places:
            return min(fit.began for fit in fits), ended
        after = self.phases[places[-1] + 1 :]
        return self.phases[places[0]][0], after[0][0] if after else ended

    def _round(self, told: Mapping[str, Any]) -> None:
        number, fold = told["number"], told["fold"]
        curve = self.curves.setdefault((number, fold), [])
        if curve and told["iteration"] <= curve[-1].iteration:  # fitted again, after a kill
            curve.clear()
        curve.append(Point(told["iteration"], told.get("score"), told.get("train")))
        self._new.add((number, fold))

    def _seconds(self, at: datetime) -> float:
        return (at - self._start).total_seconds() if self._start else 0.0


def flags(points: Sequence[Point]) -> list[tuple[str, str]]:
    """What is wrong with a learning curve, each finding once: (code, sentence). The codes: nan, diverged, overfit, plateau.

    A curve without any score says nothing: nothing was held back.
    """
    found = [*_nan(points)]
    known = [p for p in points if p.score is not None and isfinite(p.score)]
    if len(known) > LAST:
        found += _diverged(known) or _overfit(known) or _plateau(known)
    return found


def _nan(points: Sequence[Point]) -> list[tuple[str, str]]:
    """A number that is none: as it comes from a fit, or None after there was a number, as it is stored."""
    seen = False
    for point in points:
        if point.score is not None and isfinite(point.score):
            seen = True
        elif point.score is not None or seen:
            return [("nan", f"The loss is not a number from iteration {point.iteration:,} on: try a smaller learning rate.")]
    return []


def _diverged(points: Sequence[Point]) -> list[tuple[str, str]]:
    first = -points[0].score
    last = [-p.score for p in points[-LAST:]]
    if first <= 0 or min(last) <= DIVERGED * first:
        return []
    return [("diverged", f"The validation loss rose from {first:.4g} to {last[-1]:.4g}: try a smaller learning rate.")]


def _overfit(points: Sequence[Point]) -> list[tuple[str, str]]:
    """Training still improves while validation has become worse than it was at its best."""
    best = max(range(len(points)), key=lambda k: points[k].score)
    after = [p for p in points[best + 1 :] if p.train is not None]
    if len(after) < LAST or points[best].train is None:
        return []
    rise = max(p.score for p in after[-LAST:]) < points[best].score - WORSE * abs(points[best].score)
    if not rise or after[-1].train <= points[best].train:
        return []
    at = f"{-points[best].score:.4g} at iteration {points[best].iteration:,}"
    return [("overfit", f"Validation was best with {at}; since then only training improves (over-fitting).")]


def _plateau(points: Sequence[Point]) -> list[tuple[str, str]]:
    half = len(points) // 2
    early, late = (max(p.score for p in part) for part in (points[:half], points[half:]))
    if len(points) < ENOUGH or late - early > FLAT * abs(early):
        return []
    since = max(points[:half], key=lambda p: p.score).iteration
    return [("plateau", f"Hardly any gain since iteration {since:,}: {-early:.4g} then, {-late:.4g} at best since.")]


def thinned(points: Sequence[Point], most: int = 200) -> list[Point]:
    """At most about `most` points that keep the curve's ends, and of each stretch its lowest and its highest."""
    if len(points) <= most:
        return list(points)
    stretch = 2 * len(points) / most
    kept = {0, len(points) - 1}
    for k in range(most // 2):
        places = [n for n in range(int(k * stretch), min(int((k + 1) * stretch), len(points))) if points[n].score is not None]
        if places:
            kept |= {min(places, key=lambda n: points[n].score), max(places, key=lambda n: points[n].score)}
    return [points[n] for n in sorted(kept)]


def busy_share(fits: Sequence[Fit], slots: int, began: float, ended: float) -> float | None:
    """The share of the slots' time from `began` to `ended` that went into fits; None where there was no time."""
    if slots < 1 or ended <= began:
        return None
    inside = (min(fit.began + fit.seconds, ended) - max(fit.began, began) for fit in fits)
    return sum(max(0.0, seconds) for seconds in inside) / (slots * (ended - began))
