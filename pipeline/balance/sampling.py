"""Methods that leave rows out or count them more than once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.balance import Part, balance, take
from pipeline.catalog import Param

SHARE = Param(
    "share", "float", 1.0, "Share", "Rows of a rarer class for each row of the most frequent one, afterwards.", 0.05, 1.0, tune=False
)


@balance("undersample", title="Fewer frequent rows", order=40, moves_rows=True, params=[SHARE],
         after=lambda params, classes, rows: np.minimum(rows, rows.min() // params["share"]),
         help="Leaves rows of the frequent classes out, at random. Quick, and what is left out is not learned from.")  # fmt: skip
def undersample(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        rng, counts = np.random.default_rng(part.seed), np.bincount(part.y)
        most = int(counts[counts > 0].min() / params["share"])
        members = (np.flatnonzero(part.y == k) for k in np.flatnonzero(counts))
        rows = np.sort(np.concatenate([own if len(own) <= most else rng.choice(own, most, replace=False) for own in members]))
        return take(part.X, rows), part.y[rows], None

    return method


def raised(params: dict[str, Any], classes: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Every class raised to the share of the most frequent one."""
    return np.maximum(rows, rows.max() * params["share"] // 1)


@balance("oversample", title="Repeated rare rows", order=50, params=[SHARE], after=raised,
         help="Rows of a rare class count several times, drawn at random. Carried out as weights, so that "
              "no copy is on both sides of early stopping.")  # fmt: skip
def oversample(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        rng, counts = np.random.default_rng(part.seed), np.bincount(part.y)
        times, wanted = np.ones(len(part.y)), int(counts.max() * params["share"])
        for k in np.flatnonzero((counts > 0) & (counts < wanted)):
            own, extra = np.flatnonzero(part.y == k), wanted - counts[k]
            # Each row as often as it goes, and only the remainder at random: no row is left behind by chance.
            times[own] += extra // counts[k]
            times[rng.choice(own, extra % counts[k], replace=False)] += 1
        return part.X, part.y, times

    return method
