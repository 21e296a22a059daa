"""Columns that nearly say the same: near copies (DQ019), and groups of numbers that move together (DQ020).

Numbers and dates are compared by Spearman's rank correlation, so that a change of unit or a logarithm hides nothing, on as
many rows as a fixed number of multiplications allows. Each column is compared with all before it, and what counts is the
one that it follows most closely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, check_entry, leave_out, not_applicable, passed
from pipeline.quality.repeats import repeated
from pipeline.quality.subject import Subject, listed, some

OPERATIONS = 2e10  # columns x columns x rows: about a second
MOST_ROWS = 20_000
MOST_CATEGORIES = 150
CLOSE = 0.8  # correlations below are not kept


@dataclass(frozen=True)
class Tie:
    """`column` follows the earlier `other` with Spearman's correlation r, or agrees with it in that share of rows."""

    column: str
    other: str
    r: float
    words: bool = False


@check_entry(
    code="DQ019",
    title="Nearly the same column twice",
    help="Finds numbers and dates whose order is nearly that of another column, and categories that nearly always come with the same "
    "category of another one.",
    severity="Information: a model learns as well without one of the two, and explains itself better.",
    params=(Param("least", "float", 0.99, "From", "Rank correlation of numbers, or share of rows in which categories agree.", 0.9, 1.0),),
)
def near_copies(subject: Subject, params: dict) -> Verdict:
    if len(subject.features) < 2:
        return not_applicable("There are no two columns besides the target.")
    near = [tie for tie in (*subject.once(ties), *subject.once(agreements)) if abs(tie.r) >= params["least"]]
    if not near:
        return passed("No column is nearly the same as another one.")
    seen = (f"{tie.column!r} {'agrees with' if tie.words else 'follows'} {tie.other!r} ({_said(tie)})" for tie in near)
    columns = tuple(tie.column for tie in near)
    evidence = {
        "pairs": [{"column": tie.column, "like": tie.other, "agreement" if tie.words else "rank_correlation": tie.r} for tie in near[:100]]
    }
    return Verdict(f"{some(seen)}.", "info", columns, None, evidence, (leave_out("DQ019", list(columns)),))


def _said(tie: Tie) -> str:
    return f"in {tie.r:.2%} of the rows" if tie.words else f"rank correlation {tie.r:.4f}"


@check_entry(
    code="DQ020",
    title="Numbers that move together",
    help="Groups numbers whose rank correlation is high. Which of a group matters cannot be told from such data, and the weights "
    "of a linear model become arbitrary.",
    severity="Information: predictions rarely suffer, explanations do.",
    params=(Param("least", "float", 0.9, "From", "Rank correlation, whichever its sign.", 0.8, 1.0),),
)
def correlated(subject: Subject, params: dict) -> Verdict:
    if len(_ordered(subject)) < 2:
        return not_applicable("There are no two columns of numbers besides the target.")
    tied = [tie for tie in subject.once(ties) if params["least"] <= abs(tie.r) < 0.99]
    if not tied:
        return passed(f"No two numbers have a rank correlation of {params['least']:g} or more.")
    groups: dict[str, list[Tie]] = {}
    home: dict[str, str] = {}
    for tie in tied:  # the other one always comes earlier, so its home is known
        home[tie.column] = home.get(tie.other, tie.other)
        groups.setdefault(home[tie.column], []).append(tie)
    members = {first: [first, *(tie.column for tie in group)] for first, group in groups.items()}
    seen = (
        f"{listed(names, 5)} (rank correlation up to {max(abs(tie.r) for tie in groups[first]):.2f})" for first, names in members.items()
    )
    return Verdict(
        f"These move together: {some(seen)}.", "info", tuple(dict.fromkeys(name for names in members.values() for name in names)), None,
        {"groups": list(members.values())[:50], "pairs": [{"column": tie.column, "like": tie.other, "rank_correlation": tie.r} for tie in tied[:100]]},
    )  # fmt: skip


