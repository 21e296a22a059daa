"""When to end a fit that improves round by round, decided on rows of its own training fold.

Boosters and networks hold back a part of the rows they are given, never any other row, and follow the loss there: an
adaptive patience ends the fit, a deadline may end it earlier, and the best round so far is always what is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pipeline.models.facts import OnRound

FEWEST = 50  # with fewer rows nothing is held back: five rows say nothing about a loss
MOST_VALID = 8_000
TOLERANCE = 1e-4  # gains below a ten-thousandth of the loss do not renew the patience


def inner_split(y: np.ndarray, seed: int, origin: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Positions (train, valid) of a tenth of the rows, up to a fifth below 2,000 rows; valid is empty below 50 rows.

    Rows are sorted by y and one of every few neighbours is drawn, so classes and the range of numbers keep their
    shares. A class whose only rows were drawn goes back to the training part.

    `origin` names for each row the two rows that it was made of, its own number where it was there. Rows that were added
    are never held back, and those of which a parent is held back are not learned from.
    """
    if origin is not None:
        own = np.flatnonzero(origin[:, 0] == np.arange(len(y)))
        held = own[inner_split(y[own], seed)[1]]
        return np.flatnonzero(~np.isin(origin, held).any(axis=1)), held
    n = len(y)
    if n < FEWEST:
        return np.arange(n), np.arange(0)
    random = np.random.default_rng(seed)
    count = int(min(MOST_VALID, n * min(0.2, max(0.1, 200 / n))))
    order = random.permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    edges = np.linspace(0, n, count + 1)
    picks = order[(edges[:-1] + random.random(count) * np.diff(edges)).astype(int)]
    valid = np.zeros(n, bool)
    valid[picks] = True
    if np.issubdtype(y.dtype, np.integer):
        valid &= np.isin(y, y[~valid])
    return np.flatnonzero(~valid), np.flatnonzero(valid)


def drawn(origin: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """The origin of some of the rows, by their new numbers; -1 for a row that is not among them."""
    if origin is None:
        return None
    place = np.full(len(origin), -1)
    place[rows] = np.arange(len(rows))
    return place[origin[rows]]


def patience(best_round: int) -> int:
    """How many rounds to wait for a better one: longer where the best came late."""
    return int(min(300, max(20, 0.3 * best_round + 10)))


def fixed_rounds(rate: float, most: int) -> int:
    """How many rounds suit a table that is too small for early stopping: about two full steps' worth."""
    return max(1, min(most, round(min(200, max(20, 2 / rate)))))


class Watch:
    """Follows the validation loss of one fit; calling it after a round answers whether to end the fit.

    `best_round` counts rounds from 1 and is the number to keep: the round of the lowest loss, or the last one when
    nothing is held back.
    """

    def __init__(self, on_round: OnRound | None = None, wait: Callable[[int], int] = patience) -> None:
        self.on_round, self.wait = on_round, wait
        self.restart()

    def restart(self) -> None:
        """Forget the rounds so far: the fit begins again."""
        self.last: float | None = None
        self.best, self.best_round, self._mark, self._mark_round = math.inf, 0, math.inf, 0
        self.improved = False

    def __call__(self, round_: int, loss: float | None) -> bool:
        if loss is None:
            self.best_round = round_
        else:
            self._note(round_, loss)
        self.last = None if loss is None else -float(loss)
        return self.pulse(round_) or (loss is not None and round_ - self._mark_round >= self.wait(self.best_round))

    def pulse(self, round_: int) -> bool:
        """Whether the fit is asked to end: also for the middle of a long round."""
        return bool(self.on_round and self.on_round(round_, self.last))

    def _note(self, round_: int, loss: float) -> None:
        loss = loss if math.isfinite(loss) else math.inf
        self.improved = loss < self.best or self.best_round == 0
        if self.improved:
            self.best, self.best_round = loss, round_
        if loss < self._mark - TOLERANCE * abs(self._mark if math.isfinite(self._mark) else 0.0):
            self._mark, self._mark_round = loss, round_


def mean_loss(y: np.ndarray, values: np.ndarray, classes: bool, weight: np.ndarray | None = None) -> float:
    """Log loss of probabilities (rows, or rows x classes), or the root of the mean squared error of numbers, by weight."""
    if not classes:
        return float(np.sqrt(np.average((y - values) ** 2, weights=weight)))
    own = values[np.arange(len(y)), y] if values.ndim == 2 else np.where(y == 1, values, 1 - values)
    return float(-np.average(np.log(np.clip(own, 1e-15, 1)), weights=weight))
