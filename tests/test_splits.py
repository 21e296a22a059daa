"""The split: every row in its place, nothing on both sides, the past before the future, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data.splits import Division, divide, own
from pipeline.data.splits.split import SPLITS, Split, default_folds, default_holdout
from pipeline.errors import PlanError

COLUMN = {"group": "shop", "stratified_group": "shop", "time": "day", "column": "part"}
AT_RANDOM = ("auto", "kfold", "stratified")


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows), "shop": rng.integers(0, max(12, rows // 40), rows).astype(str),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, max(20, rows // 20), rows), unit="D"),
            "part": rng.integers(0, 4, rows),
        }
    )  # fmt: skip


def target(rows: int, classes: bool, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed + 1)
    return rng.choice(3, rows, p=[0.6, 0.3, 0.1]) if classes else rng.exponential(size=rows)


def divided(strategy: str, rows: int = 200, classes: bool = True, seed: int = 0, folds: int = 4, **fields) -> Division:
    split = Split(strategy=strategy, column=COLUMN.get(strategy), **fields)
    return divide(split, table(rows), target(rows, classes), classes=classes, seed=seed, folds=folds)


@pytest.mark.parametrize("strategy", SPLITS)
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "numbers"])
@pytest.mark.parametrize("rows", [30, 1_500, 5_000])
def test_no_row_is_on_both_sides_and_each_is_judged_once(strategy: str, classes: bool, rows: int) -> None:
    if strategy == "leave_one_out" and rows == 5_000:
        with pytest.raises(PlanError, match="4,000 rows is 4,000 fits"):
            divided(strategy, rows, classes)
        return
    got = divided(strategy, rows, classes)
    assert not set(got.train) & set(got.holdout)
    assert len(got.train) + len(got.holdout) == rows
    assert len(got.folds) == (len(got.train) if strategy == "leave_one_out" else 4)
    for train, valid in got.folds:
        assert not set(train) & set(valid) and len(train) and len(valid)
        assert set(train) | set(valid) <= set(got.train)
        assert (np.diff(train) > 0).all() and (np.diff(valid) > 0).all()
    judged = np.sort(np.concatenate([valid for _, valid in got.folds]))
    if strategy == "time":
        assert len(np.unique(judged)) == len(judged)
    else:
        assert np.array_equal(judged, got.train)
        assert all(len(train) + len(valid) == len(got.train) for train, valid in got.folds)


@pytest.mark.parametrize("strategy", ["auto", "stratified", "kfold"])
@pytest.mark.parametrize("share", [0, 0.2, 0.5])
def test_the_holdout_is_the_share_of_the_rows(strategy: str, share: float) -> None:
    assert len(divided(strategy, 1_000, holdout=share).holdout) == 1_000 * share


@pytest.mark.parametrize("strategy", SPLITS)
def test_without_a_holdout_every_row_is_learned_from(strategy: str) -> None:
    assert len(divided(strategy, 90, holdout=0).train) == 90


@pytest.mark.parametrize("strategy", [name for name, way in SPLITS.items() if way.repeats])
def test_repeats_add_other_folds_and_leave_the_first_ones(strategy: str) -> None:
    once, thrice = divided(strategy, 300), divided(strategy, 300, repeats=3)
    assert len(thrice.folds) == 3 * len(once.folds)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(once.folds, thrice.folds, strict=False))
    assert len({tuple(valid) for _, valid in thrice.folds}) > 8, "a few whole groups may come together again"
    for start in (0, 4, 8):
        assert np.array_equal(np.sort(np.concatenate([valid for _, valid in thrice.folds[start : start + 4]])), thrice.train)


@pytest.mark.parametrize("strategy", SPLITS)
def test_the_seed_decides(strategy: str) -> None:
    first, again, other = (divided(strategy, 200, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.holdout, again.holdout)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first.folds, again.folds, strict=True))
    assert np.array_equal(first.holdout, other.holdout) is (not SPLITS[strategy].shuffles)


# --- strata ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [40, 1_000])
def test_each_class_is_spread_over_the_folds_within_one_row(rows: int, seed: int) -> None:
    got, y = divided("stratified", rows, seed=seed, folds=5), target(rows, True)
    for k in range(3):
        counts = [(y[valid] == k).sum() for _, valid in got.folds]
        assert max(counts) - min(counts) <= 1
        assert abs((y[got.holdout] == k).sum() - 0.2 * (y == k).sum()) <= 1


def test_a_numeric_target_is_spread_evenly() -> None:
    y = np.arange(1000.0)
    got = divide(Split(), table(1000), y, classes=False, seed=1, folds=5)
    assert [y[part].mean() for part in (got.holdout, *(valid for _, valid in got.folds))] == pytest.approx([499.5] * 6, rel=0.03)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_two_rows_is_in_the_training_rows_of_every_fold(seed: int) -> None:
    y = np.r_[np.zeros(50, int), np.ones(46, int), 2, 2, 3, 3]
    got = divide(Split(holdout=0.3), table(100), y, classes=True, seed=seed, folds=8)
    assert all(set(y[train]) == {0, 1, 2, 3} for train, _ in got.folds)


def test_a_class_of_one_row_divides_without_error() -> None:
    y = np.r_[np.zeros(50, int), np.ones(50, int), 2]
    got = divide(Split(), table(101), y, classes=True, seed=0, folds=5)
    assert 100 in got.train, "a class that can only be unknown is not what a holdout is for"


# --- groups ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["group", "stratified_group"])
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "numbers"])
@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_both_sides(strategy: str, classes: bool, seed: int) -> None:
    shop, got = table(600)["shop"].to_numpy(), divided(strategy, 600, classes, seed, repeats=2)
    for left, right in [(got.train, got.holdout), *got.folds]:
        assert not set(shop[left]) & set(shop[right])
    assert got.facts["groups"]["shared"] == {"holdout": 0, "valid": 0}
    assert 0.1 <= len(got.holdout) / 600 <= 0.3


def test_whole_groups_keep_the_share_of_a_class_nearly() -> None:
    rng = np.random.default_rng(0)
    shop = np.repeat(np.arange(100), 20)
    y = (rng.random(2_000) < np.repeat(rng.beta(0.5, 4.5, 100), 20)).astype(int)
    got = divide(Split(strategy="stratified_group", column="shop"), pd.DataFrame({"shop": shop}), y, classes=True, seed=0, folds=5)
    shares = [y[part].mean() for part in (got.holdout, *(valid for _, valid in got.folds))]
    assert max(abs(share - y.mean()) for share in shares) < 0.02


def test_folds_of_whole_groups_have_about_as_many_rows_each() -> None:
    rng = np.random.default_rng(1)
    shop = np.repeat(np.arange(200), rng.geometric(0.05, 200))
    got = divide(
        Split(strategy="group", column="shop"), pd.DataFrame({"shop": shop}), target(len(shop), False), classes=False, seed=0, folds=8
    )
    sizes = [len(valid) for _, valid in got.folds]
    assert max(sizes) - min(sizes) <= 0.1 * np.mean(sizes)


def test_rows_without_a_group_stay_together_and_are_counted() -> None:
    shop = pd.DataFrame({"shop": [None, None, *map(str, range(98))]})
    got = divide(Split(strategy="group", column="shop"), shop, target(100, True), classes=True, seed=0, folds=5)
    assert got.facts["groups"] == {"all": 99, "shared": {"holdout": 0, "valid": 0}, "missing": 2}


def test_too_few_groups_are_refused_with_numbers() -> None:
    with pytest.raises(PlanError, match="has 12 groups; 12 folds and a holdout need at least 13"):
        divided("group", 300, folds=12)


# --- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0, 1, 7])
@pytest.mark.parametrize("embargo", [0, 5])
def test_time_never_learns_from_the_future_and_keeps_the_gap(gap: float, embargo: float) -> None:
    got, day = divided("time", 2_000, gap=gap, embargo=embargo), table(2_000)["day"].to_numpy().astype("datetime64[D]").astype(int)
    ends: list[int] = []
    for train, valid in got.folds:
        start = day[valid].min()
        assert day[train].max() < start and start - day[train].max() >= gap
        assert not any(((day[train] > end) & (day[train] <= end + embargo)).any() for end in ends)
        ends.append(day[valid].max())
    first = day[got.holdout].min()
    assert first - day[got.train].max() >= max(gap, 1)
    between = np.setdiff1d(np.arange(2_000), np.r_[got.train, got.holdout])
    assert len(between) == got.facts["rows"]["unused"] and (len(between) > 0) is (gap > 1)
    assert all((first - day[between] < gap) & (day[between] < first))


def test_the_validation_parts_follow_each_other_in_time_with_about_equal_rows() -> None:
    got, day = divided("time", 2_000, folds=5), table(2_000)["day"].to_numpy()
    for (_, before), (_, after) in zip(got.folds, got.folds[1:], strict=False):
        assert day[before].max() < day[after].min()
    sizes = [len(valid) for _, valid in got.folds]
    assert max(sizes) - min(sizes) <= 60 and abs(len(got.holdout) - 400) <= 30


def test_many_rows_of_one_moment_stay_together() -> None:
    year = pd.DataFrame({"day": np.repeat([2019, 2020, 2021, 2022, 2023], [4, 80, 4, 4, 8])})
    got = divide(Split(strategy="time", column="day"), year, target(100, False), classes=False, seed=0, folds=3)
    assert [sorted(set(year["day"].iloc[valid])) for _, valid in got.folds] == [[2020], [2021], [2022]]
    assert set(year["day"].iloc[got.holdout]) == {2023}
    with pytest.raises(PlanError, match="4 different times to learn from; 5 folds in time need at least 6"):
        divide(Split(strategy="time", column="day"), year, target(100, False), classes=False, seed=0, folds=5)


def test_a_gap_that_leaves_nothing_is_refused_with_numbers() -> None:
    with pytest.raises(PlanError, match="gap of 60 leaves fold 1 nothing to learn from"):
        divided("time", 2_000, gap=60, holdout=0)


def test_rows_without_a_time_are_refused() -> None:
    frame = table(100)
    frame.loc[3, "day"] = None
    with pytest.raises(PlanError, match="1 rows have no time"):
        divide(Split(strategy="time", column="day"), frame, target(100, True), classes=True, seed=0, folds=3)


# --- one's own column --------------------------------------------------------------------------------------------------


def by_column(values: list, name: str = "part", **fields) -> Division:
    frame = pd.DataFrame({"x": range(len(values)), name: values})
    return divide(Split(strategy="column", column=name, **fields), frame, target(len(values), True), classes=True, seed=0, folds=3)


def test_words_say_where_a_row_goes() -> None:
    got = by_column(["Train", "train", "valid", "TEST", "Holdout", "val"] * 10)
    assert set(got.holdout % 6) == {3, 4}
    assert len(got.folds) == 1 and set(got.folds[0][0] % 6) == {0, 1} and set(got.folds[0][1] % 6) == {2, 5}


def test_without_validation_rows_the_training_rows_are_divided_at_random() -> None:
    got = by_column(["train", "train", "train", "test"] * 20)
    assert len(got.folds) == 3 and set(got.holdout % 4) == {3}
    assert np.array_equal(np.sort(np.concatenate([valid for _, valid in got.folds])), got.train)


@pytest.mark.parametrize(("name", "held"), [("is_test", 0), ("is_train", 1), ("chosen", 0)])
def test_yes_and_no_are_read_by_the_name_of_the_column(name: str, held: int) -> None:
    assert set(by_column([True, False] * 30, name).holdout % 2) == {held}


def test_a_yes_for_validation_makes_one_fold_and_no_holdout() -> None:
    got = by_column([1, 0, 0] * 20, "is_valid")
    assert not len(got.holdout) and len(got.folds) == 1 and set(got.folds[0][1] % 3) == {0}


def test_numbers_are_folds_and_minus_one_always_trains() -> None:
    got = by_column([0, 1, 2, -1] * 10)
    assert [set(valid % 4) for _, valid in got.folds] == [{0}, {1}, {2}] and not len(got.holdout)
    assert all({3} <= set(train % 4) for train, _ in got.folds)
    assert len(by_column(["0", "2"] * 20).folds) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["train", "later"], "'later'"), (["train", "training"], "rows to judge by"), (list(range(30)), "30 different numbers"),
        (["valid", "test"], "rows to train on"), ([0.5, 1.5], "'0.5', '1.5'"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_shown_with_what_is_understood(values: list, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        own.read("part", values)
    assert "train, valid and test" in caught.value.hint


def test_a_gap_in_the_split_column_is_refused() -> None:
    with pytest.raises(PlanError, match="2 rows have no value in the split column"):
        by_column(["train", "test", None] * 2)


# --- what is on both sides ---------------------------------------------------------------------------------------------


def test_identical_rows_on_both_sides_are_counted() -> None:
    """Rows 0..79 are 40 pairs of twins in the same part or not, as the fold numbers say; the rest are all different."""
    frame = pd.DataFrame({"x": np.r_[np.repeat(np.arange(40), 2), np.arange(100, 120)], "y": "same", "part": 0})
    frame.loc[1:79:2, "part"] = [1] * 25 + [0] * 15  # 25 pairs apart, 15 together
    frame.loc[80:89, "part"] = 1
    split = Split(strategy="column", column="part")
    got = divide(split, frame, target(100, True), classes=True, seed=0, folds=2, features=["x", "y"])
    assert got.facts["identical"] == {"holdout": 0, "valid": 50}
    words = frame.assign(part=frame["part"].map({0: "train", 1: "test"}))
    held = divide(split, words, target(100, True), classes=True, seed=0, folds=2, features=["x", "y"])
    assert held.facts["identical"]["holdout"] == 25


def test_missing_cells_count_as_equal() -> None:
    frame = pd.DataFrame({"x": [None, None, 1.0, 2.0] * 10, "part": [0, 1] * 20})
    got = divide(Split(strategy="column", column="part"), frame, target(40, True), classes=True, seed=0, folds=2)
    assert got.facts["identical"]["valid"] == 20, "only the rows without a value are in both folds"


@pytest.mark.parametrize("strategy", SPLITS)
def test_the_facts_are_json_and_in_numbers(strategy: str) -> None:
    import json

    facts = json.loads(json.dumps(divided(strategy, 300).facts))
    assert facts["rows"]["train"] + facts["rows"]["holdout"] + facts["rows"]["unused"] == 300 == facts["rows"]["all"]
    assert facts["title"] == SPLITS[strategy].title and facts["fold_count"] >= len(facts["folds"]) > 0


def test_the_policy_for_folds_and_holdout() -> None:
    assert [default_folds(rows) for rows in (20, 500, 2_999, 3_000, 30_000, 30_001, 100_001)] == [5, 8, 8, 10, 10, 8, 20]
    assert default_folds(50_000, "time") == 5
    assert [default_holdout(rows) for rows in (500, 10_001, 100_001)] == [0.2, 0.1, 0.05]
