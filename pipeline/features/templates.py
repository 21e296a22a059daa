"""A recipe on its own: taken from one plan, kept as JSON, put into another plan whose columns may have other names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline import catalog
from pipeline.data.schema import Kind
from pipeline.errors import PlanError, TrainyardError
from pipeline.plan import Plan, StepSpec

VERSION = 1
MOST_BYTES = 5_000_000
MOST_TOLD = 10
ALIKE = 0.6  # how alike two names must be, from 0 to 1, to be suggested for each other
PART = 4  # letters that a name must have to be looked for within another
EXPORT = "Export a recipe from the Features page, and edit that."


class Recipe(BaseModel):
    """Steps, and the kinds of the columns that they name. Parsed leniently about names, strictly about shape, like a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = VERSION
    name: str = ""
    steps: tuple[StepSpec, ...]
    columns: dict[str, Kind] = Field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, name: str = "") -> Recipe:
        """The recipe of a plan, without the answers to findings: those belong to the data."""
        kinds = plan.kinds
        return cls(name=name, steps=plan.recipe, columns={column: kinds[column] for column in _outside(plan.recipe) if column in kinds})

    @classmethod
    def parse(cls, text: str | bytes) -> Recipe:
        """A recipe from JSON. Raises PlanError that names every field that does not fit."""
        if len(text) > MOST_BYTES:
            raise PlanError(f"The recipe has {len(text):,} bytes; at most {MOST_BYTES:,} are read.", EXPORT)
        try:
            return cls.model_validate(_shaped(json.loads(text)))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PlanError(f"The recipe is not JSON: {error}.", EXPORT) from error
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            more = f"; and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
            raise PlanError("The recipe does not have the right shape: " + "; ".join(wrong[:MOST_TOLD]) + more + ".", EXPORT, wrong) from error

    def wanted(self) -> dict[str, Kind | None]:
        """The columns that the steps name and do not make themselves, each with its kind where that is known."""
        return {name: self.columns.get(name) for name in _outside(self.steps)}

    def suggested(self, plan: Plan) -> dict[str, str | None]:
        """For each wanted column the one of the plan that it may be: of that name, of a name like it, or the only one of its kind."""
        kinds, wanted = plan.kinds, self.wanted()
        found: dict[str, str | None] = {name: name for name in wanted if name in kinds}
        for name, kind in wanted.items():
            if name not in found:
                found[name] = _meant(name, kind, {free: k for free, k in kinds.items() if free not in found.values()})
        return {name: found[name] for name in wanted}

    def applied(self, plan: Plan, mapping: Mapping[str, str | None] | None = None, *, behind: bool = False) -> tuple[Plan, list[str]]:
        """The plan with these steps in the place of its own, or `behind` them, and what had to be left out, in words.

        `mapping` says which column stands for which; None leaves a column out. Columns it does not name keep their name.
        """
        there = set(plan.kinds)
        names = {name: name if name in there else None for name in self.wanted()} | dict(mapping or {})
        wrong = sorted({str(to) for to in names.values() if to is not None} - there)
        if wrong:
            raise PlanError(f"The table has no column {wrong[0]!r} to take for another.", "Choose one of its columns.")
        steps, told = [], []
        for spec in self.steps:
            fitted, said = _fitted(spec, names)
            told += [f"{_title(spec)}: {said}."] if said else []
            steps += [fitted] if fitted else []
            made = list(_adds(spec))
            names |= dict(zip(made, [*(_adds(fitted) if fitted else ()), *[None] * len(made)]))
        kept = [spec.model_dump(mode="json") for spec in (*(plan.recipe if behind else ()), *steps)]
        return plan.change(recipe=kept), told


def _shaped(data: Any) -> Any:
    """What was read, if it is an object of a version that we know."""
    if not isinstance(data, dict):
        raise PlanError(f"The recipe is a {type(data).__name__}; expected an object with steps.", EXPORT)
    if isinstance(data.get("version"), int) and data["version"] > VERSION:
        raise PlanError(f"The recipe has version {data['version']}; this Trainyard reads up to {VERSION}.", "Update Trainyard.")
    return data


