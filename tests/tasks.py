"""Tasks for the processes of an executor: functions that another process can import."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

Tell = Callable[[object], None]


def double(value: int, *, tell: Tell) -> int:
    return 2 * value


def told(values: list, *, tell: Tell) -> int:
    for value in values:
        tell(value)
    return len(values)


def fail(message: str, *, tell: Tell) -> None:
    raise LookupError(message)


def fail_unpicklably(*, tell: Tell) -> None:
    class Local(Exception):
        pass

    raise Local("of this function alone")


def where(*, tell: Tell) -> dict[str, object]:
    """Which process does it, its parent, and how many threads it may use."""
    return {"pid": os.getpid(), "parent": os.getppid(), "threads": os.environ["OMP_NUM_THREADS"]}


_hoard: list[bytes] = []


def keep(size: int, *, tell: Tell) -> int:
    """Hold so many bytes for good, as libraries do with what they once needed."""
    _hoard.append(b"x" * size)
    return os.getpid()


def wait(gate: str, *, tell: Tell) -> int:
    """Say who waits, then wait until there is a file of that name."""
    tell({"pid": os.getpid()})
    pause = threading.Event()
    while not Path(gate).exists():
        pause.wait(0.02)
    return os.getpid()


def die_first(marks: str, times: int, *, tell: Tell) -> str:
    """Be killed the first few times; each time leaves a mark."""
    folder = Path(marks)
    made = len(list(folder.iterdir()))
    if made < times:
        (folder / str(made)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"done after {made} deaths"


def has(module: str, *, tell: Tell) -> bool:
    """Whether the process has imported the module before it was asked to do anything."""
    return module in sys.modules
