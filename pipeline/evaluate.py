"""How good: metrics with intervals, and the tables behind every chart. Numbers first; no drawing here.

A prediction is an array of class probabilities (n_rows, n_classes) or of values (n_rows,). The truth is the class
number (the position in `classes`; for a binary task 1 is the positive class) or the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline import catalog

CLASSES = ("binary", "multiclass")
RESAMPLES = 100
MOST_RESAMPLED_ROWS = 5_000
POINTS = 200
AS_MANY_NEW_ROWS = 2**0.5  # the error of a score on these rows, and that of a score on as many others


@dataclass(frozen=True)
class MetricFacts:
    """`greater` is better or not; `of` says what the metric looks at."""

    greater: bool
    of: Literal["probability", "label", "value"]
    decimals: int = 4


def metric(
    name: str, *, title: str, help: str, tasks: tuple[str, ...], of: str, greater: bool = True, order: int = 100, decimals: int = 4
) -> Callable[[Callable], Callable]:
    """Register a metric: `make(truth, prediction) -> float`. See the module for what truth and prediction are."""
    facts = MetricFacts(greater=greater, of=of, decimals=decimals)
    return catalog.register("metric", name, title=title, help=help, tasks=tasks, facts=facts, order=order)


@metric("roc_auc", title="ROC AUC", tasks=CLASSES, of="probability", order=10,
        help="The chance that a random positive row is ranked above a random negative one; 0.5 is guessing. "
             "With several classes: each against the rest, averaged.")  # fmt: skip
def roc_auc(y: np.ndarray, p: np.ndarray) -> float:
    present = [k for k in ([1] if p.shape[1] == 2 else np.unique(y)) if 0 < (y == k).sum() < len(y)]
    return float(np.mean([_area(p[y == k, k], p[y != k, k]) for k in present])) if present else float("nan")


def _area(hits: np.ndarray, others: np.ndarray) -> float:
    """The share of pairs in which the hit is above the other, ties counting half (Mann-Whitney): two sorts, no ranks."""
    hits, others = np.sort(hits), np.sort(others)
    above = np.searchsorted(others, hits, "left").sum() + np.searchsorted(others, hits, "right").sum()
    return float(above) / (2 * len(hits) * len(others))


@metric("pr_auc", title="PR AUC", tasks=CLASSES, of="probability", order=20,
        help="Average precision over all thresholds; a guess scores the share of positives. The one to watch when positives are rare.")  # fmt: skip
def pr_auc(y: np.ndarray, p: np.ndarray) -> float:
    present = [k for k in ([1] if p.shape[1] == 2 else range(p.shape[1])) if (y == k).any()]
    return float(np.mean([_average_precision(y == k, p[:, k]) for k in present])) if present else float("nan")


@metric("log_loss", title="Log loss", tasks=CLASSES, of="probability", greater=False, order=30,
        help="How surprised the probabilities are by the truth; 0 is perfect. Punishes confident mistakes.")  # fmt: skip
def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    chosen = p[np.arange(len(y)), y]
    return float(-np.log(np.clip(chosen, 1e-15, 1)).mean())


@metric("brier", title="Brier score", tasks=CLASSES, of="probability", greater=False, order=40,
        help="Mean squared distance between probabilities and truth; 0 is perfect. With several classes: summed over the classes.")  # fmt: skip
def brier(y: np.ndarray, p: np.ndarray) -> float:
    if p.shape[1] == 2:
        return float(((p[:, 1] - (y == 1)) ** 2).mean())
    return float(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1).mean())


@metric("accuracy", title="Accuracy", tasks=CLASSES, of="label", order=50,
        help="The share of rows that are predicted right. Misleading when one class is rare.")  # fmt: skip
def accuracy(y: np.ndarray, p: np.ndarray) -> float:
    return float((labels(p) == y).mean())


@metric("balanced_accuracy", title="Balanced accuracy", tasks=CLASSES, of="label", order=60,
        help="The share of rows predicted right within each class, averaged over the classes.")  # fmt: skip
def balanced_accuracy(y: np.ndarray, p: np.ndarray) -> float:
    return _averaged(y, p, lambda tp, fp, fn: _ratio(tp, tp + fn), every=True)


@metric("precision", title="Precision", tasks=CLASSES, of="label", order=70,
        help="Of the rows called positive, the share that is. With several classes: averaged over the classes.")  # fmt: skip
def precision(y: np.ndarray, p: np.ndarray) -> float:
    return _averaged(y, p, lambda tp, fp, fn: _ratio(tp, tp + fp))


@metric("recall", title="Recall", tasks=CLASSES, of="label", order=80,
        help="Of the positive rows, the share that is found. With several classes: averaged over the classes.")  # fmt: skip
def recall(y: np.ndarray, p: np.ndarray) -> float:
    return _averaged(y, p, lambda tp, fp, fn: _ratio(tp, tp + fn))


@metric("f1", title="F1", tasks=CLASSES, of="label", order=90,
        help="The harmonic mean of precision and recall. With several classes: averaged over the classes.")  # fmt: skip
def f1(y: np.ndarray, p: np.ndarray) -> float:
    return _averaged(y, p, lambda tp, fp, fn: _ratio(2 * tp, 2 * tp + fp + fn))


@metric("mcc", title="MCC", tasks=CLASSES, of="label", order=95,
        help="Matthews correlation of truth and prediction, -1 to 1; 0 is guessing. Fair to rare classes.")  # fmt: skip
def mcc(y: np.ndarray, p: np.ndarray) -> float:
    table = np.array(_confusion(y, p), dtype=float)
    truth, guess, right, n = table.sum(axis=1), table.sum(axis=0), np.trace(table), table.sum()
    spread = np.sqrt((n**2 - truth @ truth) * (n**2 - guess @ guess))
    return float((right * n - truth @ guess) / spread) if spread else 0.0


@metric("rmse", title="RMSE", tasks=("regression",), of="value", greater=False, order=10,
        help="Root of the mean squared error, in the target's unit. Large errors weigh most.")  # fmt: skip
def rmse(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.sqrt(((y - p) ** 2).mean()))


@metric("mae", title="MAE", tasks=("regression",), of="value", greater=False, order=20,
        help="Mean absolute error, in the target's unit: how far off a typical prediction is.")  # fmt: skip
def mae(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.abs(y - p).mean())


@metric("r2", title="R²", tasks=("regression",), of="value", order=30,
        help="The share of the target's variance that is explained; 1 is perfect, 0 is no better than the mean.")  # fmt: skip
def r2(y: np.ndarray, p: np.ndarray) -> float:
    spread = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - p) ** 2).sum() / spread) if spread else float("nan")


@metric("mape", title="MAPE", tasks=("regression",), of="value", greater=False, order=40,
        help="Mean absolute error as a share of the true value; rows whose true value is 0 are left out.")  # fmt: skip
def mape(y: np.ndarray, p: np.ndarray) -> float:
    known = y != 0
    return float(np.abs((y[known] - p[known]) / y[known]).mean()) if known.any() else float("nan")


def labels(p: np.ndarray) -> np.ndarray:
    """The most probable class of each row; for two classes the positive one from 0.5 on."""
    return (p[:, 1] >= 0.5).astype(int) if p.shape[1] == 2 else p.argmax(axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0)


def _averaged(y: np.ndarray, p: np.ndarray, of: Callable, every: bool = False) -> float:
    """A per-class figure: of the positive class for two classes (unless `every`), else the mean over the classes in the truth."""
    tp, fp, fn = _hits(y, labels(p), p.shape[1])
    values = of(tp, fp, fn)
    return float(values[1]) if p.shape[1] == 2 and not every else float(values[(tp + fn) > 0].mean())


def _average_precision(hits: np.ndarray, p: np.ndarray) -> float:
    """Precision at each distinct threshold, weighted by the recall that it adds (as scikit-learn defines it)."""
    order = np.argsort(-p, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    found = np.cumsum(hits[order])[last_of_ties]
    return float((np.diff(found, prepend=0) * found / (last_of_ties + 1)).sum() / found[-1])


def _hits(y: np.ndarray, guess: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tp = np.bincount(y[y == guess], minlength=k)
    return tp, np.bincount(guess, minlength=k) - tp, np.bincount(y, minlength=k) - tp


def score(name: str, y: np.ndarray, p: np.ndarray) -> float:
    """The metric of that name on these rows."""
    return catalog.get("metric", name).make(y, p)


def better(name: str, a: float, b: float) -> bool:
    """Whether `a` is the better value of that metric; NaN is never better."""
    greater = catalog.get("metric", name).facts.greater
    return bool(np.isfinite(a) and (not np.isfinite(b) or (a > b if greater else a < b)))


def loss(name: str, y: np.ndarray, p: np.ndarray) -> float:
    """The metric of that name, turned so that smaller is better; infinite when it cannot be told."""
    entry = catalog.get("metric", name)
    value = entry.make(y, p)
    return (-value if entry.facts.greater else value) if np.isfinite(value) else float("inf")


def row_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """What each row costs: minus the log probability of its class, or its squared error. For comparing models row by row."""
    if p.ndim == 2:
        return -np.log(np.clip(p[np.arange(len(y)), y], 1e-6, 1))
    return (y - p) ** 2


def interval(name: str, y: np.ndarray, p: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Where the metric on as many other rows like these will be, 95 times in 100: a prediction interval, by bootstrap over rows.

    It is wider than an interval for the value on infinitely many rows, because other rows have chance of their own; what
    an analyst checks it with are other rows. Above 5,000 rows the resamples have 5,000 rows and their spread is scaled by the root of the ratio (m out of n
    bootstrap: Bickel, Goetze and van Zwet 1997), which keeps it quick on a large table.
    """
    values = _resampled(name, y, [p], seed, resamples)[0]
    return _around(score(name, y, p), values, _shrink(len(y)) * AS_MANY_NEW_ROWS)


