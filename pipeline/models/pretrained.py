"""Pretrained tabular models as plug-ins: a family only where its package and a local file with its weights are here.

`TRAINYARD_TABICL_CHECKPOINT` and `TRAINYARD_TABPFN_CHECKPOINT` name the file, or several, separated as in PATH: one whose
name has "regress" in it is for numbers, any other is for classes. Without them the families are silently absent. Nothing
is ever downloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.errors import NotFound
from pipeline.models import network
from pipeline.models.estimator import Estimator, sample_rows
from pipeline.models.facts import OnRound, Resources, family

OFFLINE = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TABPFN_DISABLE_TELEMETRY", "TABPFN_NO_BROWSER", "DO_NOT_TRACK")
VIEWS = Param(
    "views", "int", 8, "Views of the table", low=1, high=32, log=True, unit="views", tune=False,
    help="How often the table is read, each time with its columns in another order; the answers are averaged.",
)  # fmt: skip


def checkpoints(variable: str) -> dict[str, Path]:
    """The files that the environment variable names and that exist: "classes" and "numbers" -> path."""
    paths = [Path(text).expanduser() for text in os.environ.get(variable, "").split(os.pathsep) if text]
    return {"numbers" if "regress" in path.name.lower() else "classes": path for path in paths if path.is_file()}


class Pretrained(Estimator):
    """Keeps the training rows; the package reads them with its weights when a row is to be predicted.

    A pickle holds the rows and the path, not the weights: whoever predicts needs the package and the file too.
    """

    package: str
    classifier: str
    regressor: str
    variable: str
    max_rows: int

    def options(self) -> dict[str, Any]:
        """What only this package's constructor knows."""
        return {}

    def _learn(self, X: Any, y: np.ndarray, weight: np.ndarray | None, on_round: OnRound | None) -> None:
        self._checkpoint()
        rows = sample_rows(y, self.max_rows, self.resources.seed, classes=self.task != "regression")
        self.model_ = (np.array(X[rows], np.float32), y[rows])

    def _values(self, X: Any) -> np.ndarray:
        reader = self._reader()
        return reader.predict(X) if self.task == "regression" else reader.predict_proba(X)

    def _reader(self) -> Any:
        """The package's own estimator, fitted; made at the first prediction of a process."""
        if self.__dict__.get("_made") is None:
            for name in OFFLINE:
                os.environ.setdefault(name, "1")
            kind = getattr(importlib.import_module(self.package), self.regressor if self.task == "regression" else self.classifier)
            self._made = kind(
                n_estimators=self.params["views"], model_path=str(self._checkpoint()), device=self.resources.device,
                random_state=self.resources.seed, **self.options(),
            ).fit(*self.model_)  # fmt: skip
        return self._made

    def _checkpoint(self) -> Path:
        found = checkpoints(self.variable).get("numbers" if self.task == "regression" else "classes")
        if found is None:
            raise NotFound(
                f"{self.variable} names no file with weights for a {self.task} task: {os.environ.get(self.variable)!r}.",
                f"Set {self.variable} to the checkpoint, where the worker and whoever predicts run.",
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_made"}


def plug_in(kind: type[Pretrained], name: str, *, title: str, help: str, order: int, missing: bool) -> bool:
    """Register the family if it can work here; returns whether it does. Imports nothing."""
    here = checkpoints(kind.variable)
    if importlib.util.find_spec(kind.package) is None or not here:
        return False
    tasks = (("binary", "multiclass") if "classes" in here else ()) + (("regression",) if "numbers" in here else ())

    def make(task: str, params: dict[str, Any], resources: Resources) -> Estimator:
        return kind(task, params, resources)

    family(
        name, title=title, help=help, params=(VIEWS,), tasks=tasks, order=order, categories="codes", scaled=False, missing=missing,
        sparse=False, speed="slow", default=False, device="any", max_rows=kind.max_rows, supports=network.supports, weights=False,
    )(make)  # fmt: skip
    return True
