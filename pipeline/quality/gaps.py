"""Cells that are empty (DQ001), and cells that only look filled (DQ008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.catalog import Param
from pipeline.plan import Fix, StepSpec
from pipeline.quality.entry import Verdict, check_entry, leave_out, passed
from pipeline.quality.subject import Subject, counted, listed, percent

# Written in place of a value. "none" and "other" are left alone: too often they are an answer.
TOKENS = frozenset(
    "? ?? ??? - -- --- . .. ... _ * n/a n.a. na #n/a nan null nil unknown unk undefined missing blank (blank) empty (empty) "
    "tbd tba unspecified".split()
) | {"not available", "not known", "no data", "not specified", "not recorded", "n/k", "to be determined"}
NEGATIVE = (-1, -9, -99, -999, -9999, -99999, -999999)
SLIPS = 0.005  # of the rows may be on the wrong side of 0 in a column that is not signed
NINES = (99, 999, 9999, 99999, 999999, 9999999, 99999999)


@check_entry(
    code="DQ001",
    title="Missing values",
    help="Counts empty cells in every column. Some are usual: the recipe fills them in, inside each fold.",
    severity="Warning from the second threshold, or when the target is missing in some rows; information from the first.",
    params=(
        Param("notice", "float", 0.05, "Notice from", "Share of empty cells that is worth knowing.", 0.0, 1.0),
        Param("warn", "float", 0.5, "Warn from", "Share of empty cells that is a problem.", 0.0, 1.0),
        Param("drop", "float", 0.95, "Suggest leaving out from", "Share of empty cells that leaves too little to learn from.", 0.0, 1.0),
    ),
)
def missing(subject: Subject, params: dict) -> Verdict:
    shares = {name: float(subject.missing(name).mean()) for name in subject.names}
    hit = [name for name in subject.features if shares[name] > 0 and shares[name] >= params["notice"]]
    unlabelled = subject.target is not None and shares.get(subject.target, 0) > 0
    if not hit and not unlabelled:
        some = sum(share > 0 for share in shares.values())
        few = f"{counted(some, 'column')} with a few empty cells, under {percent(params['notice'])} each."
        return passed(few if some else "No cell is empty.")
    columns = [subject.target, *hit] if unlabelled else hit
    worst = max(columns, key=shares.get)
    empty = [name for name in hit if shares[name] >= params["drop"]]
    severe = unlabelled or shares[worst] >= params["warn"]
    return Verdict(
        _missing_words(subject, shares, hit, unlabelled), "warning" if severe else "info", tuple(columns),
        np.any([subject.missing(name) for name in columns], axis=0),
        {"missing": {name: int(subject.missing(name).sum()) for name in columns}, "share": {name: shares[name] for name in columns}},
        (leave_out("DQ001", empty),) if empty else (), safe=True,
    )  # fmt: skip


def _missing_words(subject: Subject, shares: dict[str, float], hit: list[str], unlabelled: bool) -> str:
    words = []
    if unlabelled:
        count = int(subject.missing(subject.target).sum())
        words.append(
            f"The target {subject.target!r} is empty in {count:,} of {subject.rows:,} rows; those rows cannot teach and are left out."
        )
    if hit:
        worst = sorted(hit, key=lambda name: -shares[name])
        seen = ", ".join(f"{name!r} {percent(shares[name])}" for name in worst[:3])
        more = f" and {len(hit) - 3} more" if len(hit) > 3 else ""
        words.append(f"Empty cells in {counted(len(hit), 'column')}: {seen}{more}. The recipe fills them in, inside each fold.")
    return " ".join(words)


@dataclass(frozen=True)
class Disguise:
    """Values of one column that stand for 'not known'; `certain` when hardly anything else could be meant."""

    values: tuple[str, ...]
    codes: tuple[int, ...]
    certain: bool


@check_entry(
    code="DQ008",
    title="Missing values in disguise",
    help="Looks for '?', 'unknown', '-' or 'n/a' in words, and for heaps of -1, -999, 999 or 9999 beside the range of the other numbers.",
    severity="Warning: a model takes them for values.",
    params=(
        Param("heap", "float", 0.001, "Heap from", "Share of rows that a number must fill to count as a stand-in.", 0.0, 1.0),
        Param("rows", "int", 5, "At least", "Rows that a number must fill to count as a stand-in.", 1, 1_000_000, unit="rows"),
    ),
)
def disguised(subject: Subject, params: dict) -> Verdict:
    hits = {name: hit for name in subject.features if (hit := _disguise(subject, name, params))}
    if not hits:
        return passed("No stand-ins such as '?', 'unknown' or -999 were seen.")
    masks = {name: np.isin(subject.codes(name)[0], hit.codes) for name, hit in hits.items()}
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    seen = [f"{' and '.join(map(repr, hit.values))} in {name!r} ({counts[name]:,} rows)" for name, hit in hits.items()]
    more = f"; and in {len(seen) - 3} more" if len(seen) > 3 else ""
    return Verdict(
        f"These look like stand-ins for a missing value: {'; '.join(seen[:3])}{more}.", "warning", tuple(hits),
        np.any(list(masks.values()), axis=0), {"values": {name: list(hit.values) for name, hit in hits.items()}, "rows": counts},
        _disguise_fixes(hits), safe=any(hit.certain for hit in hits.values()),
    )  # fmt: skip


def _disguise(subject: Subject, name: str, params: dict) -> Disguise | None:
    if subject.kind(name) in ("text", "boolean", "datetime", "id"):
        return None
    if subject.is_text(name):
        return _words(subject, name)
    return _heaps(subject, name, params) if subject.is_number(name) else None


def disguise(subject: Subject, name: str) -> Disguise | None:
    """The stand-ins of a column at the usual thresholds, for other checks: what is a gap is not also an outlier."""
    return _disguise(subject, name, {"heap": 0.001, "rows": 5})


def _words(subject: Subject, name: str) -> Disguise | None:
    values = subject.codes(name)[1]
    codes = tuple(i for i, value in enumerate(values) if str(value).strip().lower() in TOKENS)
    if not codes or len(codes) == len(values):
        return None
    return Disguise(tuple(str(values[i]) for i in codes), codes, certain=True)


def _heaps(subject: Subject, name: str, params: dict) -> Disguise | None:
    """A stand-in number lies alone: below a range that starts at 0 or more but for a few slips, or far above the largest other number."""
    values = np.asarray(subject.codes(name)[1].to_numpy(dtype="float64"))
    if len(values) < 3:
        return None
    counts = subject.counts(name)
    heap = counts >= max(params["rows"], params["heap"] * subject.rows)
    if not heap.any():
        return None
    below = np.isin(values, NEGATIVE) & heap
    slips = counts[(values < 0) & ~below].sum()
    if slips:
        below &= (values <= -9) & (counts >= 2 * slips) & (slips <= SLIPS * subject.rows)
    top = _lonely_nines(values, counts, below) & heap
    codes = np.flatnonzero(below | top)
    if not len(codes) or ((values[codes] == -1).all() and len(values) <= 3):
        return None  # -1, 0 and 1 are an answer, not a gap
    certain = not top.any() and bool((values[codes] <= -9).all())
    return Disguise(tuple(f"{values[i]:g}" if abs(values[i]) < 1e5 else f"{values[i]:.0f}" for i in codes), tuple(codes), certain)


def _lonely_nines(values: np.ndarray, counts: np.ndarray, below: np.ndarray) -> np.ndarray:
    """All nines, the largest number, more than twice the next one, and commoner than the three numbers next to it."""
    top = int(values.argmax())
    others = values[(np.arange(len(values)) != top) & ~below]
    if values[top] not in NINES or not len(others) or (others < 0).any() or values[top] <= 2 * others.max():
        return np.zeros(len(values), dtype=bool)
    nearest = np.argsort(values)[-4:-1]
    return (np.arange(len(values)) == top) & (counts[top] > counts[nearest].mean())


def _disguise_fixes(hits: dict[str, Disguise]) -> tuple[Fix, ...]:
    """First the certain ones alone, when there are others; then all."""
    certain = {name: hit for name, hit in hits.items() if hit.certain}
    groups = [group for group in (certain, hits) if group]
    if len(certain) == len(hits):
        groups = [hits]
    return tuple(_replace(group) for group in groups)


def _replace(hits: dict[str, Disguise]) -> Fix:
    by_values: dict[tuple[str, ...], list[str]] = {}
    for name, hit in hits.items():
        by_values.setdefault(hit.values, []).append(name)
    steps = tuple(
        StepSpec(step="replace_missing", columns=tuple(names), params={"values": "|".join(values)}) for values, names in by_values.items()
    )
    return Fix(code="DQ008", title=f"Take them for missing in {listed(list(hits))}", steps=steps)
