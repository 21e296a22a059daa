"""Whether two parts of the data are alike (DQ032): training and test rows of a split column, or this table and another file.

A classifier two-sample test (Lopez-Paz and Oquab 2017): if a model can tell the rows of the two parts apart on rows that it has not
seen, they differ. The interval of the area under its curve is that of Hanley and McNeil (1982). Beside it each column alone, and for
the columns that moved the population stability index.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.catalog import Param
from pipeline.data.schema import Column
from pipeline.quality.alone import area
from pipeline.quality.entry import Verdict, check_entry, not_applicable, passed
from pipeline.quality.people import scores_alone
from pipeline.quality.subject import Subject, some

LEARNING = frozenset({"train", "training", "tr", "learn", "development"})
OTHER = frozenset({"test", "testing", "te", "valid", "validation", "val", "dev", "holdout", "eval", "evaluation", "score", "scoring", "oot", "production"})
PART = "\0part"
MOST_ROWS = 10_000
MOST_COLUMNS = 60
FOLDS = 3


@check_entry(
    code="DQ032",
    title="Training and test data differ",
    help="Where a column divides the rows into training and test, or a second file is given, a model tries to tell the two apart on rows "
    "that it has not seen (classifier two-sample test, Lopez-Paz and Oquab 2017). 0.5 is not at all; what it can tell apart has moved.",
    severity="Warning when the area under the curve is surely above the threshold; information when it is surely above 0.5.",
    params=(
        Param("warn", "float", 0.6, "Warn above", "The lower end of the interval of the area under the curve.", 0.5, 1.0),
        Param("rows", "int", 50, "At least", "Rows in each part.", 10, 1_000_000, unit="rows"),
    ),
)
def drift(subject: Subject, params: dict) -> Verdict:
    parts = _divided(subject)
    if parts is None:
        return not_applicable("No column divides the rows into training and test, and no second file was given.")
    both, words = parts
    second = both.table[PART].to_numpy() == 1
    if min(second.sum(), (~second).sum()) < params["rows"]:
        return not_applicable(f"{words} has {min(second.sum(), (~second).sum())} rows in one of its parts; {params['rows']} are needed.")
    alone = dict(sorted(scores_alone(both).items(), key=lambda item: -item[1]))
    whole, low, high = _told_apart(both, second, list(alone)[:MOST_COLUMNS])
    moved = {name: score for name, score in alone.items() if _interval(score, *_counts(second))[0] > 0.5}
    evidence = {"auc": whole, "low": low, "high": high, "columns": {name: {"auc": moved[name], "psi": _psi(both, name, second)} for name in list(moved)[:20]}}
    seen = f"{words}: a model tells the two parts apart with an area under the curve of {whole:.3f} (95 % interval {low:.3f} to {high:.3f}; 0.5 is not at all)."
    if low <= 0.5:
        return passed(seen, **evidence)
    which = some(f"{name!r} (alone {score:.2f})" for name, score in moved.items())
    return Verdict(f"{seen} What moved: {which or 'no column alone, only how they go together'}.", "warning" if low > params["warn"] else "info",
                   tuple(name for name in moved if name in subject.names), None, evidence)  # fmt: skip


def _divided(subject: Subject) -> tuple[Subject, str] | None:
    """Both parts as one subject, whose target says which rows are the second part, and in words what they are."""
    if subject.against is not None:
        joined = pd.concat([subject.table[subject.names], subject.against[subject.names]], ignore_index=True)
        second = np.arange(len(joined)) >= subject.rows
        return _asked(joined, subject, second, []), "This table and the other file"
    name = subject.once(split_column)
    if name is None:
        return None
    codes, values = subject.codes(name)
    learning = [code for code, value in enumerate(values) if str(value).strip().lower() in LEARNING]
    known = codes >= 0
    return _asked(subject.table[known], subject, ~np.isin(codes[known], learning), [name]), f"The parts in {name!r}"


def split_column(subject: Subject, _: str) -> str | None:
    """The column whose values are all names of parts, one of them that for training."""
    for name in subject.of_kind("categorical", "boolean"):
        values = {str(value).strip().lower() for value in subject.codes(name)[1][:8]}
        if len(values) >= 2 and values <= LEARNING | OTHER and values & LEARNING and values & OTHER:
            return name
    return None


def _asked(table: pd.DataFrame, subject: Subject, second: np.ndarray, without: list[str]) -> Subject:
    part = Column(name=PART, kind="numeric", dtype="int", unique=2)
    schema = subject.schema.model_copy(update={"columns": (*subject.schema.columns, part), "rows": len(table)})
    return Subject(table.assign(**{PART: second.astype("int64")}), schema).asking(PART, without)


def _told_apart(both: Subject, second: np.ndarray, names: list[str]) -> tuple[float, float, float]:
    """The area under the curve of a boosted model on unseen rows, with its interval."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if not names:
        return 0.5, 0.5, 0.5
    rows = np.arange(len(second)) if len(second) <= MOST_ROWS else np.sort(np.random.default_rng(0).choice(len(second), MOST_ROWS, replace=False))
    x = np.column_stack([_figures(both, name)[rows] for name in names])
    model = HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    y = second[rows].astype(float)
    whole = area(y, cross_val_predict(model, x, y, cv=folds, method="predict_proba")[:, 1])
    return whole, *_interval(whole, *_counts(second[rows]))


def _figures(subject: Subject, name: str) -> np.ndarray:
    """Numbers as they are; words by how often they come, which is enough to tell two parts apart."""
    if not subject.is_text(name):
        return subject.numbers(name)
    codes, counts = subject.codes(name)[0], subject.counts(name)
    place = np.empty(len(counts))
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.where(codes >= 0, place[codes] if len(place) else np.nan, np.nan)


def _counts(second: np.ndarray) -> tuple[int, int]:
    return min(int(second.sum()), MOST_ROWS), min(int((~second).sum()), MOST_ROWS)


def _interval(auc: float, ones: int, zeros: int) -> tuple[float, float]:
    """95 % interval of an area under the curve (Hanley and McNeil 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    error = np.sqrt(max(auc * (1 - auc) + (ones - 1) * (q1 - auc**2) + (zeros - 1) * (q2 - auc**2), 0.0) / (ones * zeros))
    return float(max(auc - 1.96 * error, 0.0)), float(min(auc + 1.96 * error, 1.0))


def _psi(subject: Subject, name: str, second: np.ndarray) -> float:
    """Population stability index over tenths of the first part, or over the ten commonest words; missing is a bin of its own."""
    x = _figures(subject, name)
    first = x[~second & ~np.isnan(x)]
    edges = np.arange(0.5, 10) if subject.is_text(name) else np.unique(np.quantile(first, np.linspace(0.1, 0.9, 9))) if len(first) else np.array([0.0])
    bins = np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right"))
    shares = [np.maximum(np.bincount(bins[part], minlength=len(edges) + 2) / part.sum(), 1e-4) for part in (~second, second)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
