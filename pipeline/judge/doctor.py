"""The label doctor: which labels are probably wrong, from out-of-fold predictions of all rows.

Classes by confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
Journal of Artificial Intelligence Research 70, 2021): a row is confidently of a class when its probability reaches the mean
probability that the class has among the rows which carry its label. Rows that are confidently, and most probably, of another class
than their own make up the estimated number of errors. Rows are ranked by their self-confidence, the probability of their own label.

Numbers by residuals in units of the spread that is usual for predictions of that size (the median absolute deviation, 3.5 of
which are an outlier: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993; residuals of held-out predictions over
their local spread: Zhou, Mueller, Kumar, Wang and Lei, "Detecting Errors in Numerical Data via any Regression Model", 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

OUTLYING = 3.5  # robust standard deviations
NEIGHBOURHOODS = 20  # parts of the rows, by prediction, with a spread of their own
MAD_TO_SD = 1.4826
MOST_COMPARED = 20_000  # rows among which the nearest are looked for


@dataclass(frozen=True)
class Doubts:
    """`doubt` is how wrong each label looks, larger is worse; `proposed` what it would be; `errors` how many are estimated to be wrong."""

    doubt: np.ndarray
    proposed: np.ndarray
    errors: int

    @property
    def ranked(self) -> np.ndarray:
        """Positions of all rows, the most doubtful first."""
        return np.argsort(-self.doubt, kind="stable")


def doubts(y: np.ndarray, predicted: np.ndarray) -> Doubts:
    """`y` are class codes and `predicted` probabilities (rows x classes), or both are numbers. Rows without a prediction are never doubtful."""
    return _of_classes(y, predicted) if predicted.ndim == 2 else _of_numbers(y, predicted)


def _of_classes(y: np.ndarray, predicted: np.ndarray) -> Doubts:
    known = ~np.isnan(predicted).any(axis=1)
    p, label = np.nan_to_num(predicted), y.astype(int)
    own = p[np.arange(len(p)), label]
    counts = np.bincount(label[known], minlength=p.shape[1])
    usual = np.bincount(label[known], weights=own[known], minlength=p.shape[1]) / np.maximum(counts, 1)
    usual = np.where(counts > 0, usual, np.inf)  # nothing is confidently of a class that no row carries
    named = np.where(p >= usual, p, -1.0).argmax(axis=1)
    confident = (p >= usual).any(axis=1) & (named == p.argmax(axis=1))
    others = p.copy()
    others[np.arange(len(p)), label] = -1.0
    doubt = np.where(known, 1 - own, -np.inf)
    return Doubts(doubt, others.argmax(axis=1), int((known & confident & (named != label)).sum()))


def _of_numbers(y: np.ndarray, predicted: np.ndarray) -> Doubts:
    known = np.flatnonzero(~np.isnan(predicted))
    off = y[known] - predicted[known]
    doubt = np.full(len(y), -np.inf)
    parts = np.array_split(np.argsort(predicted[known], kind="stable"), max(1, min(NEIGHBOURHOODS, len(known) // 50)))
    middle = [np.median(predicted[known][part]) for part in parts]
    centre, spread = [np.median(off[part]) for part in parts], [MAD_TO_SD * np.median(np.abs(off[part] - np.median(off[part]))) for part in parts]
    least = 0.1 * MAD_TO_SD * np.median(np.abs(off - np.median(off))) + 1e-12
    here, width = np.interp(predicted[known], middle, centre), np.maximum(np.interp(predicted[known], middle, spread), least)
    doubt[known] = np.abs(off - here) / width
    return Doubts(doubt, np.where(np.isnan(predicted), y, predicted), int((doubt > OUTLYING).sum()))


class Neighbours:
    """Finds the rows that are nearest to a row: numbers differ by their ranks, words by being others, a gap is nearest to a gap."""

    def __init__(self, table: pd.DataFrame, seed: int = 0) -> None:
        some = np.arange(len(table))
        if len(some) > MOST_COMPARED:
            some = np.sort(np.random.default_rng(seed).choice(some, MOST_COMPARED, replace=False))
        self._among = some
        self._columns = [self._placed(table[name]) for name in table]

    @staticmethod
    def _placed(column: pd.Series) -> tuple[np.ndarray, bool]:
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            return column.rank(pct=True).fillna(-1.0).to_numpy(dtype=np.float32, na_value=-1.0), True
        return pd.factorize(column)[0].astype(np.float32), False

    def of(self, row: int, count: int = 5) -> list[int]:
        """Positions of the nearest other rows, the nearest first."""
        apart = np.zeros(len(self._among), np.float32)
        for values, number in self._columns:
            there, here = values[self._among], values[row]
            apart += np.abs(there - here) if number else there != here
        apart[self._among == row] = np.inf
        nearest = np.argpartition(apart, min(count, len(apart) - 1))[:count]
        return [int(self._among[i]) for i in nearest[np.argsort(apart[nearest], kind="stable")] if np.isfinite(apart[i])]
