"""What holds for every step of the catalogue, whoever adds it: nothing is learned outside the training fold, rows keep their
order, odd columns are borne or refused in words, and the same seed gives the same."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from pipeline import catalog, features, trials
from pipeline.catalog import Entry
from pipeline.data import infer
from pipeline.errors import TrainyardError
from pipeline.features import Needs
from pipeline.plan import Plan
from pipeline.trials import TrainingData
from pipeline.workspace import Workspace

ROWS = 45
PLAIN, NATIVE = Needs("onehot", scaled=True, missing=False), Needs("native", scaled=False, missing=True)
BASE = ["boolean", "date_parts", "impute", "scale", "encode", "tfidf"]
OWN = {"formula": {"formula": "a / b + where(city == 'Oslo', `to go`, isnull(seen))"}}
CHOSEN = {"drop": ["a"], "keep": ["a", "city"]}
STEPS = catalog.entries("step")
SLOW = {"select_boruta": {"rounds": 10}, "select_permutation": {"repeats": 2}, "noise": {"copies": 0.5}}


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=rows), "b": rng.normal(5, 1, rows), "to go": rng.integers(0, 50, rows).astype(float),
            "city": rng.choice(["Oslo", "Rome", "Bonn"], rows), "size": rng.choice(["S", "L"], rows), "member": rng.choice([True, False], rows),
            "seen": pd.Timestamp("2024-01-01 08:30") + pd.to_timedelta(rng.permutation(rows) * 26, unit="h"),
            "due": pd.Timestamp("2024-06-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "note": [" ".join(rng.choice(["good", "bad", "room", "staff", "loud", "clean", "bed", "quiet"], 7)) + f" {i}" for i in range(rows)],
            "y": rng.permutation(np.tile(["no", "yes"], rows // 2 + 1)[:rows]),
        }
    )  # fmt: skip
    frame.loc[::7, "a"], frame.loc[::9, "city"], frame.loc[::11, "seen"] = np.nan, None, pd.NaT
    return frame


TYPED, SCHEMA = infer(table())
Y = (TYPED["y"] == "yes").to_numpy().astype(int)
KINDS = {column.name: column.kind for column in SCHEMA.columns}


def spec(entry: Entry) -> dict[str, Any]:
    """The step with columns that suit it, and with its defaults."""
    params, free = {**SLOW.get(entry.name, {}), **OWN.get(entry.name, {})}, [name for name in KINDS if name != "y"]
    for param in entry.params:
        suited = [name for kind in param.accepts for name in free if KINDS[name] == kind]
        if param.kind == "column" and not param.optional:
            params[param.name] = suited[0]
            free.remove(suited[0])
        elif param.kind == "columns":
            params[param.name] = suited[:2]
            free = [name for name in free if name not in suited[:2]]
    return {"step": entry.name, "params": params, "columns": CHOSEN.get(entry.name)}


def plan_with(entry: Entry) -> Plan:
    """A plan whose recipe has the step at its place, with the columns that it is about and two others."""
    plan, own = Plan.draft(SCHEMA, "y"), spec(entry)
    named = {
        name
        for value in own["params"].values()
        for name in ([value] if isinstance(value, str) else value if isinstance(value, list) else [])
    }
    seen = (
        {"a", "city"}
        | named
        | {name for name, kind in KINDS.items() if kind in entry.facts.kinds and (kind == "text" or not entry.facts.drops)}
    )
    roles = [c.model_dump() | {"role": "feature" if c.name in seen else "ignore"} for c in plan.columns]
    order, kinds = {e.name: (e.order, e.name) for e in STEPS}, {KINDS[name] for name in seen & KINDS.keys()} | {entry.facts.gives}
    base = [name for name in BASE if name != entry.name and kinds & set(catalog.get("step", name).facts.kinds)]
    return plan.change(columns=roles, recipe=sorted([own, *({"step": name} for name in base)], key=lambda s: order[s["step"]]))


def fitted(entry: Entry, rows: pd.DataFrame, y: np.ndarray, needs: Needs = PLAIN) -> Any:
    return features.build(plan_with(entry), needs).fit(rows, y)


def values(made: Any) -> np.ndarray:
    if isinstance(made, pd.DataFrame):
        return np.column_stack([c.cat.codes if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in made.items()]).astype(float)
    return np.asarray(made.toarray() if issparse(made) else made, dtype=float)


def prepared(entry: Entry, folder: Path, rows: pd.DataFrame, y: np.ndarray, needs: Needs) -> Iterator[np.ndarray]:
    """What the engine makes of the first two thirds of the rows as a training fold: their columns, and the rows that are added."""
    cut = 2 * ROWS // 3
    data = TrainingData(plan_with(entry), rows, y, np.arange(ROWS), [(np.arange(cut), np.arange(cut, ROWS))], ("no", "yes"))
    workspace = Workspace(folder)
    data.save(workspace)
    _, train, valid, grown = trials.prepared(workspace, data, 0, needs)
    assert len(valid) == ROWS - cut, "no row to judge by is added or dropped"
    return iter([values(train), *([grown.y, grown.origin] if grown else [])])


@pytest.mark.parametrize("entry", [e for e in STEPS if not e.facts.rows], ids=lambda e: e.name)
def test_rows_to_judge_by_and_their_labels_change_nothing_that_is_fitted(entry: Entry, tmp_path: Path) -> None:
    needs, cut = NATIVE if entry.facts.phase == "matrix" else PLAIN, 2 * ROWS // 3
    other, labels = pd.concat([TYPED.iloc[:cut], odd(TYPED.iloc[cut:])]), np.r_[Y[:cut], 1 - Y[cut:]]
    before, after = prepared(entry, tmp_path / "1", TYPED, Y, needs), prepared(entry, tmp_path / "2", other, labels, needs)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def odd(rows: pd.DataFrame) -> pd.DataFrame:
    """The same columns with values that no training row has."""
    changed = rows.assign(a=1e12, b=np.inf, city="a city that nobody has seen", size=None, seen=pd.Timestamp("1905-03-04"), note="")
    return changed.assign(**{"to go": -np.inf, "due": pd.NaT}).astype(rows.dtypes.to_dict())


@pytest.mark.parametrize("entry", [e for e in STEPS if e.facts.phase != "training"], ids=lambda e: e.name)
def test_rows_keep_their_order_a_pickle_and_a_second_fit_give_the_same(entry: Entry) -> None:
    if entry.facts.rows:
        kept = features.rows_to_keep(plan_with(entry), TYPED)
        assert kept.shape == (ROWS,) and kept.dtype == bool and (features.rows_to_keep(plan_with(entry), TYPED) == kept).all()
        return
    recipe = fitted(entry, TYPED, Y)
    made = values(recipe.transform(TYPED))
    assert made.shape == (ROWS, len(features.names_out(recipe))) and np.isfinite(made).all()
    for same in (values(recipe.transform(TYPED.iloc[::-1]))[::-1], values(fitted(entry, TYPED, Y).transform(TYPED))):
        np.testing.assert_allclose(same, made, atol=1e-6)
    np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(recipe)).transform(TYPED)), made)


MISSING = TYPED.assign(**{name: pd.Series([None] * ROWS, dtype=TYPED[name].dtype) for name in KINDS if name not in ("y", "member")})
TRAINED = {
    "other values": TYPED,
    "gaps alone": MISSING,
    "one value": TYPED.iloc[[1] * 20].reset_index(drop=True),
    "one row": TYPED.iloc[:1],
}


@pytest.mark.parametrize("entry", [e for e in STEPS if e.facts.phase in ("columns", "derive", "matrix")], ids=lambda e: e.name)
def test_odd_columns_are_borne_or_refused_in_words(entry: Entry) -> None:
    needs, given = NATIVE if entry.facts.phase == "matrix" else PLAIN, pd.concat([odd(TYPED.head(2)), MISSING.head(2), TYPED.head(1)])
    for what, rows in TRAINED.items():
        try:
            recipe = fitted(entry, rows, Y[: len(rows)], needs)
        except TrainyardError as error:
            assert error.hint
            continue
        for asked in (given, MISSING.head(1)):
            made = values(recipe.transform(asked))
            assert len(made) == len(asked) and (needs.missing or np.isfinite(made).all()), f"trained on {what}"


def test_the_scaler_is_fitted_after_the_split(tmp_path: Path) -> None:
    """The four lines that catch the classic leak: had the scaler seen all rows, the training rows would not have mean 0."""
    drifting = TYPED.assign(a=np.arange(ROWS) ** 2.0, b=0.0, **{"to go": 0.0})
    train = next(prepared(catalog.get("step", "scale"), tmp_path, drifting, Y, PLAIN))
    names = features.names_out(features.build(plan_with(catalog.get("step", "scale")), PLAIN).fit(drifting, Y))
    assert abs(train[:, names.index("a")].mean()) < 0.1
