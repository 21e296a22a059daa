"""The same with nothing stood in for: a real training of which any process is killed with -9 ends as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline import Plan, Store
from pipeline.executor import FORKS
from pipeline.worker import run_here
from tests.store.homes import age_beats, all_is_well, until
from tests.tables import customers

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not FORKS, reason="slots are forked from a nursery on Linux only")]
ROOT = Path(__file__).resolve().parents[2]
TRIALS = 4
FITS = 15  # five trials, the baseline included, on three folds; the refits are extra
VICTIMS = ("child", "slot", "nursery", "all")
KILLS = [(FITS // 2, "all")]  # after how many fits, and whom
if more := int(os.environ.get("TRAINYARD_KILLS", "0")):  # so many at random moments on top, and each victim in the middle (see Makefile)
    draw = np.random.default_rng(0)
    KILLS = [(FITS // 2, victim) for victim in VICTIMS] + [(int(draw.integers(1, FITS - 3)), str(draw.choice(VICTIMS))) for _ in range(more)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def new_store(folder: Path) -> Store:
    customers().to_csv(folder / "customers.csv", index=False)
    store = Store(folder / "home")
    store.add_dataset("customers", folder / "customers.csv")
    return store


def plan_for(store: Store, trials: int) -> Plan:
    dataset = store.datasets()[0]
    families = [{"family": name} for name in ("linear", "lightgbm")]
    return Plan.draft(dataset.schema, "left", dataset=dataset.id).change(
        families=families, search={"strategy": "tpe", "trials": trials}, split={"folds": 3}
    )


def train_elsewhere(store: Store, run_id: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "pipeline", "worker", "--once", run_id, "--home", str(store.home)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def predictions(store: Store, run_id: str) -> np.ndarray:
    """What both results say of other rows."""
    kept = [store.predictor(store.keep(run_id, "customers", result)).predict_proba(customers(seed=5)) for result in ("accurate", "fast")]
    return np.stack(kept)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, list]:
    """Predictions and trials of a run that nobody disturbs."""
    store = new_store(tmp_path_factory.mktemp("undisturbed"))
    run = store.submit(plan_for(store, TRIALS))
    assert run_here(store, run.id).state == "done"
    assert sum(event.payload["what"] == "fold" for event in store.events(run.id, limit=10_000) if event.kind == "fit") == FITS
    return predictions(store, run.id), trials_of(store, run.id)


def trials_of(store: Store, run_id: str) -> list:
    return [(t.number, t.family, t.params, t.score, t.fold_scores, t.state) for t in store.trials(run_id)]


def processes(worker: subprocess.Popen, victim: str) -> Iterator[psutil.Process]:
    """The processes of a training that are to be killed: worker (supervisor) > child > nursery > slots."""
    supervisor = psutil.Process(worker.pid)
    (child,) = supervisor.children()
    (nursery,) = child.children()
    slots = nursery.children()
    yield from {"child": [child], "slot": slots[:1], "nursery": [nursery], "all": [supervisor, child, nursery, *slots]}[victim]


def killed_after(store: Store, run_id: str, fits: int, victim: str) -> None:
    """Train, kill when so many fits are finished, and go on until the run is done."""
    worker = train_elsewhere(store, run_id)
    until(lambda: len(list(store.workspace(run_id).glob("fit-*"))) >= fits, f"{fits} fits")
    for process in list(processes(worker, victim)):
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # one whose parent was killed a moment ago is gone with it
            assert victim == "all"
    worker.wait()
    if victim == "all":
        age_beats(store, 16)
    ended = store.run(run_id)
    assert ended.state == ("interrupted" if victim in ("child", "all") else "done"), ended.message
    if ended.state == "interrupted":
        kept = {path.name for path in store.workspace(run_id).glob("fit-*")}
        assert len(kept) >= fits
        store.resume(run_id)
        assert run_here(store, run_id).state == "done"


def same(store: Store, run_id: str, uninterrupted: tuple[np.ndarray, list]) -> None:
    expected, trials = uninterrupted
    assert trials_of(store, run_id) == trials
    assert np.array_equal(predictions(store, run_id), expected)
    left = {path.name.partition("-")[0] for path in store.workspace(run_id).glob("*")}
    assert left == {"owner", "fit", "model", "recipe"} and not list(store.workspace(run_id).glob("*-train*")), "a run that extends it needs these alone"
    all_is_well(store)


@pytest.mark.parametrize(("fits", "victim"), KILLS)
def test_killed_and_resumed_it_predicts_as_if_uninterrupted(store: Store, uninterrupted, fits: int, victim: str) -> None:
    run = store.submit(plan_for(store, TRIALS))
    killed_after(store, run.id, fits, victim)
    same(store, run.id, uninterrupted)


def test_cancelled_in_the_middle_it_keeps_a_model_and_can_go_on(store: Store) -> None:
    run = store.submit(plan_for(store, 400))
    stopped = run_here(store, run.id, should_stop=lambda: len(store.trials(run.id)) >= 3)
    assert stopped.state == "cancelled" and 3 <= stopped.trials_done < 400
    assert store.leaderboard(run.id)[-1]["family"] == "baseline"
    assert predictions(store, run.id).shape == (2, 240, 2)

    store.resume(run.id)
    further = run_here(store, run.id, should_stop=lambda: len(store.trials(run.id)) >= stopped.trials_done + 2)
    assert further.state == "cancelled" and further.trials_done >= stopped.trials_done + 2
    assert [v.version for v in store.versions("customers")] == [2, 1]
    all_is_well(store)
