"""Which rows are held back, and when a fit ends."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.models.early_stopping import FEWEST, Watch, fixed_rounds, inner_split, mean_loss, patience


@pytest.mark.parametrize(("rows", "held"), [(FEWEST - 1, 0), (FEWEST, 10), (1_000, 200), (5_000, 500), (400_000, 8_000)])
def test_a_tenth_of_the_rows_is_held_back(rows, held):
    train, valid = inner_split(np.arange(rows) % 2, seed=0)
    assert abs(len(valid) - held) <= 1
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(rows))


def test_classes_keep_their_shares_and_none_leaves_the_training_part():
    y = np.repeat([0, 1, 2, 3], [3_000, 900, 99, 1])
    for seed in range(20):
        train, valid = inner_split(y, seed)
        assert set(y[train]) == {0, 1, 2, 3}
        np.testing.assert_allclose(np.bincount(y[valid], minlength=4), [300, 90, 9.9, 0], atol=2)


def test_numbers_are_held_back_over_their_whole_range():
    y = np.random.default_rng(0).lognormal(size=4_000)
    train, valid = inner_split(y, seed=1)
    np.testing.assert_allclose(np.quantile(y[valid], [0.1, 0.5, 0.9]), np.quantile(y[train], [0.1, 0.5, 0.9]), rtol=0.05)


def test_the_split_follows_the_seed():
    y = np.arange(500) % 3
    assert (inner_split(y, 4)[1] == inner_split(y, 4)[1]).all()
    assert set(inner_split(y, 4)[1]) != set(inner_split(y, 5)[1])


def test_patience_grows_with_the_best_round_between_20_and_300():
    assert [patience(best) for best in (0, 33, 100, 1_000, 5_000)] == [20, 20, 40, 300, 300]


def test_watch_keeps_the_best_round_and_ends_after_the_patience():
    watch = Watch()
    losses = [1.0, 0.5, 0.4, *[0.6] * 100]
    ended = next(i for i, loss in enumerate(losses, 1) if watch(i, loss))
    assert (watch.best_round, watch.best, ended) == (3, 0.4, 3 + 20)


def test_watch_without_losses_keeps_all_rounds():
    watch = Watch()
    assert not any(watch(i, None) for i in range(1, 500))
    assert watch.best_round == 499


def test_watch_ends_on_request_and_reports_minus_the_loss():
    seen = []
    watch = Watch(lambda iteration, score: seen.append((iteration, score)) or iteration == 2)
    assert [watch(1, 0.7), watch(2, 0.6)] == [False, True]
    assert seen == [(1, -0.7), (2, -0.6)] and watch.best_round == 2


def test_a_first_loss_that_is_not_a_number_still_leaves_a_round_to_keep():
    watch = Watch()
    watch(1, float("nan"))
    assert watch.best_round == 1
    watch(2, 0.3)
    assert watch.best_round == 2


def test_fixed_rounds_are_few():
    assert [fixed_rounds(rate, 5_000) for rate in (0.005, 0.04, 0.2)] == [200, 50, 20]
    assert fixed_rounds(0.04, 7) == 7


def test_mean_loss_of_both_shapes():
    y = np.array([0, 1])
    assert mean_loss(y, np.array([0.1, 0.9]), classes=True) == pytest.approx(-np.log(0.9))
    assert mean_loss(y, np.array([[0.9, 0.1], [0.1, 0.9]]), classes=True) == pytest.approx(-np.log(0.9))
    assert mean_loss(np.array([1.0, 3.0]), np.array([2.0, 2.0]), classes=False) == 1.0
