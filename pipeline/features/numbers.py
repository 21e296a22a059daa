"""Steps for numbers: extremes, long tails, rounding, bins."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step

NUMBERS = ("numeric",)


@step(
    "round",
    title="Round",
    help="Rounds to the nearest multiple, for numbers that are more exact than what they measure.",
    kinds=NUMBERS,
    order=28,
    params=(Param("to", "float", 1.0, "Multiples of", "0.01 rounds to cents, 1000 to thousands.", 1e-6, 1e9, log=True, tune=False),),
)
def rounding(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import Rounded

    return Rounded(**params)


@step(
    "clip",
    title="Clip extremes",
    help="Pulls extremes (outliers) back to a lower and an upper bound that the training rows give; no row is dropped. The bounds are two "
    "quantiles, or lie a number of widths beyond the middle half (IQR) or the median (MAD).",
    kinds=NUMBERS,
    order=30,
    params=(
        Param("low", "float", 0.01, "Lower quantile", "Values below it are set to it.", 0.0, 0.49, tune=False),
        Param("high", "float", 0.99, "Upper quantile", "Values above it are set to it.", 0.51, 1.0, tune=False),
        Param("method", "choice", "quantiles", "Bounds by", choices=("quantiles", "iqr", "mad"), tune=False),
        Param("reach", "float", 3.0, "Reach", "For IQR and MAD: how many widths.", 0.5, 50.0, tune=False),
    ),
)
def clip(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import Clip

    return Clip(**params)


@step(
    "log",
    title="Logarithm",
    help="log(1 + |x|) with the sign of x, for amounts and counts with a long tail; 0 stays 0 and negative values are welcome.",
    kinds=NUMBERS,
    order=32,
)
def logarithm(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import SignedLog

    return SignedLog()


@step(
    "bins",
    title="Bins",
    help="Replaces a number by the number of its bin, from 0; missing stays missing. Bins hold equally many training rows (quantile), "
    "are equally wide (uniform), or lie where the values crowd (kmeans).",
    kinds=NUMBERS,
    order=34,
    params=(
        Param("bins", "int", 10, "Bins", "Fewer where values repeat.", 2, 255, tune=False),
        Param("strategy", "choice", "quantile", "Bounds by", choices=("quantile", "uniform", "kmeans"), tune=False),
    ),
)
def bins(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import Bins

    return Bins(**params)
