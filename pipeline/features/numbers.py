"""Steps for numbers: missing values, extremes, scale."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step


@step(
    "clip",
    title="Clip extremes",
    help="Pulls values beyond two quantiles of the training rows back to them; no row is dropped.",
    kinds=("numeric",),
    order=30,
    params=(
        Param("low", "float", 0.01, "Lower quantile", "Values below it are set to it.", 0.0, 0.49, tune=False),
        Param("high", "float", 0.99, "Upper quantile", "Values above it are set to it.", 0.51, 1.0, tune=False),
    ),
)
def clip(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import Clip

    return Clip(**params)


@step(
    "impute",
    title="Fill missing numbers",
    help="Fills gaps from the training rows and adds a column that marks where the gaps were. "
    "'auto' leaves them to families that handle missing values themselves and takes the median for the others.",
    kinds=("numeric",),
    default=True,
    order=40,
    params=(
        Param("strategy", "choice", "auto", "Fill with", choices=("auto", "median", "mean", "most_frequent"), tune=False),
        Param("indicator", "bool", True, "Mark the gaps", "Adds a 0/1 column where training rows had gaps.", tune=False),
    ),
)
def impute(params: dict[str, Any], needs: Needs) -> Any:
    from sklearn.impute import SimpleImputer

    if params["strategy"] == "auto" and needs.missing:
        return None
    strategy = "median" if params["strategy"] == "auto" else params["strategy"]
    return SimpleImputer(strategy=strategy, add_indicator=params["indicator"], keep_empty_features=True)


@step(
    "scale",
    title="Scale numbers",
    help="Puts numbers on one scale for the families that need it (linear, nearest neighbours, SVM, networks); trees skip it. "
    "'quantile' follows the ranks and is calm about extremes.",
    kinds=("numeric",),
    default=True,
    order=50,
    params=(
        Param("method", "choice", "auto", "Method", choices=("auto", "standard", "robust", "quantile", "minmax", "none"), tune=False),
    ),
)
def scale(params: dict[str, Any], needs: Needs) -> Any:
    from sklearn import preprocessing

    if params["method"] == "none" or not needs.scaled:
        return None
    made = {
        "standard": preprocessing.StandardScaler,
        "robust": preprocessing.RobustScaler,
        "minmax": preprocessing.MinMaxScaler,
    }
    if params["method"] == "quantile":
        return preprocessing.QuantileTransformer(output_distribution="normal", subsample=10_000, random_state=0)
    return made.get(params["method"], preprocessing.StandardScaler)()
