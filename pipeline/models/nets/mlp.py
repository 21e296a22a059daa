"""Training of the multilayer perceptron: all rows on the device at once, batches by index, the best round kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pipeline.errors import OutOfMemory, TrainingError
from pipeline.models.early_stopping import Watch
from pipeline.models.facts import Resources

ROUND = 100_000  # rows of one round, so that a deadline is met on large tables too
WITHOUT_VALID = 40  # rounds when the table is too small to hold rows back
BATCHES = ((2_800, 32), (4_500, 64), (6_400, 128), (108_000, 256), (500_000, 1_024))


class Perceptron(nn.Module):
    """Rows x features -> rows x outputs: the features and their quantile bins, then layers of ReLU and dropout."""

    def __init__(self, features: int, bins: dict[str, np.ndarray], outputs: int, params: dict[str, Any]) -> None:
        super().__init__()
        for name, values in bins.items():
            self.register_buffer(name, torch.from_numpy(np.array(values)), persistent=False)
        wide = features + bins["low"].size
        sizes = [wide, *[params["width"]] * params["layers"], outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.dropout = params["dropout"]

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        places = ((X[:, self.columns, None] - self.low) * self.inverse).clamp(0, 1)
        hidden = torch.cat([X, places.flatten(1)], dim=1)
        for layer in self.layers[:-1]:
            hidden = functional.dropout(functional.relu(layer(hidden)), self.dropout, self.training)
        return self.layers[-1](hidden)


def train(
    X: np.ndarray, y: np.ndarray, rows: np.ndarray, valid: np.ndarray, bins: dict[str, np.ndarray], outputs: int,
    params: dict[str, Any], resources: Resources, watch: Watch,
) -> dict[str, Any]:  # fmt: skip
    """Fit on X[rows], stop by X[valid] (possibly none), and return the weights of the best round as CPU arrays.

    Raises TrainingError when the device is not there, OutOfMemory when the rows do not fit on it.
    """
    device = _device(resources.device)
    with _seeded(resources, device), _memory(device):
        net = Perceptron(X.shape[1], bins, outputs, params).to(device)
        inputs = torch.from_numpy(np.array(X)).to(device)
        target = torch.from_numpy(np.array(y, dtype=np.float32 if outputs == 1 else np.int64)).to(device)
        fit = _Fit(net, inputs, target, rows, valid, params, device)
        best = fit.run(watch)
    weights = [(best[f"layers.{i}.weight"].T.copy(), best[f"layers.{i}.bias"]) for i in range(len(net.layers))]
    return {"layers": weights, "bins": bins}


class _Fit:
    """One fit: the state that a round needs."""

    def __init__(self, net: Perceptron, X: Any, y: Any, rows: np.ndarray, valid: np.ndarray, params: dict[str, Any], device: str) -> None:
        self.net, self.X, self.y, self.params, self.device = net, X, y, params, device
        self.rows, self.valid = (torch.from_numpy(part).to(device) for part in (rows, valid))
        self.batch = next((size for most, size in BATCHES if len(rows) < most), 4_096)
        weights, biases = ([p for p in net.parameters() if (p.ndim > 1) == matrix] for matrix in (True, False))
        groups = [{"params": weights, "weight_decay": params["weight_decay"]}, {"params": biases, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=params["learning_rate"])

    def run(self, watch: Watch) -> dict[str, np.ndarray]:
        most = self.params["epochs"] if len(self.valid) else min(WITHOUT_VALID, self.params["epochs"])
        best = self._weights()
        for number in range(1, most + 1):
            self._round()
            loss = self._loss() if len(self.valid) else None
            ended = watch(number, loss)
            if loss is None or watch.improved:
                best = self._weights()
            if ended:
                break
        return {name: values.cpu().numpy() for name, values in best.items()}

    def _round(self) -> None:
        self.net.train()
        order = self.rows[torch.randperm(len(self.rows), device=self.device)[:ROUND]]
        for batch in order.split(self.batch):
            self.optimiser.zero_grad(set_to_none=True)
            self._error(self.net(self.X[batch]), self.y[batch]).backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimiser.step()

    @torch.no_grad()
    def _loss(self) -> float:
        """Log loss, or RMSE in standard deviations, on the rows held back; one wait for the device per round."""
        self.net.eval()
        total = sum(self._error(self.net(self.X[part]), self.y[part]) * len(part) for part in self.valid.split(32_768))
        mean = float(total) / len(self.valid)
        return mean if self.y.dtype == torch.int64 else mean**0.5

    def _error(self, found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        if wanted.dtype == torch.int64:
            return functional.cross_entropy(found, wanted)
        return functional.mse_loss(found[:, 0], wanted)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: values.detach().clone() for name, values in self.net.state_dict().items()}


def _device(wanted: str) -> str:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if there.get(wanted):
        return wanted
    raise TrainingError(
        f"The network was asked to run on {wanted!r}, which torch {torch.__version__} cannot use here.",
        "Run it on the CPU, or install a torch build for this device.",
    )


@contextmanager
def _seeded(resources: Resources, device: str) -> Iterator[None]:
    """Seeded randomness and the given threads, and both as they were afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else []):
        torch.manual_seed(resources.seed)
        torch.set_num_threads(resources.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _memory(device: str) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        message = f"The network and its rows do not fit into the memory of {device}: {error}."
        raise OutOfMemory(message, "Use fewer rows, a smaller width, or the CPU.") from error
