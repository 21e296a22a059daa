"""What the checks say: findings, in a report. Frozen, plain data, JSON in and out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import UnknownName
from pipeline.plan import Fix

Severity = Literal["error", "warning", "info"]
Status = Literal["passed", "found", "not_applicable"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
MOST_EXAMPLES = 20


class Finding(BaseModel):
    """What one check said about one table.

    `rows` counts the affected rows, `examples` are positions of some of them (0-based, at most 20, in table order).
    `reason` says why a check does not apply. `evidence` has the numbers seen, JSON types only. The first of `fixes` is
    the suggested one; `safe` says that it may be taken without asking, because it cannot make a model worse than it
    makes it honest. `private` says that the values of `columns` are not to be shown in full.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    status: Status
    severity: Severity = "info"
    columns: tuple[str, ...] = ()
    rows: int = 0
    examples: tuple[int, ...] = Field((), max_length=MOST_EXAMPLES)
    explanation: str = ""
    reason: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)
    fixes: tuple[Fix, ...] = ()
    safe: bool = False
    private: bool = False


class Report(BaseModel):
    """All findings about a table of `rows` rows and `columns` columns, in the order of their codes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[Finding, ...]
    rows: int
    columns: int
    target: str | None = None

    def __getitem__(self, code: str) -> Finding:
        for finding in self.findings:
            if finding.code == code:
                return finding
        raise UnknownName("check", code, [finding.code for finding in self.findings])

    @property
    def found(self) -> list[Finding]:
        """What was found, the most severe first."""
        return sorted((f for f in self.findings if f.status == "found"), key=lambda f: SEVERITIES.index(f.severity))

    @property
    def suggested(self) -> list[Fix]:
        """The first fix of every finding that is safe to take without asking."""
        return [finding.fixes[0] for finding in self.findings if finding.status == "found" and finding.safe and finding.fixes]

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are: error, warning, info, passed, not_applicable. They add up to all checks."""
        keys = [f.severity if f.status == "found" else f.status for f in self.findings]
        return {key: keys.count(key) for key in (*SEVERITIES, "passed", "not_applicable")}
