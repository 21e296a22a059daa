"""DQ012: a column that gives the target away is found, however it is disguised, and honest columns are not accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.quality import check
from pipeline.quality.alone import area

ROWS = 2_000


def honest(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "noise": rng.normal(size=ROWS),
            "shop": rng.choice([f"s{i}" for i in range(300)], ROWS),
            "binary": np.where(2 * a + b + rng.logistic(size=ROWS) > 0.5, "yes", "no"),
            "multiclass": np.digitize(2 * a + b + rng.logistic(size=ROWS), [-2, 2]).astype(str),
            "regression": np.exp(2 * a + b + rng.normal(size=ROWS)),
        }
    )


def examine(frame: pd.DataFrame, target: str):
    others = [name for name in ("binary", "multiclass", "regression") if name != target]
    table, schema = infer(frame.drop(columns=others))
    return check(table, schema, target)["DQ012"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", ["binary", "multiclass", "regression"])
def test_honest_columns_are_not_accused(target, seed):
    found = examine(honest(seed), target)
    assert found.status == "passed"
    assert "'a'" in found.explanation  # the best one is named, with its score
    assert found.evidence["scores"]["noise"] < (0.1 if target == "regression" else 0.6)


def noisy(y: pd.Series, seed: int = 1) -> pd.Series:
    """The target with a little noise: a number near it, or with one answer in 200 changed."""
    rng = np.random.default_rng(seed)
    if pd.api.types.is_numeric_dtype(y):
        return y + rng.normal(0, 0.02 * y.std(), len(y))
    return y.where(rng.random(len(y)) > 0.005, y.iloc[0])


def recoded(y: pd.Series) -> pd.Series:
    """The same under other names: a code that is not in order, or a curve that is."""
    if pd.api.types.is_numeric_dtype(y):
        return np.log1p(y) ** 3
    return y.map({"yes": 3, "no": 8, "0": 30, "1": 10, "2": 20})


def with_gaps(y: pd.Series) -> pd.Series:
    """Known only for some of the rows, as what is written down afterwards often is."""
    return y.mask(np.arange(len(y)) % 100 == 0)


@pytest.mark.parametrize("disguise", [lambda y: y, noisy, recoded, with_gaps], ids=["copy", "noisy", "recoded", "with_gaps"])
@pytest.mark.parametrize("target", ["binary", "multiclass", "regression"])
def test_a_planted_copy_is_found(target, disguise):
    frame = honest()
    frame.insert(1, "planted", disguise(frame[target]))
    found = examine(frame, target)
    assert found.status == "found"
    assert found.columns == ("planted",)
    assert found.severity == ("warning" if found.evidence["scores"]["planted"] < 0.98 else "error")
    assert found.evidence["scores"]["planted"] >= 0.95
    assert found.fixes[0].ignore == ("planted",)
    assert f"alone predicts '{target}'" in found.explanation


@pytest.mark.parametrize("target", ["binary", "multiclass", "regression"])
def test_an_exact_copy_is_an_error_with_a_safe_fix(target):
    found = examine(honest().assign(planted=lambda f: f[target]), target)
    assert (found.severity, found.safe) == ("error", True)
    assert found.evidence["scores"]["planted"] > 0.995


def test_a_cell_that_is_filled_only_for_one_outcome_is_found():
    frame = honest()
    refund = pd.Series(np.random.default_rng(0).normal(20, 5, ROWS)).where(frame["binary"] == "yes")
    assert examine(frame.assign(refund=refund), "binary").columns == ("refund",)


def test_a_rare_class_in_a_long_table_is_sampled_enough():
    rng = np.random.default_rng(0)
    rows = 60_000
    y = rng.random(rows) < 0.001
    frame = pd.DataFrame({"x": rng.normal(size=rows), "after": np.where(y, 5, rng.integers(0, 4, rows)), "fraud": np.where(y, "yes", "no")})
    table, schema = infer(frame)
    found = check(table, schema, "fraud")["DQ012"]
    assert found.columns == ("after",)
    assert found.evidence["rows_used"] < 21_000


def test_levels_with_one_row_each_teach_nothing():
    """What is learned from a row is never used to predict the same row, or every key would look like a leak."""
    rng = np.random.default_rng(0)
    frame = honest().assign(seller=[f"k{i}" for i in rng.integers(0, ROWS, ROWS)])
    assert abs(examine(frame, "binary").evidence["scores"]["seller"] - 0.5) < 0.05


def test_columns_that_identify_the_row_are_not_judged():
    """In a table sorted by the outcome the row number predicts it; it is left out of models anyway."""
    frame = honest().sort_values("binary", ignore_index=True)
    frame.insert(0, "id", [f"K{i:06d}" for i in range(ROWS)])
    found = examine(frame, "binary")
    assert (found.status, "id" in found.evidence["scores"]) == ("passed", False)


def test_the_bundled_samples_are_not_accused():
    from pipeline.data import read, samples

    for sample in samples():
        frame, _ = read(sample.path)
        table, schema = infer(frame)
        found = check(table, schema, sample.target)["DQ012"]
        assert found.status == "passed", f"{sample.name}: {found.explanation}"


def test_too_few_rows_is_said():
    table, schema = infer(honest()[["a", "binary"]].head(20))
    found = check(table, schema, "binary")["DQ012"]
    assert found.status == "not_applicable"
    assert "30" in found.reason


def test_the_area_under_the_curve_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    y, score = (rng.random(500) < 0.3).astype(float), rng.integers(0, 20, 500) / 20
    assert area(y, score) == pytest.approx(roc_auc_score(y, score))
