"""How a text table is cut into cells: which delimiter, quotation mark and escape, decided on its first lines.

A dialect is judged by what it makes of the lines: even rows, whole cells without another delimiter inside, no damaged quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pipeline.data.layout import usual_width
from pipeline.data.lines import records
from pipeline.data.report import Log, ReadOptions

COMMON = (",", ";", "\t", "|")
RARE = ("^", "~", "\x01", "\x1f", "\x1e", "¦", "§", ":")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank", ":": "colon", "^": "caret", "~": "tilde"}
PRIOR = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|", ".ssv": ";"}
_CLEAN = re.compile(r"[^,;|\t^~\x01\x1e\x1f¦§]*|[+-]?\d+,\d+")
_DECIMAL = re.compile(r"[+-]?\d+,\d+\s*")
_PROSE = re.compile(r"\S+(?:[,;] ?\S*)*(?: \S+)+", re.DOTALL)
_LEAST = 0.35
_MOST_ROWS = 200
_SEP = re.compile(r"(?i)\ufeff?\"?sep=(.)\"?\s*")


@dataclass(frozen=True)
class Dialect:
    """`spaced`: a blank after each delimiter belongs to it. `sep_line`: the first line only names the delimiter, as Excel writes it."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    spaced: bool = False
    sep_line: bool = False

    @property
    def plain(self) -> bool:
        """True for the dialect that every fast reader knows: double quotation marks, doubled inside a cell."""
        return self.quote == '"' and not (self.escape or self.spaced or self.sep_line)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `csv.reader`."""
        quoting = csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE
        escape = self.escape or None
        return {"delimiter": self.delimiter, "quotechar": self.quote or None, "quoting": quoting, "escapechar": escape,
                "doublequote": True, "skipinitialspace": self.spaced}  # fmt: skip


def detect(lines: list[str], prior: str, options: ReadOptions, log: Log) -> Dialect:
    """The dialect of those first lines; what a person said is taken as said. `prior` is what the file's extension suggests."""
    told = _SEP.fullmatch(lines[0]) if lines else None
    body = lines[1:] if told else lines
    delimiter = options.delimiter or (told[1] if told else None)
    if not delimiter and len(body) > 2 and "," not in body[0] and all(map(_DECIMAL.fullmatch, body[1:])):
        return Dialect("\t")  # a single column of numbers with a decimal comma
    found = _best(body, (delimiter,) if delimiter else (*COMMON, *RARE), prior, options, log)
    found = found or Dialect(delimiter or prior, '"' if options.quote is None else options.quote, options.escape or "")
    return replace(found, spaced=_spaced(body, found, log), sep_line=bool(told))


def _best(lines: list[str], delimiters: Iterable[str], prior: str, options: ReadOptions, log: Log) -> Dialect | None:
    """The dialect with the highest score; `prior` and the usual quotation mark win a near tie. None: no delimiter does anything."""
    scores = {d: _score(lines, d) for delimiter in delimiters for d in _variants(lines, delimiter, options)}
    if not scores:
        return None
    usual = {d: 0.02 * (d.delimiter == prior) - 0.05 * (d.delimiter in RARE) + 0.01 * (d.quote == '"' and not d.escape) for d in scores}
    best = max(scores, key=lambda d: (scores[d] + usual[d], d.delimiter == prior))
    if scores[best] < _LEAST and not options.delimiter:
        if scores[best] > 0:
            log.add("delimiter", "No delimiter cuts the lines into even rows; check the columns, or set the delimiter by hand.")
        return best if scores[best] > 0 and best.delimiter == prior else None
    _say_doubts(best, scores, log)
    return best


def _say_doubts(best: Dialect, scores: dict[Dialect, float], log: Log) -> None:
    rivals = {d.delimiter for d, score in scores.items() if d.delimiter != best.delimiter and score > scores[best] - 0.05}
    if rivals:
        listed = " or a ".join(_name(d) for d in sorted(rivals))
        log.add("delimiter", f"The delimiter may be a {_name(best.delimiter)} or a {listed}; the {_name(best.delimiter)} was taken.")
    elif best.delimiter in RARE and len(scores) > 1:
        log.add("delimiter", f"The lines are cut by {_name(best.delimiter)}s, which is unusual; check the columns.")


def _name(delimiter: str) -> str:
    return NAMES.get(delimiter, repr(delimiter))


def _variants(lines: list[str], delimiter: str, options: ReadOptions) -> list[Dialect]:
    """The ways to quote that the lines give reason for."""
    text, cut = "".join(lines[:_MOST_ROWS]), re.escape(delimiter)
    if delimiter in RARE and not options.delimiter and not any(delimiter in line for line in lines[: 1 if delimiter == ":" else 20]):
        return []  # a rare delimiter counts only where one of the first lines has it; times have colons
    quotes = ['"'] if options.quote is None else [options.quote]
    if options.quote is None and len(re.findall(rf"(?m)(?:^|{cut})'[^'\n]*'(?={cut}|$)", text)) > 2:
        quotes.append("'")
    escapes = [""] if options.escape is None else [options.escape]
    if options.escape is None and re.search(r"\\[\"']", text):
        escapes.append("\\")
    return [Dialect(delimiter, quote, escape) for quote in quotes for escape in escapes]


def _score(lines: list[str], dialect: Dialect) -> float:
    """0 (no use) to 1: the share of undamaged rows of the usual width, times the share of whole cells, times a little for the width."""
    rows = [record for record in records(lines, dialect.settings, None) if record.cells]
    rows = rows[:-1] if len(rows) > _MOST_ROWS else rows  # the last may be cut where the sample ends
    width = usual_width([record.cells for record in rows])
    if width < 2 or (dialect.delimiter in RARE and next(len(row.cells) for row in rows if len(row.cells) > 1) != width):
        return 0.0
    even = [record for record in rows if len(record.cells) == width]
    cells = [cell for record in even for cell in record.cells]
    whole = sum(_whole(cell, dialect) for cell in cells) / len(cells)
    sound = sum(not record.flaw for record in even)
    return sound / len(rows) * (0.4 + 0.6 * whole) * width / (width + 0.2)


def _whole(cell: str, dialect: Dialect) -> bool:
    """A cell that has neither another delimiter nor the marks of another way to quote. A sentence may have commas."""
    if cell[:1] in ('"', "'") and len(cell) > 1 and cell[-1] == cell[0]:
        return False
    if dialect.escape == "" and ('\\"' in cell or "\\'" in cell):
        return False
    return bool(_CLEAN.fullmatch(cell) or (len(cell) > 20 and _PROSE.fullmatch(cell)))


def _spaced(lines: list[str], dialect: Dialect, log: Log) -> bool:
    """True when every delimiter is followed by a blank: then the two together are the delimiter."""
    cut = dialect.delimiter
    if cut.isspace():
        return False
    quoted = any(f"{cut} {dialect.quote}" in line for line in lines) and not any(f"{cut}{dialect.quote}" in line for line in lines)
    filled = [line.rstrip("\r\n") for line in lines if cut in line]
    every = bool(filled) and all(not re.search(rf"{re.escape(cut)}(?! |$)", line) for line in filled)
    if every and not quoted:
        log.add("spaced", "A blank follows every delimiter; it was read as part of the delimiter.")
    return every or bool(dialect.quote and quoted)
