"""Boxes are started here, and one may wait: it has imported all that reading takes, so that a file does not wait for that.

A box reads one file and ends, whether it waited or not; one that waits has seen no file, holds no limits yet, and ends with this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_lock = threading.Lock()
_waiting: list[subprocess.Popen[str]] = []


def get_ready() -> None:
    """Have a box wait for the next file, unless one does. Returns at once; for processes that live long enough to read a file later."""
    with _lock:
        if not any(child.poll() is None for child in _waiting):
            _waiting[:] = [started(wait=True)]


def taken() -> subprocess.Popen[str]:
    """A box that waits to be told its folder on its standard input: the one that is ready, or a new one."""
    with _lock:
        child = _waiting.pop() if _waiting else None
    return child if child is not None and child.poll() is None else started()


def started(*, wait: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.data.box", *(["--wait"] if wait else [])], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """For a child: the parent's, with this package first on the path and few memory arenas."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONIOENCODING": "utf-8",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Memory that was given back is kept for the next block: asking the system for it again costs more than filling it.
        "MALLOC_MMAP_THRESHOLD_": str(1 << 26),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    }
