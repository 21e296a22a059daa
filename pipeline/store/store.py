"""The store: the only memory of Trainyard. Each verb is one line to the room that knows how."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import StoreError
from pipeline.plan import Plan
from pipeline.store.artifacts import GRACE_SECONDS, Artifacts, Format
from pipeline.store.contracts import Contracts
from pipeline.store.datasets import Datasets
from pipeline.store.drafts import Drafts
from pipeline.store.engine import database
from pipeline.store.journal import Journal
from pipeline.store.models import Models
from pipeline.store.records import Dataset, Event, Lease, ModelVersion, Run, State, Template, TrialRecord
from pipeline.store.runs import Runs
from pipeline.store.workers import Workers
from pipeline.store.workspaces import Workspaces

if TYPE_CHECKING:
    from pipeline.data import ReadOptions
    from pipeline.data.contract import Breach, Contract
    from pipeline.data.versions import Edit


class Store:
    """Datasets, runs and models of one home folder: an SQLite database and files named by their SHA-256.

    `home` is the folder; without one it is $TRAINYARD_HOME, else the user's data folder. It is made when it is not
    there, readable by its owner only. Making a Store is cheap; it may be used in any thread and after a fork.
    Any verb may raise StoreBusy (somebody has been writing for 30 seconds) or StoreError (disk, permissions, damage).
    """

    def __init__(self, home: Path | str | None = None) -> None:
        self.home = _home(home)
        for folder in (self.home, self.home / "objects", self.home / "tmp", self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = database(self.home / "trainyard.db")
        self._artifacts = Artifacts(self._database, self.home)
        self._datasets = Datasets(self._database, self._artifacts)
        self._contracts = Contracts(self._database)
        self._drafts = Drafts(self._database)
        self._journal = Journal(self._database, self._artifacts)
        self._runs = Runs(self._database, self._journal)
        self._models = Models(self._database, self._artifacts)
        self._workspaces = Workspaces(self.home / "work")
        self.workers = Workers(self._database)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def log_path(self, run_id: str) -> Path:
        """The file with what the training process of a run wrote, tracebacks included."""
        return self.logs / f"run-{run_id}.log"

    # Datasets

    def add_dataset(self, name: str, path: Path | str, *, file_name: str | None = None, options: ReadOptions | None = None) -> Dataset:
        """Read a file and keep its table; the same name and content return the version that is there.

        `file_name` is what the person called the file, when `path` is our own copy of it; `options` is what a person said of how
        to read it. Raises FileRefused, Unreadable.
        """
        added = self._datasets.add(name, Path(path), file_name, options)
        self._contracts.breaches(added)
        return added

    def add_if_exact(self, name: str, path: Path | str, *, file_name: str | None = None) -> Dataset | None:
        """`add_dataset` for a file of which nothing has to be guessed or mended; None for any other, which a person should look at."""
        added = self._datasets.add_if_exact(name, Path(path), file_name)
        if added is not None:
            self._contracts.breaches(added)
        return added

    def edit_dataset(self, dataset_id: str, edits: Sequence[Edit]) -> Dataset:
        """The version that these edits make of a dataset; the same content is the version that is there. Raises DataError."""
        return self._datasets.derive(self.dataset(dataset_id), edits)

    def dataset(self, dataset_id: str) -> Dataset:
        """Raises NotFound."""
        return self._datasets.get(dataset_id)

    def datasets(self, name: str | None = None) -> list[Dataset]:
        """Newest first: all, or the versions of one name."""
        return self._datasets.listed(name)

    def contract(self, name: str) -> Contract | None:
        """What the versions of that dataset must be like, when somebody has said so."""
        return self._contracts.get(name)

    def save_contract(self, name: str, contract: Contract) -> None:
        """Keep a contract for the versions of that dataset, those to come included."""
        self._contracts.save(name, contract)

    def drop_contract(self, name: str) -> None:
        self._contracts.drop(name)

    def breaches(self, dataset: Dataset) -> list[Breach] | None:
        """What a version breaks of the contract of its name; None without one. Every import is checked; a new contract checks again."""
        return self._contracts.breaches(dataset)

    def save_draft(self, dataset_id: str, plan: Plan) -> None:
        """Remember the plan that a person is working on for that dataset; what it was before can be had again by `undo_draft`."""
        self._drafts.save(dataset_id, plan)

    def draft(self, dataset_id: str) -> Plan | None:
        return self._drafts.get(dataset_id)

    def undo_draft(self, dataset_id: str) -> Plan | None:
        """Take back the last change of the draft and return what it is now; None when there is nothing to take back."""
        return self._drafts.turn(dataset_id, redo=False)

    def redo_draft(self, dataset_id: str) -> Plan | None:
        """Make the change again that was taken back last."""
        return self._drafts.turn(dataset_id, redo=True)

    def turns(self, dataset_id: str) -> tuple[list[str] | None, list[str] | None]:
        """Which parts of the plan an undo and a redo would change; None where there is nothing to undo or redo."""
        return self._drafts.turns(dataset_id)

    def keep_template(self, name: str, recipe: dict[str, Any]) -> Template:
        """Keep a recipe by name, in the place of the one of that name. Raises StoreError for a name that cannot be one."""
        return self._drafts.keep_template(name, recipe)

    def templates(self) -> list[Template]:
        """By name."""
        return self._drafts.templates()

    def template(self, name: str) -> Template:
        """Raises UnknownName with the near misses."""
        return self._drafts.template(name)

    def delete_template(self, name: str) -> None:
        """Raises NotFound."""
        self._drafts.delete_template(name)

    def save_quality(self, dataset_id: str, target: str | None, report_json: dict[str, Any]) -> None:
        self._datasets.save_quality(dataset_id, target, report_json)

    def quality(self, dataset_id: str, target: str | None) -> dict[str, Any] | None:
        return self._datasets.quality(dataset_id, target)

    # Runs

    def submit(self, plan: Plan) -> Run:
        """Queue a plan, once: an equal plan that is queued or running is returned instead.

        Raises NotFound for an unknown dataset and PlanError with every reason why the plan cannot work.
        """
        return self._runs.submit(plan)

    def extend(self, run_id: str, trials: int) -> Run:
        """Queue the plan of a run that is done with so many trials more, as a run of its own.

        One that had a budget in trials lends its fits for a day: they are not repeated.
        """
        earlier = self.run(run_id)
        run = self.submit(earlier.plan.extended((earlier.plan.search.trials or max(0, earlier.trials_done - 1)) + trials))
        if earlier.plan.search.trials:
            self._workspaces.extend(run.id, run_id)
        return run

    def run(self, run_id: str) -> Run:
        """Raises NotFound."""
        return self._runs.get(run_id)

    def runs(self, dataset_id: str | None = None, limit: int = 50, *, analyses: bool = True) -> list[Run]:
        """Newest first; `analyses=False` lists trainings alone."""
        return self._runs.listed(dataset_id, limit, analyses)

    def answer(self, dataset_id: str, analysis: str) -> tuple[Run | None, dict[str, Any] | None]:
        """The newest run of that analysis about a dataset, and what it found; None for what there is not."""
        run = self._runs.newest(dataset_id, analysis)
        return run, self.evaluation(run.id) if run else None

    def active_runs(self) -> list[Run]:
        """Queued, running and stopping, oldest first."""
        return self._runs.active()

    def request_stop(self, run_id: str) -> Run:
        """A queued run is cancelled at once; a running one is asked to keep the best so far and end."""
        return self._runs.request_stop(run_id)

    def replayed(self, run_id: str) -> Plan:
        """The plan that makes the trials of a run in seconds again, exactly. Raises StoreError for a run that has no list of them."""
        run, evaluation = self.run(run_id), self.evaluation(run_id) or {}
        if not evaluation.get("realised"):
            raise StoreError(f"The run {run_id} has no list of its fits.", "A run in seconds that is done has one; a budget in trials repeats itself.")
        return run.plan.replaying(evaluation["realised"])

    def discard(self, run_id: str) -> Run:
        """End a run without keeping anything: a queued one at once, a running one as soon as its worker sees it ("cancelled")."""
        return self._runs.discard(run_id)

    def resume(self, run_id: str) -> Run:
        """Queue an interrupted, failed or cancelled run again; its finished trials are not repeated."""
        return self._runs.resume(run_id)

    def events(self, run_id: str, after: int = 0, limit: int = 500) -> list[Event]:
        """The events with a number above `after`, in order."""
        return self._journal.events(run_id, after, limit)

    def trials(self, run_id: str) -> list[TrialRecord]:
        return self._journal.trials(run_id)

    def evaluation(self, run_id: str, attempt: int | None = None) -> dict[str, Any] | None:
        """How good the run's model is; None when it has none. `attempt` asks for an earlier one."""
        result = self._journal.result(run_id, attempt)
        return result.evaluation if result else None

    def leaderboard(self, run_id: str, attempt: int | None = None) -> list[dict[str, Any]]:
        result = self._journal.result(run_id, attempt)
        return result.leaderboard if result else []

    def run_artifacts(self, run_id: str, attempt: int | None = None) -> dict[str, str]:
        """What the run ended with, by name ("predictor", "rows"): the SHA-256 for `load`."""
        result = self._journal.result(run_id, attempt)
        return result.artifacts if result else {}

    # For workers: everything below is refused with LeaseLost when the run has become somebody else's.

    def claim(self, worker: str, run_id: str | None = None) -> Lease | None:
        """Take the oldest queued run, or that one; None when there is none to take. Beat within 15 seconds."""
        return self._runs.claim(worker, run_id)

    def lease(self, run_id: str, token: str) -> Lease:
        """The lease of a token that another process handed over."""
        return self._runs.lease(run_id, token)

    def beat(self, lease: Lease) -> Lease:
        """Keep the lease; the answer has the run as it stands now."""
        return self._runs.beat(lease)

    def update(self, lease: Lease, **changes: Any) -> None:
        """Set `phase`, `progress` (0 to 1), `eta_seconds` or `best` (a dict); what is not given stays."""
        self._journal.record(lease, [], changes)

    def event(self, who: Lease | str, kind: str, payload: Mapping[str, Any]) -> int:
        """Append an event to a run, by its lease or its id, and return its number."""
        return self._journal.event(who, kind, payload)

    def events_at_once(self, who: Lease | str, events: Iterable[tuple[str, Mapping[str, Any]]], **changes: Any) -> int:
        """Append several (kind, payload), with the changes that `update` takes, in one transaction; the last number."""
        return self._journal.record(who, events, changes)

    def put_trial(self, lease: Lease, record: Mapping[str, Any]) -> TrialRecord:
        """Store a trial as it stands (the keys of TrialRecord) and tell it as an event "trial"; it grows while its run is on."""
        return self._journal.put_trial(lease, record)

    def workspace(self, run_id: str) -> Path:
        """Where a run keeps its finished fits, so that a resumed one, or one that extends it, repeats none of them."""
        return self._workspaces.of(run_id)

    def settle_workspace(self, run_id: str) -> None:
        """Remove of a run that has ended what neither a resume nor a run that extends it could use."""
        self._workspaces.settle(run_id, self.run(run_id))

    def finish(
        self, lease: Lease, *, state: State = "done", evaluation: Mapping[str, Any], leaderboard: list[dict[str, Any]],
        artifacts: Mapping[str, Any],
    ) -> Run:  # fmt: skip
        """End a run with a model ("done" or "cancelled"): evaluation, leaderboard, artifacts and state, all or nothing."""
        return self._runs.finish(lease, state, evaluation, leaderboard, artifacts)

    def fail(self, lease: Lease, message: str, hint: str, code: str, *, state: State = "failed") -> Run:
        """End a run without a model: "failed", "cancelled" or "interrupted"."""
        return self._runs.fail(lease, message, hint, code, state)

    def reap(self) -> list[str]:
        """Mark runs whose worker is gone as interrupted; the ids. Reading runs does this, too."""
        return self._runs.reap()

    # Artifacts

    def put(self, value: Any, format: Format | None = None) -> str:
        """Store bytes, a file (Path), a table, arrays or an object, and return the SHA-256 of what was written."""
        return self._artifacts.put(value, format)

    def load(self, sha: str) -> Any:
        """The stored value, verified before it is parsed. Raises NotFound, DamagedArtifact."""
        return self._artifacts.load(sha)

    def artifact_bytes(self, sha: str) -> bytes:
        """The stored bytes, verified and not parsed. Raises NotFound, DamagedArtifact."""
        return self._artifacts.read(sha)

    def sweep(self, grace: float = GRACE_SECONDS) -> list[Path]:
        """Remove files older than `grace` seconds that no row names, and the fits that no run can use any more."""
        removed = self._artifacts.sweep(grace)
        for path in self._workspaces.folder.glob("*"):
            if self._workspaces.settle(path.name, self._runs.find(path.name)):
                removed.append(path)
        return removed

    def problems(self) -> list[str]:
        """What is wrong with the database and the artifacts, in words; empty when all is well. Reads everything."""
        return [*self._database.problems(), *(f"artifact {sha} is damaged" for sha in self._artifacts.damaged())]

    # Registry

    def keep(self, run_id: str, name: str, result: str = "accurate") -> ModelVersion:
        """Keep a model of a run, "accurate" or "fast", as the next version of `name`; kept before, it is that version. Raises StoreError."""
        return self._models.keep(run_id, name, result)

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """Newest first: all, or those of one name."""
        return self._models.versions(name)

    def model(self, ref: str) -> ModelVersion:
        """By "name" (the newest), "name:3" or "name@alias". Raises NotFound with the near misses."""
        return self._models.get(ref)

    def point(self, name: str, alias: str, version: int) -> ModelVersion:
        """Move an alias to a version, or make it."""
        return self._models.point(name, alias, version)

    def aliases(self, name: str) -> dict[str, int]:
        """Alias -> version."""
        return self._models.aliases(name)

    def predictor(self, ref: str | ModelVersion) -> Any:
        """The kept Predictor, verified before it is opened. Raises NotFound, DamagedArtifact."""
        return self._models.predictor(ref)


def _home(home: Path | str | None) -> Path:
    given = home or os.environ.get("TRAINYARD_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("trainyard", appauthor=False)).absolute()
