"""From a file to a table. Nothing in a file is parsed in this process: it starts the box and waits for what it leaves."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.data import nursery
from pipeline.data.job import ANSWER, HEAD, JOB, SAMPLE, TABLE, Answer, Job
from pipeline.data.report import ImportReport, ReadOptions
from pipeline.data.schema import Schema
from pipeline.errors import FileRefused, NotFound, TrainyardError, Unreadable, told

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.versions import Edit

_SMALLER = "Upload fewer rows or columns, or the same table as Parquet."
AS_FOUND = ReadOptions()


def read(
    path: Path | str, *, types: bool = True, name: str | None = None, options: ReadOptions = AS_FOUND
) -> tuple[pd.DataFrame, ImportReport]:
    """The table in a file, and everything that was detected or repaired on the way.

    `name` is what the owner calls the file when `path` is not (its extension counts). `types=False` leaves every cell as
    the text in the file, and every header, though it be blank or there twice.
    Raises FileRefused (type, size, cost), Unreadable (damaged, empty), NotFound (no such file).
    """
    table, _, report = in_box(path, types=types, name=name, options=options)
    return table, report


def load(path: Path | str, *, name: str | None = None, options: ReadOptions = AS_FOUND) -> tuple[pd.DataFrame, Schema, ImportReport]:
    """`read` with types, and the schema that says how the text was read: what scoring needs to read alike."""
    table, schema, report = in_box(path, types=True, name=name, options=options)
    assert schema is not None
    return table, schema, report


def look(path: Path | str, *, name: str | None = None, options: ReadOptions = AS_FOUND) -> tuple[pd.DataFrame, Schema, ImportReport]:
    """`load` for the first 2,000 lines of a text table, and for the whole of other files: to show how a file would be read."""
    with boxed(path, name=name, options=options, head=True) as found:
        assert found.schema is not None
        return _table(found.head, None), found.schema, found.report


def read_rows(path: Path | str, schema: Schema, *, name: str | None = None) -> tuple[pd.DataFrame, ImportReport]:
    """Rows to score, as text, cut into cells by the recipe of the training file; found out anew where that does not give its columns."""
    if schema.reading is not None:
        try:
            table, report = read(path, types=False, name=name, options=schema.reading)
        except (NotFound, Unreadable):  # another sheet, say; what is really wrong shows when the file is read for itself
            return read(path, types=False, name=name)
        known = {str(header).strip() for header in table.columns}
        if 2 * sum(column.name in known or column.source.strip() in known for column in schema.columns) >= len(schema.columns):
            return table, report
    return read(path, types=False, name=name)


def in_box(
    path: Path | str,
    *,
    types: bool,
    name: str | None = None,
    options: ReadOptions = AS_FOUND,
    on_start: Callable[[int], None] | None = None,
) -> tuple[pd.DataFrame, Schema | None, ImportReport]:
    """Parse in a child process under the limits of `options`. `on_start` is told the process id of the child."""
    with boxed(path, types=types, name=name, options=options, on_start=on_start) as found:
        return _table(found.table, found.headers), found.schema, found.report


@dataclass(frozen=True)
class Boxed:
    """What the child left: Parquet files, which belong to whoever moves them away before the `with` block ends.

    `head` has the first rows and `sample` evenly spread ones; `content` is the content hash, `tops` the
    most frequent values. `headers` are there when
    every cell was asked for as text. `table_sha` is the SHA-256 of the table's file, where the child says it.
    """

    schema: Schema | None
    report: ImportReport
    content: str
    tops: dict[str, list]
    headers: list[str] | None
    table: Path
    head: Path
    sample: Path
    table_sha: str = ""


@contextlib.contextmanager
def boxed(
    path: Path | str,
    *,
    types: bool = True,
    name: str | None = None,
    options: ReadOptions = AS_FOUND,
    head: bool = False,
    within: Path | None = None,
    on_start: Callable[[int], None] | None = None,
) -> Iterator[Boxed]:
    """Parse in a child process under the limits of `options`, and leave the table on disk: this process never holds it.

    `within` is the folder where the child may write, the system's for temporary files when it is None.
    """
    path = Path(path)
    name = name or path.name
    _check_size(path, name, options)
    with done(Job(path=str(path.resolve()), name=name, types=types, options=options, head=head), within, on_start) as (folder, answer):
        yield _left(folder, answer)


@contextlib.contextmanager
def edited_in_box(path: Path, name: str, schema: Schema, edits: Iterable[Edit], within: Path) -> Iterator[Boxed]:
    """What the edits make of a stored table (Parquet, of that schema), done by a child as `boxed` is."""
    told = tuple(edit.model_dump(mode="json") for edit in edits)
    with done(Job(path=str(path), name=name, types=True, options=AS_FOUND, edits=told, table_schema=schema), within) as (folder, answer):
        yield _left(folder, answer)


def _left(folder: Path, answer: Answer) -> Boxed:
    report, paths = answer.report or ImportReport(), (folder / TABLE, folder / HEAD, folder / SAMPLE)
    return Boxed(answer.table_schema, report, answer.content or "", answer.tops, answer.headers, *paths, answer.table_sha)


@contextlib.contextmanager
def done(job: Job, within: Path | None = None, on_start: Callable[[int], None] | None = None) -> Iterator[tuple[Path, Answer]]:
    """Have a child do the job: the folder in which it left its files, which is swept in the end, and its answer."""
    folder = Path(tempfile.mkdtemp(prefix="trainyard-box-", dir=within))
    try:
        (folder / JOB).write_text(job.model_dump_json(), encoding="utf-8")
        _run(folder, job, on_start)
        yield folder, _answer(folder, job.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_size(path: Path, name: str, options: ReadOptions) -> None:
    if not path.is_file():
        raise NotFound(f"There is no file {name!r}.", "Check the path, or upload the file again.")
    size = path.stat().st_size
    if size > options.limits.file_bytes:
        raise FileRefused(f"{name} has {size / 1e9:.2f} GB; at most {options.limits.file_bytes / 1e9:.2f} GB are read.", _SMALLER)


def _run(folder: Path, job: Job, on_start: Callable[[int], None] | None) -> None:
    seconds = job.options.limits.wall_seconds
    code = nursery.boxed(folder, seconds, on_start, fresh=bool(job.query))
    if code is None:
        raise FileRefused(f"Reading {job.name} took more than {seconds:g} seconds and was stopped.", _SMALLER)
    if code != 0:
        raise _death(code, job)


def _death(code: int, job: Job) -> TrainyardError:
    limits = job.options.limits
    if code == -signal.SIGXCPU:
        return FileRefused(f"Reading {job.name} took more than {limits.cpu_seconds} seconds of computing and was stopped.", _SMALLER)
    if code == -signal.SIGALRM:
        return FileRefused(f"Reading {job.name} took more than {limits.wall_seconds:g} seconds and was stopped.", _SMALLER)
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return FileRefused(f"Reading {job.name} was ended by the system ({_signal(code)}), most likely for lack of memory.", _SMALLER)
    how = _signal(code) if code < 0 else f"exit status {code}"
    return Unreadable(
        f"{job.name} made the reader stop ({how}).", "The file may be damaged. Save it again, for example as CSV, and upload that."
    )


def _signal(code: int) -> str:
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"


def _answer(folder: Path, name: str) -> Answer:
    try:
        answer = Answer.model_validate_json((folder / ANSWER).read_bytes())
    except (OSError, ValidationError) as error:
        raise Unreadable(
            f"{name} made the reader stop without an answer.", "Save the table again, for example as CSV, and upload that."
        ) from error
    if answer.error is None:
        return answer
    raise told(answer.error, answer.message, answer.hint)


def _table(path: Path, headers: list[str] | None) -> pd.DataFrame:
    """The table that the box wrote, with the types that it had there (pandas keeps them in the file)."""
    import pandas as pd

    table = pd.read_parquet(path, engine="pyarrow")
    if headers is not None:
        table.columns = pd.Index(headers)
    return table
