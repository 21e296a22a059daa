"""The leakage court: every column is heard, and gets a verdict with its evidence.

"guilty" is what the data prove, or a person has said: it was made from the target, or is known only afterwards.
"suspicious" is what only a person can know, "undecided" a column of too few rows: nothing speaks against it, and little could.
A column is not accused for being strong: it is accused for being nearly perfect
where all others together are not, or for a trace that only what was made from the target has (`pipeline.judge.exhibits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.schema import Schema
from pipeline.judge import exhibits, whole
from pipeline.judge.exhibits import ORDER, Exhibit, Guilt, worst
from pipeline.judge.strength import Rows, Strength, alone, together
from pipeline.plan import Fix, Plan
from pipeline.quality.subject import Subject, listed

if TYPE_CHECKING:
    import pandas as pd

CODE = "COURT"
MOST_LEARNT = 100  # columns, the strongest, that stand for all others
MOST_TRIED = 4  # columns, the strongest, that are weighed against all others together
WORTH = {True: 0.8, False: 0.6}  # a score alone that is worth it: ROC AUC of classes, R² of numbers
MOST_GROUPINGS, MOST_PAIRS = 40, 2_000
FEW = 300  # filled rows with a known target: with fewer, leaks of the usual kinds go unseen (benchmarks/leaks.py --rows)


@dataclass(frozen=True)
class Heard:
    """One column: its verdict, how well it predicts alone, and the evidence against it."""

    column: str
    verdict: Guilt
    strength: Strength
    evidence: tuple[Exhibit, ...]
    known: str = ""

    def told(self) -> dict[str, Any]:
        one = self.strength
        return {
            "column": self.column, "verdict": self.verdict, "score": one.score, "low": one.low, "high": one.high, "view": one.view,
            "known": self.known, "evidence": [e.told() for e in self.evidence],
        }  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What the court has found, the gravest first. `table` is said of no single column; `rest` is what the columns above suspicion reach."""

    columns: tuple[Heard, ...]
    table: tuple[Exhibit, ...]
    measure: str
    rows: int
    why_not: str = ""

    def of(self, verdict: Guilt) -> list[str]:
        return [heard.column for heard in self.columns if heard.verdict == verdict]

    def told(self) -> dict[str, Any]:
        return {
            "columns": [heard.told() for heard in self.columns], "table": [e.told() for e in self.table], "measure": self.measure,
            "rows": self.rows, "why_not": self.why_not,
        }  # fmt: skip


def hear(plan: Plan, table: pd.DataFrame, schema: Schema, *, tell: Callable[[float, str], None] = lambda share, message: None) -> Findings:
    """Every column of the table but the target, whatever its role. `tell` hears how far it is (0 to 1) and what is next."""
    subject = Subject(table, schema, plan.target)
    subject.task = plan.task
    rows = Rows(subject)
    if rows.why_not:
        return Findings((), (), "", 0, rows.why_not)
    tell(0.05, "Predicting the target from each column alone")
    strengths = alone(rows)
    tell(0.4, "Looking for copies, gaps and group means of the target")
    found = _traced(subject, strengths)
    tell(0.7, "Weighing the strongest columns against all others together")
    for name, exhibit in compared(rows, strengths, found):
        found[name].append(exhibit)
    known = {column.name: column.known for column in plan.columns}
    for name in (n for n, answer in known.items() if answer == "after" and n in found):
        found[name].append(Exhibit("after", "guilty", "You said that it is known only after the moment of prediction."))
    heard = [Heard(name, _verdict(subject, name, found[name]), strengths[name], tuple(found[name]), known.get(name, "")) for name in subject.features]
    heard.sort(key=lambda h: (-ORDER.index(h.verdict), -h.strength.score))
    tell(0.9, "Looking at the order of the rows, and for rows that are there twice")
    return Findings(tuple(heard), tuple(whole.of_the_table(rows)), rows.measure, len(rows.at))


def _verdict(subject: Subject, name: str, against: list[Exhibit]) -> Guilt:
    if against:
        return worst(against)
    return "undecided" if (~(subject.missing(name) | subject.missing(subject.target))).sum() < FEW else "clean"


def _traced(subject: Subject, strengths: dict[str, Strength]) -> dict[str, list[Exhibit]]:
    """What the form of each column gives away."""
    empty_with = np.sum([subject.missing(name) for name in subject.features], axis=0)
    groupings, found = _groupings(subject), {}
    for name in subject.features:
        found[name] = [*exhibits.copies(subject, name), *exhibits.gaps(subject, name, empty_with), *exhibits.identifier(subject, name, strengths[name])]
        if worst(found[name]) != "guilty":
            found[name] += [*exhibits.group_statistic(subject, name, groupings), *exhibits.shared_identifier(subject, name)]
    return found


def _groupings(subject: Subject) -> list[str]:
    """Columns by which somebody may have grouped the rows, the coarsest first; fewer where there are many columns to try them on."""
    levels = {name: len(subject.codes(name)[1]) for name in subject.features if subject.kind(name) != "datetime"}
    possible = sorted((name for name, count in levels.items() if 2 <= count <= subject.rows / 2), key=levels.get)
    return possible[: min(MOST_GROUPINGS, max(2, MOST_PAIRS // len(subject.features)))]


def compared(rows: Rows, strengths: dict[str, Strength], found: dict[str, list[Exhibit]]) -> list[tuple[str, Exhibit]]:
    """The strongest columns that nothing convicts yet, each against all others together that nothing speaks against."""
    free = [name for name in strengths if worst(found[name]) != "guilty"]
    learnt = [name for name in free if worst(found[name]) == "clean" and not exhibits.counts_rows(rows.subject, name)]
    learnt = sorted(learnt, key=lambda n: -strengths[n].score)[:MOST_LEARNT]
    tried = sorted((n for n in free if strengths[n].score >= WORTH[rows.classes]), key=lambda n: -strengths[n].score)[:MOST_TRIED]
    made: list[tuple[str, Exhibit]] = []
    everything = together(rows, learnt) if tried else None
    for name in tried:
        others = [n for n in learnt if n != name]
        rest = together(rows, others) if name in learnt else everything
        best = max((strengths[n].score for n in others), default=0.0)
        against = list(exhibits.strong(rows, strengths[name], rest, best))
        against += exhibits.turns(rows, rest, everything) if name in learnt else []
        made += [(name, exhibit) for exhibit in against[:1]]
    return made


def accept_verdicts(plan: Plan, found: dict[str, Any]) -> Plan:
    """The plan without what the court found guilty, or a person has said is known only afterwards; `found` is the court's answer."""
    guilty = {c["column"] for c in found["columns"] if c["verdict"] == "guilty"} | {c.name for c in plan.columns if c.known == "after"}
    seen = [name for name in acquit(plan).features if name in guilty]
    return acquit(plan).accept([Fix(code=CODE, title=f"Leave out what gives the target away: {listed(seen)}", ignore=tuple(seen))]) if seen else plan


def acquit(plan: Plan) -> Plan:
    """The plan as it was before the court's verdicts were accepted."""
    for fix in plan.fixes:
        plan = plan.undo(fix.code, fix.title) if fix.code == CODE else plan
    return plan


def answered(plan: Plan, answers: Mapping[str, str]) -> Plan:
    """The plan with answers to "when is this known?" by column: "before", "at" or "after" the moment of prediction, or "" for none."""
    return plan.change(columns=[{**c.model_dump(mode="json"), "known": answers.get(c.name, c.known)} for c in plan.columns])
