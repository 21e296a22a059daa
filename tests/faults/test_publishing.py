"""Killed at each point of publishing: the model is there and whole, or not there at all (R3)."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.store import homes

pytestmark = pytest.mark.faults
POINTS = [
    "before_write", "before_fsync", "before_rename", "after_rename", "before_folder_fsync", "before_second_file", "in_transaction",
    "before_commit", "after_commit",
]  # fmt: skip


def test_nothing_is_ever_half(store, actor):
    runs = {point: store.submit(homes.plan_for(store, seed)).id for seed, point in enumerate(POINTS)}
    dying = actor("die", ",".join(f"{point}={run}" for point, run in runs.items()), stdout=subprocess.PIPE)
    ended, said = dying.communicate()
    assert json.loads(ended) == [-signal.SIGKILL] * len(POINTS), said
    for point, run in runs.items():
        finished = point == "after_commit"
        assert store.run(run).state in (("done",) if finished else ("running", "interrupted")), point  # the latter when its lease is over
        assert (store.evaluation(run) is not None) == finished, point
        assert bool(store.run_artifacts(run)) == finished, point
    assert store.load(store.run_artifacts(runs["after_commit"])["rows"]) == b"rows"
    store.sweep(grace=-1)
    named = set(store.run_artifacts(runs["after_commit"]).values())
    left = {path.name for path in (store.home / "objects").glob("*/*")}
    assert named < left
    assert len(left - named) == 1, "the table of the dataset, and nothing that was left behind"
    homes.all_is_well(store)

    homes.age_beats(store, 16)
    store.reap()  # a process that began late may have done it for the first of them
    assert {store.run(run).state for point, run in runs.items() if point != "after_commit"} == {"interrupted"}
    again = store.claim("w", store.resume(runs["before_commit"]).id)
    store.finish(again, state="done", evaluation={}, leaderboard=[], artifacts={"predictor": {1}})
    assert store.predictor(store.keep(again.run.id, "churn")) == {1}
