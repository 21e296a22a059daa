"""Where the table stands among the rows of a file: what is above it, whether it has a header, what is below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.data.cells import MISSING
from pipeline.data.report import Log, ReadOptions

_NUMBER = re.compile(r"\s*[(+-]?\s*[$€£¥]?\s*\d[\d.,'’ \u00a0\u202f]*([eE][+-]?\d+)?\s*[%€)]?\s*")
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T][\d:.Z+-]+)?\s*|\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*")
_YEAR = re.compile(r"\s*(1[89]|20)\d\d\s*")
_PREAMBLE_MOST, _FOOTER_MOST = 60, 60
_SAMPLE = 2000
_SHOWN = 60


@dataclass
class Grid:
    """Rows of text cells with the line that each began on. `sheet`: from a spreadsheet, where blank rows are layout."""

    rows: list[list[str]]
    lines: list[int]
    sheet: bool = False

    def cut(self, start: int, end: int) -> None:
        del self.rows[end:], self.lines[end:], self.rows[:start], self.lines[:start]


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """The most frequent number of cells, the larger one when two are equally frequent."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda width: (counts[width], width), default=0)


def filled(row: Sequence[str]) -> int:
    return sum(map(bool, map(str.strip, row)))


def is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def short(cells: Sequence[str]) -> str:
    text = ", ".join(repr(cell[:_SHOWN]) for cell in cells[:8])
    return text + (f" and {len(cells) - 8} more" if len(cells) > 8 else "")


def trim(grid: Grid, options: ReadOptions, log: Log) -> None:
    """Take titles and notes above the table and notes below it out of the grid; each is logged with its line."""
    sample = [row for row in grid.rows[:_SAMPLE] if filled(row)]
    width = usual_width(sample)
    if width < 2:
        return
    start = _told(grid, options.skip) if options.skip is not None else _preamble(grid.rows, width, options)
    below = options.footer if options.footer is not None else _footer(grid.rows[start:], width)
    end = max(start, len(grid.rows) - below)
    _say("preamble", "above", range(start), grid, options.skip is not None, log)
    _say("footer", "below", range(end, len(grid.rows)), grid, options.footer is not None, log)
    grid.cut(start, end)


def _told(grid: Grid, skip: int) -> int:
    """How many rows begin on the first `skip` lines."""
    return sum(line <= skip for line in grid.lines)


def _say(kind: str, where: str, which: range, grid: Grid, told: bool, log: Log) -> None:
    for i in which:
        if filled(grid.rows[i]):
            log.add(kind, f"Left out a line {where} the table: {short([c for c in grid.rows[i] if c.strip()])}.", grid.lines[i], exact=told)


def _narrow(row: Sequence[str], width: int) -> bool:
    """Too little in it for a row of the table: one cell, or not half of the usual number of cells."""
    full = filled(row)
    if width == 2:
        return len(row) < 2 or not full
    return full <= 1 or len(row) <= width / 2


def _preamble(rows: Sequence[Sequence[str]], width: int, options: ReadOptions) -> int:
    """How many rows stand above the header: all narrow ones at the top, where few of the rows below them are narrow."""
    if options.header == "none":
        return 0
    first = next((i for i, row in enumerate(rows[:_PREAMBLE_MOST]) if not _narrow(row, width)), 0)
    last = max((i for i, row in enumerate(rows[:_SAMPLE]) if not _narrow(row, width)), default=0)
    body = [row for row in rows[first : last + 1] if filled(row)]
    if sum(_narrow(row, width) for row in body) > 0.4 * len(body) or len(body) < 2:
        return 0
    # A line of names and values above the table may be as wide as a table of two columns: only a blank line tells it.
    return first if not all(is_value(cell) for cell in rows[first] if cell.strip()) or first > 0 else 0


