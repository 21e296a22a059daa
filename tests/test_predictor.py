"""Scoring rows that are not like the training file: by name, with a verdict, never silently wrong."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline.errors import SchemaMismatch
from pipeline.executor import InlineExecutor
from pipeline.predictor import FittedModel, Predictor, blend
from tests.tables import customers


@pytest.fixture(scope="module")
def predictor() -> pipeline.Predictor:
    return pipeline.train(customers(), "left", budget_trials=2, families=["linear", "lightgbm"], executor=InlineExecutor()).predictor


def test_columns_are_taken_by_name_whatever_their_order_and_company(predictor: pipeline.Predictor) -> None:
    rows = customers(seed=4)
    expected = predictor.predict_proba(rows)
    assert np.array_equal(predictor.predict_proba(rows[rows.columns[::-1]]), expected)
    assert np.array_equal(predictor.predict_proba(rows.drop(columns=["left", "customer"]).assign(colour="red")), expected)
    assert np.array_equal(predictor.predict_proba(rows.rename(columns={"spend": " Spend "})), expected)


def test_text_cells_are_read_as_in_training(predictor: pipeline.Predictor) -> None:
    rows = customers(seed=4)
    text = pd.read_csv(io.BytesIO(rows.to_csv(index=False).encode()), dtype=str, keep_default_na=False)
    assert np.array_equal(predictor.predict_proba(text), predictor.predict_proba(rows))


def test_each_row_gets_its_own_verdict(predictor: pipeline.Predictor) -> None:
    rows = customers(6, seed=4).assign(spend=50.0)
    rows["calls"] = rows["calls"].astype(object)
    rows.loc[1, "plan"] = "platinum"
    rows.loc[2, "calls"] = "many"
    rows.loc[3, "spend"] = 1e9
    scored = predictor.score(rows).table
    assert list(scored.columns) == ["prediction", "proba_no", "proba_yes", "verdict", "reasons"]
    assert scored["verdict"].tolist() == ["ok", "check", "check", "check", "ok", "ok"]
    assert "'platinum'" in scored["reasons"][1] and "calls" in scored["reasons"][2] and "spend" in scored["reasons"][3]
    assert scored["prediction"].isin(["yes", "no"]).all() and np.allclose(scored["proba_no"] + scored["proba_yes"], 1)


def test_a_missing_column_is_named_in_every_row_and_a_near_name_suggested(predictor: pipeline.Predictor) -> None:
    scored = predictor.score(customers(5).rename(columns={"spend": "spnd"}))
    assert (scored.table["verdict"] == "check").all() and scored.table["reasons"].str.contains("spend").all()
    assert any("spnd" in notice for notice in scored.notices)


def test_a_renamed_header_is_only_a_note(predictor: pipeline.Predictor) -> None:
    rows = customers(5, seed=1).assign(spend=50.0).rename(columns={"spend": "SPEND"})
    assert predictor.score(rows).table["verdict"].tolist() == ["note"] * 5


def test_another_file_altogether_is_refused(predictor: pipeline.Predictor) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        predictor.predict(pd.DataFrame({"a": [1], "b": [2]}))
    assert "spend" in str(caught.value) and caught.value.hint


def test_no_rows_give_no_predictions(predictor: pipeline.Predictor) -> None:
    empty = customers(5).head(0)
    assert predictor.predict(empty).shape == (0,) and predictor.predict_proba(empty).shape == (0, 2)
    assert len(predictor.score(empty).table) == 0


def test_the_rows_keep_their_order_and_do_not_depend_on_each_other(predictor: pipeline.Predictor) -> None:
    rows = customers(30, seed=8)
    together = predictor.predict_proba(rows)
    alone = np.vstack([predictor.predict_proba(rows.iloc[[i]].reset_index(drop=True)) for i in range(len(rows))])
    assert np.allclose(together, alone, atol=1e-12)


def test_a_reason_never_becomes_a_formula(predictor: pipeline.Predictor) -> None:
    scored = predictor.score(customers(3).assign(plan="=1+1"))
    text = scored.csv().decode()
    assert "\n=" not in text and ",=" not in text and ',"=' not in text
    assert len(pd.read_csv(io.StringIO(text))) == 3


class Fixed:
    """An estimator and a recipe whose answers are known; it counts how often it was asked."""

    def __init__(self, answer: list[float]) -> None:
        self.answer, self.asked = answer, 0

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        self.asked += 1
        return np.ones((len(table), 1))

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.tile(self.answer, (len(x), 1))


def test_an_ensemble_is_the_weighted_mean_and_each_recipe_works_once() -> None:
    recipe, other, table = Fixed([]), Fixed([]), pd.DataFrame({"x": [1.0, 2.0]})
    answers = ([0.9, 0.1], [0.5, 0.5], [0.1, 0.9])
    models = [FittedModel(r, Fixed(a), np.array([0, 1]), 2) for r, a in zip((recipe, recipe, other), answers, strict=True)]
    assert blend(models, [0.5, 0.3, 0.2], table)[:, 1] == pytest.approx([0.05 + 0.15 + 0.18] * 2)
    assert (recipe.asked, other.asked) == (1, 1)
    assert blend(models, (), table)[:, 1] == pytest.approx([0.5] * 2), "all the same when there are no weights"
    assert blend(models, [5, 3, 2], table)[:, 1] == pytest.approx([0.38] * 2), "weights are shares"


def test_a_class_that_a_fold_lacked_has_probability_nothing_from_its_model() -> None:
    model = FittedModel(Fixed([]), Fixed([0.25, 0.75]), np.array([0, 2]), 3)
    assert model.predict(pd.DataFrame({"x": [1.0]})).tolist() == [[0.25, 0.0, 0.75]]


def test_a_predictor_with_weights_decides_by_them(predictor: Predictor) -> None:
    rows = customers(40, seed=4)
    assert predictor.weights and len(predictor.weights) == len(predictor.models) and sum(predictor.weights) == pytest.approx(1)
    alone = [dataclasses.replace(predictor, models=(model,), weights=(1.0,)).predict_proba(rows) for model in predictor.models]
    expected = sum(weight * p for weight, p in zip(predictor.weights, alone, strict=True))
    assert np.allclose(predictor.predict_proba(rows), expected)
    assert predictor.predict(rows).tolist() == np.array(predictor.classes)[(expected[:, 1] >= 0.5).astype(int)].tolist()
