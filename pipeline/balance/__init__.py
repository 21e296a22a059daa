"""What is done about rare classes: weights, and rows left out or made up. On the training rows of one fold, never on others.

`apply` is called inside a fit, after the recipe, with that fold's training rows alone; rows to judge by never come here.
Each method is one decorated function `make(params) -> method`, and `method(part) -> (X, y, weight or None)`.

Weights and copies. To weight a row with 3 and to have it three times is the same loss, but not the same fit: a family
that stops early sets rows of the fit aside, and copies of one row then fall on both sides, so that it stops too late.
Over-sampling is therefore carried out as whole-number weights; copies are made only for families that take no weights
(`weighted=False`), none of which should stop early. Rows made by SMOTE have the same fault in a milder form (each lies
between two others), so prefer weights for boosters and networks. Every method but `none` moves the probabilities:
they no longer are the shares of the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.errors import PlanError

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("binary", "multiclass")
Refusals = list[tuple[str, str]]  # (what is wrong, what to do)


@dataclass(frozen=True)
class Part:
    """The training rows of one fold, as the family will see them. `y` are class numbers, named by `classes`."""

    X: Any
    y: np.ndarray
    seed: int
    categorical: tuple[int, ...] = ()  # positions of the columns whose numbers are names
    classes: tuple[str, ...] = ()
    values: Any = None  # the weight column, for a method that reads one


@dataclass(frozen=True)
class Balanced:
    """The rows to fit on. `before` and `after` are rows per class; with weights, `after` is what the rows count for."""

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    before: dict[str, float]
    after: dict[str, float]


@dataclass(frozen=True)
class BalanceFacts:
    """`reads_column`: it needs a weight column. `moves_rows`: it leaves rows out or makes some up.
    `refusals(plan, schema)`: why this plan cannot have it, before any fit.

    `after(params, classes, rows)`: the rows of each class afterwards, from those before; None where that needs the rows.
    """

    reads_column: bool = False
    moves_rows: bool = False
    refusals: Callable[[Any, Any], Refusals] = lambda plan, schema: []
    after: Callable[[dict, Sequence[str], np.ndarray], np.ndarray] | None = None


def balance(
    name: str, *, title: str, help: str, order: int, params: Sequence[Param] = (), tasks: tuple[str, ...] = CLASSES, **facts: Any
) -> Callable[[Callable], Callable]:
    """Register a method: `make(params) -> method(part) -> (X, y, weight or None)`."""
    return catalog.register(
        "balance", name, title=title, help=help, order=order, params=tuple(params), tasks=tasks, facts=BalanceFacts(**facts)
    )


def apply(
    spec: Any, X: Any, y: np.ndarray, seed: int, raw_rows: pd.DataFrame | None = None, *, classes: Sequence = (),
    categorical: Sequence[int] | None = None, weighted: bool = True,
) -> Balanced:  # fmt: skip
    """Balance prepared training rows as `spec` (a plan's Balance) asks. `X` and `y` are left as they are.

    `raw_rows` are the same rows of the table, for a weight column. `categorical` are the positions of columns that hold
    codes; those of a category type are found. `weighted=False` is for a family that takes no weights: it gets copies in
    proportion instead. Raises PlanError, with numbers, where a method would do harm, and MissingPackage.
    """
    entry = catalog.get("balance", spec.method)
    if not np.issubdtype(np.asarray(y).dtype, np.integer) and "regression" not in entry.tasks:
        raise PlanError(f"{entry.title} is for classes, and the target is a number.", "Choose As they are, or weights from a column.")
    values = None
    if entry.facts.reads_column:
        if raw_rows is None or spec.column not in raw_rows:
            raise PlanError(
                f"{entry.title}: there is no column {spec.column!r} to read weights from.", "Choose the column on the Models page."
            )
        values = raw_rows[spec.column]
    part = Part(X, np.asarray(y), seed, _categorical(X, categorical), tuple(map(str, classes)), values)
    X, y, weight = entry.make(entry.complete(spec.params))(part)
    before, after = _counts(part, part.y), _counts(part, y, weight)
    if weight is not None and not weighted:
        rows = _copies(weight, seed)
        X, y, weight = take(X, rows), y[rows], None
        after = _counts(part, y)
    return Balanced(X, y, None if weight is None else weight / weight.mean(), before, after)


def rows_after(spec: Any, counts: Mapping[str, int]) -> dict[str, float] | None:
    """Rows per class after the method, from the rows before (the positive class of two last); None where that needs the rows."""
    entry = catalog.get("balance", spec.method)
    if entry.facts.after is None:
        return None
    rows = entry.facts.after(entry.complete(spec.params), list(counts), np.array(list(counts.values()), float))
    return dict(zip(counts, rows.round(1).tolist(), strict=True))


def _categorical(X: Any, given: Sequence[int] | None) -> tuple[int, ...]:
    if given is not None:
        return tuple(given)
    if not hasattr(X, "dtypes"):
        return ()
    return tuple(i for i, kind in enumerate(X.dtypes) if str(kind) == "category")


def take(X: Any, rows: np.ndarray) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _copies(weight: np.ndarray, seed: int) -> np.ndarray:
    """Row positions, each about as often as it weighs; a fraction decides by chance."""
    times = np.floor(weight + np.random.default_rng(seed).random(len(weight))).astype(int)
    return np.repeat(np.arange(len(weight)), times)


def name(part: Part, k: int) -> str:
    return part.classes[k] if k < len(part.classes) else str(k)


def _counts(part: Part, y: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    """Rows per class; one count for a numeric target."""
    if not np.issubdtype(part.y.dtype, np.integer):
        return {"all": float(len(y))}
    counts = np.bincount(y, weights=weight, minlength=int(part.y.max()) + 1)
    return {name(part, k): round(float(counts[k]), 1) for k in range(len(counts))}


from pipeline.balance import sampling, smote, weights  # noqa: E402, F401  (each registers its methods)