def _outside(steps: Iterable[StepSpec]) -> list[str]:
    """The columns that steps name, less those that a step before them makes."""
    found: dict[str, None] = {}
    made: set[str] = set()
    for spec in steps:
        found |= dict.fromkeys(name for name in (*(spec.columns or ()), *_reads(spec)) if name not in made)
        made |= set(_adds(spec))
    return list(found)


def _reads(spec: StepSpec) -> list[str]:
    return [name for name, _ in _asked(spec, "reads")]


def _adds(spec: StepSpec) -> dict[str, Kind]:
    return dict(_asked(spec, "adds"))


def _asked(spec: StepSpec, what: str) -> Any:
    """What the catalogue says of a step; nothing of one that it lacks, or whose parameters do not fit: a plan tells that."""
    try:
        return getattr(catalog.get("step", spec.step).facts, what)(spec)
    except TrainyardError:
        return ()


def _title(spec: StepSpec) -> str:
    return next((entry.title for entry in catalog.entries("step") if entry.name == spec.step), spec.step)


def _meant(name: str, kind: Kind | None, free: Mapping[str, Kind]) -> str | None:
    """The column that may be another's: the same but for case and signs, else of its kind a like name or one within the other, else the only one."""
    same = [other for other in free if _folded(other) == _folded(name)]
    if same:
        return same[0]
    of_kind = [other for other, its in free.items() if kind in (None, its)]
    folded, wanted = {_folded(other): other for other in reversed(of_kind)}, _folded(name)
    within = [other for other in folded if min(len(other), len(wanted)) >= PART and (other in wanted or wanted in other)]
    close = difflib.get_close_matches(wanted, within, n=1, cutoff=0) or difflib.get_close_matches(wanted, folded, n=1, cutoff=ALIKE)
    if close:
        return folded[close[0]]
    return of_kind[0] if kind and len(of_kind) == 1 else None


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum()) or name


def _fitted(spec: StepSpec, names: Mapping[str, str | None]) -> tuple[StepSpec | None, str]:
    """A step with the names of other columns, or None when it cannot do without those that are not there; and what was left out."""
    gone = [name for name in dict.fromkeys((*(spec.columns or ()), *_reads(spec))) if names.get(name, name) is None]
    said = f"{', '.join(map(repr, gone[:3]))}{' …' if len(gone) > 3 else ''} {'is' if len(gone) == 1 else 'are'} not there" if gone else ""
    columns = None if spec.columns is None else _renamed(spec.columns, names)
    params, lacking = _params(spec, names)
    if lacking or (columns is not None and not columns):
        return None, f"left out, because {said or 'it names no column'}"
    return StepSpec(step=spec.step, columns=columns, params=params, enabled=spec.enabled), said


def _params(spec: StepSpec, names: Mapping[str, str | None]) -> tuple[dict[str, Any], bool]:
    """The parameters with the names of other columns, and whether one that must name a column no longer does."""
    params, lacking = dict(spec.params), False
    entry = next((entry for entry in catalog.entries("step") if entry.name == spec.step), None)
    if entry and entry.facts.renames and _reads(spec):
        lacking = any(names.get(name, name) is None for name in _reads(spec))
        params = params if lacking else entry.facts.renames(params, names)
    for param in entry.params if entry else ():
        value = params.get(param.name)
        if param.kind == "column" and isinstance(value, str) and value:
            params[param.name] = names.get(value, value) or ""
        elif param.kind == "columns" and isinstance(value, (list, tuple)) and value:
            params[param.name] = list(_renamed(value, names))
        else:
            continue
        lacking |= not params[param.name] and not param.optional
    return params, lacking


def _renamed(given: Sequence[str], names: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(new for name in given if (new := names.get(name, name)) is not None))
