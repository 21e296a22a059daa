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
    from pipeline.features.transformers import GroupRare

    return GroupRare(**params)


@step(
    "encode",
    title="Encode categories",
    help="One column per level (one-hot), a code by frequency (ordinal), or left to the family (native). 'auto' gives each "
    "family what it works best with. A level never seen in training counts as unknown.",
    kinds=WORDS,
    gives="numeric",
    default=True,
    order=60,
    params=(
        Param("method", "choice", "auto", "Encoding", choices=("auto", "onehot", "ordinal", "native"), tune=False),
        Param("max_levels", "int", 100, "Most columns", "One-hot: rarer levels share a column.", 2, 2_000, tune=False),
    ),
)
def encode(params: dict[str, Any], needs: Needs) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    from pipeline.features.transformers import FrequencyCodes, NativeCategories

    method = needs.categories if params["method"] == "auto" else params["method"]
    if method == "native" and needs.categories == "native":
        return NativeCategories()
    if method == "onehot" and needs.categories != "native":
        return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=params["max_levels"], sparse_output=needs.sparse)
    return FrequencyCodes(unknown_is_missing=needs.missing)
