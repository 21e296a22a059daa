"""Processes that do the work: whatever is killed, one task is tried again and no other notices; nothing outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import CancelledError
from pathlib import Path

import psutil
import pytest

from pipeline.errors import TrainyardError, WorkerDied
from pipeline.executor import FORKS, InlineExecutor, Interrupted, LocalExecutor, make_executor
from tests import tasks
from tests.faults.conftest import gone
from tests.store.homes import until

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120  # that a future may take before the test has failed
nursery_only = pytest.mark.skipif(not FORKS, reason="slots are forked from a nursery on Linux only")


@pytest.fixture(scope="module")
def shared():
    executor = LocalExecutor(2, threads=1)
    yield executor
    executor.close()


@pytest.fixture(params=["local", "inline"])
def executor(request, shared):
    return shared if request.param == "local" else InlineExecutor()


def waiting(executor: LocalExecutor, gate: Path):
    """A task that waits for the gate, once it is under way: its future and the process that does it."""
    heard: list = []
    future = executor.submit(tasks.wait, str(gate), tell=heard.append)
    until(lambda: heard, "the start of the task")
    return future, heard[0]["pid"]


def test_results_come_to_the_future_that_asked(executor):
    futures = [executor.submit(tasks.double, n) for n in range(20)]
    assert [future.result(SECONDS) for future in futures] == [2 * n for n in range(20)]


def test_what_a_task_tells_arrives_in_order_and_before_its_result(executor):
    heard: list = []
    assert executor.submit(tasks.told, [{"n": 1}, "words", {"n": 2}], tell=heard.append).result(SECONDS) == 3
    assert [said if isinstance(said, str) else said["n"] for said in heard] == [1, "words", 2]


@nursery_only
def test_heavy_modules_are_imported_before_the_slot_is_forked_and_shared(shared):
    name = "xml.dom.expatbuilder"  # a module of the standard library that nothing of ours imports
    assert not shared.submit(tasks.has, name).result(SECONDS)
    assert shared.submit(tasks.has, name, imports=(name,)).result(SECONDS)
    assert shared.submit(tasks.has, name, imports=(name, "no.such.module")).result(SECONDS), "one that is missing is told by who needs it"


def test_the_exception_of_a_task_arrives_with_its_type(executor):
    with pytest.raises(LookupError, match="the seventeenth"):
        executor.submit(tasks.fail, "the seventeenth").result(SECONDS)
    assert executor.submit(tasks.double, 4).result(SECONDS) == 8, "the slot goes on"


def test_an_exception_that_cannot_travel_is_told_in_words(shared):
    with pytest.raises(RuntimeError, match="Local: of this function alone"):
        shared.submit(tasks.fail_unpicklably).result(SECONDS)


def test_a_listener_that_fails_is_the_end_of_its_task_and_of_no_slot(shared):
    def listener(said: object) -> None:
        raise OverflowError("too much to write down")

    for future in [shared.submit(tasks.told, [1], tell=listener) for _ in range(4)]:
        with pytest.raises(OverflowError):
            future.result(SECONDS)
    assert [future.result(SECONDS) for future in [shared.submit(tasks.double, n) for n in range(4)]] == [0, 2, 4, 6]


def test_a_slot_is_another_process_with_its_own_threads(shared):
    seen = shared.submit(tasks.where).result(SECONDS)
    assert seen["pid"] != os.getpid() and seen["threads"] == "1"
    use = shared.usage()
    assert use["memory"] > 1e6 and 0 <= use["cpu"] <= 100


@nursery_only
def test_a_slot_that_holds_much_makes_way_for_a_fresh_one_and_no_task_is_lost():
    executor = LocalExecutor(1, threads=1)
    try:
        slots = [executor.submit(tasks.keep, size).result(SECONDS) for size in (1 << 20, 450 << 20, 1 << 20, 1 << 20)]
        assert slots[0] == slots[1] != slots[2] == slots[3]
    finally:
        executor.close()


def test_a_killed_slot_costs_one_task_which_is_tried_again(shared, tmp_path):
    gate = tmp_path / "gate"
    future, pid = waiting(shared, gate)
    os.kill(pid, signal.SIGKILL)
    assert shared.submit(tasks.double, 3).result(SECONDS) == 6, "the other slot does not notice"
    gate.touch()
    again = future.result(SECONDS)
    assert again != pid and gone(pid)


def test_a_task_that_dies_once_is_done_and_one_that_dies_twice_is_given_up(shared, tmp_path):
    for deaths in (1, 2):
        (tmp_path / str(deaths)).mkdir()
    assert shared.submit(tasks.die_first, str(tmp_path / "1"), 1).result(SECONDS) == "done after 1 deaths"
    with pytest.raises(WorkerDied, match="died 2 times") as caught:
        shared.submit(tasks.die_first, str(tmp_path / "2"), 2).result(SECONDS)
    assert "memory" in caught.value.hint
    assert shared.submit(tasks.double, 5).result(SECONDS) == 10


def test_one_task_is_cancelled_and_the_other_goes_on(shared, tmp_path):
    unwanted, pid = waiting(shared, tmp_path / "never")
    other, _ = waiting(shared, tmp_path / "gate")
    shared.cancel(unwanted)
    with pytest.raises(Interrupted):
        unwanted.result(SECONDS)
    until(lambda: gone(pid), "the end of the cancelled task's process")
    (tmp_path / "gate").touch()
    assert other.result(SECONDS)


def test_an_interrupt_ends_what_is_under_way_and_drops_what_waits(shared, tmp_path):
    busy = [waiting(shared, tmp_path / "never")[0] for _ in range(2)]
    queued = [shared.submit(tasks.double, n) for n in range(3)]
    shared.interrupt()
    for future in busy:
        with pytest.raises(Interrupted):
            future.result(SECONDS)
    for future in queued:
        with pytest.raises(CancelledError):
            future.result(SECONDS)
    assert shared.submit(tasks.double, 6).result(SECONDS) == 12, "the slots come back fresh"


@nursery_only
def test_a_killed_nursery_is_replaced():
    executor = LocalExecutor(1, threads=1)
    try:
        first = executor.submit(tasks.where).result(SECONDS)
        os.kill(first["parent"], signal.SIGKILL)
        until(lambda: gone(first["pid"]), "the end of the slot, which dies with its nursery")
        second = executor.submit(tasks.where).result(SECONDS)
        assert second["parent"] not in (first["parent"], os.getpid())
    finally:
        executor.close()
    until(lambda: gone(second["pid"]) and gone(second["parent"]), "the end of the closed executor's processes")


SCRIPT = """
import sys, threading
sys.path.insert(0, {root!r})
from pipeline.executor import LocalExecutor
from tests import tasks
executor = LocalExecutor(1, threads=1)
seen = executor.submit(tasks.where).result()
print(seen["pid"], seen["parent"], flush=True)
if "--stay" in sys.argv:
    threading.Event().wait()
