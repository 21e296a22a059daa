"""Which configuration to try next: a fixed portfolio of strong ones across the families, then a strategy around the best.

What is proposed depends only on the plan and on the trials so far, never on a state of its own: so a run that was killed
goes on exactly where it stopped, and the same seed gives the same trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.models import Preset, device_for
from pipeline.plan import FamilySpec, Plan
from pipeline.strategies import Past, propose_many, pruner_of, space_of, strategy_of

TUNED_FAMILIES = 3
LAST = 1_000
PATIENT_SECONDS = 200
PATIENT_RATE = 0.6
PATIENT_ROWS = 100_000  # of more, boosters are given large trees


@dataclass(frozen=True)
class Proposal:
    """A configuration to fit; `wave` is "portfolio" or "tuning"."""

    number: int
    family: str
    params: dict[str, Any]
    wave: str


def propose(plan: Plan, past: Sequence[Past], rows: int, count: int = 1, device: str = "cpu") -> list[Proposal]:
    """The next configurations, given the trials so far in their order (fewer when nothing is left to try). The baseline is always number 0."""
    queue = portfolio(plan, rows, device)
    found = [Proposal(len(past) + i, family, params, "portfolio") for i, (family, params) in enumerate(queue[len(past) : len(past) + count])]
    lacking = count - len(found)
    if lacking and can_tune(plan):
        found += [Proposal(len(past) + len(found) + i, *drawn, "tuning") for i, drawn in enumerate(_tuned(plan, past, lacking))]
    return found


def first_turns(plan: Plan, rows: int, device: str = "cpu") -> int:
    """How many trials pass before the strategy begins."""
    return len(portfolio(plan, rows, device))


def portfolio(plan: Plan, rows: int, device: str = "cpu") -> list[tuple[str, dict[str, Any]]]:
    """The baseline, then the strong configurations of the chosen families for a table of that size, in one queue.

    What the plan fixes stays fixed; parameters are complete, so that what was fitted can be read from the trial even
    when a default changes later.
    """
    families = () if catalog.get("strategy", plan.search.strategy).facts.whole else plan.families  # a grid begins at its first point
    queued = [(preset.order, spec, preset) for spec in families if spec.family != "baseline" for preset in presets(plan, spec, rows, device)]
    wanted = [("baseline", {})]
    wanted += [
        (spec.family, {**_within(plan, spec, _patient(plan, preset.params, rows)), **spec.params})
        for _, spec, preset in sorted(queued, key=lambda item: item[0])
    ]
    found = []
    for family, params in [*wanted, *((spec.family, spec.params) for spec in plan.search.enqueued)]:
        complete = (family, catalog.get("family", family).complete(params))
        found += [complete] if complete not in found else []
    return found


def presets(plan: Plan, spec: FamilySpec, rows: int, device: str) -> list[Preset]:
    """The family's portfolio for this table; its defaults alone when it has none, and last of all when none suits."""
    entry = catalog.get("family", spec.family)
    kinds, able = plan.kinds, device_for(entry, device, rows)
    text = any(kinds[name] == "text" for name in plan.features)
    suited = [p for p in entry.facts.portfolio if p.rows[0] <= rows < p.rows[1] and plan.task in p.tasks and able in p.devices]
    suited = [p for p in suited if text or not p.text]
    return suited or [Preset({}, LAST if entry.facts.portfolio else entry.order)]


def can_tune(plan: Plan) -> bool:
    """Whether any chosen family has a parameter to search over."""
    return any(space_of(spec) for spec in plan.families)


def _patient(plan: Plan, params: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """A preset for the time there is: smaller steps are a little better and take proportionally longer.

    The model answers later too, by as many more trees: not where the trees are large, or where a text has to be read first.
    """
    rate, seconds = params.get("learning_rate"), plan.search.seconds or 0
    late = rows > PATIENT_ROWS or any(plan.kinds[name] == "text" for name in plan.features)
    return {**params, "learning_rate": round(rate * PATIENT_RATE, 4)} if rate and seconds >= PATIENT_SECONDS and not late else dict(params)


def _within(plan: Plan, spec: FamilySpec, params: dict[str, Any]) -> dict[str, Any]:
    """A preset pulled into the ranges that the plan allows."""
    entry = catalog.get("family", spec.family)
    clipped = {name: min(max(params.get(name, entry.param(name).default), low), high) for name, (low, high) in spec.space.items()}
    whole = {name: round(value) if entry.param(name).kind == "int" else value for name, value in clipped.items()}
    return {**params, **whole}


def _tuned(plan: Plan, past: Sequence[Past], count: int) -> list[tuple[str, dict[str, Any]]]:
    specs = {spec.family: spec for spec in plan.families}
    space = {name: s for name, spec in specs.items() if (s := space_of(spec))}
    if not catalog.get("strategy", plan.search.strategy).facts.whole:
        space = {name: space[name] for name in _best_families(past, space)}
    drawn = propose_many(strategy_of(plan.search), space, past, plan.seed, count)
    return [(family, catalog.get("family", family).complete({**specs[family].params, **params})) for family, params in drawn]


def _best_families(past: Sequence[Past], space: dict) -> list[str]:
    """The families whose best trial is best; breadth is over, depth goes where it pays."""
    best = {name: min((p.loss for p in past if p.family == name and p.loss is not None), default=np.inf) for name in space}
    tried = [name for name in sorted(best, key=best.get) if np.isfinite(best[name])]
    return (tried or list(space))[:TUNED_FAMILIES]


def pruned(plan: Plan, scores: Sequence[float], others: Sequence[Sequence[float]]) -> str | None:
    """Why the plan's pruner ends a trial with these fold scores (greater is better), or None."""
    return pruner_of(plan.search)(scores, others)
