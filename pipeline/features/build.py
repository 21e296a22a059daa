"""Laying the steps of a plan along each column, and the pipeline that comes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import catalog
from pipeline.errors import PlanError
from pipeline.features import Needs
from pipeline.plan import Plan, StepSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Chain:
    """Columns that go through the same steps, and the kind that comes out at the end."""

    columns: tuple[str, ...]
    steps: tuple[StepSpec, ...]
    gives: str


@dataclass(frozen=True)
class Preview:
    """The same rows before and after the recipe."""

    before: pd.DataFrame
    after: pd.DataFrame
    columns_in: int
    columns_out: int


def chains(plan: Plan) -> list[Chain]:
    """The steps that each feature column goes through, columns with the same way put together, in the table's order."""
    ways: dict[str, Chain] = {}
    for name in plan.features:
        kind, way = plan.kind(name), []
        for spec in plan.steps:
            facts = catalog.get("step", spec.step).facts
            if not facts.rows and kind in facts.kinds and (spec.columns is None or name in spec.columns):
                way.append(spec)
                kind = facts.gives or kind
        key = json.dumps([[s.step, s.params] for s in way] + [kind], sort_keys=True)
        before = ways.get(key, Chain((), tuple(way), kind))
        ways[key] = Chain((*before.columns, name), before.steps, kind)
    return list(ways.values())


def build(plan: Plan, needs: Needs) -> Pipeline:
    """An unfitted scikit-learn Pipeline: typed table in, numbers out, as `needs` asks.

    The output is a float array, a CSR matrix where the family takes one and it pays, or for native categories a
    DataFrame with columns f0..fn. Raises PlanError when a column would reach the model as text or as a date.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    from pipeline.features.columns import Canonical, SafeNames

    ways = chains(plan)
    _refuse_unfinished(ways)
    parts = [(str(i), _branch(way, needs), list(way.columns)) for i, way in enumerate(ways)]
    joined = ColumnTransformer(parts, sparse_threshold=0.3 if needs.sparse else 0)
    stages = [("columns", Canonical(plan.features)), ("join", joined)]
    if needs.categories == "native":
        joined.set_output(transform="pandas")
        stages.append(("names", SafeNames()))
    return Pipeline(stages)


def names_out(pipeline: Pipeline) -> list[str]:
    """The names of the columns that a fitted recipe makes, as a person would write them."""
    # ColumnTransformer puts the number of the branch before each name, because two branches may make the same name.
    return [str(name).partition("__")[2] for name in pipeline.get_feature_names_out()]


def rows_to_keep(plan: Plan, table: pd.DataFrame) -> np.ndarray:
    """A mask of the rows that the plan's row steps leave in. They look at the features and the target alone."""
    import numpy as np

    keep, seen = np.ones(len(table), bool), table[[*plan.features, plan.target]]
    for spec in plan.steps:
        entry = catalog.get("step", spec.step)
        if entry.facts.rows:
            keep &= entry.make(seen, entry.complete(spec.params))
    return keep


def preview(plan: Plan, table: pd.DataFrame, rows: int = 20, fit_rows: int = 2_000) -> Preview:
    """What the recipe makes of the first rows, for a family that takes plain numbers. Fitted on `fit_rows` rows, for show only."""
    import pandas as pd
    from scipy.sparse import issparse

    pipeline = build(plan, Needs(categories="onehot", scaled=False, missing=False, sparse=False))
    sample = table.head(fit_rows)
    pipeline.fit(sample)
    made = pipeline.transform(sample.head(rows))
    made = made.toarray() if issparse(made) else made
    names = names_out(pipeline)
    after = pd.DataFrame(made, columns=names)
    return Preview(sample[plan.features].head(rows), after, len(plan.features), len(names))


def _branch(way: Chain, needs: Needs) -> Pipeline | str:
    from sklearn.pipeline import make_pipeline

    made = []
    for spec in way.steps:
        entry = catalog.get("step", spec.step)
        made.append(entry.make(entry.complete(spec.params), needs))
    made = [transformer for transformer in made if transformer is not None]
    return make_pipeline(*made) if made else "passthrough"


def _refuse_unfinished(ways: list[Chain]) -> None:
    unfinished = [name for way in ways if way.gives != "numeric" for name in way.columns]
    if unfinished:
        names = ", ".join(map(repr, unfinished[:5])) + (" …" if len(unfinished) > 5 else "")
        raise PlanError(
            f"No step turns {names} into numbers, and a model takes only numbers.",
            "Switch the encoding, date or text step on again, or give these columns the role 'ignore'.",
        )
