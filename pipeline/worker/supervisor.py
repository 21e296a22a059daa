"""Who watches: beats for a run, looks after the child that does it, and says how it ended when the child cannot.

The supervisor never computes, so its heartbeat never stalls. There is one per home, at a place in the database that is
taken by compare-and-set; it is started when it is needed and ends when there has been nothing to do for a while.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import LeaseLost, StoreBusy
from pipeline.store import Event, Lease, Run, Store
from pipeline.worker.process import CHILD, ROOT, ChildProcess, open_log

POLL_SECONDS = 0.25
BEAT_SECONDS = 2.0
STOP_SECONDS = 5.0  # how long a child may take to notice that it shall stop
FINISH_SECONDS = 60.0  # how long it may then take to put together the best so far
IDLE_SECONDS = 600.0
_log = logging.getLogger("trainyard.worker")
_started: list[subprocess.Popen] = []  # the supervisors that this process started, kept so that the dead are buried


class Supervision:
    """One run from claim to end: beats, looks after the child, and says how it ended if the child cannot."""

    def __init__(
        self, store: Store, lease: Lease, start: Callable[[], ChildProcess], tick: Callable[[], None], patience: float = STOP_SECONDS
    ) -> None:
        self._store, self._lease, self._start, self._tick, self._patience = store, lease, start, tick, patience
        self._beaten = time.monotonic()
        self._patience_ends: float | None = None  # when a child that shall stop is killed
        self._replaced = False

    def run(self, child: ChildProcess) -> None:
        """Returns when the run has ended or is somebody else's. When this process is told to end, the run is interrupted."""
        try:
            self._child = child
            self._child.hand_over(self._lease)
            while (code := self._child.exit_code(POLL_SECONDS)) is None:
                self._tick()
                self._beat()
                if self._lease.run.state == "stopping" and not self._still_patient():
                    return
            self._settle(code)
        except LeaseLost as error:
            if self._store.run(self._lease.run.id).active:  # else the child has ended the run since the last look
                _log.warning("%s", error)
        except (KeyboardInterrupt, SystemExit):
            self._child.kill()
            self._end("interrupted", "The worker was stopped.", "Resume the run: its finished trials are kept.", "worker_stopped")
            raise
        finally:
            self._child.kill()
            self._clear()

    def _clear(self) -> None:
        """What a resume would need goes when there will be none; the child may have been ended while it removed it."""
        self._store.settle_workspace(self._lease.run.id)

    def _beat(self) -> None:
        if time.monotonic() - self._beaten < BEAT_SECONDS:
            return
        try:
            self._lease = self._store.beat(self._lease)
            self._beaten = time.monotonic()
        except StoreBusy as error:
            _log.warning("no beat: %s", error)

    def _still_patient(self) -> bool:
        """A child that shall stop has `patience` to notice, and then a minute to finish; a second one gets that minute.

        False when there is nothing more to wait for: the run has been ended.
        """
        now = time.monotonic()
        self._patience_ends = self._patience_ends or now + self._patience
        if self._child.stopping and not self._replaced:
            self._replaced, self._patience_ends = True, now + FINISH_SECONDS
        if now < self._patience_ends:
            return True
        self._child.kill()
        if self._replaced or self._lease.run.discarded or not self._store.trials(self._lease.run.id):
            self._end("cancelled", "Stopped before a model was finished.", "Resume it to go on.", "stopped")
            return False
        _log.info("run %s does not stop; another child finishes from the fits that are done", self._lease.run.id)
        self._replaced, self._patience_ends = True, now + FINISH_SECONDS
        self._child = self._start()
        self._child.hand_over(self._lease)
        return True

    def _settle(self, code: int) -> None:
        """The child has ended. If it has not said how the run ended, its exit code does."""
        self._end(*_obituary(code, self._store.log_path(self._lease.run.id).name))

    def _end(self, state: str, message: str, hint: str, code: str) -> None:
        try:
            self._store.lease(self._lease.run.id, self._lease.token)
            self._store.fail(self._lease, message, hint, code, state=state)
        except LeaseLost:
            _log.info("run %s has ended by itself", self._lease.run.id)


def _obituary(code: int, log: str) -> tuple[str, str, str, str]:
    """State, message, hint and code for a run whose process ended with that exit code and without a word."""
    if -code in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        why = " The system does that when memory runs out." if -code == signal.SIGKILL else ""
        hint = "Resume the run: its finished trials are kept. If it happens again, use fewer rows, columns or families."
        return "interrupted", f"The training process was killed (signal {-code}).{why}", hint, "worker_died"
    if code < 0:
        name = signal.Signals(-code).name
        hint = f"The log {log} names the place. Leave out the family that was being fitted, then resume."
        return "failed", f"The training process crashed ({name}) in a native library.", hint, "worker_crashed"
    return "failed", f"The training process ended with exit code {code} and said nothing.", f"See the log {log}; resume to try again.", "worker_died"


