"""Which configuration to try next: every family once with its defaults, then a strategy around the best ones.

What is proposed depends only on the plan and on the trials finished so far, never on a state of its own: so a run that
was killed goes on exactly where it stopped, and the same seed gives the same trials.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import Entry, Param
from pipeline.plan import FamilySpec, Plan

TUNED_FAMILIES = 3


@dataclass(frozen=True)
class Proposal:
    """A configuration to fit: `tuned` is False for a family's first turn with its defaults."""

    number: int
    family: str
    params: dict[str, Any]
    tuned: bool


@dataclass(frozen=True)
class Past:
    """What a strategy may know of a finished trial. `loss` is smaller when better; None when it failed."""

    family: str
    params: dict[str, Any]
    loss: float | None


def strategy(name: str, *, title: str, help: str, order: int) -> Callable[[Callable], Callable]:
    """Register a strategy: `make(space, past, seed) -> (family, params)`, where space is {family: [Param, ...]}."""
    return catalog.register("strategy", name, title=title, help=help, order=order)


@strategy("random", title="Random", help="Draws every configuration at random; hard to beat on small budgets.", order=20)
def random(space: dict[str, list[Param]], past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import RandomSampler

    return _ask(lambda: RandomSampler(seed=seed), space, [])


@strategy("tpe", title="Bayesian (TPE)", order=10,
          help="Learns from the finished trials where good configurations lie (tree-structured Parzen estimator).")  # fmt: skip
def tpe(space: dict[str, list[Param]], past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import TPESampler

    return _ask(lambda: TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=8), space, past)


def propose(plan: Plan, past: Sequence[Past]) -> Proposal:
    """The next configuration, given the trials so far in their order. The baseline is always number 0."""
    first = _first_turns(plan)
    number = len(past)
    tuned = number >= len(first)
    family, params = _tuned(plan, past) if tuned else (first[number].family, first[number].params)
    # Complete, so that what was fitted can be read from the trial even when a default changes later.
    return Proposal(number, family, catalog.get("family", family).complete(params), tuned)


def first_turns(plan: Plan) -> int:
    """How many trials pass before the strategy begins."""
    return len(_first_turns(plan))


def can_tune(plan: Plan) -> bool:
    """Whether any chosen family has a parameter to search over."""
    return any(space_of(plan, spec) for spec in plan.families)


def space_of(plan: Plan, spec: FamilySpec) -> list[Param]:
    """The parameters that the search may change: the catalogue's, within the plan's ranges, less those that the plan fixes."""
    params = [p for p in catalog.get("family", spec.family).params if p.tune and p.name not in spec.params]
    return [_narrowed(p, spec.space[p.name]) if p.name in spec.space else p for p in params]


def _narrowed(param: Param, bounds: tuple[float, float]) -> Param:
    from dataclasses import replace

    return replace(param, low=max(bounds[0], param.low), high=min(bounds[1], param.high))


def _first_turns(plan: Plan) -> list[FamilySpec]:
    """The baseline, then the chosen families from the quickest to the slowest, so that there is an answer early."""
    order = {entry.name: entry.order for entry in catalog.entries("family")}
    chosen = sorted((f for f in plan.families if f.family != "baseline"), key=lambda f: order[f.family])
    return [FamilySpec(family="baseline"), *chosen]


def _tuned(plan: Plan, past: Sequence[Past]) -> tuple[str, dict[str, Any]]:
    specs = {spec.family: spec for spec in plan.families}
    space = {name: s for name, spec in specs.items() if (s := space_of(plan, spec))}
    space = {name: space[name] for name in _best_families(past, space)}
    make = catalog.get("strategy", plan.search.strategy).make
    known = [p for p in past if p.family in space]
    family, params = make(space, known, plan.seed * 100_003 + len(past))
    return family, {**specs[family].params, **params}


def _best_families(past: Sequence[Past], space: dict) -> list[str]:
    """The families whose best trial is best; breadth is over, depth goes where it pays."""
    best = {name: min((p.loss for p in past if p.family == name and p.loss is not None), default=np.inf) for name in space}
    tried = [name for name in sorted(best, key=best.get) if np.isfinite(best[name])]
    return (tried or list(space))[:TUNED_FAMILIES]


def _ask(sampler: Callable[[], Any], space: dict[str, list[Param]], past: Sequence[Past]) -> tuple[str, dict[str, Any]]:
    """One configuration from an Optuna sampler that is told the past. Names are `family` and `<family>.<parameter>`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(sampler=sampler())
        for trial in past:
            study.add_trial(_frozen(trial, space))
        asked = study.ask()
        family = asked.suggest_categorical("family", list(space))
        return family, {p.name: _suggest(asked, f"{family}.{p.name}", p) for p in space[family]}


def _suggest(asked: Any, name: str, param: Param) -> Any:
    if param.kind in ("bool", "choice"):
        return asked.suggest_categorical(name, (False, True) if param.kind == "bool" else param.choices)
    suggest = asked.suggest_int if param.kind == "int" else asked.suggest_float
    return suggest(name, param.low, param.high, log=param.log)


def _distribution(param: Param) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if param.kind == "bool":
        return CategoricalDistribution([False, True])
    if param.kind == "choice":
        return CategoricalDistribution(param.choices)
    kind = IntDistribution if param.kind == "int" else FloatDistribution
    cast = int if param.kind == "int" else float
    return kind(cast(param.low), cast(param.high), log=param.log)


def _frozen(trial: Past, space: dict[str, list[Param]]) -> Any:
    """A finished trial in Optuna's words; parameters outside today's space are pulled to its edge."""
    import optuna
    from optuna.distributions import CategoricalDistribution

    entry: Entry = catalog.get("family", trial.family)
    values, kinds = {"family": trial.family}, {"family": CategoricalDistribution(list(space))}
    for param in space[trial.family]:
        value = trial.params.get(param.name, entry.param(param.name).default)
        if param.kind in ("int", "float"):
            value = min(max(value, param.low), param.high)
        values[f"{trial.family}.{param.name}"], kinds[f"{trial.family}.{param.name}"] = value, _distribution(param)
    state = optuna.trial.TrialState.COMPLETE if trial.loss is not None else optuna.trial.TrialState.FAIL
    return optuna.trial.create_trial(params=values, distributions=kinds, value=trial.loss, state=state)
