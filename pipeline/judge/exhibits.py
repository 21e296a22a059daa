"""What gives a column away besides its strength: its form. Each function looks for one trace and returns Exhibits.

A leak was made from the target, or together with it. That leaves traces which an honest column, however strong, lacks: one
level for every class, the target's own numbers with errors around them, gaps that follow the target, group means that
fit the very rows they were made from better than chance allows, numbers that count the rows in order of the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.judge.strength import Rows, Strength
from pipeline.quality.identity import ID_NAME
from pipeline.quality.subject import Subject, percent

Guilt = Literal["clean", "undecided", "suspicious", "guilty"]
ORDER: tuple[Guilt, ...] = ("clean", "undecided", "suspicious", "guilty")
FEWEST = 20  # rows that a copy is told by
SURELY = 6  # one in ten to that power is no chance
FEW_LEVELS = 50
SURE, DOUBTFUL = 0.97, 0.7  # of what is written down per class: 1 is always, 0 is as often as by chance
SURE_GAPS, DOUBTFUL_GAPS = 0.9, 0.5
SAME_ROWS = 0.9  # gaps that come with the gaps of so many other columns belong to the row
BLOCK = 3
MOST_ALIKE = 0.75  # of the rows in one level: few exceptions follow the class easily
ALIKE = 0.9  # of rows that share a code, beyond chance
MOST_SHARING = 20  # rows of a code: with more of them it is a category, which may well decide
PERFECT, ALMOST = 0.02, 0.08  # what a column alone leaves open
FAR_BELOW = 0.03


@dataclass(frozen=True)
class Exhibit:
    """One piece of evidence against a column: what it makes of it, and the sentence for a person."""

    kind: str
    verdict: Guilt
    says: str
    facts: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {"kind": self.kind, "verdict": self.verdict, "says": self.says, "facts": self.facts}


def worst(exhibits: list[Exhibit]) -> Guilt:
    return max((e.verdict for e in exhibits), key=ORDER.index, default="clean")


def known_rows(subject: Subject) -> np.ndarray:
    return np.flatnonzero(~subject.missing(subject.target))


# --- copies and recodings ----------------------------------------------------------------------------------------------


def copies(subject: Subject, name: str) -> Iterator[Exhibit]:
    """The target again: under other names, in its own numbers with errors, or in coarser steps."""
    rows = known_rows(subject)
    rows = rows[~subject.missing(name)[rows]]
    if len(rows) < FEWEST:
        return
    if subject.task == "regression":
        yield from _same_order(subject, name, rows)
        yield from _steps(subject, name, rows)
    else:
        yield from _levels(subject, name, rows)
    yield from _own_numbers(subject, name, rows)


def _levels(subject: Subject, name: str, rows: np.ndarray) -> Iterator[Exhibit]:
    """A level for every class, one for one, or levels that decide the class without exception."""
    codes, classes = subject.codes(name)[0][rows], subject.codes(subject.target)[0][rows]
    levels, kinds = len(np.unique(codes)), len(np.unique(classes))
    if not 2 <= levels <= max(FEW_LEVELS, 3 * kinds) or kinds < 2 or len(rows) < 10 * levels:
        return
    table = pd.crosstab(classes, codes).to_numpy().astype(float)
    table = table[table.sum(axis=1) >= 5]
    kept = (table / table.sum(axis=1, keepdims=True)).max(axis=1).mean()  # how surely a class writes its own level
    sole = len(set(table.argmax(axis=1))) == len(table) and levels <= len(table) + 1
    chance = (table.sum(axis=0) / table.sum()).max()
    follows = (kept - chance) / (1 - chance) if sole and chance < kept else 0.0
    if sole:
        follows = max(follows, (kept - 1 / len(table)) / (1 - 1 / len(table)))
    decided = table.max(axis=0).sum() / table.sum()
    facts = {"levels": levels, "follows": float(follows), "decided": float(decided)}
    if decided == 1 and _arrangements(table.sum(axis=1)) >= SURELY:
        yield Exhibit("copy", "guilty", f"Its {levels} levels decide {subject.target!r} without a single exception.", facts)
    elif sole and follows >= DOUBTFUL:
        verdict: Guilt = "guilty" if follows >= SURE else "suspicious"
        yield Exhibit("copy", verdict, f"It has one level for each class of {subject.target!r}, and {percent(kept)} of a class have theirs.", facts)
    elif levels < kinds and _each_has_one(table):
        yield Exhibit("copy", "guilty", f"Every class of {subject.target!r} has only one of its {levels} levels: it is made from the class.", facts)


def _arrangements(counts: np.ndarray) -> float:
    """In how many ways rows of so many classes can be arranged, as a power of ten: the chance of finding them sorted."""
    from scipy.special import gammaln

    return float(gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()) / np.log(10)


def _each_has_one(table: np.ndarray) -> bool:
    """Whether all rows of every class share one level, in a table where that is no matter of course."""
    shares = table.sum(axis=0) / table.sum()
    return bool(((table > 0).sum(axis=1) == 1).all() and shares.max() <= MOST_ALIKE and len(table) >= 3)


def _same_order(subject: Subject, name: str, rows: np.ndarray) -> Iterator[Exhibit]:
    """Numbers, or dates, that rise or fall with the target without exception."""
    if subject.is_text(name) or len(subject.codes(name)[1]) <= FEW_LEVELS:
        return
    x, y = pd.Series(subject.numbers(name)[rows]), pd.Series(subject.numbers(subject.target)[rows])
    same = float(abs(x.corr(y, method="spearman")))
    if same >= 0.9995:
        yield Exhibit("copy", "guilty", f"It has the order of {subject.target!r} (rank correlation {same:.4f}): a copy in another unit.", {"rank": same})


def _steps(subject: Subject, name: str, rows: np.ndarray) -> Iterator[Exhibit]:
    """Levels that are bands of the target: who knows the target knows the level."""
    codes, values = subject.codes(name)
    if not 2 <= len(values) <= FEW_LEVELS:
        return
    y = subject.numbers(subject.target)[rows]
    said = _told_by(y, codes[rows], len(values))
    if said >= 0.85:
        verdict: Guilt = "guilty" if said >= SURE else "suspicious"
        words = f"{subject.target!r} decides which of its {len(values)} levels a row has, in {percent(said)} beyond chance: it is the target in bands."
        yield Exhibit("copy", verdict, words, {"levels": len(values), "decided": said})


def _told_by(y: np.ndarray, codes: np.ndarray, levels: int) -> float:
    """How surely the rows with the next larger and smaller target have the same level, beyond chance (Cohen's kappa)."""
    order = np.lexsort((np.random.default_rng(0).random(len(y)), y))
    codes = codes[order]
    share = np.bincount(codes, minlength=levels) / len(codes)
    chance = float((share**2).sum())
    same = float((codes[1:] == codes[:-1]).mean())
    return (same - chance) / (1 - chance) if chance < 0.999 else 0.0


def _own_numbers(subject: Subject, name: str, rows: np.ndarray) -> Iterator[Exhibit]:
    """Numbers that lie around the target's own, as a measurement of it would.

    A forecast is right on average given the forecast (the target falls on the column with slope one); a copy with errors
    is right on average given the truth (the column falls on the target with slope one). Only the second is a trace.
    """
    y = _as_numbers(subject)
    if y is None or subject.is_text(name) or pd.api.types.is_datetime64_any_dtype(subject.table[name]):
        return
    x, y = subject.numbers(name)[rows], y[rows]
    if np.std(x) == 0 or np.std(y) == 0 or not np.isfinite(x).all():
        return
    r = float(np.corrcoef(x, y)[0, 1])
    slope, apart = r * np.std(x) / np.std(y), abs(x.mean() - y.mean()) / np.std(y)
    spread = 2 * np.sqrt(max(0.0, 1 / r**2 - 1) / len(rows)) if r > 0 else 0.0
    if r >= 0.6 and abs(slope - 1) <= 0.02 + spread and apart <= 0.02 + spread:
        verdict: Guilt = "guilty" if r >= 0.98 else "suspicious"
        words = f"It has the numbers of {subject.target!r} with errors around them: slope {slope:.3f}, correlation {r:.3f}."
        yield Exhibit("copy", verdict, words, {"slope": float(slope), "correlation": r, "shift": float(apart)})


def _as_numbers(subject: Subject) -> np.ndarray | None:
    """The target as numbers, where it has any; two classes as 0 and 1 in the order of their names."""
    if not subject.is_text(subject.target):
        return subject.numbers(subject.target)
    codes, values = subject.codes(subject.target)
    if len(values) != 2:
        return None
    return np.where(codes < 0, np.nan, np.argsort(np.argsort(values.astype(str)))[codes])


# --- gaps --------------------------------------------------------------------------------------------------------------


def gaps(subject: Subject, name: str, empty_with: np.ndarray) -> Iterator[Exhibit]:
    """Cells that are empty, or filled, depending on the target. `empty_with` counts each row's gaps in all columns."""
    rows = known_rows(subject)
    empty = subject.missing(name)[rows]
    few = min(empty.sum(), len(empty) - empty.sum())
    if few < max(10, 0.002 * len(rows)):
        return
    if empty.mean() < 0.5 and (empty_with[rows][empty] > BLOCK).mean() >= SAME_ROWS:
        return  # whole rows are incomplete; that is told of the table, not of each column
    follows = _follows(subject, rows, empty)
    sole = _only_in_one(subject, rows, empty)
    facts = {"empty": float(empty.mean()), "follows": follows}
    if follows >= DOUBTFUL_GAPS:
        verdict: Guilt = "guilty" if follows >= SURE_GAPS else "suspicious"
        words = f"Whether it is filled depends on {subject.target!r} (by {percent(follows)} beyond chance): it seems to be written down afterwards."
        yield Exhibit("gaps", verdict, words, facts)
    elif sole:
        yield Exhibit("gaps", "suspicious", sole, facts)


def _follows(subject: Subject, rows: np.ndarray, empty: np.ndarray) -> float:
    """How surely the target tells whether the cell is empty: twice the ROC AUC less one."""
    if subject.task == "regression":
        y = subject.numbers(subject.target)[rows]
        order = np.argsort(y, kind="stable")
        width = max(5, int(len(rows) ** 0.5))
        sums = np.concatenate([[0], np.cumsum(empty[order])])
        left = np.clip(np.arange(len(rows)) - width // 2, 0, len(rows) - width)
        around = np.empty(len(rows))
        around[order] = (sums[left + width] - sums[left] - empty[order]) / (width - 1)  # the neighbours without the row itself
    else:
        codes = subject.codes(subject.target)[0][rows]
        kept, all_of = np.bincount(codes, weights=empty), np.bincount(codes)
        around = (kept / np.maximum(all_of, 1))[codes]
    return max(_apart(around, empty), 0.0 if subject.task == "regression" else _of_one_class(kept, all_of))


def _of_one_class(empty: np.ndarray, rows: np.ndarray) -> float:
    """The most that one class differs from the others in its share of empty cells, less two standard errors."""
    share, rest = empty / np.maximum(rows, 1), (empty.sum() - empty) / np.maximum(rows.sum() - rows, 1)
    smooth = (empty + 1) / (rows + 2)
    error = np.sqrt(smooth * (1 - smooth) / (rows + 2))
    return float(np.max((np.abs(share - rest) - 2 * error)[rows >= 15], initial=0.0))


def _apart(around: np.ndarray, empty: np.ndarray) -> float:
    ones, others = around[empty], np.sort(around[~empty])
    below = np.searchsorted(others, ones, "left") + np.searchsorted(others, ones, "right")
    return float(max(0.0, below.mean() / len(others) - 1))


def _only_in_one(subject: Subject, rows: np.ndarray, empty: np.ndarray) -> str:
    """Filled, or empty, in rows of one class alone, more often than chance allows."""
    if subject.task == "regression":
        return ""
    codes, values = subject.codes(subject.target)
    codes = codes[rows]
    for word, part in (("filled", ~empty), ("empty", empty)):
        kinds = np.unique(codes[part])
        if len(kinds) == 1 and part.sum() >= 30 and part.sum() * np.log10((codes == kinds[0]).mean()) <= -9:
            return f"It is {word} in {int(part.sum()):,} rows, all of the class {str(values[kinds[0]])!r}."
    return ""


# --- group statistics of the target ------------------------------------------------------------------------------------

STATISTICS = ("mean", "median", "min", "max", "std", "sum")


def group_statistic(subject: Subject, name: str, groupings: list[str]) -> Iterator[Exhibit]:
    """A mean (or another statistic) of the target within groups, made from all rows, those to be predicted among them."""
    if subject.is_text(name) or pd.api.types.is_datetime64_any_dtype(subject.table[name]):
        return
    rows = known_rows(subject)
    rows = rows[~subject.missing(name)[rows]]
    x = subject.numbers(name)[rows]
    if len(rows) < 30 or not np.isfinite(x).all() or np.std(x) == 0:
        return
    for by in [name, *(g for g in groupings if g != name)]:
        groups = _Groups(x, subject.codes(by)[0][rows], own=by == name)
        for title, y in _targets(subject, rows) if groups.worth_it else ():
            statistic = groups.statistic(y)
            if statistic:
                where = "the rows that share its value" if by == name else f"each group of {by!r}"
                words = f"It is the {statistic} of {title} in {where}, made from all rows: every row has seen its own answer."
                yield Exhibit("group", "guilty", words, {"statistic": statistic, "by": by})
                return


def _targets(subject: Subject, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The target as numbers, and each of its classes as 0 and 1."""
    target = subject.target
    if subject.task == "regression":
        yield repr(target), subject.numbers(target)[rows]
        return
    codes, values = subject.codes(target)
    common = np.argsort(-subject.counts(target), kind="stable")[:20]
    for k in common:
        yield f"{target!r} being {str(values[k])!r}", (codes[rows] == k).astype(float)
    if len(values) == 2:
        return
    if not subject.is_text(target):
        yield repr(target), subject.numbers(target)[rows]
    else:
        yield repr(target), np.argsort(np.argsort(values.astype(str)))[codes[rows]].astype(float)


class _Groups:
    """The groups of one column, and another column `x` that may be a statistic of the target within them."""

    def __init__(self, x: np.ndarray, codes: np.ndarray, own: bool) -> None:
        self.x, self.codes, self.own = x, pd.factorize(codes)[0], own
        self.size = np.bincount(self.codes)
        self.several = self.size[self.codes] >= 2
        first = np.zeros(len(self.size))
        first[self.codes[::-1]] = x[::-1]
        self.first = first
        self.constant = bool(np.isclose(x, first[self.codes], rtol=1e-9, atol=1e-12).mean() >= 0.99)
        enough = 2 <= len(self.size) <= 0.7 * len(x) and self.several.sum() >= 30
        self.worth_it = enough and (self.constant or bool((x != np.round(x)).any()))

    def statistic(self, y: np.ndarray) -> str:
        """The name of the statistic of `y` that `x` is; empty when it is none."""
        if not self.constant:
            return self._of_the_others(y)
        made = pd.Series(y).groupby(self.codes).agg(["mean"] if self.own else list(STATISTICS))
        for name in made:
            value = np.nan_to_num(made[name].to_numpy(float))
            exact = len(self.size) < 6 or name in ("min", "max", "sum")
            if _tells(value) and _equal(self.x[self.several], value[self.codes][self.several], exact):
                return name
        return "mean" if _fits_too_well(self.first, made["mean"].to_numpy(), self.size, y, self.codes) else ""

    def _of_the_others(self, y: np.ndarray) -> str:
        """The mean of the others in the group: it falls, to the letter, where the row's own answer is high."""
        total = np.bincount(self.codes, weights=y)[self.codes]
        telling = self.several & (total != 0)
        others = (total - y) / np.maximum(self.size[self.codes] - 1, 1)
        equal = np.isclose(self.x[telling], others[telling], rtol=1e-5, atol=1e-9)
        return "mean of the others" if len(equal) >= 30 and equal.mean() >= 0.95 else ""


def _tells(value: np.ndarray) -> bool:
    """Whether it is more than a yes and a no: those are told as a copy."""
    distinct = np.unique(value)
    return len(distinct) >= 3 or (len(distinct) == 2 and bool((distinct != np.round(distinct)).any()))


def _equal(x: np.ndarray, value: np.ndarray, exact: bool) -> bool:
    """The same numbers, or, among many groups, on one straight line (a share as a percentage, a rounded mean)."""
    same, common = np.isclose(x, value, rtol=1e-5, atol=1e-9), value == np.median(value)
    if same.mean() >= 0.95 and (~common).sum() >= 10 and same[~common].mean() >= 0.95:  # that both are mostly 0 says nothing
        return True
    if exact or np.std(value) == 0 or len(np.unique(value)) < 6:
        return False
    return bool(np.corrcoef(x, value)[0, 1] >= 0.9999)


def _fits_too_well(x: np.ndarray, mean: np.ndarray, size: np.ndarray, y: np.ndarray, codes: np.ndarray) -> bool:
    """Whether group means lie nearer to the line through the column's values than means of so few rows could, by chance.

    An honest column is off by the error of each group's mean; the sum of squares, in units of that error, has a chi-squared
    distribution. What was made from the same rows lies far below it.
    """
    from scipy.special import gammainc

    within = float(((y - mean[codes]) ** 2).sum() / max(1, len(y) - len(size)))
    groups = len(size)
    if groups < 12 or within <= 0 or np.std(x) == 0:
        return False
    slope, level = np.polyfit(x, mean, 1, w=np.sqrt(size))
    off = float((size * (mean - level - slope * x) ** 2).sum() / within)
    between = float((size * (mean - np.average(mean, weights=size)) ** 2).sum() / within)
    return slope > 0 and off < 0.25 * (groups - 2) and gammainc((groups - 2) / 2, off / 2) < 1e-6 and off < 0.2 * between


# --- identifiers that several rows share -------------------------------------------------------------------------------


def shared_identifier(subject: Subject, name: str) -> Iterator[Exhibit]:
    """Codes that a few rows share each, all of them with the same answer: whoever knows one row of a code knows the others."""
    number = not subject.is_text(name)
    if number and not pd.api.types.is_integer_dtype(subject.table[name]):
        return
    rows = known_rows(subject)
    rows = rows[~subject.missing(name)[rows]]
    codes = pd.factorize(subject.table[name].iloc[rows], sort=number)[0] if number else pd.factorize(subject.codes(name)[0][rows])[0]
    size = np.bincount(codes) if len(codes) else np.zeros(0, int)
    if len(size) < FEWEST or len(rows) > MOST_SHARING * len(size) or (size[codes] >= 2).mean() < 0.5:
        return
    same = _agreement(subject, rows, codes)
    if same < ALIKE or (number and _agreement(subject, rows, codes // 2) > 0.5 * (1 + same)):
        return  # of an amount, neighbouring numbers agree as well as equal ones
    words = (
        f"Its {len(size):,} codes stand in {len(rows) / len(size):.1f} rows each, which have the same {subject.target!r} (by {percent(same)} "
        "beyond chance): it gives the answer away wherever a code is on both sides of a split; split by it."
    )
    yield Exhibit("shared", "suspicious", words, {"agree": same})


def _agreement(subject: Subject, rows: np.ndarray, codes: np.ndarray) -> float:
    """How much more alike the target is in rows of one code than in any: kappa of classes, intraclass correlation of the ranks of numbers."""
    size = np.bincount(codes)
    if subject.task == "regression":
        y = pd.Series(subject.numbers(subject.target)[rows]).rank().to_numpy()
        mean = np.bincount(codes, weights=y) / np.maximum(size, 1)
        within = ((y - mean[codes]) ** 2).sum() / max(1, len(y) - (size > 0).sum())
        return float(1 - within / max(y.var(), 1e-12))
    y = subject.codes(subject.target)[0][rows]
    pair = pd.factorize(codes * (np.int64(y.max()) + 1) + y)[0]
    several = size[codes] >= 2
    alike = ((np.bincount(pair)[pair] - 1) / np.maximum(size[codes] - 1, 1))[several].mean()
    chance = float(((np.bincount(y) / len(y)) ** 2).sum())
    return float((alike - chance) / (1 - chance)) if chance < 1 else 0.0


# --- numbers that count the rows ---------------------------------------------------------------------------------------


def counts_rows(subject: Subject, name: str) -> str:
    """Why the column identifies the row, in words; empty when it does not. What identifies a row has no business to predict."""
    filled, values = int((~subject.missing(name)).sum()), len(subject.codes(name)[1])
    if subject.kind(name) == "id":
        return "identifies the row"
    if filled < 30 or values < 0.95 * filled:
        return ""
    if subject.is_text(name):
        return "has a different code in nearly every row" if subject.table[name].str.len().max() <= 40 else ""
    if not pd.api.types.is_integer_dtype(subject.table[name]):
        return ""
    numbers = subject.numbers(name)
    if np.nanmax(numbers) - np.nanmin(numbers) <= 1.5 * values:
        return "counts the rows"
    return "is named like an identifier" if re.search(ID_NAME, name) else ""


def identifier(subject: Subject, name: str, found: Strength) -> Iterator[Exhibit]:
    why = counts_rows(subject, name)
    sure, doubtful = (0.95, 0.7) if subject.task != "regression" else (0.9, 0.4)
    if why and found.low >= doubtful:
        verdict: Guilt = "guilty" if found.low >= sure else "suspicious"
        words = f"It {why}, and yet it tells {subject.target!r} by {found.view}: it was given out in its order, or with it."
        yield Exhibit("order", verdict, words, {"score": found.score, "view": found.view})


def strong(rows: Rows, found: Strength, rest: Strength | None, best_other: float) -> Iterator[Exhibit]:
    """Almost perfect alone, and far better than all other columns together."""
    left = min(rest.error if rest else 1.0, 1 - best_other)
    worst_case = max(1e-6, 1 - found.low)
    alone = 1 - best_other
    if worst_case <= ALMOST and worst_case < 0.5 * left:
        verdict: Guilt = "guilty" if worst_case <= PERFECT else "suspicious"
        words = (
            f"Alone ({found.view}) it reaches {rows.measure} {found.score:.3f}; all other columns together reach {1 - left:.3f}. "
            "It leaves less than half of what they leave open."
        )
        yield Exhibit("alone", verdict, words, {"score": found.score, "others": 1 - left})
    elif worst_case <= FAR_BELOW and worst_case < 0.1 * alone:
        words = f"Alone ({found.view}) it reaches {rows.measure} {found.score:.3f}; no other column alone reaches more than {best_other:.3f}."
        yield Exhibit("alone", "suspicious", words, {"score": found.score, "best_other": best_other})


def turns(rows: Rows, rest: Strength | None, whole: Strength | None) -> Iterator[Exhibit]:
    """With it everything is nearly perfect, without it far from that."""
    if rest is None or whole is None or 1 - whole.low > 0.06 or whole.error >= 0.35 * rest.error:
        return
    words = f"With it all columns together reach {rows.measure} {whole.score:.3f}, without it {rest.score:.3f}: one column makes the difference."
    yield Exhibit("alone", "suspicious", words, {"with": whole.score, "without": rest.score})
