"""The tables of the database, and the one place where rows become the values that callers get.

The rows have a registry of their own: Streamlit loads modules again on edit, and tables on SQLModel's shared registry
would then be "already defined". Table models do not validate, and a JSON column is saved only when it is assigned anew.
Order is told by `seq`, never by a time. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from pipeline.data.schema import Schema
from pipeline.plan import Plan
from pipeline.store.pulse import Pulse
from pipeline.store.records import Dataset, Event, ModelVersion, Run, Template, TrialRecord


class Row(SQLModel, registry=registry()):
    """What all tables share: a registry that is made anew with this module."""


class ArtifactRow(Row, table=True):
    """Bytes that are complete on disk. `versions` are those of the libraries that wrote them."""

    __tablename__ = "artifact"
    sha: str = Field(primary_key=True)
    format: str
    size: int
    state: str = "ready"
    versions: dict = Field(default_factory=dict, sa_type=JSON)
    created: float


class DatasetRow(Row, table=True):
    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", "version"), UniqueConstraint("name", "sha256"))
    seq: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    name: str
    version: int
    sha256: str
    file_sha256: str
    file_name: str
    table_sha: str = Field(foreign_key="artifact.sha")
    data_schema: str
    report: str
    rows: int
    columns: int
    created: float


class BesideRow(Row, table=True):
    """What is kept beside a dataset: some of its rows (an artifact), what was computed of it, or what it was made of (values)."""

    __tablename__ = "beside"
    dataset_id: str = Field(primary_key=True, foreign_key="dataset.id")
    kind: str = Field(primary_key=True)
    artifact: str | None = Field(default=None, foreign_key="artifact.sha")
    value: dict | None = Field(default=None, sa_type=JSON)


class DraftRow(Row, table=True):
    __tablename__ = "draft"
    dataset_id: str = Field(primary_key=True, foreign_key="dataset.id")
    plan: str
    saved: float


class FormerDraftRow(Row, table=True):
    """What a draft was before, compressed; `changed` are the parts of the plan that differ from what replaced it."""

    __tablename__ = "former_draft"
    __table_args__ = (Index("former_draft_stack", "dataset_id", "redo", "seq"),)
    seq: int | None = Field(default=None, primary_key=True)
    dataset_id: str = Field(foreign_key="dataset.id")
    redo: bool
    plan: bytes
    changed: list = Field(sa_type=JSON)


class TemplateRow(Row, table=True):
    __tablename__ = "template"
    name: str = Field(primary_key=True)
    recipe: dict = Field(sa_type=JSON)
    saved: float


class QualityRow(Row, table=True):
    __tablename__ = "quality"
    dataset_id: str = Field(primary_key=True, foreign_key="dataset.id")
    target: str = Field(primary_key=True)
    report: dict = Field(sa_type=JSON)
    saved: float


class ContractRow(Row, table=True):
    """What every version of a dataset must be like, by the dataset's name."""

    __tablename__ = "contract"
    name: str = Field(primary_key=True)
    contract: str
    saved: float


class BreachRow(Row, table=True):
    """What one version breaks of the contract as it was in that state."""

    __tablename__ = "breach"
    dataset_id: str = Field(primary_key=True, foreign_key="dataset.id")
    contract_sha: str
    breaches: list = Field(sa_type=JSON)
    judged: float


class RunRow(Row, table=True):
    """A run. `token` is held by the worker that may write; `beats`, `boot` and `beat_at` are its last pulse."""

    __tablename__ = "run"
    __table_args__ = (
        Index("one_active_run", "fingerprint", unique=True, sqlite_where=text("state IN ('queued', 'running', 'stopping')")),
        Index("run_state", "state"),
    )
    seq: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    dataset_id: str = Field(foreign_key="dataset.id", index=True)
    plan: str
    fingerprint: str
    state: str = "queued"
    phase: str = ""
    progress: float = 0.0
    eta_seconds: float | None = None
    best: dict | None = Field(default=None, sa_type=JSON)
    message: str = ""
    hint: str = ""
    code: str = ""
    created: float
    started: float | None = None
    finished: float | None = None
    heartbeat: float | None = None
    attempt: int = 1
    trials_done: int = 0
    events: int = 0
    worker: str = ""
    token: str | None = None
    beats: int = 0
    boot: str = ""
    beat_at: float = 0.0


