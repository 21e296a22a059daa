"""Extra trees: a forest whose splits are drawn at random."""

from __future__ import annotations

from typing import Any

from pipeline.models import forest
from pipeline.models.estimator import Estimator
from pipeline.models.facts import Resources, family


# Missing values are imputed, although scikit-learn's forests accept them: the ONNX converter gets those models wrong.
@family(
    "extra_trees",
    title="Extra trees",
    help="A forest with random split points: quicker than a random forest, and different enough from boosting to help "
    "an ensemble.",
    params=forest.params(max_features=0.5), order=40, categories="codes", scaled=False, missing=False, sparse=False,
    speed="medium", iterative=True,
)  # fmt: skip
def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
    return ExtraTrees(task, params, resources)


class ExtraTrees(forest.Forest):
    kind = "ExtraTrees"
