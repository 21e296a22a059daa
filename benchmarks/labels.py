"""The label doctor on real tables: labels are flipped, and the top suspects, as many as were flipped, are compared with them.

    .venv/bin/python benchmarks/labels.py ../shared/data/manifest.json --tables adult,soybean,motor_claim,hotel_rates
    .venv/bin/python benchmarks/labels.py MANIFEST --tables adult --share 0.05 --rows 6000 --seeds 0,1,2

The manifest is a list of {name, file, target, task}. A class is flipped to any other class with equal chance; a number is
replaced by that of another row. "found" is the share of the top suspects that were flipped; "called" counts the labels that are called wrong,
"rightly" is the share of them that were flipped (with --share 0 every call is a false one); "gain" compares models that have
learned from the top proposals with models that have not, both judged by the true labels.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pipeline import evaluate
from pipeline.analyses.doctor import examine
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.judge.doctor import CALLED
from pipeline.measure import Ruler
from pipeline.plan import Plan


def flipped(target: pd.Series, share: float, rng: np.random.Generator) -> tuple[pd.Series, np.ndarray]:
    """The target with a share of its labels wrong, and which they are."""
    made, wrong = target.copy(), np.zeros(len(target), bool)
    wrong[rng.choice(len(target), round(share * len(target)), replace=False)] = True
    values = target.dropna().unique()
    if pd.api.types.is_numeric_dtype(target) and len(values) > 20:
        made[wrong] = rng.permutation(target.to_numpy())[wrong]
    else:
        made[wrong] = [rng.choice(values[values != value]) for value in target[wrong]]
    return made, wrong


def examined(entry: dict[str, Any], folder: Path, rows: int, share: float, seed: int) -> dict[str, Any]:
    frame = pd.read_csv(folder / entry["file"])
    frame = frame.sample(min(rows, len(frame)), random_state=seed).reset_index(drop=True)
    truth = frame[entry["target"]]
    labels, wrong = flipped(truth, share, np.random.default_rng(seed))
    table, schema = infer(frame.assign(**{entry["target"]: labels}))
    plan, started = Plan.draft(schema, entry["target"], task=entry["task"]), time.process_time()
    ruler = Ruler(plan, table, schema, executor=InlineExecutor())
    before, found = examine(ruler, plan)
    seconds, top = time.process_time() - started, found.ranked[: wrong.sum()]
    proposed = before.y.copy()
    proposed[top] = found.proposed[top]
    after = ruler.measure(plan, labels=proposed)
    known = _coded(truth, ruler)[ruler.rows]
    gain, error = evaluate.difference(plan.metric, known, after.oof, before.oof, resamples=200)
    return {
        "table": entry["name"], "seed": seed, "rows": len(frame), "flipped": int(wrong.sum()),
        "found": wrong[ruler.rows][top].mean() if len(top) else np.nan, "called": found.errors,
        "rightly": wrong[ruler.rows][found.chance >= CALLED].mean() if found.errors else np.nan, "metric": plan.metric,
        "gain": gain, "low": gain - 1.96 * error, "high": gain + 1.96 * error, "seconds": seconds,
    }  # fmt: skip


def _coded(truth: pd.Series, ruler: Ruler) -> np.ndarray:
    """The true labels as the ruler codes them."""
    if not ruler.classes:
        return truth.to_numpy(float)
    places = {str(name): code for code, name in enumerate(ruler.classes)}
    return np.array([places[str(value)] for value in truth])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--tables", default="adult,soybean,motor_claim,hotel_rates")
    parser.add_argument("--rows", type=int, default=6_000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", default="0")
    args = parser.parse_args()
    wanted = [e for e in json.loads(args.manifest.read_text()) if e["name"] in args.tables.split(",")]
    results = []
    for entry in wanted:
        for seed in map(int, args.seeds.split(",")):
            results.append(examined(entry, args.manifest.parent, args.rows, args.share, seed))
            print(f"{entry['name']} seed {seed}: {results[-1]['found']:.0%} of the top suspects were flipped", flush=True)
    print(pd.DataFrame(results).round(4).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
