"""Which rows are held out, and which rows validate which fold: positions in the table, decided once per run.

What a plan and a page need to know of the ways to split is in `split` and loads nothing heavy; the dividing itself is in
`ways`, what is counted across the parts in `overlap`, reading a person's own split column in `own`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.data.splits.split import Split


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
