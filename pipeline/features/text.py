"""Steps for free text."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step
from pipeline.features.arithmetic import several
from pipeline.features.local_models import sentence_models
from pipeline.features.names import STYLE

TEXTS = ("text",)
PARTS = Param(
    "parts", "choice", "auto", "Counts", "Words and word pairs, parts of words, or both. 'auto': parts too where texts are short.",
    choices=("auto", "words", "characters", "both"), tune=False,
)  # fmt: skip
DIRECTIONS = Param("components", "int", 48, "Directions", "For families that take the main directions.", 2, 500, tune=False)


@step(
    "tfidf",
    title="Words of a text (TF-IDF)",
    help="Counts the words, word pairs and parts of words of the training rows, weighted by how telling they are, and beside "
    "them what these counts alone say of the target, made out of fold. Families that need few columns get that score, or the main "
    "directions of the counts (truncated SVD), or both.",
    kinds=TEXTS,
    gives="numeric",
    default=True,
    order=70,
    params=(
        Param("max_features", "int", 50_000, "Most words", "The most frequent ones are kept.", 100, 200_000, log=True, tune=False),
        DIRECTIONS,
        PARTS,
    ),
)
def tfidf(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.words import TextCounts, TextShort, TextWide

    counts = TextCounts(params["max_features"], params["parts"])
    return TextWide(counts) if needs.sparse and needs.wide else TextShort(counts, params["components"], needs.text)


@step(
    "text_hash",
    title="Words of a text (hashing)",
    help="Like the words of a text by TF-IDF, without a list of words: each has its place by its hash, so that a model stays small "
    "however many words there are, and a word that is new counts too. Two words may share a place.",
    kinds=TEXTS,
    gives="numeric",
    order=71,
    params=(
        Param("places", "int", 16_384, "Places", "More places, fewer words that share one.", 64, 262_144, log=True, tune=False),
        DIRECTIONS,
        PARTS,
    ),
)
def text_hash(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.words import TextHashes, TextShort, TextWide

    counts = TextHashes(params["places"], params["parts"])
    return TextWide(counts) if needs.sparse and needs.wide else TextShort(counts, params["components"], needs.text)


def _style_names(params: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}: {said}": "numeric" for name in params["columns"] for said in STYLE}


@step(
    "text_style",
    title="Length and style of a text",
    help="How many characters, words, lines, exclamation and question marks a text has, how long its words are and how many of them "
    "differ, and which share of it is capitals, digits and punctuation. Beside the text, which stays as it is.",
    phase="derive",
    order=16,
    params=(several("columns", "Texts", accepts=("text", "categorical")),),
    names=_style_names,
)
def text_style(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made
    from pipeline.features.style import make_style

    return Made(make_style, params)


def _meaning_names(params: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}: meaning {i + 1}": "numeric" for name in params["columns"] for i in range(params["directions"])}


def text_meaning(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.sentences import Meanings

    return Meanings(**params)


if sentence_models():
    step(
        "text_meaning",
        title="Meaning of a text (sentence model)",
        help="What a pretrained sentence model that lies on this machine makes of a text, in a few numbers (PCA), beside the text. "
        "Whoever scores rows needs the folder of the model too.",
        phase="derive",
        order=17,
        params=(
            several("columns", "Texts", accepts=("text", "categorical")),
            Param("model", "choice", sentence_models()[0], "Model", choices=tuple(sentence_models()), tune=False),
            Param("directions", "int", 32, "Directions", "Numbers for each text.", 2, 500, tune=False),
        ),
        names=_meaning_names,
    )(text_meaning)