class EventRow(Row, table=True):
    __tablename__ = "event"
    run_id: str = Field(primary_key=True, foreign_key="run.id")
    seq: int = Field(primary_key=True)
    at: float
    kind: str
    payload: dict = Field(sa_type=JSON)


class TrialRow(Row, table=True):
    __tablename__ = "trial"
    run_id: str = Field(primary_key=True, foreign_key="run.id")
    number: int = Field(primary_key=True)
    attempt: int
    family: str
    params: dict = Field(sa_type=JSON)
    score: float | None = None
    interval: list | None = Field(default=None, sa_type=JSON)
    fold_scores: list = Field(sa_type=JSON)
    seconds: float
    state: str
    message: str = ""
    artifacts: dict = Field(sa_type=JSON)


class ResultRow(Row, table=True):
    """What one attempt of a run ended with; a later attempt adds a row and changes none."""

    __tablename__ = "result"
    run_id: str = Field(primary_key=True, foreign_key="run.id")
    attempt: int = Field(primary_key=True)
    evaluation: dict = Field(sa_type=JSON)
    leaderboard: list = Field(sa_type=JSON)
    artifacts: dict = Field(sa_type=JSON)
    created: float


class ModelRow(Row, table=True):
    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("name", "version"),)
    seq: int | None = Field(default=None, primary_key=True)
    name: str
    version: int
    run_id: str = Field(foreign_key="run.id")
    attempt: int
    dataset_id: str = Field(foreign_key="dataset.id")
    plan_fingerprint: str
    content_sha256: str
    file_sha256: str
    artifact: str = Field(foreign_key="artifact.sha")
    created: float


class AliasRow(Row, table=True):
    __tablename__ = "alias"
    __table_args__ = (ForeignKeyConstraint(["name", "version"], ["model.name", "model.version"]),)
    name: str = Field(primary_key=True)
    alias: str = Field(primary_key=True)
    version: int
    moved: float


class WorkerRow(Row, table=True):
    """The one place of the supervisor that serves this home, and its last pulse."""

    __tablename__ = "worker"
    place: str = Field(primary_key=True)
    token: str
    beats: int
    boot: str
    beat_at: float
    heartbeat: float

    def pulse(self) -> Pulse:
        return Pulse(self.boot, self.beat_at, self.beats)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


# Plans, schemas and reports are frozen: pages poll the same few, and parsing a wide one again takes milliseconds.
@lru_cache(maxsize=256)
def to_plan(text: str) -> Plan:
    return Plan.parse(text)


@lru_cache(maxsize=64)
def _schema(text: str) -> Schema:
    return Schema.model_validate_json(text)


@lru_cache(maxsize=64)
def _report(text: str) -> Any:
    from pipeline.data import ImportReport

    return ImportReport.model_validate_json(text)


def to_dataset(row: DatasetRow, **reads: Callable) -> Dataset:
    """The dataset; `reads` are the ways to its table and to what lies beside it, by the names of the record's fields."""
    same = {name: getattr(row, name) for name in ("id", "name", "version", "sha256", "file_sha256", "file_name", "rows", "columns")}
    return Dataset(**same, schema=_schema(row.data_schema), report=_report(row.report), created=moment(row.created), **reads)


def to_template(row: TemplateRow) -> Template:
    return Template(row.name, row.recipe, moment(row.saved))


def to_run(row: RunRow) -> Run:
    same = ("id", "dataset_id", "fingerprint", "state", "phase", "progress", "eta_seconds", "best", "message", "hint", "code", "attempt")
    times = {name: _moment_or_none(getattr(row, name)) for name in ("created", "started", "finished", "heartbeat")}
    return Run(plan=to_plan(row.plan), trials_done=row.trials_done, **{name: getattr(row, name) for name in same}, **times)


def to_trial(row: TrialRow) -> TrialRecord:
    same = ("number", "family", "params", "score", "seconds", "state", "message", "artifacts")
    interval = None if row.interval is None else tuple(row.interval)
    return TrialRecord(interval=interval, fold_scores=tuple(row.fold_scores), **{name: getattr(row, name) for name in same})


def to_event(row: EventRow) -> Event:
    return Event(row.seq, moment(row.at), row.kind, row.payload)


def to_model(row: ModelRow, state: str, aliases: tuple[str, ...]) -> ModelVersion:
    same = ("name", "version", "run_id", "attempt", "dataset_id", "plan_fingerprint", "content_sha256", "file_sha256", "artifact")
    return ModelVersion(state=state, created=moment(row.created), aliases=aliases, **{name: getattr(row, name) for name in same})
