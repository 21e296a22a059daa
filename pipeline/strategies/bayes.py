"""Strategies that Optuna's samplers carry out: random, TPE, Gaussian process, NSGA-II. Each is told the past anew at every question."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.strategies.entry import Past, strategy, turn, with_lies
from pipeline.strategies.space import Space, is_number, levels

GENERATION = "NSGAIISampler:generation"  # where Optuna's NSGA-II keeps the generation of a trial
QUALITY, BOTH = "quality", "quality and latency"


@strategy("tpe", title="Bayesian (TPE)", order=10,
          help="Learns from the finished trials where good configurations lie (tree-structured Parzen estimator).")  # fmt: skip
def tpe(space: Space, past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import TPESampler

    sampler = partial(TPESampler, seed=seed, multivariate=True, group=True, n_startup_trials=8)
    return _ask(sampler, space, with_lies(past, max))


@strategy("random", title="Random", help="Draws every configuration at random; hard to beat on small budgets.", order=20)
def random(space: Space, past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import RandomSampler

    return _ask(partial(RandomSampler, seed=seed), space, [])


@strategy("gp", title="Bayesian (Gaussian process)", order=30,
          help="Models the score as a smooth function of the parameters of a family: strong with few, slow trials; takes a second for each.")  # fmt: skip
def gp(space: Space, past: Sequence[Past], seed: int) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import GPSampler

    sampler = partial(GPSampler, seed=seed, n_startup_trials=5)
    return _ask(sampler, *_one_family(space, with_lies(past, lambda losses: float(np.mean(losses))), past))


@strategy("nsga2", title="Genetic (NSGA-II)", order=40, params=[
    Param("population", "int", 10, "Population", "How many configurations make a generation.", 4, 100, tune=False),
    Param("objectives", "choice", QUALITY, "Objectives", "With latency, it looks for quick models that are good as well.",
          choices=(QUALITY, BOTH), tune=False),
], help="Crosses and mutates the best configurations of a family, generation by generation; can weigh quality against latency.",
    timed={"objectives": BOTH})  # fmt: skip
def nsga2(space: Space, past: Sequence[Past], seed: int, population: int = 10, objectives: str = QUALITY) -> tuple[str, dict[str, Any]]:
    from optuna.samplers import NSGAIISampler

    finished = [p for p in past if p.state == "finished"]
    sampler = partial(NSGAIISampler, seed=seed, population_size=population)
    return _ask(sampler, *_one_family(space, finished, past), population=population, both=objectives == BOTH)


def _one_family(space: Space, told: Sequence[Past], past: Sequence[Past]) -> tuple[Space, list[Past]]:
    """The space and the past of the family whose turn it is: these samplers learn only from what all trials have in common."""
    family = turn(space, past)
    return {family: space[family]}, [p for p in told if p.family == family]


def _ask(
    sampler: Callable[[], Any], space: Space, past: Sequence[Past], population: int | None = None, both: bool = False
) -> tuple[str, dict[str, Any]]:
    """One configuration from an Optuna sampler that is told the past. Names are `family` and `<family>.<parameter>`."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = told_study(frozen(past, space, population, both), sampler(), 1 + both)
        asked = study.ask()
        family = asked.suggest_categorical("family", list(space))
        return family, {p.name: _suggest(asked, f"{family}.{p.name}", p) for p in space[family]}


def told_study(trials: Sequence[Any], sampler: Any = None, objectives: int = 1) -> Any:
    """An Optuna study in memory that knows those trials. It says nothing on the console."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * objectives)
    study.add_trials(trials)
    return study


def _suggest(asked: Any, name: str, param: Param) -> Any:
    if not is_number(param):
        return asked.suggest_categorical(name, levels(param))
    suggest = asked.suggest_int if param.kind == "int" else asked.suggest_float
    return suggest(name, param.low, param.high, log=param.log)


def _distribution(param: Param) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not is_number(param):
        return CategoricalDistribution(levels(param))
    kind, cast = (IntDistribution, int) if param.kind == "int" else (FloatDistribution, float)
    return kind(cast(param.low), cast(param.high), log=param.log)


def frozen(past: Sequence[Past], space: Space, population: int | None = None, both: bool = False) -> list[Any]:
    """Finished trials in Optuna's words. With a population they are counted into generations; `both` gives latency as a second value."""
    slowest = max((p.latency for p in past if p.latency is not None), default=0.0)
    trials, complete = [], 0
    for trial in past:
        values = None if trial.loss is None else [trial.loss]
        if both and values:  # of unknown latency counts as slow as the slowest: nothing is won by not being measured
            values.append(slowest if trial.latency is None else trial.latency)
        trials.append(_frozen(trial, space, values, {GENERATION: complete // population} if population else {}))
        complete += values is not None
    return trials


def _frozen(trial: Past, space: Space, losses: list[float] | None, notes: dict[str, Any]) -> Any:
    """A finished trial in Optuna's words; parameters outside today's space are pulled to its edge."""
    import optuna
    from optuna.distributions import CategoricalDistribution

    entry = catalog.get("family", trial.family)
    values, kinds = {"family": trial.family}, {"family": CategoricalDistribution(list(space))}
    for param in space[trial.family]:
        value = trial.params.get(param.name, entry.param(param.name).default)
        value = min(max(value, param.low), param.high) if is_number(param) else value
        values[f"{trial.family}.{param.name}"], kinds[f"{trial.family}.{param.name}"] = value, _distribution(param)
    state = optuna.trial.TrialState.FAIL if losses is None else optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(params=values, distributions=kinds, values=losses, state=state, system_attrs=notes)
