"""Support vector machine with an RBF kernel: exact on few rows, approximated on many, so that its time is bounded."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.early_stopping import drawn, inner_split
from pipeline.models.estimator import Estimator, sample_rows
from pipeline.models.facts import OnRound, Resources, family

EXACT_ROWS = 2_000
MOST_ROWS = 30_000
ROWS_TIMES_CLASSES = 60_000  # one approximate machine per class: with more classes the sample shrinks
MANY_CLASSES = 10  # beyond, an exact machine for each pair of classes is quicker, on at most MANY_CLASSES_ROWS rows
MANY_CLASSES_ROWS = 5_000
LANDMARKS = 300
PARAMS = (
    Param("cost", "float", 1.0, "Cost of errors", low=0.01, high=100.0, log=True,
          help="Higher values follow the training rows more closely."),
    Param("reach", "float", 1.0, "Reach of a row", low=0.1, high=10.0, log=True,
          help="How quickly the influence of a row fades with distance: above 1 quicker than usual, below 1 slower."),
)  # fmt: skip


@family(
    "svm",
    title="Support vector machine",
    help=f"Separates rows by smooth borders. Exact up to {EXACT_ROWS:,} rows; beyond, the kernel is approximated from "
    f"{LANDMARKS} landmarks and at most {MOST_ROWS:,} rows are used (fewer with more than two classes).",
    params=PARAMS, order=80, categories="onehot", scaled=True, missing=False, sparse=True, speed="slow", default=False,
    max_rows=MOST_ROWS,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return SVM(task, params, resources)


class SVM(Estimator):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        regression, seed = self.task == "regression", self.resources.seed
        rows = sample_rows(y, self._most_rows(), seed, classes=not regression)
        X, y, weight, self._origin = X[rows], y[rows], None if weight is None else weight[rows], drawn(self._origin, rows)
        self.centre_, self.scale_ = 0.0, 1.0
        if regression:
            self.centre_, self.scale_ = float(np.mean(y)), float(np.std(y)) or 1.0
            y = (y - self.centre_) / self.scale_
        else:
            self._calibrate(X, y, np.ones(len(y)) if weight is None else weight)
        self.model_ = self._fitted(X, y, weight)

    def _most_rows(self) -> int:
        if self.task == "regression":
            return MOST_ROWS
        return MANY_CLASSES_ROWS if len(self.classes_) > MANY_CLASSES else min(MOST_ROWS, ROWS_TIMES_CLASSES // len(self.classes_))

    def _few(self, rows: int) -> bool:
        """Whether an exact machine is quick enough."""
        return rows <= EXACT_ROWS or (self.task != "regression" and len(self.classes_) > MANY_CLASSES)

    def _fitted(self, X: Any, y: np.ndarray, weight: np.ndarray | None) -> Any:
        from sklearn.exceptions import ConvergenceWarning

        few = self._few(X.shape[0])
        model = self._exact(X) if few else self._approximate(X)
        step = "" if few else f"{model.steps[-1][0]}__"
        with warnings.catch_warnings():
            # the number of steps is what bounds the time; the score says how good the model is
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, y, **{f"{step}sample_weight": weight})

    def _gamma(self, X: Any) -> float:
        """The kernel's width: one over the total variance of the columns, times the parameter `reach`."""
        mean = np.asarray(X.mean(axis=0)).ravel()
        squares = X.multiply(X) if hasattr(X, "multiply") else X * X
        total = float(np.sum(np.asarray(squares.mean(axis=0)).ravel() - mean**2))
        return self.params["reach"] / max(total, 1e-6)

    def _exact(self, X: Any) -> Any:
        from sklearn.svm import SVC, SVR

        kind, own = (SVR, {"epsilon": 0.05}) if self.task == "regression" else (SVC, {"decision_function_shape": "ovr"})
        return kind(C=self.params["cost"], gamma=self._gamma(X), max_iter=50_000, **own)

    def _approximate(self, X: Any) -> Any:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC, LinearSVR

        cost, seed = self.params["cost"], self.resources.seed
        if self.task == "regression":
            machine = LinearSVR(C=cost, loss="squared_epsilon_insensitive", epsilon=0.05, dual=False, tol=1e-3, max_iter=100)
        else:
            machine = LinearSVC(C=cost, dual=False, tol=1e-3, max_iter=100)
        return make_pipeline(Nystroem(gamma=self._gamma(X), n_components=min(LANDMARKS, X.shape[0]), random_state=seed), machine)

    def _calibrate(self, X: Any, y: np.ndarray, weight: np.ndarray) -> None:
        """Learn how scores become probabilities, from rows that a first machine has not seen."""
        rows, valid = inner_split(y, self.resources.seed, self._origin)
        judged = valid if len(valid) else rows
        first = self._fitted(X[rows], y[rows], weight[rows])
        prior = np.bincount(y, weight) / weight.sum()
        self.slope_, self.shift_ = _softmax_fit(self._scores(first, X[judged]), y[judged], weight[judged], prior)

    def _scores(self, model: Any, X: Any) -> np.ndarray:
        scores = model.decision_function(X)
        return np.column_stack([-scores, scores]) / 2 if scores.ndim == 1 else scores

    def _values(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return self.model_.predict(X) * self.scale_ + self.centre_
        return _softmax(self._scores(self.model_, X) * self.slope_ + self.shift_)


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _softmax_fit(scores: np.ndarray, y: np.ndarray, weight: np.ndarray, prior: np.ndarray) -> tuple[float, np.ndarray]:
    """One slope for all classes and a shift for each, by log loss; a class that is not in y keeps near its prior."""
    from scipy.optimize import minimize

    hits = np.eye(len(prior))[y]
    start = np.append(0.0, np.log(np.maximum(prior, 1e-6)))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = np.exp(values[0]), values[1:]
        chances = _softmax(scores * slope + shift)
        away = values - start
        value = -np.sum(weight[:, None] * hits * np.log(np.clip(chances, 1e-15, 1))) + 0.5 * np.sum(away**2)
        wrong = weight[:, None] * (chances - hits)
        gradient = np.append(np.sum(wrong * scores) * slope, wrong.sum(axis=0)) + away
        return value, gradient

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-5, 5)] + [(-20, 20)] * len(prior)).x
    return float(np.exp(found[0])), found[1:]
