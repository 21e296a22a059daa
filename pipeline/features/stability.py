"""How often each column was kept by the selections of a recipe, over the folds of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.features.build import plain
from pipeline.features.flow import Flow, flow
from pipeline.plan import Plan, StepSpec

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def stability(plan: Plan, recipes: Sequence[Pipeline]) -> dict[str, Any]:
    """How often each column was kept in these fitted recipes of one plan, one for each fold. JSON-able.

    `folds` is their number. `steps` has, for each selection in its order, the columns that came to it: `column` (the name
    that a person knows), `source` (the columns of the table that it is made of), `seen` (folds in which it was there:
    a level of a category may lack in one) and `kept`. `sources` has, for each column of the table, `made` (how many
    columns that were judged are made of it) and `kept`, in how many folds at least one of these was left at the end.
    A selection of the automatic recipe is among them only when it dropped a column; without any, both lists are empty.
    """
    laid = flow(plan)
    chosen = [_selections(laid, recipe) for recipe in recipes]
    told = [place for place, spec in enumerate(_choosing(laid)) if not _quiet(spec) or any(not fold[place].kept_.all() for fold in chosen)]
    found = [_kept(recipe, [fold[place] for place in told]) for recipe, fold in zip(recipes, chosen, strict=True)] if told else []
    origins = _Origins(laid)
    steps = [_step(origins, _choosing(laid)[place], [fold[i] for fold in found]) for i, place in enumerate(told)]
    return {"folds": len(recipes), "steps": steps, "sources": _by_source(origins, found) if steps else []}


def _choosing(laid: Flow) -> list[StepSpec]:
    return [spec for spec in laid.matrix if catalog.get("step", spec.step).facts.selects]


def _quiet(spec: StepSpec) -> bool:
    """Whether nobody asked for it: a selection of the automatic recipe is told of only when it dropped something."""
    return catalog.get("step", spec.step).facts.default


def _selections(laid: Flow, recipe: Pipeline) -> list[Any]:
    """The fitted transformers of the steps that choose columns."""
    wanted = {id(spec) for spec in _choosing(laid)}
    return [recipe.named_steps[f"matrix {i}"] for i, spec in enumerate(laid.matrix) if id(spec) in wanted]


def _kept(recipe: Pipeline, selections: list[Any]) -> list[dict[str, bool]]:
    """For each of these selections of a fitted recipe, which of the columns that came to it it kept."""
    names, found, wanted = None, [], {id(transformer) for transformer in selections}
    for _, transformer in recipe.steps:
        if id(transformer) in wanted:
            found.append(dict(zip(names, map(bool, transformer.kept_), strict=True)))
        names = list(transformer.get_feature_names_out(names))
    return found


def _step(origins: _Origins, spec: StepSpec, folds: list[dict[str, bool]]) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {}
    for fold in folds:
        for name, kept in fold.items():
            row = rows.setdefault(name, {"column": plain(name), "source": origins(name), "seen": 0, "kept": 0})
            row["seen"], row["kept"] = row["seen"] + 1, row["kept"] + int(kept)
    ordered = sorted(rows.values(), key=lambda row: (-row["kept"], row["column"]))
    return {"step": spec.step, "title": catalog.get("step", spec.step).title, "columns": ordered}


def _by_source(origins: _Origins, found: list[list[dict[str, bool]]]) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    every = {name: None for fold in found for name in fold[0]}
    for name in every:
        for source in origins(name):
            rows.setdefault(source, {"column": source, "made": 0, "kept": 0})["made"] += 1
    for fold in found:
        left = {name for name in every if all(step.get(name, step is not fold[0]) for step in fold)}
        for source in {source for name in left for source in origins(name)}:
            rows[source]["kept"] += 1
    return sorted(rows.values(), key=lambda row: (-row["kept"], row["column"]))


class _Origins:
    """The columns of the table that a column after the join is made of; none for one that is made of all numbers."""

    def __init__(self, laid: Flow) -> None:
        self.lanes = {lane.name: lane for lane in laid.lanes}
        self.known = [dict.fromkeys(way.columns) for way in laid.joined]

    def __call__(self, name: str) -> list[str]:
        number, cut, rest = name.partition("__")
        if not cut or not number.isdigit():
            return []
        known = self.known[int(number)] if int(number) < len(self.known) else self.lanes
        columns = [rest] if rest in known else self._named(known, rest) or list(known)
        while any(self.lanes[column].made_by for column in columns):
            columns = [read for column in columns for read in (self.lanes[column].reads if self.lanes[column].made_by else (column,))]
        return list(dict.fromkeys(columns))

    @staticmethod
    def _named(known: Iterable[str], made: str) -> list[str]:
        """The longest name among them that what was made begins with, or else has in it."""
        named = [column for column in known if made.startswith(column)] or [column for column in known if column in made]
        return [max(named, key=len)] if named else []
