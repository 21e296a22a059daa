"""What gives the target away although no single column does: the order of the rows, rows that are there twice, gaps of whole rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.judge.exhibits import BLOCK, Exhibit, counts_rows
from pipeline.judge.strength import Rows, row_order
from pipeline.quality.subject import Subject, counted, percent

MOST_TRIED = 6
FEW_TWICE = 0.002  # of the rows
SORTED = {True: 0.9, False: 0.8}  # ROC AUC of classes, R² of numbers


def of_the_table(rows: Rows) -> Iterator[Exhibit]:
    """What is said of the table and not of one column."""
    yield from _sorted(rows)
    yield from twins(rows.subject)
    yield from _incomplete(rows)


def _sorted(rows: Rows) -> Iterator[Exhibit]:
    found = row_order(rows)
    if found.low >= SORTED[rows.classes]:
        words = (
            f"The place of a row in the table tells {rows.subject.target!r} ({rows.measure} {found.score:.3f}): the rows are sorted by it, or it "
            "comes in waves. A column that numbers the rows gives it away, and so do neighbours on both sides of a split."
        )
        yield Exhibit("order", "suspicious", words, {"score": found.score})


def twins(subject: Subject) -> Iterator[Exhibit]:
    """Rows that are there twice, with their target: a random split puts one to learn from and the other to be judged by.

    Rows of coarse columns may be equal by chance. Then there are many more that differ in one column alone; where rows are
    copies there are hardly any, whichever column is left out of the comparison.
    """
    names = [name for name in subject.features if not counts_rows(subject, name)]
    if not names:
        return
    codes = {name: subject.codes(name)[0] for name in [*names, subject.target]}
    again = pd.DataFrame({str(i): column for i, column in enumerate(codes.values())}).duplicated().to_numpy()
    share = float(again.mean())
    if again.sum() < 5 or share < FEW_TWICE:
        return
    real = min(_equal_too(codes, name) for name in _most_varied(subject, names))
    if real < 0.5:
        return
    words = (
        f"{counted(int(again.sum()), 'row')} ({percent(share)}) are there already, with the same {subject.target!r}. By chance so many would not be "
        "equal in every column; a random split puts one to learn from and its twin to be judged by."
    )
    yield Exhibit("twins", "suspicious", words, {"rows": int(again.sum()), "share": share, "real": real})


def _most_varied(subject: Subject, names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: -len(subject.codes(name)[1]))[:MOST_TRIED]


def _equal_too(codes: dict[str, np.ndarray], name: str) -> float:
    """Of the neighbouring rows that are equal in all other columns, the share that is equal in this one as well."""
    others = pd.DataFrame({str(i): column for i, (other, column) in enumerate(codes.items()) if other != name})
    group = pd.util.hash_pandas_object(others, index=False).to_numpy()
    order = np.lexsort((codes[name], group))
    same = group[order][1:] == group[order][:-1]
    equal = codes[name][order][1:] == codes[name][order][:-1]
    return float(equal[same].mean()) if same.any() else 0.0


def _incomplete(rows: Rows) -> Iterator[Exhibit]:
    """Rows with many gaps at once, where that depends on the target."""
    subject = rows.subject
    empty = np.sum([subject.missing(name)[rows.at] for name in subject.features], axis=0).astype(float)
    if (empty > BLOCK).sum() < 10 or (empty > BLOCK).mean() > 0.9:
        return
    found = rows.of_numbers((empty > BLOCK).astype(float), "how many cells are empty")
    if found.low >= {True: 0.6, False: 0.2}[rows.classes]:
        words = f"Whether a row has many gaps depends on {subject.target!r} ({rows.measure} {found.score:.3f}): was it filled in afterwards?"
        yield Exhibit("gaps", "suspicious", words, {"score": found.score})
