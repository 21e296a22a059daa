"""A kept model as files that work without Trainyard: each export proves itself before it is offered."""

from __future__ import annotations

from pipeline.export import parts  # noqa: F401  (registers the parts)
from pipeline.export.bundle import Exported, export_model, open_bundle

__all__ = ["Exported", "export_model", "open_bundle"]
