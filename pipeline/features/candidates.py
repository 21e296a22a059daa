"""Columns that could be made of others: proposed from kinds alone, and ranked by how much boosted trees use them.

The screen is the attribution of OpenFE (Zhang et al., "OpenFE: Automated Feature Generation with Expert-level Performance",
ICML 2023): one quick model of all columns and all candidates at once, and the share of each in what its splits gain. It is
cheap, it does not say whether the score gains, and it flatters columns with many values: that is what measuring is for. As there,
the trees begin with what a model of the present columns predicts out of fold: to stand in for a strong column is worth nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pipeline import catalog
from pipeline.features import Needs
from pipeline.plan import Plan, StepSpec

TREES = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "feature_fraction": 0.5,
    "num_threads": 1,
    "seed": 0,
    "verbosity": -1,
}
ROUNDS = 60
MOST_CLASSES = 3
SHRINK = 20.0  # rows of the mean of all that each level's mean is held back with
MOST_ALIKE = 2
MOST_NUMBERS, MOST_LEVELS, MOST_DATES = 12, 6, 6
NUMBERS, LEVELS, DATES = ("numeric",), ("categorical", "boolean"), ("datetime",)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A step that could be added, the columns it reads, and its share in what the trees of the screen gain."""

    step: StepSpec
    reads: tuple[str, ...]
    worth: float = 0.0

    @property
    def title(self) -> str:
        return ", ".join(catalog.get("step", self.step.step).facts.adds(self.step))


def residuals(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What out-of-fold predictions leave unexplained, rows x outputs: of a number, or of each of the most frequent classes."""
    if predicted.ndim == 1:
        return (y - predicted).reshape(-1, 1)
    classes = [1] if predicted.shape[1] == 2 else np.argsort(-np.bincount(y), kind="stable")[:MOST_CLASSES]
    return np.column_stack([(y == k) - predicted[:, k] for k in classes])


def screen(plan: Plan, table: pd.DataFrame, left: np.ndarray, *, should_stop: Callable[[], bool] = bool) -> tuple[list[Candidate], int, int]:
    """The candidates of a plan that trees use to explain the residuals `left`, best first, how many were looked at, and how many there are.

    `table` has the rows of `left`. Of many columns only those are combined that are used most, and of the candidates that
    read the same columns only the best few are given.
    """
    kinds = plan.kinds
    own = {name: _as_number(table[name], left) for name in plan.features if kinds[name] != "text"}
    proposed, added = list(propose(plan, _used(own, left))), {}
    for candidate in proposed:
        if should_stop():
            break
        added[candidate] = {title: _as_number(column, left) for title, column in _made(candidate, table).items()}
    every = {title: column for made in added.values() for title, column in made.items()}
    shares = _used(own | every, left) if every else {}
    ranked = [replace(candidate, worth=sum(shares[title] for title in made)) for candidate, made in added.items()]
    return _varied(sorted((c for c in ranked if c.worth > 0), key=lambda c: (-c.worth, c.title))), len(added), len(proposed)


def _made(candidate: Candidate, table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a candidate adds."""
    from pipeline.features.columns import Canonical

    entry, reads = catalog.get("step", candidate.step.step), list(candidate.reads)
    return entry.make(entry.complete(candidate.step.params), Needs()).fit_transform(Canonical(reads).fit_transform(table[reads]), None)


def _as_number(values: pd.Series, left: np.ndarray) -> np.ndarray:
    """Numbers and dates as they are; a level as the mean of the first residual in the rows of the other half that have it."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.astype("int64").where(values.notna()).to_numpy(dtype=float)
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=float, na_value=np.nan)
    codes, first = pd.factorize(values, use_na_sentinel=True)[0] + 1, left[:, 0]
    half, made = np.arange(len(codes)) % 2 == 0, np.empty(len(codes))
    for learn in (half, ~half):
        count = np.bincount(codes[learn], minlength=codes.max() + 1)
        total = np.bincount(codes[learn], first[learn], minlength=codes.max() + 1)
        made[~learn] = ((total + SHRINK * first[learn].mean()) / (count + SHRINK))[codes[~learn]]
    return made


def _used(columns: dict[str, np.ndarray], left: np.ndarray) -> dict[str, float]:
    """The share that each column has in what the splits of boosted trees gain, over all outputs."""
    import lightgbm

    matrix, total = np.column_stack(list(columns.values())), np.zeros(len(columns))
    options = {**TREES, "min_data_in_leaf": max(5, min(50, len(matrix) // 50))}
    for output in left.T:
        gained = lightgbm.train(options, lightgbm.Dataset(matrix, output), ROUNDS).feature_importance("gain")
        total += gained / max(gained.sum(), 1e-12) / left.shape[1]
    return dict(zip(columns, map(float, total), strict=True))


def _varied(ranked: list[Candidate]) -> list[Candidate]:
    """At most so many of the candidates that read the same columns: they say nearly the same."""
    times: Counter[frozenset[str]] = Counter()
    kept = []
    for candidate in ranked:
        times[frozenset(candidate.reads)] += 1
        if times[frozenset(candidate.reads)] <= MOST_ALIKE:
            kept.append(candidate)
    return kept


def propose(plan: Plan, shares: dict[str, float]) -> Iterator[Candidate]:
    """What could be made of the columns of a plan: of each kind, the columns with the largest shares are combined."""
    taken = {title for spec in plan.steps for title in _added(spec)} | {column.name for column in plan.columns}

    known = plan.kinds

    def best(kinds: Sequence[str], most: int) -> list[str]:
        names = [name for name in plan.features if known[name] in kinds and name in shares]
        return sorted(sorted(names, key=lambda name: -shares[name])[:most], key=plan.features.index)

    numbers, levels, dates = best(NUMBERS, MOST_NUMBERS), best(LEVELS, MOST_LEVELS), best(DATES, MOST_DATES)
    for spec, reads in (*_of_numbers(numbers), *_of_dates(dates), *_of_levels(levels), *_of_groups(levels, numbers)):
        if not taken & set(_added(spec)):
            yield Candidate(spec, reads)


def _added(spec: StepSpec) -> dict[str, Any]:
    facts = catalog.get("step", spec.step).facts
    return facts.adds(spec) if facts.phase == "derive" else {}


Asked = Iterator[tuple[StepSpec, tuple[str, ...]]]


def _of_numbers(names: list[str]) -> Asked:
    for a, b in combinations(names, 2):
        yield StepSpec(step="ratio", params={"numerator": a, "denominator": b}), (a, b)
        yield StepSpec(step="ratio", params={"numerator": b, "denominator": a}), (b, a)
        yield StepSpec(step="difference", params={"left": a, "right": b}), (a, b)
        yield StepSpec(step="product", params={"columns": [a, b]}), (a, b)


def _of_dates(names: list[str]) -> Asked:
    for a, b in combinations(names, 2):
        yield StepSpec(step="days_between", params={"end": b, "start": a}), (a, b)


def _of_levels(names: list[str]) -> Asked:
    for a, b in combinations(names, 2):
        yield StepSpec(step="cross", params={"columns": [a, b]}), (a, b)


def _of_groups(levels: list[str], numbers: list[str]) -> Asked:
    for group in levels:
        yield StepSpec(step="group_aggregate", params={"keys": [group], "statistic": "count"}), (group,)
        for number in numbers:
            yield StepSpec(step="group_aggregate", params={"keys": [group], "values": [number]}), (group, number)

