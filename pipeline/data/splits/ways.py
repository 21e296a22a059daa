"""The ways to divide rows, each a function from what is asked to (rows to learn from, held out rows, folds)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, LeaveOneOut, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from pipeline.data.splits import own
from pipeline.data.splits.split import MOST_LEFT_OUT_ONE_BY_ONE, SPLITS
from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.data.splits.split import Split

REGRESSION_BINS = 10
HOLDOUT_DRAWS = 40  # of whole groups; the one whose classes are nearest to those of all rows is taken
DAY = 86_400_000_000  # microseconds

Pair = tuple[np.ndarray, np.ndarray]
Parts = tuple[np.ndarray, np.ndarray, list[Pair]]


@dataclass(frozen=True)
class _Asked:
    """`column` holds the groups, times or parts of the rows, for the strategies that have one."""

    split: Split
    y: np.ndarray
    classes: bool
    seed: int
    folds: int
    column: pd.Series | None

    @property
    def seeds(self) -> list[int]:
        """One seed for each repeat; the first is the run's own, so that repeats only add folds."""
        repeats = self.split.repeats if SPLITS[self.split.strategy].repeats else 1
        return [self.seed, *map(int, np.random.SeedSequence(self.seed).generate_state(repeats - 1))]


def parts(split: Split, table: pd.DataFrame, y: np.ndarray, *, classes: bool, seed: int, folds: int) -> Parts:
    """Positions to learn from, positions held out, and pairs (train, valid) of positions, all sorted."""
    way = SPLITS[split.strategy]
    column = None
    if way.column:
        if split.column not in table:
            raise PlanError(f"{way.title}: there is no column {split.column!r} to split by.", "Choose the column on the Models page.")
        column = table[split.column]
    asked = _Asked(split, y, classes, seed, folds, column)
    make = {"group": _grouped, "time": _in_time, "own": _as_marked, None: _shuffled}[way.column]
    with warnings.catch_warnings():
        # A class with fewer members than folds is reported by the quality check DQ011, not by a warning on stderr.
        warnings.simplefilter("ignore", UserWarning)
        return make(asked)


# --- at random ---------------------------------------------------------------------------------------------------------


def _shuffled(asked: _Asked) -> Parts:
    train, held = _hold_out(asked)
    if asked.split.strategy == "leave_one_out":
        _refuse_many(len(train))
        return train, held, _at(train, LeaveOneOut().split(train))
    return train, held, [pair for seed in asked.seeds for pair in _random_folds(asked, train, seed)]


def _random_folds(asked: _Asked, rows: np.ndarray, seed: int) -> list[Pair]:
    if len(rows) < asked.folds:
        raise PlanError(f"There are {len(rows)} rows to divide into {asked.folds} folds.", "Use fewer folds, or add rows.")
    strata = _strata(asked.y[rows], asked.classes, asked.folds)
    stratified = asked.split.strategy != "kfold" and np.bincount(strata).max() >= asked.folds
    kind = StratifiedKFold if stratified else KFold
    return _at(rows, kind(n_splits=asked.folds, shuffle=True, random_state=seed).split(rows, strata))


def _hold_out(asked: _Asked) -> Pair:
    rows, share = np.arange(len(asked.y)), asked.split.holdout
    count = round(len(rows) * share)
    if not count:
        return rows, rows[:0]
    strata = _strata(asked.y, asked.classes, 2) if asked.split.strategy != "kfold" else np.zeros(len(rows), int)
    sizes = np.unique(strata, return_counts=True)[1]
    enough = min(count, len(rows) - count) >= len(sizes) and sizes.min() >= 2
    kind = StratifiedShuffleSplit if enough else ShuffleSplit
    train, held = next(kind(n_splits=1, test_size=count, random_state=asked.seed).split(strata, strata))
    if asked.classes and asked.split.strategy != "kfold":
        train, held = _give_back(asked.y, train, held)
    return np.sort(train), np.sort(held)


def _give_back(y: np.ndarray, train: np.ndarray, held: np.ndarray) -> Pair:
    """Rows of a rare class go back from the holdout until two are left to train on, so that every fold can keep one."""
    codes = np.unique(y, return_inverse=True)[1]
    back = []
    for k in np.flatnonzero(np.bincount(codes[train], minlength=codes.max() + 1) < 2):
        back += held[codes[held] == k][: 2 - int((codes[train] == k).sum())].tolist()
    return np.r_[train, np.array(back, int)], np.setdiff1d(held, back)


