"""Text tables: which delimiter, a fast path for well-formed files and a careful one that names every odd row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.data.encoding import Text
from pipeline.data.formats import check_shape
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Grid, Parsed, has_header, header_only, to_columns, usual_width
from pipeline.errors import FileRefused

DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_PRIOR = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|", ".ssv": ";"}
_CLEAN = re.compile(r"[^,;|\t\"]*")
_SAMPLE_LINES = 300
_SAMPLE_CHARS = 1 << 20
_LEAST_SCORE = 0.35
_BLOCK = 32 << 20


def read_delimited(text: Text, suffix: str, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a text table. Raises Unreadable or FileRefused with what was seen."""
    csv.field_size_limit(options.limits.cell_chars)
    sample = _sample(text.path, name, options)
    delimiter = options.delimiter or _delimiter(sample, _PRIOR.get(suffix, ","), log)
    spaced = any(f'{delimiter} "' in line for line in sample) and not any(f'{delimiter}"' in line for line in sample)
    head = list(_records(sample, delimiter))
    width = max((len(row) for row, _ in head), default=0)
    check_shape(text.lines, width, name, options.limits)
    parsed = None if spaced else _fast(text, head, delimiter, name, options, log)
    parsed = parsed or _careful(text.path, delimiter, spaced, name, options, log)
    parsed.facts.update(encoding=text.encoding, delimiter=delimiter if parsed.table.num_columns > 1 else None)
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
    columns = max(line.count(delimiter) for delimiter in DELIMITERS) + 1
    check_shape(1, columns, name, options.limits)
    raise FileRefused(
        f"{name} has a line of more than {options.limits.cell_chars:,} characters.", "A text table has one row per line; export it again."
    )


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Rows of the sample with the line on which each begins; blank lines are left out."""
    reader = csv.reader(iter(lines), delimiter=delimiter)
    line = 1
    for row in reader:
        if row:
            yield row, line
        line = reader.line_num + 1


def _delimiter(sample: list[str], prior: str, log: Log) -> str:
    """The delimiter that cuts the sample into the most even rows of the cleanest cells; `prior` wins a near tie."""
    scores = {delimiter: _score(sample, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda d: (scores[d] + (0.02 if d == prior else 0), d == prior))
    if scores[best] < _LEAST_SCORE:
        _say_weak(scores, best, log)
        return best if scores[best] > 0 and best == prior else prior
    rivals = [d for d, score in scores.items() if d != best and score > scores[best] - 0.05]
    if rivals:
        listed = " or ".join(_NAMES[d] for d in rivals)
        log.add("delimiter", f"The delimiter may be a {_NAMES[best]} or a {listed}; the {_NAMES[best]} was taken.")
    return best


def _say_weak(scores: dict[str, float], best: str, log: Log) -> None:
    if scores[best] > 0:
        log.add("delimiter", "No delimiter cuts the lines into even rows; check the columns, or set the delimiter by hand.")


def _score(sample: list[str], delimiter: str) -> float:
    """0 (no use) to 1: the share of rows of the usual width, times the share of cells without another delimiter inside."""
    rows = [row for row, _ in _records(sample, delimiter)]
    width = usual_width(rows)
    if width < 2:
        return 0.0
    even = [row for row in rows if len(row) == width]
    cells = [cell for row in even for cell in row]
    clean = sum(bool(_CLEAN.fullmatch(cell)) for cell in cells) / len(cells)
    return len(even) / len(rows) * (0.4 + 0.6 * clean) * width / (width + 0.2)


def _fast(text: Text, head: list[tuple[list[str], int]], delimiter: str, name: str, options: ReadOptions, log: Log) -> Parsed | None:
    """Arrow's reader, only where its answer is certain: every row as wide as the header. None sends the file to the careful path."""
    rows = [row for row, _ in head]
    width = len(rows[0]) if rows else 0
    if len(rows) < 3 or width < 2 or any(len(row) != width for row in rows[:-1]) or not _even_quotes(text.path):
        return None
    if not has_header(rows[0], rows[1], options.header) or not all(cell.strip() for cell in rows[0]):
        return None
    table = _arrow(text.path, width, delimiter)
    if table is None or table.num_columns != width:
        return None
    headers = [column[0].as_py() for column in table.columns]
    if headers != rows[0] or table.num_rows < text.lines // 2:
        return None
    if table.num_rows == 1:
        raise header_only(name, headers)
    _note_blank(text, table, log)
    return Parsed(table.slice(1), headers)


def _note_blank(text: Text, table: pa.Table, log: Log) -> None:
    """Arrow skips blank lines without a word. Only without quotes is a line a row, and only then can they be counted."""
    blank = text.lines - table.num_rows
    if blank > 0 and not _has_quote(text.path):
        log.add("blank_row", f"{blank:,} blank lines were left out.", exact=True)


def _quotes(path: Path) -> int:
    count = 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            count += chunk.count(b'"')
    return count


def _even_quotes(path: Path) -> bool:
    return _quotes(path) % 2 == 0


def _has_quote(path: Path) -> bool:
    return _quotes(path) > 0


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


def _careful(path: Path, delimiter: str, spaced: bool, name: str, options: ReadOptions, log: Log) -> Parsed:
    grid = Grid([], [])
    for row, line in _all_records(path, delimiter, spaced, name, options, log):
        grid.rows.append(row)
        grid.lines.append(line)
        if len(row) > options.limits.columns:
            check_shape(1, len(row), name, options.limits)
    return to_columns(grid, name, options.header, log)


def _all_records(path: Path, delimiter: str, spaced: bool, name: str, options: ReadOptions, log: Log) -> Iterator[tuple[list[str], int]]:
    """Rows with the line on which each begins. `spaced`: a blank after each delimiter, before the quotation mark, is no content."""
    odd = not _even_quotes(path)
    if odd:
        log.add("quotes", "The file has an odd number of quotation marks: one is not closed. Check the rows around long cells.")
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader, line = csv.reader(file, delimiter=delimiter, skipinitialspace=spaced), 1
        try:
            for row in reader:
                if odd and reader.line_num - line > 1:
                    log.add("long_cell", f"A quoted cell runs over {reader.line_num - line + 1:,} lines.", line)
                yield row, line
                line = reader.line_num + 1
        except csv.Error as error:
            raise FileRefused(
                f"{name} has a cell of more than {options.limits.cell_chars:,} characters near line {line:,} ({error}).",
                "A quotation mark may not be closed. Mend that line and upload the file again.",
            ) from error
