"""Random forest."""

from __future__ import annotations

from typing import Any

from pipeline.models import forest
from pipeline.models.estimator import Estimator
from pipeline.models.facts import Resources, family


# Missing values are imputed, although scikit-learn's forests accept them: the ONNX converter gets those models wrong.
@family(
    "random_forest",
    title="Random forest",
    help="Many trees on random parts of the rows and columns, averaged. Works without tuning; larger and a little weaker "
    "than boosting.",
    params=forest.params(max_features=0.35), order=45, categories="codes", scaled=False, missing=False, sparse=False,
    speed="medium", default=False, iterative=True,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return RandomForest(task, params, resources)


class RandomForest(forest.Forest):
    kind = "RandomForest"
