"""Artifacts: bytes named by their SHA-256. The only module that may unpickle.

Publishing is atomic: a file in `tmp/` on the same disk, fsync, rename to `objects/aa/<sha256>`, fsync of the folder,
and only then a row in the database, which alone makes it visible. Loading reads the bytes once, compares them with their
name, and parses those very bytes; bytes that differ by one bit are never given to a parser.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from sqlmodel import Session, col, select

from pipeline.errors import DamagedArtifact, NotFound, StoreError, TrainyardError
from pipeline.store.engine import Database
from pipeline.store.records import plain
from pipeline.store.rows import ArtifactRow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Format = Literal["bytes", "joblib", "parquet", "json", "npz"]
PART_ROWS = 250_000
GRACE_SECONDS = 3600.0  # a younger file may belong to somebody who is about to name it
WROTE = ("numpy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost", "torch")
_ONLY = "array"  # the key under which a single array is kept in an npz file


@dataclass(frozen=True)
class Published:
    """A complete file that no row names yet."""

    sha: str
    format: Format
    size: int


class Artifacts:
    """The objects of one home."""

    def __init__(self, database: Database, home: Path) -> None:
        self._database = database
        self._objects, self.tmp = home / "objects", home / "tmp"

    def put(self, value: Any, format: Format | None = None) -> str:
        """Store a value and return its SHA-256. Bytes and files are taken as they are, already in that format."""
        published = self.publish(value, format)
        with self._database.write() as session:
            self.name(session, published)
        return published.sha

    def publish(self, value: Any, format: Format | None = None) -> Published:
        """Write the file and move it to its place; `name` makes it visible. Raises StoreError when the disk is full."""
        format = format or format_of(value)
        handle, path = tempfile.mkstemp(dir=self.tmp)
        tmp = Path(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                _encode(value, format, file)
                return self._settle(file, tmp, format)
        except OSError as error:
            raise _disk_error(error, self.tmp) from error
        finally:
            tmp.unlink(missing_ok=True)

    def adopt(self, path: Path, format: Format, sha: str = "") -> Published:
        """Take in a complete file from below `tmp` by moving it: however large it is, nothing is copied or held in memory.

        `sha` is what its writer, which is our own code in the box, hashed while it wrote. It is believed unless an object has that name
        already, and a false one harms nobody else: bytes are compared with their name before every use, and whole ones replace it.
        """
        try:
            path.chmod(0o600)
            with path.open("r+b") as file:
                return self._settle(file, path, format, sha)
        except OSError as error:
            raise _disk_error(error, self.tmp) from error

    def _settle(self, file: BinaryIO, tmp: Path, format: Format, said: str = "") -> Published:
        """Flush a written file to disk and move it to the place that its SHA-256 names."""
        file.flush()
        with ThreadPoolExecutor(1) as beside:  # the disk is waited for while the bytes are hashed
            synced = beside.submit(os.fsync, file.fileno())
            file.seek(0)
            known = said and not self._path(said).exists()
            sha, size = said if known else hashlib.file_digest(file, "sha256").hexdigest(), tmp.stat().st_size
            synced.result()
        self._move(tmp, self._path(sha))
        return Published(sha, format, size)

    def name(self, session: Session, published: Published) -> str:
        """Make a published file visible, in the caller's transaction. Bytes that were damaged are whole again by this."""
        if not self._path(published.sha).exists():
            raise StoreError("A file was removed before it could be recorded.", "Try again; do not delete files in the home folder.")
        row = session.get(ArtifactRow, published.sha)
        if row is None:
            versions = _versions() if published.format == "joblib" else {}
            row = ArtifactRow(sha=published.sha, format=published.format, size=published.size, versions=versions, created=time.time())
        if row.format != published.format:  # what was stored as bytes must never be unpickled because somebody says so later
            raise StoreError(f"The same bytes are stored as {row.format!r}, not {published.format!r}.", f"Store them as {row.format!r}.")
        row.state = "ready"
        session.add(row)
        session.flush()  # rows that refer to it may follow
        return published.sha

    def load(self, sha: str) -> Any:
        """The stored value. Raises NotFound, or DamagedArtifact (and quarantines it) before anything is parsed."""
        row = self._row(sha)
        data = self._verified(row)
        try:
            return _DECODE[row.format](data)
        except TrainyardError:
            raise
        except Exception as error:
            raise StoreError(f"The artifact {sha[:12]}… could not be opened: {error}.", _other_versions(row.versions)) from error

    def parts(self, sha: str) -> Iterator[pd.DataFrame]:
        """A stored table in parts, verified first: however large it is, one part at a time is held."""
        import pyarrow.parquet as parquet

        with parquet.ParquetFile(self.file(sha)) as table:
            for batch in table.iter_batches(PART_ROWS):
                yield batch.to_pandas()

    def file(self, sha: str) -> Path:
        """The file of an artifact, verified; it is read only, and not moved."""
        row = self._row(sha)
        path = self._there(row)
        with path.open("rb") as file:
            self._compare(row, hashlib.file_digest(file, "sha256").hexdigest())
        return path

    def read(self, sha: str) -> bytes:
        """The bytes as they were stored, verified and not parsed. Raises NotFound, DamagedArtifact."""
        return self._verified(self._row(sha))

    def _row(self, sha: str) -> ArtifactRow:
        with self._database.read() as session:
            row = session.get(ArtifactRow, sha)
        if row is None:
            raise NotFound(f"There is no artifact {sha[:12]}….", "Reload the page; it may belong to another home.")
        return row

    def sweep(self, grace: float = GRACE_SECONDS) -> list[Path]:
        """Remove files older than `grace` seconds that no row names, and return them.

        Under the write lock: nobody can name an object while it is being looked for.
        """
        with self._database.write() as session:
            named = set(session.exec(select(ArtifactRow.sha)))
            files = [*self.tmp.iterdir(), *(path for path in self._objects.glob("*/*") if path.name not in named)]
            orphans = [path for path in files if _age(path) > grace]
            for path in orphans:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return orphans

    def damaged(self) -> list[str]:
        """The artifacts whose bytes are not what they were; each is quarantined. Reads everything, so it takes its time."""
        with self._database.read() as session:
            rows = list(session.exec(select(ArtifactRow).where(col(ArtifactRow.state) == "ready")))
        found = []
        for row in rows:
            try:
                self._verified(row)
            except DamagedArtifact:  # this is the answer, not a failure
                found.append(row.sha)
        return found

    def _path(self, sha: str) -> Path:
        return self._objects / sha[:2] / sha

    def _move(self, tmp: Path, target: Path) -> None:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(tmp, target)
        for folder in (target.parent, self._objects):
            _fsync_folder(folder)

    def _verified(self, row: ArtifactRow) -> bytes:
        data = self._there(row).read_bytes()
        self._compare(row, hashlib.sha256(data).hexdigest())
        return data

    def _there(self, row: ArtifactRow) -> Path:
        path = self._path(row.sha)
        if row.state != "ready":
            raise _damage(row.sha, "it is in quarantine")
        if not path.exists():
            self._quarantine(row.sha)
            raise _damage(row.sha, "its file is missing")
        return path

    def _compare(self, row: ArtifactRow, sha: str) -> None:
        if sha != row.sha:
            self._quarantine(row.sha)
            raise _damage(row.sha, "its bytes have another SHA-256 than was recorded")

    def _quarantine(self, sha: str) -> None:
        with self._database.write() as session:
            row = session.get(ArtifactRow, sha)
            row.state = "quarantined"
            session.add(row)


