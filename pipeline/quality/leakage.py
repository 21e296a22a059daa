"""A column that predicts the target almost alone (DQ012): as a rule a copy of it, or something known only afterwards.

Each column is judged alone, by cross-validation: what is learned from it comes from the training folds only, and the score
from rows that it has not seen. The learner has no shape of its own to get in the way. A number is predicted from the
training rows with the nearest numbers, a category from the training rows of the same level. All of it is array
arithmetic on at most 20,000 rows, so a wide or a long table costs seconds.
"""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, check_entry, leave_out, not_applicable, passed
from pipeline.quality.subject import Subject, listed

FOLDS = 3
FEWEST = 30  # rows with a known target
FEWEST_OF_CLASS = 5
MOST_CLASSES = 20  # the commonest ones are scored
CERTAIN = 0.995
CELLS = 1_500_000  # sampled rows x columns: what a few seconds can look at


@check_entry(
    code="DQ012",
    title="A column gives the target away",
    help="Predicts the target from each column alone. What alone is almost perfect was as a rule made from the target, or is not yet "
    "known when a prediction is needed. The score is the ROC AUC for classes (each against the rest) and R2 for numbers (of the numbers or "
    "of their ranks, whichever is higher), on unseen rows.",
    severity="Error from the second threshold; warning from the first.",
    needs_target=True,
    params=(
        Param("warn", "float", 0.95, "Warn from", "Cross-validated score of one column alone.", 0.5, 1.0),
        Param("error", "float", 0.98, "Error from", "Cross-validated score of one column alone.", 0.5, 1.0),
        Param("rows", "int", 20_000, "Look at", "Rows to sample.", 1_000, 1_000_000, unit="rows"),
    ),
)
def leakage(subject: Subject, params: dict) -> Verdict:
    truth, why_not = _truth(subject)
    if truth is None:
        return not_applicable(why_not)
    scores, used = _scores(subject, truth, params["rows"])
    measure = "R2" if subject.task == "regression" else "ROC AUC"
    hit = sorted((name for name in scores if scores[name] >= params["warn"]), key=lambda name: -scores[name])
    best_first = dict(sorted(scores.items(), key=lambda item: -item[1])[:50])
    evidence = {"measure": measure, "scores": best_first, "rows_used": used, "folds": FOLDS}
    if not hit:
        best = max(scores, key=scores.get)
        words = f"No column alone predicts {subject.target!r} suspiciously well; the best is {best!r} with {measure} {scores[best]:.3f}."
        return passed(words, **evidence)
    sure = [name for name in hit if scores[name] >= params["error"]]
    return Verdict(
        _words(subject, hit, scores, measure, used), "error" if sure else "warning", tuple(hit), None, evidence, (leave_out("DQ012", sure or hit),),
        safe=bool(sure) and min(scores[name] for name in sure) >= CERTAIN,
    )  # fmt: skip


def _words(subject: Subject, hit: list[str], scores: dict[str, float], measure: str, used: int) -> str:
    seen = ", ".join(f"{name!r} {scores[name]:.4f}" for name in hit[:3]) + (f" and {len(hit) - 3} more" if len(hit) > 3 else "")
    guess = "0 is guessing the mean" if measure == "R2" else "0.5 is guessing"
    verb = "predicts" if len(hit) == 1 else "each predict"
    return (
        f"{listed(hit)} alone {verb} {subject.target!r} almost perfectly: {measure} {seen} on unseen rows (1 is perfect, {guess}; "
        f"{used:,} of {subject.rows:,} rows were used). Leave out what is not known at the moment of a prediction."
    )


