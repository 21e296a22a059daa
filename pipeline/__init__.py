"""Trainyard: from a table to a trained, tested, versioned and exported model.

Importing this package loads nothing heavy: each public name is imported when it is first used.

    outcome = pipeline.train(frame, target="churned", budget_seconds=60)
    outcome.predictor.predict(frame)
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "accept_verdicts": "pipeline.judge.court",
    "acquit": "pipeline.judge.court",
    "answered": "pipeline.judge.court",
    "Contract": "pipeline.data",
    "Course": "pipeline.curves",
    "Edit": "pipeline.data",
    "Estimate": "pipeline.estimate",
    "ImportReport": "pipeline.data",
    "ModelVersion": "pipeline.store",
    "Outcome": "pipeline.run",
    "Plan": "pipeline.plan",
    "Portrait": "pipeline.data",
    "Predictor": "pipeline.predictor",
    "ReadOptions": "pipeline.data",
    "Recipe": "pipeline.features",
    "Report": "pipeline.quality",
    "SPLITS": "pipeline.data.splits.split",
    "Schema": "pipeline.data.schema",
    "Store": "pipeline.store",
    "Study": "pipeline.strategies",
    "TrainyardError": "pipeline.errors",
    "check": "pipeline.quality",
    "check_kept": "pipeline.aside",
    "compare": "pipeline.data",
    "compare_kept": "pipeline.aside",
    "devices": "pipeline.device",
    "drift_against": "pipeline.quality",
    "ensure_worker": "pipeline.worker",
    "entries": "pipeline.catalog",
    "entry": "pipeline.catalog",
    "estimate_kept": "pipeline.aside",
    "estimated": "pipeline.estimate",
    "execute": "pipeline.run",
    "export_model": "pipeline.export",
    "fetch": "pipeline.data.database",
    "fitted": "pipeline.estimate",
    "flow": "pipeline.features",
    "get_ready": "pipeline.data.nursery",
    "grid_sizes": "pipeline.strategies",
    "infer": "pipeline.data",
    "learn_contract": "pipeline.aside",
    "look": "pipeline.data",
    "masked": "pipeline.quality",
    "offered": "pipeline.data.folders",
    "portable": "pipeline.features",
    "preview_fix": "pipeline.quality",
    "preview_kept": "pipeline.aside",
    "profile": "pipeline.data",
    "read": "pipeline.data",
    "read_rows": "pipeline.data",
    "rows_after": "pipeline.balance",
    "samples": "pipeline.data",
    "sources": "pipeline.data.database",
    "thinned": "pipeline.curves",
    "trace": "pipeline.features",
    "train": "pipeline.run",
    "with_options": "pipeline.run",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), "get" if name == "entry" else name)


def __dir__() -> list[str]:
    return __all__
