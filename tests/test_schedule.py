"""What a budget buys: a budget in trials repeats itself exactly, one in seconds races, drops what is hopeless and ends with its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline import catalog, evaluate, models
from pipeline.data import infer
from pipeline.executor import InlineExecutor, LocalExecutor
from pipeline.fitting import Fitting, Journal
from pipeline.latency import models_of
from pipeline.models import Resources, network
from pipeline.plan import Plan
from pipeline.replay import Replay, realised
from pipeline.schedule import CLEARLY, ByTime, ByTrials, Clock, Schedule, rung, whole_enough
from pipeline.search import Proposal
from pipeline.trials import REFIT, Fit, Task, TrainingData
from pipeline.workspace import Workspace
from tests.tables import customers

ROWS, FOLDS = 2_000, 5
LONG = 1_000.0
FAMILIES = ("linear", "lightgbm", "extra_trees")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """Rows to schedule fits for; the fits are made up, so the table has nothing in it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=ROWS), "y": rng.choice(["no", "yes"], ROWS)})
    table, schema = infer(frame)
    plan = Plan.draft(schema, "y").change(families=[{"family": name} for name in FAMILIES], search={"strategy": "random", "seconds": LONG})
    parts = np.array_split(rng.permutation(ROWS), FOLDS)
    folds = [(np.setdiff1d(np.arange(ROWS), part), part) for part in parts]
    return TrainingData(plan, table[["x"]], (frame["y"] == "yes").to_numpy().astype(int), np.arange(ROWS), folds, ("no", "yes"))


def by_time(data: TrainingData, used: float = 0.0) -> ByTime:
    """A schedule in seconds of which that share has passed."""
    now = time.monotonic()
    return ByTime(data, Clock(now - used * LONG, now + (1 - used) * LONG, lambda: False), Resources())


def made_up(schedule: Schedule, task: Task, noise: float, seconds: float = 1.0) -> Fit:
    """A fit whose predictions know the truth up to that much noise, of its own kind for each trial."""
    _, valid = schedule.data.part(task.fold)
    if task.fold == REFIT:
        return Fit(task.number, task.family, REFIT, task.key, "complete", seconds, rounds=task.rounds or 0, repeat=task.repeat)
    y = schedule.data.y[valid]
    odds = 2 * y - 1 + noise * np.random.default_rng([task.number, task.fold]).normal(size=len(y))
    p = 1 / (1 + np.exp(-2 * odds / max(1.0, noise) ** 2))
    predicted = np.column_stack([1 - p, p])
    score = evaluate.score(schedule.plan.metric, y, predicted)
    return Fit(task.number, task.family, task.fold, task.key, "complete", seconds, score, 100, predicted, repeat=task.repeat)


def drive(schedule: Schedule, noise: Callable[[Task], float], most: int = 60) -> list[Task]:
    """Do what the schedule asks for, one fit after the other."""
    done: list[Task] = []
    while len(done) < most and (task := schedule.next()):
        schedule.add(made_up(schedule, task, noise(task)))
        done.append(task)
    return done


# --- a budget in trials ------------------------------------------------------------------------------------------------


def test_the_number_of_slots_changes_nothing_in_a_budget_of_trials() -> None:
    table, schema = infer(customers())
    families, search = [{"family": "linear"}, {"family": "lightgbm"}], {"strategy": "tpe", "trials": 3}
    plan = Plan.draft(schema, "left").change(families=families, search=search, split={"holdout": 0, "folds": 3}, seed=3)
    outcomes = []
    for slots in (1, 2):
        executor = LocalExecutor(slots, threads=1)
        try:
            outcomes.append(pipeline.execute(plan, table, schema=schema, explained=False, executor=executor))
        finally:
            executor.close()
    one, two = outcomes
    assert [(t.number, t.family, t.params, t.score) for t in one.trials] == [(t.number, t.family, t.params, t.score) for t in two.trials]
    assert one.predictor.weights == two.predictor.weights
    assert np.array_equal(one.predictor.predict_proba(customers(seed=9)), two.predictor.predict_proba(customers(seed=9)))
    assert np.array_equal(one.fast.predict_proba(customers(seed=9)), two.fast.predict_proba(customers(seed=9)))


def trials_of(data: TrainingData, trials: int) -> ByTrials:
    plan = data.plan.change(search={"strategy": "random", "trials": trials})
    given = TrainingData(plan, data.table, data.y, data.rows, data.folds, data.classes)
    return ByTrials(given, Clock(time.monotonic(), None, lambda: False), Resources())


