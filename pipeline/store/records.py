"""What callers of the store get: plain frozen values, never a live database row.

Times are aware datetimes in UTC, for display; nothing is decided by them. Ids are 12 hexadecimal characters.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data import ImportReport
    from pipeline.data.schema import Schema
    from pipeline.plan import Plan

State = Literal["queued", "running", "stopping", "done", "failed", "cancelled", "interrupted"]
ACTIVE: tuple[State, ...] = ("queued", "running", "stopping")
LONGEST_NAME = 200  # characters
LARGE = 64_000_000  # bytes


@dataclass(frozen=True)
class Dataset:
    """One immutable version of a table. `sha256` is that of its content, `file_sha256` that of the file it came from."""

    id: str
    name: str
    version: int
    sha256: str
    file_sha256: str
    file_name: str
    schema: Schema
    report: ImportReport
    rows: int
    columns: int
    created: datetime
    _read: Callable[[], pd.DataFrame] = field(repr=False, compare=False)
    _beside: Callable[[str], Any] = field(repr=False, compare=False)
    _parts: Callable[[], Iterator[pd.DataFrame]] = field(repr=False, compare=False)
    _file: Callable[[], Path] = field(repr=False, compare=False)

    @property
    def is_large(self) -> bool:
        """Whether the rows would take so much memory that a process with other duties leaves them to a child."""
        head = self.head()
        return int(head.memory_usage(deep=True).sum()) * self.rows > LARGE * len(head)

    def head(self) -> pd.DataFrame:
        """The first 2,000 rows, read without the others."""
        found = self._beside("head")
        return self.table().head(2000) if found is None else found

    def sample(self) -> pd.DataFrame:
        """Evenly spread rows, 50,000 to 100,000 of a larger table, numbered anew; all rows of a smaller one."""
        from pipeline.data.sampling import sampled

        found = self._beside("sample")
        return sampled(self.table()) if found is None else found

    def lineage(self) -> dict[str, Any] | None:
        """What this version was made of: {"of": id, "version": number, "edits": [...]}; None for a file that was read."""
        return self._beside("lineage")

    def tops(self) -> dict[str, list[list[Any]]]:
        """The most frequent values of the columns that have few, counted over all rows; empty when nobody counted."""
        return self._beside("tops") or {}

    def table(self) -> pd.DataFrame:
        """The rows, shape (rows, columns), read from disk and verified at each call. Raises DamagedArtifact."""
        return self._read()

    def parts(self) -> Iterator[pd.DataFrame]:
        """The same rows, at most 250,000 at a time, for what need not hold them all."""
        return self._parts()

    def file(self) -> Path:
        """The Parquet file of the rows, verified, for a child process to read."""
        return self._file()

    def rows_at(self, positions: Iterable[int]) -> pd.DataFrame:
        """The rows at those positions, which are their index, in ascending order; a part of the table is held at a time."""
        import numpy as np
        import pandas as pd

        wanted, start, found = np.unique(np.fromiter(positions, dtype=np.int64)), 0, [self.head()[:0]]
        for part in self.parts() if len(wanted) else ():
            here = wanted[(wanted >= start) & (wanted < start + len(part))]
            found += [part.iloc[here - start].set_axis(here)] if len(here) else []
            start += len(part)
        return pd.concat(found[1:] or found)


@dataclass(frozen=True)
class Template:
    """A recipe kept by name; `recipe` is what `pipeline.Recipe` parses."""

    name: str
    recipe: dict[str, Any]
    saved: datetime


@dataclass(frozen=True)
class Run:
    """Doing a plan once. `progress` is 0 to 1; `best` is what the run says of its best trial so far.

    `message` and `hint` say how it ended when it did not end well; `code` is the kind of error. `attempt` counts from
    1 and rises with each resume. `heartbeat` is when the worker was last heard of.
    """

    id: str
    dataset_id: str
    plan: Plan
    fingerprint: str
    state: State
    phase: str
    progress: float
    eta_seconds: float | None
    best: dict[str, Any] | None
    message: str
    hint: str
    code: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    heartbeat: datetime | None
    attempt: int
    trials_done: int

    @property
    def analysis(self) -> str | None:
        """The name of the analysis that it carries out; None when it trains."""
        return self.plan.analysis.name if self.plan.analysis else None

    @property
    def active(self) -> bool:
        """Whether it may still change without anybody asking."""
        return self.state in ACTIVE

    @property
    def discarded(self) -> bool:
        """Whether somebody asked to keep nothing of it."""
        return self.code == "discarded"


@dataclass(frozen=True)
class Lease:
    """The right to write to a run, held by one worker. It is lost when the worker is not heard of for 15 seconds.

    `run` is the run as it was at the last beat. `expires` is for display: whether a lease is lost is judged on a clock
    that nobody can set (see `pulse`).
    """

    run: Run
    token: str
    expires: datetime


@dataclass(frozen=True)
class TrialRecord:
    """One trial as it stands. Its out-of-fold predictions are an artifact of the finished run ("oof")."""

    number: int
    family: str
    params: dict[str, Any]
    score: float | None
    interval: tuple[float, float] | None
    fold_scores: tuple[float, ...]
    seconds: float
    state: str
    message: str
    artifacts: dict[str, str]


@dataclass(frozen=True)
class Event:
    """What happened in a run; `seq` counts from 1 within the run, without gaps."""

    seq: int
    at: datetime
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class ModelVersion:
    """A kept model with what made it. `state` is "ready", or "quarantined" when its bytes were found damaged."""

    name: str
    version: int
    run_id: str
    attempt: int
    dataset_id: str
    plan_fingerprint: str
    content_sha256: str
    file_sha256: str
    artifact: str
    state: Literal["ready", "quarantined"]
    created: datetime
    aliases: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """The name that finds exactly this version again."""
        return f"{self.name}:{self.version}"


def plain(value: Any) -> Any:
    """The same as JSON-able values: numpy numbers and arrays, tuples, dates, models; NaN and infinity become None."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return plain(_unwrapped(value))


def _unwrapped(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if not f.name.startswith("_")}
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise StoreError(f"A {type(value).__name__} cannot be stored as JSON.", "Store it as an artifact, or turn it into numbers and text.")


def checked_name(what: str, name: str) -> str:
    """The name as it was given, or StoreError: names are data, so anything goes but blanks, broken text and excess."""
    if not isinstance(name, str) or not name.strip():
        raise StoreError(f"The name of the {what} is empty.", "Give it a name of at least one visible character.")
    if len(name) > LONGEST_NAME:
        raise StoreError(
            f"The name of the {what} has {len(name):,} characters; at most {LONGEST_NAME} are kept.", f"Shorten it: {name[:40]!r}…"
        )
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise StoreError(f"The name of the {what} is not valid Unicode: {name!a}.", "Remove the half characters (surrogates) from it.")
    return name
