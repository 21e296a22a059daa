"""What a run will take, from a real probe: it counts what a plan asks for, says what it could not see, and makes the plan fit."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace

import pandas as pd
import pytest

import pipeline
from pipeline import catalog
from pipeline.data import infer
from pipeline.data.schema import Schema
from pipeline.errors import PlanError
from pipeline.estimate import Estimate, estimated, fitted
from pipeline.plan import Plan
from pipeline.schedule import MEMBERS
from pipeline.search import portfolio
from tests.tables import customers, houses

PATIENT = 300.0  # seconds that the fits of a probe may take here: the machine of the tests may be busy
FAMILIES = ("linear", "lightgbm", "knn")


def planned(frame: pd.DataFrame, target: str, *families: str, **search: object) -> tuple[Plan, pd.DataFrame, Schema]:
    table, schema = infer(frame)
    plan = Plan.draft(schema, target).change(families=[{"family": name} for name in families], search=search, split={"folds": 3, "holdout": 0})
    return plan, table, schema


@pytest.fixture(scope="module")
def probed() -> tuple[Plan, Estimate]:
    plan, table, schema = planned(customers(), "left", *FAMILIES, trials=12)
    return plan, estimated(plan, table, schema, seconds=PATIENT)


def budget(plan: Plan, **search: object) -> Plan:
    return plan.change(search=search)


def said(estimate: Estimate) -> str:
    return " ".join(estimate.sentences)


def test_it_counts_and_times_what_the_plan_asks_for(probed):
    _, estimate = probed
    assert estimate.fits == (12 + 1) * 3 + MEMBERS
    assert set(estimate.seconds_per_fit) == set(FAMILIES) and all(0 < seconds < 600 for seconds in estimate.seconds_per_fit.values())
    assert f"{estimate.fits} fits" in said(estimate) and "12 trials" in said(estimate)
    assert estimate.fits_in_memory and 0 < estimate.memory_bytes < 20e9 and estimate.free_bytes > 0
    assert json.loads(json.dumps(asdict(estimate)))["fits"] == estimate.fits


def test_the_time_grows_with_the_trials_and_the_folds(probed):
    plan, estimate = probed
    once, twice, whole = (estimate.of(budget(plan, trials=n)) for n in (1_000, 2_000, 4_000))
    assert 1.5 < (whole.seconds - twice.seconds) / (twice.seconds - once.seconds) < 2.5 and whole.fits > 3.9 * once.fits
    folds = replace(estimate, probe=replace(estimate.probe, folds=2 * estimate.probe.folds)).of(budget(plan, trials=1_000))
    assert once.seconds < folds.seconds < 2 * once.seconds and folds.fits > 1.9 * once.fits
    nested = plan.change(split={"folds": 3, "holdout": 0, "nested": True})
    assert estimate.of(nested).fits == 2 * estimate.fits and "outer folds" in said(estimate.of(nested))


def test_a_budget_in_seconds_ends_in_time_and_says_how_many_fits_it_has_time_for(probed):
    plan, estimate = probed
    short, long = (estimate.of(budget(plan, seconds=n)) for n in (100, 1_000))
    assert (short.seconds, long.seconds) == (100, 1_000) and long.fits > 5 * short.fits > 0
    assert f"time for about {long.fits:,} fits" in said(long)
    assert fitted(budget(plan, seconds=5_000), long) == budget(plan, seconds=5_000)


def test_a_grid_has_no_more_trials_than_combinations(probed):
    plan, estimate = probed
    grid = plan.change(families=[{"family": "linear"}], search={"strategy": "grid", "trials": 10_000})
    sizes = pipeline.grid_sizes(grid, catalog.get("strategy", "grid").complete({})["points"])
    assert estimate.of(grid).fits == (1 + sum(sizes.values())) * 3 + min(MEMBERS, sum(sizes.values()))


def test_a_plan_that_is_too_long_is_shortened(probed):
    plan, estimate = probed
    plan = budget(plan, trials=5_000)
    whole = estimate.of(plan).seconds
    shorter = fitted(plan, estimate, seconds=whole / 10)
    assert 0 < shorter.search.trials < 5_000 and estimate.of(shorter).seconds <= whole / 10
    assert estimate.of(budget(plan, trials=shorter.search.trials + 1)).seconds > whole / 10
    assert shorter.families == plan.families and fitted(shorter, estimate, seconds=whole / 10) == shorter
    none = fitted(plan, estimate, seconds=0.001)
    assert (none.search.trials, none.search.seconds) == (None, 0.001)


def with_memory(estimate: Estimate, free: int, **bytes_of: int) -> Estimate:
    """The same probe where families take that much."""
    costs = tuple(replace(cost, memory_bytes=bytes_of.get(cost.family, cost.memory_bytes)) for cost in estimate.probe.costs)
    return replace(estimate, probe=replace(estimate.probe, costs=costs, free_bytes=free))


def test_memory_above_what_is_free_is_said_and_mended_by_the_heaviest_dense_family(probed):
    plan, estimate = probed
    heavy = with_memory(estimate, 20 * 10**9, knn=40 * 10**9).of(plan)
    assert not heavy.fits_in_memory and "only 20.0 GB are free" in said(heavy) and "It fits without Nearest neighbours" in said(heavy)
    lighter = fitted(plan, heavy)
    assert [spec.family for spec in lighter.families] == ["linear", "lightgbm"] and lighter.search == plan.search
    assert heavy.of(lighter).fits_in_memory and fitted(lighter, heavy) == lighter


def test_memory_that_no_family_left_out_would_mend_is_said():
    plan, table, schema = planned(houses(), "price", "linear", "knn", trials=2)
    estimate = estimated(plan, table, schema, free_bytes=10**6, seconds=PATIENT)
    assert not estimate.fits_in_memory and estimate.free_bytes == 10**6
    assert "a table with fewer rows or columns" in said(estimate) and fitted(plan, estimate) == plan


def test_a_family_that_fails_in_the_probe_is_said_and_the_others_are_measured():
    plan, table, schema = planned(houses(), "price", "linear", "lightgbm", trials=2)
    plan = plan.change(recipe=[s.model_dump() for s in plan.recipe if s.step != "impute"])
    table = table.assign(size=table["size"].mask(table.index % 3 == 0))
    estimate = estimated(plan, table, schema, seconds=PATIENT)
    assert "Linear model could not be fitted on the sample: " in said(estimate)
    assert set(estimate.seconds_per_fit) == {"lightgbm"}


def test_a_family_that_does_not_end_in_its_time_is_said():
    plan, table, schema = planned(customers(), "left", "linear", trials=2)
    estimate = estimated(plan, table, schema, seconds=0.0)
    assert "had no turn" in said(estimate) and "not known and not counted" in said(estimate) and estimate.seconds_per_fit == {}


def test_a_larger_table_is_reckoned_from_two_sizes():
    small, large = (planned(houses(n), "price", "linear", "lightgbm", trials=5) for n in (600, 15_000))
    of_small, of_large = (estimated(*planned, seconds=PATIENT) for planned in (small, large))
    assert "as a fit learns from, 400." in said(of_small) and "on 500 and 2,000 of 10,000 rows" in said(of_large)
    worked = [made.seconds - made.probe.start_seconds for made in (of_small, of_large)]  # how long processes take to start is no matter of rows
    assert worked[1] > worked[0] and of_large.memory_bytes > of_small.memory_bytes


def test_no_process_of_the_probe_is_left():
    import psutil

    here = psutil.Process(os.getpid())
    before = {child.pid for child in here.children(recursive=True)}
    plan, table, schema = planned(customers(), "left", "linear", trials=2)
    estimated(plan, table, schema, seconds=PATIENT)
    assert {child.pid for child in here.children(recursive=True)} <= before


def test_a_plan_that_cannot_run_is_refused(probed):
    plan, table, schema = planned(customers(), "left", "linear", trials=2)
    with pytest.raises(PlanError, match="a number of trials or a number of seconds"):
        estimated(plan.model_copy(update={"search": plan.search.model_copy(update={"trials": None})}), table, schema)
    assert portfolio(plan, 100)[0][0] == "baseline"


def test_the_verbs_are_public_names():
    assert pipeline.estimated is estimated and pipeline.fitted is fitted and pipeline.Estimate is Estimate
    assert pipeline.__all__ == sorted(pipeline.__all__)
