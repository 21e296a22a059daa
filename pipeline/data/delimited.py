"""Text tables: which delimiter, a fast path for well-formed files and a careful one that names every odd row."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from pipeline.data import dialect, fixed
from pipeline.data.dialect import Dialect
from pipeline.data.encoding import Text
from pipeline.data.formats import check_shape
from pipeline.data.layout import Grid, has_header, header_doubts, short, usual_width
from pipeline.data.lines import Record, records, tidy_quotes
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Parsed, header_only, to_columns
from pipeline.data.unwrapping import MARK, unwrapped
from pipeline.errors import FileRefused

_SAMPLE_LINES = 300
_SAMPLE_CHARS = 1 << 20
_BLOCK = 32 << 20
_MOST_COLUMNS = 500


def read_delimited(text: Text, folder: Path, suffix: str, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a text table. Raises Unreadable or FileRefused with what was seen."""
    csv.field_size_limit(options.limits.cell_chars)
    sample = _sample(text.path, name, options)
    widths = options.widths or (fixed.find_widths(sample) if options.delimiter is None else None)
    if widths:
        return fixed.read_fixed(text, widths, name, options, log)
    plain, pair = unwrapped(text, sample, folder, options, log)
    if plain is not text:
        text, sample = plain, _sample(plain.path, name, options)
        options = options.model_copy(update={"delimiter": MARK}) if pair else options
    found = dialect.detect(sample, dialect.PRIOR.get(suffix, ","), options, log)
    head = [record for record in records(sample[found.sep_line :], found.settings, None) if record.cells]
    check_shape(text.lines, max((len(record.cells) for record in head), default=0), name, options.limits)
    parsed = _fast(text, head, found, name, options, log) or _careful(text.path, found, head, name, options, log)
    parsed.facts.update(
        encoding=text.encoding, delimiter=pair or found.delimiter if parsed.table.num_columns > 1 else None, quote=found.quote, escape=found.escape
    )
    return parsed


def _sample(path: Path, name: str, options: ReadOptions) -> list[str]:
    """The first lines, ends included; a single line longer than the longest cell allowed is refused here."""
    lines, size = [], 0
    with open(path, encoding="utf-8-sig", newline="") as file:
        while len(lines) < _SAMPLE_LINES and size < _SAMPLE_CHARS:
            line = file.readline(options.limits.cell_chars)
            if not line:
                break
            if len(line) == options.limits.cell_chars:
                _refuse_long_line(line, name, options)
            lines.append(line)
            size += len(line)
    return lines


def _refuse_long_line(line: str, name: str, options: ReadOptions) -> None:
    columns = max(line.count(delimiter) for delimiter in dialect.COMMON) + 1
    check_shape(1, columns, name, options.limits)
    raise FileRefused(
        f"{name} has a line of more than {options.limits.cell_chars:,} characters.", "A text table has one row per line; export it again."
    )


def _fast(text: Text, head: list[Record], found: Dialect, name: str, options: ReadOptions, log: Log) -> Parsed | None:
    """Arrow's reader, only where its answer is certain: every row as wide as the header. None sends the file to the careful path."""
    rows = [record.cells for record in head]
    width = len(rows[0]) if rows else 0
    if len(rows) < 3 or width < 2 or any(len(row) != width for row in rows[:-1]) or any(record.flaw for record in head[:-1]):
        return None
    if options.skip or options.footer or not found.plain or not tidy_quotes(text.path.read_bytes(), found.delimiter.encode()):
        return None
    if has_header(rows, options.header) != (True, True) or not all(cell.strip() for cell in rows[0]) or header_doubts(rows[0], rows[1:]):
        return None
    if width > _MOST_COLUMNS:
        return None  # Arrow sets room for a whole block aside for each column
    table = _arrow(text.path, width, found.delimiter)
    if table is None or table.num_columns != width:
        return None
    headers = [column[0].as_py() for column in table.columns]
    if headers != rows[0] or table.num_rows < text.lines // 2 or _ends_narrow(table):
        return None
    if table.num_rows == 1:
        raise header_only(name, headers)
    _note_blank(text, table, log)
    return Parsed(table.slice(1), headers, {"first_line": 1, "named": True})


def _ends_narrow(table: pa.Table) -> bool:
    """True when a row at the end, or any row of the head, is nearly empty: that may be a note below the table."""
    ends = [*table.slice(0, 100).to_pylist(), *table.slice(max(0, table.num_rows - 20)).to_pylist()]
    return any(sum(bool(cell.strip()) for cell in row.values()) <= 1 for row in ends)


def _note_blank(text: Text, table: pa.Table, log: Log) -> None:
    """Arrow skips blank lines without a word. Only without quotes is a line a row, and only then can they be counted."""
    blank = text.lines - table.num_rows
    if blank > 0 and not _has_quote(text.path):
        log.add("blank_row", f"{blank:,} blank lines were left out.", exact=True)


def _has_quote(path: Path) -> bool:
    with open(path, "rb") as file:
        return any(b'"' in chunk for chunk in iter(lambda: file.read(1 << 20), b""))


def _arrow(path: Path, width: int, delimiter: str) -> pa.Table | None:
    from pyarrow import csv as arrow

    names = [f"f{i}" for i in range(width)]
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, quoted_strings_can_be_null=False
    )
    try:
        return arrow.read_csv(
            path,
            read_options=arrow.ReadOptions(autogenerate_column_names=True, block_size=_BLOCK),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=convert,
        )
    except pa.ArrowInvalid:
        return None  # not an even table: the careful reader finds out where and says so


def _careful(path: Path, found: Dialect, head: list[Record], name: str, options: ReadOptions, log: Log) -> Parsed:
    width = usual_width([record.cells for record in head])
    grid = Grid([], [])
    with open(path, encoding="utf-8-sig", newline="") as file:
        if found.sep_line:
            log.add("preamble", f"The first line only names the delimiter: {file.readline().strip()!r}.", 1, exact=True)
        try:
            for record in records(file, found.settings, width):
                _keep(record, grid, found.sep_line, name, options, log)
        except csv.Error as error:
            raise FileRefused(
                f"{name} has a cell of more than {options.limits.cell_chars:,} characters after line {grid.lines[-1] if grid.lines else 1:,} ({error}).",
                "A quotation mark may not be closed. Mend that line and upload the file again.",
            ) from error
    return to_columns(grid, name, options, log)


def _keep(record: Record, grid: Grid, shift: int, name: str, options: ReadOptions, log: Log) -> None:
    grid.rows.append(record.cells)
    grid.lines.append(record.line + shift)
    if record.flaw:
        log.add("quotes", f"In this row {record.flaw}; check its cells: {short(record.cells)}.", record.line + shift)
    if len(record.cells) > options.limits.columns:
        check_shape(1, len(record.cells), name, options.limits)
