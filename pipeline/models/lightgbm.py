"""LightGBM: boosted trees grown leaf by leaf; the most score per second on most tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models import boosting
from pipeline.models.boosting import Boosted
from pipeline.models.columns import Columns
from pipeline.models.early_stopping import Watch
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Resources, family, require

MANY_LEVELS = 255  # a native split on thousands of levels overfits at once: measured 0.74 against 0.80 AUC on 4,000 levels
OBJECTIVES = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "rmse"),
}
PARAMS = (
    boosting.learning_rate(0.04),
    Param("num_leaves", "int", 63, "Leaves of a tree", low=3, high=1024, log=True, unit="leaves",
          help="How finely one tree may divide the rows. Few leaves suit small or noisy tables, hundreds suit large ones."),
    Param("min_leaf", "int", 20, "Rows in a leaf, at least", low=1, high=200, log=True, unit="rows",
          help="More rows in a leaf guard against learning single rows by heart. At most a tenth of the table."),
    boosting.share("feature_fraction", 0.6, "Columns a tree sees", "A smaller share makes trees differ, and is quicker."),
    boosting.share("bagging_fraction", 0.9, "Rows a tree sees", "A smaller share makes trees differ, and is quicker.", 0.5),
    Param("lambda_l1", "float", 0.0, "L1 penalty", low=0.0, high=5.0, help="Pulls small corrections to zero."),
    Param("lambda_l2", "float", 0.1, "L2 penalty", low=0.0, high=10.0, help="Holds all corrections back a little."),
    Param("extra_trees", "bool", False, "Random split points", help="Draws split points at random: smoother, needs more trees."),
    Param("category_coding", "choice", "auto", "Categories as", choices=("auto", "native", "frequency"),
          help="native: a split may group any levels. frequency: levels are numbered by how often they occur, often better "
          f"with very many levels. auto: native up to {MANY_LEVELS} levels of a column."),
    Param("cat_smooth", "float", 10.0, "Smoothing of rare levels", low=1e-2, high=200.0, log=True,
          help="Higher values trust levels with few rows less (native categories only)."),
    boosting.rounds(5_000),
    boosting.EARLY_STOPPING,
)  # fmt: skip


@family(
    "lightgbm",
    title="LightGBM",
    help="Boosted trees, each correcting the ones before. Quick and strong on nearly every table; takes categories and "
    "missing values as they are.",
    params=PARAMS, order=20, categories="native", scaled=False, missing=True, sparse=False, speed="fast", iterative=True,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("lightgbm", "The family LightGBM")
    return LightGBM(task, params, resources)


class LightGBM(Boosted):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        import lightgbm

        matrix = self._remember(X)
        train, valid = self._parts(y)
        watch = Watch(on_round)
        options = self._options(len(train))
        data = lightgbm.Dataset(matrix[train], y[train], categorical_feature=self.native_, params=options)
        held = [data.create_valid(matrix[valid], y[valid])] if len(valid) else None
        booster = lightgbm.train(options, data, self._most_rounds(len(valid)), valid_sets=held, callbacks=[_follow(watch)])
        self.best_round_ = max(1, watch.best_round)
        self.model_ = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=self.best_round_))

    def _remember(self, X: Any) -> np.ndarray:
        """The training table as a matrix; which columns stay categories and how the others are numbered is kept."""
        self.columns_, coding = Columns(X), self.params["category_coding"]
        most = {"auto": MANY_LEVELS, "native": np.inf, "frequency": -1}[coding]
        self.native_ = [i for i, levels in self.columns_.levels.items() if len(levels) <= most]
        numbered = [i for i in self.columns_.levels if i not in self.native_]
        self.ranks_ = {i: self.columns_.frequency_order(X, i) for i in numbered}
        return self.columns_.matrix(X, self.ranks_)

    def _options(self, rows: int) -> dict[str, Any]:
        objective, metric = self._objective(OBJECTIVES)
        same = ("learning_rate", "num_leaves", "feature_fraction", "bagging_fraction", "lambda_l1", "lambda_l2", "extra_trees")
        return {
            **{name: self.params[name] for name in same},
            "objective": objective,
            "metric": metric,
            **({"num_class": len(self.classes_)} if objective == "multiclass" else {}),
            "min_data_in_leaf": self._min_leaf(self.params["min_leaf"], rows),
            "cat_smooth": self.params["cat_smooth"],
            "bagging_freq": 1,
            "num_threads": self.resources.threads,
            "seed": self.resources.seed,
            "deterministic": True,
            "force_col_wise": True,  # the automatic choice is made by timing, and differs from run to run
            "verbosity": -1,
        }

    def _values(self, X: Any) -> np.ndarray:
        return self.model_.predict(self.columns_.matrix(X, self.ranks_), num_threads=self.resources.threads)


def _follow(watch: Watch) -> Any:
    from lightgbm.callback import EarlyStopException

    def after(env: Any) -> None:
        loss = env.evaluation_result_list[0][2] if env.evaluation_result_list else None
        if watch(env.iteration + 1, loss):
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])

    return after
