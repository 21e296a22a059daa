"""Trainyard and its rivals on the same rows of real tables: how good, how long, how much memory, and what is more than noise.

    .venv/bin/python benchmarks/accuracy.py ../shared/data/manifest.json --budget 60 --systems trainyard,lightgbm,flaml,autogluon
    .venv/bin/python benchmarks/accuracy.py MANIFEST --systems trainyard,lightgbm --seeds 0,1,2 --tasks adult,soybean
    .venv/bin/python benchmarks/accuracy.py MANIFEST --systems trainyard@300,trainyard@60,trainyard@30

The manifest is a list of {name, file, target, task, metric}. NAME@SECONDS is a system with a budget of its own. Every job is a fresh process in the system's own environment,
made on first use below --environments (AutoGluon: about 6 GB). The split is 75/25, by class, one for each seed. A job that
fails is a line with its reason. Memory is the peak over all processes of a job, each shared page counted once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pipeline import evaluate

ROOT = Path(__file__).resolve().parents[1]
RIVALS = Path(__file__).with_name("rivals.py")
SYSTEMS: dict[str, list[str]] = {  # name -> what its environment has
    "trainyard": [],
    "constant": [],
    "lightgbm": ["lightgbm==4.7.0", "scikit-learn==1.9.1", "pandas==3.1.1"],
    "skrub": ["skrub==0.11.0", "scikit-learn==1.9.1", "pandas==3.1.1"],
    "flaml": ["flaml[automl]==2.7.0"],
    "autogluon": ["torch==2.13.0", "autogluon.tabular[all]==1.6.3"],
    "autogluon_best": ["torch==2.13.0", "autogluon.tabular[all]==1.6.3"],
}
RESAMPLES = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--systems", default="trainyard,lightgbm")
    parser.add_argument("--tasks", default="")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache" / "trainyard-bench")
    parser.add_argument("--out", type=Path, help="a CSV file to append every job to")
    args = parser.parse_args()
    entries = [e for e in json.loads(args.manifest.read_text()) if not args.tasks or e["name"] in args.tasks.split(",")]
    done: list[dict[str, Any]] = []
    for seed in map(int, args.seeds.split(",")):
        for entry in entries:
            frame = pd.read_csv(args.manifest.parent / entry["file"])
            jobs = [job(system, entry, frame, seed, args) for system in args.systems.split(",")]
            ranked(entry, jobs)
            for one in jobs:
                show(one)
            done += jobs
    summary(done, args.systems.split(","))
    if args.out:
        kept = pd.DataFrame([{k: v for k, v in one.items() if k not in ("prediction", "truth")} for one in done])
        kept.to_csv(args.out, mode="a", header=not args.out.exists(), index=False)
    return 0


def held_out(target: pd.Series, task: str, seed: int) -> np.ndarray:
    """A quarter of the rows, by class for classes."""
    rng, test = np.random.RandomState(seed), np.zeros(len(target), bool)
    if task == "regression":
        test[rng.permutation(len(target))[: len(target) // 4]] = True
        return test
    for label in sorted({str(label) for label in target}):
        rows = rng.permutation(np.flatnonzero(target.astype(str) == label))
        test[rows[: max(1, round(len(rows) * 0.25))]] = True
    return test


def job(system: str, entry: dict, frame: pd.DataFrame, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """One system on one split of one table, in a process of its own."""
    name, _, own_budget = system.partition("@")
    budget = float(own_budget or args.budget)
    test = held_out(frame[entry["target"]], entry["task"], seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        frame[~test].to_csv(work / "train.csv", index=False)
        frame[test].drop(columns=entry["target"]).to_csv(work / "test.csv", index=False)
        words = {"system": name, "target": entry["target"], "task": entry["task"], "metric": entry["metric"], "budget": budget, "seed": seed, "root": str(ROOT)}
        (work / "job.json").write_text(json.dumps(words))
        peak, code, log = run(interpreter(name, args.environments), work, budget * 3 + 120)
        said = json.loads((work / "said.json").read_text()) if (work / "said.json").exists() else {"error": log[-300:] or f"ended with {code}"}
        one = {"system": system, "task": entry["name"], "seed": seed, "budget": budget, "metric": entry["metric"], "memory_mb": peak / 1e6, **said}
        if not said.get("error"):
            one |= scored(entry, frame.loc[test, entry["target"]], work / "prediction.npz")
            if (work / "fast.npz").exists():
                one["fast"] = scored(entry, frame.loc[test, entry["target"]], work / "fast.npz")["score"]
    return one


def interpreter(system: str, environments: Path) -> str:
    """The Python of a system's environment, which is made when it is not there."""
    needs = SYSTEMS[system]
    if not needs:
        return sys.executable
    home = environments / "-".join(need.partition("==")[0].partition("[")[0] for need in needs)
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        for need in needs:
            subprocess.run([python, "-m", "pip", "install", "-q", need], check=True)
        (home / "ready").touch()
    return str(python)


