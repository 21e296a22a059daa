"""How well columns predict the target: one alone, with an interval, and many together. All on the same sampled rows and folds.

The measure is the ROC AUC for classes (each against the rest, the mean) and R² of the ranks for numbers: both judge fairly
where a class is rare or a few values are huge. Intervals come from the influence of each row on the measure (for the ROC
AUC: DeLong, DeLong and Clarke-Pearson, Biometrics 1988), so that they cost nothing beside the predictions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from pipeline.quality.alone import FOLDS, by_neighbours, sample, target_of
from pipeline.quality.subject import Subject

MOST_ROWS = 6_000
FEWEST_ROWS = 2_000
CELLS = 400_000  # sampled rows x columns
MOST_DATES = 8  # whose differences are looked at
NUMBER = re.compile(r"(\d{1,15})(?!.*\d)")
ROUNDS = 60


@dataclass(frozen=True)
class Strength:
    """A cross-validated score with its 95 % interval; `view` says how the column was read."""

    score: float
    low: float
    high: float
    view: str = "its values"

    @property
    def error(self) -> float:
        """What is left to perfection; 0.5 is guessing a class, 1 is guessing a number."""
        return max(1e-6, 1 - self.score)


class Rows:
    """The rows under examination: a sample of those whose target is known. `y` has one column per class, or the ranks."""

    def __init__(self, subject: Subject, most: int = MOST_ROWS) -> None:
        truth, self.why_not = target_of(subject)
        self.subject, self.classes = subject, subject.task != "regression"
        if truth is None:
            return
        most = int(np.clip(CELLS / max(1, len(subject.names)), min(most, FEWEST_ROWS), most))
        self.at = sample(truth, most, classes=self.classes)
        self.y = truth[self.at] if self.classes else truth[self.at, 1:]
        self.fold = np.arange(len(self.at)) % FOLDS

    @property
    def measure(self) -> str:
        return "ROC AUC" if self.classes else "R² of ranks"

    def strength(self, predicted: np.ndarray, view: str = "its values") -> Strength:
        score, influence = (_auc if self.classes else _r2)(self.y, predicted)
        around = 1.96 * float(np.std(influence)) / len(influence) ** 0.5
        return Strength(score, score - around, min(1.0, score + around), view)

    def of_numbers(self, x: np.ndarray, view: str) -> Strength:
        """What the rows with the nearest numbers say; a gap is a value of its own."""
        x = np.where(np.isnan(x), -np.inf, x)
        made = by_neighbours(x, self.y, self.fold, (5, max(10, int(len(x) ** 0.5))))
        return max((self.strength(predicted, view) for predicted in made), key=lambda s: s.score)

    def of_levels(self, codes: np.ndarray, view: str) -> Strength:
        """What the rows of the same level say."""
        return self.strength(by_neighbours(codes.astype(float), self.y, self.fold, (0,))[0], view)


def alone(rows: Rows) -> dict[str, Strength]:
    """Every column's strength alone: the best of the ways to read it."""
    found = {name: max(_views(rows, name), key=lambda s: s.score) for name in rows.subject.features}
    for later, between in _between_dates(rows).items():
        found[later] = max(found[later], between, key=lambda s: s.score)
    return found


def row_order(rows: Rows) -> Strength:
    """How well the place in the table predicts the target."""
    return rows.of_numbers(rows.at.astype(float), "the place in the table")


def together(rows: Rows, names: list[str]) -> Strength | None:
    """What a small model learns from these columns together; None without columns."""
    if not names:
        return None
    made = pd.DataFrame({str(i): _plain(rows, name) for i, name in enumerate(names)})
    few = [str(i) for i, name in enumerate(names) if rows.subject.is_text(name) and len(rows.subject.codes(name)[1]) <= 200]
    predicted = np.empty_like(rows.y)
    for k in range(FOLDS):
        train, test = rows.fold != k, rows.fold == k
        predicted[test] = _fitted(rows, made[train], rows.y[train], few)(made[test])
    return rows.strength(predicted, "together")


