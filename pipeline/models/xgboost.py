"""XGBoost: boosted trees grown level by level; also on an NVIDIA GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.errors import TrainingError
from pipeline.models import boosting
from pipeline.models.boosting import Boosted
from pipeline.models.columns import Columns
from pipeline.models.early_stopping import Watch
from pipeline.models.estimator import Estimator
from pipeline.models.facts import OnRound, Preset, Resources, family, require

OBJECTIVES = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
    "regression": ("reg:squarederror", "rmse"),
}
# With a penalty of zero and next to no weight in a leaf, the first tree fits single rows of a rare class: the bounds exclude it.
PARAMS = (
    boosting.learning_rate(0.06),
    Param("max_depth", "int", 7, "Levels of a tree", low=2, high=12, unit="levels",
          help="How many questions in a row a tree may ask. Deeper trees find interactions of more columns, and overfit sooner."),
    Param("grow_policy", "choice", "depthwise", "Growth", choices=("depthwise", "lossguide"),
          help="depthwise: level by level down to the given depth. lossguide: always the most useful leaf, up to the most leaves."),
    Param("max_leaves", "int", 128, "Most leaves", low=8, high=1024, log=True, unit="leaves", help="Used by the growth 'lossguide' only."),
    Param("min_child_weight", "float", 2.0, "Weight in a leaf, at least", low=0.01, high=20.0, log=True,
          help="For numbers about the rows in a leaf; for classes rows in doubt count most."),
    boosting.share("subsample", 0.8, "Rows a tree sees", "A smaller share makes trees differ, and is quicker.", 0.5),
    boosting.share("colsample", 0.8, "Columns a level sees", "A smaller share makes trees differ."),
    Param("reg_lambda", "float", 1.0, "L2 penalty", low=0.1, high=10.0, log=True, help="Holds all corrections back a little."),
    Param("reg_alpha", "float", 0.0, "L1 penalty", low=0.0, high=5.0, help="Pulls small corrections to zero."),
    boosting.rounds(5_000),
    boosting.EARLY_STOPPING,
)  # fmt: skip
CLASSES, NUMBERS = ("binary", "multiclass"), ("regression",)
PORTFOLIO = (
    Preset({"learning_rate": 0.08, "max_depth": 6, "min_child_weight": 1.0, "subsample": 0.65, "colsample": 0.9}, 26, (0, 3_000), CLASSES),
    Preset({"learning_rate": 0.06, "max_depth": 6, "min_child_weight": 1.0, "subsample": 0.65, "colsample": 0.7}, 17, (3_000, 100_000), CLASSES),
    Preset({"learning_rate": 0.05, "max_depth": 9, "min_child_weight": 2.0, "subsample": 0.7, "colsample": 0.9}, 17, (0, 100_000), NUMBERS),
    Preset({"learning_rate": 0.1, "grow_policy": "lossguide", "max_leaves": 511}, 18, (100_000, 10**9)),
)


def supports(device: str) -> bool:
    """Whether the XGBoost that is installed here can use the device."""
    import xgboost

    return device == "cuda" and bool(xgboost.build_info().get("USE_CUDA"))


@family(
    "xgboost",
    title="XGBoost",
    help="Boosted trees, grown level by level. Sees categories as numbers ordered by frequency, so it errs differently "
    "from LightGBM and CatBoost. Can use an NVIDIA GPU.",
    params=PARAMS, order=30, categories="native", scaled=False, missing=True, sparse=False, speed="medium", iterative=True,
    device="cuda", supports=supports, device_rows=200_000, rounds="n_estimators", portfolio=PORTFOLIO,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("xgboost", "The family XGBoost")
    if resources.device == "cuda" and not supports("cuda"):
        raise TrainingError(
            "XGBoost was asked to run on CUDA, and the installed build has no CUDA.",
            "Run it on the CPU, or replace the build: pip uninstall -y xgboost-cpu && pip install --no-deps xgboost",
        )
    return XGBoost(task, params, resources)


class XGBoost(Boosted):
    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        import xgboost

        train, valid = self._parts(y)
        watch = Watch(on_round)
        self.columns_, self.ranks_, most_bins, data, held = self._once(lambda: self._binned(X, y, weight, train, valid))
        options, evals = self._options() | {"max_bin": most_bins}, [(held, "valid")] if held else []
        booster = xgboost.train(options, data, self._most_rounds(len(valid)), evals=evals, callbacks=[_follow(watch)], verbose_eval=False)
        self.best_round_ = max(1, watch.best_round)
        self.model_ = booster[: self.best_round_]
        self.model_.set_param({"device": "cpu", "nthread": self.resources.threads})  # whoever scores need not have the GPU

    def _binned(self, X: Any, y: np.ndarray, weight: np.ndarray | None, train: np.ndarray, valid: np.ndarray) -> tuple:
        """How levels are numbered (by how often they occur), and in bins the rows to learn from and those held back, if any."""
        import xgboost

        columns = Columns(X)
        ranks = {i: columns.frequency_order(X, i) for i in columns.levels}
        matrix = columns.matrix(X, ranks)
        same = {"nthread": self.resources.threads, "max_bin": boosting.bins(matrix)}
        weights = (None, None) if weight is None else (weight[train], weight[valid])
        data = xgboost.QuantileDMatrix(matrix[train], y[train], weight=weights[0], **same)
        held = xgboost.QuantileDMatrix(matrix[valid], y[valid], weight=weights[1], ref=data, **same) if len(valid) else None
        return columns, ranks, same["max_bin"], data, held

    def _options(self) -> dict[str, Any]:
        objective, metric = self._objective(OBJECTIVES)
        leafwise = self.params["grow_policy"] == "lossguide"
        same = ("learning_rate", "grow_policy", "min_child_weight", "subsample", "reg_lambda", "reg_alpha")
        return {
            **{name: self.params[name] for name in same},
            "objective": objective,
            "eval_metric": metric,
            **({"num_class": len(self.classes_)} if objective == "multi:softprob" else {}),
            "max_depth": 0 if leafwise else self.params["max_depth"],
            "max_leaves": self.params["max_leaves"] if leafwise else 0,
            "colsample_bylevel": self.params["colsample"],
            "tree_method": "hist",
            "device": "cuda" if self.resources.device == "cuda" else "cpu",
            "nthread": self.resources.threads,
            "seed": self.resources.seed,
            "verbosity": 0,
        }

    def _values(self, X: Any) -> np.ndarray:
        return self.model_.inplace_predict(self.columns_.matrix(X, self.ranks_), validate_features=False)


def _follow(watch: Watch) -> Any:
    from xgboost.callback import TrainingCallback

    class Follow(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            losses = next(iter(evals_log["valid"].values())) if evals_log else [None]
            return watch(epoch + 1, losses[-1])

    return Follow()
