"""What a run will take, before it is started: time, memory and memory of the GPU, reckoned from a probe; and a plan that fits.

From the sample to the whole table: the seconds of a round, of preparing and of predicting lie on a line through the two
sizes that were looked at, of which at least a quarter grows with the rows. Columns need no scaling, for the sample has
all of them. Rounds are those the probe needed, growing slowly with the rows, and inversely with the learning rate of a
configuration. Seconds are those of cores that nothing else keeps busy. Memory is what the process had on the sample, and
for every further row some copies of its features.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import catalog, run, search
from pipeline.device import choose, cores, memory
from pipeline.features import Needs
from pipeline.models import device_for
from pipeline.plan import Plan
from pipeline.probe import SAMPLE_ROWS, SECONDS, SMALLER, Look, Sight, Sights, sights
from pipeline.schedule import MEMBERS, REFIT_COST
from pipeline.strategies import grid_sizes
from pipeline.trials import TrainingData

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.schema import Schema

LONG = 600.0  # seconds: what takes longer is offered shorter
LEAST_GROWING = 0.25  # of the time on the sample grows with the rows, whatever two short looks say
ROUNDS_GROW = 0.3  # more rows bear more rounds: with this power of their number (measured on adult, 500 to 2,000 rows)
USUAL_STEPS = 15.0  # rounds times learning rate of a booster that stops early, where the probe has not seen its end
USUAL_EPOCHS = 40
AROUND_FIT = 0.03  # seconds in its slot: reading what it needs, scoring, writing the model (measured on 240 rows, 100 fits)
AROUND_TRIAL = 0.05  # seconds in the run: proposing it, and its interval
AFTERWARDS = 2.5  # seconds of weighing, judging and explaining
COPIES = 3  # of its prepared features that a fit holds at its height: those, their own form of a library, and what is in the making
TABLES = 2  # copies of the table in a process that prepares features
OWN_BYTES = 100 * 1024**2  # of the run itself, for putting models together and judging them
CONTEXT = 600 * 1024**2  # bytes that a library takes on a GPU before its first number


@dataclass(frozen=True)
class Cost:
    """What one fit of a family costs on the whole table. `rounds` are those of early stopping at the learning rate `rate`.

    `needs` says which prepared features it shares with others; `problem` is what the probe could not see, in words, and
    `failed` that no fit of it is to be expected to succeed.
    """

    family: str
    fixed: float = 0.0
    pace: float = 0.0
    rounds: float = 0.0
    rate: float | None = None
    prepare: float = 0.0
    needs: str = ""
    memory_bytes: int = 0
    gpu_bytes: int | None = None
    dense: bool = False
    problem: str = ""
    failed: bool = False

    def seconds(self, params: Mapping[str, Any]) -> float:
        """One fit of that configuration."""
        name = catalog.get("family", self.family).facts.rounds
        if not name or not self.pace:
            return self.fixed + self.pace * self.rounds
        if not params.get("early_stopping"):
            return self.fixed + self.pace * params[name]
        slower = self.rate / params["learning_rate"] if self.rate else 1.0
        return self.fixed + self.pace * min(self.rounds * slower, params[name])


@dataclass(frozen=True)
class Probe:
    """What was measured, and the run that it is for: any plan with the same rows and folds and no other families is reckoned from it."""

    costs: tuple[Cost, ...]
    rows: int
    learned: int  # rows that a fit on a fold learns from
    folds: int
    outputs: int
    slots: int
    device: str
    start_seconds: float
    base_bytes: int
    table_bytes: int
    free_bytes: int
    gpu_free_bytes: int | None


@dataclass(frozen=True)
class Estimate:
    """What a run of a plan will take; everything in it is plain data. `seconds_per_fit` is by family, without those that failed or had no turn.

    A budget in seconds ends in time whatever the fits cost: then `fits` says how many there is time for.
    """

    seconds_per_fit: dict[str, float]
    fits: int
    seconds: float
    memory_bytes: int
    free_bytes: int
    gpu_memory_bytes: int | None
    fits_in_memory: bool
    sentences: tuple[str, ...]
    probe: Probe

    def of(self, plan: Plan) -> Estimate:
        """The estimate of another plan for the same rows and folds, from the same probe."""
        return _reckoned(plan, self.probe)


def estimated(plan: Plan, table: pd.DataFrame, schema: Schema, *, free_bytes: int | None = None, seconds: float = SECONDS) -> Estimate:
    """Probe every chosen family on a sample and reckon what the run will take; a matter of seconds.

    The fits of the probe end after `seconds`. `free_bytes` is the memory that may be used; without it, what is free now.
    Raises PlanError for a plan that cannot run.
    """
    plan.require(schema)
    data, _ = run.prepare(plan, table, schema, lambda said: None)
    device = choose(None)
    seen = sights(data, _configurations(plan, len(data.rows), device.kind), device.kind, seconds)
    gpu = None if device.kind == "cpu" else device.free_bytes
    free = memory()[1] if free_bytes is None else free_bytes
    return _reckoned(plan, _probe(data, seen, device.kind, free, gpu))


def fitted(plan: Plan, estimate: Estimate, seconds: float = LONG) -> Plan:
    """The plan changed so that it fits: families that take the most memory left out, and trials until it ends in `seconds`.

    A plan that fits comes back as it is. So does one that cannot be mended by leaving families out: it needs a smaller table.
    """
    lighter = _lighter(plan, estimate.probe)
    long = lighter.search.trials is not None and estimate.of(lighter).seconds > seconds
    return _shorter(lighter, estimate, seconds) if long else lighter


def _configurations(plan: Plan, rows: int, device: str) -> dict[str, dict[str, Any]]:
    """The first configuration of each family that the run would try, of those that stop early if one of them has a turn: it shows their rounds."""
    queue = search.portfolio(plan, rows, device)
    early = [(family, params) for family, params in queue[: _configurations_in_all(plan, len(queue))] if params.get("early_stopping")]
    named = [(spec.family, catalog.get("family", spec.family).complete(spec.params)) for spec in plan.families]
    found: dict[str, dict[str, Any]] = {}
    for family, params in [*early, *queue, *named]:
        found.setdefault(family, params)
    return {family: params for family, params in found.items() if family != "baseline"}


# --- from the sample to the table --------------------------------------------------------------------------------------


def _probe(data: TrainingData, seen: Sights, device: str, free: int, gpu_free: int | None) -> Probe:
    train, valid = data.part(0)
    prepared = _preparing(seen.families, len(train))
    costs = tuple(_cost(sight, len(train), len(valid), seen, prepared) for sight in seen.families)
    table = int(seen.row_bytes * len(data.rows))
    outputs = max(1, len(data.classes))
    return Probe(
        costs, len(data.rows), len(train), len(data.folds), outputs, cores(), device, seen.started, seen.base_bytes, table, free, gpu_free
    )


def _cost(sight: Sight, rows: int, valid: int, seen: Sights, prepared: Mapping[str, float]) -> Cost:
    facts = catalog.get("family", sight.family).facts
    cost = Cost(sight.family, needs=_needs(sight), problem=sight.problem, failed=sight.failed)
    learned = min(rows, facts.max_rows or rows)
    least = sight.spent * (1 + LEAST_GROWING * max(0.0, learned / max(1, sight.tried) - 1))  # of a fit that did not end
    if not sight.looks:
        return replace(cost, fixed=least)
    line, last = partial(_line, sight.looks), sight.looks[-1]
    predict = line(lambda look: look.predict, learned) * valid
    cost = replace(cost, prepare=prepared[cost.needs], dense=last.dense and facts.categories == "onehot")
    cost = replace(cost, **_memory(sight, rows, seen))
    if not last.rounds:
        return replace(cost, fixed=max(line(lambda look: look.seconds, learned), least) + predict)
    pace, around = line(lambda look: look.pace, learned), line(lambda look: max(0.0, look.seconds - look.pace * look.rounds), learned)
    rate = sight.params.get("learning_rate") if facts.rounds else None
    return replace(cost, fixed=around + predict, pace=pace, rounds=_rounds(sight, facts, learned), rate=rate)


def _line(looks: Sequence[Look], of: Callable[[Look], float], rows: int) -> float:
    """A quantity on so many rows, on the line through what was seen; neither its fixed part nor its slope is below what is sensible."""
    last = looks[-1]
    grows = 1.0
    if len(looks) > 1 and of(last) > 0:
        grows = (of(last) - of(looks[0])) / (last.rows - looks[0].rows) * last.rows / of(last)
    return of(last) * (1 + min(1.0, max(LEAST_GROWING, grows)) * (rows / last.rows - 1))


def _rounds(sight: Sight, facts: Any, rows: int) -> float:
    """How many rounds a fit takes on so many rows: those of the probe, or what is usual where it did not see their end."""
    last, params = sight.looks[-1], sight.params
    if not facts.rounds:
        return last.rounds if last.whole else max(last.rounds, params.get("n_estimators", last.rounds))
    if last.whole and params.get("early_stopping"):
        return last.rounds * (rows / last.rows) ** ROUNDS_GROW
    usual = USUAL_EPOCHS if facts.rounds == "epochs" else USUAL_STEPS / params["learning_rate"]
    return max(usual, last.rounds if params.get("early_stopping") else 0)


def _memory(sight: Sight, rows: int, seen: Sights) -> dict[str, Any]:
    """What its process has at its height above what every process has, and what it takes of a GPU."""
    last, copies = sight.looks[-1], max(look.row_bytes for look in sight.looks) * COPIES
    further = max(0, rows - last.rows)
    gpu = None if last.gpu is None else int(last.gpu + CONTEXT + further * copies)
    own = max(0, max(look.memory for look in sight.looks) - seen.base_bytes)
    return {"memory_bytes": int(own + further * (copies + TABLES * seen.row_bytes)), "gpu_bytes": gpu}


def _preparing(families: Sequence[Sight], rows: int) -> dict[str, float]:
    """Seconds of preparing the features of one fold, by what families need: measured by the first that needed it."""
    found: dict[str, float] = {}
    for sight in families:
        measured = [look for look in sight.looks if look.prepare is not None]
        seconds = _line(measured, lambda look: look.prepare or 0.0, rows) if measured else 0.0
        found[_needs(sight)] = max(seconds, found.get(_needs(sight), 0.0))
    return found


def _needs(sight: Sight) -> str:
    return repr(Needs.of(catalog.get("family", sight.family).facts, sight.params))


# --- from fits to a run ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turns:
    """So many configurations of a family, and the seconds of a fit of one."""

    family: str
    seconds: float
    count: float


def _reckoned(plan: Plan, probe: Probe) -> Estimate:
    turns = _turns(plan, probe)
    each = _each(plan, probe, turns)
    fits, seconds = _by_trials(plan, probe, turns) if plan.search.trials is not None else _by_time(plan, probe, turns)
    needed = _memory_bytes(plan, probe)
    gpu = max((cost.gpu_bytes or 0 for cost in _fitted(plan, probe)), default=0) if probe.device != "cpu" else None
    made = Estimate(each, fits, round(seconds, 1), needed, probe.free_bytes, gpu, needed <= probe.free_bytes, (), probe)
    return replace(made, sentences=tuple(_sentences(plan, made)))


def _costs(plan: Plan, probe: Probe) -> list[Cost]:
    named = {spec.family for spec in (*plan.families, *plan.search.enqueued)}
    return [cost for cost in probe.costs if cost.family in named]


def _fitted(plan: Plan, probe: Probe) -> list[Cost]:
    """The families that have a turn."""
    named = {turn.family for turn in _turns(plan, probe)}
    return [cost for cost in _costs(plan, probe) if cost.family in named]


def _turns(plan: Plan, probe: Probe) -> list[Turns]:
    """The configurations of the portfolio that have a turn, then the tuned ones, evenly over the families that can be tuned."""
    costs, queue = {cost.family: cost for cost in _costs(plan, probe)}, search.portfolio(plan, probe.rows, probe.device)
    trials = _configurations_in_all(plan, len(queue))
    turns = [Turns(family, costs[family].seconds(params), 1) for family, params in queue[:trials] if family in costs]
    specs = [spec for spec in plan.families if spec.family in costs and not costs[spec.family].failed]
    for spec in specs if trials > len(queue) else ():
        usual = catalog.get("family", spec.family).complete(spec.params)
        turns.append(Turns(spec.family, costs[spec.family].seconds(usual), (trials - len(queue)) / len(specs)))
    return turns


def _configurations_in_all(plan: Plan, queued: int) -> int:
    """How many configurations are tried, the baseline counted; a budget in seconds is taken to try the portfolio."""
    if plan.search.trials is None:
        return queued
    most = plan.search.trials + 1
    if plan.search.strategy == "grid":
        points = catalog.get("strategy", "grid").complete(plan.search.params)["points"]
        return min(most, queued + sum(grid_sizes(plan, points).values()))
    return most if search.can_tune(plan) else min(most, queued)


def _each(plan: Plan, probe: Probe, turns: Sequence[Turns]) -> dict[str, float]:
    """The mean seconds of a fit, by family; for one without a turn those of its defaults."""
    found = {}
    for cost in _costs(plan, probe):
        own = [turn for turn in turns if turn.family == cost.family]
        usual = catalog.get("family", cost.family).complete({})
        mean = sum(t.seconds * t.count for t in own) / sum(t.count for t in own) if own else cost.seconds(usual)
        found |= {} if cost.failed or not mean else {cost.family: round(mean, 4)}
    return found


def _by_trials(plan: Plan, probe: Probe, turns: Sequence[Turns]) -> tuple[int, float]:
    """Every configuration on every fold, the features of each fold prepared once, and refits of the best on all rows."""
    trials = _configurations_in_all(plan, len(search.portfolio(plan, probe.rows, probe.device)))
    refits, times = min(trials - 1, MEMBERS), 2 if plan.split.nested else 1  # the outer folds share another budget of the same size
    each = probe.folds + refits * REFIT_COST / max(1.0, sum(turn.count for turn in turns))
    work = sum(turn.seconds * turn.count * each / _beside(turn.family, probe) for turn in turns)
    work += sum({cost.needs: cost.prepare for cost in _fitted(plan, probe)}.values()) * (probe.folds + 1) / probe.slots
    fits = trials * probe.folds + refits
    around = AROUND_FIT * fits / probe.slots + AROUND_TRIAL * trials + AFTERWARDS
    return times * fits, probe.start_seconds + times * (work + around)


def _by_time(plan: Plan, probe: Probe, turns: Sequence[Turns]) -> tuple[int, float]:
    """How many fits there is time for, were all of them like those of the portfolio."""
    seconds = float(plan.search.seconds or 0)
    mean = AROUND_FIT / probe.slots + sum(turn.seconds / _beside(turn.family, probe) for turn in turns) / max(1, len(turns))
    return int(max(0.0, seconds - probe.start_seconds) / mean), seconds


def _beside(family: str, probe: Probe) -> int:
    """How many fits of it run at a time: one per slot, and one alone on an accelerator."""
    return probe.slots if device_for(catalog.get("family", family), probe.device, probe.rows) == "cpu" else 1


def _memory_bytes(plan: Plan, probe: Probe) -> int:
    """The run itself with the table, the process that slots are forked from, what the heaviest family takes in every slot, and predictions."""
    trials = plan.search.trials or len(search.portfolio(plan, probe.rows, probe.device))
    predictions = 4 * trials * probe.rows * probe.outputs
    heaviest = max((cost.memory_bytes for cost in _fitted(plan, probe)), default=0)
    return int(OWN_BYTES + 2 * probe.base_bytes + (1 + TABLES) * probe.table_bytes + probe.slots * heaviest + predictions)


# --- a plan that fits --------------------------------------------------------------------------------------------------


def _lighter(plan: Plan, probe: Probe) -> Plan:
    """The plan without the heaviest families that need dense features, as few as it takes; itself when that is not enough."""
    lighter = plan
    while _memory_bytes(lighter, probe) > probe.free_bytes:
        dense = [cost for cost in _fitted(lighter, probe) if cost.dense]
        if not dense or len(lighter.families) < 2:
            return plan
        lighter = _without(lighter, max(dense, key=lambda cost: cost.memory_bytes).family)
    return lighter


def _without(plan: Plan, family: str) -> Plan:
    enqueued = tuple(spec for spec in plan.search.enqueued if spec.family != family)
    families = tuple(spec for spec in plan.families if spec.family != family)
    return plan.model_copy(update={"families": families, "search": plan.search.model_copy(update={"enqueued": enqueued})})


def _shorter(plan: Plan, estimate: Estimate, seconds: float) -> Plan:
    """As many trials as end in time; where not even one does, a budget in seconds."""

    def budget(**given: Any) -> Plan:
        return plan.model_copy(update={"search": plan.search.model_copy(update=given)})

    counts = range(1, plan.search.trials or 1)
    most = bisect_right(counts, seconds, key=lambda trials: estimate.of(budget(trials=trials)).seconds)
    return budget(trials=counts[most - 1]) if most else budget(trials=None, seconds=seconds)


# --- in words ----------------------------------------------------------------------------------------------------------


def _sentences(plan: Plan, made: Estimate) -> list[str]:
    return [_of_time(plan, made), *_of_memory(plan, made), *_of_gpu(made), *_of_families(plan, made.probe), _of_the_way(made.probe)]


def _of_time(plan: Plan, made: Estimate) -> str:
    probe, at_once = made.probe, f"{made.probe.slots} at a time" if made.probe.slots > 1 else "one at a time"
    if plan.search.trials is None:
        return f"The budget ends the run after {_time(made.seconds)}; there is time for about {made.fits:,} fits, {at_once}."
    nested = ", twice because the selection is repeated on outer folds" if plan.split.nested else ""
    trials = f"{plan.search.trials:,} {'trial' if plan.search.trials == 1 else 'trials'} and the baseline on {probe.folds:,} folds"
    return f"{trials}, and refits of the best{nested}, are up to {made.fits:,} fits, {at_once}: about {_time(made.seconds)}."


def _of_memory(plan: Plan, made: Estimate) -> list[str]:
    needed, free = _bytes(made.memory_bytes), _bytes(made.free_bytes)
    if made.fits_in_memory:
        return [f"The run takes about {needed} of memory at its height; {free} are free."]
    said = f"The run takes about {needed} of memory at its height, and only {free} are free."
    lighter = {spec.family for spec in _lighter(plan, made.probe).families}
    gone = [catalog.get("family", spec.family).title for spec in plan.families if spec.family not in lighter]
    if gone:
        return [said, f"It fits without {', '.join(gone)}, which need dense features."]
    return [said, "Leaving families out does not mend that: use a table with fewer rows or columns, or a machine with more memory."]


def _of_gpu(made: Estimate) -> list[str]:
    free = made.probe.gpu_free_bytes
    if made.gpu_memory_bytes is None or free is None:
        return []
    if not made.gpu_memory_bytes:
        return [f"What the run takes of the GPU was not seen; {_bytes(free)} are free."]
    enough = "" if made.gpu_memory_bytes <= free else " That is too little: the fits of these families go on on the CPU."
    return [f"The run takes about {_bytes(made.gpu_memory_bytes)} of the GPU's memory; {_bytes(free)} are free.{enough}"]


def _of_families(plan: Plan, probe: Probe) -> list[str]:
    found = []
    for cost in _costs(plan, probe):
        title = catalog.get("family", cost.family).title
        if cost.failed:
            found.append(f"{title} could not be fitted on the sample: {cost.problem}")
        elif cost.problem:
            least = "its time is the least that it takes" if cost.fixed or cost.pace else "its time is not known and not counted"
            found.append(f"{title} {cost.problem}: {least}.")
    return found


def _of_the_way(probe: Probe) -> str:
    learned, besides = probe.learned, "other work on this machine comes on top."
    if learned <= SAMPLE_ROWS:
        return f"Measured on as many rows as a fit learns from, {learned:,}. Tuned configurations may take more rounds, and {besides}"
    return f"Reckoned from fits on {SAMPLE_ROWS // SMALLER:,} and {SAMPLE_ROWS:,} of {learned:,} rows: right in its order, not in its digits; {besides}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
