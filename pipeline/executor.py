"""Where the work of a run is done: one process per slot, each kept warm, each with its own threads.

A slot does one task at a time. When its process dies (killed, out of memory, a crash in a library) that one task is
tried again in a fresh process, and no other task notices: a process pool would lose all that was queued.
`submit` hands out `concurrent.futures.Future`; a task is a function that can be imported, and its arguments.

On Linux the slots are forked from a small process that has imported the libraries once (`nursery`): a new slot is there
in milliseconds and shares their memory. Elsewhere each slot is a process of its own. Neither ever runs the caller's script again.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import importlib
import importlib.util
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.device import cores
from pipeline.errors import TrainyardError, WorkerDied

ROOT = Path(__file__).resolve().parents[1]
WARM = ("pandas", "pyarrow", "scipy.sparse", "sklearn.compose", "sklearn.linear_model", "pipeline.trials", "lightgbm", "xgboost", "catboost")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
TRIES = 2
MOST_KEPT = 400 << 20  # bytes that a slot may hold between two tasks, what it was forked with among them
FORKS = sys.platform == "linux"  # elsewhere the system's own libraries do not survive a fork
Tell = Callable[[Any], None]


def make_executor(address: str | None = None, *, slots: int | None = None) -> LocalExecutor | InlineExecutor:
    """The executor at an address: None for processes on this machine, "inline" for this process itself.

    Raises TrainyardError for an address that nothing here can serve.
    """
    if address is None:
        return LocalExecutor(slots or cores())
    if address == "inline":
        return InlineExecutor()
    raise TrainyardError(f"There is no executor at {address!r}.", "Leave the address out to use this machine, or use 'inline'.")


class InlineExecutor:
    """Does each task at once in the calling process: for debugging, and for families that only this process knows."""

    slots = 1
    threads = 1

    def __init__(self) -> None:
        self._watched: dict[int, Any] = {}

    def submit(self, task: Callable[..., Any], *args: Any, tell: Tell | None = None, imports: Sequence[str] = ()) -> Future:
        future: Future = Future()
        try:
            future.set_result(task(*args, tell=tell or _nobody))
        except Exception as error:  # noqa: BLE001 - whoever asks the future gets it
            future.set_exception(error)
        return future

    def cancel(self, future: Future) -> None:
        """Nothing is under way between two calls."""

    def rest(self) -> None:
        """There is no process to end."""

    def usage(self) -> dict[str, float]:
        """What this process uses now."""
        return _usage(self._watched)

    def close(self) -> None:
        """Nothing to end."""


class LocalExecutor:
    """`slots` processes with `threads` threads each. Closing it, or the end of this process, ends them."""

    def __init__(self, slots: int, threads: int | None = None) -> None:
        self.slots = slots
        self.threads = threads or max(1, cores() // slots)
        self._queue: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._watched: dict[int, Any] = {}
        self._nursery = _Nursery(self.threads) if FORKS else None
        self._slots = [_Slot(number, self._start) for number in range(slots)]
        self._pumps = [threading.Thread(target=self._pump, args=(slot,), name=f"slot-{slot.number}", daemon=True) for slot in self._slots]
        for pump in self._pumps:
            pump.start()

    def submit(self, task: Callable[..., Any], *args: Any, tell: Tell | None = None, imports: Sequence[str] = ()) -> Future:
        """Do `task(*args, tell=...)` in the first free slot. What the task tells on its way arrives at `tell`, in a thread of ours.

        `imports` are heavy modules that the task will import: they are imported once, before its slot is forked, and their
        memory is shared by all slots that are forked from then on. The future raises what the task raised, or WorkerDied when its process died twice.
        """
        asked = _Task(task, args, tell or _nobody, frozenset(imports) if FORKS else frozenset())
        with self._changed:
            self._queue.append(asked)
            self._changed.notify()
        return asked.future

    def cancel(self, future: Future) -> None:
        """End one task, whether it listens or not; its future raises Interrupted."""
        for slot in self._slots:
            slot.cancel(future)

    def rest(self) -> None:
        """End the processes that have nothing to do, for the memory they hold; the next task finds fresh ones in milliseconds."""
        for slot in self._slots:
            slot.rest()

    def usage(self) -> dict[str, float]:
        """What our processes use now: `cpu` in percent of all cores, `memory` in bytes with shared pages counted once."""
        return _usage(self._watched)

    def interrupt(self) -> None:
        """Drop what is queued and kill what is under way; their futures are cancelled. The slots come back fresh."""
        with self._changed:
            while self._queue:
                self._queue.popleft().future.cancel()
        for slot in self._slots:
            slot.interrupt()

    def close(self) -> None:
        """End the processes. Futures that are not done are cancelled."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.interrupt()
        for slot in self._slots:
            slot.kill()
        if self._nursery:
            self._nursery.close()

    def _start(self, imports: Set[str]) -> tuple[Connection, int | subprocess.Popen]:
        return self._nursery.fork(imports) if self._nursery else _spawn(self.threads)

    def _pump(self, slot: _Slot) -> None:
        """The life of one slot as this process sees it: start it before there is work, then take one task after the other."""
        with contextlib.suppress(EOFError, OSError):  # said by the first task, which tries again
            slot.start()
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                asked = self._queue.popleft()
            if asked.future.set_running_or_notify_cancel():
                slot.do(asked)


