"""Training of stacked networks: all rows on the device, batches by index, each model stopped and kept on its own.

Folds and configurations of one shape train as one batch of matrix products. What runs is written once: on a CPU as it
stands, on CUDA in bfloat16 and captured as a graph. When memory runs out, fewer models (then fewer rows) go into a step,
and the fit goes on where it was; when the device fails, it starts again on the CPU and says so.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pipeline.errors import OutOfMemory, TrainingError
from pipeline.models.dense import blocks
from pipeline.models.early_stopping import Watch
from pipeline.models.facts import Resources
from pipeline.models.nets.stack import Layout, Shape, forward, initial

ROUND = 100_000  # rows of one round, so that a deadline is met on large tables too
PULSE = 0.5  # seconds between two questions whether to stop, inside a long round
BATCHES = ((4_500, 64), (6_400, 128), (108_000, 256), (500_000, 1_024))
LARGEST_BATCH, SMALLEST_BATCH = 4_096, 16
AT_ONCE = {"cpu": 2**21, "cuda": 2**28}  # values of one layer in a look at the rows held back
BETA1, BETA2, EPSILON, CLIP = 0.9, 0.999, 1e-8, 1.0
WIDE = 256  # units beyond which one model keeps a CPU busy: 16 MLPs of 512 units took twice as long stacked as one by one
WARM_UP = 3  # steps before a CUDA graph is captured
_safe: dict[tuple[str, Shape], int] = {}  # rows x models of a step that fitted into the memory when more did not


@dataclass(frozen=True)
class Job:
    """One model to train: rows (an array or a CSR matrix), class codes or standardised numbers, and who decides when to stop.

    `numbers` are the columns with bins; `low` and `inverse` are theirs (columns x bins). `sides` are the two values that each of
    the others may have (2 x others). `valid` may be empty.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    rows: np.ndarray
    valid: np.ndarray
    numbers: np.ndarray
    sides: np.ndarray
    low: np.ndarray
    inverse: np.ndarray
    shape: Shape
    rate: float
    decay: float
    rounds: int
    seed: int
    watch: Watch

    @property
    def layout(self) -> Layout:
        return Layout(self.shape, len(self.numbers), self.X.shape[1] - len(self.numbers))

    @property
    def batch(self) -> int:
        return min(next((size for most, size in BATCHES if len(self.rows) < most), LARGEST_BATCH), len(self.rows))


@dataclass
class Trained:
    """The parameters of the best round as CPU arrays; what went less well than asked for, in a sentence each."""

    arrays: dict[str, np.ndarray]
    degraded: str | None = None
    notes: list[str] = field(default_factory=list)


def fit_many(jobs: Sequence[Job], resources: Resources) -> list[Trained]:
    """Train the jobs and return what each learned, in their order. Those of one shape and batch size train together.

    Raises TrainingError when the device is not there, OutOfMemory when not even the CPU has room for the rows.
    """
    device, found = _device(resources.device), {}
    for group in _groups(jobs, device):
        found.update(zip(group, _trained([jobs[i] for i in group], resources, device), strict=True))
    return [found[i] for i in range(len(jobs))]


def _groups(jobs: Sequence[Job], device: str) -> list[list[int]]:
    groups: dict[tuple, list[int]] = {}
    for i, job in enumerate(jobs):
        alone = i if device == "cpu" and job.shape.width > WIDE else None
        groups.setdefault((job.shape, job.batch, job.weight is None, alone), []).append(i)
    return list(groups.values())


def _trained(jobs: list[Job], resources: Resources, device: str) -> list[Trained]:
    try:
        return _on(jobs, resources, device)
    except RuntimeError as error:  # torch says so when a device fails, runs out of memory, or lacks an operation
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if device == "cpu" and _is_memory(error):
            raise OutOfMemory(f"The network and its rows do not fit into the memory: {reason}.", "Use fewer rows or a smaller width.") from error
        if device == "cpu":
            raise
    for job in jobs:
        job.watch.restart()
    found = _on(jobs, resources, "cpu")
    for each in found:
        each.degraded = f"The network was to be trained on {device}, which failed ({reason}); it was trained on the CPU."
    return found


