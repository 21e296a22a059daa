"""The box: a short-lived child process that parses one file under limits and writes Parquet and a JSON answer.

It is forked from a nursery for one folder, finds `job.json` there and leaves `table.parquet` and `answer.json`.
Whatever the bytes of a file do to a parser, they do it in here: the parent only ever opens what this module wrote.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from pipeline.data import formats
from pipeline.data.job import ANSWER, HEAD, JOB, SAMPLE, TABLE, Answer, Job
from pipeline.data.report import ImportReport, Limits, Log, ReadOptions
from pipeline.data.schema import Schema
from pipeline.errors import FileRefused, TrainyardError, Unreadable

SMALLEST_FAST = 4 << 20  # bytes; below this the careful path is quick enough
# What the careful path may say of a probe for the fast path to be taken; doubts about columns it finds again itself.
_FOUND_AGAIN = ("unparsable", "ambiguous_date", "missing_mark", "unit")
_HARMLESS = {"renamed": True, "nested": True, "binary": False, **dict.fromkeys(_FOUND_AGAIN, False)}
_MOST_MEMORY_SHARE = 0.8


def do(folder: Path) -> None:
    """Do the job in that folder under its limits, and write an answer, whether a table or a typed error."""
    _settle(folder)
    job = Job.model_validate_json((folder / JOB).read_bytes())
    restrict(job.options.limits, 0 if job.query else Path(job.path).stat().st_size)
    draft = folder / (ANSWER + ".tmp")
    draft.write_text(answered(job, folder).model_dump_json(), encoding="utf-8")
    os.replace(draft, folder / ANSWER)


def rehearse() -> None:
    """Import what most files need, and what pandas imports only when it reads a date."""
    import pandas as pd

    from pipeline.data import delimited, fast, hashing, profiles, rows, types  # noqa: F401

    types.infer(pd.DataFrame({"day": ["2024-12-31", "x"], "word": ["a", "b"]}))


def _settle(folder: Path) -> None:
    """Work in that folder: temporary files are swept with it, what is written to the standard streams is logged there, and nothing is read."""
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(file, stream)


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
    if job.query:
        from pipeline.data.database import answer_of

        return Answer(report=ImportReport(rows=answer_of(job.name, job.query, folder / TABLE, job.options.limits)))
    if job.edits:
        return _edited(job, folder)
    kind = formats.detect(Path(job.path), job.name)
    path = _unpacked(kind, job, folder)
    answer = _fast(kind, path, job, folder) if job.types and not job.head else None
    return answer or _kept(*_careful(kind, path, job, folder), folder)


def _edited(job: Job, folder: Path) -> Answer:
    import pandas as pd

    from pipeline.data.versions import Edit, edited

    assert job.table_schema is not None
    made = edited(pd.read_parquet(job.path), job.table_schema, [Edit.model_validate(edit) for edit in job.edits])
    return _kept(*made, ImportReport(rows=made[1].rows, columns=len(made[1].columns)), [], folder)


def _careful(kind: formats.Format, path: Path, job: Job, folder: Path) -> tuple[Any, Schema | None, ImportReport, list[str]]:
    from pipeline.data.rows import unique_names

    log = Log()
    parsed = _read(kind, path, job, folder, log)
    formats.check_shape(parsed.table.num_rows, parsed.table.num_columns, job.name, job.options.limits)
    names, renamed = unique_names(parsed.headers)
    renamed = renamed if job.types else {}  # as text, the names too are those of the file
    _note_renamed(renamed, log)
    frame, schema = _typed(parsed.table.rename_columns(names), renamed, job, _point(parsed.facts.get("delimiter")), log)
    shape = {"rows": len(frame), "columns": len(names)}
    recipe = _recipe(job.options, parsed.facts)
    report = ImportReport(
        problems=log.problems(), exact=log.exact, format=kind.kind, renamed=renamed, recipe=recipe, **shape, **parsed.facts
    )
    return frame, schema and schema.model_copy(update={"reading": recipe}), report, parsed.headers


def _recipe(said: ReadOptions, facts: dict[str, Any]) -> ReadOptions:
    """How to cut another file of this kind into cells: what was said, and what was found out where nothing was."""
    names = ("encoding", "delimiter", "quote", "escape", "widths", "sheet")
    found: dict[str, Any] = {name: facts[name] for name in names if facts.get(name) is not None}
    if "first_line" in facts:
        found |= {"skip": facts["first_line"] - 1, "header": "first" if facts["named"] else "none"}
    return said.model_copy(update={**found, "firm": False, "limits": Limits()})


def _kept(frame: Any, schema: Schema | None, report: ImportReport, headers: list[str], folder: Path) -> Answer:
    """The table as Parquet in `folder`, beside it the first rows and a sample."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    from pipeline.data.hashing import content_hash
    from pipeline.data.profiles import tops
    from pipeline.data.sampling import HEAD_ROWS, sampled

    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / TABLE)
    if schema is None:
        return Answer(report=report, headers=headers)
    sample = sampled(frame)
    for name, part in ((HEAD, frame.head(HEAD_ROWS)), (SAMPLE, sample)):
        if len(part) == len(frame):
            shutil.copyfile(folder / TABLE, folder / name)
        else:
            parquet.write_table(pa.Table.from_pandas(part, preserve_index=False), folder / name)
    counted = tops(frame, schema) if len(sample) < len(frame) else {}
    return Answer(report=report, table_schema=schema, content=content_hash(frame, schema), tops=counted)


