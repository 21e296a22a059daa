"""Quality: the checks, DQ001 and on, and `check`, which runs them all and suggests what to do.

To add one, write a function with `@check_entry(...)` in the file of its theme, or in a file of its own that is imported
below. The page, the report, the contract test and the documentation row follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.data.schema import Schema
from pipeline.quality import (  # noqa: F401 - importing registers the checks
    classes,
    drift,
    gaps,
    identity,
    keys,
    leakage,
    outcome,
    people,
    privacy,
    ranges,
    relations,
    repeats,
    shape,
    spelling,
    times,
    units,
    values,
)
from pipeline.quality.entry import CheckFacts, Verdict, check_entry, examine, not_applicable, passed
from pipeline.quality.mending import Changed, Mending, preview_fix
from pipeline.quality.privacy import masked
from pipeline.quality.report import Finding, Report
from pipeline.quality.subject import Subject

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Changed", "CheckFacts", "Finding", "Mending", "Report", "Subject", "Verdict", "check", "check_entry", "drift_against", "masked",
    "not_applicable", "passed", "preview_fix",
]  # fmt: skip


def check(
    table: pd.DataFrame, schema: Schema, target: str | None = None, thresholds: Mapping[str, Mapping[str, Any]] | None = None,
    against: pd.DataFrame | None = None,
) -> Report:  # fmt: skip
    """What is wrong with a table, and what to do about it: one finding for every check of the catalogue, in their order.

    `table` has the canonical types of `schema`. Without a `target`, checks that need one say so. `thresholds` overrides
    parameters of single checks: {"DQ001": {"warn": 0.3}}. `against` are other rows of that schema, say of next month, to compare
    with. Neither the tables nor the schema are changed.

    Raises UnknownName when there is no such target or threshold, PlanError when a threshold is out of its bounds.
    """
    if target is not None:
        schema[target]
    subject, given = Subject(table, schema, target, against), thresholds or {}
    for code in given:
        catalog.get("check", code)
    findings = tuple(examine(entry, subject, given.get(entry.name)) for entry in catalog.entries("check"))
    return Report(findings=findings, rows=subject.rows, columns=len(subject.names), target=target)


def drift_against(table: pd.DataFrame, schema: Schema, other: pd.DataFrame) -> Finding:
    """Whether another table is like this one, by DQ032 alone. Raises SchemaMismatch when it has few of the columns."""
    from pipeline.data import conform

    return examine(catalog.get("check", "DQ032"), Subject(table, schema, against=conform(other, schema).table))
