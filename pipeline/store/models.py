"""The registry: kept models. Versions never change; aliases are names that move from one version to another.

A reference is "name" (the newest version), "name:3" or "name@alias". Names may hold any character, so a reference is
read from its end, and a name that would read as a reference to a model that exists is refused.
"""

from __future__ import annotations

import re
import time
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from pipeline.errors import NotFound, StoreError, TrainyardError, UnknownName, near
from pipeline.store.artifacts import Artifacts
from pipeline.store.engine import Database
from pipeline.store.records import ModelVersion, checked_name
from pipeline.store.rows import AliasRow, ArtifactRow, DatasetRow, ModelRow, ResultRow, RunRow, to_model

PREDICTORS = {"accurate": "predictor", "fast": "fast"}  # the artifacts of a finished run that can be kept
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_SUFFIX = re.compile(r"(?P<name>.+)(?::(?P<version>[1-9][0-9]{0,8})|@(?P<alias>[A-Za-z][A-Za-z0-9_-]{0,39}))", re.DOTALL)


class Models:
    """What was kept."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database, self._artifacts = database, artifacts

    def keep(self, run_id: str, name: str, which: str) -> ModelVersion:
        """Keep a model that a run ended with as the next version of `name`, with what it was made from; or as the one that it already is."""
        if which not in PREDICTORS:
            raise UnknownName("result of a run", which, PREDICTORS)
        checked_name("model", name)
        with self._database.write() as session:
            _refuse_a_reference(session, name)
            run, result = _finished(session, run_id, PREDICTORS[which])
            if known := _kept(session, name, run_id, result.artifacts[PREDICTORS[which]]):
                return _value(session, known)
            dataset = session.exec(select(DatasetRow).where(DatasetRow.id == run.dataset_id)).one()
            row = ModelRow(
                name=name, version=_newest(session, name) + 1, run_id=run.id, attempt=result.attempt, dataset_id=dataset.id,
                plan_fingerprint=run.fingerprint, content_sha256=dataset.sha256, file_sha256=dataset.file_sha256,
                artifact=result.artifacts[PREDICTORS[which]], created=time.time(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _value(session, row)

    def versions(self, name: str | None) -> list[ModelVersion]:
        query = select(ModelRow).order_by(col(ModelRow.seq).desc())
        if name is not None:
            query = query.where(ModelRow.name == name)
        with self._database.read() as session:
            return [_value(session, row) for row in session.exec(query).all()]

    def get(self, ref: str) -> ModelVersion:
        with self._database.read() as session:
            return _value(session, _find(session, ref))

    def point(self, name: str, alias: str, version: int) -> ModelVersion:
        """Move an alias, or make it. Raises NotFound when there is no such version."""
        if not _ALIAS.fullmatch(alias):
            raise StoreError(f"{alias!r} cannot be an alias.", "Use letters, digits, - and _, at most 40, the first one a letter: champion.")
        with self._database.write() as session:
            row = _exact(session, name, version)
            session.merge(AliasRow(name=name, alias=alias, version=version, moved=time.time()))
            session.flush()
            return _value(session, row)

    def aliases(self, name: str) -> dict[str, int]:
        with self._database.read() as session:
            rows = session.exec(select(AliasRow).where(AliasRow.name == name).order_by(AliasRow.alias))
            return {row.alias: row.version for row in rows}

    def predictor(self, ref: str | ModelVersion) -> Any:
        version = ref if isinstance(ref, ModelVersion) else self.get(ref)
        try:
            model = self._artifacts.load(version.artifact)
        except StoreError as error:
            if isinstance(error.__cause__, (ImportError, AttributeError)) and "'pipeline." in str(error.__cause__):  # code that is no longer here
                raise _of_other_code(version, error.__cause__) from error
            raise
        _try(model, version)
        return model


def _try(model: Any, version: ModelVersion) -> None:
    """Opened is not enough: a model that older code has pickled may lack what the present code asks of it. A row of gaps tells."""
    import pandas as pd

    if not hasattr(model, "schema"):  # it scores no rows
        return
    try:
        model.predict(pd.DataFrame({name: pd.Series([None], dtype=object) for name in model.schema.names}))
    except TrainyardError:
        return  # it says itself what it lacks, when rows are scored
    except Exception as error:
        raise _of_other_code(version, error) from error


def _of_other_code(version: ModelVersion, error: BaseException) -> StoreError:
    return StoreError(
        f"{version.ref} was kept by another version of Trainyard or of its libraries, and this one cannot score with it: {error}.",
        f"Train it again: run {version.run_id[:6]} has its plan. Or score with its bundle, if one was exported: a bundle carries the code that it needs.",
    )


def _finished(session: Session, run_id: str, artifact: str) -> tuple[RunRow, ResultRow]:
    run = session.exec(select(RunRow).where(RunRow.id == run_id)).first()
    if run is None:
        raise NotFound(f"There is no run {run_id!r}.", "Choose one on the Runs page.")
    query = select(ResultRow).where(ResultRow.run_id == run_id).order_by(col(ResultRow.attempt).desc())
    result = session.exec(query).first()
    if result is None or artifact not in result.artifacts:
        raise StoreError(f"The run {run_id} is {run.state} and has no model to keep.", "Wait until it is done, or resume it.")
    return run, result


def _kept(session: Session, name: str, run_id: str, artifact: str) -> ModelRow | None:
    """The newest version of that name that is this very model of this run."""
    query = select(ModelRow).where(ModelRow.name == name, ModelRow.run_id == run_id, ModelRow.artifact == artifact)
    return session.exec(query.order_by(col(ModelRow.version).desc())).first()


def _find(session: Session, ref: str) -> ModelRow:
    """What a reference means: its ending first, so that no later name can take over "churn@champion"."""
    parts = _SUFFIX.fullmatch(ref)
    if parts and _newest(session, parts["name"]):
        version = int(parts["version"]) if parts["version"] else _aliased(session, parts["name"], parts["alias"])
        return _exact(session, parts["name"], version)
    return _exact(session, ref, _newest(session, ref))


def _aliased(session: Session, name: str, alias: str) -> int:
    row = session.get(AliasRow, (name, alias))
    if row is None:
        known = session.exec(select(AliasRow.alias).where(AliasRow.name == name)).all()
        raise NotFound(f"The model {name!r} has no alias {alias!r}.", f"It has: {', '.join(known) or 'none'}.")
    return row.version


def _exact(session: Session, name: str, version: int) -> ModelRow:
    row = session.exec(select(ModelRow).where(ModelRow.name == name, ModelRow.version == version)).first()
    if row is None:
        raise _not_found(session, name, version)
    return row


def _not_found(session: Session, name: str, version: int) -> NotFound:
    newest = _newest(session, name)
    if newest:
        return NotFound(f"The model {name!r} has no version {version}.", f"Its versions are 1 to {newest}.")
    hits = near(name, session.exec(select(ModelRow.name).distinct()).all())
    hint = f"Did you mean {' or '.join(map(repr, hits))}?" if hits else "Keep a finished run under that name first."
    return NotFound(f"There is no model named {name!r}.", hint)


def _newest(session: Session, name: str) -> int:
    return session.exec(select(func.max(ModelRow.version)).where(ModelRow.name == name)).one() or 0


def _refuse_a_reference(session: Session, name: str) -> None:
    parts = _SUFFIX.fullmatch(name)
    if parts and _newest(session, parts["name"]):
        raise StoreError(f"The name {name!r} would read as a reference to the model {parts['name']!r}.", "Choose another name.")


def _value(session: Session, row: ModelRow) -> ModelVersion:
    state = session.get(ArtifactRow, row.artifact).state
    query = select(AliasRow.alias).where(AliasRow.name == row.name, AliasRow.version == row.version).order_by(AliasRow.alias)
    return to_model(row, state, tuple(session.exec(query)))