def test_every_trial_has_every_fold_and_the_best_are_refitted(data) -> None:
    schedule = trials_of(data, 6)
    drive(schedule, lambda task: 1.0 + task.number / 10 if task.number else 30.0, most=500)
    assert len(schedule.tallies) == 7, "the baseline is extra"
    assert all(sorted(tally.folds) == list(range(FOLDS)) for tally in schedule.tallies)
    refitted = [tally.number for tally in schedule.tallies if tally.refits]
    assert refitted and schedule.best().number in refitted and 0 not in refitted
    assert schedule.next() is None and schedule.progress()[0] == 1


def test_the_order_in_which_fits_come_in_changes_nothing(data) -> None:
    asked = []
    for turn in (1, -1):
        schedule, tried = trials_of(data, 9), []
        while True:
            tasks = list(iter(schedule.next, None))  # everything that may be under way at the same time
            if not tasks:
                break
            for task in tasks[::turn]:
                schedule.add(made_up(schedule, task, 1.0 + task.number % 4))
            tried += sorted((task.number, task.family, str(task.params), task.fold) for task in tasks)
        asked.append(tried)
    assert asked[0] == asked[1]


def test_a_trial_that_fails_is_given_no_more_folds(data) -> None:
    schedule, folds = trials_of(data, 4), []
    while task := schedule.next():
        folds.append((task.number, task.fold))
        failed = Fit(task.number, task.family, task.fold, task.key, "failed", 0.1, message="no luck")
        schedule.add(failed if task.number == 2 else made_up(schedule, task, 1.0))
    assert [fold for number, fold in folds if number == 2] == [0]
    assert schedule.tallies[2].trial(data).state == "failed" and schedule.tallies[2].trial(data).message == "no luck"


# --- a budget in seconds -----------------------------------------------------------------------------------------------


def test_a_configuration_is_judged_on_as_many_folds_as_it_takes_to_tell(data) -> None:
    assert rung(data) == 2, "600 informative rows, 400 in each fold"
    rare = TrainingData(data.plan, data.table, (np.arange(ROWS) % 20 == 0).astype(int), data.rows, data.folds, data.classes)
    assert rung(rare) == FOLDS, "a rare class makes rows say less"


def test_a_hopeless_configuration_is_dropped_after_its_first_fold_with_its_reason(data) -> None:
    schedule = by_time(data)
    tasks = drive(schedule, lambda task: 20.0 if task.number == 2 else 1.0, most=30)
    hopeless = schedule.tallies[2]
    assert [task.fold for task in tasks if task.number == 2] == [0]
    told = hopeless.trial(data)
    assert told.state == "dropped" and told.message == hopeless.dropped
    leader = catalog.get("family", schedule.tallies[int(told.message.split()[2])].family).title
    assert told.message.startswith("Behind trial ") and leader in told.message and "on 400 rows" in told.message
    assert float(told.message.partition(" by ")[2].split()[0]) > CLEARLY
    level = [tally for tally in schedule.tallies[1:] if tally is not hopeless and len(tally.folds) >= 2]
    assert level and not any(tally.dropped for tally in level), "equals are not dropped"


@pytest.mark.parametrize(("noise", "chosen"), [(0.3, "lightgbm"), (1.9, "linear")])
def test_a_model_that_had_no_time_for_all_the_folds_is_chosen_only_when_it_is_clearly_better(data, noise: float, chosen: str) -> None:
    schedule = by_time(data)
    for family, folds, its in (("baseline", 2, 50.0), ("linear", 2, 2.0), ("lightgbm", 1, noise)):
        tally = schedule.start(Proposal(len(schedule.tallies), family, {}, "portfolio"))
        for fold in range(folds):
            schedule.add(made_up(schedule, schedule.task(tally, fold), its, seconds=400.0))
    assert len(schedule.compared) == 2 and schedule.best().family == chosen


@pytest.mark.parametrize(("sense", "quick"), [(-1, "lightgbm"), (1, "linear")])
def test_a_quick_model_that_is_no_better_than_guessing_is_not_the_fast_result(data, sense: int, quick: str) -> None:
    schedule = by_time(data)
    for family, latency in (("baseline", 0.001), ("linear", 0.001), ("lightgbm", 0.05)):
        tally = schedule.start(Proposal(len(schedule.tallies), family, {}, "portfolio"))
        for fold in schedule.compared:
            fit = made_up(schedule, schedule.task(tally, fold), 50.0 if family == "baseline" else 2.0)
            predicted = fit.predicted[:, ::sense] if family == "linear" else fit.predicted
            score = evaluate.score(data.plan.metric, data.y[data.folds[fold][1]], predicted)
            schedule.add(replace(fit, predicted=predicted, score=score, latency=latency))
    assert [tally.family for tally in schedule.quick()] == [quick]