def _truth(subject: Subject) -> tuple[np.ndarray | None, str]:
    """The target, one row each and NaN where it is not known: numbers as they are, classes as a matrix of 0 and 1."""
    if not _judged(subject):
        return None, "There is no column besides the target and those that identify the row."
    if subject.task == "regression":
        y = _with_ranks(subject.numbers(subject.target))
        known = int((~np.isnan(y[:, 0])).sum())
        return (y, "") if known >= FEWEST and np.nanstd(y[:, 1]) > 0 else (None, f"Too few known values of {subject.target!r}: {known} of {FEWEST} needed.")
    codes, counts = subject.codes(subject.target)[0], subject.counts(subject.target)
    judged = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    judged = judged[counts[judged] >= FEWEST_OF_CLASS]
    if len(judged) < 2 or counts.sum() < FEWEST:
        return None, f"Fewer than two classes of {subject.target!r} have {FEWEST_OF_CLASS} rows, or there are fewer than {FEWEST} rows in all."
    y = (codes[:, None] == judged[None, :]).astype(float)
    y[codes < 0] = np.nan
    return (y[:, :1] if len(counts) == 2 else y), ""


def _judged(subject: Subject) -> list[str]:
    """Columns that number the rows are left out of models, and in a table in order of time they would look guilty."""
    return [name for name in subject.features if subject.kind(name) != "id"]


def _with_ranks(y: np.ndarray) -> np.ndarray:
    """The target and its ranks, side by side. Ranks judge fairly where a few huge values make up most of the spread."""
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.column_stack([y, np.where(np.isnan(y), np.nan, ranks[place])])


def _scores(subject: Subject, truth: np.ndarray, most: int) -> tuple[dict[str, float], int]:
    """Each column's score, and the number of rows it was made from. Scores below guessing are written as they are."""
    judged = _judged(subject)
    most = int(np.clip(CELLS / (len(judged) * truth.shape[1] ** 0.5), min(most, 2_000), most))
    rows = _sample(truth, most, classes=subject.task != "regression")
    y, fold = truth[rows], np.arange(len(rows)) % FOLDS
    score = _r2 if subject.task == "regression" else _auc
    return {name: score(y, _predict(subject, name, rows, y, fold)) for name in judged}, len(rows)


def _sample(truth: np.ndarray, most: int, classes: bool) -> np.ndarray:
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


def _predict(subject: Subject, name: str, rows: np.ndarray, y: np.ndarray, fold: np.ndarray) -> list[np.ndarray]:
    """Out-of-fold predictions of `y` from one column, one array for every way that was tried: two widths of
    neighbourhood for a number, and for a number as the target a straight line as well."""
    if subject.is_text(name):
        return _by_neighbours(subject.codes(name)[0][rows].astype(float), y, fold, (0,))
    x = subject.numbers(name)[rows]
    line = [_by_line(x, y, fold)] if subject.task == "regression" else []
    x = np.where(np.isnan(x), -np.inf, x)  # missing is a value of its own: that a cell is empty can give it away too
    return _by_neighbours(x, y, fold, (5, max(10, int(len(rows) ** 0.5)))) + line


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


def _by_neighbours(x: np.ndarray, y: np.ndarray, fold: np.ndarray, widths: tuple[int, ...]) -> list[np.ndarray]:
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


def _r2(y: np.ndarray, predictions: list[np.ndarray]) -> float:
    """The best R2 of the ways that were tried, of the target or of its ranks."""
    scaled = (y - y.mean(axis=0)) / y.std(axis=0)
    errors = [(predicted - y.mean(axis=0)) / y.std(axis=0) - scaled for predicted in predictions]
    return max(float(1 - (error**2).mean(axis=0).min()) for error in errors)


def _auc(y: np.ndarray, predictions: list[np.ndarray]) -> float:
    """The mean over classes of the area under the ROC curve, each class against the rest; the best width counts."""
    return max(float(np.mean([_area(y[:, c], predicted[:, c]) for c in range(y.shape[1])])) for predicted in predictions)


def _area(y: np.ndarray, score: np.ndarray) -> float:
    """The chance that a row of the class has a higher score than another row, a tie counting half."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    inside = y == 1
    ones, zeros = int(inside.sum()), int((~inside).sum())
    if not ones or not zeros:
        return 0.5
    return float((ranks[place][inside].sum() - ones * (ones + 1) / 2) / (ones * zeros))
