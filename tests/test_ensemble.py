"""Several models together: weight for what helps, none for what does not, and honest about whether it is more than noise."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import ensemble, evaluate

ROWS = 4_000


def labels(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, rows)


def opinion(y: np.ndarray, seed: int, noise: float) -> np.ndarray:
    """Probabilities that know the truth up to noise of their own."""
    odds = (2 * y - 1) + noise * np.random.default_rng(seed).normal(size=len(y))
    p = 1 / (1 + np.exp(-2 * odds / noise**2))  # calibrated: the posterior of such an observation
    return np.column_stack([1 - p, p])


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_two_that_complement_each_other_share_the_weight_and_are_better_together(metric):
    y = labels()
    found = ensemble.blend(metric, y, [opinion(y, 1, 1.5), opinion(y, 2, 1.5)])
    assert found.weights.sum() == pytest.approx(1) and found.weights == pytest.approx([0.5, 0.5], abs=0.12)
    assert found.earned and found.gain > 3 * found.error


def test_of_a_regression_the_errors_cancel():
    y = np.random.default_rng(0).normal(size=ROWS)
    errors = np.random.default_rng(1).normal(size=(2, ROWS))
    found = ensemble.blend("rmse", y, [y + errors[0], y + errors[1]])
    assert found.weights == pytest.approx([0.5, 0.5], abs=0.1)
    assert evaluate.score("rmse", y, found.crossed) == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert found.gain == pytest.approx(1 - np.sqrt(0.5), abs=0.04)


def test_the_useless_one_gets_no_weight():
    y = labels()
    useless = np.column_stack([np.full(ROWS, 0.5)] * 2)
    found = ensemble.blend("log_loss", y, [useless, opinion(y, 1, 1.0), opinion(y, 2, 6.0)], seed=0)
    assert found.single == 1
    assert found.weights[0] == 0 and found.weights[1] > 0.8


def test_with_many_rows_what_only_adds_noise_has_no_weight_at_all():
    y = labels(60_000)
    noise = np.random.default_rng(3).uniform(size=60_000)
    weights = ensemble.weigh("roc_auc", y, [opinion(y, 1, 1.0), *[np.column_stack([1 - noise, noise])] * 4], seed=0)
    assert weights.tolist() == [1, 0, 0, 0, 0]


def test_candidates_of_pure_noise_do_not_beat_one_of_them():
    """Weights chosen and judged on the same rows would say that they do."""
    gains = []
    for seed in range(5):
        y = labels(400, seed)
        rng = np.random.default_rng(100 + seed)
        noise = [np.column_stack([1 - p, p]) for p in rng.uniform(0.3, 0.7, size=(12, 400))]
        found = ensemble.blend("roc_auc", y, noise, seed=seed)
        gains.append(evaluate.score("roc_auc", y, found.crossed) - 0.5)
    assert abs(np.mean(gains)) < 0.05, "what the blend reaches on rows that its weights have not seen is nothing"


def test_what_is_crossed_does_not_depend_on_the_labels_of_its_own_part():
    y, parts = labels(1_000), np.arange(1_000) % 5
    candidates = [opinion(y, seed, 2.0) for seed in range(4)]
    other = y.copy()
    other[parts == 2] = 1 - other[parts == 2]
    before, after = (ensemble.blend("log_loss", truth, candidates, parts, seed=0).crossed for truth in (y, other))
    assert np.array_equal(before[parts == 2], after[parts == 2])


def test_the_same_model_several_times_has_not_earned_anything():
    y = labels(1_000)
    one = opinion(y, 1, 1.5)
    found = ensemble.blend("log_loss", y, [one, one.copy(), one.copy()])
    assert not found.earned and abs(found.gain) < 1e-9
    assert not ensemble.blend("log_loss", y, [one]).earned


def test_on_few_rows_the_weights_lean_towards_the_mean_of_the_best_few():
    y = labels(40)
    candidates = [opinion(y, seed, 1.5) for seed in range(4)]
    weights = ensemble.weigh("log_loss", y, candidates)
    assert (weights > 0.1).all(), weights


def test_informative_rows_are_those_that_tell_candidates_apart():
    assert ensemble.informative(np.array([0] * 990 + [1] * 10)) == 20
    assert ensemble.informative(np.array([0, 1] * 50)) == 100
    assert ensemble.informative(np.array([0, 1, 2] * 30)) == 90
    assert ensemble.informative(np.linspace(0, 1, 70)) == 70


def test_the_same_question_has_the_same_answer():
    y = labels(500)
    candidates = [opinion(y, seed, 2.0) for seed in range(5)]
    one, two = (ensemble.blend("roc_auc", y, candidates, seed=3) for _ in range(2))
    assert np.array_equal(one.weights, two.weights) and np.array_equal(one.crossed, two.crossed) and one.gain == two.gain