def _fast(kind: formats.Format, path: Path, job: Job, folder: Path) -> Answer | None:
    """The answer of the fast path; None where the careful one has to look."""
    if kind.kind not in ("csv", "parquet") or path.stat().st_size < SMALLEST_FAST or not job.options.plain:
        return None
    import pyarrow.parquet as parquet

    from pipeline.data import fast, sources

    probe = folder / f"probe{kind.suffix}"
    source = sources.opened(kind.kind, path, job, probe)
    if source is None:
        return None
    try:
        frame, schema, report, _ = _careful(formats.Format(kind.kind, False, kind.suffix), probe, job, folder)
    except TrainyardError:
        return None  # a probe may be cut at an odd place; the careful path sees the whole file
    if any(problem.kind not in _HARMLESS for problem in report.problems) or not source.suits(report):
        return None
    made = fast.made(source, frame, schema, folder / TABLE, job.name, job.options.limits)
    if made is None:
        return None
    for name, part in ((HEAD, made.head), (SAMPLE, made.sample)):
        parquet.write_table(part, folder / name)
    told = made.schema.model_copy(update={"reading": report.recipe})
    said = _report(report, made, source.checksums)
    return Answer(report=said, table_schema=told, content=made.content, table_sha=made.sha256, tops=made.tops)


def _report(probe: ImportReport, made: Any, checksums: bool | None) -> ImportReport:
    """What the probe said of the file, and the pass over all of it of its cells."""
    log = Log()
    for problem in probe.problems:
        if problem.kind not in _FOUND_AGAIN:
            log.add(problem.kind, problem.message, problem.line, exact=_HARMLESS[problem.kind])
    for note in made.notes:
        log.add(note.kind, note.message)
    facts = {"rows": made.schema.rows, "checksums": checksums}
    return probe.model_copy(update={"problems": log.problems(), "exact": log.exact, **facts})


def _read(kind: formats.Format, path: Path, job: Job, folder: Path, log: Log) -> Any:
    """The right reader for the format; each is imported only when it is needed."""
    name, options = job.name, job.options
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
    from pipeline.data.encoding import as_utf8, first_lines

    text = as_utf8(path, folder, job.name, job.options, log)
    if kind.kind == "csv":
        text = first_lines(text, folder) if job.head else text
        from pipeline.data.delimited import read_delimited

        return read_delimited(text, folder, kind.suffix, job.name, job.options, log)
    from pipeline.data import records

    read = records.read_json if kind.kind == "json" else records.read_json_lines
    return read(text, job.name, job.options, log)


def _unpacked(kind: formats.Format, job: Job, folder: Path) -> Path:
    if not kind.packed:
        return Path(job.path)
    formats.unpack(Path(job.path), folder / "unpacked", kind, job.name, job.options.limits)
    return folder / "unpacked"


def _point(delimiter: str | None) -> str:
    """The decimal mark that a delimiter lets expect: a file cut by commas has points."""
    return "." if delimiter == "," else ""


def _note_renamed(renamed: dict[str, str], log: Log) -> None:
    for name, header in renamed.items():
        if not header.strip():
            message = f"A column without a name was called {name!r}, after its position."
        elif header.strip() == name:
            message = f"Blanks around the column name {header!r} were removed."
        else:
            message = f"The column name {header!r} occurs more than once; a later one was called {name!r}."
        log.add("renamed", message, exact=True)


def _typed(table: Any, renamed: dict[str, str], job: Job, decimal: str, log: Log) -> tuple[Any, Schema | None]:
    """The table as it will be handed over: typed with its schema, or every cell as text."""
    from pipeline.data import cells
    from pipeline.data.columnar import nullable
    from pipeline.data.types import infer_with_notes

    frame = table.to_pandas(types_mapper=nullable)
    if not job.types:
        return frame.apply(cells.as_text) if len(frame.columns) else frame, None
    typed, schema, notes = infer_with_notes(frame, renamed, job.options, decimal)
    for note in notes:
        log.add(note.kind, note.message)
    return typed, schema
