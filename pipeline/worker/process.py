"""The child process that trains: its life as it sees it, and as the supervisor sees it.

A child imports the libraries before a run comes, is handed the run and its lease as one line of JSON, and ends with the
run. It leads a process group of its own; when its supervisor is gone, however that happened, the group ends.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import importlib.util
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.device import cores
from pipeline.errors import LeaseLost
from pipeline.store import Lease, Store
from pipeline.worker.training import perform

if TYPE_CHECKING:
    from pipeline.run import Outcome

ROOT = Path(__file__).resolve().parents[2]
CHILD = (sys.executable, "-m", "pipeline.worker", "--child")
WARM = ("pandas", "pyarrow.parquet", "scipy.sparse", "sklearn.pipeline", "sklearn.compose", "pipeline.run")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
WATCH_SECONDS = 0.25
LARGEST_LOG = 5_000_000  # bytes
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("trainyard.worker")


def child(home: str, parent: int, execute: Callable[..., Outcome] | None = None, warm: Sequence[str] = WARM) -> int:
    """The life of a child process: import, wait for one line {"run", "token"} on stdin, do the run, end.

    Returns the exit status: 0, or 3 when the lease was lost. Everything that is written to stdout goes to the run's log.
    """
    _die_with(parent)
    os.nice(5)
    channel = os.dup(1)
    os.dup2(2, 1)
    if execute is None:
        from pipeline import executor

        executor.shared()  # the processes that fit: they import the model libraries while nobody waits
    _warm_up(warm)
    line = sys.stdin.readline()
    if not line:  # the supervisor has no work and is gone
        return 0
    task = json.loads(line)
    store = Store(home)
    _write_to(store.log_path(task["run"]))
    try:
        lease = store.lease(task["run"], task["token"])
        run = perform(store, lease, execute, on_stop=lambda: _noticed(channel))
        _log.info("run %s ended: %s", run.id, run.state)
    except LeaseLost as error:
        _log.error("%s", error)
        return 3
    return 0


def _noticed(channel: int) -> None:
    os.write(channel, b"stopping\n")


def _warm_up(modules: Sequence[str]) -> None:
    for name in modules:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - a broken optional library is told when a run needs it
                _log.warning("%s cannot be imported: %s", name, error)


def _write_to(path: Path) -> None:
    """Send stdout and stderr, native libraries' included, to a log that only its owner reads."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    faulthandler.enable()


def _die_with(parent: int) -> None:
    """End this process and all it forked when its parent is gone: by the kernel where it can, and by watching in any case."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _watch(parent)
    # A forked worker of ours that outlives us would go on computing for nobody. It has our process group.
    os.register_at_fork(after_in_child=lambda: _watch(os.getppid()))


def _watch(parent: int) -> None:
    threading.Thread(target=_end_when_gone, args=(parent,), name="parent-watch", daemon=True).start()


def _end_when_gone(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


class ChildProcess:
    """A child as the supervisor sees it. It leads a process group of its own, so that what it starts ends with it."""

    def __init__(self, store: Store, command: Sequence[str] = CHILD) -> None:
        command = [*command, "--home", str(store.home), "--parent", str(os.getpid())]
        with open_log(store) as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=_environment(), start_new_session=True
            )
        self.pid = self._process.pid
        self.stopping = False  # whether it said that it has noticed the wish to stop

    def hand_over(self, lease: Lease) -> None:
        line = json.dumps({"run": lease.run.id, "token": lease.token}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            _log.warning("child %s died before it was given run %s", self.pid, lease.run.id)  # its exit code tells the rest

    def exit_code(self, seconds: float) -> int | None:
        """Wait so long for the child to end or to say something; None while it lives."""
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if ready:
            said = os.read(self._process.stdout.fileno(), 4096)
            self.stopping = self.stopping or b"stopping" in said
            if not said:  # closed: it is ending
                return self._ended(seconds)
        return self._process.poll()

    def kill(self) -> None:
        """End the child and everything in its process group, at once. Does nothing when it has ended and been seen to."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            _log.debug("the group of child %s is gone already", self.pid)
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _ended(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def _environment() -> dict[str, str]:
    """One thread per core for each numerical library, and no spinning while waiting; what a person has set stays."""
    threads = dict.fromkeys(THREADS, str(cores()))
    return {**threads, "OMP_WAIT_POLICY": "PASSIVE", **os.environ}


def open_log(store: Store) -> BinaryIO:
    """The supervisor's log, opened to append; a large one is put aside first."""
    path = store.logs / "worker.log"
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
