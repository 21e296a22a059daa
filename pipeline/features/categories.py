"""Steps for categories: rare levels, and the encoding that each family needs."""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step

WORDS = ("categorical", "id")


@step(
    "group_rare",
    title="Group rare levels",
    help="Levels seen in less than this share of the training rows become one level, as do levels never seen in training.",
    kinds=WORDS,
    order=35,
    params=(Param("min_share", "float", 0.01, "Smallest share", "Of the training rows.", 0.0001, 0.5, log=True, tune=False),),
)
def group_rare(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.levels import GroupRare

    return GroupRare(**params)


@step(
    "encode",
    title="Encode categories",
    help="One column per level (onehot), a code by frequency (ordinal) or by the alphabet (alphabetical), the share of rows (count), "
    "a few columns by hash (hashing), the mean target of the level, made out of fold (target), or left to the family (native). "
    "'auto' gives each family what it works best with.",
    kinds=WORDS,
    gives="numeric",
    default=True,
    order=60,
    params=(
        Param(
            "method", "choice", "auto", "Encoding", tune=False,
            choices=("auto", "onehot", "ordinal", "native", "alphabetical", "count", "hashing", "target"),
        ),
        Param("max_levels", "int", 100, "Most columns", "One-hot: rarer levels share a column.", 2, 2_000, tune=False),
        Param(
            "unseen", "choice", "auto", "A new level is", "One that no training row has. 'auto' leaves it to the encoding: unknown, or 0.",
            choices=("auto", "own", "most_frequent", "missing"), tune=False,
        ),
        Param("hash_columns", "int", 16, "Hash columns", "For 'hashing', of each column.", 2, 1_024, tune=False),
    ),
)  # fmt: skip
def encode(params: dict[str, Any], needs: Needs) -> Any:
    from sklearn.pipeline import make_pipeline

    from pipeline.features.levels import NewLevels

    encoder = _encoder(params, needs, own=params["unseen"] == "own")
    return make_pipeline(NewLevels(params["unseen"]), encoder) if params["unseen"] in ("most_frequent", "missing") else encoder


def _encoder(params: dict[str, Any], needs: Needs, own: bool) -> Any:
    """One-hot columns, hashes, shares and means have room for a new level without being told; codes are told by `own`."""
    from pipeline.features import levels

    method = needs.categories if params["method"] == "auto" else params["method"]
    if method == "native" and needs.categories == "native":
        return levels.NativeCategories(own)
    if method == "onehot" and needs.categories != "native":
        return levels.LevelColumns(params["max_levels"], needs.sparse)
    if method == "hashing":
        return levels.HashedLevels(params["hash_columns"], needs.sparse)
    if method in ("count", "target"):
        return levels.FrequencyShares() if method == "count" else levels.TargetMeans()
    codes = levels.AlphabeticCodes if method == "alphabetical" else levels.FrequencyCodes
    return codes(needs.missing, own)
