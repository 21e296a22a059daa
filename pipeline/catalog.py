"""The catalogue: every family, step, metric, check, chart and export part, each registered in one place.

An entry is one decorated function with its facts. The form on the page, the search space, the contract tests and the
documentation row all follow from those facts, so adding one touches one file. This module knows no entry; it only
knows which package registers which kind, so that a kind is imported when it is first asked for and not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.errors import PlanError, UnknownName

TASKS = ("binary", "multiclass", "regression")
PROVIDERS = {
    "family": "pipeline.models",
    "step": "pipeline.features",
    "metric": "pipeline.evaluate",
    "check": "pipeline.quality",
    "strategy": "pipeline.strategies",
    "pruner": "pipeline.strategies",
    "balance": "pipeline.balance",
    "export": "pipeline.export",
    "analysis": "pipeline.analyses",
}


@dataclass(frozen=True)
class Param:
    """One parameter of an entry: what a form draws, what a search explores, what a plan is checked against.

    `low` and `high` are inclusive. `log` explores on a logarithmic scale. `tune=False` keeps it out of the search
    space. `choices` belongs to kind "choice" only. A "column" is the name of a column, a "columns" a tuple of names, both
    of the kinds in `accepts`; "" and () are none, which only an `optional` one may be when the plan runs.
    """

    name: str
    kind: Literal["int", "float", "bool", "choice", "text", "column", "columns"]
    default: Any
    title: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple = ()
    unit: str = ""
    tune: bool = True
    accepts: tuple[str, ...] = ()
    optional: bool = False

    def check(self, value: Any) -> Any:
        """Return `value` as this parameter's type, or raise PlanError with what was seen and what is allowed."""
        expected = self._expected()
        if self.kind == "choice":
            ok = value in self.choices
        elif self.kind in ("bool", "text", "column"):
            ok = isinstance(value, bool if self.kind == "bool" else str)
        elif self.kind == "columns":
            ok = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
        else:
            ok = isinstance(value, (int, float)) and not isinstance(value, bool) and self._inside(value)
            ok = ok and (self.kind == "float" or float(value).is_integer())
        if not ok:
            raise PlanError(f"{self.title} ({self.name}) is {value!r}; expected {expected}.", f"The default is {self.default!r}.")
        return {"int": int, "float": float, "columns": tuple}.get(self.kind, lambda same: same)(value)

    def _inside(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _expected(self) -> str:
        if self.kind == "choice":
            return "one of " + ", ".join(map(repr, self.choices))
        if self.kind == "bool":
            return "true or false"
        if self.kind in ("text", "column", "columns"):
            return {"text": "text", "column": "the name of a column", "columns": "a list of names of columns"}[self.kind]
        number = "a whole number" if self.kind == "int" else "a number"
        return f"{number} from {self.low} to {self.high}" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Entry:
    """One thing of the catalogue. `make` is the decorated function; `facts` are the room's own typed facts about it."""

    kind: str
    name: str
    title: str
    help: str
    make: Callable
    params: tuple[Param, ...] = ()
    tasks: tuple[str, ...] = TASKS
    facts: Any = None
    order: int = field(default=0)

    def param(self, name: str) -> Param:
        for param in self.params:
            if param.name == name:
                return param
        raise UnknownName(f"parameter of {self.title}", name, [p.name for p in self.params])

    def complete(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All parameters: the given ones checked, the others at their defaults. Raises PlanError or UnknownName."""
        values = {param.name: param.default for param in self.params}
        for name, value in (given or {}).items():
            values[name] = self.param(name).check(value)
        return values


_entries: dict[str, dict[str, Entry]] = {}


def register(kind: str, name: str, *, title: str, help: str, **facts: Any) -> Callable[[Callable], Callable]:
    """Decorate the function that makes an entry. A second entry of the same kind and name is a mistake and raises."""

    def decorate(make: Callable) -> Callable:
        here = _entries.setdefault(kind, {})
        if name in here and here[name].make.__module__ != make.__module__:
            raise ValueError(f"two {kind} entries are named {name!r}")
        here[name] = Entry(kind=kind, name=name, title=title, help=help, make=make, **facts)
        return make

    return decorate


def unregister(kind: str, name: str) -> None:
    """Forget an entry: for tests that add one and must leave the catalogue as it was."""
    del _entries[kind][name]


def entries(kind: str, task: str | None = None) -> list[Entry]:
    """All entries of a kind in their order, only those for `task` when one is given."""
    if kind in PROVIDERS:
        room(kind)
    found = sorted(_entries.get(kind, {}).values(), key=lambda entry: (entry.order, entry.name))
    return [entry for entry in found if task is None or task in entry.tasks]


def room(kind: str) -> Any:
    """The package that registers a kind, for who needs more of it than its entries."""
    return importlib.import_module(PROVIDERS[kind])


def get(kind: str, name: str) -> Entry:
    """The entry of that name, or UnknownName with the near misses."""
    found = {entry.name: entry for entry in entries(kind)}
    if name not in found:
        raise UnknownName(kind, name, found)
    return found[name]
