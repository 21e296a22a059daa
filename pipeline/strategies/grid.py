"""Grid: every combination once, in an order drawn by the seed, so that a run that ends early has seen all corners of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.catalog import Param
from pipeline.strategies.entry import Past, strategy
from pipeline.strategies.space import Space, key_of, space_of, spread

if TYPE_CHECKING:
    from pipeline.plan import Plan

POINTS = Param("points", "int", 3, "Values per number", "From bound to bound, evenly on the scale of the parameter.", 2, 20, tune=False)
DRAWS = 64  # at a combination that is not tried yet, before they are counted out


@strategy("grid", title="Grid", order=60, params=[POINTS], whole=True,
          help="Tries every combination once. Their number grows fast: narrow the space or fix parameters first.")  # fmt: skip
def grid(space: Space, past: Sequence[Past], seed: int, points: int = 3) -> tuple[str, dict[str, Any]] | None:
    tried = {key_of(space[p.family], p.family, p.params) for p in past}
    sizes = _sizes(space, points)
    total, rng = sum(sizes.values()), np.random.default_rng(seed)
    for number in (int(n) for n in rng.integers(0, total, DRAWS)):
        family, params = _combination(space, sizes, points, number)
        if key_of(space[family], family, params) not in tried:
            return family, params
    return _left_over(space, sizes, points, tried)


def grid_size(space: Space, points: int = 3) -> int:
    """How many combinations a grid over the space has."""
    return sum(_sizes(space, points).values())


def grid_sizes(plan: Plan, points: int = 3) -> dict[str, int]:
    """How many combinations a grid has for each family of a plan that has anything to search over."""
    return _sizes({spec.family: params for spec in plan.families if (params := space_of(spec))}, points)


def _sizes(space: Space, points: int) -> dict[str, int]:
    return {name: prod(len(spread(param, points)) for param in params) for name, params in space.items()}


def _combination(space: Space, sizes: dict[str, int], points: int, number: int) -> tuple[str, dict[str, Any]]:
    """Combination `number`, counted through the families and, in each, with the last parameter turning fastest."""
    families = iter(sizes)
    family = next(families)
    while number >= sizes[family]:
        number, family = number - sizes[family], next(families)
    params = {}
    for param in reversed(space[family]):
        values = spread(param, points)
        number, place = divmod(number, len(values))
        params[param.name] = values[place]
    return family, dict(reversed(params.items()))


def _left_over(space: Space, sizes: dict[str, int], points: int, tried: set) -> tuple[str, dict[str, Any]] | None:
    """The first combination that is not tried. Draws have missed it, so most are tried and there are few to count out."""
    for number in range(sum(sizes.values())):
        family, params = _combination(space, sizes, points, number)
        if key_of(space[family], family, params) not in tried:
            return family, params
    return None
