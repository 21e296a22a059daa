"""Which models together: greedy weights on out-of-fold predictions (Caruana et al. 2004), judged without optimism.

The weights are chosen on rows that no member has seen, and how good they are is told by weights chosen on the other
parts of these rows. An ensemble that is not better than the best single model by more than noise is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline import evaluate

ROUNDS = 25
BEST_FEW = 4
FULL_TRUST = 200  # informative rows at which the greedy weights count half, and the plain mean of the best few the rest
MOST_ROWS = 40_000  # of a greedy step: fewer would leave too few rows of a rare class
LEAST_WEIGHT = 0.04
PARTS = 5


@dataclass(frozen=True)
class Blend:
    """`weights` over the candidates, summing to one. `crossed` are the blend's predictions by weights that have not seen the row.

    `gain` is how much better the blend is than choosing one candidate in the same way (positive is better) and `error`
    its standard error; `single` is the candidate that is best on its own.
    """

    weights: np.ndarray
    crossed: np.ndarray
    single: int
    gain: float
    error: float

    @property
    def earned(self) -> bool:
        """Whether several models together are better than one by more than noise (one standard error)."""
        return int((self.weights > 0).sum()) > 1 and self.gain > self.error


def blend(metric: str, y: np.ndarray, predictions: Sequence[np.ndarray], parts: np.ndarray | None = None, *, seed: int = 0) -> Blend:
    """Weigh the candidates by their out-of-fold predictions of the same rows.

    `parts` numbers the rows by what is left out together when the weights are judged (the folds); None divides them at random.
    """
    weights = weigh(metric, y, predictions, seed=seed)
    if parts is None or len(np.unique(parts)) < 3:
        parts = np.random.default_rng(seed).permutation(len(y))
    parts = parts % PARTS
    crossed, chosen = np.array(predictions[0], dtype="float64"), np.array(predictions[0], dtype="float64")
    for part in np.unique(parts):
        rest, own = parts != part, parts == part
        others = [p[rest] for p in predictions]
        crossed[own] = mix([p[own] for p in predictions], weigh(metric, y[rest], others, seed=seed))
        chosen[own] = predictions[best_single(metric, y[rest], others)][own]
    gain, error = evaluate.difference(metric, y, crossed, chosen, seed=seed)
    return Blend(weights, crossed, best_single(metric, y, predictions), gain, error)


def weigh(metric: str, y: np.ndarray, predictions: Sequence[np.ndarray], *, seed: int = 0) -> np.ndarray:
    """Greedy selection with replacement, from the best candidate on, drawn towards the mean of the best few on few rows."""
    rows = np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS]
    y, candidates = y[rows], [np.asarray(p[rows], dtype="float64") for p in predictions]
    counts = _greedy(metric, y, candidates)
    few = np.zeros(len(candidates))
    few[_ranked(metric, y, candidates)[:BEST_FEW]] = 1 / min(BEST_FEW, len(candidates))
    trust = informative(y) / (informative(y) + FULL_TRUST)
    weights = trust * counts / counts.sum() + (1 - trust) * few
    weights[weights < LEAST_WEIGHT] = 0
    return weights / weights.sum()


def mix(predictions: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted mean of predictions of the same rows."""
    return sum(weight * prediction for weight, prediction in zip(weights, predictions, strict=True) if weight)


def informative(y: np.ndarray) -> int:
    """How many rows really tell candidates apart: all of a regression; twice the rows outside the largest class of a classification."""
    if np.issubdtype(y.dtype, np.floating):
        return len(y)
    return int(min(len(y), 2 * (len(y) - np.bincount(y).max())))


def best_single(metric: str, y: np.ndarray, predictions: Sequence[np.ndarray]) -> int:
    """The position of the candidate with the best score on these rows."""
    return int(_ranked(metric, y, predictions)[0])


def _ranked(metric: str, y: np.ndarray, predictions: Sequence[np.ndarray]) -> list[int]:
    losses = [evaluate.loss(metric, y, p) for p in predictions]
    return sorted(range(len(losses)), key=lambda i: (losses[i], i))


def _greedy(metric: str, y: np.ndarray, candidates: list[np.ndarray]) -> np.ndarray:
    """How often each candidate is taken; the best mixture on the way counts, not the last."""
    counts = np.zeros(len(candidates))
    first = _ranked(metric, y, candidates)[0]
    counts[first] = 1
    total, best, best_counts = candidates[first].copy(), evaluate.loss(metric, y, candidates[first]), counts.copy()
    for size in range(2, ROUNDS + 1):
        losses = [evaluate.loss(metric, y, (total + candidate) / size) for candidate in candidates]
        taken = int(np.argmin(losses))
        total += candidates[taken]
        counts[taken] += 1
        if losses[taken] < best:
            best, best_counts = losses[taken], counts.copy()
    return best_counts
