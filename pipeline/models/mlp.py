"""A neural network: trained with torch, kept as plain arrays, so that it predicts without torch or a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.early_stopping import Watch, inner_split
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Resources, family, require

AT_ONCE = 8_192  # rows of one forward pass: bounds the memory of a prediction
EXTREME = 10.0  # standardised values beyond this are cut: one typing error must not rule a whole batch
PARAMS = (
    Param("width", "int", 256, "Width", low=16, high=1024, log=True, unit="units", help="Units in each hidden layer."),
    Param("layers", "int", 2, "Hidden layers", low=1, high=5, unit="layers",
          help="More layers find more involved patterns and need more rows."),
    Param("dropout", "float", 0.1, "Dropout", low=0.0, high=0.6, unit="share",
          help="The share of units left out at random while learning, against overfitting."),
    Param("bins", "int", 24, "Bins of a number", low=2, high=64, log=True, unit="bins",
          help="Numbers are also shown as their place among this many quantiles, so that jumps are easy to learn."),
    Param("learning_rate", "float", 1e-3, "Learning rate", low=1e-4, high=1e-2, log=True, help="The size of a step."),
    Param("weight_decay", "float", 1e-2, "Weight decay", low=1e-4, high=1.0, log=True, help="How strongly weights are pulled to zero."),
    Param("epochs", "int", 200, "Most rounds", low=1, high=1_000, log=True, unit="rounds", tune=False,
          help="A round is a pass over the rows (at most 100,000 of them). As a rule the fit stops earlier."),
    Param("patience", "int", 10, "Patience", low=2, high=100, unit="rounds", tune=False,
          help="Stop after this many rounds without a better result on the rows held back."),
)  # fmt: skip


@family(
    "mlp",
    title="Neural network",
    help="Layers of units trained by gradient descent. Errs differently from trees, which helps an ensemble; slow on a CPU, "
    "quick on a GPU.",
    params=PARAMS, order=60, categories="onehot", scaled=True, missing=False, sparse=False, speed="slow", iterative=True,
    device="any", default=False,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("torch", "The family Neural network")
    return Network(task, params, resources)


class Network(Estimator):
    """`model_` holds float32 arrays only: `layers` [(weights, bias)], and the quantile bins of the number columns."""

    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        from pipeline.models.nets.mlp import train

        X = _tame(X)
        rows, valid = inner_split(y, self.resources.seed)
        self.centre_, self.scale_ = 0.0, 1.0
        outputs = 1 if self.task == "regression" else len(self.classes_)
        if self.task == "regression":
            self.centre_, self.scale_ = float(np.mean(y[rows])), float(np.std(y[rows])) or 1.0
            y = (y - self.centre_) / self.scale_
        watch = Watch(on_round, wait=lambda best: self.params["patience"])
        bins = quantile_bins(X[rows], self.params["bins"])
        self.model_ = train(X, y, rows, valid, bins, outputs, self.params, self.resources, watch)
        self.best_round_ = watch.best_round

    def _values(self, X: Any) -> np.ndarray:
        X = _tame(X)
        scores = np.concatenate([self._forward(X[i : i + AT_ONCE]) for i in range(0, max(1, len(X)), AT_ONCE)])
        if self.task == "regression":
            return scores[:, 0].astype(np.float64) * self.scale_ + self.centre_
        scores = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def _forward(self, X: np.ndarray) -> np.ndarray:
        bins = self.model_["bins"]
        places = np.clip((X[:, bins["columns"], None] - bins["low"]) * bins["inverse"], 0, 1)
        hidden = np.concatenate([X, places.reshape(len(X), -1)], axis=1)
        *inner, (weights, bias) = self.model_["layers"]
        for w, b in inner:
            hidden = np.maximum(hidden @ w + b, 0)
        return hidden @ weights + bias


def _tame(X: Any) -> np.ndarray:
    return np.clip(np.asarray(X, dtype=np.float32), -EXTREME, EXTREME)


def quantile_bins(X: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    """The quantile bins of the columns with more than two values: `columns` (c), `low` and `inverse` width (c x bins).

    A value's place in a bin runs from 0 to 1; a bin without width (many equal values) always gives 0.
    """
    columns = np.flatnonzero([_more_than_two(X[:, j]) for j in range(X.shape[1])])
    edges = np.quantile(X[:, columns], np.linspace(0, 1, bins + 1), axis=0).T.astype(np.float32)
    width = np.diff(edges, axis=1)
    inverse = np.divide(1, width, out=np.zeros_like(width), where=width > 1e-6)
    return {"columns": columns, "low": edges[:, :-1].copy(), "inverse": inverse}


def _more_than_two(column: np.ndarray) -> bool:
    return bool(((column != column.min()) & (column != column.max())).any())
