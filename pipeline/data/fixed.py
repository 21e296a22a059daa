"""Fixed-width text: columns that begin at the same place in every line, as old systems and printed lists have them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from pipeline.data.encoding import Text
from pipeline.data.layout import Grid
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Parsed, to_columns

_FEW = 5
_MOSTLY = 0.95
_GAP = 2
_LONGEST = 4000


def find_widths(lines: Sequence[str]) -> tuple[int, ...] | None:
    """The widths of the columns when nearly all lines are blank at the same places, else None. The last column has no end."""
    filled = [line.rstrip() for line in lines if line.strip()]
    longest = sorted(map(len, filled))[len(filled) // 2] if filled else 0  # what only some lines reach tells nothing
    if len(filled) < _FEW or longest > _LONGEST or any("\t" in line for line in filled):
        return None
    taken = [0] * longest
    for line in filled:
        for place, character in enumerate(line[:longest]):
            taken[place] += character != " "
    busy = [count > (1 - _MOSTLY) * len(filled) for count in taken]
    starts = [i for i in range(longest) if busy[i] and not any(busy[max(0, i - _GAP) : i])]
    ends = [next((j for j in range(start, longest) if not any(busy[j : j + _GAP])), longest) for start in starts]
    if len(starts) < 2 or _cut_by_marks(filled, starts, ends):
        return None
    edges = [0, *starts[1:], longest]
    return tuple(end - start for start, end in pairwise(edges))


def _cut_by_marks(lines: Sequence[str], starts: Sequence[int], ends: Sequence[int]) -> bool:
    """True for a delimited file with padded cells: its columns end, or begin, with the delimiter."""
    parts = [line[start:end].strip() for line in lines for start, end in zip(starts, ends, strict=True)]
    return sum(part[-1:] in tuple(",;|") or part[:1] in tuple(",;|") for part in parts) > len(parts) / 3


def read_fixed(text: Text, widths: tuple[int, ...], name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a fixed-width file. A line that runs over the edge of a column is reported."""
    grid = Grid([], [])
    edges = list(accumulate(widths, initial=0))
    for number, line in _lines(text.path):
        cells = [line[start:end].strip() for start, end in pairwise([*edges[:-1], len(line) + 1])] if line.strip() else []
        over = any(0 < edge < len(line) and line[edge - 1] != " " and line[edge] != " " for edge in edges[1:-1])
        if over:
            log.add("overrun", f"The line does not fit the columns: {line.strip()[:60]!r}.", number)
        grid.rows.append([line.strip()] if over else cells)
        grid.lines.append(number)
    if options.widths is None:
        log.add("fixed_width", f"No delimiter cuts the lines; they were cut into {len(widths)} columns of fixed width, which is a guess.")
    parsed = to_columns(grid, name, options, log)
    parsed.facts.update(encoding=text.encoding, widths=widths)
    return parsed


def _lines(path: Path) -> list[tuple[int, str]]:
    with open(path, encoding="utf-8-sig") as file:
        return [(number, line.rstrip("\n")) for number, line in enumerate(file, 1)]
