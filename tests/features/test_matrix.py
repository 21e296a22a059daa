"""Steps on the joined columns: directions, clusters and selection, in every form that a family takes, and what is said of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import pipeline
from pipeline import catalog, features
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.features import Needs
from pipeline.plan import Plan
from tests.features.test_recipe import NEEDS, dense, draft, table

SELECTIONS = [entry.name for entry in catalog.entries("step") if entry.facts.selects]


def made(step: str, **params: object) -> object:
    entry = catalog.get("step", step)
    return entry.make(entry.complete(params), Needs())


def signal(rows: int = 200, noise: int = 10, classes: int | None = 2) -> tuple[np.ndarray, np.ndarray]:
    """Columns 0 and 1 say everything of the target; the others nothing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, noise + 2))
    score = X[:, 0] + X[:, 1]
    return X, score if classes is None else np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


@pytest.mark.parametrize(("sort", "classes"), [("sparse", 2), ("frame", 2), ("array", 3), ("array", None)])
@pytest.mark.parametrize("step", [name for name in SELECTIONS if name not in ("select_variance", "select_correlation", "select_distinct")])
def test_a_selection_keeps_what_says_something(step: str, classes: int | None, sort: str) -> None:
    X, y = signal(classes=classes)
    given = {
        "array": X,
        "sparse": csr_matrix(np.where(X > 0.2, X, 0)),
        "frame": pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
    }[sort]
    params = {"keep": 0.3} if step in ("select_information", "select_recursive") else {"strength": 0.2} if step == "select_l1" else {}
    if step == "select_boruta":
        params = {"rounds": 10, "undecided": False}
    fitted = made(step, **params).fit(given, y)
    assert fitted.kept_[:2].all() and fitted.kept_.sum() <= 7
    assert fitted.transform(given).shape[1] == fitted.kept_.sum() == len(fitted.get_feature_names_out([f"x{i}" for i in range(X.shape[1])]))


def test_what_says_nothing_new_is_told_from_what_only_looks_so() -> None:
    X, _ = signal(rows=3_000, noise=0)
    rare, gaps, late = np.zeros(3_000), np.where(np.arange(3_000) < 2, 1.0, np.nan), X[:, 0].copy()
    rare[1], late[-1] = 1.0, 7.0
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "copy": X[:, 0], "late": late, "rare": rare, "gaps": gaps, "fixed": 2.0})
    kept = [True, True, False, True, False, True, False]
    assert made("select_distinct").fit(frame.to_numpy()).kept_.tolist() == kept
    assert made("select_distinct", share=0.0).fit(frame.to_numpy()).kept_.tolist() == [True, True, False, True, True, True, False]
    words = pd.Categorical.from_codes(np.arange(3_000) % 3, ["x", "y", "z"])
    frame = frame.assign(words=words, again=words, others=words.rename_categories(["u", "v", "w"]), codes=words.codes.astype(float))
    assert made("select_distinct").fit(frame).kept_.tolist() == [*kept, True, False, True, True], "other levels are other words"
    given = csr_matrix(np.nan_to_num(frame[["a", "copy", "fixed"]].to_numpy()))
    assert made("select_distinct").fit(given).transform(given) is given


def test_columns_that_repeat_others_or_never_change_go() -> None:
    X, _ = signal(noise=1)
    X = np.column_stack([X, X[:, 0] * -3 + 1, np.ones(len(X)), np.full(len(X), np.nan)])
    assert made("select_correlation").fit(X).kept_.tolist() == [True, True, True, False, True, True]
    assert made("select_variance").fit(X).kept_.tolist() == [True] * 4 + [False] * 2
    assert made("select_variance").fit(csr_matrix(np.nan_to_num(X))).kept_.tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize("needs", NEEDS, ids=str)
