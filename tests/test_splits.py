"""The split: every row in exactly one place, every class in training, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.splits import holdout_and_folds


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [True, False])
def test_every_row_is_in_the_holdout_or_in_exactly_one_fold(classes: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 400))
    y = rng.integers(0, 4, n) if classes else rng.exponential(size=n)
    held, folds = holdout_and_folds(y, classes=classes, holdout=0.2, folds=4, seed=seed)
    assert sorted(np.concatenate([held, *folds])) == list(range(n))
    assert abs(len(held) - 0.2 * n) <= 1


def test_classes_keep_their_share_in_every_part() -> None:
    y = np.repeat([0, 1], [900, 100])
    held, folds = holdout_and_folds(y, classes=True, holdout=0.2, folds=5, seed=0)
    assert [y[part].mean() for part in (held, *folds)] == pytest.approx([0.1] * 6, abs=0.01)


def test_a_class_with_a_single_member_splits_without_error() -> None:
    y = np.r_[np.zeros(50, int), np.ones(50, int), 2]
    held, folds = holdout_and_folds(y, classes=True, holdout=0.2, folds=5, seed=0)
    assert len(held) + sum(map(len, folds)) == 101


def test_a_numeric_target_is_spread_evenly() -> None:
    y = np.arange(1000.0)
    held, folds = holdout_and_folds(y, classes=False, holdout=0.2, folds=5, seed=1)
    assert [y[part].mean() for part in (held, *folds)] == pytest.approx([499.5] * 6, rel=0.05)


def test_the_seed_decides() -> None:
    y = np.arange(100) % 2
    first, again, other = (holdout_and_folds(y, classes=True, holdout=0.2, folds=5, seed=s)[0] for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
