"""A dataset as a person wants to see it: its columns, how they hang together, where cells are missing, and all of it on one page.

Everything is computed on the sample that is kept with the dataset (`Dataset.sample`), and the counts that the schema knows
exactly are taken from there; so it takes about as long for seven million rows as for fifty thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.profiles import profile
from pipeline.data.relations import measure, pair, relations
from pipeline.data.schema import Schema

MOST_PATTERNS = 15


class Portrait:
    """`sample` are rows of a table of that schema, `tops` what was counted over all rows. What is asked for twice is computed once."""

    def __init__(self, sample: pd.DataFrame, schema: Schema, target: str | None = None, tops: Mapping[str, Any] | None = None) -> None:
        self.sample, self.schema, self._tops, self._facts = sample, schema, tops, {}
        self.target = target if target in schema else None

    @property
    def sampled(self) -> bool:
        """Whether there are more rows than were looked at."""
        return len(self.sample) < self.schema.rows

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The facts of every column: of 10,000 that takes seconds, so a page asks for those that it shows."""
        return self.facts(self.schema.names)

    def facts(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """What `profile` says of these columns, with "relation": the strength of its relation to the target (None without one)."""
        new = [name for name in names if name not in self._facts]
        if new:
            strengths = self._to_target(new)
            found = profile(self.sample, self.schema.only(new), self._tops)
            self._facts |= {fact["name"]: fact | {"relation": strengths.get(fact["name"])} for fact in found}
        return [self._facts[name] for name in names]

    @cached_property
    def relations(self) -> dict[str, Any]:
        """A square of strengths; see `relations.relations`."""
        return relations(self.sample, self.schema, self.target)

    def strongest(self, most: int = 30) -> list[dict[str, Any]]:
        """The pairs with the strongest relation: rows {"one", "other", "strength", "measure"}."""
        names, square = self.relations["columns"], self.relations["strength"]
        found = [
            {"one": names[i], "other": names[j], "strength": square[i][j], "measure": measure(self.schema[names[i]], self.schema[names[j]])}
            for i in range(len(names))
            for j in range(i)
            if square[i][j] is not None
        ]
        return sorted(found, key=lambda row: -abs(row["strength"]))[:most]

    def pair(self, one: str, other: str) -> dict[str, Any]:
        """What there is to see of two columns; see `relations.pair`."""
        return pair(self.sample, self.schema, one, other)

    @cached_property
    def gaps(self) -> dict[str, Any]:
        """{"columns", "patterns", "rows", "whole"}: which cells are missing together, the most frequent combination first.

        `whole` is the share of rows without a missing cell.
        """
        names = [column.name for column in self.schema.columns if column.missing]
        if not names:
            return {"columns": [], "patterns": [], "rows": len(self.sample), "whole": 1.0}
        missing = self.sample[names].isna().to_numpy()
        codes, first, counts = _rows_alike(missing)
        order = np.argsort(-counts, kind="stable")
        masks = [(missing[first[k]], int(counts[k])) for k in order]
        patterns = [
            {"columns": [name for name, gone in zip(names, mask, strict=True) if gone], "rows": n, "share": n / len(codes)}
            for mask, n in masks
            if mask.any()
        ]
        whole = 1.0 - sum(pattern["share"] for pattern in patterns)
        return {"columns": names, "patterns": patterns[:MOST_PATTERNS], "rows": len(codes), "whole": max(0.0, whole)}

    def html(self, title: str) -> str:
        """All of it as one HTML page that needs no script and no other file."""
        from pipeline.data.document import page

        return page(self, title)

    def _to_target(self, names: Sequence[str]) -> dict[str, float | None]:
        if self.target is None:
            return {}
        others = [name for name in names if name != self.target]
        strengths: dict[str, float | None] = {}
        for start in range(0, len(others), 39):
            part = self.schema.only([self.target, *others[start : start + 39]])
            found = relations(self.sample, part, self.target)
            if found["columns"][:1] == [self.target]:
                strengths |= dict(zip(found["columns"][1:], found["strength"][0][1:], strict=True))
        return strengths


def _rows_alike(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A code per row, the first row of each code, and how many rows have it."""
    packed = np.ascontiguousarray(np.packbits(cells, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, codes, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return codes, first, counts
