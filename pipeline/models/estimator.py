"""What every family's estimator shares: the scikit-learn contract, without importing scikit-learn before a fit.

A family writes `_learn(X, y, weight, on_round)` and `_values(X)`; this class turns labels into 0..K-1 and back, makes
probabilities that are finite and sum to one, keeps to its threads, and answers `clone` and `Pipeline`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from pipeline.errors import TrainingError
from pipeline.models.facts import OnRound, Resources

LEAST_CHANCE = 1e-6  # of any class: one row that was called impossible would outweigh hundreds in a log loss; added, not cut off, so that ranks stay
MANY_ROWS = 5_000  # looking up the thread pools takes milliseconds: not worth it for a prediction of a few rows


class Estimator:
    """An estimator of one family. `task` is "binary", "multiclass" or "regression"; `params` are complete.

    After a fit `degraded_` is None, or a sentence that says what the fit could not use, such as a device that failed.
    """

    degraded_: str | None = None
    _origin: np.ndarray | None = None  # of the rows of a fit that is under way
    _content: Hashable = None  # the name of these rows

    def __init__(self, task: str, params: Mapping[str, Any], resources: Resources | None = None) -> None:
        self.task, self.params, self.resources = task, params, resources or Resources()

    def fit(
        self, X: Any, y: Any, on_round: OnRound | None = None, sample_weight: Any = None,
        origin: np.ndarray | None = None, content: Hashable = None,
    ) -> Estimator:  # fmt: skip
        """Learn from X (rows x features) and y (class labels, or numbers). A true answer of `on_round` ends the fit.

        `sample_weight` says how much each row counts, in any unit; families whose facts say `weights=False` count all alike.
        `origin` ties rows that were added to those that they were made of (see `inner_split`). `content` names X and y: fits that
        are given the same name may share what they make of them; None shares nothing.
        """
        with limited(self.resources.threads):
            target, self._origin, self._content = self._begin(X, y), origin, content if sample_weight is None else None
            if not self._single():
                self._learn(X, target, self._weight(sample_weight, len(target)), on_round)
            self._origin, self._content = None, None
        return self

    def _begin(self, X: Any, y: Any) -> np.ndarray:
        """What every fit starts with: the target as codes or numbers."""
        self.n_features_in_ = X.shape[1]
        self.best_round_, self.model_ = 0, None  # of a fit without rounds, or of one with nothing to learn
        return self._target(y)

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each row, or its number as float64."""
        if self.task == "regression":
            values = np.full(X.shape[0], self.constant_) if self._single() else self._guarded(X)
            return np.asarray(values, dtype=np.float64).reshape(-1)
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    @property
    def predict_proba(self) -> Any:
        """`predict_proba(X)`: rows x classes, in the order of `classes_`. A regression has none."""
        if self.task == "regression":
            raise AttributeError("a regression has no predict_proba")
        return self._probabilities

    def _probabilities(self, X: Any) -> np.ndarray:
        if self._single():
            return np.ones((X.shape[0], 1))
        values = np.asarray(self._guarded(X), dtype=np.float64)
        if values.ndim == 1:
            values = np.column_stack([1 - values, values])
        values = np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0) + LEAST_CHANCE
        return values / values.sum(axis=1, keepdims=True)

    def _guarded(self, X: Any) -> Any:
        if X.shape[0] < MANY_ROWS:
            return self._values(X)
        with limited(self.resources.threads):
            return self._values(X)

    def _target(self, y: Any) -> np.ndarray:
        y = np.asarray(y)
        if not len(y):
            raise TrainingError("There are no rows to learn from; a model needs at least one.", "Check the filters and the split.")
        if self.task == "regression":
            self.constant_ = float(y[0]) if (y == y[0]).all() else None
            return y.astype(np.float64)
        self.classes_, codes = np.unique(y, return_inverse=True)
        return codes.astype(np.int64)

    def _weight(self, given: Any, rows: int) -> np.ndarray | None:
        """The weights with mean 1, or None when all rows count alike."""
        if given is None:
            return None
        weight = np.asarray(given, dtype=np.float64).reshape(-1)
        if len(weight) != rows or not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum():
            seen = f"{len(weight):,} weights from {weight.min(initial=0):g} to {weight.max(initial=0):g} for {rows:,} rows"
            raise TrainingError(f"Seen: {seen}; expected one weight per row, none below 0, not all 0.", "Check how the weights are made.")
        return weight / weight.mean()

    def _single(self) -> bool:
        """A fold may hold a single class, or the same number everywhere: then every row gets it."""
        return self.constant_ is not None if self.task == "regression" else len(self.classes_) == 1

    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        raise NotImplementedError

    def _values(self, X: Any) -> np.ndarray:
        """Numbers (rows), probabilities of class 1 (rows) or probabilities of every class (rows x classes)."""
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"task": self.task, "params": self.params, "resources": self.resources}

    def set_params(self, **values: Any) -> Estimator:
        for name, value in values.items():
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        regression = self.task == "regression"
        return Tags(
            estimator_type="regressor" if regression else "classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=None if regression else ClassifierTags(),
            regressor_tags=RegressorTags() if regression else None,
            input_tags=InputTags(sparse=True, allow_nan=True),
        )

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{type(self).__name__}({self.task}: {changed})"


def limited(threads: int) -> Any:
    """A context in which BLAS and OpenMP use that many threads; without it, two fits on two cores fight over both."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=max(1, threads))


def sample_rows(y: np.ndarray, most: int, seed: int, classes: bool) -> np.ndarray:
    """Positions of at most `most` rows, seeded; every class keeps at least one row."""
    if len(y) <= most:
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    if classes:
        _, first = np.unique(y[order], return_index=True)
        order = np.concatenate([order[first], np.delete(order, first)])
    return np.sort(order[:most])
