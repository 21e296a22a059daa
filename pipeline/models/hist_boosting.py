"""Histogram gradient boosting of scikit-learn: boosted trees without a further package."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models import boosting
from pipeline.models.boosting import Boosted
from pipeline.models.early_stopping import Watch, mean_loss
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Resources, family

CHUNK = 10  # trees before the first look at the loss
GROWTH = 4  # then a quarter more each time: every look bins the table again and repeats all trees so far
PARAMS = (
    boosting.learning_rate(0.08),
    Param("max_leaves", "int", 31, "Leaves of a tree", low=3, high=255, log=True, unit="leaves",
          help="How finely one tree may divide the rows. Few leaves suit small or noisy tables, many suit large ones."),
    Param("min_leaf", "int", 20, "Rows in a leaf, at least", low=1, high=200, log=True, unit="rows",
          help="More rows in a leaf guard against learning single rows by heart. At most a tenth of the table."),
    Param("l2", "float", 1e-3, "L2 penalty", low=1e-4, high=10.0, log=True, help="Holds all corrections back a little."),
    boosting.share("max_features", 0.8, "Columns tried at a split", "A smaller share makes trees differ.", 0.2),
    boosting.rounds(2_000),
    boosting.EARLY_STOPPING,
)  # fmt: skip


@family(
    "hist_boosting",
    title="Histogram boosting",
    help="The gradient boosting of scikit-learn: quick, close to LightGBM, needs no further package.",
    params=PARAMS, order=25, categories="codes", scaled=False, missing=True, sparse=False, speed="fast", default=False,
    iterative=True, rounds="n_estimators",
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return HistBoosting(task, params, resources)


class HistBoosting(Boosted):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        train, valid = self._parts(y)
        model, watch = self._make(len(train)), Watch(on_round)
        most, trees = self._most_rounds(len(valid)), 0
        while trees < most:
            trees = min(most, trees + max(CHUNK, trees // GROWTH))
            model.set_params(max_iter=trees).fit(X[train], y[train], sample_weight=_part(weight, train))
            loss = self._loss(model, X[valid], y[valid], _part(weight, valid)) if len(valid) else None
            ended = watch(trees, loss)
            if loss is None or watch.improved:
                self.model_ = model if loss is None else copy.deepcopy(model)
            if ended:
                break
        self.best_round_ = watch.best_round

    def _loss(self, model: Any, X: Any, y: np.ndarray, weight: np.ndarray | None) -> float:
        return mean_loss(y, self._predicted(model, X), self.task != "regression", weight)

    def _make(self, rows: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if self.task == "regression" else HistGradientBoostingClassifier
        return kind(
            learning_rate=self.params["learning_rate"],
            max_leaf_nodes=self.params["max_leaves"],
            min_samples_leaf=self._min_leaf(self.params["min_leaf"], rows),
            l2_regularization=self.params["l2"],
            max_features=self.params["max_features"],
            early_stopping=False,
            warm_start=True,
            random_state=self.resources.seed,
        )

    def _predicted(self, model: Any, X: Any) -> np.ndarray:
        return model.predict(X) if self.task == "regression" else model.predict_proba(X)

    def _values(self, X: Any) -> np.ndarray:
        return self._predicted(self.model_, X)


def _part(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weight is None else weight[rows]
