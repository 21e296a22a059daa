"""The classes of the target: one that is much rarer than the others (DQ010), and ones with too few rows (DQ011)."""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.plan import MOST_CLASSES, Fix
from pipeline.quality.entry import Verdict, check_entry, not_applicable, passed
from pipeline.quality.subject import Subject, listed, percent

CLASSES = ("binary", "multiclass")
FAIR_METRIC = {"binary": ("pr_auc", "PR AUC"), "multiclass": ("balanced_accuracy", "balanced accuracy")}


@check_entry(
    code="DQ010",
    title="Unbalanced classes",
    help="When one class is rare, always guessing the common one is nearly always right, and says nothing.",
    severity="Warning: accuracy misleads; choose a metric that looks at the rare class.",
    needs_target=True,
    tasks=CLASSES,
    params=(Param("share", "float", 0.2, "Rare below", "Share of the rows that the rarest class has, times the number of classes.", 0.0, 1.0),),
)
def imbalance(subject: Subject, params: dict) -> Verdict:
    counts, names = subject.counts(subject.target), _names(subject)
    if not 2 <= len(counts) <= MOST_CLASSES:
        return not_applicable(f"The target {subject.target!r} has {len(counts):,} values; this check compares 2 to {MOST_CLASSES} classes.")
    shares, rarest, commonest = counts / counts.sum(), int(counts.argmin()), int(counts.argmax())
    evidence = {"shares": {names[i]: float(shares[i]) for i in np.argsort(-shares)[:50]}}
    seen = f"The rarest class {names[rarest]!r} has {percent(shares[rarest])} of the rows"
    if shares[rarest] * len(counts) >= params["share"]:
        return passed(f"{seen}, the commonest {percent(shares[commonest])}.", **evidence)
    metric, title = FAIR_METRIC[subject.task]
    return Verdict(
        f"{seen} ({counts[rarest]:,} of {counts.sum():,}). Guessing {names[commonest]!r} every time would be right in "
        f"{percent(shares[commonest])} of them.", "warning", (subject.target,), subject.codes(subject.target)[0] == rarest, evidence,
        (Fix(code="DQ010", title=f"Judge models by {title}", metric=metric),),
    )  # fmt: skip


@check_entry(
    code="DQ011",
    title="Classes with too few rows",
    help="A class needs rows in every fold and in the holdout, or it can be neither learned nor tested.",
    severity="Error when a class has a single row; warning below the threshold.",
    needs_target=True,
    tasks=CLASSES,
    params=(Param("rows", "int", 10, "At least", "Rows that every class needs.", 2, 1_000, unit="rows"),),
)
def rare_classes(subject: Subject, params: dict) -> Verdict:
    codes, labels = subject.codes(subject.target)[0], _names(subject)
    counts = subject.counts(subject.target)
    thin = np.flatnonzero(counts < params["rows"])
    if not len(thin):
        return passed(f"Every class of {subject.target!r} has at least {params['rows']} rows.", smallest=int(counts.min()))
    names = [labels[i] for i in thin[np.argsort(counts[thin], kind="stable")]]
    least = int(counts[thin].min())
    have = "has" if len(thin) == 1 else "have"
    return Verdict(
        f"{len(thin)} of {len(counts)} classes of {subject.target!r} {have} fewer than {params['rows']} rows: {listed(names)}; the smallest has "
        f"{least}. Collect more of them, or put them together with a neighbouring class before uploading.",
        "error" if least < 2 else "warning", (subject.target,), np.isin(codes, thin),
        {"rows": {labels[i]: int(counts[i]) for i in thin[:50]}, "classes": len(counts)},
    )  # fmt: skip


def _names(subject: Subject) -> list[str]:
    """The classes as the file writes them, in the order of their codes."""
    column = subject.schema[subject.target]
    return [str(column.label(value)) for value in subject.codes(subject.target)[1]]
