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
    params=(CENTRE,), order=0, categories="codes", scaled=False, missing=True, sparse=False, speed="fast",
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return Baseline(task, params, resources)


class Baseline(Estimator):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        if self.task == "regression":
            self.model_ = np.array([np.median(y) if self.params["centre"] == "median" else np.mean(y)])
        else:
            self.model_ = np.bincount(y) / len(y)

    def _values(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return np.full(X.shape[0], self.model_[0])
        return np.tile(self.model_, (X.shape[0], 1))