def test_a_fold_that_the_clock_cut_far_shorter_than_the_first_spoils_nothing(data) -> None:
    schedule = by_time(data)
    tally = schedule.start(Proposal(0, "lightgbm", {}, "portfolio"))
    for fold, stopped in ((0, None), (1, 20), (2, 80), (3, None)):  # the first kept 100 rounds
        made = made_up(schedule, schedule.task(tally, fold), 50.0 if fold == 1 else 1.0)
        schedule.add(replace(made, stopped=stopped, state="cut" if stopped else "complete"))
    assert list(tally.folds) == [0, 2, 3]
    assert np.isnan(tally.oof(data)[data.folds[1][1]]).all() and [fit.fold for fit, _ in models_of(tally)] == [0, 2, 3]


def test_when_the_race_is_over_the_members_get_their_refits_first_and_then_more_folds(data) -> None:
    schedule = by_time(data)
    drive(schedule, lambda task: 1.0, most=16)
    tried = len(schedule.tallies)
    schedule.clock = by_time(data, used=0.6).clock
    later = drive(schedule, lambda task: 1.0, most=40)
    judged = [task for task in later if task.fold in (0, 1)]
    deeper = [task for task in later[len(judged) :] if task.number < tried]
    first = [task.fold for task in deeper]
    refits = first.index(2)
    assert refits > 0 and set(first[:refits]) == {REFIT}, "a refit on all rows for every member"
    members = {task.number for task in deeper if task.fold == REFIT}
    assert all(tally.folds.keys() >= set(range(FOLDS)) for tally in schedule.tallies if tally.number in members)
    assert 0 not in members


def test_a_refit_takes_a_tenth_more_rounds_than_its_folds_have_found(data) -> None:
    schedule = by_time(data)
    drive(schedule, lambda task: 1.0, most=16)
    boosted = next(tally for tally in schedule.tallies if tally.family == "lightgbm" and tally.folds)
    assert schedule.task(boosted, REFIT).rounds == 110
    assert schedule.task(boosted, 3).rounds is None, "a fold stops by itself"
    linear = next(tally for tally in schedule.tallies if tally.family == "linear" and tally.folds)
    assert schedule.task(linear, REFIT).rounds is None


def test_nothing_but_a_first_answer_is_begun_when_the_time_is_over_or_too_short(data) -> None:
    late = by_time(data, used=1.01)
    assert [late.next().family, late.next().number, late.next()] == ["baseline", 1, None]
    schedule = by_time(data)
    while len(schedule.tallies) < 6 and (task := schedule.next()):
        schedule.add(made_up(schedule, task, 1.0, seconds=100.0))
    schedule.clock = by_time(data, used=0.95).clock
    left = drive(schedule, lambda task: 1.0)
    assert all(task.fold == 0 and task.number >= 6 for task in left) or not left, "no fit of 100 s is begun with 50 s left"


@pytest.fixture(scope="module")
def small(data) -> TrainingData:
    """So few rows that configurations are judged on every fold."""
    few = np.arange(300)
    folds = [(np.setdiff1d(few, part), part) for part in np.array_split(few, FOLDS)]
    return TrainingData(data.plan, data.table.iloc[few], data.y[few], few, folds, data.classes)


def test_small_tables_are_protected_from_a_search_that_fits_their_noise(small) -> None:
    schedule = by_time(small)
    drive(schedule, lambda task: 1.0, most=400)
    assert len(schedule.tallies) <= 20 < 400


