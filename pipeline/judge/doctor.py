"""The label doctor: which labels are probably wrong, from out-of-fold predictions of all rows.

Where a wrong label may be any other one, how likely a label is wrong follows from how little it was to be expected: classes and
numbers are judged by the same odds, of a label drawn from anywhere against one drawn from what the models expect here.

Classes are ranked by self-confidence, the probability of their own label (Northcutt, Jiang and Chuang, "Confident Learning:
Estimating Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70, 2021; Kuan and Mueller, "Model-agnostic
label quality scoring to detect real-world label errors", 2022), which is best possible when flips do not depend on the class; the probabilities are the mean of
two families, boosted trees and a linear model. How many labels are wrong is read off where the models are surest: what disagrees there can hardly
be chance (anchor points: Liu and Tao, "Classification with Noisy Labels by Importance Reweighting", IEEE TPAMI 38, 2016).

Numbers are judged by their ranks, so that a label from anywhere is equally likely at every rank: their residuals in units of the spread that
a second model expects for the row (Zhou, Mueller, Kumar, Wang and Lei, "Detecting Errors in Numerical Data via any Regression
Model", 2023), as a mixture of Student's t (Lange, Little and Taylor, JASA 84, 1989) and wrong labels, fitted by expectation-maximisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

CALLED = 0.5  # from this probability on a label is called wrong
MOST_WRONG = 0.05  # the share that is believed without knowing; of ten benchmark sets 3.3 % were (Northcutt, Athalye and Mueller 2021)
SUREST = (0.02, 0.05, 0.1, 0.2)  # shares of the rows that the models are surest of
FEWEST_SURE = 50
FREEDOM = 5  # of Student's t: tails that are honest
MAD_TO_SD = 1.4826
ROUNDS = 50
MOST_COMPARED = 20_000  # rows among which the nearest are looked for


@dataclass(frozen=True)
class Doubts:
    """`chance` is how probably each label is wrong, as estimated; `doubt` ranks them, larger is worse; `proposed` is what it would be.

    `believed` are the probabilities of the classes; None for numbers.
    """

    doubt: np.ndarray
    proposed: np.ndarray
    chance: np.ndarray
    believed: np.ndarray | None = None

    @property
    def ranked(self) -> np.ndarray:
        """Positions of all rows, the most doubtful first."""
        return np.argsort(-self.doubt, kind="stable")

    @property
    def errors(self) -> int:
        """How many labels are called wrong: each more probably than not."""
        return int((self.chance >= CALLED).sum())


def of_classes(y: np.ndarray, predicted: np.ndarray) -> Doubts:
    """`y` are class codes, `predicted` probabilities (rows x classes). Rows without a prediction are never doubtful."""
    known = ~np.isnan(predicted).any(axis=1)
    p, label, at = np.nan_to_num(predicted), y.astype(int), np.arange(len(y))
    own, others = p[at, label], p.copy()
    others[at, label] = -1.0
    wrong = _share_of_wrong(label[known], p[known])
    each = wrong / max(1, p.shape[1] - 1)  # that a label is wrong, and this one of the others
    clean = np.clip((own - each) / max(1 - wrong - each, 1e-9), 0, 1)
    chance = np.where(known, np.clip(each * (1 - clean) / np.maximum(own, 1e-9), 0, 1), 0.0)
    return Doubts(np.where(known, 1 - own, -np.inf), others.argmax(axis=1), chance, p)


def _share_of_wrong(label: np.ndarray, p: np.ndarray) -> float:
    """The least share of labels that disagree among the rows that the models are surest of."""
    surest = np.argsort(-p.max(axis=1), kind="stable")
    disagrees = (p.argmax(axis=1) != label)[surest]
    shares = [disagrees[: max(FEWEST_SURE, int(share * len(label)))].mean() for share in SUREST]
    return float(np.clip(min(shares), 1e-4, MOST_WRONG))


def of_numbers(y: np.ndarray, expected: np.ndarray, spread: np.ndarray) -> Doubts:
    """`expected` are predicted ranks of the numbers (0 to 1), `spread` how far off they are expected to be."""
    from scipy.stats import t

    known = np.flatnonzero(~(np.isnan(expected) | np.isnan(spread)))
    ranks = pd.Series(y).rank(pct=True).to_numpy()
    off = np.abs(ranks - expected)[known] / spread[known]
    usual = max(MAD_TO_SD * float(np.median(off)), 1e-9)
    density = t.pdf(off / usual, FREEDOM) / (usual * spread[known])  # of wrong labels it is 1, at every rank
    wrong = MOST_WRONG
    for _ in range(ROUNDS):
        chance = wrong / (wrong + (1 - wrong) * density)
        wrong = min(float(chance.mean()), MOST_WRONG)
    doubt, chances = np.full(len(y), -np.inf), np.zeros(len(y))
    doubt[known], chances[known] = -np.log(np.maximum(density, 1e-300)), chance
    proposed = np.quantile(y, np.clip(np.nan_to_num(expected, nan=0.5), 0, 1))
    return Doubts(doubt, np.where(np.isnan(expected), y, proposed), chances)


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
