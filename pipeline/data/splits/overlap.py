"""What is on both sides of a split: identical rows, groups. Counted, so that it can be shown beside the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.data.splits.split import SPLITS

if TYPE_CHECKING:
    from pipeline.data.splits.split import Split

MOST_FOLDS_LISTED = 200


def facts(
    split: Split, table: pd.DataFrame, train: np.ndarray, held: np.ndarray, folds: list, *, features: Sequence[str] | None = None
) -> dict[str, Any]:
    """The division in numbers. "identical" counts judged rows that have a twin, equal in every feature, among the rows learned from."""
    way = SPLITS[split.strategy]
    names = list(features) if features is not None else [name for name in table.columns if name != split.column]
    rows = pd.factorize(pd.util.hash_pandas_object(table[names], index=False))[0] if names else np.arange(len(table))
    said: dict[str, Any] = {
        "strategy": split.strategy, "title": way.title, "help": way.help, "column": split.column if way.column else None,
        "rows": {"all": len(table), "train": len(train), "holdout": len(held), "unused": len(table) - len(train) - len(held)},
        "folds": [{"train": len(learn), "valid": len(valid)} for learn, valid in folds[:MOST_FOLDS_LISTED]],
        "fold_count": len(folds), "repeats": split.repeats if way.repeats else 1,
        "identical": _both_sides(rows, train, held, folds),
    }  # fmt: skip
    if way.column == "group":
        groups = pd.factorize(table[split.column], use_na_sentinel=False)[0]
        said["groups"] = {"all": int(groups.max(initial=-1)) + 1, "shared": _shared(groups, train, held, folds)}
        said["groups"]["missing"] = int(table[split.column].isna().sum())
    if way.column == "time":
        said["time"] = {
            "gap": split.gap,
            "embargo": split.embargo,
            "holdout_from": str(table[split.column].iloc[held].min()) if len(held) else None,
        }
    return said


def _both_sides(codes: np.ndarray, train: np.ndarray, held: np.ndarray, folds: list) -> dict[str, int]:
    """Rows of the holdout, and of the validation parts, whose code is among those learned from, each row once."""
    seen_valid = np.zeros(len(codes), bool)
    for learn, valid in folds:
        seen_valid[valid] |= _known(codes, learn)[codes[valid]]
    return {"holdout": int(_known(codes, train)[codes[held]].sum()), "valid": int(seen_valid.sum())}


def _known(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    known = np.zeros(codes.max(initial=-1) + 1, bool)
    known[codes[rows]] = True
    return known


def _shared(groups: np.ndarray, train: np.ndarray, held: np.ndarray, folds: list) -> dict[str, int]:
    """How many groups are on both sides."""
    valid = [np.intersect1d(groups[learn], groups[rows]) for learn, rows in folds]
    return {"holdout": len(np.intersect1d(groups[train], groups[held])), "valid": len(np.unique(np.concatenate(valid))) if valid else 0}
