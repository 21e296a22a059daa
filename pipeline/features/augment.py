"""Rows that are added to the training rows of a fold: copies with noise, mixtures, texts with other words.

Never rows to judge by. A copy keeps the label of its original and is tied to it: neither early stopping nor a step that is
made out of fold ever learns from the one while it is judged on the other. Copies of tables go through the recipe like
any row; mixtures are made of what came out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.features import Needs, step
from pipeline.plan import Plan, StepSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COPIES = Param(
    "copies", "float", 1.0, "Copies", "For each training row; a fraction is drawn by chance.", 0.05, 5.0, unit="per row", tune=False
)


@dataclass(frozen=True)
class Grown:
    """Training rows and, after them, the rows that were added. `origin` has for every row the two rows that it was made of, which
    for most are the same; a row that was there names itself twice. `weight` says how much each counts, None: all alike."""

    X: Any
    y: np.ndarray
    origin: np.ndarray
    weight: np.ndarray | None = None

    @property
    def added(self) -> int:
        return int((self.origin[:, 0] != range(len(self.origin))).sum())


def grows(plan: Plan) -> bool:
    """Whether a plan has steps that add training rows."""
    adding = {entry.name for entry in catalog.entries("step") if entry.facts.phase == "training"}
    return any(spec.step in adding for spec in plan.steps)


def grow(plan: Plan, table: pd.DataFrame, y: np.ndarray) -> Grown:
    """The training rows of a fold with the copies that the plan's steps make of them, tied to their originals by the index."""
    import numpy as np
    import pandas as pd

    from pipeline.features.crossfit import ORIGIN

    rows, changed, kinds = [np.arange(len(table))], [], plan.kinds
    for place, (spec, entry) in enumerate(_of(plan, joined=False)):
        columns = [name for name in plan.features if kinds[name] in entry.facts.kinds and (spec.columns is None or name in spec.columns)]
        if columns and len(table):
            random = np.random.default_rng([plan.seed, place])
            picked = _picked(len(table), entry.complete(spec.params)["copies"], random)
            changed.append((sum(map(len, rows)), entry.make(entry.complete(spec.params))(table[columns], picked, random)))
            rows.append(picked)
    origin = np.concatenate(rows)
    grown = table.iloc[origin].set_axis(pd.Index(origin, name=ORIGIN))
    for name in {name for _, columns in changed for name in columns}:
        number = kinds[name] == "numeric"
        values = (grown[name].to_numpy(dtype="float64", na_value=np.nan) if number else grown[name].to_numpy(dtype=object)).copy()
        for begins, columns in changed:
            if name in columns:
                values[begins : begins + len(columns[name])] = columns[name]
        grown[name] = values
    return Grown(grown, y[origin], np.column_stack([origin, origin]))


def mix(plan: Plan, needs: Needs, grown: Grown) -> Grown:
    """The rows as the recipe made them, with the mixtures that the plan's steps make, for families that want scaled numbers."""
    import numpy as np

    for place, (spec, entry) in enumerate(_of(plan, joined=True)):
        if needs.scaled and len(grown.y) > 1:
            random = np.random.default_rng([plan.seed, 1_000 + place])
            grown = entry.make(entry.complete(spec.params))(grown, random)
    return grown


def _of(plan: Plan, joined: bool) -> list[tuple[StepSpec, catalog.Entry]]:
    """The training steps of a plan that work on the table, or on the joined columns (they are made for no kind of column)."""
    found = [(spec, catalog.get("step", spec.step)) for spec in plan.steps]
    return [(spec, entry) for spec, entry in found if entry.facts.phase == "training" and bool(entry.facts.kinds) != joined]


def _picked(rows: int, copies: float, random: np.random.Generator) -> np.ndarray:
    """Which rows are copied: each as often as it goes, and the rest by chance."""
    import numpy as np

    whole, rest = int(copies), round((copies - int(copies)) * rows)
    return np.concatenate([np.tile(np.arange(rows), whole), np.sort(random.choice(rows, rest, replace=False))])


@step(
    "noise",
    title="Copies with noise",
    help="Copies of training rows whose numbers are moved a little by chance, in the measure of how much the training rows differ. Whole numbers "
    "stay whole, and gaps stay gaps.",
    kinds=("numeric",),
    phase="training",
    order=90,
    params=(
        COPIES,
        Param("size", "float", 0.05, "Size", "Standard deviations of the column.", 0.001, 1.0, log=True, unit="deviations", tune=False),
    ),
)
def noise(params: dict[str, Any]) -> Callable:
    def make(table: pd.DataFrame, picked: np.ndarray, random: np.random.Generator) -> dict[str, Any]:
        import numpy as np

        made = {}
        for name in table:
            values = table[name].to_numpy(dtype="float64", na_value=np.nan)
            known = values[np.isfinite(values)]
            moved = values[picked] + random.normal(size=len(picked)) * params["size"] * (known.std() if len(known) else 0.0)
            made[name] = np.round(moved) if (known == np.round(known)).all() else moved
        return made

    return make


