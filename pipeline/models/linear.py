"""Linear models: logistic regression for classes, ridge or elastic net for numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Preset, Resources, family

PARAMS = (
    Param("penalty", "float", 1.0, "Penalty", low=1e-3, high=1e3, log=True,
          help="How strongly large coefficients are held back. More suits few rows or many columns; less suits many rows."),
    Param("l1_share", "float", 0.0, "Share of the L1 penalty", low=0.0, high=1.0, tune=False,
          help="Above 0, weak columns are dropped altogether (elastic net; 1 is the lasso). Slower than 0."),
    Param("max_rounds", "int", 300, "Most solver steps", low=10, high=5_000, log=True, tune=False, unit="steps",
          help="The solver stops here at the latest."),
)  # fmt: skip


@family(
    "linear",
    title="Linear model",
    help="A weighted sum of the columns: quick, easy to explain, hard to beat on text and on few rows. "
    "Finds no interactions by itself.",
    params=PARAMS, order=10, categories="onehot", scaled=True, missing=False, sparse=True, speed="fast",
    portfolio=(
        Preset({}, 1),
        Preset({"penalty": 0.1}, 10, (0, 8_000)),
        Preset({"penalty": 10.0}, 15, (0, 100_000)),
    ),
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return Linear(task, params, resources)


class Linear(Estimator):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        from sklearn.exceptions import ConvergenceWarning

        self.centre_, self.scale_ = 0.0, 1.0
        if self.task == "regression":  # a penalty means the same whatever the unit of y
            self.centre_, self.scale_ = float(np.mean(y)), float(np.std(y)) or 1.0
            y = (y - self.centre_) / self.scale_
        self.model_ = self._make(X.shape[0])
        with warnings.catch_warnings():
            # a solver that stops at its last step is a model like any other; the score says how good it is
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_.fit(X, y, sample_weight=weight)

    def _make(self, rows: int) -> Any:
        from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

        penalty, share, steps, seed = self.params["penalty"], self.params["l1_share"], self.params["max_rounds"], self.resources.seed
        if self.task != "regression":
            solver = "saga" if share else "lbfgs"
            return LogisticRegression(C=1 / penalty, l1_ratio=share, solver=solver, max_iter=steps, tol=1e-3, random_state=seed)
        if share:
            return ElasticNet(alpha=penalty / rows, l1_ratio=share, max_iter=steps, random_state=seed)
        return Ridge(alpha=penalty, random_state=seed)

    def _values(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return self.model_.predict(X) * self.scale_ + self.centre_
        return self.model_.predict_proba(X)
