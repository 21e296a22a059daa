"""The box: a short-lived child process that parses one file under limits and writes Parquet and a JSON answer.

`python -m pipeline.data.box FOLDER` finds `job.json` in the folder and leaves `table.parquet` and `answer.json` there. Whatever
the bytes of a file do to a parser, they do it in here: the parent only ever opens what this module wrote.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.data import formats
from pipeline.data.report import ImportReport, Limits, Log, ReadOptions
from pipeline.data.schema import Schema
from pipeline.errors import FileRefused, TrainyardError, Unreadable

JOB, TABLE, ANSWER = "job.json", "table.parquet", "answer.json"
_MOST_MEMORY_SHARE = 0.8


class Job(BaseModel):
    """What to read: `path` is where the bytes are, `name` what their owner calls them, `types` whether to infer types."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    name: str
    types: bool
    options: ReadOptions


class Answer(BaseModel):
    """What came of it: a report and a schema, or the headers when every cell was asked for as text, or an error by its class name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: ImportReport | None = None
    table_schema: Schema | None = None
    headers: list[str] | None = None
    error: str | None = None
    message: str = ""
    hint: str = ""


def main(folder: Path) -> int:
    """Do the job in `folder`; 0 when an answer was written, whether a table or a typed error."""
    job = Job.model_validate_json((folder / JOB).read_bytes())
    restrict(job.options.limits, Path(job.path).stat().st_size)
    answer = answered(job, folder)
    draft = folder / (ANSWER + ".tmp")
    draft.write_text(answer.model_dump_json(), encoding="utf-8")
    os.replace(draft, folder / ANSWER)
    return 0


def restrict(limits: Limits, size: int) -> None:
    """Limit this process: address space, CPU seconds, size of any file it writes, and wall time by an alarm."""
    memory = limits.memory_bytes or 3 * 1024**3 + 12 * size
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = min(memory, int(_MOST_MEMORY_SHARE * installed))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * limits.expanded_bytes, 2 * limits.expanded_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The parent watches the clock; the alarm ends a child whose parent is gone.
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds + 5)


def answered(job: Job, folder: Path) -> Answer:
    """Do the job without limits: whatever happens becomes an Answer. The table is left in `folder`."""
    try:
        return _parse(job, folder)
    except TrainyardError as error:
        return Answer(error=type(error).__name__, message=str(error), hint=error.hint)
    except MemoryError:
        return _refusal(f"{job.name} needs more memory to read than one file may take.", "Upload fewer rows or columns, or Parquet.")
    except OSError as error:
        if error.errno not in (errno.EFBIG, errno.ENOSPC):
            return _unexpected(job, error)
        return _refusal(f"{job.name} needs more disk space to read than there is for it ({error.strerror}).", "Upload a smaller file.")
    except Exception as error:  # a parser may raise anything at all; it must become a sentence, with the trace in the log
        return _unexpected(job, error)


def _refusal(message: str, hint: str) -> Answer:
    return Answer(error=FileRefused.__name__, message=message, hint=hint)


def _unexpected(job: Job, error: Exception) -> Answer:
    traceback.print_exc(file=sys.stderr)
    message = f"{job.name} could not be read ({type(error).__name__}: {str(error)[:200]})."
    return Answer(error=Unreadable.__name__, message=message, hint="Save the table again, for example as CSV in UTF-8, and upload that.")


def _parse(job: Job, folder: Path) -> Answer:
    import pyarrow.parquet as parquet

    from pipeline.data.rows import unique_names

    log = Log()
    kind = formats.detect(Path(job.path), job.name)
    parsed = _read(kind, job, folder, log)
    formats.check_shape(parsed.table.num_rows, parsed.table.num_columns, job.name, job.options.limits)
    names, renamed = unique_names(parsed.headers)
    renamed = renamed if job.types else {}  # as text, the names too are those of the file
    _note_renamed(renamed, log)
    table, schema = _typed(parsed.table.rename_columns(names), renamed, job, log)
    parquet.write_table(table, folder / TABLE, compression="none")
    shape = {"rows": table.num_rows, "columns": len(names)}
    report = ImportReport(problems=log.problems(), exact=log.exact, format=kind.kind, renamed=renamed, **shape, **parsed.facts)
    return Answer(report=report, table_schema=schema, headers=None if job.types else parsed.headers)


def _read(kind: formats.Format, job: Job, folder: Path, log: Log) -> Any:
    """The right reader for the format; each is imported only when it is needed."""
    path, name, options = _unpacked(kind, job, folder), job.name, job.options
    if kind.kind in formats.TEXT:
        return _read_text(kind, path, folder, job, log)
    if kind.kind in ("parquet", "feather"):
        from pipeline.data.columnar import read_columns

        return read_columns(path, kind.kind, name, options, log)
    from pipeline.data.workbook import read_workbook

    if kind.kind in ("xlsx", "ods"):
        formats.check_workbook(path, name, options.limits)
    return read_workbook(path, name, options, log)


def _read_text(kind: formats.Format, path: Path, folder: Path, job: Job, log: Log) -> Any:
    from pipeline.data.encoding import as_utf8

    text = as_utf8(path, folder, job.name, job.options.encoding, log)
    if kind.kind == "csv":
        from pipeline.data.delimited import read_delimited

        return read_delimited(text, kind.suffix, job.name, job.options, log)
    from pipeline.data import records

    read = records.read_json if kind.kind == "json" else records.read_json_lines
    return read(text, job.name, job.options, log)


def _unpacked(kind: formats.Format, job: Job, folder: Path) -> Path:
    if not kind.packed:
        return Path(job.path)
    formats.unpack(Path(job.path), folder / "unpacked", kind, job.name, job.options.limits)
    return folder / "unpacked"


def _note_renamed(renamed: dict[str, str], log: Log) -> None:
    for name, header in renamed.items():
        if not header.strip():
            message = f"A column without a name was called {name!r}, after its position."
        elif header.strip() == name:
            message = f"Blanks around the column name {header!r} were removed."
        else:
            message = f"The column name {header!r} occurs more than once; a later one was called {name!r}."
        log.add("renamed", message, exact=True)


def _typed(table: Any, renamed: dict[str, str], job: Job, log: Log) -> tuple[Any, Schema | None]:
    """The table as it will be handed over: typed with its schema, or every cell as text."""
    import pyarrow as pa

    from pipeline.data import cells
    from pipeline.data.types import infer_with_notes

    frame = table.to_pandas(types_mapper=nullable)
    if not job.types:
        frame = frame.apply(cells.as_text) if len(frame.columns) else frame
        return pa.Table.from_pandas(frame, preserve_index=False), None
    typed, schema, notes = infer_with_notes(frame, renamed)
    for note in notes:
        log.add(note.kind, note.message)
    return pa.Table.from_pandas(typed, preserve_index=False), schema


def nullable(kind: Any) -> Any:
    """Integers and booleans with missing cells keep their type: as floats, large whole numbers would be rounded."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_integer(kind):
        return pd.UInt64Dtype() if kind == pa.uint64() else pd.Int64Dtype()
    return pd.BooleanDtype() if pa.types.is_boolean(kind) else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
