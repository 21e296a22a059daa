"""Killed, stopped and resumed: a run is never stuck, never lost, and goes on from its finished trials (R1, R2, R14)."""

from __future__ import annotations

import os
import signal

import pytest

from pipeline import worker
from tests.faults import actors
from tests.faults.conftest import child_of, event_of, gone
from tests.store import homes
from tests.store.homes import until

pytestmark = pytest.mark.faults


def ready(store, run) -> dict:
    return until(lambda: event_of(store, run.id, "ready"), "the third trial")


def state_of(store, run, *states: str):
    return until(lambda: (r := store.run(run.id)).state in states and r, f"the state {' or '.join(states)}")


def test_a_killed_child_is_noticed_and_the_run_goes_on_where_it_was(store, actor):
    run = store.submit(homes.plan_for(store))
    service = actor("serve", "steady", "--token", "t")
    os.kill(ready(store, run)["pid"], signal.SIGKILL)
    killed = state_of(store, run, "interrupted", "failed")
    assert (killed.state, killed.code, killed.trials_done) == ("interrupted", "worker_died", actors.PAUSE_AFTER)
    assert killed.message.startswith("The training process was killed (signal 9).")
    assert "memory" in killed.message
    assert "Resume" in killed.hint
    assert (killed.progress, killed.best["number"]) == (0.5, 2)
    assert event_of(store, run.id, "ready")["rows"] == homes.ROWS

    store.resume(run.id)
    done = state_of(store, run, "done", "failed", "interrupted")
    assert (done.state, done.attempt, done.trials_done, done.message) == ("done", 2, actors.TRIALS, "")
    assert [trial.number for trial in store.trials(run.id)] == list(range(actors.TRIALS))
    model = store.predictor(store.keep(run.id, "churn"))
    assert model == {"best": 5, "oof": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "attempts": [1, 1, 1, 2, 2, 2]}
    assert store.predictor(store.keep(run.id, "churn", result="fast")) == {"best": 5}
    assert sorted(store.load(store.run_artifacts(run.id)["oof"])) == [f"trial_{number}" for number in range(actors.TRIALS)]
    until(lambda: not store.workspace(run.id).exists(), "the removal of what a resume would need")
    assert sorted(store.load(store.run_artifacts(run.id)["rows"])) == ["folds_0", "folds_1", "holdout", "train"]
    service.terminate()
    assert service.wait() == 128 + signal.SIGTERM
    assert not store.workers.serving()
    homes.all_is_well(store)


def test_a_killed_supervisor_takes_its_child_with_it_and_another_resumes(store, actor):
    run = store.submit(homes.plan_for(store))
    first = actor("serve", "steady", "--token", "first")
    child = ready(store, run)["pid"]
    first.kill()
    until(lambda: gone(child), "the end of the orphan")
    homes.age_beats(store, 16)
    lost = store.run(run.id)
    assert (lost.state, lost.code) == ("interrupted", "worker_lost")
    assert not store.workers.serving()

    store.resume(run.id)
    second = store.claim("second")
    assert [trial.number for trial in store.trials(run.id)] == list(range(actors.PAUSE_AFTER))
    kept = actors.done_before(store.workspace(second.run.id))
    assert [(trial.number, trial.attempt) for trial in kept] == [(k, 1) for k in range(actors.PAUSE_AFTER)]
    store.fail(second, "Enough.", "", "enough")
    homes.all_is_well(store)


def test_what_a_child_forked_ends_with_it(store, actor):
    run = store.submit(homes.plan_for(store))
    service = actor("serve", "family_tree", "--token", "t")
    tree = ready(store, run)
    os.kill(tree["pid"], signal.SIGKILL)
    until(lambda: gone(tree["grandchild"]), "the end of the grandchild")
    state_of(store, run, "interrupted")

    store.resume(run.id)
    tree = until(lambda: (now := event_of(store, run.id, "ready")) != tree and now, "the second attempt")
    service.kill()
    until(lambda: gone(tree["pid"]) and gone(tree["grandchild"]), "the end of both")


def test_a_stopped_run_keeps_the_best_so_far_a_discarded_one_nothing_and_the_queue_goes_on(store, actor):
    run, unwanted, waiting = (store.submit(homes.plan_for(store, seed)) for seed in range(3))
    actor("serve", "steady", "--token", "t")
    child = ready(store, run)["pid"]
    assert store.request_stop(run.id).state == "stopping"
    stopped = state_of(store, run, "cancelled", "failed", "interrupted")
    assert (stopped.state, stopped.trials_done) == ("cancelled", actors.PAUSE_AFTER)
    assert store.evaluation(run.id) == {"trials": actors.PAUSE_AFTER}
    assert store.predictor(store.keep(run.id, "churn"))["best"] == 2
    until(lambda: gone(child), "the end of the child")

    child = ready(store, unwanted)["pid"]
    assert store.workspace(unwanted.id).exists()
    assert store.discard(unwanted.id).state == "stopping"
    ended = state_of(store, unwanted, "cancelled", "failed", "interrupted")
    assert (ended.state, ended.discarded, ended.best, store.evaluation(unwanted.id)) == ("cancelled", True, None, None)
    until(lambda: gone(child), "the end of the child")
    until(lambda: not store.workspace(unwanted.id).exists(), "the removal of what it had fitted")
    ready(store, waiting)
    homes.all_is_well(store)


