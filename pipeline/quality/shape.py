"""Numbers that come too often: zeros (DQ017), and one number inside the range (DQ018)."""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, add_step, check_entry, not_applicable, passed
from pipeline.quality.gaps import SLIPS, disguise
from pipeline.quality.subject import Subject, counted, listed, percent, some

NO_NUMBERS = "The table has no numeric column besides the target."


@check_entry(
    code="DQ017",
    title="Too many zeros",
    help="A heap of zeros that lies apart from all other numbers (a blood pressure of 0) stands for something that was not measured. "
    "Where most of a column is zero, whether it is zero and how much it is are two questions.",
    severity="Warning when the zeros lie apart from the other numbers; information when they only are most of the column.",
    params=(
        Param("rows", "int", 5, "At least", "Zeros that make a heap.", 1, 1_000_000, unit="rows"),
        Param("most", "float", 0.8, "Mostly zero from", "Share of the filled cells.", 0.1, 1.0),
    ),
)
def zeros(subject: Subject, params: dict) -> Verdict:
    if not subject.figures:
        return not_applicable(NO_NUMBERS)
    facts = {name: fact for name in subject.figures if (fact := _zeros(subject, name, params))}
    if not facts:
        return passed("No column has more zeros than its other numbers lead to expect.")
    apart = [name for name, fact in facts.items() if fact["apart"]]
    seen = (f"{name!r} is zero in {counted(f['rows'], 'row')} ({percent(f['share'])}); its other numbers " + (f"begin at {f['next']:g}" if f["apart"] else
            f"have the median {f['median']:g}") for name, f in sorted(facts.items(), key=lambda item: not item[1]["apart"]))  # fmt: skip
    told = apart or list(facts)
    return Verdict(
        f"{some(seen)}.", "warning" if apart else "info", (*apart, *(name for name in facts if name not in apart)),
        np.any([subject.numbers(name) == 0 for name in told], axis=0), facts,
        (add_step("DQ017", f"Take the zeros in {listed(apart)} for missing", "replace_missing", apart, values="0"),) if apart else (),
    )  # fmt: skip


def _zeros(subject: Subject, name: str, params: dict) -> dict | None:
    """Zeros among many different numbers of one sign, when they lie apart or are most of them."""
    values, counts = subject.codes(name)[1].to_numpy(dtype="float64"), subject.counts(name)
    zero, hidden = values == 0, subject.once(disguise, name)
    known = ~np.isin(np.arange(len(values)), hidden.codes if hidden else ())
    sides = [counts[side & known].sum() for side in (values < 0, values > 0)]
    if not zero.any() or known.sum() <= 20 or min(sides) > SLIPS * subject.rows:
        return None
    other = known & ((values > 0) if sides[1] > sides[0] else (values < 0))
    rows, others, weights = int(counts[zero].sum()), np.abs(values[other]), counts[other]
    order = np.argsort(others, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    middle = float(others[order][np.searchsorted(reached, 0.5)])
    apart = (
        rows >= params["rows"]
        and float(others.min()) >= 0.2 * middle
        and float(others.min()) > 5 * float(np.median(np.diff(others[order])))
    )
    share = rows / counts.sum()
    return (
        {"rows": rows, "share": share, "apart": bool(apart), "next": float(others.min()), "median": middle}
        if apart or share >= params["most"]
        else None
    )


def zeros_apart(subject: Subject, name: str) -> bool:
    """Whether the zeros of a column are a heap of their own at the usual thresholds."""
    fact = _zeros(subject, name, {"rows": 5, "most": 1.0})
    return bool(fact and fact["apart"])


@check_entry(
    code="DQ018",
    title="One number far too often",
    help="Among numbers that hardly repeat, one inside their range that comes again and again was as a rule filled in: a mean, or a default.",
    severity="Warning: it is not a measurement.",
    params=(
        Param("share", "float", 0.01, "From", "Share of the filled cells that the number has.", 0.0, 1.0),
        Param("times", "float", 10.0, "Times", "How many times as often as the next number.", 2.0, 1000.0),
        Param("values", "int", 100, "Different numbers", "A column needs this many before one of them can be too common.", 10, 1_000_000),
    ),
)
def inliers(subject: Subject, params: dict) -> Verdict:
    if not subject.figures:
        return not_applicable(NO_NUMBERS)
    hit = {name: code for name in subject.figures if (code := _too_often(subject, name, params)) is not None}
    if not hit:
        return passed("No number inside the range of a column comes up far more often than the others.")
    facts = {name: {"value": float(subject.codes(name)[1][code]), "rows": int(subject.counts(name)[code])} for name, code in hit.items()}
    seen = (
        f"{name!r} is {f['value']:.10g} in {counted(f['rows'], 'row')}, {params['times']:g} times as often as any other number"
        for name, f in facts.items()
    )
    fixes = [
        add_step("DQ018", f"Take {f['value']:.10g} in {name!r} for missing", "replace_missing", [name], values=repr(f["value"]))
        for name, f in facts.items()
    ]
    return Verdict(
        f"{some(seen)}, or more.", "warning", tuple(hit), np.any([subject.codes(name)[0] == code for name, code in hit.items()], axis=0), facts, tuple(fixes),
    )  # fmt: skip


def _too_often(subject: Subject, name: str, params: dict) -> int | None:
    """The code of a number that is lonely in how often it comes, and is neither an end of the range nor zero."""
    counts = subject.counts(name)
    if len(counts) < params["values"]:
        return None
    values = subject.codes(name)[1].to_numpy(dtype="float64")
    hidden = subject.once(disguise, name)
    counts = np.where(np.isin(np.arange(len(counts)), hidden.codes if hidden else ()), 0, counts)
    if subject.once(zeros_apart, name):
        counts[values == 0] = 0
    top = int(counts.argmax())
    second = int(np.partition(counts, -2)[-2])
    inside = values.min() < values[top] < values.max() and values[top] != 0
    often = counts[top] >= max(10, params["times"] * second, params["share"] * counts.sum())
    return top if inside and often else None
