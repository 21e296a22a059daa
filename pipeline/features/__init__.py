"""The recipe: from columns as they are to numbers that a model takes, every step fitted on training rows only.

A step is one decorated function `make(params, needs) -> transformer | None`; None means that this family does not need
the step. `build(plan, needs)` lays the steps of a plan along each column and returns an unfitted scikit-learn Pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pipeline import catalog
from pipeline.data.schema import Kind


@dataclass(frozen=True)
class Needs:
    """What a family asks of its input; taken from the family's own facts."""

    categories: Literal["native", "codes", "onehot"] = "onehot"
    scaled: bool = False
    missing: bool = False  # it takes missing numbers as they are
    sparse: bool = False  # it takes a CSR matrix
    text: Literal["scores", "directions", "both"] = "directions"  # what a family gets that takes no CSR matrix

    @classmethod
    def of(cls, facts: Any, params: Mapping[str, Any] = MappingProxyType({})) -> Needs:
        """What a family wants, in this configuration."""
        short = "directions" if facts.sparse else params.get("text_as", "both" if facts.scaled else "scores")
        return cls(facts.categories, facts.scaled, facts.missing, facts.sparse, short)


@dataclass(frozen=True)
class StepFacts:
    """`kinds` are the columns it is made for, `gives` the kind that comes out (None: the same).

    `rows=True` marks a step that leaves rows out before the split and is never applied to rows that are scored.
    """

    kinds: tuple[Kind, ...]
    gives: Kind | None
    default: bool
    rows: bool


def step(
    name: str, *, title: str, help: str, kinds: tuple[Kind, ...] = (), gives: Kind | None = None, default: bool = False,
    rows: bool = False, order: int = 100, params: tuple[catalog.Param, ...] = (),
) -> Callable[[Callable], Callable]:  # fmt: skip
    """Register a step: `make(params, needs)` for a column step, `make(table, params) -> mask of rows to keep` for a row step."""
    facts = StepFacts(kinds=kinds, gives=gives, default=default, rows=rows)
    return catalog.register("step", name, title=title, help=help, params=params, facts=facts, order=order)


from pipeline.features import categories, clean, dates, numbers, text  # noqa: E402, F401, F811  (each registers its steps)
from pipeline.features.build import Preview, build, chains, names_out, preview, rows_to_keep  # noqa: E402

__all__ = ["Needs", "Preview", "StepFacts", "build", "chains", "names_out", "preview", "rows_to_keep", "step"]
