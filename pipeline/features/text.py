"""Steps for free text."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step


@step(
    "tfidf",
    title="Words of a text (TF-IDF)",
    help="Counts the words, word pairs and parts of words of the training rows, weighted by how telling they are. Families that need "
    "few columns get what these counts alone say of the target (made out of fold), or their main directions (truncated SVD).",
    kinds=("text",),
    gives="numeric",
    default=True,
    order=70,
    params=(
        Param("max_features", "int", 50_000, "Most words", "The most frequent ones are kept.", 100, 200_000, log=True, tune=False),
        Param("components", "int", 48, "Directions", "For families that take the main directions.", 2, 500, tune=False),
    ),
)
def tfidf(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.words import TextCounts, TextShort

    if needs.sparse:
        return TextCounts(params["max_features"])
    return TextShort(params["max_features"], params["components"], needs.text)
