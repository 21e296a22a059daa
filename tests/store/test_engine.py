"""The database: how it is opened, what it refuses, and what a person reads when it cannot."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from pipeline.errors import StoreBusy, StoreError
from pipeline.store import Store
from pipeline.store.engine import JOURNAL, SCHEMA_VERSION, database
from tests.store import homes


def test_the_pragmas_are_what_we_say(store):
    with database(store.home / "trainyard.db").write() as session:
        ask = session.connection().exec_driver_sql
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA synchronous").scalar() == 2
        assert ask("PRAGMA busy_timeout").scalar() == 30_000
        assert ask("PRAGMA journal_mode").scalar() == JOURNAL.lower()
        assert ask("PRAGMA user_version").scalar() == SCHEMA_VERSION


def test_the_journal_is_safe_for_this_sqlite():
    assert ("WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "DELETE") == JOURNAL


def test_folders_and_files_are_for_their_owner_only(store):
    store.put(b"x")
    fresh = Store(store.home.parent / "fresh # 100%? home")
    fresh.put(b"x")
    for path in [fresh.home, *fresh.home.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_newer_database_is_refused(tmp_path):
    Store(tmp_path)
    with sqlite3.connect(tmp_path / "trainyard.db") as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    code = f"from pipeline.store import Store; Store({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"has version {SCHEMA_VERSION + 1}; this Trainyard reads up to {SCHEMA_VERSION}" in done.stderr


def test_a_file_that_is_no_database_is_explained(tmp_path):
    (tmp_path / "trainyard.db").write_bytes(b"this is not a database at all, whatever its name says" * 50)
    with pytest.raises(StoreError, match="is damaged") as caught:
        Store(tmp_path)
    assert "backup" in caught.value.hint


def test_a_write_waits_for_another_process_and_loses_nothing(store, lease):
    blocker = sqlite3.connect(store.home / "trainyard.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    writer = threading.Thread(target=store.event, args=(lease, "log", {"text": "patient"}))
    writer.start()
    with pytest.raises(StoreBusy, match="busy"), database(store.home / "trainyard.db").write(wait=0.1):
        raise AssertionError("two writers at once")
    assert writer.is_alive()
    blocker.execute("COMMIT")
    blocker.close()
    writer.join()
    assert store.events(lease.run.id)[-1].payload == {"text": "patient"}


def test_a_failed_write_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), database(store.home / "trainyard.db").write() as session:
        session.connection().exec_driver_sql("UPDATE dataset SET name = 'gone'")
        raise ZeroDivisionError
    assert store.datasets()[0].name == "churn"


def test_a_forked_process_opens_its_own_database(store):
    path = store.home / "trainyard.db"
    before = database(path)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"same" if database(path) is before else b"own " + str(len(Store(store.home).datasets())).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read() == b"own 1"
    assert database(path) is before


def test_references_must_lead_somewhere(store):
    with pytest.raises(StoreError, match="FOREIGN KEY"), database(store.home / "trainyard.db").write() as session:
        session.connection().exec_driver_sql("INSERT INTO draft VALUES ('nowhere', '{}', 0)")


def test_importing_the_store_loads_nothing_heavy():
    code = "import sys, pipeline.store, pipeline.worker; print([m for m in ('numpy', 'pandas', 'sklearn', 'torch', 'joblib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_is_well_at_first(store):
    homes.all_is_well(store)
