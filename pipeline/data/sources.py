"""Where the fast path gets its blocks: a text table cut at line ends, or the row groups of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import witness
from pipeline.data.cells import MISSING
from pipeline.data.lines import tidy_quotes

if TYPE_CHECKING:
    from pipeline.data.job import Job
    from pipeline.data.report import ImportReport

BLOCK = 6 << 20
PROBE_PLACES = 24
PROBE_BYTES = 10_000
BATCH_ROWS = 1 << 17
MOST_COLUMNS = 2_000
MANY_COLUMNS, MUCH = 300, 256 << 20  # so wide, a table takes less time and memory in one piece, unless it is large
_ROOM = 768 << 20


class Unfit(Exception):
    """The file is not plain enough for the fast path; the careful one will say what is the matter with it."""


def opened(kind: str, path: Path, job: Job, probe: Path) -> Source | None:
    """The source for a file, its probe written to `probe`; None when the file cannot be opened so."""
    try:
        if kind == "parquet":
            return ParquetSource(path, probe, job)
        return TextSource(path, probe)
    except (Unfit, pa.ArrowInvalid, OSError):
        return None


class Source(Protocol):
    """`typed`: the columns have types of their own, and a row without any value is a row like others.

    `decimal` is the mark by which 1,234 is read where nothing in the table tells. `checksums`: see ImportReport.
    """

    checksums: bool | None
    typed: bool
    decimal: str
    rows_about: int

    def suits(self, report: ImportReport) -> bool: ...
    def blocks(self) -> Iterator[Any]: ...
    def read(self, block: Any, wanted: Sequence[bool]) -> list[Any]: ...
    def read_probe(self) -> list[pa.Array]: ...
    def columns(self, places: Sequence[int]) -> list[Any]: ...
    def finished(self, rows: int) -> None: ...


@dataclass(frozen=True)
class _Lines:
    """Whole lines of a text table: a piece of the file up to the end of a line, and whether a quotation mark is in it.

    What comes after that end is looked at too where that saves a copy of the lines: it is of the same file.
    """

    content: bytes
    end: int
    quoted: bool


class TextSource:
    """A text table in UTF-8 with a header of one line."""

    checksums = None
    typed, decimal = False, ""

    def __init__(self, path: Path, probe: Path) -> None:
        self._path, self._delimiter, self._width = path, ",", 0
        with path.open("rb") as file:
            self._head = file.readline(1 << 24)
        columns = 1 + max(self._head.count(mark) for mark in (b",", b";", b"\t", b"|"))
        # Arrow sets room for a whole block aside for each column.
        self._block = min(BLOCK, max(_ROOM // columns, 8 * len(self._head)))
        self._size = path.stat().st_size
        if columns > MOST_COLUMNS or (columns > MANY_COLUMNS and self._size < MUCH):
            raise Unfit("so many columns that the probe costs as much as the file, or blocks of a few rows more than they save")
        self._skip = 3 if self._head.startswith(b"\xef\xbb\xbf") else 0
        self._body = self._lines_all_over()
        self.rows_about = int((self._size - len(self._head)) * self._body.count(b"\n") / max(1, len(self._body)))
        probe.write_bytes(self._head + self._body)

    def _lines_all_over(self) -> bytes:
        piece = max(PROBE_BYTES, 4 * len(self._head))  # a wide table has long lines
        parts, start, room = [], len(self._head), self._size - len(self._head) - piece
        if room < PROBE_PLACES * PROBE_BYTES:
            raise Unfit("a small file")
        with self._path.open("rb") as file:
            for place in range(PROBE_PLACES):
                file.seek(start + room * place // (PROBE_PLACES - 1))
                parts.append(_whole_lines(file.read(piece), cut=place > 0, last=place == PROBE_PLACES - 1))
        return b"".join(parts)

    def suits(self, report: ImportReport) -> bool:
        """Whether the careful path found an even table in UTF-8 under a header."""
        self._delimiter = report.delimiter or ","
        self.decimal = "." if self._delimiter == "," else ""
        lines = self._body.count(b"\n") + (not self._body.endswith(b"\n"))
        return len(report.delimiter or "") == 1 and (report.encoding or "").startswith("utf-8") and report.rows == lines

    def read_probe(self) -> list[pa.Array]:
        self._width = self._names()
        return self.read(_lines(self._body), [True] * self._width)

    def _names(self) -> int:
        return _parsed(_lines(self._head[self._skip :]), None, self._delimiter).num_columns

    def blocks(self) -> Iterator[_Lines]:
        """The file after its header, cut where a line ends outside quotation marks."""
        at = len(self._head)
        with self._path.open("rb", buffering=0) as file:
            while at < self._size:
                file.seek(at)
                content = file.read(self._block)
                quoted = b'"' in content
                end = len(content) if at + len(content) >= self._size else _line_end(content, quoted)
                yield _Lines(content, end, quoted)
                at += end

    def read(self, block: _Lines, wanted: Sequence[bool]) -> list[Any]:
        """The cells of the wanted columns as text, those of the others as None."""
        content = block.content
        if b"\0" in content:
            raise Unfit("a zero byte")
        names = [f"f{i}" for i in range(self._width)]
        table = _parsed(block, [name for name, want in zip(names, wanted, strict=True) if want], self._delimiter, names)
        self._check_lines(block, table.num_rows)
        columns = iter(table.columns)
        return [_one(next(columns)) if want else None for want in wanted]

    def _check_lines(self, block: _Lines, rows: int) -> None:
        """Arrow takes a blank line for a short row. With quotes a row may have several lines, so there no two ends may meet."""
        content = block.content
        if block.quoted:
            spaced = f'{self._delimiter} "'.encode()
            if b"\n\n" in content or b"\n\r\n" in content or content[:1] in b"\r\n" or spaced in content:
                raise Unfit("a blank line, or blanks before quotation marks")
            if not tidy_quotes(content[: block.end], self._delimiter.encode()):
                raise Unfit("a quotation mark that neither opens nor closes a cell")
            return
        if b"\r" not in content:
            return
        lines = int(np.count_nonzero(np.frombuffer(content, dtype=np.uint8, count=block.end) == ord("\n")))
        if rows != lines + (content[block.end - 1] != ord("\n")):
            raise Unfit("a carriage return that ends no line")

    def columns(self, places: Sequence[int]) -> list[Any]:
        import pandas as pd

        parts: list[list[pa.Array]] = [[] for _ in places]
        wanted = [i in set(places) for i in range(self._width)]
        for block in self.blocks():
            chunks = self.read(block, wanted)
            for part, place in zip(parts, places, strict=True):
                part.append(chunks[place])
        return [pa.chunked_array(part).to_pandas(types_mapper=lambda kind: pd.StringDtype(na_value=np.nan)) for part in parts]

    def finished(self, rows: int) -> None:
        if not rows:
            raise Unfit("no rows")


def _whole_lines(piece: bytes, *, cut: bool, last: bool) -> bytes:
    """The lines of a piece that are whole."""
    start = piece.find(b"\n") + 1 if cut else 0
    end = len(piece) if last else piece.rfind(b"\n") + 1
    return piece[start:end] if end > start else b""


def _lines(content: bytes) -> _Lines:
    return _Lines(content, len(content), b'"' in content)


def _line_end(content: bytes, quoted: bool) -> int:
    """Where the last line of a block ends. A line feed between quotation marks is no end: before an end they are even in number."""
    end = content.rfind(b"\n") + 1
    if quoted:
        odd = content.count(b'"', 0, end) % 2
        while odd and end:
            before = content.rfind(b"\n", 0, end - 1) + 1
            odd, end = (odd + content.count(b'"', before, end)) % 2, before
    if not end:
        raise Unfit("a line longer than a block")
    return end


def _parsed(block: _Lines, wanted: list[str] | None, delimiter: str, names: list[str] | None = None) -> pa.Table:
    from pyarrow import csv

    named = {"column_names": names} if names else {"autogenerate_column_names": True}
    text = {"column_types": dict.fromkeys(names or [], pa.string())}
    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(block.content)[: block.end]),
        read_options=csv.ReadOptions(use_threads=False, block_size=block.end + 64, **named),
        parse_options=csv.ParseOptions(
            delimiter=delimiter, quote_char='"' if block.quoted else False, newlines_in_values=block.quoted, ignore_empty_lines=False
        ),
        convert_options=csv.ConvertOptions(
            include_columns=wanted or [], null_values=sorted(MISSING), strings_can_be_null=True, quoted_strings_can_be_null=True,
            check_utf8=not block.content.isascii(), **text,
        ),
    )


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class ParquetSource:
    """A Parquet file. Columns of a type that no lane takes are read as a whole."""

    typed, decimal = True, ""

    def __init__(self, path: Path, probe: Path, job: Job) -> None:
        import pyarrow.parquet as parquet

        from pipeline.data.columnar import opened_parquet

        self._file = opened_parquet(path, job.name, job.options)
        self.rows_about = self._file.metadata.num_rows
        self.checksums = witness.has_checksums(self._file, path)
        groups = self._file.num_row_groups
        chosen = sorted({groups * i // 4 for i in range(4)} | {groups - 1})
        parts = [_spread(next(self._file.iter_batches(BATCH_ROWS, row_groups=[group])), 1000) for group in chosen]
        self._probe = pa.Table.from_batches(parts)
        parquet.write_table(self._probe, probe)

    def suits(self, report: ImportReport) -> bool:
        return report.rows == len(self._probe)

    def read_probe(self) -> list[pa.Array]:
        batch = self._probe.combine_chunks().to_batches()[0]
        return self.read(batch, [True] * batch.num_columns)

    def blocks(self) -> Iterator[pa.RecordBatch]:
        return witness.batches(self._file, BATCH_ROWS, _damaged)

    def read(self, block: pa.RecordBatch, wanted: Sequence[bool]) -> list[Any]:
        return [plain(column) if want else None for column, want in zip(block.columns, wanted, strict=True)]

    def columns(self, places: Sequence[int]) -> list[Any]:
        from pipeline.data.columnar import as_plain, nullable
        from pipeline.data.report import Log

        names = [self._file.schema_arrow.names[place] for place in places]
        table = self._file.read(columns=names)
        return [as_plain(table[name], name, Log()).to_pandas(types_mapper=nullable) for name in names]

    def finished(self, rows: int) -> None:
        if rows != self._file.metadata.num_rows:
            raise Unfit("another number of rows than the file states")


def _damaged(words: str) -> None:
    raise Unfit(words)


def _spread(batch: pa.RecordBatch, rows: int) -> pa.RecordBatch:
    return batch.take(pa.array(np.arange(0, len(batch), max(1, len(batch) // rows))[:rows]))


def plain(column: pa.Array) -> pa.Array:
    """Texts as `string` with the marks for "missing" gone; other types as they are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    texts = column.cast(pa.string())
    marks = pc.is_in(texts, value_set=pa.array(sorted(MISSING)))
    return pc.if_else(marks, None, texts) if pc.any(marks).as_py() else texts