def format_of(value: Any) -> Format:
    """How a value is kept when nobody says: arrays without code, tables as Parquet, the rest with joblib."""
    if isinstance(value, (bytes, Path)):
        return "bytes"
    if type(value).__name__ == "DataFrame":
        return "parquet"
    arrays = list(value.values()) if isinstance(value, dict) and value and all(isinstance(key, str) for key in value) else [value]
    return "npz" if all(_is_array(array) for array in arrays) else "joblib"


def _is_array(value: Any) -> bool:
    return type(value).__name__ == "ndarray" and not value.dtype.hasobject


def _encode(value: Any, format: Format, file: BinaryIO) -> None:
    if isinstance(value, bytes):
        file.write(value)
    elif isinstance(value, Path):
        with value.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)
    elif format in _ENCODE:
        _ENCODE[format](value, file)
    else:
        raise StoreError(f"A {type(value).__name__} cannot be stored as {format!r}.", f"Known formats: {', '.join(_DECODE)}.")


def _to_json(value: Any, file: BinaryIO) -> None:
    file.write(json.dumps(plain(value), ensure_ascii=False, sort_keys=True).encode())


def _to_npz(value: Any, file: BinaryIO) -> None:
    import numpy as np

    arrays = value if isinstance(value, Mapping) else {_ONLY: value}
    np.savez(file, allow_pickle=False, **arrays)


def _to_parquet(value: Any, file: BinaryIO) -> None:
    value.to_parquet(file, engine="pyarrow", index=False)


def _to_joblib(value: Any, file: BinaryIO) -> None:
    import joblib

    joblib.dump(value, file)


def _from_npz(data: bytes) -> np.ndarray | dict[str, np.ndarray]:
    """A dict of arrays, or the array itself when a single one was stored."""
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    return found[_ONLY] if list(found) == [_ONLY] else found


def _from_parquet(data: bytes) -> Any:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(data), engine="pyarrow")


def _from_joblib(data: bytes) -> Any:
    import joblib

    return joblib.load(io.BytesIO(data))


_ENCODE: dict[str, Callable[[Any, BinaryIO], None]] = {
    "json": _to_json, "npz": _to_npz, "parquet": _to_parquet, "joblib": _to_joblib,
}  # fmt: skip
_DECODE: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes, "json": json.loads, "npz": _from_npz, "parquet": _from_parquet, "joblib": _from_joblib,
}  # fmt: skip


def load_verified(data: bytes, sha: str) -> Any:
    """Open a joblib object of another origin (a bundle that the operator names) once its SHA-256 is right."""
    if hashlib.sha256(data).hexdigest() != sha:
        raise _damage(sha, f"its {len(data):,} bytes have another SHA-256 than was recorded")
    return _from_joblib(data)


def _versions() -> dict[str, str]:
    return {package: version for package in WROTE if (version := _version(package))}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _other_versions(wrote: dict[str, str]) -> str:
    changed = [
        f"{package} {version} (here: {_version(package) or 'none'})" for package, version in wrote.items() if _version(package) != version
    ]
    return f"It was written with {', '.join(changed)}: install these, or train again." if changed else "Train again to replace it."


def _damage(sha: str, why: str) -> DamagedArtifact:
    return DamagedArtifact(f"The artifact {sha[:12]}… is not opened: {why}.", "Restore its file from a backup, or train again.")


def _disk_error(error: OSError, folder: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = shutil.disk_usage(folder).free
        return StoreError(
            f"The disk is full: {free / 1e6:,.0f} MB are free.", "Free some space and try again; nothing that was stored is lost."
        )
    return StoreError(f"A file could not be written: {error}.", f"Check the folder {str(folder.parent)!r}.")


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
