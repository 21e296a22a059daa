"""The label doctor: flipped labels and spoilt numbers are on top of the list, corrections reach the model and the file."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import answer
from pipeline.data import infer
from pipeline.errors import DataError, PlanError
from pipeline.executor import InlineExecutor
from pipeline.judge.doctor import Neighbours, of_classes, of_numbers
from pipeline.plan import Plan

ROWS, WRONG = 400, 20


def spoilt(task: str) -> tuple[pd.DataFrame, np.ndarray, pd.Series]:
    """A table whose target follows from two columns, with 5 % of its labels wrong; which they are; and the true labels."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    signal = 4 * a + b + rng.logistic(scale=0.2, size=ROWS)
    truth = pd.Series(np.round(signal * 10, 2) if task == "regression" else np.where(signal > 0, "yes", "no"))
    wrong = rng.choice(ROWS, WRONG, replace=False)
    target = truth.copy()
    target[wrong] = truth[wrong] + 60 * rng.choice([-1, 1], WRONG) if task == "regression" else truth[wrong].map({"yes": "no", "no": "yes"})
    return pd.DataFrame({"a": a, "b": b, "kind": rng.choice(["x", "y"], ROWS), "target": target}), wrong, truth


def asked(frame: pd.DataFrame, name: str, **params):
    table, schema = infer(frame)
    plan = Plan.draft(schema, "target").change(split={"folds": 2})
    return answer(plan.asking(name, **params), table, schema, executor=InlineExecutor())


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_wrong_labels_are_found_and_correcting_them_gains(task):
    frame, wrong, truth = spoilt(task)
    found = asked(frame, "doctor", most=40)
    top = [suspect["row"] for suspect in found["suspects"][:WRONG]]
    assert np.isin(top, wrong).mean() >= 0.6
    first = found["suspects"][0]
    assert len(first["nearest"]) == 5 and first["row"] not in first["nearest"]
    if task == "binary":
        assert (first["given"], first["proposed"]) == (frame["target"][first["row"]], truth[first["row"]])
    labels = {int(row): truth[row] for row in wrong}
    gain = asked(frame, "relabelled", labels=json.dumps(labels))
    assert gain["used"] == WRONG and gain["gain"] > 0


def test_labels_against_the_odds_are_called_wrong_and_others_are_not():
    p = np.tile([0.97, 0.03], (400, 1))
    y = np.zeros(400, int)
    y[:12] = 1  # as many as the models expect: honest
    p[:6] = [0.999, 0.001]
    found = of_classes(y, np.vstack([p[:-1], [[np.nan, np.nan]]]))
    assert set(found.ranked[:6]) == set(range(6)) and found.ranked[-1] == 399 and found.proposed[0] == 0
    assert found.chance[:6].min() >= 0.5 > found.chance[12:].max() and found.chance[399] == 0
    assert of_classes(np.zeros(400, int), p).errors == 0


def test_a_number_far_from_what_is_expected_here_is_called_wrong_and_honest_noise_is_not():
    rng = np.random.default_rng(0)
    x, spread = rng.random(2_000), np.where(np.arange(2_000) % 2, 0.02, 0.1)
    y = x + spread * rng.normal(size=2_000)
    assert of_numbers(y, x, spread).errors <= 2
    y[1:60:2] = 1 - x[1:60:2] + 0.4 * np.sign(0.5 - x[1:60:2])
    found = of_numbers(y, x, spread)
    assert np.isin(np.flatnonzero(found.chance >= 0.5), np.arange(60)).all() and 20 <= found.errors <= 30


def test_nearest_rows_compare_numbers_words_and_gaps():
    table = pd.DataFrame({"n": [1.0, 1.1, 50.0, np.nan, np.nan], "w": ["a", "a", "a", "b", "b"]})
    assert Neighbours(table).of(0, 1) == [1] and Neighbours(table).of(3, 1) == [4]


def test_corrections_that_the_column_cannot_hold_and_none_at_all_are_refused_in_words():
    frame = spoilt("binary")[0]
    with pytest.raises(DataError, match="maybe"):
        asked(frame, "relabelled", labels=json.dumps({"0": "maybe"}))
    with pytest.raises(PlanError, match="no class 'z'"):
        asked(frame.assign(target=frame["kind"], kind=frame["target"]).replace({"target": {"x": "p", "y": "q"}}), "relabelled", labels='{"0": "z"}')
    with pytest.raises(PlanError, match="No label"):
        asked(frame, "relabelled")
