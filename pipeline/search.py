"""Which configuration to try next: every family once with its defaults, what a person enqueued, then a strategy around the best ones.

What is proposed depends only on the plan and on the trials finished so far, never on a state of its own: so a run that
was killed goes on exactly where it stopped, and the same seed gives the same trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.plan import FamilySpec, Plan
from pipeline.strategies import Past, propose_many, space_of, strategy_of

TUNED_FAMILIES = 3


@dataclass(frozen=True)
class Proposal:
    """A configuration to fit: `tuned` is False for a family's first turn with its defaults."""

    number: int
    family: str
    params: dict[str, Any]
    tuned: bool


def propose(plan: Plan, past: Sequence[Past]) -> Proposal | None:
    """The next configuration, given the trials so far in their order; None when nothing is left to try. The baseline is always number 0."""
    first = _first_turns(plan)
    number = len(past)
    tuned = number >= len(first)
    found = _tuned(plan, past) if tuned else (first[number].family, first[number].params)
    if found is None:
        return None
    family, params = found
    # Complete, so that what was fitted can be read from the trial even when a default changes later.
    return Proposal(number, family, catalog.get("family", family).complete(params), tuned)


def first_turns(plan: Plan) -> int:
    """How many trials pass before the strategy begins."""
    return len(_first_turns(plan))


def can_tune(plan: Plan) -> bool:
    """Whether any chosen family has a parameter to search over."""
    return any(space_of(spec) for spec in plan.families)


def _first_turns(plan: Plan) -> list[FamilySpec]:
    """The baseline, the chosen families from the quickest to the slowest, so that there is an answer early, then what was enqueued."""
    order = {entry.name: entry.order for entry in catalog.entries("family")}
    chosen = sorted((f for f in plan.families if f.family != "baseline"), key=lambda f: order[f.family])
    return [FamilySpec(family="baseline"), *chosen, *plan.search.enqueued]


def _tuned(plan: Plan, past: Sequence[Past]) -> tuple[str, dict[str, Any]] | None:
    specs = {spec.family: spec for spec in plan.families}
    space = {name: s for name, spec in specs.items() if (s := space_of(spec))}
    if not catalog.get("strategy", plan.search.strategy).facts.whole:
        space = {name: space[name] for name in _best_families(past, space)}
    found = propose_many(strategy_of(plan.search), space, past, plan.seed, 1)
    if not found:
        return None
    family, params = found[0]
    return family, {**specs[family].params, **params}


def _best_families(past: Sequence[Past], space: dict) -> list[str]:
    """The families whose best trial is best; breadth is over, depth goes where it pays."""
    best = {name: min((p.loss for p in past if p.family == name and p.loss is not None), default=np.inf) for name in space}
    tried = [name for name in sorted(best, key=best.get) if np.isfinite(best[name])]
    return (tried or list(space))[:TUNED_FAMILIES]
