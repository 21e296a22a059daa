"""Which column of a frame is which column of a schema: by name, never by position."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pipeline.data.rows import unique_names
from pipeline.data.schema import Schema
from pipeline.errors import SchemaMismatch, near

Told = tuple[str, str, str]


def match_columns(names: Sequence[str], schema: Schema) -> tuple[dict[str, int], list[Told]]:
    """For each schema column that is there, its position in the frame; and (column, kind, message) for everything else.

    Kinds are "renamed", "extra" and "missing_column". Raises SchemaMismatch when none, or fewer than half, are there.
    """
    given, _ = unique_names(names)
    places = {name: i for i, name in reversed(list(enumerate(given)))}
    found = {name: places[name] for name in schema.names if name in places}
    told = _renamed(names, given, schema, found)
    taken = set(found.values())
    extra = [i for i in range(len(given)) if i not in taken]
    absent = [name for name in schema.names if name not in found]
    _require(found, absent, schema, names)
    told += [(given[i], "extra", f"The column {given[i]!r} is not one that the model knows; it was left out.") for i in extra]
    told += [(name, "missing_column", _absent(name, [given[i] for i in extra])) for name in absent]
    return found, told


def _renamed(names: Sequence[str], given: list[str], schema: Schema, found: dict[str, int]) -> list[Told]:
    """Map headers that the import had renamed, then those that differ in case, blanks or Unicode form, when only one fits."""
    told: list[Told] = []
    for fold in (str, _folded):
        taken = set(found.values())
        free = [i for i in range(len(given)) if i not in taken]
        if not free:
            break
        for column in schema.columns:
            if column.name in found:
                continue
            wanted = {fold(column.name), fold(column.source)} - {""}
            fits = [i for i in free if wanted & {fold(given[i]), fold(str(names[i]))}]
            if len(fits) == 1 and fits[0] not in found.values():
                found[column.name] = fits[0]
                told.append((column.name, "renamed", f"The column {str(names[fits[0]])!r} was taken as {column.name!r}."))
    return told


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _absent(name: str, extra: list[str]) -> str:
    close = near(name, extra)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"The column {name!r} is not there; it counts as missing in every row.{hint}"


def _require(found: dict[str, int], absent: list[str], schema: Schema, names: Sequence[str]) -> None:
    if not absent or (found and 2 * len(absent) <= len(schema.columns)):
        return
    listed = ", ".join(map(repr, absent[:10])) + (" …" if len(absent) > 10 else "")
    have = ", ".join(repr(str(name)) for name in names[:10]) + (" …" if len(names) > 10 else "")
    raise SchemaMismatch(
        f"{len(absent)} of {len(schema.columns)} expected columns are not there: {listed}. The rows have: {have or 'no columns'}.",
        "Score a table with the column names that the model was trained on.",
        absent,
    )