def test_few_rows_are_judged_by_the_mean_of_several_seeds_where_the_seed_makes_a_difference(small) -> None:
    """What is kept is the mean of several models, which helps some families more than others."""
    schedule, spread = by_time(small), {"linear": 0.0, "lightgbm": 0.1, "extra_trees": 0.02}
    while (task := schedule.next()) and len(schedule.tallies) < 400:
        fit = made_up(schedule, task, 1.0)
        if fit.predicted is not None and task.number:
            noise = spread[task.family] * np.random.default_rng([task.number, task.fold, task.repeat]).normal(size=len(fit.predicted))
            p = np.clip(fit.predicted[:, 1] + noise, 0.05, 0.95)
            predicted = np.column_stack([1 - p, p])
            valid = small.folds[task.fold][1]
            fit = replace(fit, predicted=predicted, score=evaluate.score(small.plan.metric, small.y[valid], predicted))
        schedule.add(fit)
    seeds = {t.number: sorted(repeat for fold, repeat in t.fits if fold == 1) for t in schedule.tallies}
    several = [t for t in schedule.tallies if len(seeds[t.number]) > 1]
    assert {"lightgbm", "extra_trees"} <= {t.family for t in several}, "the best of each family, also of one that seems worse with one seed"
    assert all(len(t.seeds) <= FOLDS + 1 for t in schedule.tallies if t.family == "linear"), "where a second seed gave the same, there is no third"
    bagged = next(t for t in several if t.family == "lightgbm")
    assert seeds[bagged.number] == [0, 1, 2]
    mean = np.mean([bagged.fits[1, repeat].predicted for repeat in range(3)], axis=0)
    valid = small.folds[1][1]
    assert np.allclose(bagged.oof(small)[valid], mean)
    assert bagged.folds[1].score == pytest.approx(evaluate.score(small.plan.metric, small.y[valid], mean))
    assert bagged.folds[1].score > bagged.fits[1, 0].score, "the mean is steadier than one"
    assert len(models_of(bagged)) == len(bagged.refits) + 3 * FOLDS, "every one of them can be kept"
    assert bagged.fits[1, 0].score == pytest.approx(evaluate.score(small.plan.metric, small.y[valid], bagged.fits[1, 0].predicted))


def test_a_replay_gives_few_rows_the_same_seeds(small) -> None:
    schedule = by_time(small)
    drive(schedule, lambda task: 1.0, most=400)
    replay = Replay(replace(small, plan=small.plan.replaying(realised(schedule))), schedule.clock, Resources())
    drive(replay, lambda task: 1.0, most=400)
    assert [sorted(t.fits) for t in replay.tallies] == [sorted(t.fits) for t in schedule.tallies]
    assert any(repeat for t in replay.tallies for fold, repeat in t.fits if fold != REFIT)


def test_a_refit_that_the_clock_cut_early_is_not_used(data) -> None:
    def refit(state: str, rounds: int) -> Fit:
        return Fit(1, "lightgbm", REFIT, "k", state, 1.0, rounds=rounds, target_rounds=100)

    assert whole_enough(refit("complete", 100)) and whole_enough(refit("cut", 80)) and not whole_enough(refit("cut", 79))


def test_what_an_earlier_attempt_has_spent_counts() -> None:
    now = time.monotonic()
    fresh, resumed = Clock(now, now + 60, lambda: False), Clock(now, now + 20, lambda: False, spent=40)
    assert resumed.whole == fresh.whole == 60
    assert fresh.used() == pytest.approx(0, abs=0.05) and resumed.used() == pytest.approx(2 / 3, abs=0.05)
    assert Clock(now, None, lambda: False).left() == float("inf") and Clock(now, None, lambda: False).used() == 0


def test_a_budget_in_seconds_is_ended_by_its_clock_and_can_be_replayed_exactly() -> None:
    """An endless search on a small table: only the clock can end it. The margin is large; nothing here is about speed."""
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left").change(families=[{"family": "linear"}], search={"strategy": "random", "seconds": 3}, split={"holdout": 0})
    told: list[dict] = []
    outcome = pipeline.execute(plan, table, schema=schema, explained=False, executor=InlineExecutor(),
                               on_event=lambda kind, payload: told.append(payload) if kind == "progress" else None)  # fmt: skip
    assert outcome.seconds < 60 and not outcome.stopped
    assert outcome.leaderboard[0]["family"] == "linear"
    assert told[-1]["progress"] > 0 and all(payload["eta_seconds"] >= 0 for payload in told)
    again = replayed(plan, outcome.evaluation["realised"])
    assert [(t.family, t.params, t.fold_scores) for t in again.trials] == [(t.family, t.params, t.fold_scores) for t in outcome.trials]
    new = customers(seed=3)
    assert np.array_equal(again.predictor.predict_proba(new), outcome.predictor.predict_proba(new))
    assert np.array_equal(again.fast.predict_proba(new), outcome.fast.predict_proba(new))


def test_a_run_whose_time_was_over_before_it_began_still_ends_with_a_model() -> None:
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left").change(search={"seconds": 2}, split={"holdout": 0})
    long_ago = time.monotonic() - 1_000
    outcome = pipeline.execute(plan, table, schema=schema, started=long_ago, explained=False, executor=InlineExecutor())
    assert {"baseline"} < {t.family for t in outcome.trials if t.score is not None}
    assert outcome.predictor.predict_proba(customers(seed=3)).shape[1] == 2


def replayed(plan: Plan, realised: list[dict]) -> pipeline.Outcome:
    table, schema = infer(customers())
    return pipeline.execute(plan.replaying(realised), table, schema=schema, explained=False, executor=InlineExecutor())


