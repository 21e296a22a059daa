"""From ragged rows of text to columns: where the header is, what each column is called, and what was wrong with each row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.data.cells import MISSING
from pipeline.data.report import Log
from pipeline.errors import Unreadable

_NUMBER = re.compile(r"\s*[+-]?[$€£]?\d[\d.,' ]*([eE][+-]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T][\d:.Z+-]+)?\s*")
_PREAMBLE_MOST = 30
_SHOWN = 60


@dataclass
class Parsed:
    """What a reader hands on: columns (named by position), the headers as they are in the file, and facts for the report."""

    table: pa.Table
    headers: list[str]
    facts: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Grid:
    """Rows of text cells with the line that each began on."""

    rows: list[list[str]]
    lines: list[int]


def to_columns(grid: Grid, name: str, header: str, log: Log) -> Parsed:
    """Find the header, repair the widths and turn rows into columns. Everything that is done to a row is logged.

    Raises Unreadable when there is a header only, or nothing at all.
    """
    grid = _without_blank(grid, log)
    if not grid.rows:
        raise Unreadable(f"{name} has no filled cells.", "Check that the table is in this file (and on this sheet).")
    _skip_preamble(grid, header, log)
    headers = _take_header(grid, header, log)
    if not grid.rows:
        raise header_only(name, headers)
    headers = _align_header(headers, grid, log)
    _repair_widths(headers, grid, log)
    columns = list(zip(*grid.rows, strict=True))
    headers, columns = _drop_padding(headers, columns, log)
    return Parsed(pa.table([pa.array(c, pa.string()) for c in columns], names=[str(i) for i in range(len(columns))]), headers)


def header_only(name: str, headers: Sequence[str]) -> Unreadable:
    listed = ", ".join(repr(h) for h in headers[:5]) + (" …" if len(headers) > 5 else "")
    return Unreadable(f"{name} has a header ({listed}) and no rows under it.", "Upload a table with at least one row.")


def _without_blank(grid: Grid, log: Log) -> Grid:
    """Leave out blank rows; in a table of one column a blank line between others is a missing cell, and stays."""
    filled = [any(cell.strip() for cell in row) for row in grid.rows]
    last = max((i for i, full in enumerate(filled) if full), default=-1)
    if all(len(row) <= 1 for row in grid.rows) and any(filled):
        start = filled.index(True)
        return Grid([row or [""] for row in grid.rows[start : last + 1]], grid.lines[start : last + 1])
    keep = filled
    for i in range(last):
        if not keep[i]:
            log.add("blank_row", "A blank row was left out.", grid.lines[i], exact=True)
    return Grid([r for r, k in zip(grid.rows, keep, strict=True) if k], [n for n, k in zip(grid.lines, keep, strict=True) if k])


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """The most frequent number of cells, the larger one when two are equally frequent."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _skip_preamble(grid: Grid, header: str, log: Log) -> None:
    """Titles and notes above the table: rows with a single filled cell, or too short, before a row that could be a header."""
    width = usual_width(grid.rows[:2000])
    first = grid.rows[0]
    if header == "none" or width < 3 or (len(first) >= width - 1 and _filled(first) > 1) or len(grid.rows) < 3:
        return
    for i, row in enumerate(grid.rows[:_PREAMBLE_MOST]):
        if len(row) >= width and _filled(row) >= max(2, 0.7 * width) and looks_like_header(row):
            for line, skipped in zip(grid.lines[:i], grid.rows[:i], strict=True):
                log.add("preamble", f"Left out a line above the table: {_short([c for c in skipped if c.strip()])}.", line)
            del grid.rows[:i], grid.lines[:i]
            return


def looks_like_header(row: Sequence[str]) -> bool:
    """True when no filled cell is a number or a date."""
    return not any(is_value(cell) for cell in row if cell.strip())


