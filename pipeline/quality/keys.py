"""Rows that contradict each other: one key for two rows (DQ025), one description with two answers (DQ026)."""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.classes import CLASSES
from pipeline.quality.entry import Verdict, check_entry, not_applicable, passed
from pipeline.quality.identity import ID_NAME, identifiers
from pipeline.quality.subject import Subject, counted, listed, percent, some


@check_entry(
    code="DQ025",
    title="One key for several rows",
    help="A column that gives nearly every row a value of its own, and a few rows the same one although they differ in other columns.",
    severity="Warning: either two things share a key, or one thing is in the table twice with different facts.",
    params=(Param("share", "float", 0.95, "A key from", "Different values per filled cell.", 0.5, 1.0),),
)
def repeated_keys(subject: Subject, params: dict) -> Verdict:
    keys = [name for name in subject.features if _is_key(subject, name, params["share"])]
    if not keys:
        return not_applicable("No column looks like a key: a code or a whole number, different in nearly every row.")
    masks = {name: mask for name in keys if (mask := _shared(subject, name)).any()}
    if not masks:
        return passed(f"Every value of {listed(keys)} stands in one row.")
    counts = {name: len(np.unique(subject.codes(name)[0][mask])) for name, mask in masks.items()}
    seen = (f"{counted(counts[name], 'value')} of {name!r} {'stands' if counts[name] == 1 else 'stand'} in several rows ({mask.sum():,}) that differ elsewhere"
            for name, mask in masks.items())  # fmt: skip
    return Verdict(f"{some(seen)}.", "warning", tuple(masks), np.any(list(masks.values()), axis=0), {"shared_keys": counts})


def _is_key(subject: Subject, name: str, share: float) -> bool:
    values, filled = subject.codes(name)[1], int((~subject.missing(name)).sum())
    if filled < 30 or len(values) < share * filled or subject.kind(name) in ("text", "datetime", "boolean"):
        return False
    if subject.is_text(name):
        some_of = [str(value) for value in values[:200]]
        return subject.kind(name) == "id" or bool(ID_NAME.search(name)) or all(" " not in t and any(c.isdigit() for c in t) for t in some_of)
    return str(subject.table[name].dtype).lower() == "int64" and bool(ID_NAME.search(name))


def _shared(subject: Subject, name: str) -> np.ndarray:
    """Rows whose key stands in another row that is not the same row again; two answers to the same row belong to DQ026."""
    codes, counts = subject.codes(name)[0], subject.counts(name)
    shared = (codes >= 0) & (counts[codes] > 1)
    rows = np.flatnonzero(shared)
    if not len(rows):
        return shared
    prints = subject.prints(subject.features if subject.task in CLASSES else subject.names)[rows]
    kinds = np.unique(np.column_stack([codes[rows].astype(np.uint64), prints]), axis=0)[:, 0]
    differing = np.flatnonzero(np.bincount(kinds.astype(np.int64), minlength=len(counts)) > 1)
    return shared & np.isin(codes, differing)


@check_entry(
    code="DQ026",
    title="Equal rows, different classes",
    help="Finds rows that are equal in every column but the target, and have different classes there. No model can be right about all of "
    "them. Columns that identify the row are not compared.",
    severity="Warning where equal rows are rare enough to be the same case; information where columns are so coarse that cases share a row.",
    needs_target=True,
    tasks=CLASSES,
    params=(Param("share", "float", 0.05, "The same case up to", "Share of rows that have an equal one; above it the columns are too coarse.", 0.0, 1.0),),
)
def conflicts(subject: Subject, params: dict) -> Verdict:
    named = set(subject.once(identifiers))
    compared = [name for name in subject.features if name not in named]
    if not compared:
        return not_applicable("Every column besides the target identifies the row, so no two rows are equal.")
    target, prints = subject.codes(subject.target)[0], subject.prints(compared)
    labelled = target >= 0
    _, group, sizes = np.unique(prints, return_inverse=True, return_counts=True)
    answers = np.unique(np.column_stack([group[labelled], target[labelled]]), axis=0)
    several = np.bincount(answers[:, 0], minlength=len(sizes)) > 1
    hit = several[group] & labelled
    if not hit.any():
        return passed("Rows that are equal in every column have the same class.")
    equal = float((sizes[group] > 1).mean())
    coarse = equal > params["share"]
    why = f" {percent(equal)} of the rows have an equal one, so the columns may just be too coarse to tell the cases apart." if coarse else ""
    return Verdict(
        f"{counted(int(hit.sum()), 'row')} ({percent(hit.mean())}) in {counted(int(several.sum()), 'group')} are equal in {counted(len(compared), 'column')} "
        f"and differ in {subject.target!r}.{why} Look which class is right, or add what tells them apart.",
        "info" if coarse else "warning", (subject.target,), hit,
        {"groups": int(several.sum()), "rows": int(hit.sum()), "equal_rows": equal, "best_possible_accuracy": _ceiling(group[labelled], target[labelled])},
    )  # fmt: skip


def _ceiling(group: np.ndarray, target: np.ndarray) -> float:
    """The accuracy of a model that answers each group of equal rows with its commonest class."""
    pairs, counts = np.unique(np.column_stack([group, target]), axis=0, return_counts=True)
    best = np.zeros(int(group.max()) + 1, dtype=np.int64)
    np.maximum.at(best, pairs[:, 0], counts)
    return float(best.sum() / len(group))
