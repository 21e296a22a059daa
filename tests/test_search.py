"""What is tried next: every family once, then the strategy; the same past always gives the same proposal."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline import catalog, search
from pipeline.data import infer
from pipeline.plan import Plan
from pipeline.search import Past


def plan(**changes: object) -> Plan:
    frame = pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30})
    families = [{"family": "extra_trees"}, {"family": "linear"}, {"family": "lightgbm"}]
    return Plan.draft(infer(frame)[1], "y").change(families=families, search={"trials": 20}, **changes)


def run(p: Plan, trials: int) -> list[Past]:
    """A run whose loss is known: smaller for a smaller learning rate, LightGBM ahead of the others."""
    past: list[Past] = []
    for _ in range(trials):
        proposal = search.propose(p, past)
        complete = catalog.get("family", proposal.family).complete(proposal.params)
        past.append(Past(proposal.family, proposal.params, {"lightgbm": 0.0, "linear": 0.5}.get(proposal.family, 1.0) + complete.get("learning_rate", 0)))
    return past


def test_the_baseline_and_then_every_family_from_quick_to_slow_have_their_turn() -> None:
    assert [p.family for p in run(plan(), 4)] == ["baseline", "linear", "lightgbm", "extra_trees"]


@pytest.mark.parametrize("entry", catalog.entries("strategy"), ids=lambda e: e.name)
def test_the_same_seed_gives_the_same_trials_and_another_seed_others(entry: catalog.Entry) -> None:
    p = plan().change(search={"strategy": entry.name, "trials": 20})
    assert run(p, 12) == run(p, 12)
    assert run(p, 12) != run(p.change(seed=1), 12)


@pytest.mark.parametrize("entry", catalog.entries("strategy"), ids=lambda e: e.name)
def test_a_run_that_was_cut_goes_on_with_the_same_proposals(entry: catalog.Entry) -> None:
    p = plan().change(search={"strategy": entry.name, "trials": 20})
    whole = run(p, 12)
    nxt = search.propose(p, whole[:9])
    assert (nxt.family, nxt.params) == (whole[9].family, whole[9].params)


@pytest.mark.parametrize("entry", [e for e in catalog.entries("family") if any(p.tune for p in e.params)], ids=lambda e: e.name)
def test_proposals_are_inside_every_bound(entry: catalog.Entry) -> None:
    task = entry.tasks[0]
    p = plan().change(task=task, families=[{"family": entry.name}])
    for past in run(p, 8)[1:]:
        if past.family == entry.name:
            assert entry.complete(past.params)  # raises PlanError outside the bounds


def test_a_narrowed_space_and_fixed_parameters_are_kept() -> None:
    name = next(p.name for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "float" and p.log)
    fixed = next(p for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "int")
    p = plan().change(families=[{"family": "lightgbm", "params": {fixed.name: fixed.low}, "space": {name: [0.05, 0.06]}}])
    tuned = [t.params for t in run(p, 10)[2:]]
    assert tuned and all(0.05 <= t[name] <= 0.06 and t[fixed.name] == fixed.low for t in tuned)


def test_tpe_finds_better_than_random_where_there_is_something_to_find() -> None:
    def best(strategy: str) -> float:
        return sum(min(t.loss for t in run(plan(seed=s).change(search={"strategy": strategy, "trials": 30}), 30)) for s in range(3))

    assert best("tpe") <= best("random")


def test_failed_trials_do_not_stop_the_search() -> None:
    past = [Past("baseline", {}, 1.0), Past("linear", {}, None), Past("lightgbm", {}, None), Past("extra_trees", {}, 0.5)]
    assert search.propose(plan(), past).family == "extra_trees"


def test_a_strategy_added_in_one_place_is_used() -> None:
    @search.strategy("first", title="First", help="For this test.", order=99)
    def first(space: dict, past: object, seed: int) -> tuple[str, dict]:
        return next(iter(space)), {}

    try:
        p = plan().change(search={"strategy": "first", "trials": 9})
        assert run(p, 5)[4].family == "lightgbm"
        assert p.problems(infer(pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30}))[1]) == []
    finally:
        catalog.unregister("strategy", "first")
