"""Steps for free text."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step


@step(
    "tfidf",
    title="Words of a text (TF-IDF)",
    help="Counts the words and word pairs of the training rows, weighted by how telling they are. Families that need few columns "
    "get the main directions of these counts (truncated SVD) instead.",
    kinds=("text",),
    gives="numeric",
    default=True,
    order=70,
    params=(
        Param("max_features", "int", 20_000, "Most words", "The most frequent ones are kept.", 100, 200_000, log=True, tune=False),
        Param("components", "int", 64, "Directions", "For families that take no sparse input.", 2, 500, tune=False),
    ),
)
def tfidf(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.transformers import TextColumns

    return TextColumns(max_features=params["max_features"], components=0 if needs.sparse else params["components"])
