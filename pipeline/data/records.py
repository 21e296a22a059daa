"""JSON and JSON Lines: one object per row. Numbers keep the digits of the file; nested values stay JSON text, and are reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from pipeline.data.encoding import Text
from pipeline.data.formats import check_shape
from pipeline.data.layout import Grid
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Parsed, to_columns
from pipeline.errors import Unreadable

_SHAPE = 'Expected a list of objects, such as [{"age": 31, "city": "Bonn"}, ...], or one object of equally long lists.'


def read_json(text: Text, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a JSON document: a list of objects, a list of lists, or an object of lists."""
    with open(text.path, encoding="utf-8-sig") as file:
        content = _loads(file.read(), name, log)
    if isinstance(content, dict):
        content = _only_list(content)
    if isinstance(content, dict):
        check_shape(1, len(content), name, options.limits)
        parsed = _from_lists(content, name, log)
    elif isinstance(content, list) and content and all(isinstance(row, list) for row in content):
        check_shape(len(content), max(map(len, content)), name, options.limits)
        grid = Grid([[_text(cell, log) for cell in row] for row in content], list(range(1, len(content) + 1)))
        parsed = to_columns(grid, name, options, log)
    else:
        rows = content if isinstance(content, list) else [content]
        parsed = _from_objects(_objects(enumerate(rows, 1), name), name, options, log)
    parsed.facts["encoding"] = text.encoding
    return parsed


def read_json_lines(text: Text, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a JSON Lines file. A line that is not JSON is left out and reported."""
    with open(text.path, encoding="utf-8-sig") as file:
        parsed = _from_objects(_objects(_lines(file, name, log), name), name, options, log)
    parsed.facts["encoding"] = text.encoding
    return parsed


def _lines(file: Iterable[str], name: str, log: Log) -> Iterator[tuple[int, Any]]:
    good = 0
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            yield line, _loads(text, name, log)
            good += 1
        except Unreadable as error:
            log.add("bad_line", f"Left out a line that is not JSON: {text.strip()[:60]!r}.", line)
            if line > 20 and not good:
                raise error


def _loads(text: str, name: str, log: Log) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            log.add("repeated_key", f"An object names a key twice; the last value was taken: {_repeated(items)}.")
        return found

    try:
        return json.loads(text, parse_int=Digits, parse_float=Digits, parse_constant=Digits, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise Unreadable(f"{name} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", _SHAPE) from error
    except RecursionError as error:
        raise Unreadable(f"{name} is nested too deeply to be a table.", _SHAPE) from error


class Digits(str):
    """A JSON number as it is written, so that no digit is lost; told from a JSON string by its type."""


def _repeated(items: list[tuple[str, Any]]) -> str:
    names = [key for key, _ in items]
    return ", ".join(repr(key) for key in dict.fromkeys(names) if names.count(key) > 1)


def _only_list(content: dict[str, Any]) -> Any:
    """{"data": [{...}, ...]}: the one list of objects inside an envelope."""
    lists = [value for value in content.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    return lists[0] if len(lists) == 1 else content


def _from_lists(content: dict[str, Any], name: str, log: Log) -> Parsed:
    lengths = {len(value) if isinstance(value, list) else -1 for value in content.values()}
    if not content or len(lengths) > 1 or lengths <= {-1, 0}:
        raise Unreadable(f"{name} holds one object that is not a table.", _SHAPE)
    columns = [pa.array([_text(cell, log) for cell in value], pa.string()) for value in content.values()]
    return Parsed(pa.table(columns, names=[str(i) for i in range(len(columns))]), list(content))


def _objects(rows: Iterable[tuple[int, Any]], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, row in rows:
        if not isinstance(row, dict):
            raise Unreadable(f"{name}: entry {line:,} is {json.dumps(row)[:60]}, not an object.", _SHAPE)
        yield line, row


def _from_objects(rows: Iterator[tuple[int, dict[str, Any]]], name: str, options: ReadOptions, log: Log) -> Parsed:
    columns: dict[str, list[str]] = {}
    count = 0
    for _, row in rows:
        if len(row) > options.limits.columns:
            check_shape(1, len(row), name, options.limits)
        for key, value in row.items():
            cells = columns.setdefault(key, [])
            cells.extend([""] * (count - len(cells)))
            cells.append(_text(value, log))
        count += 1
        if len(columns) > options.limits.columns:
            check_shape(count, len(columns), name, options.limits)
    if not count or not columns:
        raise Unreadable(f"{name} holds no rows.", _SHAPE)
    arrays = [pa.array(cells + [""] * (count - len(cells)), pa.string()) for cells in columns.values()]
    return Parsed(pa.table(arrays, names=[str(i) for i in range(len(arrays))]), list(columns))


def _text(value: Any, log: Log) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    log.add("nested", "A cell holds a list or an object; it was kept as JSON text.", exact=True)
    return json.dumps(value, ensure_ascii=False)
