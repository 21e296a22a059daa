"""Programs for the tests of faults, each a real process: children that train a little, supervisors of them, and a crowd.

    python -m tests.faults.actors child steady --home DIR --parent PID      a child whose training is `steady`
    python -m tests.faults.actors serve steady --home DIR --token TOKEN     a supervisor of such children
    python -m tests.faults.actors here steady --home DIR --run RUN          one run in the foreground
    python -m tests.faults.actors crowd 3,4,5 --home DIR                    a process for each socket, which does what it is told there, line by line
    python -m tests.faults.actors die POINT=RUN,... --home DIR              a process for each run, which finishes it and is killed at a point of publishing

What imports a lot and is wanted several times is forked before it has opened anything, not started anew.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from pipeline import worker
from pipeline.errors import TrainingError, TrainyardError
from pipeline.store import Store
from pipeline.store.artifacts import Artifacts
from pipeline.store.engine import database

TRIALS = 6
PAUSE_AFTER = 3


def trial(number: int, attempt: int = 1) -> SimpleNamespace:
    import numpy as np

    return SimpleNamespace(
        number=number, family="linear", params={"c": number}, score=0.5 + number / 100, interval=(0.4, 0.6), fold_scores=(0.5, 0.6),
        seconds=0.1, state="complete", message="", oof=np.full(4, float(number)), attempt=attempt,
    )  # fmt: skip


def outcome(trials: list, stopped: bool) -> SimpleNamespace:
    import numpy as np

    if not trials:
        raise TrainingError("No model was finished.", "Give the run more time.")
    best = max(trials, key=lambda t: t.score)
    return SimpleNamespace(
        predictor={"best": best.number, "oof": [float(t.oof[0]) for t in trials], "attempts": [t.attempt for t in trials]},
        fast={"best": best.number}, trials=trials,
        rows={"train": np.arange(4), "holdout": np.arange(2), "folds": [np.arange(2), np.arange(2)]},
        evaluation={"trials": len(trials)}, leaderboard=[{"family": "linear", "score": best.score}], stopped=stopped,
    )  # fmt: skip


def done_before(workspace: Path) -> list:
    """The trials that an earlier attempt has finished, from the files that it left."""
    workspace.mkdir(parents=True, exist_ok=True)
    return [trial(int(path.name), attempt=int(path.read_text())) for path in sorted(workspace.iterdir())]


def done(workspace: Path, number: int, attempt: int = 1) -> SimpleNamespace:
    (workspace / str(number)).write_text(str(attempt))
    return trial(number, attempt)


def steady(plan, table, *, schema, on_event, should_stop, workspace):
    """Six trials; the first attempt waits after the third until it is told to stop, or killed."""
    finished = done_before(workspace)
    attempt, trials = 1 + max((t.attempt for t in finished), default=0), list(finished)
    on_event("phase", {"phase": "training", "message": "Training"})
    for number in range(len(trials), TRIALS):
        if should_stop():
            break
        trials.append(done(workspace, number, attempt))
        on_event("trial", {"trial": trials[-1]})
        on_event("best", {"number": number, "family": "linear", "score": trials[-1].score})
        on_event("progress", {"progress": (number + 1) / TRIALS, "eta_seconds": 1.0})
        if not finished and len(trials) == PAUSE_AFTER:
            on_event("log", {})
            on_event("ready", {"pid": os.getpid(), "rows": len(table)})
            wait_for(should_stop)
    return outcome(trials, should_stop())


def deaf(plan, table, *, schema, on_event, should_stop, workspace):
    """Hears nothing from its third trial on; the one that comes after it ends at once."""
    finished = done_before(workspace)
    if should_stop():
        return outcome(finished, True)
    for number in range(PAUSE_AFTER):
        on_event("trial", {"trial": done(workspace, number)})
    on_event("ready", {"pid": os.getpid()})
    while True:
        signal.pause()


def early(plan, table, *, schema, on_event, should_stop, workspace):
    """Is told to stop before it has anything."""
    on_event("ready", {"pid": os.getpid()})
    wait_for(should_stop)
    return outcome([], True)


def family_tree(plan, table, *, schema, on_event, should_stop, workspace):
    """Forks a process of its own, which would go on for ever."""
    grandchild = os.fork()
    if grandchild == 0:
        while True:
            signal.pause()
    on_event("ready", {"pid": os.getpid(), "grandchild": grandchild})
    while True:
        signal.pause()


def refuses(plan, table, **rest):
    raise TrainingError("No model was finished (knn: too few rows).", "Give the run more time.")


def surprised(plan, table, **rest):
    raise ZeroDivisionError("the secret of the 17th row")


def greedy(plan, table, **rest):
    raise MemoryError


def crashes(plan, table, **rest):
    os.kill(os.getpid(), signal.SIGSEGV)


def leaves(plan, table, **rest):
    os._exit(7)


TRAININGS = {f.__name__: f for f in (steady, deaf, early, family_tree, refuses, surprised, greedy, crashes, leaves)}


def wait_for(condition) -> None:
    pause = threading.Event()
    while not condition():
        pause.wait(0.02)


def command(role: str, training: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.faults.actors", role, training)


# --- a crowd: real processes that do the same thing at the same moment ---------------------------------------------------


def count(store: Store, run: str, times: int) -> int:
    return len([store.event(run, "log", {"pid": os.getpid(), "n": n}) for n in range(times)])


def claim_all(store: Store, times: int) -> list[str]:
    leases = [store.claim(f"process {os.getpid()}") for _ in range(times)]
    return [lease.run.id for lease in leases if lease]


def submit(store: Store, plan: str) -> str:
    from pipeline.plan import Plan

    return store.submit(Plan.parse(plan)).id


def keep(store: Store, runs: list[str], name: str) -> dict[str, int]:
    """The version of each run's model; every process begins with another run."""
    first = os.getpid() % len(runs)
    return {run: store.keep(run, name).version for run in runs[first:] + runs[:first]}


