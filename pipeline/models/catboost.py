"""CatBoost: boosted symmetric trees; the strongest booster without tuning, and the slowest."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models import boosting
from pipeline.models.boosting import Boosted
from pipeline.models.columns import Columns
from pipeline.models.early_stopping import Watch
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Preset, Resources, family, require

OBJECTIVES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}
PARAMS = (
    boosting.learning_rate(0.1),
    Param("depth", "int", 6, "Levels of a tree", low=3, high=9, unit="levels",
          help="How many questions in a row a tree asks. Time doubles with every level."),
    Param("l2_leaf_reg", "float", 3.0, "L2 penalty", low=0.1, high=20.0, log=True, help="Holds all corrections back a little."),
    Param("grow_policy", "choice", "SymmetricTree", "Growth", choices=("SymmetricTree", "Depthwise"),
          help="SymmetricTree asks one question per level: steady and quick to predict. Depthwise asks one per branch."),
    Param("leaf_steps", "int", 4, "Newton steps in a leaf", low=1, high=10, unit="steps",
          help="More steps fit each leaf more exactly, and take longer. For two classes only."),
    Param("combined", "int", 1, "Categories combined", low=1, high=4, unit="columns",
          help="How many category columns one statistic may combine. 1 is about four times as quick as 4."),
    boosting.share("subsample", 0.8, "Rows a tree sees", "A smaller share makes trees differ, and is quicker.", 0.5),
    Param("random_strength", "float", 1.0, "Noise in the choice of splits", low=0.0, high=5.0,
          help="More noise makes the trees differ, against overfitting."),
    boosting.rounds(5_000),
    boosting.EARLY_STOPPING,
)  # fmt: skip
PORTFOLIO = (
    Preset({}, 16, (0, 3_000)),
    Preset({}, 11, (3_000, 100_000)),
    Preset({"learning_rate": 0.15, "depth": 8}, 20, (100_000, 10**9)),
)


@family(
    "catboost",
    title="CatBoost",
    help="Boosted trees with ordered statistics of categories. Strong without tuning, above all with categories of many "
    "levels; takes several times as long as LightGBM.",
    params=PARAMS, order=50, categories="native", scaled=False, missing=True, sparse=False, speed="slow", iterative=True,
    rounds="n_estimators", portfolio=PORTFOLIO,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("catboost", "The family CatBoost")
    return CatBoost(task, params, resources)


class CatBoost(Boosted):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        self.columns_ = Columns(X)
        train, valid = self._parts(y)
        part = X.iloc[train] if hasattr(X, "iloc") else X[train]
        if _hopeless(self.columns_.matrix(part), y[train]):
            self.overall_ = np.array([np.mean(y)]) if self.task == "regression" else np.bincount(y) / len(y)
            return
        watch = Watch(on_round)
        self.model_ = self._make(self._most_rounds(len(valid)), boosting.bins(part))
        weights = (None, None) if weight is None else (weight[train], weight[valid])
        held = self._pool(X.iloc[valid] if hasattr(X, "iloc") else X[valid], y[valid], weights[1]) if len(valid) else None
        self.model_.fit(self._pool(part, y[train], weights[0]), eval_set=held, use_best_model=False, callbacks=[_Follow(watch)], verbose=False)
        self.best_round_ = max(1, watch.best_round)
        if self.best_round_ < self.model_.tree_count_:
            self.model_.shrink(self.best_round_)

    def _make(self, rounds: int, bins: int) -> Any:
        from catboost import CatBoost as Model

        return Model({
            "loss_function": self._objective(OBJECTIVES),
            "iterations": rounds,
            "learning_rate": self.params["learning_rate"],
            "depth": self.params["depth"],
            "l2_leaf_reg": self.params["l2_leaf_reg"],
            "grow_policy": self.params["grow_policy"],
            # The squared error is quadratic: one step is the whole way. Each step of several classes costs as much as a tree.
            "leaf_estimation_iterations": self.params["leaf_steps"] if self._objective(OBJECTIVES) == "Logloss" else 1,
            "max_ctr_complexity": self.params["combined"],
            "subsample": self.params["subsample"],
            "bootstrap_type": "Bernoulli",
            "random_strength": self.params["random_strength"],
            "border_count": bins - 1,
            "thread_count": self.resources.threads,
            "random_seed": self.resources.seed,
            "allow_writing_files": False,
            "logging_level": "Silent",
        })  # fmt: skip

    def _pool(self, X: Any, y: np.ndarray | None = None, weight: np.ndarray | None = None) -> Any:
        """CatBoost's table: floats as they are, categories as the text of their codes (missing has its own)."""
        import pandas as pd
        from catboost import Pool

        levels = self.columns_.levels
        if not levels:
            return Pool(np.asarray(self.columns_.matrix(X), dtype=np.float32), y, weight=weight, thread_count=self.resources.threads)
        columns = {
            i: self.columns_.codes(X, i).astype(np.int32) if i in levels else X.iloc[:, i].to_numpy(np.float32, na_value=np.nan)
            for i in range(X.shape[1])
        }
        return Pool(pd.DataFrame(columns), y, weight=weight, cat_features=list(levels), thread_count=self.resources.threads)

    def _values(self, X: Any) -> np.ndarray:
        if self.model_ is None:
            return np.tile(self.overall_, (X.shape[0], 1))
        kind = "RawFormulaVal" if self.task == "regression" else "Probability"
        return self.model_.predict(self._pool(X), prediction_type=kind, thread_count=self.resources.threads)


def _hopeless(matrix: np.ndarray, y: np.ndarray) -> bool:
    """CatBoost refuses a table whose columns, or whose target, never change: a constant is all one can learn there."""
    same = (matrix == matrix[:1]) | (np.isnan(matrix) & np.isnan(matrix[:1]))
    return bool(same.all()) or bool((y == y[0]).all())


class _Follow:
    """CatBoost calls it after every tree and goes on while it says so."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def after_iteration(self, info: Any) -> bool:
        held = info.metrics.get("validation")
        loss = next(iter(held.values()))[-1] if held else None
        return not self.watch(info.iteration, loss)
