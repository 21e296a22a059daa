"""What a strategy is: how one is registered, what it may know of the past, and how it answers for several slots at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.strategies.space import Space, key_of

if TYPE_CHECKING:
    from pipeline.plan import Search

Proposed = tuple[str, dict[str, Any]]
Make = Callable[[Space, "Sequence[Past]", int], "Proposed | None"]
ATTEMPTS = 24  # at a proposal that is not there yet, the second half of them at random


@dataclass(frozen=True)
class Past:
    """What a strategy may know of a trial.

    `loss` is smaller when better; None when it failed, or while it is running. `latency` is seconds per 1,000 rows.
    """

    family: str
    params: dict[str, Any]
    loss: float | None
    latency: float | None = None
    state: Literal["finished", "running"] = "finished"


@dataclass(frozen=True)
class StrategyFacts:
    """`whole`: it is asked about every family of the plan, not only about those that have done best so far.

    `timed`: parameters with which its proposals depend on measured times, so that no two runs need make the same.
    """

    whole: bool = False
    timed: Mapping[str, Any] = field(default_factory=dict)


def strategy(
    name: str, *, title: str, help: str, order: int, params: Sequence[Param] = (), whole: bool = False, timed: Mapping[str, Any] | None = None
) -> Callable[[Callable], Callable]:
    """Register a strategy: `make(space, past, seed, **params) -> (family, params)`, where space is {family: [Param, ...]}.

    It gives None when nothing is left to try. It keeps no state: the same arguments give the same answer.
    """
    return catalog.register("strategy", name, title=title, help=help, order=order, params=tuple(params), facts=StrategyFacts(whole, timed or {}))


def strategy_of(search: Search) -> Make:
    """The strategy of a plan with its parameters. Raises UnknownName and PlanError for what the catalogue does not know."""
    entry = catalog.get("strategy", search.strategy)
    return functools.partial(entry.make, **entry.complete(search.params))


def propose_many(make: Make, space: Space, past: Sequence[Past], seed: int, count: int) -> list[Proposed]:
    """Up to `count` configurations, all different and none in the past; fewer when nothing is left to try.

    Each is what would be proposed alone if the ones before it were running already, so asking for two at once or one
    after the other comes to the same.
    """
    known, found = list(past), []
    for _ in range(count):
        proposed = _fresh(make, space, known, seed)
        if proposed is None:
            break
        found.append(proposed)
        known.append(Past(*proposed, loss=None, state="running"))
    return found


def _fresh(make: Make, space: Space, past: Sequence[Past], seed: int) -> Proposed | None:
    """A proposal that is not in the past. A strategy that repeats itself is asked with other seeds, then chance decides."""
    told = [p for p in past if p.family in space]
    have = {key_of(space[p.family], p.family, p.params) for p in told}
    chance = catalog.get("strategy", "random").make
    for attempt in range(ATTEMPTS):
        proposed = (make if attempt < ATTEMPTS / 2 else chance)(space, told, _mixed(seed, len(past), attempt))
        if proposed is None or key_of(space[proposed[0]], *proposed) not in have:
            return proposed
    return None


def _mixed(*numbers: int) -> int:
    """One seed below 2**32 from several numbers, as the libraries want it."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def with_lies(past: Sequence[Past], lie: Callable[[list[float]], float]) -> list[Past]:
    """The past in which a running trial has the loss that `lie` makes of the known ones, so that it is not proposed again."""
    losses = [p.loss for p in past if p.loss is not None]
    finished = [p for p in past if p.state == "finished"]
    if not losses:
        return finished
    return [p if p.state == "finished" else replace(p, loss=lie(losses), state="finished") for p in past]


def turn(space: Space, past: Sequence[Past]) -> str:
    """Whose turn it is, for a strategy that looks at one family at a time: the best so far has most turns, the second half as many …"""
    best = {name: min((p.loss for p in past if p.family == name and p.loss is not None), default=np.inf) for name in space}
    tried = {name: sum(p.family == name for p in past) for name in space}
    ranked = sorted(space, key=lambda name: best[name])
    return min(ranked, key=lambda name: (tried[name] + 1) * (ranked.index(name) + 1))