def test_directions_and_clusters_stand_beside_the_columns_or_in_their_place(needs: Needs) -> None:
    typed, plan = draft(table().drop(columns="note"))
    y = (typed["left"] == "go").to_numpy().astype(int)
    columns = len(features.names_out(features.build(plan, needs).fit(typed, y)))
    for step, count in (("pca", 3), ("svd", 3), ("clusters", 3)):
        params = {"clusters" if step == "clusters" else "components": 3}
        beside = features.build(plan.change(recipe=[*plan.model_dump()["recipe"], {"step": step, "params": params}]), needs).fit(typed, y)
        assert len(features.names_out(beside)) == columns + count == beside.transform(typed).shape[1]
        alone = features.build(
            plan.change(recipe=[*plan.model_dump()["recipe"], {"step": step, "params": params | {"beside": False}}]), needs
        )
        found = alone.fit_transform(typed, y)
        assert found.shape[1] == count + (1 if needs.categories == "native" else 0), "a native category goes past"
        assert np.isfinite(dense(found)[:, -count:]).all()


@pytest.mark.parametrize(("step", "params"), [("select_information", {"keep": 0.01}), ("select_l1", {"strength": 0.6})])
def test_selection_among_noise_finds_nothing_where_there_is_nothing(step: str, params: dict) -> None:
    """5,000 columns and labels by chance, on enough rows for a standard error of 0.0145; chosen by looking at all rows, it would show."""
    X, y = np.random.default_rng(1).normal(size=(1_600, 5_000)).astype(np.float32), np.arange(1_600) % 2
    halves, seen = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y)), made(step, **params).fit(X, y)

    def found(chosen: list) -> float:
        oof = np.zeros(len(y))
        for (train, valid), choose in zip(halves, chosen, strict=True):
            oof[valid] = LogisticRegression().fit(choose.transform(X[train]), y[train]).predict_proba(choose.transform(X[valid]))[:, 1]
        return roc_auc_score(y, oof)

    within = [made(step, **params).fit(X[train], y[train]) for train, _ in halves]
    assert max(choose.kept_.sum() for choose in within) < 200
    assert found(within) == pytest.approx(0.5, abs=0.03) and found([seen, seen]) > 0.55


def test_a_run_says_how_often_each_column_was_kept() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {f"noise {i}": rng.normal(size=200) for i in range(6)} | {"signal": rng.normal(size=200), "city": rng.choice(["a", "b"], 200)}
    )
    frame["y"] = np.where(frame["signal"] + 0.1 * rng.normal(size=200) > 0, "up", "down")
    typed, schema = infer(frame)
    plan = Plan.draft(schema, "y")
    recipe = [{"step": "ratio", "params": {"numerator": "signal", "denominator": "noise 1"}}, *plan.model_dump()["recipe"]]
    plan = plan.change(
        recipe=[*recipe, {"step": "select_l1", "params": {"strength": 0.4}}],
        families=[{"family": "linear"}],
        search={"trials": 1},
        split={"folds": 3},
    )
    outcome = pipeline.execute(plan, typed, schema=schema, executor=InlineExecutor())
    said = outcome.evaluation["selection"]
    assert said["folds"] == 3 and [step["step"] for step in said["steps"]] == ["select_l1"]
    sources = {row["column"]: row for row in said["sources"]}
    assert sources["signal"] == {"column": "signal", "made": 2, "kept": 3} and sources["noise 2"]["kept"] < 3
    columns = {row["column"]: row for row in said["steps"][0]["columns"]}
    assert columns["signal / noise 1"]["source"] == ["signal", "noise 1"] and columns["city_a"]["source"] == ["city"]


def test_the_selection_of_the_automatic_recipe_is_told_of_when_it_drops_something() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.normal(size=90), "city": rng.choice(["x", "y"], 90), "left": rng.choice(["stay", "go"], 90)})
    said = {}
    for name, given in (("kept", frame), ("dropped", frame.assign(again=frame["a"]))):
        typed, plan = draft(given)
        fitted = [features.build(plan, NEEDS[2]).fit(typed.iloc[rows]) for rows in (slice(0, 60), slice(30, 90))]
        said[name] = features.stability(plan, fitted)
    assert said["kept"] == {"folds": 2, "steps": [], "sources": []}
    assert {row["column"]: row["kept"] for row in said["dropped"]["sources"]} == {"a": 2, "b": 2, "city": 2, "again": 0}
