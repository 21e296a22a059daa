"""Rows that are added to training rows: what they are, and that they never meet their originals from the other side of a line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import pipeline
from pipeline import catalog, features
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.features import Needs
from pipeline.features.synonyms import of
from pipeline.features.words import TextShort
from pipeline.models import Resources, family
from pipeline.models.early_stopping import drawn, inner_split
from pipeline.models.estimator import Estimator
from pipeline.plan import Plan
from tests.features.test_recipe import draft, table


def adding(plan: Plan, *steps: dict) -> Plan:
    return plan.change(recipe=[*plan.model_dump(mode="json")["recipe"], *steps])


def test_copies_are_tied_to_their_originals_and_change_what_they_should() -> None:
    typed, plan = draft(table(60))
    y = (typed["left"] == "go").to_numpy().astype(int)
    plan = adding(
        plan,
        {"step": "noise", "params": {"copies": 1.5}, "columns": ["age", "visits"]},
        {"step": "word_dropout", "params": {"copies": 0.5}},
    )
    grown = features.grow(plan, typed, y)
    assert grown.added == 90 + 30 and len(grown.X) == 180 and grown.X.index.name == "origin"
    np.testing.assert_array_equal(grown.X.index, grown.origin[:, 0])
    pd.testing.assert_frame_equal(grown.X.iloc[:60][list(typed)], typed, check_dtype=False, check_index_type=False, check_names=False)
    np.testing.assert_array_equal(grown.y, y[grown.origin[:, 0]])
    noisy, dropped = grown.X.iloc[60:150], grown.X.iloc[150:]
    own = typed.loc[noisy.index]
    assert (noisy["age"] != own["age"])[own["age"].notna()].mean() > 0.9 and noisy["age"].isna().equals(own["age"].isna())
    assert (noisy["visits"] % 1 == 0).all() and noisy["city"].equals(own["city"]) and noisy["note"].tolist() == own["note"].tolist()
    assert all(set(a.split()) <= set(b.split()) for a, b in zip(dropped["note"], typed.loc[dropped.index, "note"], strict=True))
    again = features.grow(plan, typed, y)
    pd.testing.assert_frame_equal(again.X, grown.X)


def test_synonyms_keep_the_shape_of_a_word() -> None:
    assert "superb," in of("great,") and "Superb!" in of("Great!") and "SUPERB" in of("GREAT") and of("xylophone") == () and of("--") == ()
    notes = pd.DataFrame({"note": ["A great film, really.", None] * 40, "y": ["a", "b"] * 40})
    typed, schema = infer(notes)
    plan = Plan.draft(schema, "y").change(
        columns=[{"name": "note", "kind": "text"}], recipe=[{"step": "synonyms", "params": {"share": 0.9}}]
    )
    made = features.grow(plan, typed, np.zeros(80)).X.iloc[80:]
    texts = made["note"].dropna()
    assert made["note"].isna().sum() == 40 and (texts.str.split().str.len() == 4).all() and (texts != "A great film, really.").mean() > 0.8


@pytest.mark.parametrize("y", [np.tile([0, 1], 30), np.linspace(0, 1, 60)], ids=["classes", "numbers"])
def test_mixtures_lie_between_their_parents_and_have_both_labels(y: np.ndarray) -> None:
    _, plan = draft(table(60))
    X = np.arange(120.0).reshape(60, 2)
    before = features.Grown(X, y, np.column_stack([np.arange(60)] * 2))
    made = features.mix(adding(plan, {"step": "mixup", "params": {"share": 0.5}}), Needs(scaled=True), before)
    twice = 1 if np.issubdtype(y.dtype, np.floating) else 2
    assert made.added == 0 or len(made.y) == 60 + 30 * twice
    one, other = made.origin[60:90].T
    low, high = np.minimum(X[one], X[other]), np.maximum(X[one], X[other])
    assert ((made.X[60:90] >= low - 1e-9) & (made.X[60:90] <= high + 1e-9)).all()
    assert made.weight[:60].tolist() == [1] * 60 and made.weight[60:].sum() == pytest.approx(30)
    if twice == 1:
        np.testing.assert_allclose(made.y[60:], np.interp(made.X[60:, 0], X[:, 0], y))
    assert features.mix(plan, Needs(scaled=False), before) is before


def test_neither_side_of_early_stopping_has_a_copy_of_the_other() -> None:
    y, copied = np.tile([0, 1], 100), np.arange(0, 200, 3)
    origin = np.concatenate([np.column_stack([np.arange(200)] * 2), np.column_stack([copied, copied[::-1]])])
    learned, held = inner_split(np.r_[y, y[copied]], 0, origin)
    assert len(held) == 40 and held.max() < 200
    assert not np.isin(origin[learned], held).any() and len(learned) > 160
    few = drawn(origin, np.r_[0:150, 200:230])
    assert few[150].tolist() == [0, -1] and few[149].tolist() == [149, 149]


def test_text_scores_of_copies_come_from_models_that_have_not_seen_the_original() -> None:
    rng = np.random.default_rng(0)
    notes = pd.DataFrame({"note": [" ".join(rng.choice([f"word{i}" for i in range(900)], 6)) + f" only{row}" for row in range(300)]})
    typed, schema = infer(notes.assign(y=rng.permutation(np.repeat(["a", "b"], 150))))
    plan = adding(Plan.draft(schema, "y"), {"step": "word_dropout", "params": {"share": 0.1}})
    grown = features.grow(plan, typed, (typed["y"] == "b").to_numpy().astype(int))
    scores = TextShort().fit_transform(grown.X[["note"]], grown.y)[:, 0]
    assert roc_auc_score(grown.y[300:], scores[300:]) == pytest.approx(0.5, abs=0.1)


class Told(Estimator):
    """Remembers how many rows it was given, and how they were tied."""

    seen: list = []

    def _learn(self, X, y, weight, on_round):
        Told.seen.append((X.shape[0], y, weight, self._origin))

    def _values(self, X):
        return np.full(X.shape[0], 0.5)


@pytest.mark.parametrize("weights", [True, False])
def test_a_run_adds_rows_to_the_training_part_of_each_fold_and_says_how_many(weights: bool) -> None:
    @family(
        "told",
        title="Told",
        help="For this test.",
        order=5,
        categories="onehot",
        scaled=True,
        missing=False,
        sparse=False,
        speed="fast",
        weights=weights,
    )
    def told(task: str, params: dict, resources: Resources) -> Told:
        return Told(task, params, resources)

    Told.seen = []
    try:
        typed, plan = draft(table(90).drop(columns="note"))
        plan = plan.change(families=[{"family": "told"}], search={"trials": 1}, split={"folds": 3, "holdout": 0})
        plan = adding(plan, {"step": "noise"}, {"step": "mixup", "params": {"share": 0.5}})
        said: list[dict] = []
        outcome = pipeline.execute(
            plan,
            typed,
            executor=InlineExecutor(),
            explained=False,
            on_event=lambda kind, payload: said.append(payload) if kind == "fit" else None,
        )
    finally:
        catalog.unregister("family", "told")
    trial = next(trial for trial in outcome.trials if trial.family == "told")
    folds = [fit for fit in trial.fits if fit.fold >= 0]
    assert len(trial.oof) == 90 and all(len(fit.predicted) == 30 for fit in folds)
    assert {fit.added for fit in folds} == {60 + 2 * 60} and 180 in {payload["added"] for payload in said}
    for rows, y, weight, origin in Told.seen[:3]:
        assert rows == len(y) == len(origin) == (240 if weights else 180)
        assert (weight is not None) == weights and ((weight is None) or weight.min() > 0)
        np.testing.assert_array_equal(origin[:60], np.column_stack([np.arange(60)] * 2))
        assert origin.max() < 60 and (y[60:120] == y[origin[60:120, 0]]).all()


def test_made_up_rows_and_methods_that_move_rows_do_not_go_together() -> None:
    _, schema = infer(table(90))
    plan = adding(Plan.draft(schema, "left"), {"step": "noise"})
    moved = plan.model_copy(update={"balance": plan.balance.model_copy(update={"method": "undersample"})})
    assert [p.message for p in moved.problems(schema) if "add training rows" in p.message] and not plan.problems(schema)
