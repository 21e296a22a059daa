"""SQLite and artifact files: datasets, plans, runs, trials, events, versions and aliases. The only memory."""

from __future__ import annotations

from pipeline.store.records import Dataset, Event, Lease, ModelVersion, Run, Template, TrialRecord
from pipeline.store.store import Store

__all__ = ["Dataset", "Event", "Lease", "ModelVersion", "Run", "Store", "Template", "TrialRecord"]
