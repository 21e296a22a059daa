"""Workbooks (.xlsx, .xls, .ods): the first sheet that holds a table, its cells as the text that a CSV of it would have."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from pipeline.data.formats import check_shape
from pipeline.data.layout import Grid
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Parsed, to_columns
from pipeline.errors import FileRefused, NotFound, Unreadable, near

_ERRORS = ("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")


def read_workbook(path: Path, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of one sheet. Raises FileRefused for a locked or too large workbook, Unreadable for a damaged one."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, ZipError

    try:
        book = CalamineWorkbook.from_path(str(path))
        sheet = _choose(book, name, options, log)
    except PasswordError as error:
        raise FileRefused(f"{name} is locked with a password.", "Save it without a password and upload it again.") from error
    except (CalamineError, ZipError, OSError) as error:
        raise Unreadable(f"{name} cannot be read as a workbook: {error}.", "Save it again as .xlsx, or export the sheet as CSV.") from error
    start = sheet.start or (0, 0)
    rows = [[_text(cell) for cell in row] for row in sheet.iter_rows()]
    # iter_rows begins at the top of the sheet, to_python at the first filled row; lines count from the top.
    grid = Grid(rows, list(range(1, len(rows) + 1)), sheet=True)
    _strip_left(grid, start[1])
    _note_errors(grid, log)
    parsed = to_columns(grid, f"{name}, sheet {sheet.name!r},", options, log)
    parsed.facts.update(sheet=sheet.name, sheets=tuple(book.sheet_names))
    return parsed


def _choose(book: Any, name: str, options: ReadOptions, log: Log) -> Any:
    names = list(book.sheet_names)
    if options.sheet is not None:
        if options.sheet not in names:
            close = near(options.sheet, names)
            raise NotFound(
                f"{name} has no sheet {options.sheet!r}; it has {', '.join(map(repr, names))}.",
                f"Did you mean {close[0]!r}?" if close else "",
            )
        return _sized(book.get_sheet_by_name(options.sheet), name, options)
    worksheets = [meta.name for meta in book.sheets_metadata if "WorkSheet" in str(meta.typ)] or names
    filled = [sheet for sheet in (book.get_sheet_by_name(n) for n in worksheets) if sheet.height > 0]
    if not filled:
        raise Unreadable(f"{name} has no filled cells on its {len(names)} sheets.", "Check that you saved the workbook.")
    if len(filled) > 1:
        others = ", ".join(repr(sheet.name) for sheet in filled[1:8])
        log.add(
            "sheets",
            f"Read the sheet {filled[0].name!r}; the workbook also has {others}. Choose another sheet to read that one.",
            exact=True,
        )
    return _sized(filled[0], name, options)


def _sized(sheet: Any, name: str, options: ReadOptions) -> Any:
    check_shape(sheet.total_height, sheet.total_width, name, options.limits)
    return sheet


def _strip_left(grid: Grid, first: int) -> None:
    """Blank columns left of the table are how the sheet is laid out, not part of it."""
    if first and all(not cell for row in grid.rows for cell in row[:first]):
        grid.rows[:] = [row[first:] for row in grid.rows]


def _note_errors(grid: Grid, log: Log) -> None:
    for row, line in zip(grid.rows, grid.lines, strict=True):
        for cell in row:
            if cell.startswith("#") and cell in _ERRORS:
                log.add("formula_error", f"A cell holds the error {cell}.", line, exact=True)


def _text(cell: Any) -> str:
    """A cell as text. A spreadsheet stores every number as a float: 12.0 is the 12 that a person typed."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.timedelta):
        return str(cell.total_seconds())
    return cell.isoformat() if isinstance(cell, (datetime.date, datetime.time)) else str(cell)