def is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def has_header(first: Sequence[str], second: Sequence[str] | None, header: str) -> bool:
    """Whether the first row names the columns: it does unless every cell of it is a number, a date or a mark for "missing"."""
    if header != "auto":
        return header == "first"
    filled = [cell for cell in first if cell.strip() not in MISSING]
    if not filled or not all(is_value(cell) for cell in filled):
        return True
    # Years as column names: distinct numbers of four digits above other values.
    years = all(re.fullmatch(r"\s*(19|20)\d\d\s*", cell) for cell in filled) and len(set(filled)) == len(filled) > 1
    return years and second is not None and [c for c in second if c.strip()] != filled


def _take_header(grid: Grid, header: str, log: Log) -> list[str]:
    first, second = grid.rows[0], grid.rows[1] if len(grid.rows) > 1 else None
    if has_header(first, second, header):
        del grid.rows[0], grid.lines[0]
        return list(first)
    if header == "auto":
        log.add("no_header", f"The first row holds values ({_short(first)}), so it was read as data and the columns were numbered.", 1)
    return [""] * usual_width(grid.rows)


def _align_header(headers: list[str], grid: Grid, log: Log) -> list[str]:
    """A header one name short (row names, as R writes them) or with rows that all end in a delimiter."""
    width = usual_width(grid.rows)
    exceed = sum(len(row) == len(headers) + 1 for row in grid.rows)
    if width != len(headers) + 1 or exceed < 0.9 * len(grid.rows) or exceed < 2:
        return headers
    if all(not row[-1].strip() for row in grid.rows if len(row) == width):
        return [*headers, ""]
    log.add(
        "header_short", f"The header has {len(headers)} names and the rows have {width} cells: the first column was taken for row names."
    )
    return ["", *headers]


def _repair_widths(headers: list[str], grid: Grid, log: Log) -> None:
    width = len(headers)
    for i, row in enumerate(grid.rows):
        if len(row) == width:
            continue
        if len(row) < width:
            log.add("short_row", f"The row has {len(row)} cells of {width}; the last {width - len(row)} are missing.", grid.lines[i])
            grid.rows[i] = [*row, *[""] * (width - len(row))]
        else:
            _cut(row, width, grid.lines[i], log)
            grid.rows[i] = row[:width]


def _cut(row: list[str], width: int, line: int, log: Log) -> None:
    surplus = row[width:]
    if any(cell.strip() for cell in surplus):
        log.add(
            "long_row", f"The row has {len(row)} cells of {width}; left out at its end: {_short(surplus)}. Its cells may be shifted.", line
        )
    else:
        log.add("trailing_blank", f"The row ends in {len(surplus)} blank cells more than the header has names.", line, exact=True)


def _drop_padding(headers: list[str], columns: list[tuple[str, ...]], log: Log) -> tuple[list[str], list[tuple[str, ...]]]:
    """Columns at the right end without a name and without a filled cell, as spreadsheets export them."""
    end = len(headers)
    while end > 1 and not headers[end - 1].strip() and not any(cell.strip() for cell in columns[end - 1]):
        end -= 1
    if end < len(headers):
        log.add("empty_column", f"{len(headers) - end} empty columns without a name at the right end were left out.", exact=True)
    return headers[:end], columns[:end]


def _short(cells: Sequence[str]) -> str:
    text = ", ".join(repr(cell[:_SHOWN]) for cell in cells[:8])
    return text + (f" and {len(cells) - 8} more" if len(cells) > 8 else "")


def unique_names(headers: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """A distinct, non-empty name per header, and the headers that had to change: name in the table -> header in the file.

    Blanks around a name go; an empty header becomes `column_3` by its position; a repeated one gets `_2`, `_3` …
    The first of equal headers keeps its name, and a made name never takes one that the file uses itself.
    """
    wanted = [str(header).strip() for header in headers]
    taken = {name for name in wanted if name}
    used: set[str] = set()
    names = []
    for position, name in enumerate(wanted, 1):
        if not name or name in used:
            name = _free(name or f"column_{position}", used | taken, counted=bool(name))
        used.add(name)
        names.append(name)
    return names, {name: str(header) for name, header in zip(names, headers, strict=True) if name != header}


def _free(stem: str, used: set[str], *, counted: bool) -> str:
    if not counted and stem not in used:
        return stem
    number = 2
    while f"{stem}_{number}" in used:
        number += 1
    return f"{stem}_{number}"
