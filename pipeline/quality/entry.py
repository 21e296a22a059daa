"""How a check is written: one decorated function that looks at a Subject and returns a Verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import TASKS, Entry, Param
from pipeline.plan import Fix, StepSpec
from pipeline.quality.report import Finding, Severity
from pipeline.quality.subject import Subject, listed, positions


@dataclass(frozen=True)
class CheckFacts:
    """`severity_rule` says in words when a finding is an error, a warning or only information."""

    severity_rule: str
    needs_target: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a check returns. `severity=None` means passed; a `reason` means that the check does not apply; `private` columns are shown masked."""

    explanation: str = ""
    severity: Severity | None = None
    columns: tuple[str, ...] = ()
    rows: np.ndarray | None = None  # bool, one per row of the table: the affected ones
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fixes: tuple[Fix, ...] = ()
    safe: bool = False
    private: bool = False
    reason: str = ""


def passed(explanation: str, **evidence: Any) -> Verdict:
    return Verdict(explanation, evidence=evidence)


def not_applicable(reason: str) -> Verdict:
    return Verdict(reason=reason)


def check_entry(
    *, code: str, title: str, help: str, severity: str, params: tuple[Param, ...] = (), needs_target: bool = False,
    tasks: tuple[str, ...] = TASKS,
) -> Callable[[Callable[[Subject, dict[str, Any]], Verdict]], Callable]:  # fmt: skip
    """Register a check: `function(subject, params) -> Verdict`.

    `code` is its name in the catalogue and in reports (DQ001 …), `severity` says in words how severe a finding is,
    `params` are its thresholds. A check with `needs_target` is only called with a target of one of `tasks`.
    """
    facts = CheckFacts(severity_rule=severity, needs_target=needs_target)
    return catalog.register("check", code, title=title, help=help, params=params, tasks=tasks, facts=facts)


def examine(entry: Entry, subject: Subject, given: Mapping[str, Any] | None = None) -> Finding:
    """Run one check and write its finding. Raises PlanError or UnknownName when a given threshold does not fit."""
    params = entry.complete(given)
    verdict = _obstacle(entry, subject) or entry.make(subject, params)
    if verdict.reason:
        return Finding(code=entry.name, title=entry.title, status="not_applicable", reason=verdict.reason)
    affected = verdict.rows if verdict.rows is not None else np.zeros(0, dtype=bool)
    return Finding(
        code=entry.name, title=entry.title, status="found" if verdict.severity else "passed", severity=verdict.severity or "info",
        columns=verdict.columns, rows=int(affected.sum()), examples=positions(affected), explanation=verdict.explanation,
        evidence={"thresholds": params, **verdict.evidence}, fixes=verdict.fixes, safe=verdict.safe and bool(verdict.fixes),
        private=verdict.private,
    )  # fmt: skip


def _obstacle(entry: Entry, subject: Subject) -> Verdict | None:
    """Why a check cannot be asked at all."""
    if subject.rows == 0:
        return not_applicable("The table has no rows.")
    if not entry.facts.needs_target:
        return None if subject.names else not_applicable("The table has no columns.")
    if subject.target is None:
        return not_applicable("No target is chosen yet; choose one on the Features page and check again.")
    if subject.task not in entry.tasks:
        return not_applicable(f"The target {subject.target!r} makes this a {subject.task} task, and this check is for classes.")
    if subject.missing(subject.target).all():
        return not_applicable(f"The target {subject.target!r} is empty in all {subject.rows:,} rows.")
    return None


# --- the usual fixes ---------------------------------------------------------------------------------------------------


def leave_out(code: str, columns: list[str]) -> Fix:
    return Fix(code=code, title=f"Leave out {listed(columns)}", ignore=tuple(columns))


def add_step(code: str, title: str, step: str, columns: list[str] | None = None, **params: Any) -> Fix:
    spec = StepSpec(step=step, columns=None if columns is None else tuple(columns), params=params)
    return Fix(code=code, title=title, steps=(spec,))
