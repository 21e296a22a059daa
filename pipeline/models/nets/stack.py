"""Several networks of one shape as one: every parameter has a leading dimension for the model.

A model is a perceptron over numbers, their places among quantile bins, and the other columns. With `members` above 1 it
is a TabM-mini: the members share all weights but a scaling of the input and the output layer. Models with fewer columns
are padded with zeros, which stay zero, so each model learns exactly what it would learn alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """What models of one stack have in common. `embedding` 0 shows the bins to the first layer as they are."""

    members: int
    layers: int
    width: int
    bins: int
    embedding: int
    outputs: int
    dropout: float


@dataclass(frozen=True)
class Layout:
    """The parameters of one model, one after the other in a row of numbers: first those that decay, then the others."""

    shape: Shape
    numbers: int
    others: int

    @property
    def inputs(self) -> int:
        """How many values the first layer sees."""
        if self.shape.embedding:
            return self.numbers * self.shape.embedding + self.others
        return self.numbers + self.others + self.numbers * self.shape.bins

    def decayed(self) -> dict[str, tuple[int, ...]]:
        s = self.shape
        sizes = [self.inputs, *[s.width] * s.layers]
        layers = {f"weight{i}": (sizes[i], sizes[i + 1]) for i in range(s.layers)}
        embedding = {"ple": (self.numbers, s.bins, s.embedding)} if s.embedding else {}
        return {**embedding, **layers, "head": (s.members, s.width, s.outputs)}

    def kept(self) -> dict[str, tuple[int, ...]]:
        s = self.shape
        embedding = {"slope": (self.numbers, s.embedding), "shift": (self.numbers, s.embedding)} if s.embedding else {}
        adapter = {"scaling": (s.members, self.inputs)} if s.members > 1 else {}
        biases = {f"bias{i}": (s.width,) for i in range(s.layers)}
        return {**embedding, **adapter, **biases, "head_bias": (s.members, s.outputs)}

    def places(self) -> Iterator[tuple[str, tuple[int, ...], int, int]]:
        """Name, shape, first and last position of each parameter."""
        at = 0
        for name, shape in (self.decayed() | self.kept()).items():
            size = int(np.prod(shape))
            yield name, shape, at, at + size
            at += size

    def split(self, flat: Any) -> dict[str, Any]:
        """Views of `flat` (models x parameters), one for each parameter: name -> models x shape."""
        return {name: flat[:, a:b].reshape(len(flat), *shape) for name, shape, a, b in self.places()}

    @property
    def size(self) -> int:
        return max((last for *_, last in self.places()), default=0)

    def decaying(self) -> int:
        """How many of the first parameters decay."""
        return sum(int(np.prod(shape)) for shape in self.decayed().values())

    def rows_of(self, own: Layout) -> np.ndarray:
        """Where the inputs of a smaller layout lie among the padded ones."""
        e, b = self.shape.embedding, self.shape.bins
        if e:
            return np.concatenate([np.arange(own.numbers * e), self.numbers * e + np.arange(own.others)])
        wide = self.numbers + self.others
        return np.concatenate([np.arange(own.numbers), self.numbers + np.arange(own.others), wide + np.arange(own.numbers * b)])

    def pad(self, own: Layout, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """One model's parameters as a row of this layout."""
        flat = np.zeros((1, self.size), np.float32)
        views = self.split(flat)
        for name, values in arrays.items():
            views[name][0][self._where(name, own)] = values
        return flat[0]

    def unpad(self, own: Layout, flat: np.ndarray) -> dict[str, np.ndarray]:
        """One model's parameters back from a row of this layout."""
        return {name: values[0][self._where(name, own)].copy() for name, values in self.split(flat[None]).items()}

    def _where(self, name: str, own: Layout) -> Any:
        if name in ("ple", "slope", "shift"):
            return slice(0, own.numbers)
        if name == "weight0":
            return self.rows_of(own)
        return (slice(None), self.rows_of(own)) if name == "scaling" else slice(None)


