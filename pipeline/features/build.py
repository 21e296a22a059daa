"""From a recipe laid out to the scikit-learn Pipeline that carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.errors import PlanError
from pipeline.features import Needs
from pipeline.features.flow import Chain, Stage, flow
from pipeline.plan import Plan, StepSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline


def build(plan: Plan, needs: Needs) -> Pipeline:
    """An unfitted scikit-learn Pipeline: typed table in, numbers out, as `needs` asks.

    The output is a float array, a CSR matrix where the family takes one and it pays, or for native categories a
    DataFrame with columns f0..fn. Raises PlanError with all problems of the recipe, such as a column that would reach
    the model as text or as a date.
    """
    from sklearn.pipeline import Pipeline

    from pipeline.features.columns import Canonical, Others, SafeNames

    for spec in plan.steps:
        catalog.get("step", spec.step).complete(spec.params)
    laid = flow(plan)
    if laid.problems:
        raise PlanError(" ".join(message for message, _ in laid.problems), laid.problems[0][1], laid.problems)
    parts: list[tuple[Any, Any]] = [(_branch(way, needs), list(way.columns)) for way in laid.joined]
    if any(stage.chains for stage in laid.stages):
        parts.append(("passthrough", Others([lane.name for lane in laid.lanes])))
    stages = [("columns", Canonical(list(laid.inputs))), *_before(laid.stages, needs), ("join", _joined(parts, needs))]
    stages += [(f"matrix {i}", transformer(spec, needs)) for i, spec in enumerate(laid.matrix)]
    return Pipeline([*stages, ("names", SafeNames())] if needs.categories == "native" else stages)


def transformer(spec: StepSpec, needs: Needs) -> Any:
    """The unfitted transformer of one step, or None when a family with these needs has no use for it."""
    entry = catalog.get("step", spec.step)
    return entry.make(entry.complete(spec.params), needs)


def portable(step: catalog.Entry) -> bool:
    """Whether an ONNX file carries a recipe with this step: no transformer has a converter yet, so it must leave none in what scores rows."""
    facts = step.facts
    return facts.rows or facts.phase == "training" or bool(facts.drops) or (facts.phase == "columns" and step.make(step.complete(), Needs(scaled=True)) is None)


def names_out(pipeline: Pipeline) -> list[str]:
    """The names of the columns that a fitted recipe makes, as a person would write them."""
    return [plain(name) for name in pipeline.get_feature_names_out()]


def plain(name: str) -> str:
    """A name without the number that the join puts before it, because two branches may make the same name."""
    number, cut, rest = str(name).partition("__")
    return rest if cut and number.isdigit() else str(name)


def rows_to_keep(plan: Plan, table: pd.DataFrame) -> np.ndarray:
    """A mask of the rows that the plan's row steps leave in. They look at the features and the target alone."""
    import numpy as np

    keep, seen = np.ones(len(table), bool), table[[*plan.features, plan.target]]
    for spec in plan.steps:
        entry = catalog.get("step", spec.step)
        if entry.facts.rows:
            keep &= entry.make(seen, entry.complete(spec.params))
    return keep


def _before(stages: Sequence[Stage], needs: Needs) -> list[tuple[str, Any]]:
    """The stages before the join: columns made ready for the steps that read them, and those steps."""
    from pipeline.features.columns import Derived, Ready

    found: list[tuple[str, Any]] = []
    for i, stage in enumerate(stages):
        ready = [(_branch(way, replace(needs, sparse=False)), list(way.columns)) for way in stage.chains]
        ready = [(branch, columns) for branch, columns in ready if branch != "passthrough"]
        if ready:
            found.append((f"ready {i}", Ready(ready)))
        found.append((f"derive {i}", Derived([_part(spec, needs) for spec in stage.steps])))
    return found


def _joined(parts: list[tuple[Any, Any]], needs: Needs) -> Any:
    """All columns side by side. What is on one scale needs no more than float32."""
    from sklearn.compose import ColumnTransformer

    from pipeline.features.joined import Joined

    if needs.categories == "native":
        return ColumnTransformer([(str(i), *part) for i, part in enumerate(parts)], sparse_threshold=0).set_output(transform="pandas")
    return Joined(parts, needs.sparse, "float32" if needs.scaled else "float64")


def _part(spec: StepSpec, needs: Needs) -> tuple[list[str], Any]:
    facts = catalog.get("step", spec.step).facts
    return list(dict.fromkeys(name for name, _ in facts.reads(spec))), transformer(spec, needs)


def _branch(way: Chain, needs: Needs) -> Pipeline | str:
    """The transformers of a chain. Only the last may give a sparse matrix; the others hand on tables where one of ours follows."""
    from sklearn.pipeline import make_pipeline

    made: list[Any] = []
    for spec in reversed(way.steps):
        step = transformer(spec, replace(needs, sparse=False) if made else needs)
        if step is not None:
            made.insert(0, step)
    if any(not type(after).__module__.startswith("sklearn.") for after in made[1:]):
        made = [*(step.set_output(transform="pandas") for step in made[:-1]), made[-1]]
    return make_pipeline(*made) if made else "passthrough"
