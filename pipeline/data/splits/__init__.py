"""Which rows are held out, and which rows validate which fold: positions in the table, decided once per run.

What a plan and a page need to know of the ways to split is here and loads nothing heavy; the dividing itself is in
`ways`, what is counted across the parts in `overlap`, reading a person's own split column in `own`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.plan import Split

MOST_LEFT_OUT_ONE_BY_ONE = 2_000  # rows of a leave-one-out: each is a fit of every configuration


@dataclass(frozen=True)
class Way:
    """One way to divide rows. `column` says what it needs one for; `repeats`: whether another seed gives other folds."""

    title: str
    help: str
    shuffles: bool = True
    repeats: bool = True
    column: Literal["group", "time", "own"] | None = None


SPLITS: dict[str, Way] = {
    "auto": Way("Automatic", "Every part has the same share of each class, or the same spread of a number, and rows are drawn at random."),
    "kfold": Way("Random", "Rows are drawn at random, whatever their class or value."),
    "stratified": Way("Stratified", "Rows are drawn at random, with the same share of each class, or of each tenth of a number, in every part."),
    "leave_one_out": Way(
        "Leave one out", f"Each row validates alone: as many fits as rows. For up to {MOST_LEFT_OUT_ONE_BY_ONE:,} rows.", repeats=False
    ),
    "group": Way(
        "By group", "All rows of a group, such as a patient or a shop, stay on one side. Rows without a group count as one group.", column="group"
    ),
    "stratified_group": Way(
        "By group, stratified", "Groups stay on one side, and the shares of the classes are kept as nearly as whole groups allow.", column="group"
    ),
    "time": Way(
        "Time-ordered", "Each fold learns from the past and is judged on what came next; the latest rows are held out.", shuffles=False,
        repeats=False, column="time",
    ),
    "column": Way(
        "My own column", "A column says where each row goes: train, valid or test, yes or no, or the number of its fold.", shuffles=False,
        repeats=False, column="own",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Division:
    """Where every row goes, as sorted positions among the rows that were given.

    `train` are the rows that may be learned from, `holdout` those that no trial sees; between the two a gap in time
    may lie, whose rows are in neither. `folds` are pairs (train, valid) within `train`; repeats only add more pairs.
    `facts` is JSON-able: the strategy in words, rows per part, and what is on both sides of a split.
    """

    train: np.ndarray
    holdout: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    facts: dict[str, Any]


def divide(
    split: Split, table: pd.DataFrame, y: np.ndarray, *, classes: bool, seed: int, folds: int, features: Sequence[str] | None = None
) -> Division:
    """Divide the rows of `table`, whose targets are `y`, as `split` asks, into a holdout and `folds` folds of the rest.

    `features` are the columns by which two rows count as identical; without them all but the split column. Raises
    PlanError, with numbers, when the rows cannot be divided like that.
    """
    import numpy as np

    from pipeline.data.splits import overlap, ways

    parts = ways.parts(split, table, np.asarray(y), classes=classes, seed=seed, folds=folds)
    return Division(*parts, overlap.facts(split, table, *parts, features=features))


def default_folds(rows: int, strategy: str = "auto") -> int:
    """How many folds are worth it: many where fits are cheap, and on a large table a small share of it judges well enough."""
    if strategy == "time":
        return max(2, min(5, rows // 8))
    if rows < 3_000:
        return max(2, min(8, rows // 4))
    return 10 if rows <= 30_000 else 8 if rows <= 100_000 else 20


def default_holdout(rows: int) -> float:
    """The share of the rows that is held out: the larger the table, the smaller a share judges well enough."""
    return 0.2 if rows <= 10_000 else 0.1 if rows <= 100_000 else 0.05
