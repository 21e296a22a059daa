"""Everything that can go wrong, as types.

    TrainyardError
    ├── DataError               a table or a file
    │   ├── FileRefused         we will not read it: its type, its size, what unpacking it would cost
    │   ├── Unreadable          we tried, and it is not what its name says
    │   └── SchemaMismatch      rows to score do not fit the columns the model was trained on
    ├── PlanError               a plan that cannot be carried out; `.problems` lists every reason
    ├── UnknownName             no such family, step, metric, column …; `.suggestions` has the near misses
    ├── NotFound                no such dataset, run, model …
    ├── StoreError              the memory: database and artifacts
    │   ├── StoreBusy           somebody else is writing for longer than we wait
    │   ├── LeaseLost           this worker no longer owns the run it is working on
    │   └── DamagedArtifact     bytes whose SHA-256 is not the recorded one
    ├── TrainingError           a run that ended without a model
    │   ├── OutOfMemory
    │   └── WorkerDied          a process that died in the middle of a fit, and again when it was tried once more
    ├── ExportRefused           an export that did not prove itself
    └── MissingPackage          an optional package is not installed; the hint is the install line

The message says what was seen and what was expected; `.hint` says what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TrainyardError(Exception):
    """The root: one sentence for a person in `str(error)`, the next step in `error.hint`."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def code(self) -> str:
        """The stable name of this kind of error, for a log or a JSON answer: `file_refused`, `not_found` …"""
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


class DataError(TrainyardError):
    """A table or a file that cannot be used as it is."""


class FileRefused(DataError):
    """A file that we will not read: its type, its size, or what unpacking it would cost."""


class Unreadable(DataError):
    """A file that is not what its name says, or that is damaged beyond reading."""


class SchemaMismatch(DataError):
    """Rows whose columns do not fit the schema; `.columns` names them."""

    def __init__(self, message: str, hint: str = "", columns: Iterable[str] = ()) -> None:
        super().__init__(message, hint)
        self.columns = tuple(columns)


class PlanError(TrainyardError):
    """A plan that cannot be carried out; `.problems` lists every reason, not only the first."""

    def __init__(self, message: str, hint: str = "", problems: Iterable = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class UnknownName(TrainyardError):
    """A name that the catalogue or a schema does not have, with the near misses."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.name, self.suggestions = name, near(name, known)
        listed = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
        hint = f"Did you mean {' or '.join(map(repr, self.suggestions))}?" if self.suggestions else f"Known: {listed}."
        super().__init__(f"There is no {what} named {name!r}.", hint)


class NotFound(TrainyardError):
    """An id or a name that the store does not have."""


class StoreError(TrainyardError):
    """The database or the artifact files."""


class StoreBusy(StoreError):
    """Another process has been writing for longer than we wait."""


class LeaseLost(StoreError):
    """A worker that writes to a run which is no longer its own."""


class DamagedArtifact(StoreError):
    """An artifact whose bytes do not have the SHA-256 that was recorded; it is never loaded."""


class TrainingError(TrainyardError):
    """A run that ended without a model."""


class OutOfMemory(TrainingError):
    """A fit that needed more memory than there is."""


class WorkerDied(TrainingError):
    """A process of the executor that died in the middle of a fit, twice."""


class ExportRefused(TrainyardError):
    """An export that did not predict the same as the model it was made from."""


class MissingPackage(TrainyardError):
    """An optional package that is not installed."""

    def __init__(self, package: str, what_for: str) -> None:
        super().__init__(f"{what_for} needs the package {package!r}, which is not installed.", f"pip install {package}")


def told(kind: str, message: str, hint: str) -> TrainyardError:
    """The error that another process has raised, by the name of its class; of the root where that class is made of other things."""
    found = globals().get(kind, DataError)
    return (TrainyardError if found in (UnknownName, MissingPackage) else found)(message, hint)


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names in `known` that a person may have meant by `name`, nearest first, ignoring case."""
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(str(candidate).lower(), str(candidate))
    return [by_lower[hit] for hit in difflib.get_close_matches(str(name).lower(), by_lower, n=most, cutoff=0.6)]
