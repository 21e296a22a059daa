"""TabM: an ensemble of networks that share their weights, the strongest network for tables of its cost."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.models import network
from pipeline.models.estimator import Estimator
from pipeline.models.facts import Preset, Resources, family, require

PARAMS = (
    Param("members", "int", 8, "Members", low=2, high=32, log=True, unit="members", tune=False,
          help="How many networks share the weights and are averaged. More are better and take proportionally longer."),
    Param("width", "int", 128, "Width", low=32, high=512, log=True, unit="units", help="Units in each hidden layer."),
    Param("layers", "int", 2, "Hidden layers", low=1, high=4, unit="layers",
          help="More layers find more involved patterns and need more rows."),
    network.DROPOUT,
    network.bins(24),
    Param("embedding", "int", 8, "Values for a number", low=2, high=24, unit="values",
          help="Each number is turned into this many learned values before the first layer."),
    *network.training(rate=4e-3, decay=3e-4, patience=10),
)  # fmt: skip
PORTFOLIO = (
    Preset({}, order=15, rows=(0, 3_000), devices=("cpu",)),
    Preset({"members": 16}, order=45, rows=(0, 3_000), devices=("cpu",)),
    Preset({}, order=14, rows=(3_000, 20_000), tasks=("binary", "multiclass"), devices=("cpu",)),
    Preset({}, order=70, rows=(3_000, 15_000), tasks=("regression",), devices=("cpu",)),
    Preset({"members": 32, "width": 512, "layers": 3, "bins": 48, "embedding": 16}, order=20, devices=("cuda",)),
)


@family(
    "tabm",
    title="TabM",
    help="An ensemble of neural networks that share most of their weights, with learned steps for numbers. Often the best "
    "single model on small tables; slow on a CPU beyond about 15,000 rows.",
    params=PARAMS, order=55, categories="onehot", scaled=True, missing=False, sparse=True, wide=False, speed="slow", iterative=True,
    device="any", supports=network.supports, together=network.fit_many, imports=("torch",), rounds="epochs", portfolio=PORTFOLIO,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    require("torch", "The family TabM")
    return network.Network(task, params, resources)
