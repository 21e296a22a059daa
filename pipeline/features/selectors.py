"""The transformers that choose columns, each by what the training rows of its fold say. What was kept is in `kept_`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from pipeline.features.projections import Standard, is_category

MOST_COMPARED = 5_000  # columns whose correlations are all worked out: 200 MB of them
MOST_CLASSES = 20
BINS = 16
TREES = 60


class Select(TransformerMixin, BaseEstimator):
    """Keeps the columns that `_choose(numbers, y)` says, a mask; at least one. Without a target to learn from, all stay.

    `codes` says that native categories are judged by their codes; otherwise they are kept. `most_rows` are looked at.
    """

    codes = True
    needs_target = True
    most_rows = 3_000

    def fit(self, X: Any, y: Any = None) -> Select:
        self.n_features_in_ = X.shape[1]
        rows = self._sample(X.shape[0])
        numbers, judged = self._numbers(X, rows)
        target = None if y is None else np.asarray(y)[rows]
        self.kept_ = np.ones(X.shape[1], bool)
        if numbers.shape[1] and not (self.needs_target and (target is None or len(np.unique(target)) < 2)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", (UserWarning, RuntimeWarning))  # classes with few members, columns without a number
                self.kept_[judged] = self._choose(numbers, target)
        if not self.kept_.any() and len(judged):
            self.kept_[judged[0]] = True
        return self

    def transform(self, X: Any) -> Any:
        if self.kept_.all():
            return X
        return X.iloc[:, np.flatnonzero(self.kept_)] if isinstance(X, pd.DataFrame) else X[:, np.flatnonzero(self.kept_)]

    def get_feature_names_out(self, names: Any = None) -> np.ndarray:
        return np.asarray(names, dtype=object)[self.kept_]

    def _sample(self, rows: int) -> np.ndarray:
        if rows <= self.most_rows:
            return np.arange(rows)
        return np.sort(np.random.default_rng(0).choice(rows, self.most_rows, replace=False))

    def _numbers(self, X: Any, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        """The rows to look at as numbers, and the places of their columns."""
        if not isinstance(X, pd.DataFrame):
            return X[rows], np.arange(X.shape[1])
        words = is_category(X)
        judged = np.arange(X.shape[1]) if self.codes else np.flatnonzero(~words)
        some, found = X.iloc[rows], np.empty((len(rows), len(judged)))
        plain = ~words[judged]
        found[:, plain] = some.iloc[:, judged[plain]].to_numpy("float64")
        for place in np.flatnonzero(~plain):
            found[:, place] = some.iloc[:, judged[place]].cat.codes
        return found, judged

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def classes(y: np.ndarray) -> bool:
    return not np.issubdtype(y.dtype, np.floating)


def best(values: np.ndarray, share: float) -> np.ndarray:
    """A mask of that share of the columns with the greatest values; of equal ones the first."""
    count = max(1, round(share * len(values)))
    mask = np.zeros(len(values), bool)
    mask[np.argsort(-values, kind="stable")[:count]] = True
    return mask


class ByVariance(Select):
    """Drops columns of which too few rows differ from the commonest value; a gap is a value too."""

    needs_target = False
    most_rows = 20_000

    def __init__(self, share: float = 0.001) -> None:
        self.share = share

    def _choose(self, numbers: Any, y: Any) -> np.ndarray:
        if sparse.issparse(numbers):
            filled = np.asarray((numbers != 0).mean(axis=0)).ravel()
            full = np.flatnonzero(filled > 0.5)
            filled[full] = np.maximum(1 - filled[full], self._different(numbers[:, full].toarray()))
            return filled > self.share
        return self._different(numbers) > self.share

    @staticmethod
    def _different(numbers: np.ndarray) -> np.ndarray:
        return np.array([1 - np.unique(column, return_counts=True)[1].max() / len(column) for column in numbers.T])


class ByDistinct(Select):
    """Drops columns of which too few rows differ from the usual value, and exact copies of earlier ones. A sparse matrix stays as it is.

    Copies are looked for in some rows and made sure of in all.
    """

    needs_target = False
    most_rows = 20_000
    compared_rows = 1_000

    def __init__(self, share: float = 0.0005) -> None:
        self.share = share

    def fit(self, X: Any, y: Any = None) -> ByDistinct:
        self.copies_: list[tuple[int, int]] = []
        super().fit(X)
        for copy, of in self.copies_:
            self.kept_[copy] = not _equal(X, copy, of)
        return self

    def _choose(self, numbers: Any, y: Any) -> np.ndarray:
        if sparse.issparse(numbers):
            return np.ones(numbers.shape[1], bool)
        usual = np.sort(numbers[:: -(-len(numbers) // 101)], axis=0)
        usual = usual[len(usual) // 2]  # gaps are last: where most are gaps, a gap is what is usual
        kept = ((numbers != usual) & ~(np.isnan(numbers) & np.isnan(usual))).mean(axis=0) > self.share
        first: dict[bytes, int] = {}
        for place, column in zip(np.flatnonzero(kept), (numbers[: self.compared_rows, kept].T + 0.0).copy(), strict=True):
            of = first.setdefault(column.tobytes(), place)
            if of != place:
                self.copies_.append((int(place), int(of)))
        return kept


def _equal(X: Any, one: int, other: int) -> bool:
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, one].equals(X.iloc[:, other])
    return np.array_equal(X[:, one], X[:, other], equal_nan=True)


class ByCorrelation(Select):
    """Of two columns that are correlated too strongly, drops the later one."""

    codes = False
    needs_target = False
    most_rows = 5_000

    def __init__(self, most: float = 0.98) -> None:
        self.most = most

    def _choose(self, numbers: Any, y: Any) -> np.ndarray:
        kept = np.ones(numbers.shape[1], bool)
        if sparse.issparse(numbers) or len(numbers) < 3:
            return kept
        compared = Standard(numbers).of(numbers)[:, :MOST_COMPARED]
        strength = np.abs(compared.T @ compared) / len(compared)
        spread = np.sqrt(np.diag(strength))
        strength /= np.maximum(np.outer(spread, spread), 1e-12)
        for place in range(len(strength)):
            if kept[place]:
                kept[place + 1 : len(strength)] &= strength[place, place + 1 :] <= self.most + 1e-9
        return kept


class ByInformation(Select):
    """Keeps the share of the columns that have the most mutual information with the target."""

    most_rows = 5_000

    def __init__(self, keep: float = 0.5) -> None:
        self.keep = keep

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        target = np.unique(y if classes(y) else binned(y[:, None])[:, 0], return_inverse=True)[1]
        hot = np.eye(target.max() + 1)[target]
        if sparse.issparse(numbers):  # there or not there
            there = sparse.csr_matrix((np.ones_like(numbers.data), numbers.indices, numbers.indptr), shape=numbers.shape).T @ hot
            return best(information(np.stack([there, hot.sum(axis=0) - there], axis=1)), self.keep)
        counts = np.zeros((numbers.shape[1], BINS + 1, hot.shape[1]))
        for i, column in enumerate(binned(numbers).T):
            counts[i] = np.bincount(column * hot.shape[1] + target, minlength=counts[i].size).reshape(counts[i].shape)
        return best(information(counts), self.keep)


def information(counts: np.ndarray) -> np.ndarray:
    """The mutual information of each table of counts (tables x bins x classes), in nats; scikit-learn's takes 7 ms a column."""
    joint = counts / counts.sum(axis=(1, 2), keepdims=True)
    alone = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    return np.where(joint > 0, joint * np.log(np.where(joint > 0, joint, 1) / np.where(alone > 0, alone, 1)), 0).sum(axis=(1, 2))


