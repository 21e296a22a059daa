"""What is tried next: every family once, then the strategy; the same past always gives the same proposal."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline import catalog, search
from pipeline.data import infer
from pipeline.plan import Plan
from pipeline.strategies import Past, grid_sizes, strategy


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


def test_a_narrowed_space_and_fixed_parameters_are_kept() -> None:
    name = next(p.name for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "float" and p.log)
    fixed = next(p for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "int")
    p = plan().change(families=[{"family": "lightgbm", "params": {fixed.name: fixed.low}, "space": {name: [0.05, 0.06]}}])
    tuned = [t.params for t in run(p, 10)[2:]]
    assert tuned and all(0.05 <= t[name] <= 0.06 and t[fixed.name] == fixed.low for t in tuned)


def test_failed_trials_do_not_stop_the_search() -> None:
    past = [Past("baseline", {}, 1.0), Past("linear", {}, None), Past("lightgbm", {}, None), Past("extra_trees", {}, 0.5)]
    assert search.propose(plan(), past).family == "extra_trees"


def test_what_a_person_enqueued_is_tried_once_before_the_strategy_begins() -> None:
    asked = [{"family": "knn", "params": {}}, {"family": "lightgbm", "params": {"learning_rate": 0.07}}]
    p = plan().change(search={"trials": 20, "enqueued": asked})
    tried = run(p, 7)
    assert [t.family for t in tried[4:6]] == ["knn", "lightgbm"] and tried[5].params["learning_rate"] == 0.07
    assert sum(t.params.get("learning_rate") == 0.07 for t in tried) == 1


def test_a_grid_covers_every_family_and_ends() -> None:
    families = [{"family": "linear", "space": {}}, {"family": "knn", "params": {}}]
    p = plan().change(families=families, search={"trials": 500, "strategy": "grid", "params": {"points": 2}})
    past = run(p, 3)
    while (proposal := search.propose(p, past)) is not None:
        past.append(Past(proposal.family, proposal.params, 1.0))
    tuned = past[3:]
    sizes = grid_sizes(p, 2)
    for family, size in sizes.items():
        assert size - 1 <= sum(t.family == family for t in tuned) <= size, "the defaults may be one of the combinations"


def test_an_unknown_parameter_of_a_strategy_a_pruner_or_an_enqueued_family_is_a_problem() -> None:
    schema = infer(pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30}))[1]
    asked = {"strategy": "grid", "params": {"points": 99}, "pruner": "medium", "trials": 5, "enqueued": [{"family": "linear", "params": {"penalti": 1}}]}
    problems = plan().change(search=asked).problems(schema)
    assert [p.page for p in problems] == ["tuning"] * 3
    assert "points" in problems[0].message and "medium" in problems[1].message and "penalti" in problems[2].message


def test_a_strategy_added_in_one_place_is_used() -> None:
    @strategy("first", title="First", help="For this test.", order=99)
    def first(space: dict, past: object, seed: int) -> tuple[str, dict]:
        return next(iter(space)), {}

    try:
        p = plan().change(search={"strategy": "first", "trials": 9})
        assert run(p, 5)[4].family == "lightgbm"
        assert p.problems(infer(pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30}))[1]) == []
    finally:
        catalog.unregister("strategy", "first")
