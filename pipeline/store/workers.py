"""The one place of the supervisor that serves a home: taken by compare-and-set, kept by beating, left when nothing is queued."""

from __future__ import annotations

import time

from sqlmodel import Session, select

from pipeline.store.engine import Database
from pipeline.store.rows import RunRow, WorkerRow

_PLACE = "supervisor"


class Workers:
    """Who serves this home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def serving(self) -> bool:
        """Whether a supervisor beats, or was started a moment ago."""
        with self._database.read() as session:
            return self._alive(session)

    def take(self, token: str) -> bool:
        """Take the place; False when it is somebody else's and he beats. A supervisor has one lease to start in."""
        with self._database.write() as session:
            row = session.get(WorkerRow, _PLACE)
            if row is not None and row.token != token and self._alive(session):
                return False
            self._put(session, token, 0 if row is None else row.beats)
            return True

    def beat(self, token: str) -> bool:
        """Say that the supervisor lives; False when another has the place."""
        with self._database.write() as session:
            row = session.get(WorkerRow, _PLACE)
            if row is None or row.token != token:
                return False
            self._put(session, token, row.beats)
            return True

    def leave(self, token: str, *, even_if_queued: bool = False) -> bool:
        """Give up the place; False, and nothing changes, while a run is queued: who queued it may rely on this supervisor."""
        with self._database.write() as session:
            queued = session.exec(select(RunRow.id).where(RunRow.state == "queued").limit(1)).first()
            if queued and not even_if_queued:
                return False
            row = session.get(WorkerRow, _PLACE)
            if row is not None and row.token == token:
                session.delete(row)
            return True

    def _alive(self, session: Session) -> bool:
        row = session.get(WorkerRow, _PLACE)
        return row is not None and not self._database.watch.gone(f"worker {row.token}", row.pulse())

    def _put(self, session: Session, token: str, beats: int) -> None:
        pulse = self._database.watch.beat(beats + 1)
        values = {"token": token, "beats": pulse.count, "boot": pulse.boot, "beat_at": pulse.at, "heartbeat": time.time()}
        session.merge(WorkerRow(place=_PLACE, **values))
