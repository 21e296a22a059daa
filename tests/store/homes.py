"""Real homes for tests of the store: a folder with a small dataset in it, made once and copied for each test."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.plan import Plan
from pipeline.store import Store

ROWS = 60
NAMES = ["ünïcödé 📊", "'; DROP TABLE model;--", "../../etc/passwd", "a\0b", "%s {x} {{7*7}}", "<script>alert(1)</script>", "C:\\x", "-rf", "\u202etxt"]


def write_csv(path: Path, shift: int = 0) -> Path:
    lines = ["amount,colour,churned"]
    lines += [f"{k + shift + 0.5},{('red', 'green', 'blue')[k % 3]},{'yes' if k % 2 else 'no'}" for k in range(ROWS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def make_home(folder: Path) -> Path:
    """A home with one dataset, "churn" version 1."""
    store = Store(folder / "home")
    store.add_dataset("churn", write_csv(folder / "churn.csv"))
    return store.home


def copy_home(template: Path, target: Path) -> Store:
    shutil.copytree(template, target)
    return Store(target)


def plan_for(store: Store, seed: int = 0) -> Plan:
    """A plan that fits the dataset of the home; another seed makes another plan."""
    dataset = store.datasets()[0]
    plan = Plan.draft(dataset.schema, "churned", dataset=dataset.id)
    return plan.model_copy(update={"seed": seed})


def until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Look at the store or the system until `condition` is true, and return what it gave; a failure when it never is."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        if found := condition():
            return found
        pause.wait(0.05)  # a look costs the machine more than a wait
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


def age_beats(store: Store, seconds: float) -> None:
    """Let that much time have passed since the last beat of every worker."""
    with sqlite3.connect(store.home / "trainyard.db") as connection:
        connection.execute("UPDATE run SET beat_at = beat_at - ?", (seconds,))
        connection.execute("UPDATE worker SET beat_at = beat_at - ?", (seconds,))
    connection.close()


def all_is_well(store: Store) -> None:
    """What must hold after every fault: the database is sound, every artifact is whole, events have no gaps."""
    assert store.problems() == []
    assert list((store.home / "tmp").iterdir()) == [] or store.sweep(grace=-1)
    for run in store.runs():
        assert [event.seq for event in store.events(run.id)] == list(range(1, len(store.events(run.id)) + 1))
        assert len(store.trials(run.id)) == run.trials_done
        if run.state == "done":
            assert store.evaluation(run.id) is not None
    for version in store.versions():
        assert store.predictor(version) is not None
