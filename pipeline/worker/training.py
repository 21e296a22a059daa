"""Doing one run: the training says what happens, the store remembers it, and every way to end is put into words."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.errors import LeaseLost, StoreBusy, TrainingError, TrainyardError
from pipeline.store import Lease, Run, Store

if TYPE_CHECKING:
    from pipeline.plan import Plan
    from pipeline.run import Outcome
    from pipeline.store import Dataset
    from pipeline.trials import Trial

BATCHED = ("round", "fit", "usage", "trial_started", "progress", "log")  # events that may wait half a second for company
BATCH_SECONDS = 0.5
_TRIAL = ("number", "family", "params", "score", "interval", "fold_scores", "seconds", "state", "message")
_log = logging.getLogger("trainyard.worker")


def perform(store: Store, lease: Lease, execute: Callable[..., Outcome] | None = None, on_stop: Callable[[], None] = lambda: None) -> Run:
    """Do the run that is leased, and record how it ended, whatever happens. Raises LeaseLost when it is not ours any more.

    `execute` has the signature of `pipeline.run.execute`, which it defaults to. `on_stop` is called once, when the
    training has noticed that it shall stop.
    """
    reporter = Reporter(store, lease, on_stop)
    try:
        return _analyse(store, lease, reporter) if lease.run.analysis else _train(store, lease, reporter, execute)
    except LeaseLost:
        raise
    except Discarded:
        return _nothing_kept(store, lease)
    except MemoryError:
        _log.exception("out of memory")
        message = "The training needed more memory than there is."
        return store.fail(lease, message, "Use fewer rows, columns or families, or a machine with more memory; then resume.", "out_of_memory")
    except TrainingError as error:
        if reporter.stopping:
            return _nothing_kept(store, lease)
        return store.fail(lease, str(error), error.hint, error.code)
    except TrainyardError as error:
        return store.fail(lease, str(error), error.hint, error.code)
    except Exception as error:  # noqa: BLE001 - the run must end in words, not in a traceback on somebody's page
        return _incident(store, lease, error)


def _analyse(store: Store, lease: Lease, reporter: Reporter) -> Run:
    """Carry out an analysis: what it finds is the run's evaluation, and there is no model."""
    from pipeline.analyses import answer

    dataset = store.dataset(lease.run.dataset_id)
    facts = answer(lease.run.plan, dataset.table(), dataset.schema, on_event=reporter.on_event, should_stop=reporter.should_stop)
    reporter.flush()
    return store.finish(lease, evaluation=facts, leaderboard=[], artifacts={})


def _train(store: Store, lease: Lease, reporter: Reporter, execute: Callable[..., Outcome] | None) -> Run:
    if execute is None:
        from pipeline.run import execute
    dataset = store.dataset(lease.run.dataset_id)
    outcome = execute(
        lease.run.plan, dataset.table(), schema=dataset.schema, on_event=reporter.on_event, should_stop=reporter.should_stop,
        workspace=store.workspace(lease.run.id),
    )  # fmt: skip
    if lease.run.plan.split.nested and not outcome.stopped:
        outcome.evaluation["nested"] = _nested(lease.run.plan, dataset, reporter)
    reporter.flush()
    evidence = {f"trial_{trial.number}": trial.oof for trial in outcome.trials if trial.oof is not None}
    artifacts = {"predictor": outcome.predictor, "fast": outcome.fast, "rows": _arrays(outcome.rows), "oof": evidence}
    state = "cancelled" if outcome.stopped else "done"
    run = store.finish(lease, state=state, evaluation=outcome.evaluation, leaderboard=outcome.leaderboard, artifacts=artifacts)
    store.settle_workspace(run.id)
    return run


def _nested(plan: Plan, dataset: Dataset, reporter: Reporter) -> dict[str, Any]:
    """The whole way to the model, judged by an outer loop: as many runs again as there are outer folds."""
    from pipeline.nested import nested_score

    reporter.on_event("phase", {"phase": "nested", "message": "Repeating the whole selection on each outer fold"})
    return asdict(nested_score(plan, dataset.table(), dataset.schema, should_stop=reporter.should_stop))


def _arrays(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Positions by name, as arrays alone: a list of folds becomes folds_0, folds_1 …"""
    lists = {name: value for name, value in rows.items() if isinstance(value, (list, tuple))}
    single = {name: value for name, value in rows.items() if name not in lists}
    return single | {f"{name}_{k}": value for name, values in lists.items() for k, value in enumerate(values)}


def _nothing_kept(store: Store, lease: Lease) -> Run:
    run = store.fail(lease, "Stopped before a model was finished.", "Resume it to go on.", "stopped", state="cancelled")
    store.settle_workspace(run.id)
    return run


def _incident(store: Store, lease: Lease, error: Exception) -> Run:
    """An error nobody foresaw: one sentence for the page, the traceback for the log, and a number that joins them."""
    number = secrets.token_hex(4)
    _log.error("incident %s", number, exc_info=error)
    message = f"The training stopped because of an unexpected {type(error).__name__} (incident {number})."
    return store.fail(lease, message, f"The log {store.log_path(lease.run.id).name} has the details; resume to try again.", "unexpected")


class Discarded(Exception):
    """Somebody asked to end the run and to keep nothing: no time is spent on judging what there is."""


class Reporter:
    """Writes what a training says to the store: a trial and a phase at once, frequent events half a second's worth at a time."""

    def __init__(self, store: Store, lease: Lease, on_stop: Callable[[], None] = lambda: None) -> None:
        self._store, self._lease, self._on_stop = store, lease, on_stop
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._written = self._looked = float("-inf")
        self._lock = threading.RLock()
        self.stopping = False

    def on_event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Takes the events of `execute`; "trial" carries {"trial": Trial}. Raises LeaseLost."""
        with self._lock:
            if kind == "trial":
                self.flush()
                self._trial(payload["trial"])
                return
            self._waiting.append((kind, payload))
            if kind not in BATCHED or time.monotonic() - self._written >= BATCH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Write what is waiting, together with what the run's page shows of it."""
        with self._lock:
            if self._waiting:
                self._store.events_at_once(self._lease, self._waiting, **_shown(self._waiting))
            self._waiting, self._written = [], time.monotonic()

    def should_stop(self) -> bool:
        """Whether somebody asked to stop; looks at most twice a second.

        Raises Discarded when nothing shall be kept, and LeaseLost when the run is not ours any more.
        """
        with self._lock:
            if self.stopping or time.monotonic() - self._looked < BATCH_SECONDS:
                return self.stopping
            self._looked = time.monotonic()
            try:
                run = self._store.lease(self._lease.run.id, self._lease.token).run
            except StoreBusy:
                _log.warning("the store is busy; looking again soon whether to stop")
                return False
            self.stopping = run.state == "stopping"
            if self.stopping:
                self._on_stop()
            if run.discarded:
                raise Discarded
            return self.stopping

    def _trial(self, trial: Trial) -> None:
        self._store.put_trial(self._lease, {name: getattr(trial, name) for name in _TRIAL})


def _shown(events: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """What the last events of each kind change in the run's row."""
    changes: dict[str, Any] = {}
    for kind, payload in events:
        if kind == "phase":
            changes["phase"] = payload["phase"]
        elif kind == "progress":
            changes |= {name: payload[name] for name in ("progress", "eta_seconds") if name in payload}
        elif kind == "best":
            changes["best"] = dict(payload)
    return changes
