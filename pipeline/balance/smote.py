"""Methods that make rows up: SMOTE, and SMOTE-NC for numbers beside categories. The drawing is imbalanced-learn's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse, vstack

from pipeline.balance import Part, Refusals, balance, name
from pipeline.balance.sampling import SHARE, raised
from pipeline.catalog import Param
from pipeline.errors import MissingPackage, PlanError

MOST_BYTES = 2_000_000_000  # of the rows after some were made
MOST_PARENTS = 5_000  # of a class; neighbours cost the square of it, and SMOTE-NC took minutes for 20,000
MOST_SPARSE_COLUMNS = 5_000  # beyond it the nearest neighbours are hardly nearer than the others
NEIGHBOURS = Param(
    "neighbours", "int", 5, "Neighbours", "Each new row lies between a row and one of so many nearest of its class.", 1, 20, tune=False
)


def _smote_fits(plan: Any, schema: Any) -> Refusals:
    names = [name for name in plan.features if plan.kind(name) == "categorical"]
    if names:
        return [(f"SMOTE takes the middle of two rows, and {len(names):,} features are categories, such as {names[0]!r}, which have none.",
                 "Choose SMOTE-NC or class weights."), *_package_there()]  # fmt: skip
    return _package_there()


def _smote_nc_fits(plan: Any, schema: Any) -> Refusals:
    kinds = [plan.kind(name) for name in plan.features]
    if not {"categorical", "boolean"} & set(kinds) or set(kinds) <= {"categorical", "boolean"}:
        has = "no category" if not {"categorical", "boolean"} & set(kinds) else "no number"
        return [(f"SMOTE-NC is for tables with numbers and categories; among these {len(kinds):,} features is {has}.",
                 "Choose SMOTE where all are numbers, and class weights or repeated rare rows where all are categories."), *_package_there()]  # fmt: skip
    return _package_there()


def _package_there() -> Refusals:
    if importlib.util.find_spec("imblearn"):
        return []
    error = MissingPackage("imbalanced-learn", "SMOTE")
    return [(str(error), error.hint)]


@balance("smote", title="SMOTE", order=60, moves_rows=True, params=[SHARE, NEIGHBOURS], after=raised, refusals=_smote_fits,
         help="Makes new rows of rare classes, each between two rows of its class that are near each other. For numbers "
              f"only. A class of more than {MOST_PARENTS:,} rows is represented by so many of them.")  # fmt: skip
def smote(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        if part.categorical:
            raise PlanError(
                f"SMOTE takes the middle of two rows, and {len(part.categorical)} prepared columns are categories.", "Choose SMOTE-NC."
            )
        return _synthetic(part, params)

    return method


@balance("smote_nc", title="SMOTE-NC", order=70, moves_rows=True, params=[SHARE, NEIGHBOURS], after=raised, refusals=_smote_nc_fits,
         help="SMOTE for numbers and categories together: a new row takes the most frequent category among its neighbours.")  # fmt: skip
def smote_nc(params: dict[str, Any]) -> Callable:
    def method(part: Part) -> tuple:
        if issparse(part.X):
            raise PlanError(f"SMOTE-NC needs dense rows; these are sparse, {part.X.shape[1]:,} columns wide.", "Choose class weights.")
        return _synthetic(part, params, with_categories=True)

    return method


def _synthetic(part: Part, params: Mapping[str, Any], with_categories: bool = False) -> tuple:
    """The rows, and behind them those that imbalanced-learn makes."""
    wanted = _wanted(part, params)
    if not wanted:
        return part.X, part.y, None
    _refuse_large(part, sum(wanted.values()))
    cats = _categories(part) if with_categories else ()
    if with_categories and not 0 < len(cats) < part.X.shape[1]:
        raise PlanError(
            f"SMOTE-NC needs numbers and categories; {len(cats)} of {part.X.shape[1]} prepared columns are categories.",
            "Choose class weights.",
        )
    return *_with_new(part, wanted, params["neighbours"], cats), None


def _wanted(part: Part, params: Mapping[str, Any]) -> dict[int, int]:
    """Class number -> how many rows to make. Refused where a class has too few members to have neighbours."""
    counts = np.bincount(part.y)
    wanted = {int(k): int(counts.max() * params["share"]) - int(counts[k]) for k in np.flatnonzero(counts)}
    wanted = {k: extra for k, extra in wanted.items() if extra > 0}
    need = params["neighbours"] + 1
    few = [f"{name(part, k)!r} has {counts[k]}" for k in wanted if counts[k] < need]
    if few:
        raise PlanError(
            f"SMOTE with {params['neighbours']} neighbours needs {need} training rows of a class; {', '.join(few[:5])}.",
            "Use fewer neighbours, class weights, or repeated rare rows.",
        )
    return wanted


def _refuse_large(part: Part, extra: int) -> None:
    rows, columns = part.X.shape
    if issparse(part.X) and columns > MOST_SPARSE_COLUMNS:
        raise PlanError(
            f"SMOTE on {columns:,} sparse columns finds no meaningful neighbours; at most {MOST_SPARSE_COLUMNS:,}.", "Choose class weights."
        )
    each = part.X.data.nbytes / rows if issparse(part.X) else 4 * columns
    if (rows + extra) * each > MOST_BYTES:
        raise PlanError(
            f"SMOTE would make {extra:,} rows more; {rows + extra:,} rows of {columns:,} columns take {(rows + extra) * each / 1e9:.1f} GB, "
            f"at most {MOST_BYTES / 1e9:.0f} GB.", "Choose class weights, or a smaller share.",
        )  # fmt: skip


def _categories(part: Part) -> tuple[int, ...]:
    """The columns of names: those that are known to be, and in a plain array those that only say yes or no."""
    flags = () if hasattr(part.X, "iloc") else np.flatnonzero(((part.X == 0) | (part.X == 1)).all(axis=0)).tolist()
    return tuple(sorted({*part.categorical, *flags}))


def _with_new(part: Part, wanted: dict[int, int], neighbours: int, cats: tuple[int, ...]) -> tuple:
    members = np.concatenate([_parents(part, k) for k in wanted])
    # The rows of other classes play no part; two of them stand in, because a sampler wants a second class.
    rows = np.r_[members, np.flatnonzero(part.y == np.bincount(part.y).argmax())[:2]]
    counts = np.bincount(part.y[rows])
    asked = {"sampling_strategy": {k: int(counts[k]) + extra for k, extra in wanted.items()}, "random_state": part.seed, "k_neighbors": neighbours}
    if issparse(part.X):
        made, classes = _sampler(asked, ()).fit_resample(part.X[rows], part.y[rows])
        return vstack([part.X, made[len(rows) :]], format="csr").astype(part.X.dtype), np.r_[part.y, classes[len(rows) :]]
    plain = _Plain.of(part.X.iloc[rows] if hasattr(part.X, "iloc") else part.X[rows], cats, len(members))
    made, classes = _sampler(asked, cats).fit_resample(plain.numbers, part.y[rows])
    new = plain.back(made[len(rows) :])
    joined = pd.concat([part.X, new], ignore_index=True) if hasattr(part.X, "iloc") else np.vstack([part.X, new.astype(part.X.dtype)])
    return joined, np.r_[part.y, classes[len(rows) :]]


def _parents(part: Part, k: int) -> np.ndarray:
    """The rows of a class that new ones are made from: all, or so many of them that their neighbours are found in seconds."""
    own = np.flatnonzero(part.y == k)
    if len(own) <= MOST_PARENTS:
        return own
    return np.sort(np.random.default_rng(part.seed).choice(own, MOST_PARENTS, replace=False))


def _sampler(asked: dict[str, Any], cats: tuple[int, ...]) -> Any:
    try:
        from imblearn.over_sampling import SMOTE, SMOTENC
    except ImportError as error:
        raise MissingPackage("imbalanced-learn", "SMOTE") from error
    return SMOTENC(categorical_features=list(cats), **asked) if cats else SMOTE(**asked)


@dataclass(frozen=True)
class _Plain:
    """Rows as numbers on one scale, without gaps, so that distances mean something, and the way back.

    A gap becomes the mean and a mark in a column of its own behind the others; a new row has a gap where the nearer of
    its two parents had one. Without that, a gap would say that a row is real.
    """

    numbers: np.ndarray
    like: Any
    mean: np.ndarray
    scale: np.ndarray
    gappy: np.ndarray

    @classmethod
    def of(cls, X: Any, cats: tuple[int, ...], members: int) -> _Plain:
        """`members`: how many rows, from the first, the scale is taken from."""
        if hasattr(X, "iloc"):
            columns = [c.cat.codes if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in X.items()]
            values = np.column_stack(columns).astype("float64")
        else:
            values = np.asarray(X, dtype="float64")
        gaps = np.isnan(values)
        own, unknown = values[:members], gaps[:members]
        known = np.maximum((~unknown).sum(axis=0), 1)
        mean = np.where(unknown, 0, own).sum(axis=0) / known
        scale = np.sqrt((np.where(unknown, 0, own - mean) ** 2).sum(axis=0) / known)
        mean[list(cats)], scale[list(cats)] = 0, 1
        scale[scale == 0] = 1
        gappy = np.flatnonzero(gaps.any(axis=0) & ~np.isin(np.arange(values.shape[1]), cats))
        numbers = np.where(gaps, 0, (values - mean) / scale)
        return cls(np.column_stack([numbers, gaps[:, gappy]]), X, mean, scale, gappy)

    def back(self, numbers: np.ndarray) -> Any:
        width = len(self.mean)
        values = numbers[:, :width] * self.scale + self.mean
        for mark, column in enumerate(self.gappy):
            values[numbers[:, width + mark] > 0.5, column] = np.nan
        if not hasattr(self.like, "iloc"):
            return values
        columns = {}
        for i, (title, column) in enumerate(self.like.items()):
            if isinstance(column.dtype, pd.CategoricalDtype):
                columns[title] = pd.Categorical.from_codes(values[:, i].round().astype(int), dtype=column.dtype)
            else:
                columns[title] = values[:, i].astype(column.dtype)
        return pd.DataFrame(columns)
