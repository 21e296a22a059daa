"""Pruning by rungs: after 1, 3, 9 … folds only the best share of the trials goes on."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from statistics import fmean
from typing import Any

from pipeline.catalog import Param
from pipeline.strategies.pruners import Decide, Scores, pruner

FACTOR = Param(
    "factor",
    "int",
    3,
    "Reduction factor",
    "At each rung the best of so many goes on; the rungs are its powers, in folds.",
    2,
    9,
    tune=False,
)
BRACKETS = Param(
    "brackets", "int", 3, "Brackets", "The trials are dealt into so many groups; each group begins a rung later.", 1, 5, tune=False
)


@pruner("halving", title="Successive halving", order=30, params=[FACTOR],
        help="After 1, 3 and 9 folds only the best third of the trials goes on.")  # fmt: skip
def halving(params: dict[str, Any]) -> Decide:
    return lambda scores, others: _at_rung(scores, others, params["factor"], first=1)


@pruner("hyperband", title="Hyperband", order=40, params=[FACTOR, BRACKETS],
        help="Successive halving in several groups that begin at 1, 3 and 9 folds, so that a late bloomer has its chance.")  # fmt: skip
def hyperband(params: dict[str, Any]) -> Decide:
    def decide(scores: Scores, others: Sequence[Scores]) -> str | None:
        if not scores:
            return None
        bracket = _bracket(scores, params["brackets"])
        rivals = [other for other in others if other and _bracket(other, params["brackets"]) == bracket]
        return _at_rung(scores, rivals, params["factor"], first=params["factor"] ** bracket)

    return decide


def _bracket(scores: Scores, brackets: int) -> int:
    """Which group a trial is dealt into: by chance, but the same at each of its folds. Its first score serves as the die."""
    return int.from_bytes(sha256(float(scores[0]).hex().encode()).digest()[:4], "big") % brackets


def _at_rung(scores: Scores, others: Sequence[Scores], factor: int, first: int) -> str | None:
    """At a rung, a reason to stop unless the trial is in the best 1/factor of those that came so far; nothing before there are enough to judge."""
    n = len(scores)
    if n < first or not _is_power(n, factor):
        return None
    means = [fmean(other[:n]) for other in others if len(other) >= n]
    if len(means) + 1 < factor:
        return None
    better = sum(mean > fmean(scores) for mean in means)
    kept = (len(means) + 1) // factor
    if better < kept:
        return None
    return f"After {n} fold{'s' * (n > 1)} it was number {better + 1} of {len(means) + 1}; the best {kept} went on."


def _is_power(n: int, factor: int) -> bool:
    while n > 1 and n % factor == 0:
        n //= factor
    return n == 1