def binned(numbers: np.ndarray) -> np.ndarray:
    """Each column in bins of about equal counts; a gap is a bin of its own."""
    quantiles = np.nanquantile if np.isnan(numbers).any() else np.quantile
    edges = quantiles(numbers, np.linspace(0, 1, BINS + 1)[1:-1], axis=0)
    made = np.empty(numbers.shape, dtype=np.int64)
    for i, column in enumerate(numbers.T):
        made[:, i] = np.where(np.isnan(column), BINS, np.searchsorted(edges[:, i], column, side="right"))
    return made


class ByPenalty(Select):
    """Keeps the columns to which a linear model with an L1 penalty gives weight, for any class."""

    codes = False
    most_rows = 10_000

    def __init__(self, strength: float = 0.05) -> None:
        self.strength = strength

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import Lasso

        X, targets = Standard(numbers).of(numbers), _targets(y)
        most = max(np.abs(X.T @ target).max() for target in targets) / len(y)  # the penalty from which on every weight is 0
        kept = np.zeros(X.shape[1], bool)
        for target in targets if most > 0 else []:
            kept |= Lasso(alpha=self.strength * most, max_iter=2_000, tol=1e-3).fit(X, target).coef_ != 0
        return kept


def _targets(y: np.ndarray) -> list[np.ndarray]:
    """What a linear model can learn: the standardised number, or for each class whether a row is of it."""
    if classes(y):
        levels, counts = np.unique(y, return_counts=True)
        levels = levels[np.argsort(-counts, kind="stable")][:MOST_CLASSES]
        found = [(y == level).astype("float64") for level in (levels[:1] if len(levels) == 2 else levels)]
    else:
        found = [y]
    return [(target - target.mean()) / (target.std() or 1.0) for target in found]