def _footer(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many rows at the end are notes: narrow ones that read like a sentence, or that a blank row sets apart."""
    last = len(rows)
    while last > 2 and len(rows) - last < _FOOTER_MOST and _narrow(rows[last - 1], width):
        last -= 1
    block, body = rows[last:], rows[1:last]
    if not block or sum(_narrow(row, width) for row in body[-_SAMPLE:]) > 0.05 * len(body):
        return 0
    apart = next((i for i, row in enumerate(block) if not filled(row)), len(block))
    longest = max((len(row[0]) for row in body[-_SAMPLE:] if row), default=0)
    start = next((i for i, row in enumerate(block) if i >= apart or _like_a_note(row, longest)), len(block))
    return len(block) - start if any(_worded(row) for row in block[start:]) else 0


def _worded(row: Sequence[str]) -> bool:
    return any(re.search(r"[^\W\d_]{2}", cell) for cell in row)


def _like_a_note(row: Sequence[str], longest: int) -> bool:
    """A single text in the first cell that is longer than any there, or is punctuated as notes are."""
    texts = [cell.strip() for cell in row if cell.strip()]
    if len(texts) != 1 or not row[0].strip():
        return False
    text = texts[0]
    return (" " in text and len(text) > longest + 3) or bool(re.match(r"[*#†(]|\w+ ?:|\d+[).] ", text))


def has_header(rows: Sequence[Sequence[str]], header: str) -> tuple[bool, bool]:
    """Whether the first of the rows names the columns, and whether that is sure.

    A column votes for a header when values stand under a word, and against it when its first cell is like those under it.
    """
    if header != "auto":
        return header == "first", True
    head = rows[0]
    known = [cell for cell in head if cell.strip() not in MISSING]
    years = len(known) > 1 and len(set(known)) == len(known) and all(_YEAR.fullmatch(cell) for cell in known)
    if years and len(rows) > 1 and [cell for cell in rows[1] if cell.strip()] != known:
        return True, len(rows) > 2
    if known and all(is_value(cell) for cell in known):
        return False, False
    below = [row for row in rows[1 : _looked_at(len(head))] if row != head]
    votes = [_vote(cell, [row[i] for row in below if i < len(row)]) for i, cell in enumerate(head)]
    if 1 in votes:
        return True, True
    if -1 in votes and (votes.count(-1) > 1 or len(head) < 3):
        return False, False
    return True, -1 not in votes and len(set(known)) == len(known)


def _looked_at(width: int) -> int:
    """So many rows say enough about a header: two hundred, fewer of a wide table."""
    return max(10, min(200, 100_000 // max(1, width)))


def _vote(head: str, below: Sequence[str]) -> int:
    """1: a word above values. -1: a value above values, or a word that comes again further down. 0: nothing is known."""
    known = [cell for cell in below if cell.strip() not in MISSING]
    if not known or head.strip() in MISSING:
        return 0
    values = sum(map(is_value, known)) / len(known)
    if values >= 0.8:
        year = _YEAR.fullmatch(head) and not any(_YEAR.fullmatch(cell) for cell in known)
        return 1 if year or not is_value(head) else -1
    return -1 if values < 0.2 and head in known else 0


def header_doubts(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """What speaks against the header that was found: many blank names, words under it where numbers follow, a single column with delimiters."""
    doubts = []
    if sum(not name.strip() for name in headers) > 0.3 * len(headers):
        doubts.append("Many columns have no name: the header may stand elsewhere or be of several rows.")
    first, rest = rows[0], rows[1 : _looked_at(len(headers))]
    numeric = [i for i in range(len(headers)) if len(rest) > 2 and sum(is_value(row[i]) for row in rest if i < len(row)) >= 0.8 * len(rest)]
    if numeric and sum(i < len(first) and bool(first[i].strip()) and not is_value(first[i]) for i in numeric) > len(numeric) / 2:
        doubts.append(f"The row under the header ({short(first)}) holds words where the others hold numbers; it was read as data.")
    inside = next(
        (mark for mark in ",;|\t" if len(headers) == 1 and mark in headers[0] and all(mark in row[0] for row in rows[:200] if row)), ""
    )
    if inside:
        doubts.append(f"Every row is one cell with {inside!r} in it: the rows as a whole may stand in quotation marks.")
    return doubts