def serve(
    home: str | Path | None = None, token: str = "", command: Sequence[str] = CHILD, idle_seconds: float = IDLE_SECONDS,
    patience: float = STOP_SECONDS,
) -> int:  # fmt: skip
    """Do queued runs, one after the other, until there has been nothing to do for `idle_seconds` or another serves this home."""
    store = Store(home)
    token = token or secrets.token_hex(16)
    if not store.workers.take(token):
        _log.info("another supervisor serves %s", store.home)
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    service = Service(store, token, command, patience)
    try:
        service.loop(idle_seconds)
    finally:
        service.close()
    return 0


class Service:
    """A supervisor at its place: one warmed child at hand, a beat of its own, and a look at the queue four times a second."""

    def __init__(self, store: Store, token: str, command: Sequence[str], patience: float) -> None:
        self._store, self._token, self._command, self._patience = store, token, command, patience
        self._name = f"supervisor {os.getpid()}"
        self._beaten = float("-inf")
        self._ours = True
        self._child: ChildProcess | None = None

    def loop(self, idle_seconds: float) -> None:
        self._store.sweep()
        busy = time.monotonic()
        while self._ours:
            try:
                self._tick()
                self._child = self._child or self._start()
                lease = self._store.claim(self._name)
                if lease is not None:
                    self._do(lease)
                    busy = time.monotonic()
                elif time.monotonic() - busy > idle_seconds and self._store.workers.leave(self._token):
                    return
                else:
                    time.sleep(POLL_SECONDS)
            except StoreBusy as error:
                _log.warning("%s", error)

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._store.workers.leave(self._token, even_if_queued=True)

    def _do(self, lease: Lease) -> None:
        child, self._child = self._child, None
        if child.exit_code(0) is not None:  # it died while it waited
            child.kill()
            child = self._start()
        Supervision(self._store, lease, self._start, self._tick, self._patience).run(child)

    def _start(self) -> ChildProcess:
        return ChildProcess(self._store, self._command)

    def _tick(self) -> None:
        """Keep our place; when it is another's, end after the run in hand."""
        if self._ours and time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._ours = self._store.workers.beat(self._token)
            self._beaten = time.monotonic()


def run_here(
    store: Store, run_id: str, on_event: Callable[[Event], None] = lambda event: None, should_stop: Callable[[], bool] = lambda: False,
    command: Sequence[str] = CHILD,
) -> Run:  # fmt: skip
    """Do one queued run and return how it ended; `on_event` is given each of its events, in order, as they are stored.

    The training is in a child process, just as for the app. If another worker has the run already, it is only followed.
    An interrupt (Ctrl-C) ends the child, marks the run as interrupted, and is raised on.
    """
    follow = _Follower(store, run_id, on_event, should_stop)
    lease = store.claim(f"process {os.getpid()}", run_id)
    if lease is not None:
        child = ChildProcess(store, command)
        Supervision(store, lease, lambda: ChildProcess(store, command), follow).run(child)
    while store.run(run_id).active:
        follow()
        time.sleep(POLL_SECONDS)
    follow()
    return store.run(run_id)


class _Follower:
    """Hands on the events of a run from the time it was last queued, and the wish to stop, once."""

    def __init__(self, store: Store, run_id: str, on_event: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        self._store, self._run, self._on_event, self._should_stop = store, run_id, on_event, should_stop
        self._after, self._asked = 0, False
        queued = 0
        for event in self._new():
            queued = event.seq if event.kind == "queued" else queued
        self._after = max(0, queued - 1)

    def __call__(self) -> None:
        for event in self._new():
            self._on_event(event)
        if not self._asked and self._should_stop():
            self._asked = True
            self._store.request_stop(self._run)

    def _new(self) -> list[Event]:
        new: list[Event] = []
        while page := self._store.events(self._run, self._after):
            self._after = page[-1].seq
            new += page
        return new


def ensure_worker(home: Path | str | None = None, command: Sequence[str] = ()) -> bool:
    """Start a detached supervisor for this home unless one beats; True when one was started. Cheap enough for each rerun.

    `command` replaces the supervisor's command line; --home and --token are added to it.
    """
    store = Store(home)
    _started[:] = [process for process in _started if process.poll() is None]
    if store.workers.serving():
        return False
    token = secrets.token_hex(16)
    if not store.workers.take(token):  # somebody was quicker
        return False
    command = [*(command or (sys.executable, "-m", "pipeline.worker")), "--home", str(store.home), "--token", token]
    with open_log(store) as log:
        _started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True))
    return True
