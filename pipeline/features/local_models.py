"""Models that lie on this machine, in a folder that the operator names. Nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pipeline.errors import NotFound, UnknownName

FOLDER = "TRAINYARD_TEXT_MODELS"  # the folder that has one folder for each sentence model
READ = {".safetensors", ".json", ".txt", ".model"}


def sentence_models() -> list[str]:
    """The sentence models that are here, by name: folders with a config.json and weights as safetensors, which cannot run code."""
    root = Path(os.environ.get(FOLDER) or "/dev/null").expanduser()
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [path.name for path in found if (path / "config.json").is_file() and any(path.rglob("*.safetensors"))]


def folder(name: str) -> Path:
    """The folder of the sentence model of that name."""
    known, root = sentence_models(), os.environ.get(FOLDER)
    if not known:
        seen = f"{root!r}, where {FOLDER} points, has none" if root else f"{FOLDER} is not set"
        hint = f"Set {FOLDER} to the folder that has the folder {name!r} with its config.json and its weights as safetensors, and start again."
        raise NotFound(f"The sentence model {name!r} is needed, and {seen}.", hint)
    if name not in known:
        raise UnknownName(f"sentence model in {root!r}, where {FOLDER} points,", name, known)
    return Path(root).expanduser() / name


def fingerprint(path: Path) -> str:
    """The SHA-256 of all files that say what a model makes of a text, by their names."""
    total = hashlib.sha256()
    for file in sorted(found for found in path.rglob("*") if found.suffix in READ):
        with file.open("rb") as stream:
            total.update(f"{file.relative_to(path).as_posix()}:{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