def test_a_replay_makes_the_listed_fits_with_the_rounds_at_which_they_were_ended_and_no_others() -> None:
    _, schema = infer(customers())
    plan = Plan.draft(schema, "left").change(search={"seconds": 60}, split={"holdout": 0, "folds": 3})
    ended = {"fold": 1, "stop": 7, "state": "cut", "seconds": 3.0, "latency": 0.5, "cost": [0.4, 0.1]}
    listed = [
        {"family": "baseline", "params": {}, "fits": [{"fold": 0}]},
        {"family": "lightgbm", "params": {"num_leaves": 5}, "fits": [{"fold": REFIT, "rounds": 12, "seconds": 9.0}, {"fold": 0}, ended]},
        {"family": "linear", "params": {}, "dropped": "Behind.", "fits": [{"fold": 0}, {"fold": 1, "state": "failed", "message": "It broke."}]},
    ]
    outcome = replayed(plan, listed)
    told = outcome.evaluation["realised"]
    assert [[(f["fold"], f["rounds"], f["stop"], f["state"], f["seconds"]) for f in trial["fits"]] for trial in told] == [
        [(0, None, None, "complete", 0.0)],
        [(REFIT, 12, None, "complete", 9.0), (0, None, None, "complete", 0.0), (1, None, 7, "cut", 3.0)],
        [(0, None, None, "complete", 0.0), (1, None, None, "failed", 0.0)],
    ]
    (booster,) = [fit for fit in outcome.trials[1].fits if fit.fold == 1]
    assert (booster.rounds <= 7, booster.latency) == (True, 0.5) and outcome.trials[2].state == "dropped"


# --- several folds at once -------------------------------------------------------------------------------------------------


@pytest.fixture
def stacked():
    """A network that an accelerator is said to train, on the CPU: what is scheduled does not depend on where it runs."""
    params = catalog.get("family", "mlp").params

    @models.family(
        "stacked", title="Stacked", help="For this test.", params=params, order=5, categories="onehot", scaled=True, missing=False, sparse=False,
        speed="fast", iterative=True, rounds="epochs", device="any", together=network.fit_many,
    )  # fmt: skip
    def make(task: str, params: dict, resources: Resources) -> network.Network:
        return network.Network(task, params, replace(resources, device="cpu"))

    yield {"family": "stacked", "params": {"dropout": 0.0, "epochs": 3}}
    catalog.unregister("family", "stacked")


def test_folds_that_are_fitted_as_one_batch_end_like_those_fitted_one_by_one_and_are_not_fitted_again(data, stacked, tmp_path) -> None:
    plan = data.plan.change(families=[stacked], search={"strategy": "random", "trials": 2})
    given, runs, batches = replace(data, plan=plan), {}, []
    for device in ("cpu", "cuda", "cuda"):
        space = Workspace(tmp_path / device)
        given.save(space)
        schedule = ByTrials(given, Clock(time.monotonic(), None, lambda: False), Resources(device=device))
        before = set(space.path.glob("model-*"))
        Fitting(schedule, space, InlineExecutor(), Journal(lambda kind, payload: None)).run()
        batches.append(len(set(space.path.glob("model-*")) - before))
        runs[device] = schedule
    one_by_one, at_once = runs["cpu"].tallies, runs["cuda"].tallies
    assert batches[0] == batches[1] > 2 * FOLDS and batches[2] == 0, "what a batch has finished is there for the next run"
    assert {fit.state for tally in at_once for fit in tally.fits.values()} == {"complete"}
    for one, other in zip(one_by_one, at_once, strict=True):
        assert one.params == other.params and sorted(one.folds) == sorted(other.folds) == list(range(FOLDS))
        np.testing.assert_allclose(other.oof(given), one.oof(given), atol=2e-3)


def test_a_replay_fits_in_the_batches_in_which_a_run_has_fitted(data, stacked) -> None:
    clock = Clock(time.monotonic(), time.monotonic() + LONG, lambda: False)
    given = replace(data, plan=data.plan.change(families=[stacked], search={"strategy": "random", "seconds": LONG}))
    schedule = ByTime(given, clock, Resources(device="cuda"))
    done = []
    while len(done) < 6 and (task := schedule.next()):
        done.append(task)
        for each in task.batch:
            schedule.add(made_up(schedule, each, 1.0))
    assert max(len(task.batch) for task in done) == len(schedule.compared)
    replay = Replay(replace(given, plan=given.plan.replaying(realised(schedule))), clock, Resources(device="cuda"))
    again = list(iter(replay.next, None))
    assert {tuple(each.key for each in task.batch) for task in again} == {tuple(each.key for each in task.batch) for task in done}