def _ordered(subject: Subject) -> list[str]:
    """Numbers and dates with more than two values that repeat no other column."""
    again = {pair.column for pair in subject.once(repeated)}
    return [
        name
        for name in subject.of_kind("numeric", "datetime")
        if not subject.is_text(name) and name not in again and len(subject.codes(name)[1]) > 2
    ]


def ties(subject: Subject, _: str) -> list[Tie]:
    """Each ordered column that follows an earlier one, with the one that it follows most closely."""
    names = _ordered(subject)
    if len(names) < 2 or subject.rows < 20:
        return []
    rows = int(np.clip(OPERATIONS / len(names) ** 2, 50, MOST_ROWS))
    x = _ranks(subject, names, rows)
    found = []
    for start in range(0, len(names), 1000):
        r = x[:, start : start + 1000].T @ x
        r[np.arange(r.shape[1])[None, :] >= np.arange(start, start + len(r))[:, None]] = 0
        best = np.abs(r).argmax(axis=1)
        found += [Tie(names[start + i], names[j], float(r[i, j])) for i, j in enumerate(best) if abs(r[i, j]) >= CLOSE]
    return found


def _ranks(subject: Subject, names: list[str], rows: int) -> np.ndarray:
    """Ranks as columns of length one around zero, so that a product is a correlation; missing is the middle."""
    chosen = slice(None) if subject.rows <= rows else np.random.default_rng(0).choice(subject.rows, rows, replace=False)
    x = pd.DataFrame({i: subject.numbers(name)[chosen] for i, name in enumerate(names)}).rank()
    x = (x - x.mean()).fillna(0.0).to_numpy(dtype="float32")
    return x / np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-9)


def agreements(subject: Subject, _: str) -> list[Tie]:
    """Categories that come with the same category of an earlier column in nearly every row, both ways."""
    again = {pair.column for pair in subject.once(repeated)}
    names = [name for name in subject.of_kind("categorical", "boolean") if name not in again and 2 <= len(subject.codes(name)[1]) <= 1000][
        :MOST_CATEGORIES
    ]
    if subject.rows < 50 or len(names) < 2:
        return []
    rows = int(np.clip(2e8 / len(names) ** 2, 2_000, MOST_ROWS))
    chosen = slice(None) if subject.rows <= rows else np.random.default_rng(0).choice(subject.rows, rows, replace=False)
    codes = {name: subject.codes(name)[0][chosen] + 1 for name in names}
    found = []
    for place, name in enumerate(names):
        scores = {other: _agreement(codes[name], codes[other]) for other in names[:place]}
        other = max(scores, key=scores.get, default=None)
        if other is not None and scores[other] >= CLOSE:
            found.append(Tie(name, other, scores[other], words=True))
    return found


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """How much of the doubt about each is gone once the other is known, the lesser of both ways: 0 is nothing, 1 one for one.

    Goodman and Kruskal's lambda, taken back to a share of rows only where it is high, because a column that is nearly
    always the same agrees with everything.
    """
    pairs, counts = np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b, return_counts=True)
    n, by_a, by_b = len(a), _largest(pairs // (int(b.max()) + 1), counts), _largest(pairs % (int(b.max()) + 1), counts)
    doubt_a, doubt_b = n - np.bincount(a).max(), n - np.bincount(b).max()
    if not doubt_a or not doubt_b:
        return 0.0
    gone = min(1 - (n - by_b) / doubt_a, 1 - (n - by_a) / doubt_b)
    return float(min(by_a, by_b) / n) if gone >= 0.9 else 0.0


def _largest(group: np.ndarray, counts: np.ndarray) -> int:
    """The largest count of each group, summed."""
    largest = np.zeros(int(group.max()) + 1, dtype=np.int64)
    np.maximum.at(largest, group, counts)
    return int(largest.sum())
