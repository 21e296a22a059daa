"""The recipe: from columns as they are to numbers that a model takes, every step fitted on training rows only.

A step is one decorated function, and belongs to a phase:

- `rows`: `make(table, params) -> mask` leaves rows out before the split; rows that are scored are never dropped.
- `columns`: `make(params, needs) -> transformer | None`, column by column; None means that this family does not need it.
- `derive`: `make(params, needs) -> transformer` reads named columns as they are at that place and adds columns whose
  names and kinds follow from the parameters alone. They go through the later column steps like any other.
- `matrix`: `make(params, needs) -> transformer` acts on all numbers, after the columns are joined.
- `training`: `make(params) -> grow` adds training rows inside a fold, never rows to judge by (see `augment`).

Within `columns` and `derive` the order of the recipe counts. `flow(plan)` is the way of every column, worked out without
data; `build(plan, needs)` is an unfitted scikit-learn Pipeline that goes this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pipeline import catalog
from pipeline.data.schema import Kind

if TYPE_CHECKING:
    from pipeline.plan import Plan, StepSpec

Phase = Literal["rows", "columns", "derive", "matrix", "training"]
Wanted = list[tuple[str, tuple[str, ...]]]  # columns to read, each with the kinds that are accepted


@dataclass(frozen=True)
class Needs:
    """What a family asks of its input; taken from the family's own facts."""

    categories: Literal["native", "codes", "onehot"] = "onehot"
    scaled: bool = False
    missing: bool = False  # it takes missing numbers as they are
    sparse: bool = False  # it takes a CSR matrix
    wide: bool = True  # and that may have tens of thousands of columns
    text: Literal["scores", "directions", "both"] = "directions"  # what a family gets that takes no wide CSR matrix
    sums: bool = False  # it weighs and adds its columns, and follows a curve only when it is given its pieces

    @classmethod
    def of(cls, facts: Any, params: Mapping[str, Any] = MappingProxyType({})) -> Needs:
        """What a family wants, in this configuration."""
        words = facts.sparse and facts.wide
        short = "directions" if words else params.get("text_as", "both" if facts.scaled else "scores")
        return cls(facts.categories, facts.scaled, facts.missing, facts.sparse, facts.wide, short, sums=facts.scaled and words)


@dataclass(frozen=True)
class StepFacts:
    """`kinds` are the columns it is made for, `gives` the kind that comes out (None: the same).

    `keeps` says that a column is still there under its name afterwards, perhaps beside others; one-hot columns are not.
    `drops` is what happens to the columns that it is given ("chosen") or to all others ("others"). `names(params)` are
    the columns that a derive step adds, with their kinds, and `wants(params)` the columns it reads, where its "column"
    parameters do not say it, which `renames(params, names)` puts others in the place of. `selects` says that a matrix
    step chooses columns, `past` that what is made of a row depends on earlier rows of the table that it is in.
    """

    kinds: tuple[Kind, ...] = ()
    gives: Kind | None = None
    default: bool = False
    phase: Phase = "columns"
    keeps: bool = True
    drops: Literal["", "chosen", "others"] = ""
    selects: bool = False
    past: bool = False
    names: Callable[[dict], dict[str, Kind]] | None = None
    wants: Callable[[dict], Wanted] | None = None
    renames: Callable[[dict, Mapping[str, str | None]], dict] | None = None

    @property
    def rows(self) -> bool:
        """Whether it leaves rows out before the split."""
        return self.phase == "rows"

    def adds(self, spec: StepSpec, plan: Plan | None = None) -> dict[str, Kind]:
        """The columns that this step adds, with their kinds. Raises PlanError when its parameters do not say them."""
        return self.names(catalog.get("step", spec.step).complete(spec.params)) if self.names else {}

    def reads(self, spec: StepSpec) -> Wanted:
        """The columns that a derive step reads, each with the kinds that it accepts."""
        entry = catalog.get("step", spec.step)
        params = entry.complete(spec.params)
        if self.wants:
            return self.wants(params)
        chosen = [(p, params[p.name] if p.kind == "columns" else [params[p.name]]) for p in entry.params if p.kind in ("column", "columns")]
        return [(name, param.accepts) for param, names in chosen for name in names if name]


def step(
    name: str, *, title: str, help: str, kinds: tuple[Kind, ...] = (), gives: Kind | None = None, default: bool = False,
    rows: bool = False, phase: Phase = "columns", keeps: bool | None = None, order: int = 100, params: tuple[catalog.Param, ...] = (), **facts: Any,
) -> Callable[[Callable], Callable]:  # fmt: skip
    """Register a step of any phase; `facts` are more of StepFacts. A column step that gives another kind keeps no column unless it says so."""
    found = StepFacts(kinds, gives, default, "rows" if rows else phase, gives is None if keeps is None else keeps, **facts)
    return catalog.register("step", name, title=title, help=help, params=params, facts=found, order=order)


from pipeline.features import (  # noqa: E402, F401  (each registers its steps)
    arithmetic,
    augment,
    categories,
    choose,
    clean,
    dates,
    formula,
    geography,
    groups,
    impute,
    matrix,
    numbers,
    scale,
    text,
)  # fmt: skip
from pipeline.features.augment import Grown, grow, grows, mix  # noqa: E402
from pipeline.features.auto import recipe  # noqa: E402
from pipeline.features.build import build, names_out, portable, rows_to_keep  # noqa: E402
from pipeline.features.flow import Chain, Flow, Lane, chains, flow, inputs, problems  # noqa: E402
from pipeline.features.shared import Brief, sharing  # noqa: E402
from pipeline.features.stability import stability  # noqa: E402
from pipeline.features.templates import Recipe  # noqa: E402
from pipeline.features.trace import Act, Trace, trace  # noqa: E402

__all__ = [
    "Act", "Brief", "Chain", "Flow", "Grown", "Lane", "Needs", "Phase", "Recipe", "StepFacts", "Trace", "build", "chains", "flow", "grow",
    "grows", "inputs", "mix", "names_out", "portable", "problems", "recipe", "rows_to_keep", "sharing", "stability", "step", "trace",
]  # fmt: skip
