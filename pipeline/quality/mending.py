"""What a fix would change, shown before it is taken: cells before and after, rows and columns left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import catalog
from pipeline.data.schema import Schema
from pipeline.data.wording import amount
from pipeline.plan import Fix, Plan, StepSpec

MOST_ROWS = 50_000
MOST_SHOWN = 10


@dataclass(frozen=True)
class Changed:
    """One column: how many cells change, how many of them become missing, and the commonest changes.

    `examples` are (position of a row, before, after, how many rows have this change); None is a missing cell.
    """

    column: str
    cells: int
    emptied: int
    examples: tuple[tuple[int, Any, Any, int], ...]


@dataclass(frozen=True)
class Mending:
    """What a fix does to `looked_at` rows of a table of `rows` rows.

    `left_out` are positions of rows, at most ten, that are not trained on, `dropped_rows` how many there are. `ignored`
    are the columns that the model no longer sees, `metric` what it is judged by from then on.
    """

    rows: int
    looked_at: int
    columns: tuple[Changed, ...] = ()
    dropped_rows: int = 0
    left_out: tuple[int, ...] = ()
    ignored: tuple[str, ...] = ()
    metric: str | None = None

    @property
    def cells(self) -> int:
        return sum(column.cells for column in self.columns)


def preview_fix(table: pd.DataFrame, schema: Schema, fix: Fix, plan: Plan | None = None) -> Mending:
    """What `fix` changes in the table, which itself stays as it is.

    Its steps are fitted on the rows looked at (all, or 50,000 spread evenly over a longer table); in training they are
    fitted inside each fold. With a `plan` the fixes that it has already come first, as they do there.
    """
    chosen = np.unique(np.linspace(0, len(table) - 1, min(len(table), MOST_ROWS)).astype(int)) if len(table) else np.zeros(0, int)
    rows = table.iloc[chosen].reset_index(drop=True)
    kinds = {column.name: column.kind for column in schema.columns if column.name in table} | {c.name: c.kind for c in (plan.columns if plan else ())}
    named = _named(fix, kinds)
    before = _carried(plan, _canonical(rows, named), kinds)
    after = _apply(before, fix.steps, dict(kinds))
    columns = tuple(_changed(name, before[name], after[name], chosen) for name in named)
    keep = np.ones(len(table), dtype=bool)
    for spec in fix.steps:
        entry = catalog.get("step", spec.step)
        if entry.facts.rows:
            keep &= entry.make(table, entry.complete(spec.params))
    gone = np.flatnonzero(~keep)
    ignored = tuple(name for name in fix.ignore if name in kinds)
    return Mending(len(table), len(rows), tuple(c for c in columns if c.cells), len(gone), tuple(map(int, gone[:MOST_SHOWN])), ignored, fix.metric)


def _named(fix: Fix, kinds: dict[str, str]) -> list[str]:
    """The columns that the column steps of a fix act on; a step that names none acts on all of its kinds."""
    found: dict[str, None] = {}
    for spec in fix.steps:
        facts = catalog.get("step", spec.step).facts
        if facts.phase == "columns":
            names = spec.columns if spec.columns is not None else [name for name, kind in kinds.items() if kind in facts.kinds]
            found |= {name: None for name in names if name in kinds}
    return list(found)


def _canonical(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    from pipeline.features.columns import Canonical

    return Canonical(names).transform(rows)


def _carried(plan: Plan | None, rows: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """The columns as the fixes that are already in the plan leave them; `kinds` is brought up to date."""
    return _apply(rows, tuple(spec for fix in plan.fixes for spec in fix.steps) if plan else (), kinds)


def _apply(rows: pd.DataFrame, steps: tuple[StepSpec, ...], kinds: dict[str, str]) -> pd.DataFrame:
    from pipeline.features import Needs

    rows = rows.copy()
    for spec in steps:
        entry = catalog.get("step", spec.step)
        names = [name for name in rows if kinds[name] in entry.facts.kinds and (spec.columns is None or name in spec.columns)]
        if entry.facts.phase == "columns" and names and spec.enabled and len(rows):
            made = entry.make(entry.complete(spec.params), Needs())
            if made is not None:
                rows[names] = pd.DataFrame(made.fit_transform(rows[names]), index=rows.index).set_axis(names, axis=1)
            kinds |= {name: entry.facts.gives or kinds[name] for name in names}
    return rows


def _changed(name: str, before: pd.Series, after: pd.Series, positions: np.ndarray) -> Changed:
    gap, empty = before.isna().to_numpy(), after.isna().to_numpy()
    same = (gap & empty) | (before.astype(object) == after.astype(object)).to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(after) and not pd.api.types.is_numeric_dtype(before):
        same |= (before.map(_number, na_action="ignore").astype("float64") == after).to_numpy(dtype=bool)
    differ = np.flatnonzero(~same)
    pairs: dict[tuple, list[int]] = {}
    for i in differ:
        pairs.setdefault((_plain(before.iloc[i]), _plain(after.iloc[i])), []).append(int(i))
    common = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[1][0]))[:MOST_SHOWN]
    examples = tuple((int(positions[found[0]]), was, now, len(found)) for (was, now), found in common)
    return Changed(name, len(differ), int((empty & ~gap).sum()), examples)


def _number(text: object) -> float:
    """The number that a text says, whatever its unit: '5 kg' read as 5 is no change."""
    seen = amount(str(text))
    return seen[0] if seen else np.nan


def _plain(value: Any) -> Any:
    """A cell as a value that a page can show: None for missing, days and moments as text."""
    if pd.isna(value):
        return None
    return str(value) if isinstance(value, (pd.Timestamp, np.datetime64)) else value.item() if isinstance(value, np.generic) else value