def difference(name: str, y: np.ndarray, p: np.ndarray, other: np.ndarray, *, seed: int = 0, resamples: int = 60) -> tuple[float, float]:
    """How much better `p` is than `other` on the same rows (positive is better), and its standard error (paired bootstrap)."""
    one, two = _resampled(name, y, [p, other], seed, resamples)
    gaps = (two - one)[np.isfinite(two - one)] * _shrink(len(y))
    sign = -1 if catalog.get("metric", name).facts.greater else 1
    return sign * (score(name, y, other) - score(name, y, p)), float(np.std(gaps)) if len(gaps) else float("inf")


def tied(name: str, y: np.ndarray, p: np.ndarray, best: np.ndarray, *, seed: int = 0, resamples: int = 100) -> bool:
    """Whether the difference of two predictions on the same rows is within its own 95 % interval (paired bootstrap)."""
    one, other = _resampled(name, y, [p, best], seed, resamples)
    low, high = _around(score(name, y, p) - score(name, y, best), one - other, _shrink(len(y)))
    return bool(low <= 0 <= high)


def _resampled(name: str, y: np.ndarray, predictions: list[np.ndarray], seed: int, resamples: int) -> np.ndarray:
    make, rng, size = catalog.get("metric", name).make, np.random.default_rng(seed), min(len(y), MOST_RESAMPLED_ROWS)
    values = np.empty((len(predictions), resamples))
    for i in range(resamples):
        rows = rng.integers(0, len(y), size)
        values[:, i] = [make(y[rows], p[rows]) for p in predictions]
    return values


