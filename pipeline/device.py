"""What this machine has to compute with, and what a run should use: cores, GPUs, and their memory in bytes.

A container may use less than the machine has: the affinity of this process and the limits of its control group count,
not the number of sockets. torch is imported only when an accelerator is plausible, because that takes seconds.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import UnknownName

CGROUP = Path("/sys/fs/cgroup")
MIB = 1024**2
SMI_SECONDS = 10


@dataclass(frozen=True)
class Device:
    """One thing to compute on. `name` is what a run asks for ("cpu", "cuda:0", "mps"); memory is in bytes.

    `cores` are CPU cores that this process may use, or the multiprocessors of a GPU (0 where unknown).
    """

    name: str
    kind: Literal["cpu", "cuda", "mps"]
    title: str
    cores: int
    memory_bytes: int
    free_bytes: int


def cores() -> int:
    """How many CPU cores this process may use, at least 1: its affinity and its control group's quota, rounded up."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        allowed = os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def cgroup_quota(root: Path = CGROUP) -> float | None:
    """The CPU quota of the control group in cores (version 2, then 1); None when there is none."""
    text = _read(root / "cpu.max")
    quota, period = (text.split() + ["", ""])[:2] if text else (_read(root / "cpu/cpu.cfs_quota_us"), _read(root / "cpu/cpu.cfs_period_us"))
    if not quota or not period or quota == "max" or float(quota) <= 0:
        return None
    return float(quota) / float(period)


def cgroup_memory(root: Path = CGROUP) -> tuple[int, int] | None:
    """The memory limit of the control group and what it has left, in bytes; None when there is no limit.

    Cached file pages that can be dropped count as free.
    """
    for limit, used, inactive in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        top, now = _read(root / limit), _read(root / used)
        if top and now and top != "max" and int(top) < 2**60:
            return int(top), max(0, int(top) - int(now) + _inactive(_read(root / inactive)))
    return None


def _inactive(stat: str) -> int:
    rows = dict(line.split()[:2] for line in stat.splitlines() if len(line.split()) >= 2)
    return int(rows.get("total_inactive_file", rows.get("inactive_file", 0)))


def _read(path: Path) -> str:
    return path.read_text().strip() if path.is_file() and os.access(path, os.R_OK) else ""


def memory() -> tuple[int, int]:
    """The memory that this process may use, and what is free of it, in bytes."""
    import psutil

    whole = psutil.virtual_memory()
    limited = cgroup_memory()
    if limited is None:
        return whole.total, whole.available
    return min(whole.total, limited[0]), min(whole.available, limited[1])


def give_back_memory() -> None:
    """Return freed memory to the system, where its C library keeps it otherwise (glibc): a table's text is freed in small pieces."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def devices() -> list[Device]:
    """Everything here that a run may use: the CPU first, then each accelerator that the installed torch can use."""
    here = cpu()
    return [here, *(_accelerators(here) if accelerator_plausible() else ())]


def cpu() -> Device:
    """The CPU as a device, without asking for accelerators."""
    total, free = memory()
    count = cores()
    return Device("cpu", "cpu", f"CPU, {count} core{'s' if count > 1 else ''}", count, total, free)


def accelerator_plausible() -> bool:
    """Whether it is worth the seconds to ask torch: there is a driver or its device file, or this is macOS."""
    return sys.platform == "darwin" or Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _accelerators(host: Device) -> list[Device]:
    try:
        import torch
    except ImportError:  # the networks are an optional part; without torch nothing here can use a GPU
        return []
    if torch.backends.mps.is_available():
        return [Device("mps", "mps", "Apple GPU", 0, host.memory_bytes, host.free_bytes)]
    if not torch.cuda.is_available():
        return []
    known = {uuid: (have, left) for uuid, have, left in parse_smi(_ask_smi())}
    return [_cuda(torch.cuda.get_device_properties(i), i, known) for i in range(torch.cuda.device_count())]


def _cuda(facts: object, index: int, known: dict[str, tuple[int, int]]) -> Device:
    """Free memory as the driver reports it: asking torch would open a context of half a gigabyte on the GPU."""
    uuid = str(getattr(facts, "uuid", "")).removeprefix("GPU-")
    total, free = known.get(uuid, (facts.total_memory, facts.total_memory))
    return Device(f"cuda:{index}", "cuda", facts.name, facts.multi_processor_count, total, free)


def _ask_smi() -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    asked = ["nvidia-smi", "--query-gpu=uuid,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=SMI_SECONDS, check=False).stdout
    except subprocess.TimeoutExpired:  # a driver in trouble answers never; torch's own figures are used then
        return ""


def parse_smi(text: str) -> list[tuple[str, int, int]]:
    """(uuid, memory, free memory), in bytes, from the lines of nvidia-smi; lines without numbers are left out."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and cells[1].isdigit() and cells[2].isdigit():
            found.append((cells[0].removeprefix("GPU-"), int(cells[1]) * MIB, int(cells[2]) * MIB))
    return found


def choose(preferred: str | None = None, among: Iterable[Device] | None = None) -> Device:
    """The device for a run: the preferred one ("cpu", "cuda", "cuda:1", "mps"), or, for None and "auto", the accelerator
    with the most free memory, else the CPU.

    Raises UnknownName when the preferred device is not here: a run that was asked for a GPU never ends up on the CPU.
    """
    found = list(among) if among is not None else [cpu()] if preferred == "cpu" else devices()
    best_first = sorted(found, key=lambda device: (device.kind == "cpu", -device.free_bytes))
    if preferred in (None, "auto"):
        return best_first[0]
    for device in best_first:
        if preferred in (device.name, device.kind):
            return device
    raise UnknownName("device", str(preferred), {d.name for d in found} | {d.kind for d in found} | {"auto"})
