"""What the networks share: trained with torch, kept as plain arrays, so that they predict without torch or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.dense import blocks, quantile_bins, two_sided
from pipeline.models.early_stopping import Watch, inner_split
from pipeline.models.estimator import Estimator, limited
from pipeline.models.facts import OnRound

WITHOUT_VALID = 40  # rounds when the table is too small to hold rows back
DROPOUT = Param(
    "dropout", "float", 0.1, "Dropout", low=0.0, high=0.6, unit="share",
    help="The share of units left out at random while learning, against overfitting.",
)  # fmt: skip
EARLY_STOPPING = Param(
    "early_stopping", "bool", True, "Stop early", tune=False,
    help="Hold back a part of the training rows and stop when the network no longer gets better on them. "
    "When off, it learns from all rows for exactly the given number of rounds.",
)  # fmt: skip


def bins(default: int) -> Param:
    text = "Numbers are also shown as their place among this many quantiles, so that jumps are easy to learn."
    return Param("bins", "int", default, "Bins of a number", text, low=2, high=64, log=True, unit="bins")


def training(rate: float, decay: float, patience: int) -> tuple[Param, ...]:
    """The parameters of how a network learns."""
    return (
        Param("learning_rate", "float", rate, "Learning rate", low=1e-4, high=1e-2, log=True, help="The size of a step."),
        Param("weight_decay", "float", decay, "Weight decay", low=1e-4, high=1.0, log=True, help="How strongly weights are pulled to zero."),
        Param("epochs", "int", 200, "Most rounds", low=1, high=1_000, log=True, unit="rounds", tune=False,
              help="A round is a pass over the rows (at most 100,000 of them). As a rule the fit stops earlier."),
        Param("patience", "int", patience, "Patience", low=2, high=100, unit="rounds", tune=False,
              help="Stop after this many rounds without a better result on the rows held back."),
        EARLY_STOPPING,
    )  # fmt: skip


def supports(device: str) -> bool:
    """Whether the torch that is installed here can use the device."""
    from pipeline.models.nets.training import can_use

    return can_use(device)


class Network(Estimator):
    """`model_` holds float32 arrays only. `degraded_` says when the device failed and the CPU took over, `notes_` what
    else went otherwise than asked for."""

    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        from pipeline.models.nets.training import fit_many

        job = self._job(X, y, weight, on_round)
        self._keep(job, fit_many([job], self.resources)[0])

    def _job(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> Any:
        """The fit as data: which rows, which shape, and who decides when to stop."""
        from pipeline.models.nets.training import Job

        given = self.params
        rows, valid = inner_split(y, self.resources.seed, self._origin) if given["early_stopping"] else (np.arange(len(y)), np.arange(0))
        numbers, sides = two_sided(X)
        self.columns_ = {"numbers": numbers} | quantile_bins(X, rows, numbers, given["bins"])
        watch = Watch(on_round, wait=lambda best: given["patience"])
        rounds = given["epochs"] if len(valid) or not given["early_stopping"] else min(given["epochs"], WITHOUT_VALID)
        return Job(
            X, self._scaled(y, rows), weight, rows, valid, numbers, sides, self.columns_["low"], self.columns_["inverse"], self._shape(),
            given["learning_rate"], given["weight_decay"], rounds, self.resources.seed, watch,
        )  # fmt: skip

    def _scaled(self, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
        self.centre_, self.scale_ = 0.0, 1.0
        if self.task != "regression":
            return y
        self.centre_, self.scale_ = float(np.mean(y[rows])), float(np.std(y[rows])) or 1.0
        return (y - self.centre_) / self.scale_

    def _shape(self) -> Any:
        from pipeline.models.nets.stack import Shape

        outputs, given = 1 if self.task == "regression" else len(self.classes_), self.params
        k, embedding = given.get("members", 1), given.get("embedding", 0)
        return Shape(k, given["layers"], given["width"], given["bins"], embedding, outputs, given["dropout"])

    def _keep(self, job: Any, trained: Any) -> None:
        self.model_, self.degraded_, self.notes_ = trained.arrays, trained.degraded, tuple(trained.notes)
        self.best_round_ = job.watch.best_round

    def _values(self, X: Any) -> np.ndarray:
        found = np.concatenate([self._answers(block) for _, block in blocks(X)])
        return found[:, 0] * self.scale_ + self.centre_ if self.task == "regression" else found

    def _answers(self, X: np.ndarray) -> np.ndarray:
        """The mean over the members of their numbers, or of their probabilities: rows x outputs."""
        p, shown, found = self.model_, self._inputs(X), 0.0
        for member in range(len(p["head"])):
            hidden = shown * p["scaling"][member] if "scaling" in p else shown
            for i in range(self.params["layers"]):
                hidden = np.maximum(hidden @ p[f"weight{i}"] + p[f"bias{i}"], 0)
            scores = (hidden @ p["head"][member] + p["head_bias"][member]).astype(np.float64)
            found = found + (scores if self.task == "regression" else _softmax(scores))
        return found / len(p["head"])

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        p, columns = self.model_, self.columns_
        numbers, others = X[:, columns["numbers"]], np.delete(X, columns["numbers"], axis=1)
        places = np.clip((numbers[..., None] - columns["low"]) * columns["inverse"], 0, 1)
        if "ple" not in p:
            return np.concatenate([numbers, others, places.reshape(len(X), -1)], axis=1)
        learned = np.matmul(places.transpose(1, 0, 2), p["ple"]).transpose(1, 0, 2)
        embedded = learned + numbers[..., None] * p["slope"] + p["shift"]
        return np.concatenate([embedded.reshape(len(X), -1), others], axis=1)


def fit_many(
    models: Sequence[Network], tables: Sequence[tuple], on_rounds: Sequence[OnRound | None] | None = None,
    origins: Sequence[np.ndarray | None] | None = None,
) -> Sequence[Network]:  # fmt: skip
    """Fit several networks as one batched job: on a GPU, folds x configurations in about the time of one.

    `tables` has (X, y) or (X, y, weights) for each model; models that share an X should be given the same array. Each
    learns what it would learn alone, up to rounding (dropout draws other units). They use the resources of the first.
    `on_rounds` and `origins` are as for a fit, one for each.
    """
    from pipeline.models.nets import training

    jobs: dict[int, Any] = {}
    with limited(models[0].resources.threads):
        for i, (model, table) in enumerate(zip(models, tables, strict=True)):
            X, y, weight = (*table, None)[:3]
            target = model._begin(X, y)
            model._origin = origins[i] if origins else None
            if not model._single():
                jobs[i] = model._job(X, target, model._weight(weight, len(target)), on_rounds[i] if on_rounds else None)
        for (i, job), trained in zip(jobs.items(), training.fit_many(list(jobs.values()), models[0].resources), strict=True):
            models[i]._keep(job, trained)
    for model in models:
        model._origin = None
    return models


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
