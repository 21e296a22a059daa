"""Files on the server's own disk that may be imported without an upload, from the folders that the operator allows.

TRAINYARD_FOLDERS lists absolute paths of folders, separated as in PATH. A visitor chooses among the files found there; a path that a
visitor might make up leads nowhere, because only what is offered is opened, and links that lead out of a folder are not offered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.data.formats import EXTENSIONS
from pipeline.errors import DataError, NotFound

VARIABLE = "TRAINYARD_FOLDERS"
MOST_OFFERED = 2_000
_PACKED = (".gz", ".zip")


def offered() -> dict[str, Path]:
    """What to show -> the file: "folder/below/file.csv", in order; empty when the operator has allowed no folder."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in _files(folder):
            found.setdefault(f"{folder.name}/{path.relative_to(folder).as_posix()}", path)
            if len(found) == MOST_OFFERED:
                return found
    return found


def offered_path(shown: str) -> Path:
    """The file that is offered under that name. Raises NotFound for anything else, whatever it looks like."""
    path = offered().get(shown)
    if path is None:
        raise NotFound(f"No file {shown!r} is offered for import.", f"Choose one of the list; the operator sets the folders in {VARIABLE}.")
    return path


def _folders() -> list[Path]:
    folders = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_absolute() or not folder.is_dir():
            raise DataError(f"{VARIABLE} names {str(folder)!r}, which is no folder with an absolute path.", "Correct it and start Trainyard again.")
    return [folder.resolve() for folder in folders]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        plain = path.with_suffix("") if path.suffix.lower() in _PACKED else path
        readable = plain.suffix.lower() in EXTENSIONS or path.suffix.lower() == ".zip"
        if readable and not hidden and path.resolve().is_relative_to(folder) and path.is_file():
            yield path.resolve()
