"""How a model family is registered: the decorator, its facts, and what a fit may use.

A family is one function `make(task, params, resources)` that returns an unfitted estimator with `fit(X, y)`, `predict`
and, for classes, `predict_proba` and `classes_`. Everything else that Trainyard knows about it (the form, the search
space, how the features are prepared, where it may run) follows from the facts given here.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline import catalog
from pipeline.catalog import TASKS, Param
from pipeline.errors import MissingPackage

Categories = Literal["native", "codes", "onehot"]
Speed = Literal["fast", "medium", "slow"]
OnRound = Callable[[int, "float | None"], bool]


@dataclass(frozen=True)
class Resources:
    """What one fit may use. `threads` is at least 1; `device` is "cpu", "cuda" or "mps"."""

    threads: int = 1
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Preset:
    """One strong configuration of the fixed portfolio, for tables of `rows[0]` to `rows[1]` training rows.

    `order` is its place in the common queue over all families (small is early); `devices` are where it is sensible;
    `text` says that it is for tables with free text only.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    order: int = 100
    rows: tuple[int, int] = (0, 10**9)
    tasks: tuple[str, ...] = TASKS
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    text: bool = False


@dataclass(frozen=True)
class FamilyFacts:
    """What the rest of Trainyard needs to know about a family.

    `categories`: how it wants categories: "native" (pandas category columns), "codes" (integers ordered by frequency)
    or "onehot". `scaled`: wants numbers standardised. `missing`: accepts NaN. `sparse`: accepts a CSR matrix, and `wide`
    says that it may have tens of thousands of columns: every word of a text, not the text in short.
    `default`: belongs in a first run. `iterative`: `fit` takes `on_round(iteration, score)`, where the score is minus
    the validation loss (log loss or RMSE; None when nothing is held back) and a true answer ends the fit.
    `device`: "cpu" (never an accelerator), "cuda", or "any" (CUDA or Apple's MPS). `max_rows`: it learns from a seeded
    sample of that many rows where there are more. `supports` says whether what is installed here can use a device;
    `device_rows` is the number of training rows below which the CPU is quicker all the same. `rounds` names the
    parameter that says how many rounds; such a family also has `early_stopping` and sets `best_round_`: a refit on all
    rows sets both. `portfolio` are its strong configurations; without one the defaults take its first turn. `weights`:
    honours sample weights; the others count all rows alike. `imports` are heavy modules that only its fits import.
    `together(estimators, tables, on_rounds, origins)` fits several as one batch, in about the time of one on an accelerator.
    """

    categories: Categories
    scaled: bool
    missing: bool
    sparse: bool
    speed: Speed
    default: bool = True
    iterative: bool = False
    device: str = "cpu"
    max_rows: int | None = None
    supports: Callable[[str], bool] | None = None
    device_rows: int = 0
    rounds: str | None = None
    portfolio: tuple[Preset, ...] = ()
    weights: bool = True
    imports: tuple[str, ...] = ()
    wide: bool = True
    together: Callable[..., Any] | None = None


def family(
    name: str, *, title: str, help: str, params: Sequence[Param] = (), tasks: Sequence[str] = TASKS, order: int, **facts: Any
) -> Callable:
    """Decorate `make(task, params, resources)`; `facts` are the fields of FamilyFacts.

    The registered function may be called with any part of the parameters: the others take their defaults, and each is
    checked against its bounds (PlanError, UnknownName).
    """

    def decorate(make: Callable) -> Callable:
        @functools.wraps(make)
        def checked(task: str, params: Mapping[str, Any] | None = None, resources: Resources = Resources()) -> Any:
            return make(task, catalog.get("family", name).complete(params), resources)

        given = {"params": tuple(params), "tasks": tuple(tasks), "order": order, "facts": FamilyFacts(**facts)}
        return catalog.register("family", name, title=title, help=help, **given)(checked)

    return decorate


def device_for(entry: catalog.Entry, wanted: str, rows: int | None = None) -> str:
    """Where a fit of this family on that many rows runs when the run would use `wanted` ("cpu", "cuda", "mps"): that, or "cpu".

    Without `rows` the size does not count. A caller that passes the answer in `Resources.device` never meets a family that cannot use the device; one that
    asks for "cuda" regardless gets an error from the family, never a silent run on the CPU.
    """
    facts = entry.facts
    able = facts.device == "any" or facts.device == wanted
    small = rows is not None and rows < facts.device_rows
    if wanted == "cpu" or not able or small or (facts.supports and not facts.supports(wanted)):
        return "cpu"
    return wanted


def require(package: str, what_for: str) -> None:
    """Raise MissingPackage unless `package` can be imported; does not import it."""
    if importlib.util.find_spec(package) is None:
        raise MissingPackage(package, what_for)