def _strata(y: np.ndarray, classes: bool, least: int) -> np.ndarray:
    """What is spread evenly: the class, or the tenth of a numeric target (wider where a tenth has fewer than `least` rows)."""
    if not classes:
        bins = int(np.clip(len(y) // least, 1, REGRESSION_BINS))
        edges = np.unique(np.quantile(y, np.linspace(0, 1, bins + 1)[1:-1]))
        return np.searchsorted(edges, y, side="right")
    codes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    # A single member cannot be on both sides; it counts with the largest class for the split only.
    return np.where(counts[codes] < 2, counts.argmax(), codes)


def _at(rows: np.ndarray, pairs: object) -> list[Pair]:
    """Pairs of positions within `rows` as positions in the table."""
    return [(np.sort(rows[train]), np.sort(rows[valid])) for train, valid in pairs]  # type: ignore[attr-defined]


def _refuse_many(rows: int) -> None:
    if rows > MOST_LEFT_OUT_ONE_BY_ONE:
        raise PlanError(
            f"Leave one out of {rows:,} rows is {rows:,} fits of every configuration; at most {MOST_LEFT_OUT_ONE_BY_ONE:,} rows.",
            "Choose 10 folds: the score is nearly the same.",
        )


# --- whole groups ------------------------------------------------------------------------------------------------------


def _grouped(asked: _Asked) -> Parts:
    groups = pd.factorize(asked.column, use_na_sentinel=False)[0]
    _require_groups(asked, groups)
    strata = _strata(asked.y, asked.classes, asked.folds) if asked.split.strategy == "stratified_group" else np.zeros(len(groups), int)
    held = _held_groups(asked, groups, strata)
    train, pairs = np.flatnonzero(~held), []
    for seed in asked.seeds:
        fold = _dealt(groups[train], strata[train], asked.folds, seed)
        pairs += [(train[fold != k], train[fold == k]) for k in range(asked.folds)]
    return train, np.flatnonzero(held), pairs


def _dealt(groups: np.ndarray, strata: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row. Groups are dealt out one by one, the larger earlier, each to the fold that lacks its strata most.

    scikit-learn's StratifiedGroupKFold does the same in 47 s for 30,000 groups and 20 folds, this in under one; and there
    another seed hardly ever gives other folds, so that repeats would be the same work again.
    """
    names, groups = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), strata.max() + 1))
    np.add.at(counts, (groups, strata), 1)
    # The spread over folds grows least where the sum over strata of (rows there x rows to come) is smallest.
    pull, sizes = counts / np.maximum(counts.sum(axis=0), 1) ** 2, counts.sum(axis=1)
    have, rows, fold_of = np.zeros((folds, counts.shape[1])), np.zeros(folds), np.zeros(len(names), int)
    for group in np.argsort(-sizes * np.random.default_rng(seed).uniform(0.5, 1, len(names)), kind="stable"):
        fold = (have @ pull[group] + rows * 1e-12).argmin()  # of equals the one with the fewest rows: no fold stays empty
        fold_of[group] = fold
        have[fold] += counts[group]
        rows[fold] += sizes[group]
    return fold_of[groups]


def _require_groups(asked: _Asked, groups: np.ndarray) -> None:
    there, need = int(groups.max(initial=-1)) + 1, asked.folds + (asked.split.holdout > 0)
    if there < need:
        held = " and a holdout" if asked.split.holdout else ""
        raise PlanError(
            f"The column {asked.split.column!r} has {there:,} groups; {asked.folds} folds{held} need at least {need}.",
            "Use fewer folds, or another column.",
        )


def _held_groups(asked: _Asked, groups: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """A mask of whole groups with about the share of the rows, and, of many draws, with the most usual mixture of strata."""
    counts = np.zeros((groups.max() + 1, strata.max() + 1))
    np.add.at(counts, (groups, strata), 1)
    if not asked.split.holdout:
        return np.zeros(len(groups), bool)
    whole, rng, best = counts.sum(axis=0) / counts.sum(), np.random.default_rng(asked.seed), (np.inf, None)
    for _ in range(HOLDOUT_DRAWS if len(whole) > 1 else 1):
        order = rng.permutation(len(counts))
        taken = counts[order].sum(axis=1).cumsum()[: len(order) - asked.folds]
        chosen = order[: 1 + np.abs(taken - asked.split.holdout * counts.sum()).argmin()]
        mixture = counts[chosen].sum(axis=0)
        off = np.abs(mixture / mixture.sum() - whole).sum() + abs(mixture.sum() / counts.sum() - asked.split.holdout)
        if off < best[0]:
            best = (off, chosen)
    return np.isin(groups, best[1])


# --- the past before the future ----------------------------------------------------------------------------------------


def _in_time(asked: _Asked) -> Parts:
    """Rows of one moment stay together. Fold k learns from what lies before its validation part, less the gap."""
    times = moments(asked.column)
    if np.isnan(times).any():
        raise PlanError(
            f"{np.isnan(times).sum():,} rows have no time in {asked.split.column!r}.", "Choose a column that is known in every row."
        )
    cut = _start_of_holdout(asked, times)
    held, train = times >= cut, _before(times, cut, asked.split.gap)
    blocks = _blocks(asked, times[train])
    starts = [block[0] for block in blocks[1:]]
    pairs = []
    for number, start in enumerate(starts):
        learn = train & _before(times, start, asked.split.gap)
        for block in blocks[1 : number + 1]:  # the embargo: what follows an earlier validation part too closely
            learn &= ~((times > block[-1]) & (times <= block[-1] + asked.split.embargo))
        valid = train & (times >= start) & (times <= blocks[number + 1][-1])
        if not learn.any():
            raise PlanError(
                f"A gap of {asked.split.gap:g} leaves fold {number + 1} nothing to learn from: its past is {start - times.min():g} long.",
                "Use a smaller gap, or fewer folds.",
            )
        pairs.append((np.flatnonzero(learn), np.flatnonzero(valid)))
    return np.flatnonzero(train), np.flatnonzero(held), pairs


def moments(column: pd.Series) -> np.ndarray:
    """Times as float64: days for dates, the numbers themselves otherwise; NaN where there is none."""
    if pd.api.types.is_datetime64_any_dtype(column):
        known = column.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(known), np.nan, known.astype("int64") / DAY)
    return column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)


def _before(times: np.ndarray, start: float, gap: float) -> np.ndarray:
    return (times < start) & (start - times >= gap)


def _start_of_holdout(asked: _Asked, times: np.ndarray) -> float:
    """The moment from which on about the share of the rows lies; later than all when nothing is held out."""
    if not asked.split.holdout:
        return np.inf
    moments, counts = np.unique(times, return_counts=True)
    after = counts[::-1].cumsum()[::-1]
    first = min(asked.folds + 1, len(moments) - 1)  # the moments before it are what the folds need
    return moments[first:][np.abs(after[first:] - asked.split.holdout * len(times)).argmin()]


def _blocks(asked: _Asked, times: np.ndarray) -> list[np.ndarray]:
    """The distinct moments, in folds + 1 runs of about as many rows each; the first is only ever learned from."""
    moments, counts = np.unique(times, return_counts=True)
    need = asked.folds + 1
    if len(moments) < need:
        raise PlanError(
            f"The column {asked.split.column!r} has {len(moments):,} different times to learn from; {asked.folds} folds in time need at least {need}.",
            "Use fewer folds, a smaller gap, or a finer time.",
        )
    steps = np.arange(1, need)
    edges = np.searchsorted(counts.cumsum(), steps * len(times) / need, side="left") + 1
    # Where many rows share a moment, edges fall together: each run keeps one moment at least.
    edges = np.maximum.accumulate(edges - steps) + steps
    edges = np.clip(np.minimum(edges, len(moments) - need + steps), steps, None)
    return np.split(moments, edges)


# --- a person's own column ---------------------------------------------------------------------------------------------


def _as_marked(asked: _Asked) -> Parts:
    """As the column says; without validation rows or folds in it, what it marks for training is divided at random."""
    codes, values = pd.factorize(asked.column, use_na_sentinel=False)
    if asked.column.isna().any():
        raise PlanError(f"{asked.column.isna().sum():,} rows have no value in the split column {asked.split.column!r}.", own.EXPECTED)
    meaning = own.read(str(asked.split.column), [getattr(value, "item", lambda value=value: value)() for value in values])
    part = np.array(list(meaning.values()), dtype=object)[codes]
    held, train = np.flatnonzero(part == "test"), np.flatnonzero(part != "test")
    marked = sorted({p for p in meaning.values() if p == "valid" or (isinstance(p, int) and p >= 0)}, key=str)
    if not marked:
        return train, held, [pair for seed in asked.seeds for pair in _random_folds(asked, train, seed)]
    return train, held, [(train[part[train] != p], train[part[train] == p]) for p in marked]