def initial(layout: Layout, seed: int) -> dict[str, np.ndarray]:
    """First values: layers as torch draws them, scalings N(0, 1) for a number and random signs for the others."""
    random, shape = np.random.default_rng(seed), layout.shape
    found = {}
    for name, size in (layout.decayed() | layout.kept()).items():
        if name == "ple":
            found[name] = np.zeros(size)
        elif name == "scaling":
            found[name] = _scalings(random, layout)
        else:
            inner = {"slope": shape.embedding, "shift": shape.embedding, "weight0": layout.inputs, "bias0": layout.inputs}
            edge = inner.get(name, shape.width) ** -0.5
            found[name] = random.uniform(-edge, edge, size)
    return {name: values.astype(np.float32) for name, values in found.items()}


def _scalings(random: np.random.Generator, layout: Layout) -> np.ndarray:
    k, wide = layout.shape.members, layout.numbers * max(1, layout.shape.embedding)
    normal = np.repeat(random.normal(size=(k, layout.numbers)), max(1, layout.shape.embedding), axis=1)
    return np.concatenate([normal, random.choice([-1.0, 1.0], size=(k, layout.inputs - wide))], axis=1)


def forward(layout: Layout, p: dict[str, torch.Tensor], bins: dict[str, torch.Tensor], X: torch.Tensor, learn: bool) -> torch.Tensor:
    """Rows (models x 1 or members x rows x columns, numbers first) -> outputs (models x members x rows x outputs)."""
    s = layout.shape
    models, rows = len(X), X.shape[2]
    hidden = _inputs(layout, p, bins, X)
    if s.members > 1:
        hidden = hidden * p["scaling"][:, :, None]
    hidden = hidden.reshape(models, -1, layout.inputs)
    for i in range(s.layers):
        hidden = functional.relu(_affine(hidden, p[f"weight{i}"], p[f"bias{i}"][:, None]))
        if s.dropout and learn:
            hidden = _dropped(hidden, s.dropout)
    hidden = hidden.reshape(models * s.members, rows, s.width)
    found = _affine(hidden, p["head"].flatten(0, 1), p["head_bias"].flatten(0, 1)[:, None])
    return found.reshape(models, s.members, rows, s.outputs)


def _dropped(hidden: torch.Tensor, share: float) -> torch.Tensor:
    """Dropout. On a CPU a byte decides for each unit, which is several times as quick as torch's own."""
    if hidden.device.type != "cpu":
        return functional.dropout(hidden, share)
    draws = torch.empty((hidden.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = draws.view(torch.uint8)[: hidden.numel()].view(hidden.shape) >= round(share * 256)
    return hidden * (kept * (1 / (1 - round(share * 256) / 256)))


def _affine(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if len(hidden) == 1:  # one plain product is quicker than a batch of one
        return torch.addmm(bias.squeeze(0), hidden.squeeze(0), weight.squeeze(0)).unsqueeze(0)
    return torch.baddbmm(bias, hidden, weight)


def _inputs(layout: Layout, p: dict[str, torch.Tensor], bins: dict[str, torch.Tensor], X: torch.Tensor) -> torch.Tensor:
    """What the first layer sees: models x 1 or members x rows x inputs."""
    c, s = layout.numbers, layout.shape
    if not c:
        return X
    numbers, others = X[..., :c], X[..., c:]
    places = (numbers[..., None] - bins["low"][:, None, None]).mul_(bins["inverse"][:, None, None]).clamp_(0, 1)
    if not s.embedding:
        return torch.cat([X, places.flatten(-2)], dim=-1)
    models, shown, rows = X.shape[:3]
    by_column = places.permute(0, 3, 1, 2, 4).reshape(models * c, shown * rows, s.bins)
    learned = torch.bmm(by_column, p["ple"].flatten(0, 1)).view(models, c, shown, rows, s.embedding).permute(0, 2, 3, 1, 4)
    embedded = learned + numbers[..., None] * p["slope"][:, None, None] + p["shift"][:, None, None]
    return torch.cat([embedded.flatten(-2), others], dim=-1)
