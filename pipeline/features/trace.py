"""What each step of a recipe does to the same rows, and how long it takes: for the editor, on a sample, and never for a model."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.errors import PlanError
from pipeline.features import Needs
from pipeline.features.augment import Grown, grow, mix
from pipeline.features.build import transformer
from pipeline.features.flow import Flow, Lane, flow
from pipeline.plan import Plan, StepSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PHASES = ("rows", "columns", "matrix", "training")  # whatever their order in the recipe
MOST_ROWS, ROWS_TO_SELECT, MOST_SHOWN = 2_000, 500, 100  # selections train models, but for the one of the automatic recipe
MOST_TRIED = 100  # columns of those that go the same way; what comes of the others is reckoned from these


@dataclass(frozen=True)
class Act:
    """One step: the first rows of what it was given and of what came out, at most 100 columns of each, and how many there are of both.

    `rows_added` is how many training rows it adds: these are shown, each beside the row that it was made of.
    """

    spec: StepSpec
    before: pd.DataFrame
    after: pd.DataFrame
    columns_in: int
    columns_out: int
    seconds: float
    rows_added: int = 0


@dataclass(frozen=True)
class Trace:
    """A recipe, carried out on `rows` rows: its steps in their order (those that are switched on), and both ends.

    Of very many columns that go the same way the first are tried; `reckoned` says that numbers of columns follow from these.
    """

    acts: tuple[Act, ...]
    before: pd.DataFrame
    after: pd.DataFrame
    columns_in: int
    columns_out: int
    rows: int
    reckoned: bool


def trace(plan: Plan, table: pd.DataFrame, family: str | None = None, show: int = 20) -> Trace:
    """What the recipe makes of some rows, step by step, for a family, or for any that takes plain numbers on one scale.

    The rows are evenly spread; where a step looks at earlier rows, they are the first ones. Raises PlanError with all problems of the recipe.
    """
    laid = flow(plan)
    if laid.problems:
        raise PlanError(" ".join(message for message, _ in laid.problems), laid.problems[0][1], laid.problems)
    matrix = [catalog.get("step", spec.step).facts for spec in laid.matrix]
    most = ROWS_TO_SELECT if any(facts.selects and not facts.default for facts in matrix) else MOST_ROWS
    every = max(1, len(table) // most) if not any(catalog.get("step", spec.step).facts.past for spec in plan.steps) else 1
    walk = _Walk(plan, laid, *_labelled(plan, table.iloc[: every * most : every]), _needs(family), show)
    given, acts = walk.shown(), {}
    for number in sorted(range(len(plan.steps)), key=lambda number: _turn(plan.steps[number])):
        acts[number] = walk.step(plan.steps[number])
    out, reckoned = walk.shown(), any(way.stands_for > 1 for way in walk.ways)
    return Trace(tuple(acts[number] for number in sorted(acts)), given[0], out[0], given[1], out[1], len(walk.table), reckoned)


@dataclass
class _Way:
    """Columns that go the same way, as they are now; None until the step that adds them has been there. Each stands for so many."""

    columns: list[str]
    steps: tuple[StepSpec, ...]
    made_by: StepSpec | None
    reaches: bool
    stands_for: float = 1.0
    done: int = 0
    now: pd.DataFrame | None = None


@dataclass
class _Walk:
    """The rows at one place of the recipe."""

    plan: Plan
    laid: Flow
    table: pd.DataFrame
    y: np.ndarray | None
    needs: Needs
    show: int
    joined: pd.DataFrame | None = None
    dropped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ways = _ways(self.laid.lanes, set(self.plan.features))
        self._begin()

    def step(self, spec: StepSpec) -> Act:
        facts = catalog.get("step", spec.step).facts
        return self._drop(spec, facts.drops) if facts.drops else getattr(self, f"_{facts.phase}")(spec)

    def shown(self) -> tuple[pd.DataFrame, int]:
        """The first rows of what would reach a model now, and how many columns that are."""
        if self.joined is not None:
            return self._head([(self.joined, 1.0)])
        return self._head((way.now.drop(columns=self.dropped, errors="ignore"), way.stands_for) for way in self._reaching())

    def _reaching(self) -> list[_Way]:
        return [way for way in self.ways if way.now is not None and way.reaches]

    def _begin(self) -> None:
        from pipeline.features.columns import Canonical

        typed = Canonical([name for way in self.ways if way.made_by is None for name in way.columns]).transform(self.table)
        for way in self.ways:
            way.now = typed[way.columns] if way.made_by is None else None

    def _rows(self, spec: StepSpec) -> Act:
        before, started = self.shown(), time.perf_counter()
        entry = catalog.get("step", spec.step)
        keep = entry.make(self.table[[*self.plan.features, self.plan.target]], entry.complete(spec.params))
        seconds = time.perf_counter() - started
        self.table, self.y = self.table[keep], None if self.y is None else self.y[keep]
        self._begin()
        return _act(spec, before, self.shown(), seconds)

    def _columns(self, spec: StepSpec) -> Act:
        going = [way for way in self.ways if way.now is not None and way.done < len(way.steps) and way.steps[way.done] is spec]
        before, seconds = self._head((way.now, way.stands_for) for way in going), 0.0
        for way in going:
            way.now, spent = self._fit(spec, way.now)
            way.done += 1
            seconds += spent
        return _act(spec, before, self._head((way.now, way.stands_for) for way in going), seconds)

    def _derive(self, spec: StepSpec) -> Act:
        import pandas as pd

        reads = dict.fromkeys(name for name, _ in catalog.get("step", spec.step).facts.reads(spec))
        self._set_aside(reads)
        now = {name: way.now[name] for way in self.ways if way.now is not None for name in way.columns if name in reads and name in way.now}
        given = pd.DataFrame({name: now[name] for name in reads} if reads.keys() <= now.keys() else {})  # else it is passed over
        new, seconds = self._fit(spec, given)
        for way in self.ways:
            if way.made_by is spec:
                way.now = new[way.columns]
        return _act(spec, self._head([(given, 1.0)]), self._head([(new, 1.0)]), seconds)

    def _set_aside(self, reads: Collection[str]) -> None:
        """What earlier steps have made beside the columns that are read now, such as marks of gaps, is ready and goes no further."""
        for way in [way for way in self.ways if way.now is not None and way.columns[0] in reads and way.now.shape[1] > len(way.columns)]:
            extra = way.now.drop(columns=way.columns)
            way.now = way.now[way.columns]
            self.ways.append(_Way(list(extra), (), None, True, now=extra))

    def _matrix(self, spec: StepSpec) -> Act:
        self._join()
        before = self.shown()
        self.joined, seconds = self._fit(spec, self.joined)
        return _act(spec, before, self.shown(), seconds)

    def _join(self) -> None:
        import pandas as pd

        if self.joined is None:
            parts = [way.now.drop(columns=self.dropped, errors="ignore") for way in self._reaching()]
            self.joined = pd.concat(parts, axis=1) if parts else self.table.iloc[:, :0]

    def _training(self, spec: StepSpec) -> Act:
        """Rows that are added, each beside the row that it was made of. They are not fitted on here: what is shown stays the table's own."""
        started = time.perf_counter()
        given, grown = self._grown(spec)
        seconds, added = time.perf_counter() - started, slice(len(given), None)
        origin = grown.origin[added, 0]
        after = grown.X.iloc[added].reset_index(drop=True)
        return _act(spec, self._head([(given.iloc[origin].reset_index(drop=True), 1.0)]), self._head([(after, 1.0)]), seconds, len(origin))

    def _grown(self, spec: StepSpec) -> tuple[pd.DataFrame, Grown]:
        """The rows that a training step is given, and these with those that it adds."""
        import numpy as np
        import pandas as pd

        facts, y = catalog.get("step", spec.step).facts, np.zeros(len(self.table)) if self.y is None else self.y
        if facts.kinds:
            kinds = self.plan.kinds
            names = [n for way in self._reaching() for n in way.columns if kinds.get(n) in facts.kinds and (spec.columns is None or n in spec.columns)]
            alone = {"fixes": (), "recipe": (spec,), "columns": tuple(c for c in self.plan.columns if c.name in set(names))}
            return self.table[names], grow(self.plan.model_copy(update=alone), self.table[names], y)
        self._join()
        here = np.repeat(np.arange(len(self.joined))[:, None], 2, axis=1)
        if not self.needs.scaled:
            return self.joined, Grown(self.joined, y, here)
        mixed = mix(self.plan.model_copy(update={"fixes": (), "recipe": (spec,)}), self.needs, Grown(self.joined.to_numpy("float64"), y, here))
        return self.joined, replace(mixed, X=pd.DataFrame(mixed.X, columns=self.joined.columns))

    def _drop(self, spec: StepSpec, which: str) -> Act:
        before, chosen = self.shown(), set(spec.columns or ())
        self.dropped |= {name for way in self.ways if way.now is not None for name in way.now if (name in chosen) == (which == "chosen")}
        return _act(spec, before, self.shown(), 0.0)

    def _fit(self, spec: StepSpec, given: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        """What a step makes of these columns, and the seconds that it took; the columns themselves when no family of this sort needs it."""
        step = transformer(spec, self.needs)
        if step is None or given.shape[1] == 0:
            return given, 0.0
        started = time.perf_counter()
        found = step.fit_transform(given, self.y)
        return _frame(found, step, given), time.perf_counter() - started

    def _head(self, frames: Iterable[tuple[pd.DataFrame, float]]) -> tuple[pd.DataFrame, int]:
        """The first rows and columns, and how many columns there are with those that these stand for."""
        import pandas as pd

        left, parts, columns = MOST_SHOWN, [], 0.0
        for frame, stands_for in frames:
            parts.append(frame.iloc[: self.show, :left])
            left -= parts[-1].shape[1]
            columns += frame.shape[1] * stands_for
        return pd.concat(parts, axis=1) if parts else pd.DataFrame(), round(columns)


def _labelled(plan: Plan, sample: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray | None]:
    """The rows with a target that a step can learn from, as class numbers or float64; all rows and None when there are no such rows."""
    import pandas as pd

    if plan.target not in sample:
        return sample, None
    target = sample[plan.target]
    target = pd.to_numeric(target, errors="coerce").astype("float64") if plan.task == "regression" else target
    known = target.notna().to_numpy()
    if not known.any():
        return sample, None
    sample = sample if known.all() else sample[known]  # the copy of a wide table takes longer than its steps
    return sample, target[known].to_numpy() if plan.task == "regression" else pd.factorize(target[known], sort=True)[0]


def _act(spec: StepSpec, before: tuple[Any, int], after: tuple[Any, int], seconds: float, rows: int = 0) -> Act:
    return Act(spec, before[0], after[0], before[1], after[1], seconds, rows)


def _turn(spec: StepSpec) -> int:
    phase = catalog.get("step", spec.step).facts.phase
    return PHASES.index("columns" if phase == "derive" else phase)


def _needs(family: str | None) -> Needs:
    if family is None:
        return Needs(categories="onehot", scaled=True, missing=False, sparse=False)
    return replace(Needs.of(catalog.get("family", family).facts), sparse=False)


def _ways(lanes: Sequence[Lane], features: set[str]) -> list[_Way]:
    """Lanes that go the same way and are read by the same steps. What a step adds reaches the model, a key that is only read does not."""
    found: dict[tuple, _Way] = {}
    read_by: dict[str, dict[int, None]] = {}
    for lane in lanes:
        for name in lane.reads:
            read_by.setdefault(name, {})[id(lane.made_by)] = None
    for lane in lanes:
        reaches = lane.made_by is not None or lane.name in features
        key = (tuple(map(id, lane.steps)), lane.kind, id(lane.made_by), reaches, tuple(read_by.get(lane.name, ())))
        found.setdefault(key, _Way([], lane.steps, lane.made_by, reaches)).columns.append(lane.name)
    for way in found.values():
        if len(way.columns) > MOST_TRIED and way.columns[0] not in read_by:
            way.columns, way.stands_for = way.columns[:MOST_TRIED], len(way.columns) / MOST_TRIED
    return list(found.values())


def _frame(found: Any, step: Any, given: pd.DataFrame) -> pd.DataFrame:
    """What a transformer gave, as a table with names."""
    import pandas as pd

    if isinstance(found, pd.DataFrame):
        return found
    values = found.toarray() if hasattr(found, "toarray") else found
    return pd.DataFrame(values, columns=step.get_feature_names_out(list(given)), index=given.index)
