"""The baseline: what one would say without looking at a row. Every other family must beat it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Resources, family

CENTRE = Param(
    "centre", "choice", "mean", "Number to predict", choices=("mean", "median"), tune=False,
    help="For a number: the mean suits squared errors, the median absolute errors. Classes get their shares.",
)  # fmt: skip


@family(
    "baseline",
    title="Baseline",
    help="Always predicts the shares of the classes, or the mean. Shows what a model adds over knowing nothing.",
    params=(CENTRE,), order=0, categories="native", scaled=False, missing=True, sparse=False, speed="fast",
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return Baseline(task, params, resources)


class Baseline(Estimator):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        if self.task == "regression":
            median = self.params["centre"] == "median"
            self.model_ = np.array([weighted_median(y, weight) if median else np.average(y, weights=weight)])
        else:
            self.model_ = np.bincount(y, weight) / len(y)

    def _values(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return np.full(X.shape[0], self.model_[0])
        return np.tile(self.model_, (X.shape[0], 1))


def weighted_median(y: np.ndarray, weight: np.ndarray | None) -> float:
    """The number with half of the weight on either side."""
    if weight is None:
        return float(np.median(y))
    order = np.argsort(y, kind="stable")
    return float(y[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)])