def ensure(store: Store, training: str) -> bool:
    return worker.ensure_worker(store.home, command("serve", training))


def fill(store: Store, limit: int, size: int) -> list:
    """Store more than the disk takes (a limit on file sizes looks the same), then, with room again, once more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        store.put(os.urandom(size))
        said = ""
    except TrainyardError as error:
        said = f"{type(error).__name__}: {error} {error.hint}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return [said, len(store.load(store.put(os.urandom(size))))]


VERBS = {f.__name__: f for f in (count, claim_all, submit, keep, ensure, fill)}


def member(home: str, handle: int) -> None:
    store = Store(home)
    with socket.socket(fileno=handle) as connection, connection.makefile("rw") as stream:
        for line in iter(stream.readline, ""):
            verb, arguments = json.loads(line)
            stream.write(json.dumps(VERBS[verb](store, *arguments)) + "\n")
            stream.flush()


def forked(lives: Sequence[Callable[[], object]]) -> list[int]:
    """Live each of them in a process of its own, all at once; how they ended."""
    started = []
    for life in lives:
        pid = os.fork()
        if pid == 0:
            life()
            os._exit(0)
        started.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]


# --- dying at a point of publishing --------------------------------------------------------------------------------------


def die(point: str, home: str, run: str) -> None:
    """Finish the run, and be killed on the way. The points are in the order in which they come."""
    store = Store(home)
    lease = store.claim("dying", run)
    kill = lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    fsyncs = iter(range(1000))
    fsync, replace, name = os.fsync, os.replace, Artifacts.name

    def at_fsync(number):
        return lambda handle: kill() if next(fsyncs) == number else fsync(handle)

    def after_rename(source, target):
        replace(source, target)
        kill()

    def after_name(self, session, published):
        name(self, session, published)
        kill()

    points = {
        "before_write": lambda: setattr(sys.modules[Artifacts.__module__], "_encode", kill),
        "before_fsync": lambda: setattr(os, "fsync", at_fsync(0)),
        "before_rename": lambda: setattr(os, "replace", kill),
        "after_rename": lambda: setattr(os, "replace", after_rename),
        "before_folder_fsync": lambda: setattr(os, "fsync", at_fsync(1)),
        "before_second_file": lambda: setattr(os, "fsync", at_fsync(3)),
        "in_transaction": lambda: setattr(Artifacts, "name", after_name),
        "before_commit": lambda: _before_commit(store, kill),
        "after_commit": lambda: None,
    }
    points[point]()
    artifacts = {"predictor": {"weights": list(range(50_000))}, "rows": b"rows"}
    store.finish(lease, state="done", evaluation={"point": point}, leaderboard=[{"family": "linear"}], artifacts=artifacts)
    kill()


def _before_commit(store: Store, kill) -> None:
    from sqlalchemy import event

    event.listen(database(store.home / "trainyard.db")._engine, "commit", kill)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("role")
    parser.add_argument("what", nargs="?", default="")
    for option in ("--home", "--token", "--run"):
        parser.add_argument(option)
    parser.add_argument("--parent", type=int)
    given = parser.parse_args()
    words = given.what.split(",")
    if given.role == "child":
        return worker.child(given.home, given.parent, TRAININGS[given.what], warm=("no_such_module",))
    if given.role == "serve":
        return worker.serve(given.home, given.token, command("child", given.what), patience=1.0)
    if given.role == "here":
        run = worker.run_here(Store(given.home), given.run, lambda event: None, command=command("child", given.what))
        return 0 if run.state == "done" else 1
    if given.role == "crowd":
        lives = [partial(member, given.home, int(handle)) for handle in words]
    else:
        lives = [partial(die, point, given.home, run) for point, run in (word.split("=") for word in words)]
    sys.stdout.write(json.dumps(forked(lives)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
