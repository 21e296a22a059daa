"""Metrics against scikit-learn's, and intervals against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline import catalog, evaluate

RNG = np.random.default_rng(7)


def binary(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    y = RNG.integers(0, 2, n)
    p = np.clip(0.3 * y + 0.7 * RNG.random(n), 0, 1).round(2)  # rounded, so that there are ties
    return y, np.c_[1 - p, p]


def multiclass(n: int = 400, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    y = RNG.integers(0, k, n)
    p = RNG.random((n, k)) + np.eye(k)[y] * 0.5
    return y, p / p.sum(axis=1, keepdims=True)


THEIRS_BINARY = {
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p[:, 1]),
    "pr_auc": lambda y, p: sk.average_precision_score(y, p[:, 1]),
    "log_loss": lambda y, p: sk.log_loss(y, np.clip(p, 1e-15, 1)),
    "brier": lambda y, p: sk.brier_score_loss(y, p[:, 1]),
    "accuracy": lambda y, p: sk.accuracy_score(y, p[:, 1] >= 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p[:, 1] >= 0.5),
    "precision": lambda y, p: sk.precision_score(y, p[:, 1] >= 0.5),
    "recall": lambda y, p: sk.recall_score(y, p[:, 1] >= 0.5),
    "f1": lambda y, p: sk.f1_score(y, p[:, 1] >= 0.5),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p[:, 1] >= 0.5),
}
THEIRS_MULTICLASS = {
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "log_loss": lambda y, p: sk.log_loss(y, p),
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "precision": lambda y, p: sk.precision_score(y, p.argmax(1), average="macro"),
    "recall": lambda y, p: sk.recall_score(y, p.argmax(1), average="macro"),
    "f1": lambda y, p: sk.f1_score(y, p.argmax(1), average="macro"),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p.argmax(1)),
}
THEIRS_REGRESSION = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
}


@pytest.mark.parametrize("name", THEIRS_BINARY)
def test_binary_metrics_are_those_of_scikit_learn(name: str) -> None:
    y, p = binary()
    assert evaluate.score(name, y, p) == pytest.approx(THEIRS_BINARY[name](y, p), abs=1e-12)


@pytest.mark.parametrize("name", THEIRS_MULTICLASS)
def test_multiclass_metrics_are_those_of_scikit_learn(name: str) -> None:
    y, p = multiclass()
    assert evaluate.score(name, y, p) == pytest.approx(THEIRS_MULTICLASS[name](y, p), abs=1e-12)


@pytest.mark.parametrize("name", THEIRS_REGRESSION)
def test_regression_metrics_are_those_of_scikit_learn(name: str) -> None:
    y = RNG.normal(10, 2, 300)
    p = y + RNG.normal(0, 1, 300)
    assert evaluate.score(name, y, p) == pytest.approx(THEIRS_REGRESSION[name](y, p), abs=1e-12)


@pytest.mark.parametrize("task", catalog.TASKS)
def test_every_metric_prefers_the_truth_to_a_guess(task: str) -> None:
    y = RNG.integers(0, 3 if task == "multiclass" else 2, 200)
    if task == "regression":
        y = y + 1.0
        perfect, guess = y, np.full(200, y.mean() * 1.5)
    else:
        perfect = np.eye(y.max() + 1)[y]
        guess = RNG.permutation(perfect)
    for entry in catalog.entries("metric", task):
        assert evaluate.better(entry.name, entry.make(y, perfect), entry.make(y, guess)), entry.name


@pytest.mark.parametrize("name", ["accuracy", "roc_auc"])
def test_the_score_on_as_many_other_rows_is_within_the_interval_as_often_as_it_says(name: str) -> None:
    def rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        y = rng.integers(0, 2, 300)
        p = 1 / (1 + np.exp(-(y - 0.5 + rng.normal(size=300))))
        return y, np.c_[1 - p, p]

    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low, high = evaluate.interval(name, *rows(rng), seed=seed, resamples=60)
        covered += low <= evaluate.score(name, *rows(rng)) <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_a_copy_is_a_tie_and_a_much_worse_prediction_is_not() -> None:
    y, p = binary(2_000)
    assert evaluate.tied("roc_auc", y, p, p)
    assert not evaluate.tied("roc_auc", y, RNG.permutation(p), p)


def test_thresholds_count_what_counting_by_hand_gives() -> None:
    y, p = binary()
    table = evaluate.judge("binary", y, p, ["no", "yes"])["thresholds"]
    row = next(r for r in table if abs(r["threshold"] - 0.4) < 1e-9)
    above = p[:, 1] >= row["threshold"]
    assert (row["tp"], row["fp"], row["fn"], row["tn"]) == (
        (above & (y == 1)).sum(), (above & (y == 0)).sum(), (~above & (y == 1)).sum(), (~above & (y == 0)).sum()
    )  # fmt: skip
    assert all(r["tp"] + r["fp"] + r["fn"] + r["tn"] == len(y) for r in table)


def test_the_confusion_matrix_has_the_truth_in_its_rows() -> None:
    y, p = multiclass()
    judged = evaluate.judge("multiclass", y, p, list("abcd"))
    assert np.array_equal(judged["confusion"], sk.confusion_matrix(y, p.argmax(1)))
    assert [row["rows"] for row in judged["per_class"]] == np.bincount(y).tolist()


def test_one_class_in_the_rows_gives_no_curve_and_no_crash() -> None:
    p = np.tile([0.4, 0.6], (10, 1))
    judged = evaluate.judge("binary", np.ones(10, int), p, ["no", "yes"])
    values = {m["name"]: m["value"] for m in judged["metrics"]}
    assert np.isnan(values["roc_auc"]) and values["accuracy"] == 1
    assert judged["roc"] == []


def test_a_metric_added_in_one_place_is_judged_with_the_others() -> None:
    @evaluate.metric("top", title="Top", help="For this test.", tasks=("binary",), of="label")
    def top(y: np.ndarray, p: np.ndarray) -> float:
        return 42.0

    try:
        judged = evaluate.judge("binary", *binary(), ["no", "yes"])
        assert next(m for m in judged["metrics"] if m["name"] == "top")["value"] == 42.0
    finally:
        catalog.unregister("metric", "top")
