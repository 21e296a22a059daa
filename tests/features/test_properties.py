"""What holds for every step of the catalogue, whoever adds it: nothing is learned outside the training fold, rows keep their
order, odd columns are borne or refused in words, and the same seed gives the same."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin

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
SPARSE = Needs("onehot", scaled=True, missing=False, sparse=True)
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
        | ({"note"} if entry.facts.phase == "matrix" else set())  # words make a sparse matrix
        | {name for name, kind in KINDS.items() if kind in entry.facts.kinds and (kind == "text" or not entry.facts.drops)}
    )
    roles = [c.model_dump() | {"role": "feature" if c.name in seen else "ignore"} for c in plan.columns]
    order, kinds = {e.name: (e.order, e.name) for e in (*STEPS, entry)}, {KINDS[name] for name in seen & KINDS.keys()} | {entry.facts.gives}
    base = [name for name in BASE if name != entry.name and kinds & set(catalog.get("step", name).facts.kinds)]
    return plan.change(columns=roles, recipe=sorted([own, *({"step": name} for name in base)], key=lambda s: order[s["step"]]))


def fitted(entry: Entry, rows: pd.DataFrame, y: np.ndarray, needs: Needs = PLAIN) -> Any:
    return features.build(plan_with(entry), needs).fit(rows, y)


def values(made: Any) -> np.ndarray:
    if isinstance(made, pd.DataFrame):
        return np.column_stack([c.cat.codes if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in made.items()]).astype(float)
    return np.asarray(made.toarray() if issparse(made) else made, dtype=float)


def prepared(entry: Entry, folder: Path, rows: pd.DataFrame, y: np.ndarray, needs: Needs) -> Iterator[np.ndarray]:
    """What the engine makes of the first two thirds of the rows as a training fold: their columns, what its recipe makes of them when it has
    seen the other rows too, and the rows that are added."""
    cut = 2 * ROWS // 3
    data = TrainingData(plan_with(entry), rows, y, np.arange(ROWS), [(np.arange(cut), np.arange(cut, ROWS))], ("no", "yes"))
    workspace = Workspace(folder)
    data.save(workspace)
    recipe, train, valid, grown = trials.prepared(workspace, data, 0, needs)
    assert len(valid) == ROWS - cut, "no row to judge by is added or dropped"
    return iter([values(train), values(recipe.transform(rows.iloc[:cut])), *([grown.y, grown.origin] if grown else [])])


@pytest.mark.parametrize("entry", STEPS, ids=lambda e: e.name)
def test_rows_to_judge_by_and_their_labels_change_nothing_that_is_fitted(entry: Entry, tmp_path: Path) -> None:
    needs, cut = NATIVE if entry.facts.phase == "matrix" else PLAIN, 2 * ROWS // 3
    if entry.facts.rows:
        again = pd.concat([TYPED.iloc[:cut], TYPED.iloc[: ROWS - cut]])
        assert features.rows_to_keep(plan_with(entry), again)[:cut].tolist() == features.rows_to_keep(plan_with(entry), TYPED)[:cut].tolist()
        return
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
    if not entry.facts.past:
        np.testing.assert_allclose(values(recipe.transform(TYPED.iloc[5:8])), made[5:8], atol=1e-6, err_msg="a row depends on its company")
    np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(recipe)).transform(TYPED)), made)


def grown(entry: Entry, rows: pd.DataFrame, y: np.ndarray, seed: int = 0) -> features.Grown:
    """The rows, and after them those that the step adds, as the recipe makes them."""
    plan = plan_with(entry).change(seed=seed)
    copies = features.grow(plan, rows, y)
    return features.mix(plan, PLAIN, replace(copies, X=values(features.build(plan, PLAIN).fit_transform(copies.X, copies.y))))


@pytest.mark.parametrize("entry", [e for e in STEPS if e.facts.phase == "training"], ids=lambda e: e.name)
def test_added_rows_come_last_have_the_labels_of_their_parents_and_are_drawn_by_the_seed(entry: Entry) -> None:
    made, again, other = grown(entry, TYPED, Y), grown(entry, TYPED, Y), grown(entry, TYPED, Y, seed=1)
    added = slice(ROWS, None)
    assert len(made.y) == len(made.X) == len(made.origin) > ROWS and np.isfinite(made.X).all()
    np.testing.assert_array_equal(made.origin[:ROWS], np.column_stack([np.arange(ROWS)] * 2))
    np.testing.assert_array_equal(made.y[:ROWS], Y)
    assert made.origin.max() < ROWS and (made.y[added, None] == Y[made.origin[added]]).any(axis=1).all()
    for same in (again, pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(same.X, made.X)
        np.testing.assert_array_equal(same.origin, made.origin)
    assert other.X.shape != made.X.shape or (other.X != made.X).any()


MISSING = TYPED.assign(**{name: pd.Series([None] * ROWS, dtype=TYPED[name].dtype) for name in KINDS if name not in ("y", "member")})
TRAINED = {
    "other values": TYPED,
    "endless and new values": odd(TYPED),
    "gaps alone": MISSING,
    "one value": TYPED.iloc[[1] * 20].reset_index(drop=True),
    "one row": TYPED.iloc[:1],
}


@pytest.mark.parametrize("entry", STEPS, ids=lambda e: e.name)
def test_odd_columns_are_borne_or_refused_in_words(entry: Entry) -> None:
    given = pd.concat([odd(TYPED.head(2)), MISSING.head(2), TYPED.head(1)])
    for what, rows in TRAINED.items():
        try:
            if entry.facts.phase == "training":
                assert np.isfinite(grown(entry, rows, Y[: len(rows)]).X).all()
            elif entry.facts.rows:
                assert features.rows_to_keep(plan_with(entry), rows)[0], "the first row has none before it"
            else:
                for needs in (NATIVE, SPARSE) if entry.facts.phase == "matrix" else (PLAIN,):
                    bears(fitted(entry, rows, Y[: len(rows)], needs), [given, MISSING.head(1)], needs, what)
        except TrainyardError as error:
            assert error.hint


def bears(recipe: Any, asked: list[pd.DataFrame], needs: Needs, what: str) -> None:
    for rows in asked:
        made = values(recipe.transform(rows))
        assert len(made) == len(rows) and (needs.missing or np.isfinite(made).all()), f"trained on {what}, asked for {len(rows)} rows"


def test_the_scaler_is_fitted_after_the_split(tmp_path: Path) -> None:
    """The four lines that catch the classic leak: had the scaler seen all rows, the training rows would not have mean 0."""
    drifting = TYPED.assign(a=np.arange(ROWS) ** 2.0, b=0.0, **{"to go": 0.0})
    train = next(prepared(catalog.get("step", "scale"), tmp_path, drifting, Y, PLAIN))
    names = features.names_out(features.build(plan_with(catalog.get("step", "scale")), PLAIN).fit(drifting, Y))
    assert abs(train[:, names.index("a")].mean()) < 0.1


class Broken(TransformerMixin, BaseEstimator):
    """A number as it is, but for one promise that it does not keep."""

    def __init__(self, how: str) -> None:
        self.how = how

    def fit(self, table: pd.DataFrame, y: object = None) -> Broken:
        self.mean_, self.key = 0.0, (lambda: 0) if self.how == "no pickle" else None
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        number = table["a"].fillna(0.0)
        if self.how == "bears no gaps" and table["a"].isna().all():
            raise ValueError("not a single number")
        if self.how == "learns from what it is asked":
            self.mean_ += number.mean()
        changed = {
            "looks at its company": lambda: number - number.mean(), "another order": lambda: number.to_numpy()[::-1],
            "chance": lambda: number + np.random.default_rng().normal(size=len(number)),
        }.get(self.how, lambda: number + self.mean_)()  # fmt: skip
        return pd.DataFrame({"broken": changed}, index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.array(["broken"], dtype=object)


BROKEN = {
    "nothing": "",
    "learns from what it is asked": "judge",
    "looks at its company": "order",
    "another order": "order",
    "chance": "order",
    "no pickle": "order",
    "bears no gaps": "odd",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_step_that_breaks_a_promise_is_found_out(how: str, tmp_path: Path) -> None:
    @features.step("broken", title="Broken", help="For this test.", phase="derive", order=15, params=(), wants=lambda params: [("a", ("numeric",))],
                   names=lambda params: {"broken": "numeric"})  # fmt: skip
    def broken(params: dict, needs: Needs) -> Broken:
        return Broken(how)

    tests = {
        "judge": lambda entry: test_rows_to_judge_by_and_their_labels_change_nothing_that_is_fitted(entry, tmp_path),
        "order": test_rows_keep_their_order_a_pickle_and_a_second_fit_give_the_same,
        "odd": test_odd_columns_are_borne_or_refused_in_words,
    }
    try:
        for name in [BROKEN[how]] if BROKEN[how] else tests:
            with pytest.raises((AssertionError, AttributeError, ValueError)) if BROKEN[how] else nullcontext():
                tests[name](catalog.get("step", "broken"))
    finally:
        catalog.unregister("step", "broken")
