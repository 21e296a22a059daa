"""Rows of a database by a query, from the sources that the operator allows: nobody else ever names a database.

TRAINYARD_SOURCES is the path of a JSON file, {"warehouse": "postgresql+psycopg://reader:…@host/db", ...}, with SQLAlchemy URLs.
A visitor chooses among the names and writes the query; URLs are never shown.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data.formats import check_shape
from pipeline.data.report import Limits, ReadOptions
from pipeline.errors import DataError, FileRefused, UnknownName, Unreadable

VARIABLE = "TRAINYARD_SOURCES"
_BATCH = 10_000
_READS = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(r"\b(?:insert|update|delete|merge|drop|alter|create|truncate|grant|attach|pragma|copy|call)\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


def sources() -> tuple[str, ...]:
    """The names of the databases that may be asked; none when the operator has allowed none."""
    return tuple(sorted(_urls()))


def _urls() -> Mapping[str, str]:
    said = os.environ.get(VARIABLE, "")
    if not said:
        return {}
    try:
        urls = json.loads(Path(said).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{VARIABLE} names {said!r}, which cannot be read as JSON: {error}.", 'It must hold {"name": "SQLAlchemy URL"}.'
        ) from error
    if not isinstance(urls, dict) or not all(isinstance(url, str) for url in urls.values()):
        raise DataError(
            f"{VARIABLE} names {said!r}, which is not a JSON object of names and URLs.", 'It must hold {"name": "SQLAlchemy URL"}.'
        )
    return urls


def fetch(source: str, query: str, into: Path, limits: Limits | None = None) -> int:
    """Write the rows of a query to `into` as Parquet and return their number. The query is rolled back, whatever it does.

    It is asked in the box, under the limits of a file. Raises UnknownName for a source that is not allowed, FileRefused for more than a
    reading query and for an answer that costs too much, and Unreadable with what the database said.
    """
    from pipeline.data.job import TABLE, Job
    from pipeline.data.reader import done

    _check(source, query)
    with done(Job(path="", name=source, types=False, options=ReadOptions(limits=limits or Limits()), query=query)) as (folder, answer):
        shutil.move(folder / TABLE, into)
        return answer.report.rows if answer.report else 0


def _check(source: str, query: str) -> str:
    """The URL of a source that is allowed, for a query that is."""
    urls = _urls()
    if source not in urls:
        raise UnknownName("source", source, sorted(urls))
    _check_reading(query)
    return urls[source]


def answer_of(source: str, query: str, into: Path, limits: Limits) -> int:
    """`fetch`, in the process that calls: the box."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(_check(source, query), pool_pre_ping=True)
    try:
        with engine.connect() as link, link.begin() as transaction:
            rows = link.execution_options(stream_results=True).execute(text(query.replace(":", r"\:")))
            written = _written(rows, into, limits)
            transaction.rollback()
    except (SQLAlchemyError, ImportError) as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0][:300]
        raise Unreadable(f"{source} did not answer the query: {said}.", "Check the names of tables and columns in the query.") from error
    finally:
        engine.dispose()
    return written


def _check_reading(query: str) -> None:
    """One statement that reads. The account in the URL should be allowed no more than that; this keeps slips of the pen away."""
    bare = _LITERAL.sub("''", query).strip().rstrip(";")
    if ";" in bare or not _READS.match(bare + " ") or _WRITES.search(bare):
        raise FileRefused("Only one query that reads is run: SELECT ... or WITH ... SELECT ...", "Leave everything else out of the query.")


def _written(rows: Any, into: Path, limits: Limits) -> int:
    """The rows as Parquet, in batches of the types that the first one shows; a batch that does not fit them turns all into text."""
    import pyarrow.parquet as parquet

    names, count = list(rows.keys()), 0
    columns: list[list[pa.Array]] = [[] for _ in names]
    for batch in rows.partitions(_BATCH):
        count += len(batch)
        check_shape(count, len(names), "The answer", limits)
        for column, values in zip(columns, zip(*batch, strict=True), strict=True):
            column.append(_array(values))
    if not count:
        raise Unreadable("The query gave no rows.", "Check its conditions.")
    arrays = [_joined(parts) for parts in columns]
    parquet.write_table(pa.Table.from_arrays(arrays, names=_distinct(names)), into)
    return count


def _array(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _joined(parts: list[pa.Array]) -> pa.ChunkedArray:
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) <= 1:
        kind = kinds.pop() if kinds else pa.string()
        return pa.chunked_array([part.cast(kind) for part in parts], kind)
    return pa.chunked_array(
        [pa.array([None if v is None else str(v) for v in part.to_pylist()], pa.string()) for part in parts], pa.string()
    )


def _distinct(names: list[str]) -> list[str]:
    from pipeline.data.rows import unique_names

    return unique_names(names)[0]
