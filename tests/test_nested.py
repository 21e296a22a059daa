"""The nested loop: choosing is judged on rows that it has not seen, and random labels are not sold as skill."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.errors import PlanError
from pipeline.nested import nested_score
from pipeline.plan import Plan
from tests.tables import TABLES


def asked(frame: pd.DataFrame, target: str, **split: object) -> tuple[Plan, pd.DataFrame, object]:
    table, schema = infer(frame)
    plan = Plan.draft(schema, target).change(families=[{"family": "linear"}], search={"trials": 6}, split={"folds": 3, **split})
    return plan, table, schema


@pytest.mark.parametrize("task", TABLES)
def test_each_outer_fold_is_chosen_for_and_scored(task: str) -> None:
    make, target = TABLES[task]
    plan, table, schema = asked(make(), target)
    trials: list[int] = []  # a trial is told at each of its folds
    got = nested_score(plan, table, schema, on_event=lambda kind, payload: trials.append(payload["number"]) if kind == "trial_started" else None)
    assert len(got.scores) == len(got.selected) == 3 and got.families == ("linear",) * 3
    assert len(trials) == 3 * 3, "the baseline and two of the six trials in each of three folds"
    assert got.interval[0] < got.score < got.interval[1] and got.score == pytest.approx(np.mean(got.scores))
    assert got.split["rows"]["holdout"] == 0 and got.metric == plan.metric


def test_labels_without_a_signal_are_within_the_interval_of_a_guess() -> None:
    frame = TABLES["binary"][0]()
    frame["left"] = np.random.default_rng(1).permutation(frame["left"])
    got = nested_score(*asked(frame, "left"))
    assert got.interval[0] < 0.5 < got.interval[1] and 0.35 < got.score < 0.65


def test_groups_are_on_one_side_of_both_loops() -> None:
    """Every group has its own label and a number that names it: whoever sees a member knows the answer of the others."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 6)
    frame = pd.DataFrame({"clinic": [f"c{g}" for g in group], "tell": group + rng.normal(0, 0.01, 240)})
    frame["y"] = np.where(rng.random(40) < 0.5, "a", "b")[group]
    plan, table, schema = asked(frame, "y", strategy="group", column="clinic")
    plan = plan.change(families=[{"family": "knn"}])
    together = nested_score(plan, table, schema)
    shuffled = nested_score(plan.change(split={"folds": 3}), table, schema)
    assert shuffled.score > 0.95 and together.score < 0.75
    assert np.mean(together.selected) < 0.8


def test_a_plan_that_cannot_run_is_refused_before_the_first_fold() -> None:
    plan, table, schema = asked(TABLES["binary"][0](), "left", strategy="group")
    with pytest.raises(PlanError, match="needs a column"):
        nested_score(plan, table, schema)
