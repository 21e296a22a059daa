"""What says the same thing again: columns with a single value (DQ002), repeated rows (DQ003), repeated columns (DQ004)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.util import hash_array

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, add_step, check_entry, leave_out, not_applicable, passed
from pipeline.quality.subject import Subject, counted, listed, percent

KNOWS_MOST = ("datetime", "numeric", "boolean", "categorical", "text", "id")


@check_entry(
    code="DQ002",
    title="Constant columns",
    help="A column with one value, or none, cannot tell rows apart. One with almost only one value rarely can.",
    severity="Warning for a single value; information when one value fills almost all rows.",
    params=(Param("share", "float", 0.999, "Nearly constant from", "Share of the filled cells that have the same value.", 0.5, 1.0),),
)
def constant(subject: Subject, params: dict) -> Verdict:
    most = {name: _largest_share(subject, name) for name in subject.features}
    single = [name for name in subject.features if len(subject.codes(name)[1]) <= 1]
    nearly = [name for name in subject.features if name not in single and most[name] >= params["share"]]
    if not single and not nearly:
        return passed("Every column has at least two values, none of them in almost every row.")
    words = []
    if single:
        words.append(f"{listed(single)}: one value or none in all {subject.rows:,} rows.")
    if nearly:
        words.append(f"{listed(nearly)}: the same value in at least {percent(params['share'])} of the rows.")
    fixes = [leave_out("DQ002", group) for group in (single, single + nearly) if group]
    return Verdict(
        " ".join(words), "warning" if single else "info", tuple(single + nearly), None,
        {"constant": single, "nearly": {name: most[name] for name in nearly}}, tuple(dict.fromkeys(fixes)) if nearly else (fixes[0],),
        safe=bool(single),
    )  # fmt: skip


def _largest_share(subject: Subject, name: str) -> float:
    counts = subject.counts(name)
    return float(counts.max() / counts.sum()) if len(counts) else 1.0


@check_entry(
    code="DQ003",
    title="Duplicate rows",
    help="Counts rows that repeat an earlier row in every column; columns that number the rows are not compared. "
    "A row that is in the training part and again in the holdout makes a model look better than it is.",
    severity="Warning from the threshold; information below it.",
    params=(Param("warn", "float", 0.01, "Warn from", "Share of rows that repeat an earlier one.", 0.0, 1.0),),
)
def duplicate_rows(subject: Subject, params: dict) -> Verdict:
    ids = [name for name in subject.names if subject.kind(name) == "id"]
    compared = [name for name in subject.names if name not in ids]
    if not compared:
        return not_applicable("Every column identifies the row, so no two rows can be compared.")
    again = pd.Series(subject.prints(compared)).duplicated().to_numpy()
    share, without = float(again.mean()), f" Not compared, because it identifies the row: {listed(ids)}." if ids else ""
    if not again.any():
        return passed(f"No row repeats an earlier one.{without}", duplicates=0, ignored=ids)
    chance = not _telling(subject, compared, again)
    doubt = " Rows of so few or so coarse columns may also be equal by chance, so look before you drop them." if chance else ""
    seen = f"{int(again.sum()):,} of {subject.rows:,} rows ({percent(share)}) repeat an earlier row in {counted(len(compared), 'column')}."
    return Verdict(
        f"{seen}{without}{doubt}",
        "warning" if share >= params["warn"] and not chance else "info", (), again,
        {"duplicates": int(again.sum()), "share": share, "ignored": ids, "by_chance": chance},
        (add_step("DQ003", "Drop repeated rows from the training data", "drop_duplicates"),), safe=not chance,
    )  # fmt: skip


def _telling(subject: Subject, names: list[str], again: np.ndarray) -> bool:
    """True when some column is otherwise different in nearly every row: two equal rows are then one row twice."""
    first = ~again
    return any(len(np.unique(subject.codes(name)[0][first])) >= 0.9 * first.sum() for name in names) and first.sum() > 20


@dataclass(frozen=True)
class Pair:
    """`column` adds nothing to `original`; `same` when the values are equal too, and not only matched one for one."""

    column: str
    original: str
    same: bool


@check_entry(
    code="DQ004",
    title="Duplicate columns",
    help="Finds columns that hold the same values as another one, or the same values under other names, one for one.",
    severity="Warning for equal values; information when only the names of the values differ.",
    params=(Param("rows", "int", 50, "Recoded from", "Rows that a table needs before a recoding is believed.", 2, 1_000_000, unit="rows"),),
)
def duplicate_columns(subject: Subject, params: dict) -> Verdict:
    pairs = _equal_columns(subject, params["rows"])
    if not pairs:
        return passed("No column repeats another one.")
    seen = [f"{pair.column!r} repeats {pair.original!r}" + ("" if pair.same else " under other names") for pair in pairs]
    more = f", and {len(seen) - 3} more" if len(seen) > 3 else ""
    same = [pair.column for pair in pairs if pair.same]
    groups = [same, [pair.column for pair in pairs]] if 0 < len(same) < len(pairs) else [[pair.column for pair in pairs]]
    return Verdict(
        f"{', '.join(seen[:3])}{more}.", "warning" if same else "info", tuple(pair.column for pair in pairs), None,
        {"pairs": [{"column": pair.column, "repeats": pair.original, "same_values": pair.same} for pair in pairs]},
        tuple(leave_out("DQ004", group) for group in groups), safe=bool(same),
    )  # fmt: skip


def repeated(subject: Subject, _: str) -> list[Pair]:
    """The repeated columns at the usual threshold, for other checks: what is a copy is not also a near copy."""
    return _equal_columns(subject, 50)


def _equal_columns(subject: Subject, rows: int) -> list[Pair]:
    """Every column that repeats another one, once.

    Codes count values in order of first appearance, so two columns have equal codes exactly when they are the same up
    to the names of their values. Where nearly every row has its own value that says nothing, and values must be equal.
    Of a date, a number and words that match one for one, the one that knows the order of its values is kept.
    """
    kept: dict[bytes, str] = {}
    found = []
    for name in sorted(subject.features, key=lambda name: KNOWS_MOST.index(subject.kind(name))):
        if len(subject.codes(name)[1]) < 2:
            continue
        recoding, exact = _prints(subject, name, rows)
        original = kept.setdefault(exact, kept.setdefault(recoding, name))
        if original != name:
            found.append(Pair(name, original, exact == _prints(subject, original, rows)[1]))
    return sorted(found, key=lambda pair: subject.features.index(pair.column))


def _prints(subject: Subject, name: str, rows: int) -> tuple[bytes, bytes]:
    """Two fingerprints of a column: one that a recoding leaves as it is, where that says something, and one of the values."""
    codes, values = subject.codes(name)
    believed = subject.rows >= rows and len(values) <= subject.rows / 2
    shape = hashlib.sha256(codes.tobytes())
    exact = shape.copy()
    exact.update(str(values.dtype).lower().encode() + hash_array(values.to_numpy()).tobytes())
    return (shape if believed else exact).digest(), exact.digest()