def _shrink(rows: int) -> float:
    return float(np.sqrt(min(rows, MOST_RESAMPLED_ROWS) / rows))


def _around(value: float, resampled: np.ndarray, shrink: float) -> tuple[float, float]:
    """The percentiles of the resamples about their median, moved to the value and scaled."""
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return (float("nan"), float("nan"))
    low, middle, high = np.percentile(known, [2.5, 50, 97.5])
    return (float(value + (low - middle) * shrink), float(value + (high - middle) * shrink))


def judge(task: str, y: np.ndarray, p: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Everything about one prediction, JSON-able: `metrics`, and the tables behind the charts of this task.

    Classification: per_class, confusion (rows are the truth), roc, pr, calibration, and for two classes thresholds.
    Regression: residuals (at most 2,000 rows) and deciles.
    """
    judged = {"rows": len(y), "metrics": [_with_interval(entry, y, p) for entry in catalog.entries("metric", task)]}
    if task == "regression":
        return {**judged, "residuals": _residuals(y, p), "deciles": _deciles(y, p)}
    shown = [1] if len(classes) == 2 else [k for k in np.argsort(-np.bincount(y, minlength=len(classes)))[:10] if (y == k).any()]
    judged |= {"per_class": _per_class(y, p, classes), "confusion": _confusion(y, p), "roc": [], "pr": [], "calibration": []}
    for k in shown:
        for chart, points in _curves(y == k, p[:, k]).items():
            judged[chart] += [{"class": classes[k], **point} for point in points]
    return judged | ({"thresholds": _thresholds(y, p[:, 1])} if len(classes) == 2 else {})


def _with_interval(entry: catalog.Entry, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    low, high = interval(entry.name, y, p)
    facts = {"name": entry.name, "title": entry.title, "greater": entry.facts.greater, "of": entry.facts.of}
    return {**facts, "value": entry.make(y, p), "low": low, "high": high}


def _per_class(y: np.ndarray, p: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    tp, fp, fn = _hits(y, labels(p), len(classes))
    rates = {"precision": _ratio(tp, tp + fp), "recall": _ratio(tp, tp + fn), "f1": _ratio(2 * tp, 2 * tp + fp + fn)}
    return [{"class": name, "rows": int((tp + fn)[k]), **{m: float(v[k]) for m, v in rates.items()}} for k, name in enumerate(classes)]


def _confusion(y: np.ndarray, p: np.ndarray) -> list[list[int]]:
    k = p.shape[1]
    return np.bincount(y * k + labels(p), minlength=k * k).reshape(k, k).tolist()


def _curves(hits: np.ndarray, p: np.ndarray) -> dict[str, list[dict[str, float]]]:
    from sklearn.metrics import precision_recall_curve, roc_curve

    if not 0 < hits.sum() < len(hits):
        return {}
    fpr, tpr, _ = roc_curve(hits, p)
    ppv, found, _ = precision_recall_curve(hits, p)
    return {
        "roc": _thin({"fpr": fpr, "tpr": tpr}),
        "pr": _thin({"recall": found, "precision": ppv}),
        "calibration": _calibration(hits, p),
    }


def _thin(columns: dict[str, np.ndarray], points: int = POINTS) -> list[dict[str, float]]:
    """At most `points` of a curve, evenly along it, its two ends kept."""
    n = len(next(iter(columns.values())))
    kept = np.unique(np.linspace(0, n - 1, min(n, points)).round().astype(int))
    return [{name: float(values[i]) for name, values in columns.items()} for i in kept]


def _calibration(hits: np.ndarray, p: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """Bins of equally many rows: mean probability against observed share, with the Wilson interval of that share."""
    table = []
    for rows in np.array_split(np.argsort(p, kind="stable"), bins):
        if len(rows):
            n, share, z = len(rows), hits[rows].mean(), 1.96
            middle, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
            low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
            table.append({"predicted": float(p[rows].mean()), "observed": float(share), "low": float(low), "high": float(high), "rows": n})
    return table


def _thresholds(y: np.ndarray, p: np.ndarray) -> list[dict[str, float]]:
    """Counts at 101 thresholds of the positive probability: all that a threshold slider needs."""
    cuts = np.linspace(0, 1, 101)
    above = {hit: np.searchsorted(np.sort(p[y == hit]), cuts, side="left") for hit in (0, 1)}
    n = {hit: int((y == hit).sum()) for hit in (0, 1)}
    counts = zip(cuts, n[1] - above[1], n[0] - above[0], above[1], above[0], strict=True)
    return [{"threshold": float(c), "tp": int(tp), "fp": int(fp), "fn": int(fn), "tn": int(tn)} for c, tp, fp, fn, tn in counts]


def _residuals(y: np.ndarray, p: np.ndarray, most: int = 2_000) -> list[dict[str, float]]:
    rows = np.sort(np.random.default_rng(0).permutation(len(y))[:most])
    return [{"actual": float(y[i]), "predicted": float(p[i]), "residual": float(y[i] - p[i])} for i in rows]


def _deciles(y: np.ndarray, p: np.ndarray) -> list[dict[str, float]]:
    """Tenths of the rows by prediction: mean truth, mean prediction and mean absolute error."""
    parts = [rows for rows in np.array_split(np.argsort(p, kind="stable"), 10) if len(rows)]
    return [
        {"decile": i + 1, "actual": float(y[r].mean()), "predicted": float(p[r].mean()), "mae": float(np.abs(y[r] - p[r]).mean())}
        for i, r in enumerate(parts)
    ]
