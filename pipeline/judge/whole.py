"""What gives the target away although no single column does: the order of the rows, rows that are there twice, gaps of whole rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.judge.exhibits import BLOCK, Exhibit, counts_rows
from pipeline.judge.strength import Rows, row_order
from pipeline.quality.subject import Subject, counted, percent

MOST_TRIED = 6
FEW_NUMBERS = 20
MOST_NEAR = 8_000  # rows among which near ones are looked for
ALIKE = 0.05  # in ranks: 1 is from the smallest to the largest
NEARER = 4  # times as near as the second nearest row
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

    Equal in every column, or, where hardly any are, in every column but numbers with a fraction, which are nearly equal.
    """
    names = [name for name in subject.features if not counts_rows(subject, name)]
    if not names:
        return
    floats = [name for name in names if pd.api.types.is_float_dtype(subject.table[name]) and len(subject.codes(name)[1]) > FEW_NUMBERS]
    again, real = _equal_rows(subject, names)
    how = "in every column"
    if not real and floats:
        how, whole = "but for small differences in numbers", [name for name in names if name not in floats]
        again = _alike(subject, floats, whole)
        again = again if again.any() else _near(subject, floats, whole)
        real = bool(again.any())
    share = float(again.mean())
    if not real or again.sum() < 5 or share < FEW_TWICE:
        return
    words = (
        f"{counted(int(again.sum()), 'row')} ({percent(share)}) are there already, with the same {subject.target!r}, equal {how}. By chance so many "
        "would not be; a random split puts one to learn from and its twin to be judged by."
    )
    yield Exhibit("twins", "suspicious", words, {"rows": int(again.sum()), "share": share, "how": how})


def _equal_rows(subject: Subject, names: list[str]) -> tuple[np.ndarray, bool]:
    """The rows that repeat an earlier one, and whether that is no chance.

    Rows of coarse columns may be equal by chance. Then there are many more that differ in one column alone; where rows are
    copies there are hardly any, whichever column is left out of the comparison.
    """
    codes = {name: subject.codes(name)[0] for name in [*names, subject.target]}
    again = pd.Series(subject.prints(list(codes))).duplicated().to_numpy()
    enough = again.sum() >= 5 and again.mean() >= FEW_TWICE
    return again, bool(enough and min(_equal_too(codes, name) for name in _most_varied(subject, names)) >= 0.5)


def _alike(subject: Subject, floats: list[str], whole: list[str]) -> np.ndarray:
    """The rows that repeat an earlier one in all columns without a fraction, where most of such rows are nearly equal in the others too."""
    prints = pd.Series(subject.prints([*whole, subject.target]))
    equal, again = prints.duplicated(keep=False).to_numpy(), prints.duplicated().to_numpy()
    if again.sum() < 5:
        return np.zeros(subject.rows, dtype=bool)
    ranks = pd.DataFrame({name: subject.numbers(name) for name in floats}).rank(pct=True).fillna(-1.0)
    inside = ranks[equal].groupby(prints[equal])
    apart = (inside.max() - inside.min()).to_numpy()
    near, other = (apart <= ALIKE).all(axis=1), (apart > 0).any(axis=1)
    return again if near.mean() >= 0.5 and other.mean() >= 0.5 else np.zeros(subject.rows, dtype=bool)


def _near(subject: Subject, floats: list[str], whole: list[str]) -> np.ndarray:
    """The later one of every two rows that are each other's nearest by far, and equal in all columns without a fraction.

    How near the nearest row is beside the second nearest tells in how many directions the rows spread, and from that how many
    may be so near by chance (Facco, d'Errico, Rodriguez and Laio, "Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information", Scientific Reports 7, 2017).
    """
    from scipy.spatial import cKDTree

    used = _most_varied(subject, floats, 12)
    numbers = pd.DataFrame({name: subject.numbers(name) for name in used})
    places = ((numbers - numbers.median()) / numbers.std().replace(0, 1)).clip(-3, 3).fillna(-5.0).to_numpy()
    at = np.argsort(places[:, 0], kind="stable")[:MOST_NEAR]  # neighbours by one column: twins stay together
    found = np.zeros(subject.rows, dtype=bool)
    if len(at) < 30:
        return found
    far, near = cKDTree(places[at]).query(places[at], k=3)
    mutual = near[near[:, 1], 1] == np.arange(len(at))
    times = far[:, 2] / np.maximum(far[:, 1], 1e-12)
    spread = np.log(1 / 0.75) / max(float(np.log(np.quantile(times, 0.25))), 1e-6)
    prints = subject.prints([*whole, subject.target])[at]
    same = mutual & (prints[near[:, 1]] == prints)
    twin = same & (times >= NEARER) & (far[:, 1] > 0)
    if twin.mean() > max(0.02, 3 * NEARER**-spread):
        found[at[twin & (np.arange(len(at)) > near[:, 1])]] = True
    return found


def _most_varied(subject: Subject, names: list[str], most: int = MOST_TRIED) -> list[str]:
    return sorted(names, key=lambda name: -len(subject.codes(name)[1]))[:most]


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
