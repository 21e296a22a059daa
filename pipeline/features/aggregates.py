"""The transformers of groups and of the past. They keep what they have seen of the training rows, and answer for whole tables at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from pipeline.features.crossfit import inner_folds
from pipeline.features.names import aggregate_names, rolling_name

DAY = 86_400e6  # microseconds, the unit in which dates arrive
AT_ONCE = 5_000_000  # numbers of windows that are laid out at once


class _Named(TransformerMixin, BaseEstimator):
    """Gives a table of new columns whose names follow from its parameters."""

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray(self._names(), dtype=object)

    def _names(self) -> list[str]:
        raise NotImplementedError


class GroupStatistic(_Named):
    """A statistic of numbers by group, and each row's difference from it. See the step `group_aggregate`."""

    def __init__(
        self, keys: tuple[str, ...], values: tuple[str, ...] = (), statistic: str = "mean", quantile: float = 0.9, gives: str = "both",
        cross_fit: bool = True,
    ) -> None:  # fmt: skip
        self.keys, self.values, self.statistic, self.quantile = keys, values, statistic, quantile
        self.gives, self.cross_fit = gives, cross_fit

    def fit(self, table: pd.DataFrame, y: object = None) -> GroupStatistic:
        self.n_features_in_ = table.shape[1]
        self._keep(table, *_levels(key(table, self.keys)))
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> pd.DataFrame:
        codes, levels = _levels(key(table, self.keys))
        self.n_features_in_ = table.shape[1]
        self._keep(table, codes, levels)
        if not self.cross_fit or self.statistic == "count" or len(table) < 2:
            return self._made(table, self._look_up(self.learned_, codes))
        numbers, found = self._numbers(table), np.empty((len(table), len(self.values)))
        for train, valid in inner_folds(table):
            found[valid] = self._look_up(self._learn(codes[train], numbers.iloc[train], len(levels)), codes[valid])
        return self._made(table, found)

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return self._made(table, self._look_up(self.learned_, self.levels_.get_indexer(_index(key(table, self.keys).to_numpy()))))

    def _keep(self, table: pd.DataFrame, codes: np.ndarray, levels: pd.Index) -> None:
        self.levels_, self.learned_ = levels, self._learn(codes, self._numbers(table), len(levels))

    def _numbers(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[list(self.values)].astype("float64")

    def _learn(self, codes: np.ndarray, numbers: pd.DataFrame, levels: int) -> np.ndarray:
        """The statistic of each level, a row each, and in the last row that of all rows, for what has no level of its own."""
        if self.statistic == "count":
            return np.append(np.bincount(codes[codes >= 0], minlength=levels), 0.0)[:, None]
        own = {"q": self.quantile} if self.statistic == "quantile" else {}
        overall = getattr(numbers, self.statistic)(**own).to_numpy()
        groups = getattr(numbers[codes >= 0].groupby(codes[codes >= 0]), self.statistic)(**own)
        found = np.tile(overall, (levels + 1, 1))
        found[groups.index.to_numpy()] = np.where(groups.isna(), overall, groups)
        return found

    @staticmethod
    def _look_up(learned: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return learned[np.where(codes < 0, len(learned) - 1, codes)]

    def _made(self, table: pd.DataFrame, found: np.ndarray) -> pd.DataFrame:
        made = {}
        for i, (statistic, difference) in enumerate(aggregate_names(self.get_params())):
            if statistic:
                made[statistic] = found[:, i]
            if difference:
                made[difference] = table[self.values[i]].to_numpy(dtype="float64") - found[:, i]
        return pd.DataFrame(made, index=table.index)

    def _names(self) -> list[str]:
        return [name for pair in aggregate_names(self.get_params()) for name in pair if name]


def key(table: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """One value for each combination of the key columns, missing where any of them is; for no columns, the same for all."""
    if not names:
        return pd.Series(0.0, index=table.index)
    if len(names) == 1:
        return table[names[0]]
    cells = [table[name].to_numpy(dtype=object) for name in names]
    joined = pd.Series(["\x1f".join(map(str, row)) for row in zip(*cells, strict=True)], index=table.index, dtype=object)
    return joined.where(table[list(names)].notna().all(axis=1), np.nan)


def _index(values: np.ndarray) -> pd.Index:
    return pd.Index(values, dtype=object) if values.dtype == object else pd.Index(values)


def _levels(values: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The number of each value's level, -1 for a missing one, and the levels."""
    codes, levels = pd.factorize(values.to_numpy())
    return codes, _index(np.asarray(levels))


class Past:
    """Rows of known group and time with their numbers, in the order of group and time."""

    def __init__(self, group: np.ndarray, time: np.ndarray, numbers: np.ndarray) -> None:
        known = np.flatnonzero((group >= 0) & np.isfinite(time))
        order = known[np.lexsort((time[known], group[known]))]
        self.group, self.time, self.numbers = group[order], time[order], numbers[order]
        self.times = np.unique(self.time)
        self.places = self.group * (len(self.times) + 1) + np.searchsorted(self.times, self.time)

    def earlier(self, group: np.ndarray, time: np.ndarray) -> np.ndarray:
        """The place after the last row of that group and strictly earlier time. What has no group or time has nothing before it."""
        places = np.searchsorted(self.places, group * (len(self.times) + 1) + np.searchsorted(self.times, time))
        return np.where((group >= 0) & np.isfinite(time), places, 0)

    def begins(self, group: np.ndarray) -> np.ndarray:
        """The place of the first row of that group."""
        return np.searchsorted(self.places, group * (len(self.times) + 1))

    def with_rows(self, group: np.ndarray, time: np.ndarray, numbers: np.ndarray, rows: int, span: float) -> Past:
        """These rows and what they can see of the past: `rows` rows before the first of their group, or those within `span` before it."""
        known = (group >= 0) & np.isfinite(time)
        groups, where = np.unique(group[known], return_inverse=True)
        first, last = np.full(len(groups), np.inf), np.full(len(groups), -np.inf)
        np.minimum.at(first, where, time[known])
        np.maximum.at(last, where, time[known])
        lows = self.earlier(groups, first - span) if span else np.maximum(self.begins(groups), self.earlier(groups, first) - rows)
        old = ranges(lows, self.earlier(groups, last))
        new = np.flatnonzero(known)
        cells = [
            np.column_stack([g, t, n])
            for g, t, n in ((self.group[old], self.time[old], self.numbers[old]), (group[new], time[new], numbers[new]))
        ]
        new = new[~_held(*cells)]
        return Past(np.r_[self.group[old], group[new]], np.r_[self.time[old], time[new]], np.concatenate([self.numbers[old], numbers[new]]))


def ranges(lows: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The whole numbers of many ranges, one range after the other."""
    lengths = np.maximum(ends - lows, 0)
    return np.arange(lengths.sum()) + np.repeat(lows - (np.cumsum(lengths) - lengths), lengths)


def _held(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Which new rows are among the old ones: a table that is scored may bring rows that were trained on."""
    near = np.isin(old[:, 1], new[:, 1])
    cells = pd.DataFrame(np.concatenate([old[near], new]))
    number = cells.groupby(list(cells.columns), sort=False, dropna=False).ngroup().to_numpy()
    return np.isin(number[near.sum() :], number[: near.sum()])


class _OfThePast(_Named):
    """Keeps the training rows by group and time. What a row gets never depends on its own time or a later one."""

    keys: tuple[str, ...]
    values: tuple[str, ...]
    time: str

    def fit(self, table: pd.DataFrame, y: object = None) -> Any:
        self.fit_transform(table)
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> pd.DataFrame:
        self.n_features_in_ = table.shape[1]
        group, self.groups_ = _levels(key(table, self.keys))
        time, numbers = self._seen(table)
        self.past_ = Past(group, time, numbers)
        return self._answer(self.past_, group, time, table.index)

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        by, (time, numbers) = key(table, self.keys).to_numpy(), self._seen(table)
        group = self.groups_.get_indexer(_index(by))
        new = (group < 0) & ~pd.isna(by)
        group[new] = len(self.groups_) + pd.factorize(by[new])[0]
        return self._answer(self.past_.with_rows(group, time, numbers, *self._reach()), group, time, table.index)

    def _seen(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        when = table[self.time]
        if pd.api.types.is_datetime64_any_dtype(when):
            time = when.astype("datetime64[us]").astype("int64").to_numpy().astype("float64") / DAY
            time = np.where(when.isna().to_numpy(), np.nan, time)
        else:
            time = when.to_numpy(dtype="float64")
        return time, table[list(self.values)].to_numpy(dtype="float64")

    def _reach(self) -> tuple[int, float]:
        """How far back a row looks: a number of rows, or with a span of time this."""
        raise NotImplementedError

    def _answer(self, past: Past, group: np.ndarray, time: np.ndarray, index: pd.Index) -> pd.DataFrame:
        raise NotImplementedError


class Lag(_OfThePast):
    """The value of the k-th row before, of strictly earlier time, in the same group. See the step `lag`."""

    def __init__(self, values: tuple[str, ...], time: str, keys: tuple[str, ...] = (), steps: int = 1) -> None:
        self.values, self.time, self.keys, self.steps = values, time, keys, steps

    def _reach(self) -> tuple[int, float]:
        return self.steps, 0.0

    def _answer(self, past: Past, group: np.ndarray, time: np.ndarray, index: pd.Index) -> pd.DataFrame:
        begins, ends = past.begins(group), past.earlier(group, time)
        made = np.full((len(group), len(self.values), self.steps), np.nan)
        for k in range(1, self.steps + 1):
            there = ends - k >= begins
            made[there, :, k - 1] = past.numbers[ends[there] - k]
        return pd.DataFrame(made.reshape(len(group), -1), columns=self._names(), index=index)

    def _names(self) -> list[str]:
        return [f"{value}, {k} earlier" for value in self.values for k in range(1, self.steps + 1)]


class Rolling(_OfThePast):
    """A statistic of the rows just before, of strictly earlier time, in the same group. See the step `rolling`."""

    def __init__(
        self,
        values: tuple[str, ...],
        time: str,
        keys: tuple[str, ...] = (),
        statistic: str = "mean",
        window: float = 7.0,
        unit: str = "rows",
    ) -> None:
        self.values, self.time, self.keys, self.statistic, self.window, self.unit = values, time, keys, statistic, window, unit

    def _reach(self) -> tuple[int, float]:
        return (int(self.window), 0.0) if self.unit == "rows" else (0, self.window)

    def _answer(self, past: Past, group: np.ndarray, time: np.ndarray, index: pd.Index) -> pd.DataFrame:
        ends, (rows, span) = past.earlier(group, time), self._reach()
        lows = past.earlier(group, time - span) if span else np.maximum(past.begins(group), ends - rows)
        order, made = np.argsort(lows, kind="stable"), np.empty((len(group), len(self.values)))
        for i in range(len(self.values)):
            made[order, i] = over_windows(past.numbers[:, i], lows[order], ends[order], self.statistic)
        return pd.DataFrame(made, columns=self._names(), index=index)

    def _names(self) -> list[str]:
        return [rolling_name(self.get_params(), value) for value in self.values]


def over_windows(numbers: np.ndarray, lows: np.ndarray, ends: np.ndarray, statistic: str) -> np.ndarray:
    """The statistic of `numbers[low:end]` for many windows, best in the order of `lows`; missing numbers do not count, an empty window is missing."""
    known = np.isfinite(numbers)
    counts = _summed(known.astype("float64"), lows, ends)
    if statistic == "count":
        return counts
    if statistic in ("min", "max"):
        return np.where(counts > 0, _extremes(numbers, lows, ends, np.fmin if statistic == "min" else np.fmax), np.nan)
    filled = np.maximum(counts, 1)
    means = _summed(np.where(known, numbers, 0.0), lows, ends) / filled
    if statistic == "std":
        return np.where(counts > 1, np.sqrt(_squares(numbers, known, means, lows, ends) / np.maximum(counts - 1, 1)), np.nan)
    return np.where(counts > 0, means * (filled if statistic == "sum" else 1), np.nan)


def _summed(numbers: np.ndarray, lows: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The sum of each window by itself: differences of one running sum would carry the rounding of all other windows."""
    cuts = np.column_stack([lows, np.maximum(ends, lows)]).ravel()
    sums = np.add.reduceat(np.append(numbers, 0.0), cuts)[::2] if len(cuts) else np.zeros(0)
    return np.where(ends > lows, sums, 0.0)


def _squares(numbers: np.ndarray, known: np.ndarray, means: np.ndarray, lows: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The sum of squares around the mean of each window: the window's own numbers, laid out one after the other."""
    lengths = np.maximum(ends - lows, 0)
    found = np.zeros(len(lows))
    for part in np.array_split(np.arange(len(lows)), 1 + int(lengths.sum()) // AT_ONCE):
        window = np.repeat(part, lengths[part])
        place = ranges(lows[part], ends[part])
        off = np.where(known[place], numbers[place] - means[window], 0.0)
        found += np.bincount(window, off**2, minlength=len(lows))
    return found


def _extremes(numbers: np.ndarray, lows: np.ndarray, ends: np.ndarray, pick: Any) -> np.ndarray:
    """By a table of the extremes of 1, 2, 4, 8 … neighbours: every window is two of these, which may overlap."""
    found, level, width = np.full(len(lows), np.nan), numbers, 1
    lengths = ends - lows
    while len(level):
        fits = (lengths >= width) & (lengths < 2 * width)
        found[fits] = pick(level[lows[fits]], level[ends[fits] - width])
        if not (lengths >= 2 * width).any():
            break
        level, width = pick(level[:-width], level[width:]), 2 * width
    return found