def run(python: str, work: Path, limit: float, script: Path = RIVALS) -> tuple[float, int, str]:
    """The peak memory in bytes, the exit status and the end of the log of a job."""
    peak, started = 0.0, time.monotonic()
    with open(work / "log", "w") as log:
        process = subprocess.Popen([python, script, work], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None:
            peak = max(peak, sum(map(own_memory, tree(process.pid))))
            if time.monotonic() - started > limit:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.3)
    return peak, process.returncode, (work / "log").read_text(errors="replace").strip()


def tree(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def own_memory(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0.0)
    except OSError:  # it ended while we looked
        return 0.0


def scored(entry: dict, truth: pd.Series, path: Path) -> dict[str, Any]:
    found = np.load(path)
    values, classes = found["values"], [str(label) for label in found["classes"]]
    if entry["task"] == "regression":
        y = truth.to_numpy(float)
    else:
        y = truth.astype(str).map({label: k for k, label in enumerate(classes)}).to_numpy(int)
        if entry["task"] == "binary":  # the positive class last, the same for every system
            order = np.argsort(classes, kind="stable")
            values, y = values[:, order], np.argsort(order, kind="stable")[y]
        values = np.clip(values, 1e-15, None) / np.clip(values, 1e-15, None).sum(axis=1, keepdims=True)
    return {"score": evaluate.score(entry["metric"], y, values), "loss": evaluate.loss(entry["metric"], y, values), "prediction": values, "truth": y}


def ranked(entry: dict, jobs: list[dict]) -> None:
    """The rank of each job, and against the first system: better, worse or a tie (paired bootstrap, 95 %)."""
    good = sorted((one for one in jobs if "loss" in one), key=lambda one: one["loss"])
    for place, one in enumerate(good):
        one["rank"] = place + 1
        if "loss" in jobs[0] and one is not jobs[0]:
            tied = evaluate.tied(entry["metric"], one["truth"], jobs[0]["prediction"], one["prediction"], resamples=RESAMPLES)
            one["against_first"] = "tie" if tied else "behind" if one["loss"] > jobs[0]["loss"] else "ahead"


def show(one: dict) -> None:
    if "loss" not in one:
        print(f"{one['task']:14} {one['seed']:2d} {one['system']:15} failed: {one.get('error')}", flush=True)
        return
    against = f"  {one['against_first']}" if "against_first" in one else ""
    if "fast" in one:
        against += f"  fast {one['fast']:.5g} ({one['fast_per_1000']:.3f} s/1,000)"
    if one.get("stated"):
        low, high = one["stated"]
        against += f"  stated [{low:.5g}, {high:.5g}] {'inside' if low <= one['score'] <= high else 'OUTSIDE'}"
    print(
        f"{one['task']:14} {one['seed']:2d} {one['system']:15} {one['metric']:9} {one['score']:12.5g}  rank {one['rank']}  fit {one['fit_seconds']:6.1f} s  "
        f"predict {one['predict_per_1000']:.3f} s/1,000  memory {one['memory_mb']:6.0f} MB{against}  {one.get('note', '')}", flush=True,
    )  # fmt: skip


def summary(done: list[dict], systems: list[str]) -> None:
    """Per system: mean rank, how often the first system is ahead of it, and the mean score between constant (0) and best rival (1)."""
    print(f"\n{'system':16} {'jobs':>4} {'mean rank':>9}   against {systems[0]}: behind / tie / ahead")
    for system in systems:
        own = [one for one in done if one["system"] == system and "rank" in one]
        counts = [sum(one.get("against_first") == word for one in own) for word in ("behind", "tie", "ahead")]
        print(f"{system:16} {len(own):4} {np.mean([one['rank'] for one in own] or [np.nan]):9.2f}   {counts[0]} / {counts[1]} / {counts[2]}")
    if "constant" in systems:
        print(f"mean normalised score of {systems[0]} (constant 0, best rival 1): {normalised(done, systems):.3f}")


def normalised(done: list[dict], systems: list[str]) -> float:
    values = []
    for task, seed in sorted({(one["task"], one["seed"]) for one in done}):
        loss = {one["system"]: one["loss"] for one in done if (one["task"], one["seed"]) == (task, seed) and "loss" in one}
        rivals = [value for name, value in loss.items() if name not in (systems[0], "constant")]
        if rivals and systems[0] in loss and loss["constant"] > min(rivals):
            values.append((loss["constant"] - loss[systems[0]]) / (loss["constant"] - min(rivals)))
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