def _fitted(rows: Rows, X: pd.DataFrame, y: np.ndarray, few: list[str]):
    """A quick boosted model; predicts a matrix like `y`."""
    import lightgbm

    params = {"num_leaves": 15, "learning_rate": 0.1, "min_child_samples": 10, "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True}
    if not rows.classes:
        label, params = y[:, 0], params | {"objective": "regression"}
    elif y.shape[1] == 1:
        label, params = y[:, 0], params | {"objective": "binary"}
    else:  # rows of the classes that are too rare to judge are one class more
        label = np.where(y.any(axis=1), y.argmax(axis=1), y.shape[1])
        params |= {"objective": "multiclass", "num_class": y.shape[1] + 1}
    rounds = ROUNDS if y.shape[1] <= 5 else ROUNDS // 2
    model = lightgbm.train(params, lightgbm.Dataset(X, label, categorical_feature=few), rounds)
    return lambda test: model.predict(test).reshape(len(test), -1)[:, : y.shape[1]]


def _plain(rows: Rows, name: str) -> np.ndarray:
    subject = rows.subject
    return subject.codes(name)[0][rows.at].astype(float) if subject.is_text(name) else subject.numbers(name)[rows.at]


def _views(rows: Rows, name: str) -> list[Strength]:
    """The column as it is, and what may be hidden in it: the number and the beginning of a code, last digits, the time of day."""
    subject = rows.subject
    if subject.is_text(name):
        codes, values = subject.codes(name)
        found = [rows.of_levels(codes[rows.at], "its values")]
        return found if len(values) < subject.rows / 4 else [*found, *_parts_of_codes(rows, values, codes)]
    x = subject.numbers(name)[rows.at]
    found = [rows.of_numbers(x, "its values")]
    if pd.api.types.is_datetime64_any_dtype(subject.table[name]):
        found.append(rows.of_numbers(np.mod(x, 86_400e6), "the time of day"))
    elif len(subject.codes(name)[1]) > 100 and np.all((known := x[~np.isnan(x)]) == np.round(known)):
        found.append(rows.of_levels(np.nan_to_num(np.mod(x, 10), nan=-1), "its last digit"))
    return found


def _parts_of_codes(rows: Rows, values: pd.Index, codes: np.ndarray) -> list[Strength]:
    """A column of codes or words that are nearly all different, in parts that are not."""
    text = pd.Series(values.astype(str))
    number = pd.to_numeric(text.str.extract(NUMBER)[0]).to_numpy(float)
    start = pd.factorize(text.str.extract(r"^([^\d]{0,6})")[0].str.lower())[0]
    length = text.str.len().to_numpy(float)
    placed = codes[rows.at]
    number, length = (np.where(placed >= 0, part[placed], np.nan) for part in (number, length))
    found = [rows.of_numbers(length, "its length"), rows.of_levels(np.where(placed >= 0, start[placed], -1), "its beginning")]
    if not np.isnan(number).all():
        found += [rows.of_numbers(number, "the number in it"), rows.of_levels(np.nan_to_num(np.mod(number, 10), nan=-1), "its last digit")]
    return found


def _between_dates(rows: Rows) -> dict[str, Strength]:
    """For each column of dates the most telling time that has passed since another one: the later one of two knows more."""
    subject = rows.subject
    dates = [n for n in subject.features if pd.api.types.is_datetime64_any_dtype(subject.table[n])][:MOST_DATES]
    found: dict[str, Strength] = {}
    for one, two in combinations(dates, 2):
        passed = subject.numbers(two)[rows.at] - subject.numbers(one)[rows.at]
        if np.isnan(passed).all():
            continue
        later, earlier = (two, one) if np.nanmedian(passed) >= 0 else (one, two)
        strength = rows.of_numbers(passed, f"the time since {earlier!r}")
        found[later] = max(found.get(later, strength), strength, key=lambda s: s.score)
    return found


def _r2(y: np.ndarray, predicted: np.ndarray) -> tuple[float, np.ndarray]:
    apart, wrong = (y[:, 0] - y[:, 0].mean()) ** 2, (predicted[:, 0] - y[:, 0]) ** 2
    score = float(1 - wrong.mean() / apart.mean())
    return score, ((1 - score) * apart - wrong) / apart.mean()


def _auc(y: np.ndarray, predicted: np.ndarray) -> tuple[float, np.ndarray]:
    parts = [_area(y[:, c] == 1, predicted[:, c]) for c in range(y.shape[1])]
    return float(np.mean([area for area, _ in parts])), np.mean([influence for _, influence in parts], axis=0)


def _area(inside: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The area under the curve, and each row's influence on it."""
    ones, others = np.sort(score[inside]), np.sort(score[~inside])
    place = np.empty(len(score))
    place[inside] = _below(others, score[inside])
    place[~inside] = 1 - _below(ones, score[~inside])
    area = float(place[inside].mean())
    return area, (place - area) / np.where(inside, inside.mean(), 1 - inside.mean())


def _below(others: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The share of `others`, which are sorted, that are smaller; ties count half."""
    return (np.searchsorted(others, at, "left") + np.searchsorted(others, at, "right")) / (2 * len(others))