def forest(y: np.ndarray, seed: int = 0, trees: int = TREES) -> Any:
    """A quick forest for judging columns."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesClassifier if classes(y) else ExtraTreesRegressor
    return kind(trees, min_samples_leaf=3, max_features="sqrt" if classes(y) else 0.33, random_state=seed, n_jobs=1)


def used_most(numbers: Any, y: np.ndarray, most: int) -> np.ndarray:
    """The places of the columns that a forest uses most, in order of place."""
    if numbers.shape[1] <= most:
        return np.arange(numbers.shape[1])
    return np.sort(np.argsort(-forest(y).fit(numbers, y).feature_importances_, kind="stable")[:most])


def _dense(numbers: Any, columns: np.ndarray) -> np.ndarray:
    chosen = numbers[:, columns]
    return chosen.toarray() if sparse.issparse(chosen) else chosen


class ByElimination(Select):
    """Drops the least useful fifth of the columns, by the importances of a forest, until the share to keep is left."""

    def __init__(self, keep: float = 0.5) -> None:
        self.keep = keep

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        from sklearn.feature_selection import RFE

        X = Standard(numbers).of(numbers)
        return RFE(forest(y), n_features_to_select=max(1, round(self.keep * X.shape[1])), step=0.2).fit(X, y).support_


class ByPermutation(Select):
    """Keeps the columns whose shuffling makes a forest clearly worse on rows that it has not seen."""

    most_columns = 300

    def __init__(self, repeats: int = 4) -> None:
        self.repeats = repeats

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        from sklearn.inspection import permutation_importance

        kept, places = np.zeros(numbers.shape[1], bool), np.random.default_rng(0).permutation(len(y))
        learn, judge = places[len(y) // 3 :], places[: len(y) // 3]
        if len(judge) < 3 or len(np.unique(y[learn])) < 2:
            return ~kept
        X = Standard(numbers).of(numbers)
        columns = used_most(X[learn], y[learn], self.most_columns)
        X = _dense(X, columns)
        scoring = "neg_log_loss" if classes(y) and set(y[judge]) == set(y[learn]) else None
        found = permutation_importance(
            forest(y).fit(X[learn], y[learn]), X[judge], y[judge], n_repeats=self.repeats, random_state=0, scoring=scoring
        )
        kept[columns] = found.importances_mean > found.importances_std
        return kept


class ByShadows(Select):
    """Keeps the columns that forests find more useful than the best of all shuffled copies, more often than by chance."""

    most_rows = 2_000
    most_columns = 500

    def __init__(self, rounds: int = 20, undecided: bool = True) -> None:
        self.rounds, self.undecided = rounds, undecided

    def _choose(self, numbers: Any, y: np.ndarray) -> np.ndarray:
        from scipy.stats import binom

        kept, X, random = np.zeros(numbers.shape[1], bool), Standard(numbers).of(numbers), np.random.default_rng(0)
        columns = used_most(X, y, self.most_columns)
        X, hits = _dense(X, columns), np.zeros(len(columns))
        for turn in range(self.rounds):
            useful = forest(y, turn).fit(np.hstack([X, random.permuted(X, axis=0)]), y).feature_importances_
            hits += useful[: len(columns)] > useful[len(columns) :].max()
        better = binom.sf(hits - 1, self.rounds, 0.5) * len(columns) < 0.05
        worse = binom.cdf(hits, self.rounds, 0.5) * len(columns) < 0.05
        kept[columns] = ~worse if self.undecided else better
        return kept
