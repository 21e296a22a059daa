"""What the two forests share: trees grown in chunks, so that a deadline can end the fit with the trees so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound

MOST_LEAVES = {"binary": 5_000, "multiclass": 5_000, "regression": 10_000}  # of a tree: a million rows must not make 10 GB


def params(max_features: float) -> tuple[Param, ...]:
    """The parameters of a forest; `max_features` is the default share of columns tried at a split."""
    return (
        Param("n_estimators", "int", 150, "Trees", low=10, high=2_000, log=True, unit="trees", tune=False,
              help="More trees are steadier, never worse, and take proportionally longer."),
        Param("max_features", "float", max_features, "Columns tried at a split", low=0.1, high=1.0, unit="share",
              help="A smaller share makes the trees more different from each other."),
        Param("min_leaf", "int", 1, "Rows in a leaf, at least", low=1, high=50, log=True, unit="rows",
              help="More rows in a leaf give smoother predictions. At least one for every 10,000 rows of the table (5,000 for classes)."),
        Param("max_depth", "int", 40, "Most levels of a tree", low=2, high=60, log=True, unit="levels", tune=False,
              help="How many questions in a row a tree may ask."),
    )  # fmt: skip


class Forest(Estimator):
    """A forest of scikit-learn: `kind` is "RandomForest" or "ExtraTrees"."""

    kind: str

    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        from sklearn import ensemble

        make = getattr(ensemble, self.kind + ("Regressor" if self.task == "regression" else "Classifier"))
        self.model_ = make(
            max_features=self.params["max_features"],
            min_samples_leaf=max(self.params["min_leaf"], len(y) // MOST_LEAVES[self.task]),
            max_depth=self.params["max_depth"],
            n_jobs=self.resources.threads,
            random_state=self.resources.seed,
            warm_start=True,
        )
        if self.task != "regression":
            shares = np.bincount(y, weight)
            self.shares_ = shares / shares.sum()
        self._grow(X, y, weight, on_round)

    def _grow(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        X = X.astype(np.float32, copy=False)  # once, not at every chunk
        trees, most, chunk = 0, self.params["n_estimators"], max(4, 2 * self.resources.threads)
        while trees < most:
            trees = min(most, trees + chunk)
            self.model_.set_params(n_estimators=trees).fit(X, y, sample_weight=weight)
            if on_round and on_round(trees, None):
                break
        self.best_round_ = trees

    def _values(self, X: Any) -> np.ndarray:
        if self.task == "regression":
            return self.model_.predict(X)
        # one further tree that knows only the overall shares: no class is ever impossible, as zero would say
        trees = len(self.model_.estimators_)
        return (self.model_.predict_proba(X) * trees + self.shares_) / (trees + 1)
