"""The step that puts numbers on one scale."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step


@step(
    "scale",
    title="Scale numbers",
    help="Puts numbers on one scale for the families that need it (linear, nearest neighbours, SVM, networks); trees skip it. "
    "'limited', which 'auto' takes, is 'standard' with extremes drawn in smoothly; 'robust' and the two quantile methods are calm "
    "about them too; 'power' (Yeo-Johnson) also straightens long tails.",
    kinds=("numeric",),
    default=True,
    order=50,
    params=(
        Param(
            "method", "choice", "auto", "Method", tune=False,
            choices=("auto", "limited", "standard", "robust", "quantile", "minmax", "none", "quantile_uniform", "power"),
        ),
    ),
)  # fmt: skip
def scale(params: dict[str, Any], needs: Needs) -> Any:
    from sklearn import preprocessing

    from pipeline.features.transformers import Limited, Straightened

    method = params["method"]
    if method == "none" or not needs.scaled:
        return None
    if method in ("quantile", "quantile_uniform"):
        shape = "normal" if method == "quantile" else "uniform"
        return preprocessing.QuantileTransformer(output_distribution=shape, subsample=10_000, random_state=0)
    made = {"standard": preprocessing.StandardScaler, "robust": preprocessing.RobustScaler, "minmax": preprocessing.MinMaxScaler}
    return (made | {"power": Straightened}).get(method, Limited)()
