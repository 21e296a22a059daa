"""Small tables with an easy signal, in the shape that each family asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.catalog import Entry

LEVELS = ["red", "green", "blue", "never used"]
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Table:
    """`X` for training and `new` for prediction, with their targets."""

    X: Any
    y: np.ndarray
    new: Any
    new_y: np.ndarray


def table(entry: Entry, task: str, rows: int = 240, missing: bool = False, seed: int = 3) -> Table:
    """Three numbers and a category; the outcome follows the first number and the category."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(2 * rows, 3)).astype(np.float32)
    levels = random.integers(0, 3, 2 * rows)
    signal = 2 * numbers[:, 0] + np.array([0.0, 1.5, -1.5])[levels] + random.normal(scale=0.1, size=2 * rows)
    if missing:
        numbers[random.random(numbers.shape) < 0.1] = np.nan
    X = shaped(entry, numbers, levels)
    y = outcome(signal, task)
    return Table(take(X, slice(0, rows)), y[:rows], take(X, slice(rows, None)), y[rows:])


def outcome(signal: np.ndarray, task: str) -> np.ndarray:
    if task == "regression":
        return signal * 40.0 + 500.0
    cuts = [0.0] if task == "binary" else [-1.0, 1.0]
    return np.digitize(signal, cuts).astype(np.int64)


def shaped(entry: Entry, numbers: np.ndarray, levels: np.ndarray) -> Any:
    """A frame with a category column, integer codes, or one column per level, as the facts say."""
    if entry.facts.categories == "native":
        frame = pd.DataFrame({f"f{i}": numbers[:, i] for i in range(numbers.shape[1])})
        frame[f"f{numbers.shape[1]}"] = pd.Categorical.from_codes(levels, LEVELS)
        return frame
    if entry.facts.categories == "codes":
        return np.column_stack([numbers, levels]).astype(np.float32)
    return np.column_stack([numbers, np.eye(3)[levels]]).astype(np.float32)


def take(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def plain(entry: Entry, numbers: np.ndarray) -> Any:
    """Numbers without a category: a frame for those that want native categories, else the array."""
    if entry.facts.categories == "native":
        return pd.DataFrame({f"f{i}": numbers[:, i] for i in range(numbers.shape[1])})
    return numbers


def loss(estimator: Any, X: Any, y: np.ndarray) -> float:
    """Log loss or RMSE; lower is better."""
    if estimator.task == "regression":
        return float(np.sqrt(np.mean((estimator.predict(X) - y) ** 2)))
    own = estimator.predict_proba(X)[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.clip(own, 1e-15, 1))))


def answers(estimator: Any, X: Any) -> np.ndarray:
    """What is compared when two models should be the same."""
    return estimator.predict(X) if estimator.task == "regression" else estimator.predict_proba(X)


def check_answers(estimator: Any, X: Any, classes: int) -> None:
    """Finite predictions of the right shape; rows of probabilities that sum to one."""
    predicted = estimator.predict(X)
    assert predicted.shape == (X.shape[0],)
    if estimator.task == "regression":
        assert predicted.dtype == np.float64 and np.isfinite(predicted).all()
        assert not hasattr(estimator, "predict_proba")
        return
    chances = estimator.predict_proba(X)
    assert chances.shape == (X.shape[0], classes) and np.isfinite(chances).all() and (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_array_equal(predicted, estimator.classes_[chances.argmax(axis=1)])
