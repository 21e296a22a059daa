"""Which fit next: what a budget buys. Breadth first, on one fold; then all rows and more folds for those that earn a place.

`ByTrials` is exactly repeatable: its decisions depend on scores alone, made at fixed points. `ByTime` spends seconds: it
learns from finished fits what a fit costs, races configurations on the first folds, gives long fits a deadline, and
spends what is left on the members of the ensemble, in the order of what a second buys. How many folds a configuration
gets is thus a matter of what they cost (measured: at a minute, one fold of ten and a refit on all rows beat eight folds).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline import catalog, ensemble, evaluate, search
from pipeline.models import Resources, device_for
from pipeline.plan import Plan
from pipeline.trials import REFIT, REFIT_ROUNDS, WHOLE_ENOUGH, Fit, Tally, Task, TrainingData

GENERATION = 4  # proposals of a budget in trials that are made at once; the number of cores must not change what is tried
MEMBERS = 6  # at most, of an ensemble that is refitted in a budget in trials
CANDIDATES = 16  # the best so many trials are weighed
RACE_SHARE = 0.42  # of the time: then the members get the rest
RACE_SHARE_LARGE = 0.8
LEAST_RACED = 5  # trials, the baseline among them, that are started however little time is left
LEAST_TRIED = 2  # the baseline and the first model: even when the time was over before they could begin
LEAST_SECONDS = 0.5  # of a racing fit
LARGE = 100_000  # rows
CAP_SHARE = 0.2  # of the time: the longest a racing fit may take
CAP_SHARE_SLOW = 0.28
RUNG_ROWS = 600  # informative rows that a configuration is judged on before it is dropped or kept
CLEARLY = 3.0  # standard errors behind the leader
MOST_LATENCY_OF_QUICK = 0.012  # seconds per 1,000 rows with one thread, the recipe aside
HEAVY = 0.1  # the weight from which a member is worth a second fold and refit before the others have theirs
SEEDS = 3  # that a fold of few rows is fitted with
REPEATS = 3  # refits of a member with other seeds, when time is left
REFIT_COST = 1.15  # times a fold: more rows, but no rounds past the best
MOST_TRIALS = ((400, 12), (1_000, 20), (2_500, 40), (10_000, 100))  # rows, configurations: small tables are protected from over-tuning


@dataclass(frozen=True)
class Clock:
    """When to stop: a monotonic time, or because somebody asks. `deadline=None` never runs out."""

    began: float
    deadline: float | None
    should_stop: Callable[[], bool]
    spent: float = 0.0  # seconds of an earlier attempt

    def left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def used(self) -> float:
        """The share of the time that has passed, 0 to 1; 0 without a deadline."""
        return 0.0 if self.deadline is None else (self.spent + time.monotonic() - self.began) / max(1e-9, self.whole)

    @property
    def whole(self) -> float:
        return float("inf") if self.deadline is None else self.spent + self.deadline - self.began


@dataclass
class Schedule:
    """The tallies of a run, and what all ways to spend a budget share.

    `timed`: decisions may rest on measured seconds. Otherwise nothing may that another machine would measure differently.
    """

    timed = False
    data: TrainingData
    clock: Clock
    resources: Resources
    tallies: list[Tally] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        return self.data.plan

    def next(self) -> Task | None:
        """The next fit to start, or None: nothing now, or nothing at all when no fit is under way."""
        raise NotImplementedError

    def add(self, fit: Fit) -> Tally:
        """Take a finished fit; return the trial that it belongs to."""
        tally = self.tallies[fit.number]
        tally.add(fit)
        if fit.repeat and fit.fold in tally.folds and any(fit is one for one in tally.seeds):
            tally.bag(fit.fold, self.data)
        return tally

    def progress(self) -> tuple[float, float | None]:
        """How much of the budget is spent (0 to 1), and the seconds that are left, where they are known."""
        raise NotImplementedError

    def start(self, proposal: search.Proposal) -> Tally:
        tally = Tally(proposal.number, proposal.family, proposal.params)
        self.tallies.append(tally)
        return tally

    def past(self) -> list[search.Past]:
        """What the strategy may know: every trial with a score, its loss on the folds that all of them have."""
        return [search.Past(t.family, t.params, self._known_loss(t), t.latency or None, "finished" if t.fits else "running") for t in self.tallies]

    def proposals(self, count: int) -> list[search.Proposal]:
        """The next configurations to try."""
        return search.propose(self.plan, self.past(), len(self.data.rows), count, self.resources.device)

    def task(self, tally: Tally, fold: int, seconds: float | None = None, repeat: int = 0) -> Task:
        """A fit of that trial on a fold, or on all rows with the rounds that its folds have found.

        On an accelerator some families fit all the folds that trials are ranked on in the time of one: then these come along.
        """
        entry = catalog.get("family", tally.family)
        device, folds = device_for(entry, self.resources.device, len(self.data.rows)), [fold]
        if entry.facts.together and device != "cpu" and fold in self.compared:
            folds += [other for other in self.compared if other != fold and (other, repeat) not in tally.asked]
        beside = tuple(sorted(folds)) if len(folds) > 1 else ()
        made = [replace(self._task(tally, entry, each, device, seconds, repeat), beside=beside) for each in folds]
        return replace(made[0], others=tuple(made[1:]))

    def _task(self, tally: Tally, entry: catalog.Entry, fold: int, device: str, seconds: float | None, repeat: int) -> Task:
        tally.asked.add((fold, repeat))
        rounds = max(1, round(tally.rounds * REFIT_ROUNDS)) if fold == REFIT and entry.facts.rounds and tally.rounds else None
        seed = (self.plan.seed * 1_009 + fold + 1 + 7_919 * repeat) % 2**31
        resources = Resources(self.resources.threads, seed, device)
        return Task(tally.number, tally.family, tally.params, fold, resources, rounds, repeat, seconds, self.clock.deadline, self._to_beat(entry, fold))

    def _to_beat(self, entry: catalog.Entry, fold: int) -> float | None:
        """The best score of a finished booster on the rows that this fold's fits hold back: the same rows and the same loss for all."""
        if entry.facts.rounds != "n_estimators" or self.plan.balance.method != "none":
            return None
        boosters = [t for t in self.tallies if fold in t.folds and catalog.get("family", t.family).facts.rounds == "n_estimators"]
        scores = [t.folds[fold].held_back for t in boosters if t.folds[fold].state == "complete"]
        return max((score for score in scores if score is not None), default=None)

    def candidates(self, folds: Sequence[int]) -> list[Tally]:
        """The best trials that have all these folds, best first."""
        having = [t for t in self.tallies if t.family != "baseline" and not t.failed and all(f in t.folds for f in folds)]
        return sorted(having, key=lambda t: (self._loss(t, folds), t.number))[:CANDIDATES]

    def blend(self, folds: Sequence[int], among: Sequence[Tally] | None = None) -> tuple[list[Tally], ensemble.Blend | None]:
        """The candidates on these folds and how they are best weighed."""
        among = list(among if among is not None else self.candidates(folds))
        if not among:
            return [], None
        rows, parts = self.rows(folds)
        predictions = [t.oof(self.data)[rows] for t in among]
        return among, ensemble.blend(self.plan.metric, self.data.y[rows], predictions, parts, seed=self.plan.seed)

    @property
    def compared(self) -> list[int]:
        """The folds that trials are ranked on: scores on different rows do not compare."""
        return list(range(len(self.data.folds)))

    def fitted(self) -> bool:
        """Whether there is a model, the baseline aside."""
        return any(t.folds for t in self.tallies if t.family != "baseline")

    def best(self) -> Tally | None:
        """The trial with the best score on the folds that trials are ranked on; of equals the earliest.

        A trial that lacks some of these folds comes first only when none has them all.
        """
        found = [t for t in self.tallies if t.folds and not t.failed]
        lacking = {t.number: sum(f not in t.folds for f in self.compared) for t in found}
        return min(found, key=lambda t: (lacking[t.number], self._loss(t, self.compared), t.number), default=None)

    def quick(self) -> list[Tally]:
        """The trials whose models answer quickly enough for the fast result, best first; the quickest alone where none does.

        One that is no better than guessing is not quick, it is useless: it comes into question only where all are.
        """
        found = self.candidates(self.compared)
        guesses = next((t for t in self.tallies if t.family == "baseline" and t.folds), None)
        found = [t for t in found if not guesses or self._loss(t, list(guesses.folds)) < self._loss(guesses, list(guesses.folds))] or found
        if not self.timed:
            return found
        return [t for t in found if t.latency <= MOST_LATENCY_OF_QUICK] or sorted(found, key=lambda t: t.latency)[:1]

    def fast(self) -> Tally | None:
        """The best of them."""
        return next(iter(self.quick()), None)

    def rows(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The rows that these folds validate, and which fold does (the first, where folds repeat)."""
        part = np.full(len(self.data.rows), -1)
        for fold in reversed(folds):
            part[self.data.folds[fold][1]] = fold
        rows = np.flatnonzero(part >= 0)
        return rows, part[rows]

    def _loss(self, tally: Tally, folds: Sequence[int]) -> float:
        """The mean over those of these folds that it has, turned so that smaller is better."""
        scores = [fit.score for fold, fit in tally.folds.items() if fold in folds]
        if not scores or not np.isfinite(scores).all():
            return float("inf")
        greater = catalog.get("metric", self.plan.metric).facts.greater
        return float(-np.mean(scores) if greater else np.mean(scores))

    def _known_loss(self, tally: Tally) -> float | None:
        loss = self._loss(tally, self.compared)
        return loss if np.isfinite(loss) else None


class ByTrials(Schedule):
    """A number of trials on every fold, then refits of the best ones: the same on every machine, whatever is killed."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)
        self._steps = self._all()
        self._waiting: list[Task] = []
        self._open = 0

    def next(self) -> Task | None:
        if not self._waiting and not self._open:
            self._waiting = next(self._steps, [])
        if not self._waiting:
            return None
        task = self._waiting.pop(0)
        self._open += len(task.batch)
        return task

    def add(self, fit: Fit) -> Tally:
        self._open -= 1
        return super().add(fit)

    def progress(self) -> tuple[float, float | None]:
        done, whole = len(self.tallies) - 1, self.plan.search.trials
        finished = [t for t in self.tallies if len(t.folds) == len(self.data.folds)]
        pace = float(np.mean([t.seconds for t in finished[1:]] or [0])) * len(self.data.folds)
        return min(1.0, max(0, len(finished) - 1) / whole), pace * (whole - done) if finished[1:] else None

    def _all(self) -> Iterator[list[Task]]:
        """The run as steps; the fits of one step may be done in any order."""
        trials, folds = self.plan.search.trials + 1, range(len(self.data.folds))  # the baseline is extra
        while len(self.tallies) < trials:
            new = []
            for proposal in self.proposals(min(GENERATION, trials - len(self.tallies))):
                new.append(self.start(proposal))
            if not new:
                break
            for fold in folds:
                yield [self.task(t, fold) for t in new if (fold, 0) not in t.asked and not t.failed and not self._pruned(t)]
        among, blend = self.blend(list(folds))
        if blend:
            chosen = sorted(range(len(among)), key=lambda i: -blend.weights[i])[:MEMBERS]
            keep = {among[i].number for i in chosen if blend.weights[i] > 0} | {among[blend.single].number, self.fast().number}
            yield [self.task(self.tallies[number], REFIT) for number in sorted(keep)]

    def _pruned(self, tally: Tally) -> bool:
        if not tally.dropped and tally.folds and tally.family != "baseline":
            others = [t for t in self.tallies if t is not tally and len(t.folds) == len(self.data.folds) and t.family != "baseline"]
            tally.dropped = search.pruned(self.plan, _oriented(self.plan, tally), [_oriented(self.plan, t) for t in others]) or ""
        return bool(tally.dropped)


def _oriented(plan: Plan, tally: Tally) -> list[float]:
    """The scores by fold, turned so that greater is better."""
    sign = 1 if catalog.get("metric", plan.metric).facts.greater else -1
    return [sign * fit.score for fit in tally.folds.values()]


class ByTime(Schedule):
    """Seconds, spent where they buy the most."""

    timed = True

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)
        self._members: list[tuple[Tally, float]] = []
        self._weighed: tuple[list[int], list[tuple[int, int]]] | None = None  # the folds and the trials, with their bags, that the members were chosen on
        self._rung = list(range(rung(self.data)))

    @property
    def compared(self) -> list[int]:
        return self._rung

    def best(self) -> Tally | None:
        """The best as for any schedule; or one that had no time for all the folds, and is clearly better on those that it has."""
        leader = super().best()
        for tally in self.tallies:
            lacks = tally.folds and any(fold not in tally.folds for fold in self.compared)
            if leader and lacks and behind(self, leader, tally)[0] > CLEARLY:
                leader = tally
        return leader

    def next(self) -> Task | None:
        if self.clock.left() <= 0 and len(self.tallies) >= LEAST_TRIED:
            return None
        return self._judged_further() or self._race() or self._deepened() or self._steadied() or self._tuned() or self._repeated()

    def progress(self) -> tuple[float, float | None]:
        return min(1.0, self.clock.used()), max(0.0, self.clock.left())

    def _race(self) -> Task | None:
        """A new configuration, on the first fold only."""
        large = len(self.data.rows) > LARGE
        over = self.clock.used() > (RACE_SHARE_LARGE if large else RACE_SHARE)
        if over and len(self.tallies) >= LEAST_RACED:
            return None
        return self._proposed(tuned=not large and self.clock.used() < RACE_SHARE)

    def _tuned(self) -> Task | None:
        """Another configuration, when the members have all they can use."""
        return self._proposed(tuned=True) if self._fits(self._typical()) else None

    def _proposed(self, tuned: bool) -> Task | None:
        queued = len(self.tallies) < search.first_turns(self.plan, len(self.data.rows), self.resources.device)
        if not queued and (not tuned or len(self.tallies) >= self._most()):
            return None
        proposals = self.proposals(1)
        return self.task(self.start(proposals[0]), 0, self._cap(proposals[0].family)) if proposals else None

    def _most(self) -> int:
        return next((most for rows, most in MOST_TRIALS if len(self.data.rows) <= rows), 10_000)

    def _cap(self, family: str) -> float:
        slow = catalog.get("family", family).facts.speed == "slow" or len(self.data.rows) > LARGE
        return max(LEAST_SECONDS, min(self.clock.left(), self.clock.whole * (CAP_SHARE_SLOW if slow else CAP_SHARE)))

    def _judged_further(self) -> Task | None:
        """The next of the first few folds of the best trial that is not clearly behind, where one fold says too little."""
        for tally in sorted(self.tallies, key=lambda t: (self._loss(t, [0]), t.number)):
            if tally.failed or tally.dropped or tally.family == "baseline" or 0 not in tally.folds:
                continue
            fold = next((f for f in self._rung if (f, 0) not in tally.asked), None)
            if fold is None or not self._fits(tally.seconds):
                continue
            tally.dropped = self._behind(tally)
            if not tally.dropped:
                return self.task(tally, fold, self._cap(tally.family))
        return None

    def _behind(self, tally: Tally) -> str:
        """Why a trial is given no more folds: row by row, its loss is clearly higher than the leader's."""
        leader = self.best()
        if leader is None or leader is tally:
            return ""
        (errors, rows), title = behind(self, tally, leader), catalog.get("family", leader.family).title
        return f"Behind trial {leader.number} ({title}) by {errors:.1f} standard errors on {rows:,} rows." if errors > CLEARLY else ""

    def _deepened(self) -> Task | None:
        """What a member of the ensemble still lacks: its refit on all rows, a second fold and a second refit, then fold after fold.

        Measured (cal_housing, LightGBM): one refit 44,350, four with other seeds 43,943, the mean of five folds 44,037.
        """
        self._weigh()
        heavy = [t for t, weight in self._members if weight >= HEAVY]
        wanted = [(t, REFIT, 0) for t, _ in self._members] + [(t, 1, 0) for t in heavy] + [(t, REFIT, 1) for t in heavy]
        wanted += [(t, fold, 0) for fold in range(len(self.data.folds)) for t, _ in self._members]
        return self._first_that_fits(wanted)

    def _steadied(self) -> Task | None:
        """Where every fold is needed to tell configurations apart, one seed is noise too: other seeds for the members and the best of each family."""
        if len(self._rung) < len(self.data.folds):
            return None
        families: dict[str, Tally] = {}
        for tally in self.candidates(self._rung):
            families.setdefault(tally.family, tally)
        members, rivals = [t.number for t, weight in self._members if weight], [t.number for t in families.values() if not self._behind(t)]
        judged = [self.tallies[number] for number in dict.fromkeys(members + rivals) if self.tallies[number].varies]
        return self._first_that_fits([(tally, fold, repeat) for repeat in range(1, SEEDS) for tally in judged for fold in self._rung])

    def _repeated(self) -> Task | None:
        """Another refit with another seed: steadier predictions for time that would be left over."""
        return self._first_that_fits([(t, REFIT, repeat) for repeat in range(1, REPEATS) for t, _ in self._members])

    def _first_that_fits(self, wanted: Sequence[tuple[Tally, int, int]]) -> Task | None:
        for tally, fold, repeat in wanted:
            cost = tally.seconds * (REFIT_COST if fold == REFIT else 1)
            if fold < len(self.data.folds) and (fold, repeat) not in tally.asked and self._fits(cost):
                return self.task(tally, fold, self.clock.left(), repeat)
        return None

    def _weigh(self) -> None:
        """Choose the members anew when trials have come in: by weight for what their fits cost."""
        best = self.best()
        folds = [f for f in self._rung if best and f in best.folds] or [0]
        ready = [(t.number, len(t.bags)) for t in self.tallies if all(f in t.folds for f in folds)]
        if (folds, ready) == self._weighed:
            return
        self._weighed = folds, ready
        among = self.candidates(folds)
        if among:
            weighed = [(t, float(w)) for t, w in zip(among, self._weights(among), strict=True) if w > 0 or t is among[0]]
            fast = self.fast()
            weighed += [(fast, 0.0)] if fast and all(t is not fast for t, _ in weighed) else []
            self._members = sorted(weighed, key=lambda pair: -(pair[1] + 0.02) / np.sqrt(pair[0].seconds + 1e-3))

    def _weights(self, among: Sequence[Tally]) -> np.ndarray:
        rows, _ = self.rows([fold for fold in self._rung if all(fold in t.folds for t in among)])
        return ensemble.weigh(self.plan.metric, self.data.y[rows], [t.oof(self.data)[rows] for t in among], seed=self.plan.seed)

    def _fits(self, seconds: float) -> bool:
        return seconds * 1.1 < self.clock.left()

    def _typical(self) -> float:
        return float(np.median([t.seconds for t in self.tallies[1:] if t.folds] or [0]))


def behind(schedule: Schedule, one: Tally, other: Tally) -> tuple[float, int]:
    """By how many standard errors the loss of the one is higher, row by row on the folds of both, and how many rows these are."""
    rows, _ = schedule.rows([f for f in one.folds if f in other.folds])
    if not len(rows):
        return 0.0, 0
    y, (its, others) = schedule.data.y[rows], (t.oof(schedule.data)[rows] for t in (one, other))
    more = evaluate.row_losses(y, its) - evaluate.row_losses(y, others)
    error = more.std() / np.sqrt(len(rows))
    return float(more.mean() / error) if error > 0 else 0.0, len(rows)


def rung(data: TrainingData) -> int:
    """How many of the first folds a configuration is judged on: as many as it takes for enough informative rows."""
    own = max(1, ensemble.informative(data.y[data.folds[0][1]]))
    return int(min(len(data.folds), max(1, -(-RUNG_ROWS // own))))


def whole_enough(fit: Fit) -> bool:
    """Whether a refit has the rounds that it was meant to have, or nearly."""
    return fit.state == "complete" or fit.rounds >= WHOLE_ENOUGH * fit.target_rounds
