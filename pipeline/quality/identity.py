"""Columns with too many values: those that number the rows (DQ005), and categories with very many levels (DQ006)."""

from __future__ import annotations

import re

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, add_step, check_entry, leave_out, not_applicable, passed
from pipeline.quality.subject import Subject, listed, percent

ID_NAME = re.compile(r"(^|[_\W])(id|ids|key|uuid|guid|index|rowid|serial|number|num|no|nr)$|[a-z](Id|ID|Key)$", re.IGNORECASE)


@check_entry(
    code="DQ005",
    title="Columns that identify the row",
    help="A different value in nearly every row, as a customer number has, can only be learned by heart.",
    severity="Warning: it may look useful in training and cannot be useful later.",
    params=(
        Param("share", "float", 0.95, "Different values from", "Distinct values per filled cell.", 0.5, 1.0),
        Param("rows", "int", 30, "At least", "Rows before a column of all different values is suspicious.", 2, 1_000_000, unit="rows"),
    ),
)
def id_like(subject: Subject, params: dict) -> Verdict:
    reasons = {name: reason for name in subject.features if (reason := _why_id(subject, name, params))}
    if not reasons:
        return passed("No column gives every row a value of its own.")
    seen = [f"{name!r} {reason}" for name, reason in reasons.items()]
    more = f"; and {len(seen) - 3} more" if len(seen) > 3 else ""
    return Verdict(
        f"{'; '.join(seen[:3])}{more}.", "warning", tuple(reasons), None,
        {"reasons": reasons, "unique": {name: len(subject.codes(name)[1]) for name in reasons}},
        (leave_out("DQ005", list(reasons)),), safe=True,
    )  # fmt: skip


def identifiers(subject: Subject, _: str = "") -> list[str]:
    """The columns that identify the row at the usual thresholds, for other checks."""
    return [name for name in subject.features if _why_id(subject, name, {"share": 0.95, "rows": 30})]


def _why_id(subject: Subject, name: str, params: dict) -> str:
    """In words, why the column identifies the row; empty when it does not."""
    values, filled = len(subject.codes(name)[1]), int((~subject.missing(name)).sum())
    if subject.kind(name) == "id":
        return f"identifies the row ({values:,} values in {filled:,} rows)"
    if filled < params["rows"] or values < params["share"] * filled:
        return ""
    if subject.kind(name) == "categorical":
        return f"has {values:,} different values in {filled:,} rows"
    if subject.kind(name) == "numeric" and str(subject.table[name].dtype).lower() == "int64":
        return _why_numbering(subject, name, values)
    return ""


def _why_numbering(subject: Subject, name: str, values: int) -> str:
    numbers = subject.numbers(name)
    span = float(np.nanmax(numbers) - np.nanmin(numbers)) + 1
    if span <= 1.1 * values:
        return f"counts the rows: {values:,} different whole numbers without gaps"
    if ID_NAME.search(name):
        return f"has a different whole number in nearly every row ({values:,}), and is named like an identifier"
    return ""


@check_entry(
    code="DQ006",
    title="Categories with very many levels",
    help="Levels with a handful of rows each teach little and may never come back.",
    severity="Warning when most levels have fewer rows than the second threshold; information otherwise.",
    params=(
        Param("levels", "int", 100, "Levels from", "Distinct values of a category.", 2, 1_000_000, unit="levels"),
        Param("rows", "int", 5, "Rows per level", "Fewer rows than this are too few to learn a level from.", 1, 100_000, unit="rows"),
    ),
)
def high_cardinality(subject: Subject, params: dict) -> Verdict:
    named = set(subject.once(identifiers))
    columns = [name for name in subject.of_kind("categorical") if name not in named]
    if not columns:
        return not_applicable("The table has no categorical column besides the target and those that identify the row.")
    hit = [name for name in columns if len(subject.codes(name)[1]) > params["levels"]]
    if not hit:
        return passed(f"No category has more than {params['levels']:,} levels.")
    facts = {name: _levels(subject, name, params["rows"]) for name in hit}
    thin = any(fact["thin_share"] > 0.5 for fact in facts.values())
    seen = ", ".join(f"{name!r} has {f['levels']:,} levels, {percent(f['thin_share'])} with under {params['rows']} rows" for name, f in list(facts.items())[:3])
    return Verdict(
        f"{seen}{f', and {len(hit) - 3} more' if len(hit) > 3 else ''}.", "warning" if thin else "info", tuple(hit), None, facts,
        (add_step("DQ006", f"Put rare levels together in {listed(hit)}", "group_rare", hit, min_share=0.01), leave_out("DQ006", hit)),
    )  # fmt: skip


def _levels(subject: Subject, name: str, rows: int) -> dict:
    counts = subject.counts(name)
    return {"levels": len(counts), "thin_share": float((counts < rows).mean()), "median_rows": float(np.median(counts))}
