"""Two habits of old exports that no reader of CSV knows, put right before the lines are cut: a delimiter of two characters (a||b, 1::2),
and rows that stand in quotation marks as a whole ("a,b" for a and b). Done only where the lines leave no doubt, and said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pipeline.data.encoding import Text
from pipeline.data.report import Log, ReadOptions

MARK = "\x1d"  # stands for the two characters
_DOUBLED = "|:~^#$@¦§"
_SINGLE = ",;\t"


def unwrapped(text: Text, sample: list[str], folder: Path, options: ReadOptions, log: Log) -> tuple[Text, str]:
    """The text without either habit, and the delimiter of two characters for which MARK stands in it now ("": there is none)."""
    lines = [line.rstrip("\r\n") for line in sample if line.strip()]
    said = options.delimiter or ""
    if options.quote != "" and _wrapped(lines, said):
        log.add("quotes", "Every row stood in quotation marks as a whole; they were taken off before the row was cut into cells.")
        return _rewritten(text, folder, _without_marks), ""
    pair = said if len(said) == 2 else "" if said else _pair(lines)
    if not pair:
        return text, ""
    if said != pair:
        log.add("delimiter", f"The cells are cut by {pair!r}, a delimiter of two characters; check the columns.")
    return _rewritten(text, folder, lambda line: line.replace(pair, MARK)), pair


def _pair(lines: list[str]) -> str:
    """A mark that only ever comes twice, the same number of times in every line, where nothing else cuts the lines evenly."""
    if len(lines) < 2 or any(_even(lines, mark) for mark in _SINGLE) or any(MARK in line for line in lines):
        return ""
    for mark in _DOUBLED:
        cells = _even(lines, 2 * mark) + 1
        twice = all(len(run) % 2 == 0 for line in lines for run in re.findall(re.escape(mark) + "+", line))
        if twice and cells > (1 if mark == "|" else 2):  # std::vector is a name
            return 2 * mark
    return ""


def _even(lines: list[str], mark: str) -> int:
    """How often the mark stands in every line; 0 when not equally often."""
    counts = {line.count(mark) for line in lines}
    return counts.pop() if len(counts) == 1 else 0


def _wrapped(lines: list[str], said: str) -> bool:
    """Every line one quoted cell, and in all of them the same number of delimiters (one may be a comma in a name), not as in a sentence."""
    if len(lines) < 3 or not all(_whole(line) for line in lines):
        return False
    inside = [_without_marks(line) for line in lines]
    marks = [mark for mark in (said or _SINGLE + "|") if _even(inside, mark) > 1]
    return len(marks) == 1 and not any(f"{marks[0]} " in line for line in inside)


def _whole(line: str) -> bool:
    return len(line) > 2 and line[0] == line[-1] == '"' and '"' not in line[1:-1].replace('""', "")


def _without_marks(line: str) -> str:
    bare = line.rstrip("\r\n")
    return bare[1:-1].replace('""', '"') + line[len(bare) :] if _whole(bare) else line


def _rewritten(text: Text, folder: Path, change: Callable[[str], str]) -> Text:
    target = folder / "unwrapped.txt"
    with open(text.path, encoding="utf-8-sig", newline="") as source, open(target, "w", encoding="utf-8", newline="") as out:
        out.writelines(map(change, source))
    return Text(target, text.encoding, text.lines)
