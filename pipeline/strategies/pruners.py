"""Pruners end a trial after some of its folds when it cannot win: by the median of the others, or by a paired test against the best.

`make(params)` gives `decide(scores, others)`: the fold scores of this trial so far, greater is better, and those of
the finished trials, all in the order of the folds. It answers with the reason to end the trial, or None to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.catalog import Param

if TYPE_CHECKING:
    from pipeline.plan import Search

Scores = Sequence[float]
Decide = Callable[[Scores, Sequence[Scores]], "str | None"]


def pruner(name: str, *, title: str, help: str, order: int, params: Sequence[Param] = ()) -> Callable[[Callable], Callable]:
    """Register a pruner: `make(params) -> decide(scores, others) -> reason or None`. `decide` is a pure function."""
    return catalog.register("pruner", name, title=title, help=help, order=order, params=tuple(params))


def pruner_of(search: Search) -> Decide:
    """The pruner of a plan with its parameters. Raises UnknownName and PlanError for what the catalogue does not know."""
    entry = catalog.get("pruner", search.pruner)
    return entry.make(entry.complete(search.pruner_params))


def _setting(name: str, default: int, title: str, help: str, low: int, high: int) -> Param:
    return Param(name, "int", default, title, help, low, high, tune=False)


@pruner("none", title="None", help="Every trial is fitted on all its folds.", order=10)
def none(params: dict[str, Any]) -> Decide:
    return lambda scores, others: None


@pruner("median", title="Median", order=20, params=[
    _setting("folds", 1, "First folds", "So many folds are fitted before a trial is judged.", 1, 20),
    _setting("trials", 4, "First trials", "So many trials are finished before one is judged.", 1, 100),
], help="Ends a trial whose mean so far is worse than the median of the others after as many folds.")  # fmt: skip
def below_median(params: dict[str, Any]) -> Decide:
    def decide(scores: Scores, others: Sequence[Scores]) -> str | None:
        n = len(scores)
        if n < params["folds"]:
            return None
        means = [fmean(other[:n]) for other in others if len(other) >= n]
        if len(means) < params["trials"] or fmean(scores) >= median(means):
            return None
        return f"After {_folds(n)} its mean of {fmean(scores):.4g} was worse than the median of {len(means)} others, {median(means):.4g}."

    return decide


@pruner("wilcoxon", title="Wilcoxon", order=50, params=[
    Param("p", "float", 0.1, "p-value", "Below it a trial is taken to be worse than the best.", 0.001, 0.5, log=True, tune=False),
    _setting("folds", 2, "First folds", "So many folds are fitted before a trial is judged.", 1, 20),
], help="Ends a trial that is worse than the best one by a signed-rank test over the same folds; needs four folds or more to be sure.")  # fmt: skip
def wilcoxon(params: dict[str, Any]) -> Decide:
    def decide(scores: Scores, others: Sequence[Scores]) -> str | None:
        n = len(scores)
        full = [other for other in others if len(other) >= n]
        if n < params["folds"] or not full:
            return None
        best = max((other for other in full if len(other) == max(map(len, full))), key=fmean)
        differences = [mine - its for mine, its in zip(scores, best, strict=False)]
        p = _worse(differences)
        return f"Worse than the best trial over {_folds(n)} (signed-rank test, p = {p:.3f})." if p < params["p"] else None

    return decide


def _worse(differences: Sequence[float]) -> float:
    """The p-value of a one-sided signed-rank test that the differences are below zero; 1 where their mean is not."""
    from scipy.stats import wilcoxon as signed_rank

    if fmean(differences) >= 0:
        return 1.0
    return float(signed_rank(differences, alternative="less", zero_method="zsplit").pvalue)


def _folds(count: int) -> str:
    return "1 fold" if count == 1 else f"{count} folds"