@step(
    "mixup",
    title="Mixtures of rows (mixup)",
    help="New training rows between two others, each with both labels by their share: as two rows with weights, or for a number the number "
    "between (Zhang and others, 2018). For families that want scaled numbers, such as networks; one that takes no weights gets the nearer label.",
    phase="training",
    order=91,
    params=(
        Param("share", "float", 1.0, "Mixtures", "For each training row.", 0.05, 5.0, unit="per row", tune=False),
        Param("alpha", "float", 0.2, "Evenness", "Small: near one of the two rows; 1: anywhere between.", 0.01, 4.0, log=True, tune=False),
    ),
)
def mixup(params: dict[str, Any]) -> Callable:
    def make(grown: Grown, random: np.random.Generator) -> Grown:
        import numpy as np

        rows, count = len(grown.y), max(1, round(params["share"] * len(grown.y)))
        one, other = random.integers(0, rows, (2, count))
        near = random.beta(params["alpha"], params["alpha"], count)
        near = np.maximum(near, 1 - near)
        X = _between(grown.X, one, other, near)
        parents = np.column_stack([grown.origin[one, 0], grown.origin[other, 0]])
        weight = np.ones(rows) if grown.weight is None else grown.weight
        if np.issubdtype(grown.y.dtype, np.floating):
            y = near * grown.y[one] + (1 - near) * grown.y[other]
            return Grown(_stacked([grown.X, X]), np.r_[grown.y, y], np.concatenate([grown.origin, parents]), np.r_[weight, np.ones(count)])
        y, weight = np.r_[grown.y, grown.y[one], grown.y[other]], np.r_[weight, near, 1 - near]
        return Grown(_stacked([grown.X, X, X]), y, np.concatenate([grown.origin, parents, parents]), weight)

    return make


def _between(X: Any, one: np.ndarray, other: np.ndarray, near: np.ndarray) -> Any:
    if hasattr(X, "multiply"):
        return (X[one].multiply(near[:, None]) + X[other].multiply(1 - near[:, None])).tocsr()
    return near[:, None] * X[one] + (1 - near[:, None]) * X[other]


def _stacked(parts: list[Any]) -> Any:
    import numpy as np
    from scipy import sparse

    return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)


SHARE = Param("share", "float", 0.15, "Share of words", "Of those that can be changed.", 0.01, 0.9, unit="share", tune=False)


@step(
    "synonyms",
    title="Copies with synonyms",
    help="Copies of training rows in whose texts some words stand for others of the same meaning, from a list of common English words that "
    "comes with Trainyard. A text without such a word is copied as it is.",
    kinds=("text",),
    phase="training",
    order=92,
    params=(COPIES, SHARE),
)
def synonyms(params: dict[str, Any]) -> Callable:
    from pipeline.features.synonyms import of

    def change(words: list[str], random: np.random.Generator) -> list[str]:
        drawn = random.random((2, len(words)))
        others = [of(word) for word in words]
        return [
            found[int(which * len(found))] if found and chance < params["share"] else word
            for word, found, chance, which in zip(words, others, *drawn, strict=True)
        ]

    return _rewritten(change)


@step(
    "word_dropout",
    title="Copies with words left out",
    help="Copies of training rows from whose texts some words are left out by chance; at least one stays.",
    kinds=("text",),
    phase="training",
    order=92,
    params=(COPIES, SHARE),
)
def word_dropout(params: dict[str, Any]) -> Callable:
    def change(words: list[str], random: np.random.Generator) -> list[str]:
        kept = [word for word, chance in zip(words, random.random(len(words)), strict=True) if chance >= params["share"]]
        return kept or words[:1]

    return _rewritten(change)


def _rewritten(change: Callable[[list[str], Any], list[str]]) -> Callable:
    """Copies whose texts were changed word by word; a gap stays a gap."""

    def make(table: pd.DataFrame, picked: np.ndarray, random: np.random.Generator) -> dict[str, Any]:
        import pandas as pd

        return {
            name: [text if pd.isna(text) else " ".join(change(str(text).split(), random)) for text in table[name].iloc[picked]]
            for name in table
        }

    return make
