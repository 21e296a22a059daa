"""The plan: drafts, round trips, fixes that can be undone, and every problem with the page that mends it."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.data.schema import Schema
from pipeline.errors import PlanError, UnknownName
from pipeline.plan import Fix, Plan, StepSpec


def schema(**columns: list) -> Schema:
    return infer(pd.DataFrame(columns))[1]


def small(target: list | None = None) -> Schema:
    n = 60
    return schema(
        row=[f"r{i:04}" for i in range(n)],
        age=[20.5 + i % 17 for i in range(n)],
        city=["Oslo", "Rome", "Bonn"] * (n // 3),
        y=target if target is not None else ["no", "yes", "no"] * (n // 3),
    )


def test_a_draft_says_what_it_takes_each_column_for() -> None:
    plan = Plan.draft(small(), "y")
    assert (plan.task, plan.metric, plan.positive) == ("binary", "roc_auc", "yes")
    assert plan.features == ["age", "city"]
    row = next(c for c in plan.columns if c.name == "row")
    assert row.role == "ignore" and row.reason
    assert plan.problems(small()) == []


@pytest.mark.parametrize(
    ("target", "task", "metric"),
    [(["a", "b", "c"] * 20, "multiclass", "log_loss"), ([i * 1.5 for i in range(60)], "regression", "rmse"), ([0, 1] * 30, "binary", "roc_auc")],
)
def test_the_task_is_seen_from_the_target(target: list, task: str, metric: str) -> None:
    plan = Plan.draft(small(target), "y")
    assert (plan.task, plan.metric) == (task, metric)


def test_a_target_that_does_not_exist_gets_a_did_you_mean() -> None:
    with pytest.raises(UnknownName, match="'citty'") as caught:
        Plan.draft(small(), "citty")
    assert "city" in caught.value.hint


def test_json_round_trip_keeps_the_fingerprint_and_any_change_changes_it() -> None:
    plan = Plan.draft(small(), "y")
    again = Plan.parse(plan.model_dump_json())
    assert again == plan and again.fingerprint() == plan.fingerprint()
    assert plan.change(seed=1).fingerprint() != plan.fingerprint()


def test_a_plan_with_unknown_names_opens_and_lists_every_problem_with_its_page() -> None:
    plan = Plan.draft(small(), "y").change(
        metric="roc_auk", families=[{"family": "lightgmb"}, {"family": "linear", "params": {"nonsense": 1}}],
        recipe=[{"step": "encoed"}], search={"trials": 3, "seconds": 5},
    )  # fmt: skip
    problems = plan.problems(small())
    assert [p.page for p in problems] == ["features", "models", "models", "models", "tuning"]
    hints = " ".join(p.hint for p in problems)
    assert "roc_auc" in hints and "lightgbm" in hints and "encode" in hints


def test_a_plan_of_the_wrong_shape_is_refused_with_the_field() -> None:
    with pytest.raises(PlanError, match=r"split\.folds"):
        Plan.draft(small(), "y").change(split={"holdout": 0.2, "folds": 1})
    with pytest.raises(PlanError, match="not JSON"):
        Plan.parse(b"\x89PNG")
    with pytest.raises(PlanError, match="version 99"):
        Plan.parse('{"version": 99}')


@pytest.mark.parametrize(
    ("target", "task", "words"),
    [
        (["same"] * 60, None, "single value"),
        ([None] * 60, None, "empty in all 60 rows"),
        (["a", "b", "c"] * 20, "regression", "is text"),
        (["a", "b", "c"] * 20, "binary", "3 values"),
        ([f"text number {i} here" for i in range(60)] * 1, "regression", "is text"),
    ],
)
def test_a_target_that_cannot_be_learned_is_said_plainly(target: list, task: str | None, words: str) -> None:
    table = small(target)
    problems = Plan.draft(table, "y", task=task).problems(table)
    assert any(words in p.message for p in problems), problems
    assert all(p.hint for p in problems)


def test_an_accepted_fix_can_be_undone_and_is_not_accepted_twice() -> None:
    plan = Plan.draft(small(), "y")
    fix = Fix(code="DQ008", title="Treat ? as missing", steps=(StepSpec(step="replace_missing", columns=("city",)),), ignore=("age",))
    fixed = plan.accept([fix]).accept([fix])
    assert len(fixed.fixes) == 1 and fixed.features == ["city"] and fixed.steps[0].step == "replace_missing"
    assert fixed.undo("DQ008", "Treat ? as missing") == plan


def test_a_metric_that_a_fix_has_set_goes_back_on_undo() -> None:
    plan = Plan.draft(small(), "y")
    fixed = plan.accept([Fix(code="DQ010", title="Use PR AUC", metric="pr_auc")])
    assert fixed.metric == "pr_auc"
    assert fixed.undo("DQ010", "Use PR AUC").metric == "roc_auc"


def test_too_few_rows_for_the_folds_is_a_problem_before_training() -> None:
    table = schema(x=[float(i) for i in range(12)], y=["a", "b"] * 6)
    assert any("12 rows" in p.message for p in Plan.draft(table, "y").problems(table))
