"""Every check finds the defect that was planted, in the right rows and columns, and passes a clean table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.quality import check

ROWS = 400


def clean(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A table without a defect: numbers, a skewed number, a category, a flag, a date, and a target that depends on them."""
    rng = np.random.default_rng(seed)
    age, city = rng.normal(45, 12, rows).clip(18, 95).round(1), rng.choice(["Rome", "Oslo", "Lima", "Cairo"], rows)
    income = rng.lognormal(10, 0.8, rows).round(2)
    chance = 1 / (1 + np.exp(-((age - 45) / 12 + (city == "Rome") - 0.3)))
    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "visits": rng.poisson(4, rows),
            "city": city,
            "member": rng.random(rows) < 0.4,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "churned": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


def finding(frame: pd.DataFrame, code: str, target: str | None = "churned", **thresholds):
    table, schema = infer(frame)
    return check(table, schema, target, {code: thresholds} if thresholds else None)[code]


def test_a_clean_table_passes_every_check():
    table, schema = infer(clean())
    report = check(table, schema, "churned")
    assert {f.code: f.explanation for f in report.found} == {"DQ029": "'age' (age)."}
    assert {f.code for f in report.findings if f.status == "not_applicable"} == {"DQ025", "DQ027", "DQ032"}
    assert (report.rows, report.columns, report.target) == (ROWS, 7, "churned")


def test_missing_values():
    frame = clean()
    frame.loc[10:29, "age"] = np.nan
    frame["note"] = pd.Series([None] * (ROWS - 4) + ["Good"] * 2 + ["Bad"] * 2, dtype="str")
    found = finding(frame, "DQ001")
    assert (found.status, found.severity, found.columns) == ("found", "warning", ("age", "note"))
    assert found.evidence["missing"] == {"age": 20, "note": ROWS - 4}
    assert found.rows == ROWS - 4
    assert found.fixes[0].ignore == ("note",)  # 5 % of empty cells is for the imputer, 99 % is not
    assert finding(frame.drop(columns="note"), "DQ001").severity == "info"
    assert finding(frame.drop(columns="note"), "DQ001", notice=0.2).status == "passed"


def test_rows_without_a_target_are_named():
    frame = clean()
    frame["churned"] = frame["churned"].astype("str").mask(np.arange(ROWS) < 7)
    found = finding(frame, "DQ001")
    assert (found.severity, found.columns, found.rows, found.examples) == ("warning", ("churned",), 7, tuple(range(7)))
    assert "7 of 400 rows" in found.explanation
    assert found.fixes == ()


def test_constant_columns():
    frame = clean(rows=2_000).assign(country="IT", flag=[1] + [0] * 1_999)
    found = finding(frame, "DQ002")
    assert (found.severity, found.columns) == ("warning", ("country", "flag"))
    assert found.fixes[0].ignore == ("country",)
    assert found.fixes[1].ignore == ("country", "flag")
    only_nearly = finding(frame.drop(columns="country"), "DQ002")
    assert (only_nearly.severity, only_nearly.safe) == ("info", False)


def test_duplicate_rows():
    frame = clean()
    found = finding(pd.concat([frame, frame.iloc[[5, 7, 5]]], ignore_index=True), "DQ003")
    assert (found.rows, found.examples) == (3, (400, 401, 402))
    assert found.fixes[0].steps[0].step == "drop_duplicates"
    assert found.safe


def test_duplicate_rows_apart_from_the_row_number():
    frame = pd.concat([clean(), clean().iloc[:20]], ignore_index=True)
    frame.insert(0, "customer_id", [f"C{i:05d}" for i in range(len(frame))])
    table, schema = infer(frame)
    assert schema["customer_id"].kind == "id"
    found = check(table, schema, "churned")["DQ003"]
    assert (found.severity, found.rows) == ("warning", 20)
    assert "Not compared, because it identifies the row: 'customer_id'" in found.explanation


def test_rows_that_may_be_equal_by_chance_are_only_mentioned():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 300), "b": rng.choice(["x", "y"], 300), "churned": rng.choice(["yes", "no"], 300)})
    found = finding(frame, "DQ003")
    assert (found.status, found.severity, found.safe) == ("found", "info", False)


def test_duplicate_columns():
    frame = clean()
    frame["age_again"] = frame["age"]
    frame["city_code"] = frame["city"].map({"Rome": 7, "Oslo": 3, "Lima": 9, "Cairo": 1})
    found = finding(frame, "DQ004")
    assert found.columns == ("city", "age_again")
    assert [(p["repeats"], p["same_values"]) for p in found.evidence["pairs"]] == [("city_code", False), ("age", True)]
    assert found.fixes[0].ignore == ("age_again",)  # equal values first; a recoding is for a person to judge
    assert found.fixes[1].ignore == ("city", "age_again")


def test_two_columns_of_all_different_numbers_are_not_duplicates():
    rng = np.random.default_rng(0)
    frame = clean().assign(a=rng.normal(size=ROWS), b=rng.normal(size=ROWS))
    assert finding(frame, "DQ004").status == "passed"


def test_columns_that_identify_the_row():
    rng = np.random.default_rng(0)
    frame = clean().assign(row=range(1, ROWS + 1), customer_id=rng.permutation(10**6)[:ROWS], key=[f"k-{i:04d}" for i in range(ROWS)])
    found = finding(frame, "DQ005")
    assert set(found.columns) == {"row", "customer_id", "key"}
    assert set(found.fixes[0].ignore) == {"row", "customer_id", "key"}
    assert finding(clean().assign(salary=rng.permutation(10**6)[:ROWS]), "DQ005").status == "passed"


