"""How fast the networks and XGBoost learn here, against what the hardware allows.

    .venv/bin/python benchmarks/gpu/nets.py              # on CUDA when torch can use it, else on the CPU at small sizes
    .venv/bin/python benchmarks/gpu/nets.py --device cpu --threads 2

Prints rows per second of the MLP (3 x 512) and of TabM (32 members) at several batch sizes with the share of the ceiling
reached, a batched stack against the same models one by one, XGBoost's row x trees per second, and the scores of CPU and
GPU side by side. The ceilings are estimates for an H100 (rooflines, never measured): they say nothing about a CPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
from pipeline import catalog
from pipeline.models import Resources, device_for, network
from pipeline.models.nets import training

COLUMNS = 100
CEILING = {"mlp": 100e6, "tabm": 3.5e6}  # rows a second, 3 x 512 units, bfloat16, captured
SHAPES = {
    "mlp": {"width": 512, "layers": 3, "bins": 2, "dropout": 0.0},
    "tabm": {"members": 32, "width": 512, "layers": 3, "bins": 2, "embedding": 2, "dropout": 0.0},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if training.can_use("cuda") else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    small = given.device == "cpu"
    print(f"device {given.device}: {torch.cuda.get_device_name() if not small else f'CPU, {given.threads} thread(s)'}, torch {torch.__version__}")
    if small:
        print("No GPU is used: sizes are small, and the shares of the (GPU) ceilings are left out.")
    resources = Resources(threads=given.threads, device=given.device)
    for batch in (256, 1_024) if small else (256, 1_024, 4_096, 16_384, 65_536):
        for name in SHAPES:
            throughput(name, batch, resources, rows=batch * (2 if small else 64))
    batched_against_single(resources, models=16 if small else 40, rows=2_000 if small else 20_000)
    boosting(resources, rows=20_000 if small else 1_000_000)
    scores(resources, rows=3_000 if small else 50_000)
    return 0


def table(rows: int, columns: int = COLUMNS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Flags and numbers; the outcome follows a few of them, with noise."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns)).astype(np.float32)
    X[:, columns // 10 :] = X[:, columns // 10 :] > 0
    return X, (X[:, 0] * X[:, 1] + X[:, -1] + random.normal(scale=0.5, size=rows) > 0.5).astype(int)


def throughput(name: str, batch: int, resources: Resources, rows: int) -> None:
    """Rows a second over three rounds, after one that warms up (and captures the graph)."""
    X, y = table(rows)
    times: list[float] = []

    def clock(iteration: int, score: float | None) -> bool:
        if resources.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter())
        return False

    with batches_of(batch):
        model = catalog.get("family", name).make("binary", {**SHAPES[name], "epochs": 4, "early_stopping": False}, resources)
        model.fit(X, y, clock)
    each = rows // batch * batch if rows < training.ROUND else training.ROUND // batch * batch
    speed = 3 * each / (times[-1] - times[0])
    reached = "" if resources.device == "cpu" else f"  {speed / CEILING[name]:6.1%} of the ceiling"
    print(f"{name:5} batch {batch:6,}  {speed / 1e6:8.4f} M rows/s{reached}  {'; '.join(model.notes_)} {model.degraded_ or ''}")


class batches_of:
    """Every table in batches of this size."""

    def __init__(self, size: int) -> None:
        self.wanted, self.before = ((10**12, size),), training.BATCHES

    def __enter__(self) -> None:
        training.BATCHES = self.wanted

    def __exit__(self, *error: object) -> None:
        training.BATCHES = self.before


def batched_against_single(resources: Resources, models: int, rows: int) -> None:
    X, y = table(rows, columns=20)
    for width in (32, 128, 512):
        params = {"width": width, "layers": 2, "bins": 8, "epochs": 3, "early_stopping": False}
        made = [catalog.get("family", "mlp").make("binary", params, resources) for _ in range(models)]
        network.fit_many(made[:2], [(X, y)] * 2)
        together = timed(lambda made=made: network.fit_many(made, [(X, y)] * models))
        single = timed(lambda made=made: [model.fit(X, y) for model in made[:4]]) * models / 4
        speed = models * rows * 3 / together / 1e6
        print(f"{models} MLPs 2 x {width:3}: batched {together:6.2f} s ({speed:.3f} M row x models/s), one by one {single:6.2f} s, {single / together:.2f} x")


def boosting(resources: Resources, rows: int) -> None:
    entry, trees = catalog.get("family", "xgboost"), 100
    for device in sorted({"cpu", device_for(entry, resources.device)}):
        X, y = table(rows, columns=20)
        model = entry.make("binary", {"n_estimators": trees, "early_stopping": False}, Resources(threads=resources.threads, device=device))
        seconds = timed(lambda model=model, X=X, y=y: model.fit(X, y))
        print(f"XGBoost on {device:4} {rows:9,} rows x {trees} trees: {rows * trees / seconds / 1e6:8.2f} M row x trees/s")


def scores(resources: Resources, rows: int) -> None:
    X, y = table(rows + 5_000, columns=20)
    for name in ("mlp", "tabm", "xgboost"):
        entry = catalog.get("family", name)
        for device in sorted({"cpu", device_for(entry, resources.device)}):
            model = entry.make("binary", {}, Resources(threads=resources.threads, device=device))
            seconds = timed(lambda model=model: model.fit(X[:rows], y[:rows]))
            found = model.predict_proba(X[rows:])[np.arange(5_000), y[rows:]]
            print(f"{name:8} on {device:4}: log loss {-np.log(found).mean():.4f}, {seconds:.1f} s, best round {model.best_round_}")


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
