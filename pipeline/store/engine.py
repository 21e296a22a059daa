"""The SQLite database: how it is opened, how long it is waited for, and what its errors mean to a person.

Every write transaction begins with BEGIN IMMEDIATE: one that reads first and writes later loses most of what eight
writers do. Connections are opened for one transaction each and not shared, so nothing is handed to a forked process.
The write-ahead log is used only from SQLite 3.51.3 on, because of a corruption race before it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from pipeline.errors import StoreBusy, StoreError
from pipeline.store.pulse import Watch
from pipeline.store.rows import Row

SCHEMA_VERSION = 1
WAIT_SECONDS = 30.0
JOURNAL = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "DELETE"

_databases: dict[tuple[int, str], Database] = {}
_opening = threading.Lock()


class Database:
    """One SQLite file. `watch` observes who still beats; it lives as long as the process, as its memory must."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch = Watch()
        self._engine = _engine(path)
        with _plain_errors(path):
            self._prepare()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state of the database."""
        with _plain_errors(self.path), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self, wait: float = WAIT_SECONDS) -> Iterator[Session]:
        """A session that alone may write; committed at the end, rolled back on any exception. Keep it short.

        Raises StoreBusy when another process has been writing for `wait` seconds.
        """
        engine = self._engine.execution_options(wait=wait)
        with _plain_errors(self.path), Session(engine, expire_on_commit=False) as session:
            session.connection()  # BEGIN IMMEDIATE now, so that everything below is read under the lock
            yield session
            session.commit()

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file and its references; empty when all is well."""
        with self.read() as session:
            connection = session.connection()
            found = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
            return found + [f"{row[0]}: a reference to {row[2]} leads nowhere" for row in connection.execute(text("PRAGMA foreign_key_check"))]

    def _prepare(self) -> None:
        """Create the tables that are not there, or see that they are ours. The journal mode is a property of the file, so it is set once."""
        with self._engine.connect().execution_options(wait=None) as connection:
            if self._version(connection) == SCHEMA_VERSION and not _lacking(connection):
                return
            connection.rollback()
            connection.connection.driver_connection.execute(f"PRAGMA journal_mode={JOURNAL}")
        with self._engine.execution_options(wait=WAIT_SECONDS).connect() as connection, connection.begin():
            self._version(connection)
            Row.metadata.create_all(connection)  # those that are not there: another process may have been quicker
            connection.execute(text(f"PRAGMA user_version={SCHEMA_VERSION}"))
        self.path.chmod(0o600)

    def _version(self, connection: Connection) -> int:
        version = connection.execute(text("PRAGMA user_version")).scalar_one()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The database {str(self.path)!r} has version {version}; this Trainyard reads up to {SCHEMA_VERSION}.",
                "Update Trainyard, or choose another home with TRAINYARD_HOME.",
            )
        return version


def database(path: Path) -> Database:
    """The database at `path`: the same object each time within one process, a new one after a fork."""
    key = (os.getpid(), str(path))
    with _opening:
        if key not in _databases or not path.exists():
            _databases[key] = Database(path)
        return _databases[key]


def _lacking(connection: Connection) -> set[str]:
    """Tables that came with a newer Trainyard than the one that made this database."""
    return set(Row.metadata.tables) - set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver would say it late, and deferred
    connection.execute("PRAGMA foreign_keys=ON")


def _on_begin(connection: Connection) -> None:
    wait = connection.get_execution_options().get("wait")
    if wait is None:
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(wait * 1000)}")
        connection.exec_driver_sql("PRAGMA synchronous=FULL")  # looks at the file, so it must come after the time to wait
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise _explained(path, cause) from error


def _explained(path: Path, cause: BaseException | None) -> StoreError:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy("The database is busy: another process has been writing for too long.", "Try again in a moment.")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreError(f"The database could not be written: {cause}.", "Free some disk space; nothing that was stored is lost.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(f"The database {str(path)!r} is damaged: {cause}.", "Restore it from a backup, or move it away to begin anew.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(f"The database {str(path)!r} cannot be opened for writing: {cause}.", "Check who owns the folder, and that it exists.")
    return StoreError(f"The database refused: {cause}.", "Please report this with the log of the run.")
