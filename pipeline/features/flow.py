"""The way of every column through a recipe, worked out from the plan alone: no data, no transformer.

Column steps wait, column by column, until a derive step reads the column or the columns are joined. So a recipe without
derive steps is one transformer over all columns, and a derive step sees exactly what the steps before it have made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pipeline import catalog
from pipeline.data.schema import Kind
from pipeline.errors import PlanError, TrainyardError, near
from pipeline.plan import Plan, StepSpec

MOST_NAMED = 5


@dataclass(frozen=True)
class Chain:
    """Columns that go through the same steps, and the kind that comes out at the end. `made_by` is the step that added them, if one did."""

    columns: tuple[str, ...]
    steps: tuple[StepSpec, ...]
    gives: str
    made_by: StepSpec | None = None


class Lane(NamedTuple):  # of 10,000 columns there are 60,000 on the way
    """One column: where it comes from, the steps it goes through, and what it is at the end.

    `made_by` is the step that added it and `reads` the columns that this step read. `shown` says whether it reaches the
    model: a column may be there for other columns only, or be dropped. `split` is the step after which it is no longer
    one column of this name.
    """

    name: str
    begins: Kind
    kind: Kind
    steps: tuple[StepSpec, ...] = ()
    made_by: StepSpec | None = None
    reads: tuple[str, ...] = ()
    shown: bool = True
    split: str = ""


@dataclass(frozen=True)
class Stage:
    """What happens before the columns are joined: chains that end here because a step reads their columns, then steps that add columns."""

    chains: tuple[Chain, ...]
    steps: tuple[StepSpec, ...]


@dataclass(frozen=True)
class Flow:
    """A recipe, laid out. `inputs` are the columns of the table that it needs, `joined` what is left to do when the columns are joined.

    `problems` are pairs of what is wrong and what to do. A step that reads what an accepted fix withholds is passed over: it is in no stage.
    """

    inputs: tuple[str, ...]
    stages: tuple[Stage, ...]
    joined: tuple[Chain, ...]
    lanes: tuple[Lane, ...]
    matrix: tuple[StepSpec, ...]
    training: tuple[StepSpec, ...]
    problems: tuple[tuple[str, str], ...]


def flow(plan: Plan) -> Flow:
    """Lay out the recipe of a plan. What does not fit is in its problems; steps that this installation lacks are passed over."""
    known = {entry.name: entry for entry in catalog.entries("step")}
    given = [(spec, known[spec.step]) for spec in plan.steps if spec.step in known]
    walk = _Walk(plan, inputs(plan))
    for spec, entry in given:
        if entry.facts.phase in ("columns", "training"):
            walk.refuse_unknown(spec, entry)
        if entry.facts.phase == "columns":
            walk.columns(spec, entry)
        elif entry.facts.phase == "derive":
            walk.derive(spec, entry)
    late = {phase: tuple(spec for spec, entry in given if entry.facts.phase == phase) for phase in ("matrix", "training")}
    if len(given) == len(plan.steps):  # a step that is lacking may have been the one that makes numbers
        walk.refuse_unfinished()
    joined = _together((lane for lane in walk.lanes.values() if lane.shown), walk.waiting, by_maker=False)
    return Flow(
        tuple(walk.inputs), tuple(walk.stages), joined, tuple(walk.lanes.values()), late["matrix"], late["training"], tuple(walk.problems)
    )


def inputs(plan: Plan) -> list[str]:
    """The columns that the recipe needs: the features, and what its steps read beside them, such as a key that the model must not see."""
    wanted = {name for spec in plan.steps for name in _read(spec)}
    features, withheld = set(plan.features), {name for fix in plan.fixes for name in fix.ignore}
    return [c.name for c in plan.columns if c.name in features or (c.name in wanted and c.name not in withheld)]


def chains(plan: Plan) -> list[Chain]:
    """The steps that each column of the model goes through, columns with the same way put together, in the table's order."""
    lanes = [lane for lane in flow(plan).lanes if lane.shown]
    return list(_together(lanes, {lane.name: list(lane.steps) for lane in lanes}))


def problems(plan: Plan) -> list[tuple[str, str]]:
    """What is wrong with the recipe of a plan, each with what to do."""
    return list(flow(plan).problems)


def _read(spec: StepSpec) -> list[str]:
    """The columns that a step reads by name, or none when its parameters do not fit, which is told elsewhere."""
    try:
        return [name for name, _ in catalog.get("step", spec.step).facts.reads(spec)]
    except TrainyardError:
        return []


def _together(lanes: Iterable[Lane], ways: dict[str, list[StepSpec]], by_maker: bool = True) -> tuple[Chain, ...]:
    """The columns with the same way put together; columns of different makers only when these do not count."""
    found: dict[tuple, list[str]] = {}
    first: dict[tuple, Chain] = {}
    written: dict[int, str] = {}  # a step is written out once, not once for every column
    for lane in lanes:
        way = ways[lane.name]
        written |= {id(s): json.dumps([s.step, s.params], sort_keys=True) for s in way if id(s) not in written}
        said = tuple(written[id(s)] for s in way)
        key = (said, lane.kind, id(lane.made_by) if by_maker else None)
        if key not in first:
            found[key], first[key] = [], Chain((), tuple(way), lane.kind, lane.made_by if by_maker else None)
        found[key].append(lane.name)
    return tuple(replace(first[key], columns=tuple(names)) for key, names in found.items())


