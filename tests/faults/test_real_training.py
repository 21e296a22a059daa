"""The same with nothing stood in for: a real training killed with -9 in the middle ends as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline import Plan, Store
from pipeline.worker import run_here
from tests.store.homes import all_is_well, until
from tests.tables import customers

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    customers().to_csv(tmp_path / "customers.csv", index=False)
    store = Store(tmp_path / "home")
    store.add_dataset("customers", tmp_path / "customers.csv")
    return store


def plan_for(store: Store, trials: int) -> Plan:
    dataset = store.datasets()[0]
    families = [{"family": name} for name in ("linear", "lightgbm", "extra_trees")]
    return Plan.draft(dataset.schema, "left", dataset=dataset.id).change(families=families, search={"strategy": "tpe", "trials": trials})


def train_elsewhere(store: Store, run_id: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "pipeline", "worker", "--once", run_id, "--home", str(store.home)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def predictions(store: Store, run_id: str) -> np.ndarray:
    return store.predictor(store.keep(run_id, "customers")).predict_proba(customers(seed=5))


def test_killed_in_the_middle_and_resumed_it_predicts_as_if_uninterrupted(store: Store) -> None:
    run = store.submit(plan_for(store, 6))
    worker = train_elsewhere(store, run.id)
    until(lambda: len(store.trials(run.id)) >= 3, "the third trial")
    for child in psutil.Process(worker.pid).children():
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: store.run(run.id).state == "interrupted", "the run to be interrupted")
    worker.wait()
    before = [(trial.number, trial.artifacts["oof"]) for trial in store.trials(run.id)]

    store.resume(run.id)
    assert run_here(store, run.id).state == "done"
    assert [(trial.number, trial.artifacts["oof"]) for trial in store.trials(run.id)][: len(before)] == before
    resumed = predictions(store, run.id)

    again = store.submit(plan_for(store, 6))
    assert again.id != run.id and run_here(store, again.id).state == "done"
    assert np.array_equal(resumed, predictions(store, again.id))
    all_is_well(store)


def test_cancelled_in_the_middle_it_keeps_a_model_and_can_go_on(store: Store) -> None:
    run = store.submit(plan_for(store, 400))
    stopped = run_here(store, run.id, should_stop=lambda: len(store.trials(run.id)) >= 3)
    assert stopped.state == "cancelled" and 3 <= stopped.trials_done < 400
    assert store.leaderboard(run.id)[-1]["family"] == "baseline"
    assert predictions(store, run.id).shape == (240, 2)

    store.resume(run.id)
    further = run_here(store, run.id, should_stop=lambda: len(store.trials(run.id)) >= stopped.trials_done + 2)
    assert further.state == "cancelled" and further.trials_done >= stopped.trials_done + 2
    assert [v.version for v in store.versions("customers")] == [1]
    all_is_well(store)
