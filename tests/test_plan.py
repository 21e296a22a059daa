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


# --- how rows are divided, and what is done about rare classes ---------------------------------------------------------


def told(plan: Plan, table: Schema, page: str = "models") -> str:
    problems = plan.problems(table)
    assert all(p.page == page and p.hint for p in problems), problems
    return " ".join(p.message for p in problems)


def shops(n: int = 120) -> Schema:
    return schema(
        when=[f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(n)], shop=[f"shop {i % 6}" for i in range(n)],
        part=["train", "train", "test"] * (n // 3), fold=[f"fold {i % 3}" for i in range(n)], cases=[1.0 + i % 7 for i in range(n)],
        change=[(i % 5) - 2.5 for i in range(n)], y=["no", "yes", "no"] * (n // 3),
    )  # fmt: skip


def split_by(**split: object) -> tuple[Plan, Schema]:
    table = shops()
    return Plan.draft(table, "y").change(split=split), table


@pytest.mark.parametrize(("rows", "share", "folds"), [(60, 0.2, 8), (20_000, 0.1, 10), (300_000, 0.05, 20)])
def test_a_draft_holds_out_less_of_a_larger_table_and_leaves_the_folds_to_the_engine(rows: int, share: float, folds: int) -> None:
    table = small().model_copy(update={"rows": rows})
    plan = Plan.draft(table, "y")
    assert (plan.split.holdout, plan.split.folds, plan.split.count(rows)) == (share, None, folds)


def test_a_plan_of_before_keeps_its_folds() -> None:
    old = Plan.draft(small(), "y").model_dump(mode="json") | {"split": {"holdout": 0.3, "folds": 5}}
    del old["balance"]
    plan = Plan.model_validate(old)
    assert (plan.split.strategy, plan.split.count(10**6), plan.balance.method) == ("auto", 5, "none")


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"strategy": "group", "column": "shop", "folds": 5}, ""),
        ({"strategy": "time", "column": "when", "gap": 7, "embargo": 1}, ""),
        ({"strategy": "column", "column": "part"}, ""),
        ({"holdout": 0}, ""),
        ({"strategy": "group"}, "'By group' needs a column"),
        ({"strategy": "group", "column": "shopp"}, "'shopp', which is not in the table"),
        ({"strategy": "group", "column": "shop", "folds": 6}, "has 6 groups; 6 folds and a holdout need at least 7"),
        ({"strategy": "group", "column": "y"}, "target 'y' cannot also divide"),
        ({"strategy": "group", "column": "when", "folds": 5}, "'when' is a time, and 'By group' shuffles"),
        ({"strategy": "stratified", "column": "when"}, "A time column, 'when', is set, and 'Stratified' shuffles"),
        ({"strategy": "kfold", "column": "shop"}, "'Random' does not use the column 'shop'"),
        ({"gap": 3}, "a gap or an embargo is set".capitalize()),
        ({"strategy": "time", "column": "shop"}, "'shop' is categorical; a time is"),
        ({"strategy": "time", "column": "cases", "folds": 10}, "7 different times; 10 folds in time need at least 12"),
        ({"strategy": "time", "column": "when", "repeats": 2}, "gives the same folds each time"),
        ({"strategy": "column", "column": "shop"}, "6 values that do not say where a row goes"),
        ({"strategy": "column", "column": "cases"}, "does not say where a row goes"),
        ({"strategy": "column", "column": "part", "nested": True}, "A nested loop needs several parts"),
    ],
)
def test_what_does_not_fit_in_the_split_is_said_before_training(split: dict, words: str) -> None:
    plan, table = split_by(**split)
    said = told(plan, table)
    assert words in said if words else said == ""


def test_leave_one_out_is_refused_above_its_cap_with_the_number_of_fits() -> None:
    plan = Plan.draft(small(), "y").change(split={"strategy": "leave_one_out", "holdout": 0.2})
    assert plan.problems(small()) == []
    families = len(plan.families)
    said = told(plan, small().model_copy(update={"rows": 10_000}))
    assert f"8,000 rows is 8,000 fits of every configuration, {8_000 * families:,} for one of each family" in said


def test_a_missing_time_is_a_problem_with_its_number() -> None:
    table = schema(when=[None, *[f"2024-01-{1 + i % 28:02}" for i in range(59)]], x=[float(i) for i in range(60)], y=[0, 1] * 30)
    plan = Plan.draft(table, "y").change(split={"strategy": "time", "column": "when"})
    assert "1 of 60 rows have no time" in told(plan, table)


def test_the_group_is_taken_out_of_the_features_with_a_reason_and_a_time_is_not() -> None:
    plan, _ = split_by(strategy="group", column="shop", folds=3)
    assert "shop" not in plan.features and "divides the rows" in plan.set_aside["shop"]
    assert plan.kind("shop") == "categorical" and next(c.role for c in plan.columns if c.name == "shop") == "feature", "the role is kept for later"
    timed, _ = split_by(strategy="time", column="when")
    assert "when" in timed.features and timed.set_aside == {}


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        ({"method": "class_weights", "params": {"strength": 0.5}}, ""),
        ({"method": "costs", "params": {"costs": "yes=5"}}, ""),
        ({"method": "column_weights", "column": "cases"}, ""),
        ({"method": "smote_nc"}, ""),
        ({"method": "smoot"}, "no balance named 'smoot'"),
        ({"method": "class_weights", "params": {"strength": 2}}, "strength"),
        ({"method": "costs", "params": {"costs": "maybe=5"}}, "'maybe', which is no class"),
        ({"method": "column_weights"}, "No weight column"),
        ({"method": "column_weights", "column": "shop"}, "'shop' is categorical"),
        ({"method": "column_weights", "column": "change"}, "goes down to -2.5"),
        ({"method": "column_weights", "column": "y"}, "it is the target"),
        ({"method": "class_weights", "column": "cases"}, "does not read the weight column 'cases'"),
        ({"method": "smote"}, "features are categories, such as 'shop'"),
    ],
)
def test_what_does_not_fit_in_the_balance_is_said_before_training(balance: dict, words: str) -> None:
    table = shops()
    plan = Plan.draft(table, "y").change(balance=balance)
    said = told(plan, table)
    assert words in said if words else said == ""


def test_a_weight_column_is_not_a_feature_and_classes_are_not_balanced_in_a_regression() -> None:
    table = shops()
    plan = Plan.draft(table, "y").change(balance={"method": "column_weights", "column": "cases"})
    assert "cases" not in plan.features and "weights the rows" in plan.set_aside["cases"]
    numbers = Plan.draft(table, "change", task="regression").change(balance={"method": "undersample"})
    assert "does not apply to a regression task" in told(numbers, table)