class _Task:
    def __init__(self, function: Callable[..., Any], args: tuple, tell: Tell, imports: Set[str]) -> None:
        self.payload = pickle.dumps((function, args), protocol=5)
        self.tell, self.imports, self.future = tell, imports, Future()


class _Slot:
    """One process and the connection to it; used by one pump at a time."""

    def __init__(self, number: int, start: Callable[[Set[str]], tuple[Connection, Any]]) -> None:
        self.number, self._start_process = number, start
        self._imported: Set[str] = frozenset()  # by the process, before it was forked
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._process: int | subprocess.Popen | None = None
        self._interrupted = False
        self._task: _Task | None = None

    def start(self, imports: Set[str] = frozenset()) -> None:
        """See to a process that has these modules; one that lacks some makes way for a fresh one."""
        if not imports <= self._imported:
            self.kill()
        with self._lock:
            if self._connection is None:
                self._imported = self._imported | imports
                self._connection, self._process = self._start_process(self._imported)

    def do(self, asked: _Task) -> None:
        """Have the task done; a process that dies is replaced, and the task tried again once."""
        self._interrupted, self._task = False, asked
        asked.future.slot = self.number
        try:
            for _ in range(TRIES):
                try:
                    self.start(asked.imports)
                    self._converse(asked)
                    return
                except (EOFError, OSError):
                    self.kill()
                    if self._interrupted:
                        asked.future.set_exception(Interrupted("The task was interrupted."))
                        return
                except Exception as error:  # noqa: BLE001 - who listens has failed, or the answer cannot be read: the task has
                    self.kill()
                    asked.future.set_exception(error)
                    return
            asked.future.set_exception(WorkerDied(
                f"The process of this fit died {TRIES} times, as a rule because the memory ran out.",
                "Use fewer rows or columns, fewer slots, or a machine with more memory.",
            ))  # fmt: skip
        finally:
            self._tidy()
            self._task = None

    def _tidy(self) -> None:
        """End a process that holds much: libraries keep what they once needed, and a fresh one is there in milliseconds."""
        if FORKS and self._process and _held(self._process) > MOST_KEPT:
            self.kill()

    def interrupt(self) -> None:
        """End the task that is under way, if any."""
        if self._task:
            self.cancel(self._task.future)

    def rest(self) -> None:
        if self._task is None:
            self.kill()

    def cancel(self, future: Future) -> None:
        """End the process of that task; its pump, which waits for the answer, sees the end and does the rest."""
        if self._task and self._task.future is future:
            self._interrupted = True
            with self._lock:
                _end(self._process)

    def kill(self) -> None:
        with self._lock:
            if self._connection is None:
                return
            _end(self._process)
            self._connection.close()
            self._connection = self._process = None

    def _converse(self, asked: _Task) -> None:
        connection = self._connection
        if connection is None or self._interrupted:
            raise EOFError
        connection.send_bytes(asked.payload)
        while True:
            kind, value = pickle.loads(connection.recv_bytes())
            if kind == "told":
                asked.tell(value | {"slot": self.number} if isinstance(value, dict) else value)
            elif kind == "done":
                return asked.future.set_result(value)
            else:
                return asked.future.set_exception(value)


class Interrupted(Exception):
    """The task was under way when everybody was asked to stop."""


class _Nursery:
    """The process that slots are forked from, as its parent sees it. One that is killed is replaced when a slot is wanted."""

    def __init__(self, threads: int) -> None:
        self._threads, self._lock = threads, threading.Lock()
        self._begin()

    def fork(self, imports: Set[str]) -> tuple[Connection, int]:
        """A new slot, which has these modules: the connection to it and its process id."""
        with self._lock:
            try:
                return self._ask(imports)
            except (EOFError, OSError):
                self.close()
                self._begin()
                return self._ask(imports)

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _popen(["--nursery", str(theirs.fileno())], theirs.fileno(), self._threads)

    def _ask(self, imports: Set[str]) -> tuple[Connection, int]:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._socket, [" ".join(["fork", *sorted(imports)]).encode()], [theirs.fileno()])
                answer = self._socket.recv(64)
            if not answer:
                raise EOFError
        except (EOFError, OSError):
            ours.close()
            raise
        return Connection(ours.detach()), int(answer)

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):  # gone already, which is what is wanted
            self._process.kill()
        self._process.wait()