def test_a_child_that_does_not_listen_is_killed_and_another_finishes_from_the_fits_that_are_done_unless_they_are_discarded(store, actor):
    run, unwanted = (store.submit(homes.plan_for(store, seed)) for seed in range(2))
    actor("serve", "deaf", "--token", "t")
    child = ready(store, run)["pid"]
    store.request_stop(run.id)
    stopped = state_of(store, run, "cancelled", "failed", "interrupted")
    assert (stopped.state, stopped.trials_done, stopped.attempt) == ("cancelled", actors.PAUSE_AFTER, 1)
    assert store.evaluation(run.id) == {"trials": actors.PAUSE_AFTER}
    assert gone(child)

    child = ready(store, unwanted)["pid"]
    store.discard(unwanted.id)
    ended = state_of(store, unwanted, "cancelled", "failed", "interrupted")
    assert (ended.state, ended.discarded, store.evaluation(unwanted.id)) == ("cancelled", True, None)
    assert gone(child)
    until(lambda: not store.workspace(unwanted.id).exists(), "the end of the workspace")
    homes.all_is_well(store)


def test_a_run_that_is_stopped_before_it_has_anything_is_cancelled(store):
    run = store.submit(homes.plan_for(store))
    ended = worker.run_here(store, run.id, should_stop=lambda: event_of(store, run.id, "ready"), command=child_of("early"))
    assert (ended.state, ended.message) == ("cancelled", "Stopped before a model was finished.")


@pytest.mark.parametrize(
    ("training", "state", "code", "says"),
    [
        ("refuses", "failed", "training_error", "No model was finished (knn: too few rows)."),
        ("surprised", "failed", "unexpected", "unexpected ZeroDivisionError (incident "),
        ("greedy", "failed", "out_of_memory", "more memory than there is"),
        ("crashes", "failed", "worker_crashed", "crashed (SIGSEGV) in a native library"),
        ("leaves", "failed", "worker_died", "exit code 7"),
    ],
)
def test_every_end_is_put_into_words(store, training, state, code, says):
    run = store.submit(homes.plan_for(store))
    ended = worker.run_here(store, run.id, command=child_of(training))
    assert (ended.state, ended.code) == (state, code)
    assert says in ended.message
    assert "row" not in ended.message or training == "refuses"
    assert ended.hint
    log = store.log_path(run.id).read_text()
    assert ("the secret of the 17th row" in log) == (training == "surprised")
    if training == "surprised":
        assert ended.message.partition("incident ")[2][:8] in log
    if training == "crashes":
        assert "in crashes" in log, "the place of a crash is in the log"
    assert store.resume(run.id).state == "queued"


def test_a_run_in_the_foreground_hands_on_its_events_and_survives_its_child(store):
    run = store.submit(homes.plan_for(store))
    told = []

    def on_event(event):
        told.append(event)
        if event.kind == "ready":
            os.kill(event.payload["pid"], signal.SIGKILL)

    assert worker.run_here(store, run.id, on_event, command=child_of("early")).state == "interrupted"
    assert [event.seq for event in told] == list(range(1, len(store.events(run.id)) + 1))
    first = len(told)
    store.resume(run.id)
    ended = worker.run_here(store, run.id, told.append, lambda: told[-1].kind == "ready", command=child_of("early"))
    assert ended.state == "cancelled"
    assert [event.seq for event in told[first:]] == list(range(first + 1, len(store.events(run.id)) + 1))
    assert told[first].payload == {"attempt": 2, "trials_kept": 0}
    assert worker.run_here(store, run.id).state == "cancelled", "a run that has ended is only looked at"


def test_an_interrupt_in_the_foreground_leaves_a_run_to_resume(store, actor):
    run = store.submit(homes.plan_for(store))
    here = actor("here", "steady", "--run", run.id)
    child = ready(store, run)["pid"]
    here.send_signal(signal.SIGINT)
    here.wait()
    ended = store.run(run.id)
    assert (ended.state, ended.code) == ("interrupted", "worker_stopped")
    assert gone(child)


def test_two_pages_start_one_supervisor_whose_run_others_only_follow(store, crowd):
    run = store.submit(homes.plan_for(store))
    started = crowd(3).all("ensure", "steady")
    assert sorted(started) == [False, False, True]
    ready(store, run)
    assert worker.ensure_worker(store.home) is False
    assert store.workers.take("somebody else") is False
    told = []
    ended = worker.run_here(store, run.id, told.append, should_stop=lambda: True)
    assert (ended.state, told[0].kind, told[-1].kind) == ("cancelled", "queued", "finished")
    supervisor = int(event_of(store, run.id, "started")["worker"].split()[1])
    os.kill(supervisor, signal.SIGTERM)
    until(lambda: gone(supervisor), "the end of the supervisor")
    assert not store.workers.serving()


def test_a_supervisor_does_not_leave_while_something_is_queued(store):
    assert store.workers.take("t")
    run = store.submit(homes.plan_for(store))
    assert store.workers.leave("t") is False
    assert store.workers.serving()
    store.request_stop(run.id)
    assert store.workers.leave("t") is True
    assert not store.workers.serving()
    assert worker.serve(store.home, "t", child_of("steady"), idle_seconds=-1.0) == 0
    assert not store.workers.serving()
