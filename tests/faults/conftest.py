from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from pipeline.store import Store
from tests.faults import actors
from tests.store import homes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return homes.make_home(tmp_path_factory.mktemp("template"))


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    return homes.copy_home(template, tmp_path / "home")


@pytest.fixture
def actor(store: Store) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start an actor on the home of the test; what still lives at the end is ended with its process group."""
    started: list[subprocess.Popen] = []

    def start(*arguments: str, **options) -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.faults.actors", *arguments, "--home", str(store.home)]
        started.append(subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True, **options))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


class Crowd:
    """Several processes that are told the same at the same moment."""

    def __init__(self, members: list[TextIO]) -> None:
        self._members = members

    def all(self, verb: str, *arguments, only: int | None = None) -> list:
        members = self._members[:only]
        for member in members:
            member.write(json.dumps([verb, arguments]) + "\n")
            member.flush()
        return [json.loads(member.readline() or "null") for member in members]


@pytest.fixture
def crowd(actor) -> Iterator[Callable[[int], Crowd]]:
    with ExitStack() as opened:

        def gather(size: int) -> Crowd:
            ours, theirs = zip(*(socket.socketpair() for _ in range(size)))
            handles = [end.fileno() for end in theirs]
            actor("crowd", ",".join(map(str, handles)), pass_fds=handles)
            for end in theirs:
                end.close()
            return Crowd([opened.enter_context(opened.enter_context(end).makefile("rw")) for end in ours])

        yield gather


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried yet counts."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def event_of(store: Store, run_id: str, kind: str) -> dict | None:
    """The payload of the last event of that kind, if there is one."""
    return next((event.payload for event in reversed(store.events(run_id)) if event.kind == kind), None)


def child_of(training: str) -> tuple[str, ...]:
    return actors.command("child", training)
