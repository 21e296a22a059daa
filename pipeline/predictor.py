"""What is kept of a run: the fitted models with the contract of their input, and a verdict for each row they score."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.data import conform
from pipeline.data.schema import Schema
from pipeline.features.shared import Brief, sharing

if TYPE_CHECKING:
    from pipeline.data import Note
    from pipeline.data.contract import Breach, Contract

VERDICTS = ("ok", "note", "check")


@dataclass(frozen=True)
class FittedModel:
    """One recipe and one estimator, fitted on the same training rows.

    `present` are the classes that those rows had, as positions in the predictor's `classes`; None for a regression.
    """

    features: Any
    estimator: Any
    present: np.ndarray | None
    n_classes: int = 0

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities (n_rows, n_classes), or values (n_rows,), for a typed table."""
        return self.predict_prepared(self.features.transform(table))

    def predict_prepared(self, x: Any) -> np.ndarray:
        """The same for the recipe's output."""
        if self.present is None:
            return np.asarray(self.estimator.predict(x), dtype="float64").ravel()
        p = np.zeros((x.shape[0], self.n_classes))
        p[:, self.present] = self.estimator.predict_proba(x)
        return p / p.sum(axis=1, keepdims=True)


def blend(models: Sequence[FittedModel], weights: Sequence[float], table: pd.DataFrame) -> np.ndarray:
    """The weighted mean of the models' predictions. Each recipe works once, whatever the number of models that share it."""
    shares = np.asarray(weights or np.ones(len(models)), dtype="float64")
    total: Any = 0.0
    by_recipe: dict[int, list[int]] = {}
    for place, model in enumerate(models):
        by_recipe.setdefault(id(model.features), []).append(place)
    with sharing(Brief()) if len(by_recipe) > 1 else nullcontext():
        for places in by_recipe.values():
            made = models[places[0]].features.transform(table)
            for place in places:
                total = total + shares[place] * models[place].predict_prepared(made)
    return total / shares.sum()


@dataclass(frozen=True)
class Scored:
    """Predictions in the order of the rows given, and what was noticed about the columns."""

    table: pd.DataFrame
    notices: tuple[str, ...]

    def csv(self) -> bytes:
        """The table as UTF-8 CSV. A reason that a spreadsheet would run as a formula gets an apostrophe in front; predictions stay exact."""
        safe = self.table["reasons"].map(lambda text: "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text)
        return self.table.assign(reasons=safe).to_csv(index=False).encode()


@dataclass(frozen=True)
class Predictor:
    """Scores rows: the same object in the app, on the command line, in a bundle and from `pipeline.train`.

    The prediction is the mean of the models by `weights` (all the same when there are none). `schema` is the contract: the columns by name, how
    each is parsed, and what was seen in it. `unused` are the other columns of the training table: nothing is said when
    they are there or not. `about` says where the model comes from.
    """

    task: str
    target: str
    schema: Schema
    models: tuple[FittedModel, ...]
    classes: tuple = ()
    unused: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    weights: tuple[float, ...] = ()

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """The predicted class labels or values, shape (n_rows,). Raises SchemaMismatch when the columns cannot be used."""
        return self._decide(self._raw(conform(frame, self.schema).table))

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Class probabilities, shape (n_rows, n_classes), columns in the order of `classes`. Not for a regression."""
        self._need_classes()
        return self._raw(conform(frame, self.schema).table)

    def score(self, frame: pd.DataFrame, contract: Contract | None = None) -> Scored:
        """One row per input row, in order: prediction, proba_<class> …, verdict and reasons.

        "ok": like the training data. "note": something harmless was put right. "check": the prediction rests on a
        guess or breaks the `contract`, and `reasons` names the columns.
        """
        conformed = conform(frame, self.schema)
        notes = [note for note in conformed.notes if not (note.kind == "extra" and note.column in (self.target, *self.unused))]
        raw = self._raw(conformed.table)
        scored = pd.DataFrame({"prediction": self._decide(raw)})
        for k, label in enumerate(self.classes):
            scored[f"proba_{label}"] = raw[:, k]
        broken = contract.only(self.schema.names).examine(frame) if contract else []
        broken = [(breach, rows) for breach, rows in broken if breach.rule not in ("there", "type")]  # the notes say these
        scored["verdict"], scored["reasons"] = self._verdicts(conformed.table, notes, broken)
        return Scored(scored, (*(note.message for note in notes), *(f"Against the contract: {breach.message}" for breach, _ in broken)))

    def _raw(self, table: pd.DataFrame) -> np.ndarray:
        if not len(table):
            return np.empty((0, len(self.classes)) if self.classes else 0)
        return blend(self.models, self.weights, table)

    def _decide(self, raw: np.ndarray) -> np.ndarray:
        if not self.classes:
            return raw
        chosen = (raw[:, 1] >= 0.5).astype(int) if len(self.classes) == 2 else raw.argmax(axis=1)
        return np.array(self.classes)[chosen]

    def _need_classes(self) -> None:
        if not self.classes:
            raise TypeError("A regression has no class probabilities; use predict.")

    def _verdicts(self, table: pd.DataFrame, notes: list[Note], broken: list[tuple[Breach, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        level, reasons = np.zeros(len(table), int), [[] for _ in range(len(table))]

        def say(rows: np.ndarray, text: str, verdict: int) -> None:
            level[rows] = np.maximum(level[rows], verdict)
            for row in rows:
                reasons[row].append(text)

        everywhere = np.arange(len(table))
        for note in notes:
            if note.kind != "extra":  # a column that the model never looks at says nothing about a row
                say(everywhere if note.rows is None else np.asarray(note.rows), note.message, 1 if note.kind == "renamed" else 2)
        for breach, rows in broken:
            say(rows, f"{breach.column} breaks the contract: expected {breach.expected}", 2)
        absent = {note.column for note in notes if note.kind == "missing_column"}
        for column in self.schema.columns:
            if column.name not in absent:
                for rows, text in _surprises(table[column.name], column):
                    say(rows, text, 2)
        return np.array(VERDICTS, dtype=object)[level], np.array(["; ".join(texts) for texts in reasons], dtype=object)


def _surprises(values: pd.Series, column: Any) -> list[tuple[np.ndarray, str]]:
    """What a column of the rows holds that the training data did not: new levels, numbers out of range, unheard-of gaps."""
    found, known = [], values.notna().to_numpy()
    if column.missing == 0 and not known.all():
        found.append((np.flatnonzero(~known), f"{column.name} is missing, and never was in training"))
    if column.kind in ("categorical", "boolean") and column.levels and len(column.levels) == column.unique:
        new = known & ~values.astype(str).isin(set(column.levels)).to_numpy()
        found += [(np.flatnonzero(new & (values.astype(str) == v).to_numpy()), f"{column.name} is new: {v!r}") for v in _few(values[new])]
    if column.kind == "numeric" and isinstance(column.minimum, float):
        margin = 0.1 * (float(column.maximum) - column.minimum)
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
        far = (numbers < column.minimum - margin) | (numbers > float(column.maximum) + margin)
        found.append((np.flatnonzero(far), f"{column.name} is outside {column.minimum:g} to {float(column.maximum):g}"))
    return [(rows, text) for rows, text in found if len(rows)]


def _few(values: pd.Series, most: int = 200) -> list[str]:
    return list(values.astype(str).unique()[:most])
