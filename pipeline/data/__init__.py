"""Reading files into tables: one way in, the same at training and at scoring.

The names below load when they are first used, so that importing `pipeline.data.schema` costs no pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.data.bundled import Sample, samples
    from pipeline.data.contract import Breach, Contract
    from pipeline.data.hashing import content_hash
    from pipeline.data.portrait import Portrait
    from pipeline.data.profiles import profile
    from pipeline.data.reader import load, look, read, read_rows
    from pipeline.data.report import ImportProblem, ImportReport, Limits, ReadOptions
    from pipeline.data.schema import Column, Schema
    from pipeline.data.splits import Division, divide
    from pipeline.data.types import Conformed, Note, conform, infer
    from pipeline.data.versions import Edit, compare

_HOMES = {
    "Breach": "contract",
    "Column": "schema",
    "Conformed": "types",
    "Contract": "contract",
    "Division": "splits",
    "Edit": "versions",
    "ImportProblem": "report",
    "ImportReport": "report",
    "Limits": "report",
    "Note": "types",
    "Portrait": "portrait",
    "ReadOptions": "report",
    "Sample": "bundled",
    "Schema": "schema",
    "compare": "versions",
    "conform": "types",
    "content_hash": "hashing",
    "divide": "splits",
    "infer": "types",
    "load": "reader",
    "look": "reader",
    "profile": "profiles",
    "read": "reader",
    "read_rows": "reader",
    "samples": "bundled",
}
__all__ = [
    "Breach", "Column", "Conformed", "Contract", "Division", "Edit", "ImportProblem", "ImportReport", "Limits", "Note", "Portrait", "ReadOptions",
    "Sample", "Schema", "compare", "conform", "content_hash", "divide", "infer", "load", "look", "profile", "read", "read_rows", "samples",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipeline.data' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"pipeline.data.{_HOMES[name]}"), name)
    # No function has the name of its module: importing a module would put it in the function's place.
    globals()[name] = value
    return value
