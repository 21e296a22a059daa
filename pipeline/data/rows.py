"""From ragged rows of text to columns: where the header is, what each column is called, and what was wrong with each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.data.layout import Grid, filled, has_header, header_doubts, is_value, short, trim, usual_width
from pipeline.data.report import Log, ReadOptions
from pipeline.errors import Unreadable


@dataclass
class Parsed:
    """What a reader hands on: columns (named by position), the headers as they are in the file, and facts for the report."""

    table: pa.Table
    headers: list[str]
    facts: dict[str, Any] = field(default_factory=dict)


def to_columns(grid: Grid, name: str, options: ReadOptions, log: Log) -> Parsed:
    """Find the table and its header, repair the widths and turn rows into columns. Everything that is done to a row is logged.

    Raises Unreadable when there is a header only, or nothing at all.
    """
    if not any(map(filled, grid.rows)):
        raise Unreadable(f"{name} has no filled cells.", "Check that the table is in this file (and on this sheet).")
    trim(grid, options, log)
    _drop_blank(grid, log)
    facts = {"first_line": grid.lines[0]}
    headers, named = _take_header(grid, options.header, log)
    if not grid.rows:
        raise header_only(name, headers)
    wide = len(headers)
    headers = _align_header(headers, grid, log) if named else headers
    _repair_widths(headers, grid, log)
    for doubt in header_doubts(headers, grid.rows) if named and options.header == "auto" else ():
        log.add("header", doubt)
    columns = list(zip(*grid.rows, strict=True))
    if grid.sheet or len(headers) > wide:
        headers, columns = _drop_padding(headers, columns, log)
    table = pa.table([pa.array(c, pa.string()) for c in columns], names=[str(i) for i in range(len(columns))])
    return Parsed(table, headers, {**facts, "named": named})


def header_only(name: str, headers: Sequence[str]) -> Unreadable:
    listed = ", ".join(repr(h) for h in headers[:5]) + (" …" if len(headers) > 5 else "")
    return Unreadable(f"{name} has a header ({listed}) and no rows under it.", "Upload a table with at least one row.")


def _drop_blank(grid: Grid, log: Log) -> None:
    """Leave out blank lines. In a text file a row of nothing but delimiters is a row, and stays; so does a blank line between
    the cells of a single column, which is a missing cell."""
    if grid.sheet or all(len(row) <= 1 for row in grid.rows):
        full = [i for i, row in enumerate(grid.rows) if filled(row)]
        grid.cut(full[0], full[-1] + 1)
    if all(len(row) <= 1 for row in grid.rows):
        grid.rows = [row or [""] for row in grid.rows]
        return
    keep = []
    for row, line in zip(grid.rows, grid.lines, strict=True):
        full = filled(row) > 0
        keep.append(full or (bool(row) and not grid.sheet))
        if not keep[-1]:
            log.add("blank_row", "A blank row was left out.", line, exact=True)
        elif not full:
            log.add("empty_row", "The row holds delimiters and nothing else; it was kept as a row of missing cells.", line)
    grid.rows = [row for row, kept in zip(grid.rows, keep, strict=True) if kept]
    grid.lines = [line for line, kept in zip(grid.lines, keep, strict=True) if kept]


def _take_header(grid: Grid, header: str, log: Log) -> tuple[list[str], bool]:
    """The names of the columns, blank where there are none, and whether the first row was taken for them."""
    first = grid.rows[0]
    named, sure = has_header(grid.rows, header)
    if named:
        if not sure:
            log.add("header", f"The first row ({short(first)}) was taken for the header, which is a guess.", grid.lines[0])
        del grid.rows[0], grid.lines[0]
        for row, line in zip(grid.rows, grid.lines, strict=True):
            if row == first and header == "auto":
                log.add("header_again", "The header comes again; it was kept as a row.", line)
        return list(first), True
    if header == "auto":
        log.add(
            "no_header",
            f"The first row holds values ({short(first)}), so it was read as data and the columns were numbered.",
            grid.lines[0],
        )
    return [""] * usual_width(grid.rows), False


def _align_header(headers: list[str], grid: Grid, log: Log) -> list[str]:
    """As many names as most rows have cells: the header may lack the name of the row names (as R writes it), or those at the end."""
    width = usual_width(grid.rows)
    surplus = width - len(headers)
    if surplus < 1 or sum(len(row) == width for row in grid.rows) < 0.6 * len(grid.rows) or len(grid.rows) < 2:
        return headers
    said = f"The header has {len(headers)} names and the rows have {width} cells"
    if all(not any(cell.strip() for cell in row[len(headers) :]) for row in grid.rows):
        log.add("header_short", f"{said}, the last {surplus} of them blank in every row; those were left out.")
    elif surplus == 1 and len(headers) > 1 and not any(is_value(row[0]) and is_value(row[-1]) for row in grid.rows[:5]):
        log.add("header_short", f"{said}: the first column was taken for row names.")
        return ["", *headers]
    else:
        log.add("header_short", f"{said}: the last {surplus} columns have no name.")
    return [*headers, *[""] * surplus]


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
            "long_row", f"The row has {len(row)} cells of {width}; left out at its end: {short(surplus)}. Its cells may be shifted.", line
        )
    else:
        log.add("trailing_blank", f"The row ends in {len(surplus)} blank cells more than the header has names.", line)


def _drop_padding(headers: list[str], columns: list[tuple[str, ...]], log: Log) -> tuple[list[str], list[tuple[str, ...]]]:
    """Columns at the right end without a name and without a filled cell, as spreadsheets export them."""
    end = len(headers)
    while end > 1 and not headers[end - 1].strip() and not any(cell.strip() for cell in columns[end - 1]):
        end -= 1
    if end < len(headers):
        log.add("empty_column", f"{len(headers) - end} empty columns without a name at the right end were left out.", exact=True)
    return headers[:end], columns[:end]


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
