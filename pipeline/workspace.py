"""What the processes of one run share: a private directory with the rows, the prepared features, and every finished fit.

A file is there whole or not at all: it is written aside, flushed and renamed. So whatever is killed, a fit that was
finished stays finished, and a run that is started again in the same directory takes it as done.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

DIGEST = hashlib.sha256().digest_size


class Workspace:
    """Named values in a directory that belongs to its owner alone."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def claim(self, owner: str) -> None:
        """Make the directory this owner's: what somebody else left in it is removed."""
        if self.get("owner") != owner:
            for path in self.path.iterdir():
                path.unlink(missing_ok=True)
            self.put("owner", owner)

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def age(self, name: str) -> float | None:
        """How many seconds ago the value was written; None when it is not there."""
        try:
            return time.time() - (self.path / name).stat().st_mtime
        except FileNotFoundError:
            return None

    def put(self, name: str, value: Any) -> None:
        """Keep a value under a name; one that is there is replaced."""
        with self._aside(name) as handle:
            handle.write(bytes(DIGEST))
            hashed = _Hashed(handle)
            pickle.dump(value, hashed, protocol=5)  # piece by piece: the bytes of a forest are not in memory a second time
            handle.seek(0)
            handle.write(hashed.digest.digest())

    def get(self, name: str) -> Any:
        """The value of that name, or None when there is none or its bytes are damaged (then it is made again)."""
        try:
            data = memoryview((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        whole = hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]
        # Written by our own processes into a directory that only its owner can write; nothing from outside ever gets here.
        return pickle.loads(data[DIGEST:]) if whole else None

    def put_matrix(self, name: str, made: Any) -> None:
        """Keep prepared features: an array, a CSR matrix, or a DataFrame of numbers and categories."""
        if isinstance(made, pd.DataFrame):
            levels = {i: column.cat.categories for i, (_, column) in enumerate(made.items()) if column.dtype == "category"}
            self._put_array(f"{name}.0", _numbers(made, levels))
            self.put(name, ("table", list(made.columns), levels))
        elif sparse.issparse(made):
            made = made.tocsr()
            for i, part in enumerate((made.data, made.indices, made.indptr)):
                self._put_array(f"{name}.{i}", part)
            self.put(name, ("csr", made.shape, None))
        else:
            self._put_array(f"{name}.0", np.asarray(made))
            self.put(name, ("array", None, None))

    def matrix(self, name: str) -> Any:
        """The prepared features of that name: memory-mapped and read-only, so that processes share them. None when there are none."""
        found = self.get(name)
        if found is None:
            return None
        kind, shape, levels = found
        if kind == "table":
            return _table(self._array(f"{name}.0"), shape, levels)
        if kind == "csr":
            return sparse.csr_matrix(tuple(self._array(f"{name}.{i}") for i in range(3)), shape=shape, copy=False)
        return self._array(f"{name}.0")

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Only one process at a time makes what has this name."""
        try:
            import fcntl
        except ImportError:  # not on Windows: two processes may make the same there, and the later rename wins
            yield
            return
        with open(self.path / f"{name}.lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _put_array(self, name: str, values: np.ndarray) -> None:
        with self._aside(name, durable=False) as handle:
            np.save(handle, values, allow_pickle=False)

    def _array(self, name: str) -> np.ndarray:
        values = np.load(self.path / name, mmap_mode="r", allow_pickle=False) if (self.path / name).stat().st_size > 4096 else None
        return np.load(self.path / name, allow_pickle=False) if values is None else values

    @contextlib.contextmanager
    def _aside(self, name: str, durable: bool = True) -> Iterator[Any]:
        handle, aside = tempfile.mkstemp(dir=self.path, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(aside, self.path / name)
        except BaseException:
            os.unlink(aside)
            raise


class _Hashed:
    """A file to write to that knows the SHA-256 of what was written."""

    def __init__(self, handle: Any) -> None:
        self._handle, self.digest = handle, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._handle.write(data)


def _numbers(made: pd.DataFrame, levels: dict[int, Any]) -> np.ndarray:
    """Every column as float64, categories as their codes: columns lie together, as they are read."""
    values = np.empty(made.shape, dtype="float64", order="F")
    for i in range(made.shape[1]):
        column = made.iloc[:, i]
        values[:, i] = column.cat.codes.to_numpy() if i in levels else column.to_numpy(dtype="float64", na_value=np.nan)
    return values


def _table(values: np.ndarray, names: list[str], levels: dict[int, Any]) -> pd.DataFrame:
    columns = {
        name: pd.Categorical.from_codes(values[:, i].astype(np.int32), levels[i]) if i in levels else values[:, i]
        for i, name in enumerate(names)
    }
    return pd.DataFrame(columns, copy=False)
