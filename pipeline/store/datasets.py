"""Datasets: immutable versions of tables, with the quality reports that belong to them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from pipeline.errors import NotFound
from pipeline.store.artifacts import Artifacts, Published
from pipeline.store.engine import Database
from pipeline.store.records import Dataset, checked_name, plain
from pipeline.store.rows import BesideRow, DatasetRow, QualityRow, to_dataset

if TYPE_CHECKING:
    from pipeline.data import ImportReport
    from pipeline.data.reader import Boxed
    from pipeline.data.report import ReadOptions
    from pipeline.data.schema import Schema
    from pipeline.data.versions import Edit


@dataclass(frozen=True)
class _Origin:
    """Where a table came from."""

    name: str
    file_name: str
    file_sha256: str
    report: ImportReport


class Datasets:
    """What was uploaded."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database, self._artifacts = database, artifacts

    def add(self, name: str, path: Path, file_name: str | None, options: ReadOptions | None = None) -> Dataset:
        """Read the file in the box and keep what it leaves. The same content under the same name is the same version."""
        added = self._add(name, path, file_name, options, lambda report: True)
        assert added is not None
        return added

    def add_if_exact(self, name: str, path: Path, file_name: str | None) -> Dataset | None:
        """Like `add`, but None, and nothing kept, when anything had to be guessed or mended."""
        return self._add(name, path, file_name, None, lambda report: report.exact)

    def _add(
        self, name: str, path: Path, file_name: str | None, options: ReadOptions | None, wanted: Callable[[ImportReport], bool]
    ) -> Dataset | None:
        """The table goes from the box to its place on disk and never through this process."""
        from pipeline.data.reader import AS_FOUND, boxed

        checked_name("dataset", name)
        file_name = checked_name("file", file_name or path.name)
        with ThreadPoolExecutor(1) as beside:
            hashed = beside.submit(_file_hash, path)  # on another core, while the box reads
            with boxed(path, name=file_name, options=options or AS_FOUND, within=self._artifacts.tmp) as found:
                if not wanted(found.report):
                    return None
                return self._equal(name, found.content) or self._keep(name, file_name, found, hashed.result())

    def _keep(self, name: str, file_name: str, found: Boxed, file_sha256: str) -> Dataset:
        assert found.schema is not None
        origin = _Origin(name, file_name, file_sha256, found.report)
        return self._added(origin, found.schema, found.content, self._adopted(found), {"tops": found.tops})

    def _adopted(self, found: Boxed) -> list[Published]:
        files = ((found.table, found.table_sha), (found.head, ""), (found.sample, ""))
        return [self._artifacts.adopt(path, "parquet", sha) for path, sha in files]

    def derive(self, of: Dataset, edits: Sequence[Edit]) -> Dataset:
        """The version of the same name that the edits make. Equal content is the version that is there. A large table is edited in the box."""
        lineage = {"of": of.id, "version": of.version, "edits": [edit.model_dump(mode="json", exclude_defaults=True) for edit in edits]}
        if not of.is_large:
            return self._derived(of, edits, lineage)
        from pipeline.data.reader import edited_in_box

        with edited_in_box(of.file(), of.name, of.schema, edits, self._artifacts.tmp) as found:
            assert found.schema is not None
            told = {"tops": found.tops, "lineage": lineage}
            return self._equal(of.name, found.content) or self._added(of, found.schema, found.content, self._adopted(found), told)

    def _derived(self, of: Dataset, edits: Sequence[Edit], lineage: dict[str, Any]) -> Dataset:
        from pipeline.data import content_hash
        from pipeline.data.profiles import tops
        from pipeline.data.sampling import HEAD_ROWS, sampled
        from pipeline.data.versions import edited

        table, schema = edited(of.table(), of.schema, edits)
        sha256 = content_hash(table, schema)
        known = self._equal(of.name, sha256)
        if known:
            return known
        parts = [self._artifacts.publish(part, "parquet") for part in (table, table.head(HEAD_ROWS), sampled(table))]
        return self._added(of, schema, sha256, parts, {"tops": tops(table, schema), "lineage": lineage})

    def _added(self, of: Dataset | _Origin, schema: Schema, sha256: str, parts: Sequence[Published], values: dict[str, Any]) -> Dataset:
        """The row of a new version with what is kept beside it; the one that is there when somebody was quicker."""
        table, head, sample = parts
        with self._database.write() as session:
            row = _equal_row(session, of.name, sha256)
            if row is None:
                row = DatasetRow(
                    id=secrets.token_hex(6), name=of.name, version=_next_version(session, of.name), sha256=sha256, file_sha256=of.file_sha256,
                    file_name=of.file_name, table_sha=self._artifacts.name(session, table), data_schema=schema.model_dump_json(),
                    report=of.report.model_dump_json(), rows=schema.rows, columns=len(schema.columns), created=time.time(),
                )  # fmt: skip
                session.add(row)
                session.flush()
                for kind, part in (("head", head), ("sample", sample)):
                    session.add(BesideRow(dataset_id=row.id, kind=kind, artifact=self._artifacts.name(session, part)))
                session.add_all(BesideRow(dataset_id=row.id, kind=kind, value=plain(value)) for kind, value in values.items())
        return self._dataset(row)

    def _dataset(self, row: DatasetRow) -> Dataset:
        """Its table and the parts of it are read by the SHA-256 of their artifact, what lies beside it by dataset and kind."""
        sha, own, artifacts = row.table_sha, row.id, self._artifacts
        table = {"_read": lambda: artifacts.load(sha), "_parts": lambda: artifacts.parts(sha), "_file": lambda: artifacts.file(sha)}
        return to_dataset(row, **table, _beside=lambda kind: self._beside(own, kind))

    def _beside(self, dataset_id: str, kind: str) -> Any:
        """What is kept beside a table under that name; None when nothing is."""
        with self._database.read() as session:
            row = session.get(BesideRow, (dataset_id, kind))
        return self._artifacts.load(row.artifact) if row and row.artifact else row and row.value

    def get(self, dataset_id: str) -> Dataset:
        with self._database.read() as session:
            return self._dataset(dataset_row(session, dataset_id))

    def listed(self, name: str | None) -> list[Dataset]:
        query = select(DatasetRow).order_by(col(DatasetRow.seq).desc())
        if name is not None:
            query = query.where(DatasetRow.name == name)
        with self._database.read() as session:
            return [self._dataset(row) for row in session.exec(query)]

    def save_quality(self, dataset_id: str, target: str | None, report: dict[str, Any]) -> None:
        with self._database.write() as session:
            dataset_row(session, dataset_id)
            session.merge(QualityRow(dataset_id=dataset_id, target=_key(target), report=plain(report), saved=time.time()))

    def quality(self, dataset_id: str, target: str | None) -> dict[str, Any] | None:
        with self._database.read() as session:
            row = session.get(QualityRow, (dataset_id, _key(target)))
        return row.report if row else None

    def _equal(self, name: str, sha256: str) -> Dataset | None:
        with self._database.read() as session:
            row = _equal_row(session, name, sha256)
            return self._dataset(row) if row else None


def _key(target: str | None) -> str:
    """A report without a target has a key that no column can have: column names are not empty."""
    return "" if target is None else target


def dataset_row(session: Session, dataset_id: str) -> DatasetRow:
    row = session.exec(select(DatasetRow).where(DatasetRow.id == dataset_id)).first()
    if row is None:
        raise NotFound(f"There is no dataset {dataset_id!r}.", "Choose one on the Data page.")
    return row


def _equal_row(session: Session, name: str, sha256: str) -> DatasetRow | None:
    return session.exec(select(DatasetRow).where(DatasetRow.name == name, DatasetRow.sha256 == sha256)).first()


def _next_version(session: Session, name: str) -> int:
    return (session.exec(select(func.max(DatasetRow.version)).where(DatasetRow.name == name)).one() or 0) + 1


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
