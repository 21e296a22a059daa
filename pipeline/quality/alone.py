"""How well one column alone predicts the target, by cross-validation.

What is learned from a column comes from the training folds only, and the score from rows that it has not seen. The
learner has no shape of its own to get in the way: a number is predicted from the training rows with the nearest numbers,
a category from the training rows of the same level. All of it is array arithmetic on a sample of the rows.
"""

from __future__ import annotations

import numpy as np

from pipeline.quality.subject import Subject

FOLDS = 3
FEWEST = 30  # rows with a known target
FEWEST_OF_CLASS = 5
MOST_CLASSES = 20  # the commonest ones are scored


def target_of(subject: Subject) -> tuple[np.ndarray | None, str]:
    """The target, one row each and NaN where it is not known: numbers as they are, classes as a matrix of 0 and 1."""
    if not predictors(subject):
        return None, "There is no column besides the target and those that identify the row."
    if subject.task == "regression":
        y = _with_ranks(subject.numbers(subject.target))
        known = int((~np.isnan(y[:, 0])).sum())
        return (
            (y, "")
            if known >= FEWEST and np.nanstd(y[:, 1]) > 0
            else (None, f"Too few known values of {subject.target!r}: {known} of {FEWEST} needed.")
        )
    codes, counts = subject.codes(subject.target)[0], subject.counts(subject.target)
    judged = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    judged = judged[counts[judged] >= FEWEST_OF_CLASS]
    if len(judged) < 2 or counts.sum() < FEWEST:
        return (
            None,
            f"Fewer than two classes of {subject.target!r} have {FEWEST_OF_CLASS} rows, or there are fewer than {FEWEST} rows in all.",
        )
    y = (codes[:, None] == judged[None, :]).astype(float)
    y[codes < 0] = np.nan
    return (y[:, :1] if len(counts) == 2 else y), ""


def predictors(subject: Subject) -> list[str]:
    """Columns that number the rows are left out of models, and in a table in order of time they would look guilty."""
    return [name for name in subject.features if subject.kind(name) != "id"]


def _with_ranks(y: np.ndarray) -> np.ndarray:
    """The target and its ranks, side by side. Ranks judge fairly where a few huge values make up most of the spread."""
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.column_stack([y, np.where(np.isnan(y), np.nan, ranks[place])])


def sample(truth: np.ndarray, most: int, classes: bool) -> np.ndarray:
    """Positions of known rows in random order, at most `most`; of every class at least 200, if it has them."""
    known = np.flatnonzero(~np.isnan(truth[:, 0]))
    shuffled = np.random.default_rng(0).permutation(known)
    if len(shuffled) <= most:
        return shuffled
    chosen = [shuffled[:most]]
    for column in range(truth.shape[1]) if classes else ():
        chosen.append(shuffled[truth[shuffled, column] == 1][:200])
    rows = np.unique(np.concatenate(chosen))
    return np.random.default_rng(1).permutation(rows)


def predict(subject: Subject, name: str, rows: np.ndarray, y: np.ndarray, fold: np.ndarray) -> list[np.ndarray]:
    """Out-of-fold predictions of `y` from one column, one array for every way that was tried: two widths of
    neighbourhood for a number, and for a number as the target a straight line as well."""
    if subject.is_text(name):
        return by_neighbours(subject.codes(name)[0][rows].astype(float), y, fold, (0,))
    x = subject.numbers(name)[rows]
    line = [_by_line(x, y, fold)] if subject.task == "regression" else []
    x = np.where(np.isnan(x), -np.inf, x)  # missing is a value of its own: that a cell is empty can give it away too
    return by_neighbours(x, y, fold, (5, max(10, int(len(rows) ** 0.5)))) + line


def _by_line(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The straight line through the training rows; the training mean where x is missing or lies outside all bounds."""
    predicted = np.empty_like(y)
    x = np.where(np.abs(x) < 1e150, x, np.nan)  # so that squares stay finite
    for k in range(FOLDS):
        known = (fold != k) & ~np.isnan(x)
        centre, mean = (x[known].mean() if known.any() else 0.0), y[fold != k].mean(axis=0)
        apart = x[known] - centre
        slope = apart @ (y[known] - mean) / max(float(apart @ apart), 1e-300)
        predicted[fold == k] = mean + np.nan_to_num(x[fold == k] - centre)[:, None] * slope
    return predicted


def by_neighbours(x: np.ndarray, y: np.ndarray, fold: np.ndarray, widths: tuple[int, ...]) -> list[np.ndarray]:
    predicted = [np.empty_like(y) for _ in widths]
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        order = np.argsort(x[train], kind="stable")
        sums = np.vstack([np.zeros(y.shape[1]), np.cumsum(y[train][order], axis=0)])
        for out, width in zip(predicted, widths, strict=True):
            out[test] = _neighbours(x[train][order], sums, x[test], width)
    return predicted


def _neighbours(x: np.ndarray, sums: np.ndarray, at: np.ndarray, width: int) -> np.ndarray:
    """The mean of the training rows equal to `at`, widened to the `width` nearest in order where fewer are equal.

    `x` is sorted, `sums` are running totals of y in that order, one row longer. The overall mean counts as one row more,
    which steadies small groups and is the answer for a level that was never seen.
    """
    left, right = np.searchsorted(x, at, "left"), np.searchsorted(x, at, "right")
    short = np.maximum(width - (right - left), 0)
    left = np.maximum(left - (short + 1) // 2, 0)
    right = np.minimum(right + short // 2, len(x))
    steady = 1.0 if width == 0 else 0.0
    total = sums[right] - sums[left] + steady * sums[-1] / len(x)
    return total / np.maximum(right - left + steady, 1)[:, None]


def r2(y: np.ndarray, predictions: list[np.ndarray]) -> float:
    """The best R2 of the ways that were tried, of the target or of its ranks."""
    scaled = (y - y.mean(axis=0)) / y.std(axis=0)
    errors = [(predicted - y.mean(axis=0)) / y.std(axis=0) - scaled for predicted in predictions]
    return max(float(1 - (error**2).mean(axis=0).min()) for error in errors)


def auc(y: np.ndarray, predictions: list[np.ndarray]) -> float:
    """The mean over classes of the area under the ROC curve, each class against the rest; the best width counts."""
    return max(float(np.mean([area(y[:, c], predicted[:, c]) for c in range(y.shape[1])])) for predicted in predictions)


def area(y: np.ndarray, score: np.ndarray) -> float:
    """The chance that a row of the class has a higher score than another row, a tie counting half."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    inside = y == 1
    ones, zeros = int(inside.sum()), int((~inside).sum())
    if not ones or not zeros:
        return 0.5
    return float((ranks[place][inside].sum() - ones * (ones + 1) / 2) / (ones * zeros))
