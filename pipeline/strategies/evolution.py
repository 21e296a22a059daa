"""CMA-ES: a cloud of configurations that moves and stretches towards the better ones. It is rebuilt from the past at every question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.strategies.entry import Past, strategy, turn
from pipeline.strategies.space import Space, is_number, position, value_at

STEP = 0.2  # of the range of every number: the spread of the cloud at its beginning


@strategy("cmaes", title="CMA-ES", order=50,
          help="Evolves the numbers of one family at a time, starting from its best early trial. "
               "It takes no categories: they stay at the best known values.")  # fmt: skip
def cmaes(space: Space, past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    family = turn(space, past)
    known = [p for p in past if p.family == family and p.loss is not None]
    numbers = [param for param in space[family] if is_number(param)]
    best = min(known, key=lambda p: p.loss).params if known else {}
    params = {p.name: best.get(p.name, _default(family, p)) for p in space[family] if not is_number(p)}
    return family, params | (_numbers(family, numbers, known, seed) if numbers else {})


def _numbers(family: str, numbers: list[Param], known: Sequence[Past], seed: int) -> dict[str, Any]:
    """A draw from the cloud that the finished trials, a generation at a time, have moved; which trial is asked for is in the seed.

    The first generation is whatever was tried first, filled up at random; the cloud begins at the best of it.
    """
    from cmaes import CMA

    places = [np.array([position(n, p.params.get(n.name, _default(family, n))) for n in numbers]) for p in known]
    size = 4 + int(3 * np.log(len(numbers)))
    if len(known) < size:
        drawn = np.random.default_rng(seed).uniform(size=len(numbers))
    else:
        start = min(range(size), key=lambda k: known[k].loss)
        cloud = CMA(mean=places[start], sigma=STEP, bounds=np.tile([0.0, 1.0], (len(numbers), 1)), seed=seed, population_size=size)
        for first in range(size, len(known) - size + 1, size):
            cloud.tell([(places[k], known[k].loss) for k in range(first, first + size)])
        drawn = cloud.ask()
    return {n.name: value_at(n, float(place)) for n, place in zip(numbers, drawn, strict=True)}


def _default(family: str, param: Param) -> Any:
    return catalog.get("family", family).param(param.name).default