print(sum(f.result() for f in [executor.submit(tasks.double, n) for n in range(4)]))
executor.close()
"""


@pytest.fixture
def script(tmp_path):
    """A script without a `__main__` guard, which a process pool would run again and again."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(root=str(ROOT)))
    return [sys.executable, str(path)]


def test_it_works_from_a_script_without_a_guard(script, tmp_path):
    done = subprocess.run(script, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and lines[1] == "12", "the script ran once"


@pytest.mark.faults
@nursery_only
def test_when_the_parent_is_killed_its_processes_end(script, tmp_path):
    parent = subprocess.Popen([*script, "--stay"], stdout=subprocess.PIPE, text=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
    slot, nursery = map(int, parent.stdout.readline().split())
    assert psutil.Process(nursery).ppid() == parent.pid and psutil.Process(slot).ppid() == nursery
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: gone(slot) and gone(nursery), "the end of the nursery and its slot")


def test_closing_cancels_what_is_not_done(tmp_path):
    executor = LocalExecutor(1, threads=1)
    future, pid = waiting(executor, tmp_path / "never")
    queued = executor.submit(tasks.double, 1)
    executor.close()
    with pytest.raises(Interrupted):
        future.result(SECONDS)
    with pytest.raises(CancelledError):
        queued.result(SECONDS)
    until(lambda: gone(pid), "the end of the slot")
    until(lambda: not any(thread.name.startswith("slot-0") and thread.is_alive() for thread in executor._pumps), "the end of the pump")


def test_an_executor_is_made_from_an_address():
    assert isinstance(make_executor("inline"), InlineExecutor)
    with pytest.raises(TrainyardError, match="tcp://elsewhere") as caught:
        make_executor("tcp://elsewhere")
    assert caught.value.hint
