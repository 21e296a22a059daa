"""How rows are to be divided, as a plan says it, and the ways there are. Nothing heavy is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_LEFT_OUT_ONE_BY_ONE = 2_000  # rows of a leave-one-out: each is a fit of every configuration


@dataclass(frozen=True)
class Way:
    """One way to divide rows. `column` says what it needs one for; `repeats`: whether another seed gives other folds."""

    title: str
    help: str
    shuffles: bool = True
    repeats: bool = True
    column: Literal["group", "time", "own"] | None = None


SPLITS: dict[str, Way] = {
    "auto": Way("Automatic", "Every part has the same share of each class, or the same spread of a number, and rows are drawn at random."),
    "kfold": Way("Random", "Rows are drawn at random, whatever their class or value."),
    "stratified": Way("Stratified", "Rows are drawn at random, with the same share of each class, or of each tenth of a number, in every part."),
    "leave_one_out": Way(
        "Leave one out", f"Each row validates alone: as many fits as rows. For up to {MOST_LEFT_OUT_ONE_BY_ONE:,} rows.", repeats=False
    ),
    "group": Way(
        "By group", "All rows of a group, such as a patient or a shop, stay on one side. Rows without a group count as one group.", column="group"
    ),
    "stratified_group": Way(
        "By group, stratified", "Groups stay on one side, and the shares of the classes are kept as nearly as whole groups allow.", column="group"
    ),
    "time": Way(
        "Time-ordered", "Each fold learns from the past and is judged on what came next; the latest rows are held out.", shuffles=False,
        repeats=False, column="time",
    ),
    "column": Way(
        "My own column", "A column says where each row goes: train, valid or test, yes or no, or the number of its fold.", shuffles=False,
        repeats=False, column="own",
    ),
}  # fmt: skip


class Split(BaseModel):
    """How rows are judged. `holdout` is a share of the rows, touched once, at the end; `folds` divide the rest.

    With `holdout=0` no row is held out, and the evaluation rests on out-of-fold predictions alone. `folds=None` leaves
    their number to the engine. `repeats` divides anew with other seeds. `column` has the groups, the times or the parts,
    for the strategies that need one. `gap` is the time left free before a validation part or the holdout, `embargo`
    the time after an earlier validation part that later folds do not learn from: days for dates, else the column's unit.
    `nested` asks for an outer loop that repeats the whole selection (see `pipeline.nested`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Literal["auto", "kfold", "stratified", "leave_one_out", "group", "stratified_group", "time", "column"] = "auto"
    holdout: float = Field(0.2, ge=0, lt=1)
    folds: int | None = Field(None, ge=2, le=20)
    repeats: int = Field(1, ge=1, le=10)
    column: str | None = None
    gap: float = Field(0, ge=0)
    embargo: float = Field(0, ge=0)
    nested: bool = False

    def count(self, rows: int) -> int:
        """How many folds: the number that is set, else what suits so many rows."""
        return self.folds or default_folds(rows, self.strategy)


def default_folds(rows: int, strategy: str = "auto") -> int:
    """How many folds are worth it: many where fits are cheap, and on a large table a small share of it judges well enough."""
    if strategy == "time":
        return max(2, min(5, rows // 8))
    if rows < 3_000:
        return max(2, min(8, rows // 4))
    return 10 if rows <= 30_000 else 8 if rows <= 100_000 else 20


def default_holdout(rows: int) -> float:
    """The share of the rows that is held out: the larger the table, the smaller a share judges well enough."""
    return 0.2 if rows <= 10_000 else 0.1 if rows <= 100_000 else 0.05
