"""Balancing: known weights and counts, made-up rows between real ones, and a refusal with numbers where it would do harm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, issparse

import pipeline
from pipeline import catalog
from pipeline.balance import Balanced, apply, balance, rows_after, smote
from pipeline.errors import MissingPackage, PlanError
from pipeline.plan import Balance

METHODS = [entry.name for entry in catalog.entries("balance")]
NAMES = ("fine", "fraud")


def rows(counts: tuple[int, ...] = (90, 10), columns: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(len(y), columns)) * [1, 100, 0.01][:columns] + y[:, None]
    return X, y


def balanced(method: str, X=None, y=None, *, raw: pd.DataFrame | None = None, column: str | None = None, **options) -> Balanced:
    params = {name: options.pop(name) for name in list(options) if name in ("strength", "share", "neighbours", "costs", "ratio")}
    if X is None:
        X, y = rows()
    return apply(Balance(method=method, params=params, column=column), X, y, 0, raw, classes=NAMES, **options)


# --- weights -----------------------------------------------------------------------------------------------------------


def test_class_weights_are_inverse_to_the_frequency_with_mean_one() -> None:
    X, y = rows()
    got = balanced("class_weights", X, y)
    assert got.weight.mean() == pytest.approx(1)
    assert got.weight[y == 1][0] / got.weight[y == 0][0] == pytest.approx(9)
    assert got.weight[y == 0].sum() == pytest.approx(got.weight[y == 1].sum())
    assert got.before == {"fine": 90, "fraud": 10} and got.after == {"fine": 50, "fraud": 50}
    assert got.X is X and np.array_equal(got.y, y)


@pytest.mark.parametrize(("strength", "ratio"), [(0, 1), (0.5, 3), (1, 9)])
def test_the_strength_goes_from_none_to_all(strength: float, ratio: float) -> None:
    got = balanced("class_weights", strength=strength)
    assert got.weight[-1] / got.weight[0] == pytest.approx(ratio)


def test_costs_by_name_and_by_ratio() -> None:
    for params in ({"costs": "fraud=50"}, {"costs": "fine = 2, fraud= 100"}, {"ratio": 50.0}):
        got = balanced("costs", **params)
        assert got.weight[-1] / got.weight[0] == pytest.approx(50) and got.weight.mean() == pytest.approx(1)


@pytest.mark.parametrize(("costs", "words"), [("froud=2", "'froud', which is no class"), ("fraud", "'fraud' is not of the form"), ("fraud=-1", "above 0"),
                                              ("fraud=nan", "above 0")])  # fmt: skip
def test_costs_that_cannot_be_read_are_refused(costs: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        balanced("costs", costs=costs)


def test_costs_of_several_classes_must_be_typed() -> None:
    X, y = rows((30, 20, 10))
    with pytest.raises(PlanError, match="costs of 3 classes"):
        apply(Balance(method="costs"), X, y, 0, classes=("a", "b", "c"))


def test_weights_from_a_column_keep_their_proportions() -> None:
    raw = pd.DataFrame({"cases": np.arange(100)})
    got = balanced("column_weights", raw=raw, column="cases")
    assert got.weight.mean() == pytest.approx(1) and got.weight[50] / got.weight[25] == pytest.approx(2) and got.weight[0] == 0
    X, y = rows()
    numbers = apply(Balance(method="column_weights", column="cases"), X, y * 1.5, 0, raw)
    assert np.allclose(numbers.weight, got.weight) and numbers.before == {"all": 100}


@pytest.mark.parametrize(
    ("values", "words"), [([1.0, -2.0] * 50, "50 of 100 training rows"), ([1.0, None] * 50, "50 of 100"), ([0.0] * 100, "All 100 training rows weigh 0")]
)
def test_a_weight_column_with_wrong_weights_is_refused_with_numbers(values: list, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        balanced("column_weights", raw=pd.DataFrame({"w": values}), column="w")
    with pytest.raises(PlanError, match="no column 'w'"):
        balanced("column_weights", raw=pd.DataFrame({"v": values}), column="w")


# --- rows left out, or counted more than once --------------------------------------------------------------------------


def test_undersampling_keeps_every_rare_row() -> None:
    X, y = rows()
    got = balanced("undersample", X, y, share=0.5)
    assert got.after == {"fine": 20, "fraud": 10} and len(got.X) == 30 and got.weight is None
    assert np.array_equal(got.X[got.y == 1], X[y == 1])
    assert {tuple(row) for row in got.X} <= {tuple(row) for row in X}


def test_oversampling_counts_every_rare_row_in_whole_numbers() -> None:
    X, y = rows((95, 10))
    got = balanced("oversample", X, y)
    times = got.weight / got.weight[0]
    assert got.X is X and sorted(set(times[y == 1].round(9))) == [9, 10] and got.after == {"fine": 95, "fraud": 95}


def test_a_family_without_weights_gets_copies_in_proportion() -> None:
    X, y = rows()
    got = balanced("oversample", X, y, weighted=False)
    assert got.weight is None and got.after == {"fine": 90, "fraud": 90} and len(got.X) == 180
    X, y = rows((900, 100))
    heavy = balanced("class_weights", X, y, weighted=False)
    assert len(heavy.X) == pytest.approx(1_000, abs=60) and heavy.after["fraud"] == pytest.approx(500, abs=10)


# --- rows made up ------------------------------------------------------------------------------------------------------


def test_smote_makes_only_rows_of_the_rare_class_between_two_near_ones() -> None:
    X, y = rows((60, 12))
    got = balanced("smote", X, y, neighbours=3)
    new = got.X[len(X) :]
    assert np.array_equal(got.X[: len(X)], X) and np.array_equal(got.y[: len(y)], y)
    assert (got.y[len(y) :] == 1).all() and got.after == {"fine": 60, "fraud": 60} and got.weight is None
    own = (X[y == 1] - X[y == 1].mean(axis=0)) / X[y == 1].std(axis=0)
    near = np.argsort(((own[:, None] - own) ** 2).sum(axis=2), axis=1)[:, 1:4]
    parents = X[y == 1]
    assert all(any(_between(row, parents[i], parents[j]) for i in range(12) for j in near[i]) for row in new)


def _between(row: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    share = (row - a) / np.where(b == a, 1, b - a)
    return bool(np.ptp(share) < 1e-6 and -1e-9 <= share[0] <= 1 + 1e-9)


def test_smote_on_several_classes_raises_each_to_the_share() -> None:
    X, y = rows((60, 30, 12))
    got = apply(Balance(method="smote", params={"share": 0.5}), X, y, 0)
    assert got.after == {"0": 60, "1": 30, "2": 30}


def test_a_made_up_row_has_a_gap_where_its_parents_had_one() -> None:
    X, y = rows((200, 40))
    X[y == 1, 0] = np.where(np.arange(40) % 4 == 0, np.nan, X[y == 1, 0])
    new = balanced("smote", X, y).X[len(X) :]
    assert 0.1 < np.isnan(new[:, 0]).mean() < 0.4 and not np.isnan(new[:, 1:]).any()


def test_smote_on_sparse_rows_stays_sparse() -> None:
    X, y = rows()
    got = balanced("smote", csr_matrix(X.astype("float32")), y)
    assert issparse(got.X) and got.X.dtype == np.float32 and got.X.shape == (180, 3)
    with pytest.raises(PlanError, match="8,000 sparse columns"):
        balanced("smote", csr_matrix((100, 8_000)), y)
    with pytest.raises(PlanError, match="SMOTE-NC needs dense rows"):
        balanced("smote_nc", csr_matrix(X), y)


def with_categories() -> tuple[pd.DataFrame, np.ndarray]:
    X, y = rows((80, 20), columns=2)
    colour = pd.Categorical(np.where(y == 1, "red", "blue"), categories=["blue", "red", "green"])
    return pd.DataFrame({"f0": X[:, 0].astype("float32"), "f1": X[:, 1], "f2": colour}), y


def test_smote_nc_takes_a_category_that_the_neighbours_have() -> None:
    frame, y = with_categories()
    got = balanced("smote_nc", frame, y)
    assert list(got.X.dtypes) == list(frame.dtypes) and len(got.X) == 160
    assert set(got.X["f2"].iloc[100:]) == {"red"} and (got.y[100:] == 1).all()
    pd.testing.assert_frame_equal(got.X.iloc[:100], frame)


def test_smote_nc_on_numbers_takes_given_codes_and_yes_or_no_as_categories() -> None:
    X, y = rows((80, 20))
    rng = np.random.default_rng(0)
    X[:, 1], X[:, 2] = rng.integers(0, 5, 100), rng.integers(0, 2, 100)
    new = balanced("smote_nc", X, y, categorical=[1]).X[100:]
    assert set(new[:, 1]) <= set(range(5)) and set(new[:, 2]) <= {0, 1} and len(np.unique(new[:, 0])) == 60


@pytest.mark.parametrize("method", ["smote", "smote_nc"])
def test_categories_where_there_should_be_none_and_the_other_way_round(method: str) -> None:
    frame, y = with_categories()
    with pytest.raises(PlanError, match="1 prepared columns are categories" if method == "smote" else "0 of 2 prepared columns"):
        balanced(method, frame if method == "smote" else frame[["f0", "f1"]], y)


def test_too_few_rows_of_a_class_are_refused_with_the_numbers() -> None:
    X, y = rows((90, 4))
    with pytest.raises(PlanError, match="5 neighbours needs 6 training rows of a class; 'fraud' has 4") as caught:
        balanced("smote", X, y)
    assert "fewer neighbours" in caught.value.hint
    assert balanced("smote", X, y, neighbours=3).after == {"fine": 90, "fraud": 90}


def test_rows_beyond_the_memory_are_refused_with_the_numbers(monkeypatch) -> None:
    monkeypatch.setattr(smote, "MOST_BYTES", 2_000)
    with pytest.raises(PlanError, match=r"80 rows more; 180 rows of 3 columns take .* GB"):
        balanced("smote")


def test_a_large_class_is_made_from_so_many_of_its_rows(monkeypatch) -> None:
    monkeypatch.setattr(smote, "MOST_PARENTS", 8)
    X, y = rows((60, 30))
    got = balanced("smote", X, y, neighbours=3)
    new, parents = got.X[90:], X[np.sort(np.random.default_rng(0).choice(np.arange(60, 90), 8, replace=False))]
    assert got.after == {"fine": 60, "fraud": 60} and np.array_equal(got.X[:90], X)
    assert all(any(_between(row, a, b) for a in parents for b in parents) for row in new)


def test_without_the_package_the_install_line_is_the_hint(monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(MissingPackage, match="imbalanced-learn") as caught:
        balanced("smote")
    assert caught.value.hint == "pip install imbalanced-learn"


# --- what holds for each -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_what_is_given_is_left_as_it_was_and_the_seed_decides(method: str, kind: str) -> None:
    """So rows to judge by, which never come here, and the rows of another fold cannot change either."""
    X, y = rows((70, 20), columns=2)
    X = np.column_stack([X, y]) if kind == "array" else pd.DataFrame(X, columns=["a", "b"]).assign(c=pd.Categorical(y.astype(str)))
    if method == "smote" and kind == "frame":
        X = X[["a", "b"]]
    before, raw = X.copy(), pd.DataFrame({"w": np.arange(90.0)})
    if kind == "array":
        X.setflags(write=False)
    first, again = (balanced(method, X, y, raw=raw, column="w") for _ in range(2))
    assert (before == X).all(axis=None)
    assert np.array_equal(np.asarray(first.X), np.asarray(again.X)) and len(first.X) == len(first.y)
    assert first.weight is None or (len(first.weight) == len(first.X) and first.weight.mean() == pytest.approx(1))
    assert sum(first.before.values()) == 90


@pytest.mark.parametrize("method", [name for name in METHODS if name != "column_weights"])
def test_the_estimate_is_what_comes_of_it(method: str) -> None:
    frame, y = with_categories()
    X = frame if method == "smote_nc" else frame[["f0", "f1"]]
    for params in ({}, {"share": 0.5} if catalog.get("balance", method).complete().get("share") else {}):
        spec = Balance(method=method, params=params)
        got = apply(spec, X, y, 0, classes=NAMES)
        assert rows_after(spec, got.before) == got.after
    assert rows_after(Balance(method="column_weights", column="w"), {"a": 3}) is None


def test_a_method_added_in_one_place_is_applied_and_estimated() -> None:
    @balance("rarest", title="The rarest alone", help="For this test.", order=90, after=lambda params, classes, rows: rows * (rows == rows.min()))
    def rarest(params: dict) -> Callable:
        return lambda part: (part.X[part.y == 1], part.y[part.y == 1], None)

    try:
        assert balanced("rarest").after == rows_after(Balance(method="rarest"), {"fine": 90, "fraud": 10}) == {"fine": 0, "fraud": 10}
        assert "rarest" in [entry.name for entry in pipeline.entries("balance", "binary")]
    finally:
        catalog.unregister("balance", "rarest")


def test_resampling_is_for_classes_only() -> None:
    assert {entry.name for entry in catalog.entries("balance", "regression")} == {"none", "column_weights"}
    X, y = rows()
    with pytest.raises(PlanError, match="SMOTE is for classes"):
        apply(Balance(method="smote"), X, y * 1.5, 0)
