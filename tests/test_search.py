"""What is tried next: the strong configurations of every family, then the strategy; the same past always gives the same proposal."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline import catalog, search
from pipeline.data import infer
from pipeline.plan import Plan
from pipeline.strategies import Past, grid_sizes, strategy

ROWS = 60


def plan(**changes: object) -> Plan:
    frame = pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30})
    families = [{"family": "extra_trees"}, {"family": "linear"}, {"family": "lightgbm"}]
    return Plan.draft(infer(frame)[1], "y").change(families=families, search={"trials": 20}, **changes)


def run(p: Plan, trials: int) -> list[Past]:
    """A run whose loss is known: smaller for a smaller learning rate, LightGBM ahead of the others."""
    past: list[Past] = []
    for _ in range(trials):
        (proposal,) = search.propose(p, past, ROWS)
        assert proposal.number == len(past)
        past.append(known(proposal))
    return past


def known(proposal: search.Proposal) -> Past:
    complete = catalog.get("family", proposal.family).complete(proposal.params)
    return Past(proposal.family, proposal.params, {"lightgbm": 0.0, "linear": 0.5}.get(proposal.family, 1.0) + complete.get("learning_rate", 0))


def queue(p: Plan) -> int:
    return search.first_turns(p, ROWS)


def test_the_baseline_and_then_the_strong_configurations_of_every_family_have_their_turn_in_one_queue() -> None:
    turns = queue(plan())
    tried = run(plan(), turns)
    assert tried[0].family == "baseline" and {t.family for t in tried[1:]} == {"linear", "lightgbm", "extra_trees"}
    assert [(t.family, t.params) for t in tried] == search.portfolio(plan(), ROWS)
    assert len({(t.family, str(t.params)) for t in tried}) == turns, "none twice"
    families = [catalog.get("family", t.family) for t in tried]
    assert all(t.params == entry.complete(t.params) for t, entry in zip(tried, families)), "complete, so that a trial can be read later"
    first = {e.name: next(i for i, t in enumerate(tried) if t.family == e.name) for e in families[1:]}
    order = {spec.family: min(preset.order for preset in search.presets(plan(), spec, ROWS, "cpu")) for spec in plan().families}
    assert sorted(first, key=first.get) == sorted(order, key=order.get), "the smallest order comes first"
    assert [p.wave for p in search.propose(plan(), tried, ROWS, 2)] == ["tuning", "tuning"]


def test_several_proposals_at_once_cross_from_the_queue_into_the_search() -> None:
    turns = queue(plan())
    made = search.propose(plan(), run(plan(), turns - 2), ROWS, 4)
    assert [p.number for p in made] == list(range(turns - 2, turns + 2))
    assert [p.wave for p in made] == ["portfolio", "portfolio", "tuning", "tuning"]


def test_a_preset_is_for_tables_of_its_size_and_for_text_where_there_is_text() -> None:
    spec = plan().families[2]
    facts = catalog.get("family", spec.family).facts
    for rows in (ROWS, 1_000, 50_000, 500_000):
        suited = search.presets(plan(), spec, rows, "cpu")
        assert suited and all(preset.rows[0] <= rows < preset.rows[1] and not preset.text for preset in suited if preset in facts.portfolio)


@pytest.mark.parametrize(("rows", "kind", "patient"), [(5_000, "numeric", True), (200_000, "numeric", False), (5_000, "text", False)])
def test_more_time_buys_smaller_steps_unless_the_model_would_answer_too_late_for_it(rows: int, kind: str, patient: bool) -> None:
    """Smaller steps make more trees; of a large table or a text they would answer too late to be kept."""
    frame = pd.DataFrame({"x": [float(i) for i in range(60)], "t": [f"some words about the number {i} and others" for i in range(60)], "y": ["a", "b"] * 30})
    column = "t" if kind == "text" else "x"
    drafted = Plan.draft(infer(frame[[column, "y"]])[1], "y")
    assert drafted.kinds[column] == kind
    short, long = (drafted.change(families=[{"family": "lightgbm"}], search={"seconds": seconds}) for seconds in (60, 300))
    rates = [[params["learning_rate"] for family, params in search.portfolio(p, rows) if family == "lightgbm"] for p in (short, long)]
    assert (max(rates[1]) < max(rates[0])) == patient and (patient or rates[0] == rates[1])


@pytest.mark.parametrize("entry", catalog.entries("strategy"), ids=lambda e: e.name)
def test_the_same_seed_gives_the_same_trials_another_seed_others_and_a_run_that_was_cut_goes_on_with_the_same(entry: catalog.Entry) -> None:
    p = plan().change(search={"strategy": entry.name, "trials": 20})
    cut = queue(p) + 1
    whole = run(p, cut + 1)
    assert run(p, cut + 1) == whole
    assert run(p.change(seed=1), cut + 1) != whole
    (nxt,) = search.propose(p, whole[:cut], ROWS)
    assert (nxt.family, nxt.params) == (whole[cut].family, whole[cut].params)


def test_a_narrowed_space_and_fixed_parameters_are_kept() -> None:
    name = next(p.name for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "float" and p.log)
    fixed = next(p for p in catalog.get("family", "lightgbm").params if p.tune and p.kind == "int")
    p = plan().change(families=[{"family": "lightgbm", "params": {fixed.name: fixed.low}, "space": {name: [0.05, 0.06]}}])
    tuned = [t.params for t in run(p, queue(p) + 8)[1:]]
    assert all(0.05 <= t[name] <= 0.06 and t[fixed.name] == fixed.low for t in tuned)


def test_failed_trials_do_not_stop_the_search() -> None:
    past = [Past(family, params, 0.5 if family == "extra_trees" else None) for family, params in search.portfolio(plan(), ROWS)]
    assert search.propose(plan(), past, ROWS)[0].family == "extra_trees"


def test_what_a_person_enqueued_is_tried_once_before_the_strategy_begins() -> None:
    asked = [{"family": "knn", "params": {}}, {"family": "lightgbm", "params": {"learning_rate": 0.07}}]
    p = plan().change(search={"trials": 20, "enqueued": asked})
    tried = run(p, queue(p) + 2)
    assert [t.family for t in tried[-4:-2]] == ["knn", "lightgbm"] and tried[-3].params["learning_rate"] == 0.07
    assert sum(t.params.get("learning_rate") == 0.07 for t in tried) == 1


def test_a_grid_covers_every_family_and_ends() -> None:
    families = [{"family": "linear", "space": {}}, {"family": "knn", "params": {}}]
    p = plan().change(families=families, search={"trials": 500, "strategy": "grid", "params": {"points": 2}})
    past = run(p, 1)
    while made := search.propose(p, past, ROWS, 4):
        past += [Past(proposal.family, proposal.params, 1.0) for proposal in made]
    tuned = past[1:]
    sizes = grid_sizes(p, 2)
    for family, size in sizes.items():
        assert sum(t.family == family for t in tuned) == size


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
        assert run(p, queue(p) + 1)[-1].family == "lightgbm"
        assert p.problems(infer(pd.DataFrame({"x": [float(i) for i in range(60)], "y": ["a", "b"] * 30}))[1]) == []
    finally:
        catalog.unregister("strategy", "first")
