"""A neural network: layers of units over the columns and the places of numbers among their quantiles."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.models import network
from pipeline.models.estimator import Estimator
from pipeline.models.facts import Preset, Resources, family, require

PARAMS = (
    Param("width", "int", 256, "Width", low=16, high=1024, log=True, unit="units", help="Units in each hidden layer."),
    Param("layers", "int", 2, "Hidden layers", low=1, high=5, unit="layers",
          help="More layers find more involved patterns and need more rows."),
    network.DROPOUT,
    network.bins(24),
    *network.training(rate=1e-3, decay=1e-2, patience=10),
)  # fmt: skip
PORTFOLIO = (
    Preset({}, order=80, rows=(0, 15_000), devices=("cpu",)),
    Preset({"width": 384, "layers": 3, "patience": 16}, order=60, devices=("cuda",)),
)


@family(
    "mlp",
    title="Neural network",
    help="Layers of units trained by gradient descent. Errs differently from trees, which helps an ensemble; slow on a CPU, "
    "quick on a GPU.",
    params=PARAMS, order=60, categories="onehot", scaled=True, missing=False, sparse=True, wide=False, speed="slow", iterative=True,
    device="any", default=False, supports=network.supports, together=network.fit_many, imports=("torch",), rounds="epochs", portfolio=PORTFOLIO,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("torch", "The family Neural network")
    return network.Network(task, params, resources)
