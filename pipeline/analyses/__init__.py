"""Analyses: long questions about a Dataset that need fits, each answered by the worker as a Run of its own.

An analysis is one decorated function `make(asked) -> facts`; the facts are JSON-able and become the run's evaluation.
What it asks of the engine it asks through a `Ruler`. It lives in a file of this room and is imported below; what it
computes without fits belongs to the room that the question is about (`quality`, `features`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.errors import PlanError, TrainingError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.schema import Schema
    from pipeline.executor import Executor
    from pipeline.measure import Ruler
    from pipeline.plan import Plan


def _nobody(kind: str, payload: Mapping[str, Any]) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Asked:
    """What an analysis is given: the draft that the question is about, its table, and the parameters, complete."""

    plan: Plan
    table: pd.DataFrame
    schema: Schema
    params: Mapping[str, Any] = field(default_factory=dict)
    on_event: Callable[[str, Mapping[str, Any]], None] = _nobody
    should_stop: Callable[[], bool] = bool
    executor: Executor | None = None

    def ruler(self, **options: Any) -> Ruler:
        """A ruler for plans about this table, on the processes of the run."""
        from pipeline.measure import Ruler

        return Ruler(self.plan, self.table, self.schema, executor=self.executor, should_stop=self.should_stop, **options)

    def done(self, share: float, message: str) -> None:
        """Say how far it is (0 to 1) and what comes now. Raises TrainingError when somebody has asked to stop."""
        if self.should_stop():
            raise TrainingError("The analysis was stopped before it was finished.", "Start it again.")
        self.on_event("phase", {"phase": "analysing", "message": message})
        self.on_event("progress", {"progress": share})


def analysis(
    name: str, *, title: str, help: str, params: tuple[catalog.Param, ...] = (), order: int = 100
) -> Callable[[Callable], Callable]:
    """Register an analysis: `make(asked) -> facts`, a dict of JSON values."""
    return catalog.register("analysis", name, title=title, help=help, params=params, order=order)


def answer(
    plan: Plan, table: pd.DataFrame, schema: Schema, *, on_event: Callable = _nobody, should_stop: Callable[[], bool] = bool,
    executor: Executor | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Carry out the analysis that a plan asks for. Raises PlanError when it asks for none, or cannot be carried out on this table."""
    if plan.analysis is None:
        raise PlanError("The plan asks for no analysis.", "Use `plan.asking(name)`.")
    entry = catalog.get("analysis", plan.analysis.name)
    asked = Asked(plan.training(), table, schema, entry.complete(plan.analysis.params), on_event, should_stop, executor)
    return {"analysis": entry.name, **entry.make(asked)}


from pipeline.analyses import candidates, costs, court, doctor, worth  # noqa: E402, F401  (each registers itself)
