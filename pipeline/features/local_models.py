"""Models that lie on this machine, in a folder that the operator names. Nothing is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "TRAINYARD_TEXT_MODELS"  # the folder that has one folder for each sentence model


def sentence_models() -> list[str]:
    """The sentence models that are here, by name: folders with a config.json and weights as safetensors, which cannot run code."""
    root = Path(os.environ.get(FOLDER) or "/dev/null").expanduser()
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [path.name for path in found if (path / "config.json").is_file() and any(path.rglob("*.safetensors"))]
