"""How often each column was kept by the selections of a recipe, over the folds of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.features.build import plain
from pipeline.features.flow import Flow, flow
from pipeline.plan import Plan

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def stability(plan: Plan, recipes: Sequence[Pipeline]) -> dict[str, Any]:
    """How often each column was kept in these fitted recipes of one plan, one for each fold. JSON-able.

    `folds` is their number. `steps` has, for each selection in its order, the columns that came to it: `column` (the name
    that a person knows), `source` (the columns of the table that it is made of), `seen` (folds in which it was there:
    a level of a category may lack in one) and `kept`. `sources` has, for each column of the table, `made` (how many
    columns that were judged are made of it) and `kept`, in how many folds at least one of these was left at the end.
    """
    laid = flow(plan)
    found = [_kept(laid, recipe) for recipe in recipes]
    steps = []
    for place, spec in enumerate(spec for spec in laid.matrix if _selects(spec.step)):
        rows: dict[str, dict[str, Any]] = {}
        for fold in found:
            for name, kept in fold[place].items():
                row = rows.setdefault(name, {"column": plain(name), "source": _sources(laid, name), "seen": 0, "kept": 0})
                row["seen"], row["kept"] = row["seen"] + 1, row["kept"] + int(kept)
        ordered = sorted(rows.values(), key=lambda row: (-row["kept"], row["column"]))
        steps.append({"step": spec.step, "title": catalog.get("step", spec.step).title, "columns": ordered})
    return {"folds": len(recipes), "steps": steps, "sources": _by_source(laid, found) if steps else []}


def _selects(step: str) -> bool:
    return catalog.get("step", step).facts.selects


def _kept(laid: Flow, recipe: Pipeline) -> list[dict[str, bool]]:
    """For each selection of a fitted recipe, which of the columns that came to it it kept."""
    names, found = None, []
    for stage, transformer in recipe.steps:
        if stage.startswith("matrix ") and _selects(laid.matrix[int(stage.split()[1])].step):
            found.append(dict(zip(names, map(bool, transformer.kept_), strict=True)))
        names = list(transformer.get_feature_names_out(names))
    return found


def _by_source(laid: Flow, found: list[list[dict[str, bool]]]) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    every = {name: None for fold in found for name in fold[0]}
    for name in every:
        for source in _sources(laid, name):
            rows.setdefault(source, {"column": source, "made": 0, "kept": 0})["made"] += 1
    for fold in found:
        left = {name for name in every if all(step.get(name, step is not fold[0]) for step in fold)}
        for source in {source for name in left for source in _sources(laid, name)}:
            rows[source]["kept"] += 1
    return sorted(rows.values(), key=lambda row: (-row["kept"], row["column"]))


def _sources(laid: Flow, name: str) -> list[str]:
    """The columns of the table that a column after the join is made of; none for one that is made of all numbers."""
    number, cut, rest = name.partition("__")
    if not cut or not number.isdigit():
        return []
    known = laid.joined[int(number)].columns if int(number) < len(laid.joined) else [lane.name for lane in laid.lanes]
    named = [column for column in known if rest.startswith(column)] or [column for column in known if column in rest]
    columns = [max(named, key=len)] if named else list(known)
    lanes = {lane.name: lane for lane in laid.lanes}
    while any(lanes[column].made_by for column in columns):
        columns = [read for column in columns for read in (lanes[column].reads if lanes[column].made_by else (column,))]
    return list(dict.fromkeys(columns))
