"""A run in the middle of its work, told by the store's own verbs as a worker tells it: rounds, fits, phases, use of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline import Store, entry
from pipeline.store import Lease
from pipeline.strategies import propose_many
from pipeline.strategies.space import position

FAMILIES = ("linear", "lightgbm", "catboost", "mlp")
Told = tuple[str, dict[str, Any]]


def trial(number: int, family: str, slots: int = 2, folds: int = 4) -> Iterator[Told]:
    """One trial whose folds are fitted two by two, a second a wave; boosters and networks with their rounds."""
    yield "trial_started", {"number": number, "family": family, "params": {}, "wave": 0}
    for fold in range(1, folds + 1):
        if family != "linear":
            yield from rounds(number, fold, family)
        began = 3.0 * number + (fold - 1) // slots * 1.4
        yield "fit", {"number": number, "family": family, "what": "fold", "fold": fold, "slot": (fold - 1) % slots, "began": began,
                      "seconds": 1.3, "score": 0.8 + 0.01 * number, "state": "complete"}  # fmt: skip


def rounds(number: int, fold: int, family: str, count: int = 30) -> Iterator[Told]:
    """Falling loss for LightGBM, over-fitting for CatBoost, a network that ends with no number."""
    for k in range(1, count + 1):
        score = -0.3 - 0.5 / (k + fold) if family != "catboost" else -0.3 - 0.4 / k - 0.012 * k
        broken = family == "mlp" and k > 20
        yield "round", {"number": number, "fold": fold, "iteration": 10 * k, "score": float("nan") if broken else score, "train": -0.6 / k}


def searched(store: Store, run_id: str, count: int = 24) -> None:
    """A run that ended with LightGBM searched over: the score is best at a low learning rate and does not care for much else."""
    lease = store.claim("test", run_id)
    space = {"lightgbm": [p for p in entry("family", "lightgbm").params if p.tune]}
    base = {"fold_scores": (0.5,), "seconds": 2.0, "state": "complete", "message": ""}
    store.put_trial(lease, {"number": 0, "family": "baseline", "params": {}, "score": 0.5, "interval": (0.5, 0.5), **base})
    drawn = propose_many(entry("strategy", "random").make, space, [], 0, count)
    for number, (family, params) in enumerate(drawn, 1):
        score = 0.95 - 0.1 * position(space["lightgbm"][0], params[space["lightgbm"][0].name]) ** 2
        store.put_trial(
            lease,
            {"number": number, "family": family, "params": params, "score": score, "interval": (score - 0.02, score + 0.02), **base},
        )
    store.fail(lease, "Stopped.", "Resume it.", "", state="cancelled")


def training(store: Store, run_id: str) -> Lease:
    """Take a queued run and tell what happens in its first seconds; the lease is the caller's to end."""
    lease = store.claim("test", run_id)
    told: list[Told] = [
        ("phase", {"phase": "preparing", "message": "Splitting the rows"}),
        ("phase", {"phase": "training", "message": "First turns"}),
    ]
    for number, family in enumerate(FAMILIES):
        told += [
            *trial(number, family),
            ("usage", {"cpu": 80.0 + 5 * number, "memory": 6e8 + 1e8 * number, "gpu": 40.0, "gpu_memory": 2e9}),
        ]
    told.append(
        (
            "fit",
            {
                "number": None,
                "family": "",
                "what": "prepare",
                "fold": 1,
                "slot": 1,
                "began": 0.0,
                "seconds": 0.4,
                "score": None,
                "state": "complete",
            },
        )
    )
    store.events_at_once(lease, told)
    return lease
