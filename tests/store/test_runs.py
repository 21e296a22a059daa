"""Runs: one queue, one winner, leases that can be lost, and records that come whole or not at all."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from pipeline.errors import LeaseLost, NotFound, PlanError, StoreError
from pipeline.store import Store
from pipeline.store.records import ACTIVE
from pipeline.store.runs import TRANSITIONS
from tests.store import homes

RECORD = {
    "number": 0, "family": "linear", "params": {"c": 1.0}, "score": 0.5, "interval": (0.4, 0.6), "fold_scores": (0.4, np.float64(0.6)),
    "seconds": 1.5, "state": "complete", "message": "",
}  # fmt: skip


def end(store, lease, state="done"):
    return store.finish(lease, state=state, evaluation={"holdout": {"auc": 0.9}}, leaderboard=[{"family": "linear"}], artifacts={"predictor": {1}})


def test_submitting_twice_is_one_run_until_it_has_ended(store):
    plan = homes.plan_for(store)
    first = store.submit(plan)
    assert store.submit(plan) == first
    assert store.submit(homes.plan_for(store, seed=1)).id != first.id
    lease = store.claim("w", first.id)
    assert store.submit(plan).id == first.id
    end(store, lease)
    assert store.submit(plan).id != first.id


def test_a_plan_that_cannot_work_is_refused_with_every_reason(store):
    plan = homes.plan_for(store).model_copy(update={"target": "nothing", "metric": "no_such_metric"})
    with pytest.raises(PlanError) as caught:
        store.submit(plan)
    assert len(caught.value.problems) >= 2
    with pytest.raises(NotFound):
        store.submit(homes.plan_for(store).model_copy(update={"dataset": "0" * 12}))
    assert store.runs() == []


def test_a_run_says_how_it_stands(store):
    run = store.submit(homes.plan_for(store))
    assert (run.state, run.attempt, run.progress, run.trials_done, run.active) == ("queued", 1, 0.0, 0, True)
    assert run.plan == homes.plan_for(store)
    lease = store.claim("w")
    assert lease.run.state == "running"
    assert lease.run.started is not None
    store.update(lease, phase="training", progress=0.25, eta_seconds=12.0, best={"score": np.float64(0.7)})
    store.update(lease, progress=0.5)
    seen = Store(store.home).run(run.id)
    assert (seen.phase, seen.progress, seen.eta_seconds, seen.best) == ("training", 0.5, 12.0, {"score": 0.7})
    with pytest.raises(StoreError, match="no mood"):
        store.update(lease, mood="good")
    assert [r.id for r in store.active_runs()] == [run.id]
    assert store.runs("0" * 12) == []
    with pytest.raises(NotFound):
        store.run("0" * 12)


def test_the_oldest_run_is_claimed_first_and_only_once(store):
    runs = [store.submit(homes.plan_for(store, seed)) for seed in range(3)]
    assert store.claim("w", runs[1].id).run.id == runs[1].id
    assert store.claim("w", runs[1].id) is None
    assert store.claim("w").run.id == runs[0].id
    assert store.claim("w").run.id == runs[2].id
    assert store.claim("w") is None
    assert [run.id for run in store.runs()] == [run.id for run in reversed(runs)]


def test_events_count_from_one_without_gaps(store, lease):
    run = lease.run.id
    last = store.event(lease, "log", {"n": 1})
    assert store.event(run, "note", {"text": "from a page"}) == last + 1
    assert store.events_at_once(lease, [("round", {"iteration": i}) for i in range(3)], progress=0.1) == last + 4
    assert [event.seq for event in store.events(run)] == list(range(1, last + 5))
    assert [event.kind for event in store.events(run, after=last, limit=2)] == ["note", "round"]
    assert store.events(run, after=last + 4) == []
    assert store.run(run).progress == 0.1


def test_a_trial_grows_while_its_run_is_on(store, lease):
    given = store.put_trial(lease, RECORD)
    assert store.trials(lease.run.id) == [given]
    assert (given.interval, given.fold_scores, given.params) == ((0.4, 0.6), (0.4, 0.6), {"c": 1.0})
    assert store.run(lease.run.id).trials_done == 1
    assert store.events(lease.run.id)[-1].payload["family"] == "linear"
    more = store.put_trial(lease, RECORD | {"score": 0.7, "fold_scores": (0.4, 0.6, 0.8)})
    assert store.trials(lease.run.id) == [more] and (more.score, more.fold_scores) == (0.7, (0.4, 0.6, 0.8))
    assert store.run(lease.run.id).trials_done == 1, "it is the same trial"
    assert [event.payload["score"] for event in store.events(lease.run.id) if event.kind == "trial"] == [0.5, 0.7]
    failed = store.put_trial(lease, RECORD | {"number": 1, "score": float("nan"), "interval": None, "state": "failed", "message": "no"})
    assert (failed.score, failed.interval, failed.state) == (None, None, "failed")


def test_a_finished_run_has_everything(store, lease):
    store.put_trial(lease, RECORD)
    run = end(store, lease)
    assert (run.state, run.progress, run.trials_done) == ("done", 1.0, 1)
    assert run.finished is not None
    assert store.evaluation(run.id) == {"holdout": {"auc": 0.9}}
    assert store.leaderboard(run.id) == [{"family": "linear"}]
    assert store.load(store.run_artifacts(run.id)["predictor"]) == {1}
    assert store.events(run.id)[-1].payload["state"] == "done"
    assert store.active_runs() == []


def test_a_run_without_a_result_has_none(store, lease):
    assert (store.evaluation(lease.run.id), store.leaderboard(lease.run.id), store.run_artifacts(lease.run.id)) == (None, [], {})
    run = store.fail(lease, "It did not work.", "Try again.", "training_error")
    assert (run.state, run.message, run.hint, run.code) == ("failed", "It did not work.", "Try again.", "training_error")


def test_stopping(store):
    queued, running = (store.submit(homes.plan_for(store, seed)) for seed in (0, 1))
    assert store.request_stop(queued.id).state == "cancelled"
    lease = store.claim("w")
    assert lease.run.id == running.id
    assert store.request_stop(running.id).state == "stopping"
    assert store.request_stop(running.id).state == "stopping"
    assert store.beat(lease).run.state == "stopping"
    kept = end(store, lease, "cancelled")
    assert (kept.state, "best so far" in kept.message) == ("cancelled", True)
    assert store.request_stop(running.id).state == "cancelled"


def test_discarding_ends_a_run_without_a_model(store):
    queued, running = (store.submit(homes.plan_for(store, seed)) for seed in (0, 1))
    gone = store.discard(queued.id)
    assert (gone.state, gone.discarded, "nothing" in gone.message) == ("cancelled", True, True)
    lease = store.claim("w")
    store.update(lease, best={"score": 0.7})
    assert (store.discard(running.id).state, store.discard(running.id).state) == ("stopping", "stopping")
    assert [event.kind for event in store.events(running.id)].count("discard_requested") == 1
    assert store.beat(lease).run.discarded
    ended = end(store, lease, "cancelled")
    assert (ended.state, ended.discarded, ended.best, store.evaluation(running.id)) == ("cancelled", True, None, None)
    with pytest.raises(StoreError, match="no model to keep"):
        store.keep(running.id, "churn")
    again = store.resume(running.id)
    assert (again.state, again.discarded) == ("queued", False)


def test_discarding_after_a_stop_counts_and_so_it_does_when_the_worker_is_lost(store, lease):
    store.request_stop(lease.run.id)
    assert store.discard(lease.run.id).discarded
    homes.age_beats(store, 16)
    assert (store.run(lease.run.id).state, store.run(lease.run.id).discarded) == ("cancelled", True)


def test_what_a_discarded_run_had_fitted_is_swept(store, lease):
    for run_id in (lease.run.id, "nobody knows"):
        store.workspace(run_id).mkdir(parents=True)
    assert store.workspace("nobody knows") in store.sweep() and store.workspace(lease.run.id).exists()
    store.fail(lease, "m", "h", "c")
    assert store.workspace(lease.run.id) not in store.sweep(), "it may be resumed"
    store.resume(lease.run.id)
    store.discard(lease.run.id)
    assert store.workspace(lease.run.id) in store.sweep()


def test_a_run_that_extends_another_has_its_fits_and_no_more(store):
    lease = store.claim("w", store.submit(homes.plan_for(store).extended(4)).id)
    earlier = store.workspace(lease.run.id)
    earlier.mkdir(parents=True)
    names = ("owner", "table", "fit-a1", "model-a1", "recipe-0-0f", "recipe-0-0f-train", "recipe-0-0f-train.0", "recipe--1-0f", "rows")
    for name in names:
        (earlier / name).write_text(name)
    end(store, lease, "done")
    store.settle_workspace(lease.run.id)
    longer = store.extend(lease.run.id, 5)
    assert longer.plan.search.trials == 9 and longer.id != lease.run.id
    for run_id in (lease.run.id, longer.id):
        found = {path.name: path.read_text() for path in store.workspace(run_id).iterdir()}
        assert found == {name: name for name in ("owner", "fit-a1", "model-a1", "recipe-0-0f", "recipe--1-0f")}
    assert not store.sweep()


def test_resuming_keeps_the_trials_and_the_earlier_result(store, lease):
    store.put_trial(lease, RECORD)
    end(store, lease, "cancelled")
    again = store.resume(lease.run.id)
    assert (again.state, again.attempt, again.message, again.finished) == ("queued", 2, "", None)
    assert store.resume(lease.run.id) == again
    second = store.claim("w")
    assert store.trials(lease.run.id)[0].number == 0
    store.finish(second, state="done", evaluation={"second": 1}, leaderboard=[], artifacts={"predictor": {2}})
    assert store.evaluation(lease.run.id) == {"second": 1}
    assert store.evaluation(lease.run.id, attempt=1) == {"holdout": {"auc": 0.9}}
    with pytest.raises(StoreError, match="is done; it cannot become queued"):
        store.resume(lease.run.id)


def test_an_equal_active_run_stands_in_the_way_of_resuming(store, lease):
    store.fail(lease, "m", "h", "c")
    twin = store.submit(lease.run.plan)
    with pytest.raises(StoreError, match=twin.id):
        store.resume(lease.run.id)


def test_a_lost_lease_writes_nothing(store, lease):
    homes.age_beats(store, 16)
    run = store.run(lease.run.id)
    assert (run.state, run.code) == ("interrupted", "worker_lost")
    assert "Resume" in run.hint
    before = len(store.events(run.id))
    attempts = [
        lambda: store.beat(lease), lambda: store.update(lease, progress=1.0), lambda: store.event(lease, "log", {}),
        lambda: store.put_trial(lease, RECORD), lambda: end(store, lease), lambda: store.fail(lease, "", "", ""),
        lambda: store.lease(run.id, lease.token),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(LeaseLost):
            attempt()
    assert (len(store.events(run.id)), store.trials(run.id), store.evaluation(run.id)) == (before, [], None)
    store.resume(run.id)
    newer = store.claim("another")
    with pytest.raises(LeaseLost):
        store.beat(lease)
    store.beat(newer)


@pytest.mark.parametrize("step", [-86_400, -3600, 3600, 31_536_000])
def test_a_step_of_the_wall_clock_ends_no_run(store, lease, step):
    with sqlite3.connect(store.home / "trainyard.db") as connection:
        connection.execute("UPDATE run SET heartbeat = heartbeat + ?, created = created + ?", (step, step))
    connection.close()
    assert store.reap() == []
    assert store.run(lease.run.id).state == "running"
    store.beat(lease)


def test_nobody_is_declared_gone_while_somebody_writes(store, lease):
    homes.age_beats(store, 16)
    blocker = sqlite3.connect(store.home / "trainyard.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert store.run(lease.run.id).state == "running"
    blocker.execute("COMMIT")
    blocker.close()
    assert store.reap() == [lease.run.id]


def test_the_table_of_transitions_is_complete():
    assert {to for allowed in TRANSITIONS.values() for to in allowed} <= set(TRANSITIONS)
    assert all("queued" not in TRANSITIONS[state] for state in ACTIVE)
    assert TRANSITIONS["done"] == ()


def test_what_is_no_end_is_refused(store, lease):
    with pytest.raises(StoreError, match="'queued'"):
        store.finish(lease, state="queued", evaluation={}, leaderboard=[], artifacts={})
    with pytest.raises(StoreError, match="is running; it cannot become queued"):
        store.fail(lease, "m", "h", "c", state="queued")
    assert store.run(lease.run.id).state == "running"
