"""How much of the cores' time a run spends in fits, what the scheduler costs, and how soon there is a first model.

    .venv/bin/python benchmarks/engine.py [--rows 15000] [--budget 30]

Prints, for a table that is made here: the share of core time inside fits between the first fit's start and the last
one's end, the time to the first usable model with processes warm, an empty task's cost, and fits per minute by the
executor against a plain loop of the same fits in this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pipeline
from pipeline import catalog, executor, trials
from pipeline.data import infer
from pipeline.device import cores
from pipeline.models import Resources
from pipeline.plan import Plan
from pipeline.run import prepare
from pipeline.workspace import Workspace

FITS = 12


def table(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 15)), columns=[f"x{i}" for i in range(15)])
    frame["shop"] = rng.integers(0, 60, rows).astype(str)
    score = frame["x0"] * frame["x1"] + np.sin(3 * frame["x2"]) + frame["shop"].astype(int) / 20 + rng.normal(size=rows)
    return frame.assign(left=np.where(score > score.median(), "yes", "no"))


def run_once(frame: pd.DataFrame, budget: float) -> None:
    """One run in seconds: the share of time in fits, and when the first model was there."""
    fits: list[dict[str, Any]] = []
    best: list[float] = []
    began = time.monotonic()

    def hear(kind: str, told: dict) -> None:
        if kind == "fit":
            fits.append(told)
        elif kind == "best" and told["family"] != "baseline" and not best:
            best.append(time.monotonic() - began)

    outcome = pipeline.train(frame, "left", budget_seconds=budget, on_event=hear)
    first, last = min(f["began"] for f in fits), max(f["began"] + f["seconds"] for f in fits)
    share = sum(f["seconds"] for f in fits) / ((last - first) * cores())
    print(f"run of {budget:g} s on {len(frame):,} rows: {len(fits)} fits, {outcome.seconds:.1f} s in all, first model after {best[0]:.2f} s")
    print(f"share of the time of {cores()} cores inside fits, from the first fit to the last: {share:.1%}")


def fits_per_minute(frame: pd.DataFrame) -> None:
    """The same LightGBM fits by the executor, and one after the other in this process with all cores each."""
    typed, schema = infer(frame)
    plan = Plan.draft(schema, "left").change(split={"holdout": 0, "folds": 2})
    data, _ = prepare(plan, typed, schema, print)
    params = catalog.get("family", "lightgbm").complete({"n_estimators": 200, "num_leaves": 31, "early_stopping": False})
    for name, threads in (("executor", 1), ("plain loop", cores())):
        with tempfile.TemporaryDirectory() as folder:
            data.save(Workspace(folder))
            tasks = [trials.Task(i, "lightgbm", params, 0, Resources(threads, seed=i)) for i in range(FITS)]
            trials.fit(folder, tasks[0], tell=print)  # the features are there for both
            began = time.perf_counter()
            if name == "executor":
                for future in [executor.shared().submit(trials.fit, folder, task) for task in tasks[1:]]:
                    future.result()
            else:
                for task in tasks[1:]:
                    trials.fit(folder, task, tell=print)
            print(f"{name}: {60 * (FITS - 1) / (time.perf_counter() - began):.0f} fits a minute")
            if name == "executor":
                overhead(folder, tasks[0])


def overhead(folder: str, finished: trials.Task) -> None:
    """What it costs to send a task to a slot and have its answer: one whose fit lies finished on the disk."""
    began = time.perf_counter()
    for _ in range(200):
        executor.shared().submit(trials.fit, folder, finished).result()
    print(f"a task that is finished already, there and back: {(time.perf_counter() - began) / 200 * 1000:.2f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=15_000)
    parser.add_argument("--budget", type=float, default=30)
    args = parser.parse_args()
    frame = table(args.rows)
    fits_per_minute(frame)  # and the processes are warm
    run_once(frame, args.budget)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
