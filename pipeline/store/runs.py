"""Runs: one table of allowed transitions, and leases that decide who may write.

A transition reads and writes the state under the write lock, so it is a compare-and-set. A worker holds a run through
a token; a run whose worker is gone (see `pulse`) becomes "interrupted", by whoever notices first.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, func, select

from pipeline.errors import NotFound, StoreBusy, StoreError
from pipeline.plan import Plan
from pipeline.store.engine import Database
from pipeline.store.journal import HELD, Journal, found, held, no_such_run, say
from pipeline.store.pulse import LEASE_SECONDS, Pulse
from pipeline.store.records import ACTIVE, Lease, Run, State, plain
from pipeline.store.rows import DatasetRow, ResultRow, RunRow, moment, to_run

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "queued": ("running", "cancelled"),
    "running": ("stopping", "done", "failed", "cancelled", "interrupted"),
    "stopping": ("done", "failed", "cancelled", "interrupted"),
    "interrupted": ("queued",),
    "failed": ("queued",),
    "cancelled": ("queued",),
    "done": (),
}
_HARDLY_WAIT = 0.2  # seconds
DISCARDED = "discarded"  # the code of a run that shall end, or has ended, without keeping anything
_COLUMNS = select(RunRow.__table__)  # plain columns: building mapped objects would take most of a page's poll
_ANALYSIS = func.json_extract(RunRow.plan, "$.analysis.name")  # None for a run that trains
_PULSES = select(RunRow.id, RunRow.boot, RunRow.beat_at, RunRow.beats).where(col(RunRow.state).in_(HELD))


class Runs:
    """The state of runs."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database, self._journal = database, journal

    def submit(self, plan: Plan) -> Run:
        """Queue a plan; an equal one that is queued or running is returned instead. Raises PlanError, NotFound."""
        with self._database.read() as session:
            dataset = session.exec(select(DatasetRow).where(DatasetRow.id == plan.dataset)).first()
        if dataset is None:
            raise NotFound(f"The plan is for the dataset {plan.dataset!r}, which is not stored.", "Add the dataset first.")
        _require(plan, dataset)
        fingerprint = plan.fingerprint()
        with self._database.write() as session:
            row = _active_twin(session, fingerprint)
            if row is None:
                row = RunRow(
                    id=secrets.token_hex(6), dataset_id=dataset.id, plan=plan.model_dump_json(), fingerprint=fingerprint, created=time.time()
                )
                session.add(row)
                session.flush()
                say(session, row, "queued", {"attempt": 1})
            return to_run(row)

    def get(self, run_id: str) -> Run:
        run = self.find(run_id)
        if run is None:
            raise no_such_run(run_id)
        return run

    def find(self, run_id: str) -> Run | None:
        return next(iter(self._several(_COLUMNS.where(RunRow.id == run_id))), None)

    def listed(self, dataset_id: str | None, limit: int, analyses: bool) -> list[Run]:
        query = _COLUMNS.order_by(col(RunRow.seq).desc()).limit(limit)
        query = query if analyses else query.where(_ANALYSIS.is_(None))
        return self._several(query if dataset_id is None else query.where(RunRow.dataset_id == dataset_id))

    def newest(self, dataset_id: str, analysis: str) -> Run | None:
        """The newest run of that analysis about a dataset."""
        query = _COLUMNS.where(RunRow.dataset_id == dataset_id, analysis == _ANALYSIS)
        return next(iter(self._several(query.order_by(col(RunRow.seq).desc()).limit(1))), None)

    def active(self) -> list[Run]:
        return self._several(_COLUMNS.where(col(RunRow.state).in_(ACTIVE)).order_by(RunRow.seq))

    def claim(self, worker: str, run_id: str | None) -> Lease | None:
        """Take the oldest queued run, or that one; None when somebody else was quicker or there is none."""
        query = select(RunRow).where(RunRow.state == "queued").order_by(RunRow.seq).limit(1)
        if run_id is not None:
            query = query.where(RunRow.id == run_id)
        with self._database.read() as session:  # most looks find nothing, and cost no lock
            if session.exec(query).first() is None:
                return None
        with self._database.write() as session:
            row = session.exec(query).first()
            if row is None:
                return None
            _move(row, "running")
            row.token, row.worker, row.started = secrets.token_hex(16), worker, row.started or time.time()
            self._beat(row)
            say(session, row, "started", {"attempt": row.attempt, "worker": worker})
            return _lease(row)

    def beat(self, lease: Lease) -> Lease:
        """Say that the worker lives, and see how the run stands. Raises LeaseLost."""
        with self._database.write() as session:
            row = held(session, lease)
            self._beat(row)
            session.add(row)
            return _lease(row)

    def lease(self, run_id: str, token: str) -> Lease:
        """The lease that a worker was handed as text. Raises LeaseLost."""
        with self._database.read() as session:
            row = found(session, run_id)
            lease = Lease(to_run(row), token, moment(time.time() + LEASE_SECONDS))
            held(session, lease)
            return lease

    def request_stop(self, run_id: str) -> Run:
        """Stop a run: at once while it is queued, else as soon as its worker sees it. One that has ended stays as it is."""
        with self._database.write() as session:
            row = found(session, run_id)
            if row.state == "queued":
                _end(session, row, "cancelled", "Stopped before it began.", "Resume it to run it after all.")
            elif row.state == "running":
                _move(row, "stopping")
                say(session, row, "stop_requested", {})
            return to_run(row)

    def discard(self, run_id: str) -> Run:
        """Stop a run and keep nothing of it: at once while it is queued, else as soon as its worker sees it."""
        with self._database.write() as session:
            row = found(session, run_id)
            if row.state == "queued":
                _end_discarded(session, row)
            elif row.state in HELD and row.code != DISCARDED:
                row.code = DISCARDED
                if row.state == "running":
                    _move(row, "stopping")
                say(session, row, "discard_requested", {})
            return to_run(row)

    def resume(self, run_id: str) -> Run:
        """Queue an ended run again; its trials are kept. Raises StoreError when it is done or an equal one is active."""
        with self._database.write() as session:
            row = found(session, run_id)
            twin = _active_twin(session, row.fingerprint)
            if twin is not None and twin.id != row.id:
                raise StoreError(f"An equal run is {twin.state} already: {twin.id}.", "Open that one.")
            if row.state in ACTIVE:
                return to_run(row)
            _move(row, "queued")
            row.attempt += 1
            row.message = row.hint = row.code = row.phase = ""
            row.finished = row.eta_seconds = row.token = None
            say(session, row, "queued", {"attempt": row.attempt, "trials_kept": row.trials_done})
            return to_run(row)

    def reap(self) -> list[str]:
        """Mark the runs whose worker is gone as interrupted, and return their ids.

        While somebody writes we do not wait: the next look will do, and a worker's own beat may be what is being written.
        """
        with self._database.read() as session:
            if not self._lost(session):
                return []
        try:
            with self._database.write(wait=_HARDLY_WAIT) as session:
                lost = self._lost(session)
                for run_id in lost:
                    row = found(session, run_id)
                    if row.code == DISCARDED:
                        _end_discarded(session, row)
                        continue
                    message = "The worker that was training stopped answering for 15 seconds."
                    _end(session, row, "interrupted", message, _resume_hint(row), "worker_lost")
                return lost
        except StoreBusy:
            return []  # said above: look again next time

    def finish(self, lease: Lease, state: State, evaluation: Mapping, leaderboard: list, artifacts: Mapping[str, Any]) -> Run:
        """Publish the files, then record everything and the end of the run in one transaction."""
        if state not in ("done", "cancelled"):
            raise StoreError(f"A run does not finish as {state!r}.", "Use 'done' or 'cancelled'; `fail` is for the rest.")
        self._journal.check(lease)
        published = self._journal.publish(artifacts)
        with self._database.write() as session:
            row = held(session, lease)
            if row.code == DISCARDED:  # somebody said so while the last file was being written
                _end_discarded(session, row)
                return to_run(row)
            shas = self._journal.name(session, published)
            session.add(
                ResultRow(
                    run_id=row.id, attempt=row.attempt, evaluation=plain(evaluation), leaderboard=plain(leaderboard),
                    artifacts=shas, created=time.time(),
                )
            )  # fmt: skip
            row.progress = 1.0
            stopped = f"Stopped after {row.trials_done} trials; the best so far is kept." if state == "cancelled" else ""
            _end(session, row, state, stopped, "Resume it to go on." if stopped else "")
            return to_run(row)

    def fail(self, lease: Lease, message: str, hint: str, code: str, state: State) -> Run:
        with self._database.write() as session:
            row = held(session, lease)
            if row.code == DISCARDED:  # however it ended, this is what was wanted
                _end_discarded(session, row)
            else:
                _end(session, row, state, message, hint, code)
            return to_run(row)

    def _several(self, query: Any) -> list[Run]:
        """The runs of a query on the columns; who reads also notices whose worker is gone. Pages poll this: one connection."""
        with self._database.read() as session:
            rows = session.execute(query).all()
            lost = self._lost(session)
        if lost and self.reap():
            with self._database.read() as session:
                rows = session.execute(query).all()
        return [to_run(row) for row in rows]

    def _beat(self, row: RunRow) -> None:
        pulse = self._database.watch.beat(row.beats + 1)
        row.boot, row.beat_at, row.beats, row.heartbeat = pulse.boot, pulse.at, pulse.count, time.time()

    def _lost(self, session: Session) -> list[str]:
        watch = self._database.watch
        return [run_id for run_id, *pulse in session.execute(_PULSES) if watch.gone(f"run {run_id}", Pulse(*pulse))]