def test_high_cardinality():
    rng = np.random.default_rng(0)
    rows = 3_000
    frame = clean(rows=rows).assign(postcode=[f"Z{i}" for i in rng.zipf(1.3, rows) % 800])
    found = finding(frame, "DQ006")
    assert found.columns == ("postcode",)
    assert found.severity == "warning"
    assert found.evidence["postcode"]["levels"] > 100
    assert (found.fixes[0].steps[0].step, found.fixes[0].steps[0].columns) == ("group_rare", ("postcode",))


def test_numbers_and_words_in_one_column():
    frame = clean()
    price = pd.Series([f"{i / 7:.2f}" for i in range(ROWS)], dtype="str")
    words = np.arange(ROWS) % 8 == 3
    price[words] = "see invoice"
    price[[3, 11]] = "free"
    found = finding(frame.assign(price=price), "DQ007")
    assert (found.severity, found.columns, found.rows, found.examples[:3]) == ("warning", ("price",), 50, (3, 11, 19))
    assert found.evidence["price"]["others"] == ["see invoice", "free"]
    assert (found.fixes[0].steps[0].step, found.safe) == ("to_number", False)


def test_codes_made_of_letters_and_digits_are_not_mixed():
    frame = clean().assign(seat=[f"{i % 30}{'ABCDEF'[i % 6]}" for i in range(ROWS)])
    assert finding(frame, "DQ007").status == "passed"


@pytest.mark.parametrize("token", ["?", "Unknown", "n/a", "-", "not available"])
def test_words_that_stand_for_missing(token):
    frame = clean()
    frame.loc[[2, 30], "city"] = token
    table, schema = infer(frame)
    if table["city"].isna().sum():
        pytest.fail(f"reading already takes {token!r} for missing; this check then has nothing to find")
    found = check(table, schema, "churned")["DQ008"]
    assert (found.columns, found.rows, found.examples) == (("city",), 2, (2, 30))
    assert found.fixes[0].steps[0].step == "replace_missing"
    assert found.fixes[0].steps[0].params == {"values": token}


@pytest.mark.parametrize("value", [-1, -999, 999, 9999])
def test_numbers_that_stand_for_missing(value):
    frame = clean()
    frame.loc[20:39, "visits"] = value
    found = finding(frame, "DQ008")
    assert (found.columns, found.rows, found.examples) == (("visits",), 20, tuple(range(20, 40)))
    assert found.evidence["values"] == {"visits": [str(value)]}
    assert found.safe == (value == -999)  # the others may have a meaning, so a person decides


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(np.random.default_rng(1).integers(-20, 20, ROWS), id="temperatures, some of them -1 and -9"),
        pytest.param(np.random.default_rng(2).integers(0, 100, ROWS), id="percentages up to 99"),
        pytest.param(np.random.default_rng(3).choice([-1, 0, 1], ROWS), id="worse, equal, better"),
        pytest.param(np.r_[np.random.default_rng(4).poisson(3, ROWS - 1), 99], id="99 once"),
    ],
)
def test_numbers_that_are_meant(numbers):
    assert finding(clean().assign(x=numbers), "DQ008").status == "passed"


def test_outliers():
    frame = clean().rename(columns={"age": "heat"})  # an age of 450 is impossible, which is another finding
    frame.loc[[4, 90], "heat"] = [450.0, -380.0]
    frame.loc[200, "income"] = 9e12
    found = finding(frame, "DQ009")
    assert (found.columns, found.rows, found.examples) == (("heat", "income"), 3, (4, 90, 200))
    assert found.evidence["heat"] == {"rows": 2, "least": -380.0, "most": 450.0, "median": pytest.approx(45, abs=3)}
    assert found.fixes[0].steps[0].step == "clip"


@pytest.mark.parametrize("seed", range(3))
def test_long_tails_are_not_outliers(seed):
    rng = np.random.default_rng(seed)
    frame = clean(5_000, seed).assign(
        wait=rng.exponential(30, 5_000), price=rng.lognormal(3, 1.5, 5_000), rain=np.where(rng.random(5_000) < 0.8, 0, rng.gamma(1, 8, 5_000))
    )
    assert finding(frame, "DQ009").columns == ()


def test_unbalanced_classes():
    frame = clean(1_000).assign(churned=np.where(np.arange(1_000) % 50 == 3, "yes", "no"))
    found = finding(frame, "DQ010")
    assert (found.columns, found.rows, found.examples[:2]) == (("churned",), 20, (3, 53))
    assert found.fixes[0].metric == "pr_auc"
    three = frame.assign(churned=np.where(np.arange(1_000) % 50 == 3, "c", np.where(np.arange(1_000) % 2, "a", "b")))
    assert finding(three, "DQ010").fixes[0].metric == "balanced_accuracy"


def test_classes_with_too_few_rows():
    frame = clean().assign(churned=["lynx", "owl", "owl"] + ["cat", "dog"] * 198 + ["cat"])
    found = finding(frame, "DQ011")
    assert (found.severity, found.rows, found.examples) == ("error", 3, (0, 1, 2))
    assert found.evidence["rows"] == {"lynx": 1, "owl": 2}
    assert "'lynx' and 'owl'" in found.explanation


def test_class_checks_do_not_apply_to_a_number():
    table, schema = infer(clean())
    report = check(table, schema, "income")
    for code in ("DQ010", "DQ011"):
        assert report[code].status == "not_applicable"
        assert "regression" in report[code].reason


def test_without_a_target_the_checks_that_need_one_say_so():
    table, schema = infer(clean())
    report = check(table, schema)
    silent = [f.code for f in report.findings if "choose one on the Features page" in f.reason]
    assert silent == ["DQ010", "DQ011", "DQ012", "DQ026", "DQ027", "DQ028", "DQ033"]