def _on(jobs: list[Job], resources: Resources, device: str) -> list[Trained]:
    found: dict[int, Trained] = {}
    with _seeded(resources, device), warnings.catch_warnings():
        # parameters of several models are views of one tensor, which torch finds worth a remark
        warnings.filterwarnings("ignore", message="grad and param do not obey")
        for part in _loaded(jobs, device):
            part.run(found)
    return [found[id(job)] for job in jobs]


def _loaded(jobs: list[Job], device: str) -> Iterator[_Stack]:
    """The jobs as stacks whose parameters and rows fit on the device, as far as is known."""
    most, batch = _safe.get((device, jobs[0].shape), 2**62), jobs[0].batch
    stack = _fitting(jobs, device, min(batch, most)) if len(jobs) == 1 or batch * len(jobs) <= most else None
    if stack is not None:
        yield stack
        return
    half = len(jobs) // 2
    yield from _loaded(jobs[:half], device)
    yield from _loaded(jobs[half:], device)


def _fitting(jobs: list[Job], device: str, batch: int) -> _Stack | None:
    try:
        return _Stack.of(jobs, device, batch)
    except RuntimeError as error:
        if len(jobs) == 1 or not _is_memory(error):
            raise
        return None


class _Stack:
    """The state of several models in training. Every tensor whose name is in `STATE` has the models in front."""

    STATE = ("flat", "first", "second", "best", "rate", "decay", "low", "inverse", "sides", "valid", "mass", "shift")

    def __init__(self, jobs: list[Job], layout: Layout, device: str, batch: int) -> None:
        self.jobs, self.layout, self.device, self.batch = jobs, layout, device, batch
        self.done: set[int] = set()
        self.notes: list[str] = []
        self.round, self.graph = 0, None

    @classmethod
    def of(cls, jobs: list[Job], device: str, batch: int) -> _Stack:
        """Everything on the device, parameters at their first values."""
        layouts = [job.layout for job in jobs]
        layout = Layout(jobs[0].shape, max(own.numbers for own in layouts), max(own.others for own in layouts))
        stack = cls(jobs, layout, device, batch)
        values = [layout.pad(own, initial(own, job.seed)) for own, job in zip(layouts, jobs, strict=True)]
        stack.flat = torch.from_numpy(np.stack(values)).to(device)
        stack.first, stack.second, stack.best = (torch.zeros_like(stack.flat) for _ in range(3))
        stack.best.copy_(stack.flat)
        stack.rate, stack.decay = (torch.tensor([[getattr(job, name)] for job in jobs], device=device) for name in ("rate", "decay"))
        stack.steps = torch.zeros((), device=device)
        stack._load_rows()
        stack._bind()
        return stack

    # --- rows ---

    def _load_rows(self) -> None:
        """One copy of every table, a byte for each value of a column that has only two; targets and weights one model after the other."""
        jobs, device, starts, tables = self.jobs, self.device, {}, []
        for job in jobs:
            key = (id(job.X), job.numbers.tobytes())
            if key not in starts:
                starts[key] = sum(len(flags) for _, flags in tables)
                tables.append(_table(job, self.layout))
        parts = [part[0] if len(part) == 1 else np.concatenate(part) for part in zip(*tables, strict=True)]
        self.table, self.flags = (torch.from_numpy(part).to(device) for part in parts)
        regression = jobs[0].shape.outputs == 1
        self.y = torch.from_numpy(np.concatenate([job.y for job in jobs]).astype(np.float32 if regression else np.int64)).to(device)
        weighted = jobs[0].weight is not None
        self.weight = torch.from_numpy(np.concatenate([job.weight for job in jobs]).astype(np.float32)).to(device) if weighted else None
        at = np.array([starts[id(job.X), job.numbers.tobytes()] for job in jobs])
        ends = np.cumsum([len(job.y) for job in jobs])
        self.shift = torch.from_numpy(np.append(0, ends[:-1]) - at)[:, None].to(device)  # from a row's place to its target's
        self.rows = [torch.from_numpy(job.rows + start).to(device) for job, start in zip(jobs, at, strict=True)]
        self.random = [torch.Generator(device).manual_seed(job.seed) for job in jobs]
        self._load_valid(at)
        self._load_bins()

    def _load_valid(self, at: np.ndarray) -> None:
        longest = max(len(job.valid) for job in self.jobs)
        valid, mass = np.zeros((len(self.jobs), longest), np.int64), np.zeros((len(self.jobs), longest), np.float32)
        for i, (job, start) in enumerate(zip(self.jobs, at, strict=True)):
            count = len(job.valid)
            valid[i], mass[i, :count] = start, 1.0 if job.weight is None else job.weight[job.valid]
            valid[i, :count] += job.valid
        self.valid, self.mass = torch.from_numpy(valid).to(self.device), torch.from_numpy(mass).to(self.device)

    def _load_bins(self) -> None:
        low, inverse = np.zeros((2, len(self.jobs), self.layout.numbers, self.layout.shape.bins), np.float32)
        for i, job in enumerate(self.jobs):
            low[i, : len(job.low)], inverse[i, : len(job.low)] = job.low, job.inverse
        self.low, self.inverse = torch.from_numpy(low).to(self.device), torch.from_numpy(inverse).to(self.device)
        sides = np.zeros((len(self.jobs), 2, self.layout.others), np.float32)
        for own, job in zip(sides, self.jobs, strict=True):
            own[:, : job.sides.shape[1]] = job.sides
        self.sides = torch.from_numpy(sides).to(self.device)

    # --- parameters ---

    def _bind(self) -> None:
        """Parameters and gradients as views of one tensor each, so that one operation updates them all."""
        self.grad = torch.zeros_like(self.flat)
        self.params = {name: view.detach().requires_grad_() for name, view in self.layout.split(self.flat).items()}
        for name, view in self.layout.split(self.grad).items():
            self.params[name].grad = view
        self.graph = None

    def select(self, which: list[int]) -> _Stack:
        """Some of the models, as far as they have come."""
        part = _Stack([self.jobs[i] for i in which], self.layout, self.device, self.batch)
        at = torch.tensor(which, device=self.device)
        for name in self.STATE:
            setattr(part, name, getattr(self, name)[at])
        part.rows, part.random = [self.rows[i] for i in which], [self.random[i] for i in which]
        part.table, part.flags, part.y, part.weight = self.table, self.flags, self.y, self.weight
        part.steps, part.round = self.steps.clone(), self.round
        part.done, part.notes = {new for new, old in enumerate(which) if old in self.done}, self.notes
        part._bind()
        return part

    # --- the loop ---

    def run(self, found: dict[int, Trained]) -> None:
        """Train until every model has ended, and put what they learned into `found`, by the id of the job."""
        while len(self.done) < len(self.jobs):
            if not self._round_fits():
                if len(self.jobs) > 1:
                    return self._halves(found)
                self._fewer_rows()
            going = [i for i in range(len(self.jobs)) if i not in self.done]
            if going and len(going) <= len(self.jobs) // 2:
                self._store(found)
                return self.select(going).run(found)
        return self._store(found)

    def _round_fits(self) -> bool:
        """A round, or false where the memory ran out in it; the error, which holds on to memory, ends here."""
        try:
            self._one_round()
        except RuntimeError as error:
            if not _is_memory(error) or (len(self.jobs) == 1 and self.batch // 2 < SMALLEST_BATCH):
                raise
            return False
        return True

    def _halves(self, found: dict[int, Trained]) -> None:
        half, self.graph = len(self.jobs) // 2, None
        self._remember(self.batch * half)
        self.notes.append(f"The memory of {self.device} holds {half} of {len(self.jobs)} models at a time.")
        for which in (list(range(half)), list(range(half, len(self.jobs)))):
            self.select(which).run(found)

    def _fewer_rows(self) -> None:
        self.batch //= 2
        self._remember(self.batch)
        self.notes.append(f"The memory of {self.device} holds {self.batch} rows of a batch at a time.")
        self._bind()

    def _remember(self, size: int) -> None:
        _safe[self.device, self.layout.shape] = max(1, size)

    def _store(self, found: dict[int, Trained]) -> None:
        best = self.best.cpu().numpy()
        for i in self.done:
            job = self.jobs[i]
            found[id(job)] = Trained(self.layout.unpad(job.layout, best[i]), notes=self.notes)

    def _one_round(self) -> None:
        asked = self._learn()
        losses = self._losses()
        self.round += 1
        better = torch.zeros(len(self.jobs), dtype=torch.bool)
        for i in set(range(len(self.jobs))) - self.done:
            job = self.jobs[i]
            loss = losses[i] if len(job.valid) else None
            ended = job.watch(self.round, loss)
            better[i] = loss is None or job.watch.improved
            if ended or asked or self.round >= job.rounds:
                self.done.add(i)
        torch.where(better.to(self.device)[:, None], self.flat, self.best, out=self.best)

    def _learn(self) -> bool:
        """A pass over the rows; true when all models were asked to stop in the middle of it."""
        batches, last = self._batches(), time.monotonic()
        for step in range(batches.shape[1]):
            self._step(batches[:, step])
            if time.monotonic() - last > PULSE:
                last = time.monotonic()
                if all(job.watch.pulse(self.round + 1) for i, job in enumerate(self.jobs) if i not in self.done):
                    return True
        return False

    def _batches(self) -> torch.Tensor:
        """Places of rows, models x steps x members x batch: every member meets the rows in an order of its own."""
        k, fewest = self.layout.shape.members, min(map(len, self.rows))
        steps = max(1, min(fewest, ROUND) // self.batch)
        found = torch.empty(len(self.rows), k, steps * self.batch, dtype=torch.int64, device=self.device)
        for i, (rows, random) in enumerate(zip(self.rows, self.random, strict=True)):
            for member in range(k):
                order = torch.randperm(len(rows), generator=random, device=self.device)
                found[i, member] = rows[order[: steps * self.batch]]
        return found.view(len(self.rows), k, steps, self.batch).transpose(1, 2).contiguous()

    def _step(self, places: torch.Tensor) -> None:
        if self.device != "cuda":
            self._update(places)
            return
        self.graph = self.graph or _Captured(self)
        self.graph.step(places)

    def _update(self, places: torch.Tensor) -> None:
        """One step of AdamW for every model: forward, backward, clipped by each model's own norm."""
        self.grad.zero_()
        self._errors(places).sum().backward()
        norm = torch.linalg.vector_norm(self.grad, dim=1, keepdim=True)
        self.grad.mul_((CLIP / (norm + 1e-6)).clamp(max=1))
        self.steps += 1
        self.first.lerp_(self.grad, 1 - BETA1)
        self.second.mul_(BETA2).addcmul_(self.grad, self.grad, value=1 - BETA2)
        decaying = self.layout.decaying()
        self.flat[:, :decaying].mul_(1 - self.rate * self.decay)
        size = (self.second / (1 - BETA2**self.steps)).sqrt_().add_(EPSILON)
        self.flat.sub_((self.first / size).mul_(self.rate / (1 - BETA1**self.steps)))

    def _errors(self, places: torch.Tensor) -> torch.Tensor:
        """Each model's mean over rows of the mean of its members' losses."""
        X, y, weight = self._gather(places)
        found = self._forward(X, learn=True)
        if y.dtype == torch.int64:
            each = functional.cross_entropy(found.flatten(0, 2), y.expand(found.shape[:3]).flatten(), reduction="none").view(found.shape[:3])
        else:
            each = (found[..., 0] - y) ** 2
        return (each if weight is None else each * weight).mean((1, 2))

    def _gather(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Rows, numbers first, targets and weights at places (models x shown x batch)."""
        numbers, flags = (part.index_select(0, places.reshape(-1)).view(*places.shape, part.shape[1]) for part in (self.table, self.flags))
        low, high = (side[:, None, None] for side in self.sides.unbind(1))
        X = torch.cat([numbers, torch.where(flags, high, low)], dim=-1)
        own = places + self.shift[..., None]
        return X, self.y[own], None if self.weight is None else self.weight[own]

    def _forward(self, X: torch.Tensor, learn: bool) -> torch.Tensor:
        bins = {"low": self.low, "inverse": self.inverse}
        half = torch.autocast("cuda", torch.bfloat16, cache_enabled=False) if self.device == "cuda" else nullcontext()
        with half:
            found = forward(self.layout, self.params, bins, X, learn)
        return found.float()

    @torch.no_grad()
    def _losses(self) -> list[float]:
        """Log loss of the mean probabilities, or RMSE of the mean, on the rows held back; one wait for the device."""
        if not self.valid.shape[1]:
            return [0.0] * len(self.jobs)
        shape = self.layout.shape
        rows = max(64, AT_ONCE.get(self.device, AT_ONCE["cpu"]) // (len(self.jobs) * shape.members * shape.width))
        rows = max(1, min(rows, _safe.get((self.device, shape), rows * len(self.jobs)) // len(self.jobs)))
        total = torch.zeros(len(self.jobs), device=self.device)
        for places, mass in zip(self.valid.split(rows, 1), self.mass.split(rows, 1), strict=True):
            X, y, _ = self._gather(places[:, None])
            total += (_row_losses(self._forward(X, learn=False), y[:, 0]) * mass).sum(1)
        mean = total / self.mass.sum(1).clamp(min=1e-12)
        return (mean if shape.outputs > 1 else mean.sqrt()).tolist()


class _Captured:
    """A step as a CUDA graph: one launch instead of about a hundred. Without one where capturing fails."""

    def __init__(self, stack: _Stack) -> None:
        self.stack, self.places, self.graph, self.seen = stack, None, None, 0

    def step(self, places: torch.Tensor) -> None:
        if self.graph is not None:
            self.places.copy_(places)
            self.graph.replay()
            return
        self._beside(places)
        self.seen += 1
        if self.seen == WARM_UP:
            self._capture(places)

    def _beside(self, places: torch.Tensor) -> None:
        """A real step on a stream of its own, as capturing asks for."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.stack._update(places)
        torch.cuda.current_stream().wait_stream(stream)

    def _capture(self, places: torch.Tensor) -> None:
        """Capture, then check that a replay makes a step; what the check changes is put back."""
        stack, graph = self.stack, torch.cuda.CUDAGraph()
        self.places = places.clone()
        before = {name: getattr(stack, name).clone() for name in ("flat", "first", "second", "steps")}
        try:
            with torch.cuda.graph(graph):
                stack._update(self.places)
            graph.replay()
            torch.cuda.synchronize()
            if float(stack.steps) != float(before["steps"]) + 1 or not bool(torch.isfinite(stack.flat).all()):
                raise RuntimeError("a replayed step did not move the parameters as a step does")
            self.graph = graph
        except RuntimeError as error:
            if _is_memory(error):
                raise
            stack.notes.append(f"The steps run one by one, not as a CUDA graph: {str(error).splitlines()[0]}")
        finally:
            for name, values in before.items():
                getattr(stack, name).copy_(values)


def _table(job: Job, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """The job's numbers, and of the other columns which side each value is on, both padded to the widths of the stack."""
    rows = job.X.shape[0]
    numbers, flags = np.zeros((rows, layout.numbers), np.float32), np.zeros((rows, layout.others), bool)
    others = np.setdiff1d(np.arange(job.X.shape[1]), job.numbers)
    for place, block in blocks(job.X):
        numbers[place, : len(job.numbers)] = block[:, job.numbers]
        flags[place, : len(others)] = block[:, others] != job.sides[0]
    return numbers, flags


def _row_losses(found: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Losses (models x rows) of the members' mean answer."""
    if y.dtype != torch.int64:
        return (found[..., 0].mean(1) - y) ** 2
    own = functional.log_softmax(found, -1).gather(-1, y[:, None, :, None].expand(*found.shape[:3], 1))[..., 0]
    return np.log(found.shape[1]) - torch.logsumexp(own, 1)


def _device(wanted: str) -> str:
    if can_use(wanted):
        return wanted
    raise TrainingError(
        f"The network was asked to run on {wanted!r}, which torch {torch.__version__} cannot use here.",
        "Run it on the CPU, or install a torch build for this device.",
    )


def can_use(device: str) -> bool:
    """Whether the torch that is installed here can use the device."""
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(device, False)


def _is_memory(error: RuntimeError) -> bool:
    """The CPU's allocator has no error type of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


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
