"""LightGBM: boosted trees grown leaf by leaf; the most score per second on most tables."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models import boosting
from pipeline.models.boosting import Boosted
from pipeline.models.columns import Columns
from pipeline.models.early_stopping import Watch
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Preset, Resources, family, require

MANY_LEVELS = 255  # a native split on thousands of levels overfits at once: measured 0.74 against 0.80 AUC on 4,000 levels
OBJECTIVES = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "rmse"),
}
TRANSPLANTED = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
PROOF_ROWS = 200
MOST_TREES = 6_000  # to bring into the other form: more take longer than they save
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
    boosting.TEXT_AS,
    boosting.rounds(5_000),
    boosting.EARLY_STOPPING,
)  # fmt: skip
SMALL, MIDDLE, LARGE = (0, 3_000), (3_000, 100_000), (100_000, 10**9)
QUICK = {"learning_rate": 0.1, "num_leaves": 31, "n_estimators": 100, "early_stopping": False}
STEADY = {"learning_rate": 0.05, "num_leaves": 63}
FEW = {"learning_rate": 0.05, "num_leaves": 7, "feature_fraction": 0.5, "bagging_fraction": 0.8, "min_leaf": 15}
MANY = {"learning_rate": 0.03, "min_leaf": 40, "feature_fraction": 0.5}
# Measured on eight real tables; native and ordered categories each win by a lot somewhere, so both are always tried.
PORTFOLIO = (
    Preset(QUICK, 2),
    Preset(FEW, 12, SMALL),
    Preset({**FEW, "num_leaves": 8, "extra_trees": True}, 18, SMALL),
    Preset(STEADY, 24, SMALL),
    Preset({**FEW, "text_as": "both"}, 11, SMALL, text=True),
    Preset(STEADY, 10, MIDDLE),
    Preset({**STEADY, "category_coding": "frequency"}, 12, MIDDLE),
    Preset({**STEADY, "num_leaves": 31, "text_as": "both"}, 13, MIDDLE, text=True),
    Preset(FEW, 16, MIDDLE),
    Preset({**STEADY, "num_leaves": 31, "min_leaf": 10, "lambda_l2": 1.0}, 18, MIDDLE),
    Preset({**STEADY, "num_leaves": 128, "feature_fraction": 0.8, "min_leaf": 5}, 20, MIDDLE),
    Preset({"learning_rate": 0.06, "num_leaves": 255, "category_coding": "frequency"}, 10, LARGE),
    Preset({**MANY, "num_leaves": 511, "category_coding": "frequency"}, 12, LARGE),
    Preset({"learning_rate": 0.06, "num_leaves": 255, "cat_smooth": 100.0, "category_coding": "native"}, 14, LARGE),
    Preset({**MANY, "num_leaves": 1_023, "category_coding": "frequency"}, 16, LARGE),
    Preset(STEADY, 22, LARGE),
)


@family(
    "lightgbm",
    title="LightGBM",
    help="Boosted trees, each correcting the ones before. Quick and strong on nearly every table; takes categories and "
    "missing values as they are.",
    params=PARAMS, order=20, categories="native", scaled=False, missing=True, sparse=False, speed="fast", iterative=True,
    rounds="n_estimators", portfolio=PORTFOLIO,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("lightgbm", "The family LightGBM")
    return LightGBM(task, params, resources)


class LightGBM(Boosted):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        import lightgbm

        train, valid = self._parts(y)
        watch = Watch(on_round)
        binned = self._once(lambda: self._binned(X, y, weight, train, valid), self.params["category_coding"])
        self.columns_, self.native_, self.ranks_, settings, data, held, some = binned
        options = self._options(len(train)) | settings
        booster = lightgbm.train(options, data, self._most_rounds(len(valid)), valid_sets=held, callbacks=[_follow(watch)])
        self.best_round_ = max(1, watch.best_round)
        self.model_ = self._quicker(booster, some)

    def _binned(self, X: Any, y: np.ndarray, weight: np.ndarray | None, train: np.ndarray, valid: np.ndarray) -> tuple:
        """Which columns stay categories, how the others are numbered, settings, the rows to learn from and those held back in bins, a few rows as they are."""
        import lightgbm

        columns, coding = Columns(X), self.params["category_coding"]
        most = {"auto": MANY_LEVELS, "native": np.inf, "frequency": -1}[coding]
        native = [i for i, levels in columns.levels.items() if len(levels) <= most]
        ranks = {i: columns.frequency_order(X, i) for i in columns.levels if i not in native}
        matrix = columns.matrix(X, ranks)
        weights = (None, None) if weight is None else (weight[train], weight[valid])
        # Columns that a large leaf could never divide stay, so that any configuration may use the bins.
        settings = self._settings() | {"max_bin": boosting.bins(matrix), "feature_pre_filter": False}
        same = {"categorical_feature": native, "params": settings}
        data = lightgbm.Dataset(matrix[train], y[train], weight=weights[0], **same).construct()
        held = [lightgbm.Dataset(matrix[valid], y[valid], weight=weights[1], reference=data, **same).construct()] if len(valid) else None
        return columns, native, ranks, settings, data, held, matrix[:PROOF_ROWS].copy()

    def _quicker(self, booster: Any, rows: np.ndarray) -> Any:
        """The model in XGBoost's form, which predicts in a third of the time, when it is proved to predict the same."""
        from pipeline.models.transplant import transplant

        if self.best_round_ * booster.num_model_per_iteration() > MOST_TREES:
            return booster
        text = booster.model_to_string(num_iteration=self.best_round_)
        try:
            made = transplant(text, TRANSPLANTED[booster.params["objective"]], rows.shape[1], self.resources.threads)
        except ImportError:  # XGBoost is an optional part
            return booster
        same = np.allclose(made.inplace_predict(rows, validate_features=False), self._by_lightgbm(booster, rows), rtol=1e-4, atol=1e-5)
        return made if same else booster

    def _by_lightgbm(self, booster: Any, matrix: np.ndarray) -> np.ndarray:
        return booster.predict(matrix, num_iteration=self.best_round_, num_threads=self.resources.threads)

    def __getstate__(self) -> dict[str, Any]:
        """The model as the text of the rounds that it keeps."""
        state = dict(self.__dict__)
        if type(self.model_).__module__.startswith("lightgbm"):
            state["model_"] = zlib.compress(self.model_.model_to_string(num_iteration=self.best_round_).encode(), 1)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        import lightgbm

        self.__dict__.update(state)
        if isinstance(state.get("model_"), bytes):
            self.model_ = lightgbm.Booster(model_str=zlib.decompress(state["model_"]).decode())

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
        }

    def _settings(self) -> dict[str, Any]:
        return {
            "num_threads": self.resources.threads,
            "seed": self.resources.seed,
            "deterministic": True,
            "force_col_wise": True,  # the automatic choice is made by timing, and differs from run to run
            "verbosity": -1,
        }

    def _values(self, X: Any) -> np.ndarray:
        matrix = self.columns_.matrix(X, self.ranks_)
        if type(self.model_).__module__.startswith("lightgbm"):
            return self._by_lightgbm(self.model_, matrix)
        self.model_.set_param({"nthread": self.resources.threads})
        return self.model_.inplace_predict(matrix, validate_features=False)


def _follow(watch: Watch) -> Any:
    from lightgbm.callback import EarlyStopException

    def after(env: Any) -> None:
        loss = env.evaluation_result_list[0][2] if env.evaluation_result_list else None
        if watch(env.iteration + 1, loss):
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])

    return after
