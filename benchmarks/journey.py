"""The main job by the command line on real tables: train on three quarters, score the last quarter, compare with the bar.

    .venv/bin/python benchmarks/journey.py ../shared/data/manifest.json --tasks adult,soybean,cal_housing --budget 60

The manifest lists name, file, target, task and metric. The split is 75/25 with seed 0, stratified for classes. Prints one
line per table: the score on the quarter that Trainyard never saw, what it said of itself, and how long it took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.accuracy import held_out
from pipeline import evaluate

BARS = {"adult": 0.925, "soybean": 0.32, "cal_housing": 48_500}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--tasks", default="adult,soybean,cal_housing")
    parser.add_argument("--budget", type=float, default=60)
    args = parser.parse_args()
    known = {entry["name"]: entry for entry in json.loads(args.manifest.read_text())}
    print(f"{'table':14} {'metric':9} {'unseen quarter':>14} {'said (holdout)':>15} {'95 % interval':>22} {'best':>12} {'wall s':>7}")
    for name in args.tasks.split(","):
        print(journey(known[name], args.manifest.parent, args.budget), flush=True)
    return 0


def journey(entry: dict, folder: Path, budget: float) -> str:
    frame = pd.read_csv(folder / entry["file"])
    test = held_out(frame[entry["target"]], entry["task"], seed=0)
    with tempfile.TemporaryDirectory() as work:
        train_file, test_file, out = (Path(work) / name for name in ("train.csv", "test.csv", "out.csv"))
        frame[~test].to_csv(train_file, index=False)
        frame[test].drop(columns=entry["target"]).to_csv(test_file, index=False)
        command = [sys.executable, "-m", "pipeline"]
        started = time.monotonic()
        words = ["train", train_file, "--target", entry["target"], "--metric", entry["metric"], "--budget-seconds", budget, "--name", entry["name"]]
        said = json.loads(run([*command, *words, "--json", "--home", work]))
        took = time.monotonic() - started
        run([*command, "predict", said["model"], test_file, "--out", out, "--home", work])
        value = score(entry, frame.loc[test, entry["target"]], pd.read_csv(out, keep_default_na=False))
    low, high = said["interval"]
    bar = f"  bar {BARS[entry['name']]:g}" if entry["name"] in BARS else ""
    best = said["leaderboard"][0]["family"]
    around = f"{low:.5g} to {high:.5g}"
    return f"{entry['name']:14} {entry['metric']:9} {value:14.5g} {said['holdout']:15.5g} {around:>22} {best:>12} {took:7.1f}{bar}"


def score(entry: dict, truth: pd.Series, predicted: pd.DataFrame) -> float:
    if entry["task"] == "regression":
        return evaluate.score(entry["metric"], truth.to_numpy(float), predicted["prediction"].to_numpy(float))
    labels = [name.removeprefix("proba_") for name in predicted.columns if name.startswith("proba_")]
    y = truth.astype(str).map({label: k for k, label in enumerate(labels)})
    p = predicted[[f"proba_{label}" for label in labels]].to_numpy(float)
    return evaluate.score(entry["metric"], y.to_numpy(int), p)


def run(command: list) -> str:
    done = subprocess.run([str(word) for word in command], cwd=Path(__file__).parents[1], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
