"""The leakage court: each kind of leak is found, in each kind of task, and honest columns are not accused, however strong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import answer
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.judge.court import accept_verdicts, acquit, answered, hear
from pipeline.plan import Plan

ROWS = 600
TASKS = ("binary", "multiclass", "regression")


def honest(task: str) -> pd.DataFrame:
    """A strong column, its like, noise, a category that matters, gaps by chance, dates, a number for every row, and two that are mostly 0."""
    rng = np.random.default_rng(7)
    a, shop = rng.normal(size=ROWS), rng.integers(0, 25, ROWS)
    signal = 2.2 * a + 0.4 * rng.normal(size=25)[shop] + rng.logistic(scale=0.6, size=ROWS)
    target = {
        "binary": np.where(signal > 0.5, "yes", "no"),
        "multiclass": np.array(["low", "mid", "high"])[np.digitize(signal, [-1.5, 1.5])],
        "regression": np.round(np.exp(signal / 2) * 100, 2),
    }
    seldom = {f"seldom {i}": rng.integers(1, 9, ROWS) * (rng.random(ROWS) < 0.03) for i in (1, 2)}
    return pd.DataFrame(
        {
            **seldom, "number": rng.permutation(ROWS) + 5_000, "strong": np.round(a, 3), "like it": np.round(a + rng.normal(scale=0.4, size=ROWS), 3),
            "noise": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS)), "shop": [f"shop {s}" for s in shop],
            "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D"), "target": target[task],
        }
    )  # fmt: skip


def heard(frame: pd.DataFrame, **known: str):
    table, schema = infer(frame)
    plan = Plan.draft(schema, "target")
    return hear(answered(plan, known), table, schema)


def happened(y: pd.Series) -> np.ndarray:
    return (y > y.median()).to_numpy() if pd.api.types.is_numeric_dtype(y) else y.isin(["yes", "high"]).to_numpy()


def ranked(y: pd.Series) -> np.ndarray:
    return (y if pd.api.types.is_numeric_dtype(y) else pd.Series(pd.factorize(y)[0])).rank(method="first").astype(int).to_numpy()


def noisy(y: pd.Series) -> pd.Series:
    rng = np.random.default_rng(1)
    if pd.api.types.is_numeric_dtype(y):
        return y + rng.normal(0, 0.15 * y.std(), ROWS)
    return y.mask(rng.random(ROWS) < 0.06, pd.Series(rng.choice(y.unique(), ROWS)))


def recoded(y: pd.Series) -> pd.Series:
    return pd.qcut(y, 6, labels=False) if pd.api.types.is_numeric_dtype(y) else pd.Series(pd.factorize(y)[0]).map({0: 31, 1: 7, 2: 19})


def group_mean(frame: pd.DataFrame) -> pd.Series:
    y = frame["target"]
    value = y if pd.api.types.is_numeric_dtype(y) else y.isin(["yes", "mid"]).astype(float)
    return value.groupby(frame["shop"]).transform("mean")


def customers(y: pd.Series) -> list[str]:
    """Four neighbours in order of the target have one code."""
    return [f"U{n * 613 % 9973}" for n in (ranked(y) - 1) // 4]


LEAKS = {
    "copy": lambda f: f["target"],
    "recoded": lambda f: recoded(f["target"]),
    "noisy": lambda f: noisy(f["target"]),
    "date": lambda f: (f["day"] + pd.Timedelta(days=9)).where(happened(f["target"])),
    "gaps": lambda f: pd.Series(np.random.default_rng(2).normal(size=ROWS)).where(happened(f["target"]) ^ (np.random.default_rng(3).random(ROWS) < 0.04)),
    "group": group_mean,
    "numbers": lambda f: ranked(f["target"]) + 70_000,
    "customers": lambda f: customers(f["target"]),
    "codes": lambda f: [f"K-{n}" for n in ranked(f["target"])],
}


@pytest.mark.parametrize("task", TASKS)
def test_honest_columns_are_not_accused(task):
    found = heard(honest(task))
    assert found.of("guilty") == found.of("suspicious") == [] and found.table == ()
    assert found.columns[0].column == "strong" and found.columns[0].strength.low < found.columns[0].strength.score


@pytest.mark.parametrize("task", TASKS)
def test_every_planted_leak_is_found_and_nothing_else(task):
    frame = honest(task)
    found = heard(frame.assign(**{f"planted {name}": plant(frame) for name, plant in LEAKS.items()}))
    accused = {*found.of("guilty"), *found.of("suspicious")}
    assert accused == {f"planted {name}" for name in LEAKS}
    assert all(h.evidence[0].says for h in found.columns if h.column in accused)


@pytest.mark.parametrize("task", TASKS)
def test_rows_that_are_there_twice_and_a_sorted_table_are_told_of_the_table(task):
    frame = honest(task).drop(columns="number")
    again = pd.concat([frame, frame.iloc[:100]]).sort_values("target", ignore_index=True)
    assert {exhibit.kind for exhibit in heard(again).table} == {"twins", "order"}


def test_rows_that_are_there_again_with_small_errors_are_told_of_the_table():
    rng = np.random.default_rng(4)
    frame = honest("binary")[["strong", "like it", "noise", "target"]].assign(other=rng.normal(size=ROWS), third=rng.normal(size=ROWS))
    again = frame.iloc[:90].copy()
    again[["strong", "like it", "other", "third"]] += rng.normal(scale=0.01, size=(90, 4))
    assert {exhibit.kind for exhibit in heard(pd.concat([frame, again], ignore_index=True)).table} == {"twins"}
    assert heard(frame).table == ()


def test_what_a_person_says_is_known_afterwards_is_guilty():
    found = heard(honest("binary"), strong="after", noise="before")
    assert found.of("guilty") == ["strong"]
    assert {h.column: h.known for h in found.columns if h.known} == {"strong": "after", "noise": "before"}


def test_the_honest_score_is_without_the_suspects_and_accepting_leaves_them_out():
    frame = honest("binary").iloc[:400]
    frame["planted"] = noisy(honest("binary")["target"]).iloc[:400]
    table, schema = infer(frame)
    plan = Plan.draft(schema, "target").change(split={"folds": 2})
    steps = []
    asked = {"on_event": lambda kind, payload: steps.append(kind), "executor": InlineExecutor()}
    facts = answer(plan.asking("court"), table, schema, **asked)
    scores = facts["scores"]
    assert scores["suspects"] == ["planted"] and scores["verdict"] == "better" and "progress" in steps
    assert scores["with"] > 0.95 > scores["without"] > 0.7
    convicted = answered(plan, {"planted": "after"})
    accepted = accept_verdicts(convicted, facts)
    assert "planted" not in accepted.features and "strong" in accepted.features
    assert accept_verdicts(accepted, facts) == accepted and acquit(accepted) == convicted


def test_of_too_few_rows_no_column_is_called_clean():
    frame = honest("binary")
    frame.loc[250:, "noise"] = np.nan
    assert {c.verdict for c in heard(frame[:60]).columns} == {"undecided"}
    assert {c.column for c in heard(frame).columns if c.verdict == "undecided"} == {"noise"}
