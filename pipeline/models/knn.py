"""Nearest neighbours: a row is like the rows most similar to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.estimator import Estimator, sample_rows
from pipeline.models.facts import OnRound, Resources, family

MOST_ROWS = 10_000
MOST_CELLS = 20_000_000  # of an array that is made of a sparse matrix: distances in arrays take a quarter of the time
AT_ONCE = 1_024  # rows to predict for
PARAMS = (
    Param("neighbours", "int", 15, "Neighbours", low=1, high=200, log=True, unit="rows",
          help="How many similar rows decide. Fewer follow the data closely, more smooth it."),
    Param("weights", "choice", "distance", "Weights", choices=("distance", "uniform"),
          help="Whether nearer rows count more."),
    Param("distance", "choice", "euclidean", "Distance", choices=("euclidean", "manhattan"),
          help="How the difference of two rows is measured. Manhattan minds single large differences less, and is slower to predict."),
)  # fmt: skip


@family(
    "knn",
    title="Nearest neighbours",
    help=f"Predicts from the most similar training rows. Learns from a sample of {MOST_ROWS:,} rows where there are more, "
    "and is slow to predict; useful when similar rows really have similar outcomes.",
    params=PARAMS, order=70, categories="onehot", scaled=True, missing=False, sparse=True, wide=False, speed="slow",
    default=False, max_rows=MOST_ROWS, weights=False,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return Neighbours(task, params, resources)


class Neighbours(Estimator):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        regression = self.task == "regression"
        rows = sample_rows(y, MOST_ROWS, self.resources.seed, classes=not regression)
        self.model_ = (KNeighborsRegressor if regression else KNeighborsClassifier)(
            n_neighbors=min(self.params["neighbours"], len(rows)),
            weights=self.params["weights"],
            metric=self.params["distance"],
            n_jobs=self.resources.threads,
        )
        self.dense_ = hasattr(X, "toarray") and len(rows) * X.shape[1] <= MOST_CELLS
        self.model_.fit(self._made(X[rows]), y[rows])
        if not regression:
            self.prior_ = np.bincount(y) / len(y)

    def _values(self, X: Any) -> np.ndarray:
        return np.concatenate([self._near(self._made(X[at : at + AT_ONCE])) for at in range(0, max(1, X.shape[0]), AT_ONCE)])

    def _made(self, X: Any) -> Any:
        return X.toarray() if self.dense_ and hasattr(X, "toarray") else X

    def _near(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return self.model_.predict(X)
        # one further neighbour with the overall shares: no class is ever impossible, as zero would say
        k = self.model_.n_neighbors
        return (self.model_.predict_proba(X) * k + self.prior_) / (k + 1)