@dataclass
class _Walk:
    """The columns as they are at one place of the recipe; `waiting` are the steps of each that are not carried out yet."""

    plan: Plan
    inputs: list[str]
    lanes: dict[str, Lane] = field(default_factory=dict)
    waiting: dict[str, list[StepSpec]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shown, kinds = set(self.plan.features), {c.name: c.kind for c in self.plan.columns}
        for name in self.inputs:
            self.lanes[name], self.waiting[name] = Lane(name, kinds[name], kinds[name], shown=name in shown), []
        self._named = set(kinds)
        self._withheld = {name for fix in self.plan.fixes for name in fix.ignore}

    def columns(self, spec: StepSpec, entry: catalog.Entry) -> None:
        """Every column of its kinds has one more step to go, or is dropped."""
        facts, chosen = entry.facts, None if spec.columns is None else set(spec.columns)
        if facts.drops:
            self._drop(entry, chosen)
            return
        for name, lane in self.lanes.items():
            if lane.kind in facts.kinds and (chosen is None or name in chosen):
                self.waiting[name].append(spec)
                split = lane.split or ("" if facts.keeps else entry.title)
                kind = facts.gives or lane.kind
                self.lanes[name] = Lane(name, lane.begins, kind, (*lane.steps, spec), lane.made_by, lane.reads, lane.shown, split)

    def refuse_unknown(self, spec: StepSpec, entry: catalog.Entry) -> None:
        for name in sorted(set(spec.columns or ()) - self._named - self._withheld - self.lanes.keys()):
            self._say(entry, f"there is no column {name!r} at this place of the recipe", self._meant(name))

    def derive(self, spec: StepSpec, entry: catalog.Entry) -> None:
        """The columns that it reads are made ready, and its own join them. Parameters that do not fit are told elsewhere."""
        try:
            entry.complete(spec.params)
        except TrainyardError:
            return
        try:
            wanted, added = entry.facts.reads(spec), entry.facts.adds(spec, self.plan)
            self._refuse_unchosen(spec, entry)
        except TrainyardError as error:
            self._say(entry, str(error).rstrip("."), error.hint)
            return
        if any(name in self._withheld for name, _ in wanted):
            self._withheld |= added.keys()
            return
        unfit = [said for name, kinds in wanted if (said := self._unfit(name, kinds))]
        taken = [name for name in added if name in self.lanes or name in self._named]
        for message, hint in [
            *unfit,
            *((f"there is a column {name!r} already", "Rename one, or leave one of the two steps out.") for name in taken),
        ]:
            self._say(entry, message, hint)
        if unfit or taken:
            return
        reads = tuple(dict.fromkeys(name for name, _ in wanted))
        self._enter(spec, reads)
        for name, kind in added.items():
            self.lanes[name], self.waiting[name] = Lane(name, kind, kind, made_by=spec, reads=reads), []

    def refuse_unfinished(self) -> None:
        """Whatever reaches the model must be a number by now."""
        unfinished = [lane.name for lane in self.lanes.values() if lane.shown and lane.kind != "numeric"]
        if unfinished:
            names = ", ".join(map(repr, unfinished[:MOST_NAMED])) + (" …" if len(unfinished) > MOST_NAMED else "")
            hint = "Switch the encoding, date or text step on again, or give these columns the role 'ignore'."
            self.problems.append((f"No step turns {names} into numbers, and a model takes only numbers.", hint))
        if self.inputs and not any(lane.shown for lane in self.lanes.values()) and self.plan.features:
            self.problems.append(("The recipe drops every column.", "Leave the step that drops them out, or let it keep some."))

    def _enter(self, spec: StepSpec, reads: tuple[str, ...]) -> None:
        """Put a step into a stage, a new one when steps of the columns that it reads are still to be done."""
        waiting = [name for name in reads if self.waiting[name]]
        if waiting or not self.stages:
            self.stages.append(Stage(_together((self.lanes[name] for name in waiting), self.waiting), (spec,)))
        else:
            self.stages[-1] = replace(self.stages[-1], steps=(*self.stages[-1].steps, spec))
        for name in waiting:
            self.waiting[name] = []

    def _drop(self, entry: catalog.Entry, chosen: set[str] | None) -> None:
        if not chosen:
            self._say(entry, "no column is chosen", "Choose the columns in the settings of the step, or remove the step.")
            return
        for name, lane in self.lanes.items():
            if (name in chosen) == (entry.facts.drops == "chosen"):
                self.lanes[name] = lane._replace(shown=False)

    def _refuse_unchosen(self, spec: StepSpec, entry: catalog.Entry) -> None:
        for param in entry.params:
            if param.kind in ("column", "columns") and not param.optional and not spec.params.get(param.name):
                raise PlanError(f"{param.title.lower()} is not chosen.", "Choose it in the settings of the step, or switch the step off.")

    def _unfit(self, name: str, kinds: tuple[str, ...]) -> tuple[str, str] | None:
        """Why a derive step cannot read this column at this place."""
        lane = self.lanes.get(name)
        if name == self.plan.target:
            return f"it may not read the target {name!r}", "Choose another column."
        if lane is None:
            return f"there is no column {name!r} at this place of the recipe", self._meant(name)
        if lane.split:
            return f"{name!r} is no longer one column here, {lane.split!r} has made others of it", f"Move this step above {lane.split!r}."
        if kinds and lane.kind not in kinds:
            return f"{name!r} is {lane.kind} here, and {' or '.join(kinds)} is needed", "Choose another column, or change its kind."
        return None

    def _meant(self, name: str) -> str:
        close = near(name, self.lanes)
        return (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else "Choose a column that is there, or move the step below the one that adds it."
        )

    def _say(self, entry: catalog.Entry, message: str, hint: Any) -> None:
        self.problems.append((f"{entry.title}: {message}.", hint))