def _spawn(threads: int) -> tuple[Connection, subprocess.Popen]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = _popen(["--slot", str(theirs.fileno())], theirs.fileno(), threads)
    return Connection(ours.detach()), process


def _popen(words: Sequence[str], fd: int, threads: int) -> subprocess.Popen:
    """A fresh interpreter of ours that inherits one descriptor. stdin is nobody's; what it writes goes where ours goes."""
    limits = dict.fromkeys(THREADS, str(threads)) | {"OMP_WAIT_POLICY": "PASSIVE"}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pipeline.executor", *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(fd,), env={**os.environ, **limits, "PYTHONPATH": path})


def _end(process: int | subprocess.Popen | None) -> None:
    with contextlib.suppress(ProcessLookupError):  # it died by itself
        if isinstance(process, int):
            os.kill(process, signal.SIGKILL)
        elif process is not None:
            process.kill()
            process.wait()


def _usage(watched: dict[int, Any]) -> dict[str, float]:
    """CPU and memory of this process and all below it; `watched` remembers them, because use is told between two looks."""
    import psutil

    here = psutil.Process()
    alive = {p.pid: watched.get(p.pid, p) for p in [here, *here.children(recursive=True)]}
    watched.clear()
    watched.update(alive)
    cpu = memory = 0.0
    for process in alive.values():
        with contextlib.suppress(psutil.Error, OSError):  # it ended while we looked
            cpu += process.cpu_percent() / 100
            memory += _own_memory(process)
    return {"cpu": round(100 * cpu / cores(), 1), "memory": memory}


def _held(pid: int) -> int:
    """Bytes of a process, without the files that it has mapped. 0 when it has just died."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _own_memory(process: Any) -> float:
    """Bytes, each shared page divided by those that share it, where the system tells (Linux)."""
    if sys.platform == "linux":
        with open(f"/proc/{process.pid}/smaps_rollup") as lines:
            return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0.0)
    return float(process.memory_info().rss)


def _nobody(value: Any) -> None:
    """Who listens when nobody does."""


def nursery(fd: int) -> None:
    """The life of a nursery: import the libraries, then fork a slot for each request, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which decides what becomes of us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries dead slots
    warm_up()
    with socket.socket(fileno=fd) as parent:
        while True:
            message, fds, _, _ = socket.recv_fds(parent, 4096, 1)
            if not message:
                os._exit(0)  # the slots die with us
            warm_up(message.decode().split()[1:])
            pid = os.fork()
            if pid == 0:
                parent.close()
                _slot_of_nursery(fds[0])
            os.close(fds[0])
            parent.send(str(pid).encode())


def _slot_of_nursery(fd: int) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        faulthandler.register(signal.SIGUSR1)  # where a slot that hangs is can be asked for
        _die_with_parent()
        serve(Connection(fd))
    finally:
        os._exit(0)


def warm_up(names: Sequence[str] = WARM) -> None:
    """Import what fits need, so that no slot pays for it. A broken library is told by the fit that needs it."""
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def serve(connection: Connection) -> None:
    """The life of a slot: do what comes in, tell what it says on the way, answer with the result or the error."""
    while True:
        try:
            asked = connection.recv_bytes()
        except EOFError:
            return
        _send(connection, *_done(asked, partial(_send, connection, "told")))


def _done(asked: bytes, tell: Tell) -> tuple[str, Any]:
    try:
        function, args = pickle.loads(asked)
        return "done", function(*args, tell=tell)
    except MemoryError:
        raise  # this process is in no state to go on; its death is retried, then told
    except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
        return "failed", _picklable(error)


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:  # noqa: BLE001 - an exception of a library that cannot travel is told in words
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())


def _send(connection: Connection, kind: str, value: Any) -> None:
    connection.send_bytes(pickle.dumps((kind, value), protocol=5))


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


Executor = LocalExecutor | InlineExecutor
_shared: LocalExecutor | None = None
_shared_lock = threading.Lock()


def shared() -> LocalExecutor:
    """The executor of this process, started at the first call and kept warm for the next."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = LocalExecutor(cores())
            atexit.register(_shared.close)
        return _shared


def main(words: Sequence[str]) -> None:
    """`python -m pipeline.executor --nursery FD` or `--slot FD`: never called by a person."""
    kind, fd = words[0], int(words[1])
    if kind == "--nursery":
        nursery(fd)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warm_up()
        serve(Connection(fd))


if __name__ == "__main__":
    main(sys.argv[1:])
