"""What a run leaves behind while it works: events in order, and trials with their evidence. Append-only.

Every function takes the caller's session: what belongs together is written in one transaction or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session, col, select

from pipeline.errors import LeaseLost, NotFound, StoreError
from pipeline.store.artifacts import Artifacts, Published
from pipeline.store.engine import Database
from pipeline.store.records import Event, Lease, TrialRecord, plain
from pipeline.store.rows import EventRow, ResultRow, RunRow, TrialRow, to_event, to_trial

HELD = ("running", "stopping")
SHOWN = ("phase", "progress", "eta_seconds", "best")
_EVENTS = select(EventRow.seq, EventRow.at, EventRow.kind, EventRow.payload)  # plain columns, for pages that poll


class Journal:
    """Events, trials and results of runs."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database, self._artifacts = database, artifacts

    def event(self, who: Lease | str, kind: str, payload: Mapping[str, Any]) -> int:
        return self.record(who, [(kind, payload)], {})

    def record(self, who: Lease | str, events: Iterable[tuple[str, Mapping[str, Any]]], changes: Mapping[str, Any]) -> int:
        """Append events and change what is shown of the run, in one transaction; return the last event's number."""
        unknown = set(changes) - set(SHOWN)
        if unknown:
            raise StoreError(f"A run has no {', '.join(sorted(unknown))} to update.", f"What can be updated: {', '.join(SHOWN)}.")
        with self._database.write() as session:
            run = found(session, who) if isinstance(who, str) else held(session, who)
            for name, value in plain(changes).items():
                setattr(run, name, value)
            for kind, payload in events:
                say(session, run, kind, payload)
            session.add(run)
            return run.events

    def events(self, run_id: str, after: int, limit: int) -> list[Event]:
        query = _EVENTS.where(EventRow.run_id == run_id, EventRow.seq > after).order_by(EventRow.seq).limit(limit)
        with self._database.read() as session:
            return [to_event(row) for row in session.execute(query)]

    def put_trial(self, lease: Lease, record: Mapping[str, Any]) -> TrialRecord:
        """Store a trial as it stands: while its run is on it grows by folds, and each time replaces what was said of it."""
        with self._database.write() as session:
            run = held(session, lease)
            row = _trial_row(run, record)
            before = session.get(TrialRow, (run.id, row.number))
            if before is None:
                run.trials_done += 1
            row = session.merge(row)
            say(session, run, "trial", record)
            return to_trial(row)

    def trials(self, run_id: str) -> list[TrialRecord]:
        query = select(TrialRow).where(TrialRow.run_id == run_id).order_by(TrialRow.number)
        with self._database.read() as session:
            return [to_trial(row) for row in session.exec(query)]

    def result(self, run_id: str, attempt: int | None) -> ResultRow | None:
        """What the run ended with: at that attempt, or the last time."""
        query = select(ResultRow).where(ResultRow.run_id == run_id).order_by(col(ResultRow.attempt).desc())
        if attempt is not None:
            query = query.where(ResultRow.attempt == attempt)
        with self._database.read() as session:
            return session.exec(query).first()

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost before work is spent on writing for a run that is no longer ours."""
        with self._database.read() as session:
            held(session, lease)

    def publish(self, artifacts: Mapping[str, Any]) -> dict[str, Published]:
        return {name: self._artifacts.publish(value) for name, value in artifacts.items()}

    def name(self, session: Session, published: Mapping[str, Published]) -> dict[str, str]:
        return {name: self._artifacts.name(session, file) for name, file in published.items()}


def found(session: Session, run_id: str) -> RunRow:
    row = session.exec(select(RunRow).where(RunRow.id == run_id)).first()
    if row is None:
        raise no_such_run(run_id)
    return row


def no_such_run(run_id: str) -> NotFound:
    return NotFound(f"There is no run {run_id!r}.", "Choose one on the Runs page.")


def held(session: Session, lease: Lease) -> RunRow:
    """The run, if the lease still holds it. Raises LeaseLost."""
    row = found(session, lease.run.id)
    if row.token != lease.token or row.state not in HELD:
        raise LeaseLost(f"The run {row.id} is {row.state} and belongs to another worker now.", "Stop working on it.")
    return row


def say(session: Session, run: RunRow, kind: str, payload: Mapping[str, Any]) -> None:
    """Append an event. The counter is in the run's row, so numbers have no gaps and two writers no same number."""
    run.events += 1
    session.add(run)
    session.add(EventRow(run_id=run.id, seq=run.events, at=time.time(), kind=kind, payload=plain(payload)))


def _trial_row(run: RunRow, record: Mapping[str, Any]) -> TrialRow:
    given = plain({**record})
    return TrialRow(
        run_id=run.id, number=int(given["number"]), attempt=run.attempt, family=given["family"], params=given.get("params") or {},
        score=given.get("score"), interval=given.get("interval"), fold_scores=list(given.get("fold_scores") or ()),
        seconds=float(given.get("seconds") or 0.0), state=given.get("state", "complete"), message=given.get("message", ""), artifacts={},
    )  # fmt: skip
