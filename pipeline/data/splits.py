"""Which rows are held out and which rows validate which fold: positions in the table, decided once per run."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

REGRESSION_BINS = 10


def holdout_and_folds(y: np.ndarray, *, classes: bool, holdout: float, folds: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Split row positions 0..n-1 into a holdout and `folds` validation parts of the rest.

    Both are stratified: by class, or by tenths of a numeric target. A class with too few members for every part still
    always has a member in training, as long as it has two. Returns `(holdout, [validation, ...])`, each sorted.
    """
    strata = _strata(y, classes)
    rest, held = _hold_out(strata, holdout, seed)
    with warnings.catch_warnings():
        # A class with fewer members than folds is reported by the quality check DQ011, not by a warning on stderr.
        warnings.simplefilter("ignore", UserWarning)
        kind = StratifiedKFold if _can_stratify(strata[rest], folds) else KFold
        parts = kind(n_splits=folds, shuffle=True, random_state=seed).split(rest, strata[rest])
        return np.sort(held), [np.sort(rest[valid]) for _, valid in parts]


def _strata(y: np.ndarray, classes: bool) -> np.ndarray:
    if not classes:
        edges = np.unique(np.quantile(y, np.linspace(0, 1, REGRESSION_BINS + 1)[1:-1]))
        return np.searchsorted(edges, y, side="right")
    codes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    # A single member cannot be on both sides; it counts with the largest class for the split only.
    return np.where(counts[codes] < 2, counts.argmax(), codes)


def _hold_out(strata: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows, groups = len(strata), len(np.unique(strata))
    enough = min(round(rows * share), rows - round(rows * share)) >= groups
    kind = StratifiedShuffleSplit if enough and np.bincount(strata).min(where=np.bincount(strata) > 0, initial=rows) >= 2 else ShuffleSplit
    return next(kind(n_splits=1, test_size=share, random_state=seed).split(strata, strata))


def _can_stratify(strata: np.ndarray, folds: int) -> bool:
    return np.bincount(strata).max() >= folds
