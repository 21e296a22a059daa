"""Lines of text into rows of cells, one damaged row at a time: a stray quotation mark never swallows the rows after it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_MOST_LINES = 2_000


@dataclass(slots=True)
class Record:
    """A row with the line on which it begins; `flaw` says in words what was wrong with its quotation marks."""

    cells: list[str]
    line: int
    flaw: str = ""


class _Runaway(Exception):
    """A quoted cell that runs over more lines than a cell has."""


class _Feed:
    """Lines for `csv.reader`, with a way back for those that it took too many."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._back = iter(lines), list[str]()
        self.taken: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _MOST_LINES:
            raise _Runaway
        line = self._back.pop() if self._back else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        self._back.extend(reversed(lines))


def records(lines: Iterable[str], settings: dict[str, Any], width: int | None) -> Iterator[Record]:
    """The rows of those lines, blank ones as rows without cells. `width` is the usual number of cells, where it is known.

    Raises csv.Error for a cell beyond the limit of the csv module, and for nothing else.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, strict=True, **settings)
    quote, line = settings["quotechar"], 1
    while True:
        feed.taken.clear()
        cells, flaw = _next(reader)
        taken = feed.taken
        if not taken:
            return
        if cells is None or (len(taken) > 1 and _swallowed(taken, cells, settings, width)):
            feed.give_back(taken[1:])
            del taken[1:]
            cells, flaw = _mended(taken[0], settings, width), flaw or "a quotation mark is not closed"
        elif quote and len(taken) == 1 and quote in taken[0] and _odd(taken[0], settings):
            flaw = "a quotation mark stands alone in a cell"
        yield Record(cells, line, flaw)
        line += len(taken)


def _next(reader: Any) -> tuple[list[str] | None, str]:
    """The next row, or None and why it cannot be read as it stands."""
    try:
        return next(reader), ""
    except StopIteration:
        return [], ""
    except _Runaway:
        return None, "a quotation mark is not closed"
    except csv.Error as error:
        if "field limit" in str(error):
            raise
        return None, "a quotation mark is not closed" if "unexpected end" in str(error) else "a quotation mark stands inside a quoted cell"


def _odd(line: str, settings: dict[str, Any]) -> bool:
    escape = settings["escapechar"]
    text = re.sub(re.escape(escape) + ".", "", line) if escape else line
    return text.count(settings["quotechar"]) % 2 == 1


def _swallowed(taken: list[str], cells: list[str], settings: dict[str, Any], width: int | None) -> bool:
    """True when a row over several lines is really several rows: lines inside it are whole rows by themselves."""
    wanted = width or len(_plain_split(taken[0], settings))
    if wanted < 2:
        return False
    whole = sum(len(_plain_split(line, settings)) == wanted and not _odd(line, settings) for line in taken[1:])
    if len(cells) == wanted:
        return whole >= (2 if wanted > 2 else 5) and whole >= (len(taken) - 1) / 2
    return whole > 0


def _mended(line: str, settings: dict[str, Any], width: int | None) -> list[str]:
    """One line with broken quotation marks as cells: the first way to cut it that gives the usual width, no text lost."""
    ways = (_by_outer_quotes(line, settings), _plain_split(line, settings), _literally(line, settings))
    return next((cells for cells in ways if len(cells) == width), ways[0])


def _plain_split(line: str, settings: dict[str, Any]) -> list[str]:
    try:
        return next(csv.reader([line], **settings), [])
    except csv.Error:
        return _literally(line, settings)


def _literally(line: str, settings: dict[str, Any]) -> list[str]:
    return line.rstrip("\r\n").split(settings["delimiter"])


def _by_outer_quotes(line: str, settings: dict[str, Any]) -> list[str]:
    """A quotation mark closes a cell only before a delimiter or the end of the line; others inside it are its text."""
    quote, cut = settings["quotechar"], re.escape(settings["delimiter"])
    if not quote:
        return _literally(line, settings)
    mark = re.escape(quote)
    cell = re.compile(rf"[ ]*{mark}(?P<quoted>.*?){mark}[ ]*(?={cut}|$)|(?P<plain>[^{cut}]*)", re.DOTALL)
    text, at, cells = line.rstrip("\r\n"), 0, []
    while at <= len(text):
        found = cell.match(text, at)
        assert found is not None  # the second way matches anything, even nothing
        cells.append(found["plain"] if found["quoted"] is None else found["quoted"].replace(quote * 2, quote))
        at = found.end() + 1
    return cells


def tidy_quotes(content: bytes, delimiter: bytes) -> bool:
    """True when every quotation mark opens a cell, closes one or is doubled: only then do all readers cut the lines alike.

    Once doubled ones are gone the marks open and close in turn, so a mark that is not closed shows at the next one.
    """
    bare = np.frombuffer(content.replace(b'""', b""), dtype=np.uint8)
    marks = np.flatnonzero(bare == ord('"'))
    if len(marks) % 2 or len(delimiter) != 1:
        return False
    ends = np.array([ord("\n"), ord("\r"), delimiter[0]], dtype=np.uint8)
    opening, closing = marks[::2], marks[1::2]
    before, after = bare[opening[opening > 0] - 1], bare[closing[closing < len(bare) - 1] + 1]
    return bool(np.isin(before, ends).all() and np.isin(after, ends).all())