def _require(plan: Plan, dataset: DatasetRow) -> None:
    from pipeline.data.schema import Schema

    plan.require(Schema.model_validate_json(dataset.data_schema))


def _active_twin(session: Session, fingerprint: str) -> RunRow | None:
    return session.exec(select(RunRow).where(RunRow.fingerprint == fingerprint, col(RunRow.state).in_(ACTIVE))).first()


def _move(row: RunRow, state: State) -> None:
    if state not in TRANSITIONS[row.state]:
        raise StoreError(f"The run {row.id} is {row.state}; it cannot become {state}.", "Reload the page to see how it stands.")
    row.state = state


def _end(session: Session, row: RunRow, state: State, message: str, hint: str, code: str = "") -> None:
    _move(row, state)
    row.message, row.hint, row.code = message, hint, code
    row.token, row.eta_seconds, row.finished = None, None, time.time()
    say(session, row, "finished", {"state": state, "message": message, "hint": hint, "code": code, "trials": row.trials_done})


def _resume_hint(row: RunRow) -> str:
    kept = f"its {row.trials_done} finished trials are kept" if row.trials_done else "it begins anew"
    return f"Resume the run: {kept}."


def _end_discarded(session: Session, row: RunRow) -> None:
    row.best = None
    _end(session, row, "cancelled", "Discarded: nothing of it was kept.", "Start it again to train it from the beginning.", DISCARDED)


def _lease(row: RunRow) -> Lease:
    return Lease(to_run(row), row.token or "", moment((row.heartbeat or time.time()) + LEASE_SECONDS))
