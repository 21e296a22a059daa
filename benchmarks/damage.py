"""Clean tables dressed as real files are, and damaged in one row as real files are; each with what a reader must make of it."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"
ROWS = 150
_WORDS = "north south Málaga Köln river hill 'old' \"new\" tall,wide two;three left|right 5% $7".split()

Table = list[list[str]]  # the header first


@dataclass(frozen=True)
class Made:
    """A file and its truth: `damaged` is the line of the one damaged row (None: none), which is row `row` of the table."""

    name: str
    content: bytes
    table: Table
    damaged: int | None = None
    row: int | None = None


def tables() -> dict[str, Table]:
    """Three bundled tables cut to 150 rows, and one of words with delimiters, quotation marks and line breaks inside."""
    found = {}
    for name in ("penguins", "cars", "cancelled_flights"):
        with (SAMPLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found[name] = list(csv.reader(file))[: ROWS + 1]
    dice = random.Random(5)
    said = [" ".join(dice.choices(_WORDS, k=dice.randint(1, 9))) for _ in range(ROWS)]
    found["words"] = [["key", "place", "remark", "amount"]] + [
        [
            f"K{i:04}",
            dice.choice(("Bonn", "Zürich", "São Paulo")),
            text + ("\nand more" if i % 9 == 4 else ""),
            f"{dice.uniform(1, 900):.2f}",
        ]
        for i, text in enumerate(said)
    ]
    return found


def written(table: Table, **dialect: object) -> str:
    out = io.StringIO()
    csv.writer(out, **{"lineterminator": "\n", **dialect}).writerows(table)  # type: ignore[arg-type]
    return out.getvalue()


def dressed() -> Iterator[Made]:
    """Whole tables in other clothes: every cell must come back."""
    for name, table in tables().items():
        for how, dress in DRESSES.items():
            told = [[unwrapped(cell) for cell in row] for row in table] if how == "fixed width" else table
            yield Made(f"{name}, {how}", dress(table), told)


def _spread(text: str, width: int) -> str:
    return text + "," * (width - 1) + "\n"


def unwrapped(cell: str) -> str:
    return " ".join(cell.split()) or "-"


def _fixed(table: Table) -> bytes:
    flat = [[unwrapped(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) + 2 for column in zip(*flat, strict=True)]
    return "\n".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in flat).encode()


DRESSES: dict[str, Callable[[Table], bytes]] = {
    "plain": lambda t: written(t).encode(),
    "semicolons": lambda t: written(t, delimiter=";").encode(),
    "tabs": lambda t: written(t, delimiter="\t").encode(),
    "bars": lambda t: written(t, delimiter="|").encode(),
    "carets": lambda t: written(t, delimiter="^").encode(),
    "tildes": lambda t: written(t, delimiter="~").encode(),
    "colons": lambda t: written(t, delimiter=":").encode(),
    "control characters": lambda t: written(t, delimiter="\x01").encode(),
    "single quotes": lambda t: written(t, quotechar="'", quoting=csv.QUOTE_ALL).encode(),
    "all quoted": lambda t: written(t, quoting=csv.QUOTE_ALL).encode(),
    "backslash escapes": lambda t: written(t, doublequote=False, escapechar="\\").encode(),
    "carriage returns": lambda t: written(t, lineterminator="\r", quoting=csv.QUOTE_ALL).encode(),
    "windows lines": lambda t: written(t, lineterminator="\r\n").encode(),
    "UTF-16": lambda t: written(t).encode("utf-16"),
    "cp1252": lambda t: written(t).encode("cp1252"),
    "byte order mark": lambda t: written(t).encode("utf-8-sig"),
    "title above": lambda t: ("Report of the year\nAll regions\n\n" + written(t)).encode(),
    "padded title above": lambda t: (_spread("Report of the year", len(t[0])) + _spread("", len(t[0])) + written(t)).encode(),
    "key and value above": lambda t: ("Created:,2024-05-01\nBy:,Statistics office\n\n" + written(t)).encode(),
    "comments above": lambda t: ("# made by export 1.2\n# do not edit\n" + written(t)).encode(),
    "sep= above": lambda t: ("sep=;\n" + written(t, delimiter=";")).encode(),
    "note below": lambda t: (written(t) + "\nSource: statistics office\n").encode(),
    "padded notes below": lambda t: (written(t) + _spread("", len(t[0])) + _spread('"Source: the office, 2024"', len(t[0]))).encode(),
    "no last line end": lambda t: written(t).rstrip("\n").encode(),
    "blank lines": lambda t: written(t[:9]).encode() + b"\n\n" + written(t[9:]).encode() + b"\n\n",
    "no cell quoted that need not, decimal commas": lambda t: written(t, delimiter=";").encode(),
    "fixed width": _fixed,
}


def damaged() -> Iterator[Made]:
    """Whole tables but for one row: the others must come back, and its line must be named."""
    for name, table in tables().items():
        for where in (2, 60, ROWS - 1):
            for how, damage in DAMAGES.items():
                lines = [written([row]) for row in table]
                hurt = damage(table[where])
                if hurt is not None:
                    content = "".join([*lines[:where], hurt, *lines[where + 1 :]])
                    yield Made(f"{name}, {how}, row {where}", content.encode(), table, "".join(lines[:where]).count("\n") + 1, where)


def _open_quote(row: list[str]) -> str:
    return (
        ",".join([row[0], '"' + row[1].replace('"', ""), *(c.replace(",", " ").replace('"', "").replace("\n", " ") for c in row[2:])])
        + "\n"
    )


DAMAGES: dict[str, Callable[[list[str]], str | None]] = {
    "a cell too few": lambda row: written([row[:-1]]),
    "two cells too few": lambda row: written([row[:-2]]) if len(row) > 3 else None,
    "a cell too many": lambda row: written([[*row, "surplus"]]),
    "a delimiter too many": lambda row: written([[row[0], "", *row[1:]]]),
    "cut short": lambda row: ",".join(_plain(row[: len(row) // 2])) + "\n",
    "a quote not closed": _open_quote,
    "a quote not opened": lambda row: ",".join([row[0], row[1].replace('"', "") + '"', *_plain(row[2:])]) + "\n",
    "quotes inside quotes": lambda row: ",".join([row[0], f'"the {row[1]} "best" one"', *_plain(row[2:])]) + "\n",
    "other delimiter": lambda row: ";".join(_plain(row)) + "\n",
    "text after a quote": lambda row: ",".join([row[0], f'"{row[1]}" etc', *_plain(row[2:])]) + "\n",
}


def _plain(cells: list[str]) -> list[str]:
    return [cell.replace(",", " ").replace('"', "").replace("\n", " ") for cell in cells]
