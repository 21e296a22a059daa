"""Boxes are forked from a nursery: a process that has imported all that reading takes, and never sees a file itself.

So a file waits neither for an interpreter nor for its libraries, and whatever a file does to a reader ends with the box that read it.
A nursery has one box at a time, is kept for the next file, and ends with the process that started it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1
_lock = threading.Lock()
_idle: list[Nursery] = []


class Nursery:
    """A nursery as the process that started it sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.data.nursery"], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def box(self, folder: Path, seconds: float, on_start: Callable[[int], None] | None = None) -> int | None:
        """Have a box do the job in that folder, for so long at most; `on_start` is told its process id.

        Its exit code as `subprocess` tells it; None when its time was over. Raises EOFError when the nursery died before there was a box.
        """
        try:
            self._process.stdin.write(f"{folder}\n".encode())
        except BrokenPipeError as error:
            raise EOFError from error
        pid = self._told()
        try:
            if on_start:
                on_start(pid)
            if wait([self._process.stdout], seconds):
                return self._told()
        except EOFError:
            return -signal.SIGKILL  # it died, and the box with it
        except BaseException:
            self._end(pid)
            raise
        self._end(pid)
        return None

    def close(self) -> None:
        """End it. It has no box any more."""
        self._process.kill()
        self._process.communicate()

    def _told(self) -> int:
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return int(line)

    def _end(self, pid: int) -> None:
        """End the box and all that it started; the nursery sees to what is left of it."""
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself, this moment
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(EOFError):  # then there is nothing left to be seen to
            self._told()


def boxed(folder: Path, seconds: float, on_start: Callable[[int], None] | None = None, *, fresh: bool = False) -> int | None:
    """`Nursery.box` by one that is idle, or a new one; `fresh`: by one that is started for it, with this process's environment as it is now."""
    if not fresh and (idle := _taken()):
        with contextlib.suppress(EOFError):  # somebody ended it while nobody looked
            return _by(idle, folder, seconds, on_start)
    try:
        return _by(Nursery(), folder, seconds, on_start, keep=not fresh)
    except EOFError:
        return -signal.SIGKILL


def get_ready() -> None:
    """Have a nursery wait for the next file, unless one does. Returns at once; for processes that live long enough to read a file later."""
    with _lock:
        if not any(one.alive for one in _idle):
            _idle[:] = [Nursery()]


def _by(nursery: Nursery, folder: Path, seconds: float, on_start: Callable[[int], None] | None, *, keep: bool = True) -> int | None:
    try:
        code = nursery.box(folder, seconds, on_start)
    except BaseException:
        nursery.close()
        raise
    with _lock:
        kept = keep and not _idle and nursery.alive
        if kept:
            _idle.append(nursery)
    if not kept:
        nursery.close()
    return code


def _taken() -> Nursery | None:
    with _lock:
        return _idle.pop() if _idle else None


@atexit.register
def _close_all() -> None:
    while nursery := _taken():
        nursery.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # two processes must not talk to one nursery


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
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a nursery has one thread: of several, a fork may find locks that nobody opens
        # Memory that was given back is kept for the next block: asking the system for it again costs more than filling it.
        "MALLOC_MMAP_THRESHOLD_": str(1 << 26),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    }


def main() -> None:
    """The life of a nursery: fork a box for each folder that is named on standard input, and say its process id, then its exit code."""
    from pipeline.data import box

    box.rehearse()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _box(Path(line.rstrip("\n")))
        with contextlib.suppress(OSError):  # it was quicker
            os.setpgid(pid, pid)
        _say(pid)
        _say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _say(number: int) -> None:
    os.write(1, f"{number}\n".encode())


def _box(folder: Path) -> NoReturn:
    """The life of a box. It leads a group of its own, so that all of it can be ended, and does not outlive its nursery where the system sees to that."""
    status = 1
    try:
        from pipeline.data import box

        os.setpgid(0, 0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        box.do(folder)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)  # the answer is on disk; taking the libraries down in order would only take time


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
