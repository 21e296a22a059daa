"""Column steps: what each makes of known values, and that no choice of any of them breaks on odd columns or on new ones."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.preprocessing import OneHotEncoder

from pipeline import catalog
from pipeline.errors import PlanError, UnknownName
from pipeline.features import Needs
from pipeline.plan import StepSpec

LINEAR = Needs("onehot", scaled=True, missing=False, sparse=True)
NEAR = Needs("onehot", scaled=True, missing=False, sparse=False)
TREES = Needs("codes", scaled=False, missing=True, sparse=False)
NATIVE = Needs("native", scaled=False, missing=True, sparse=False)
NAN = np.nan


def make(step: str, needs: Needs = NEAR, **params: Any) -> Any:
    entry = catalog.get("step", step)
    return entry.make(entry.complete(params), needs)


def numbers(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=float)


def words(*levels: str | None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(levels, dtype=object).where(pd.notna(pd.Series(levels, dtype=object)), NAN)})


def dates(*written: str | None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.to_datetime(pd.Series(written)).astype("datetime64[us]")})


def values(made: Any) -> list:
    if isinstance(made, pd.DataFrame):
        made = made.apply(lambda column: column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column)
    made = made.toarray() if issparse(made) else np.asarray(made)
    return made[:, 0].tolist() if made.shape[1] == 1 else made.tolist()


CHOICES = [
    (entry.name, {param.name: choice})
    for entry in catalog.entries("step")
    if entry.facts.phase == "columns" and set(entry.facts.kinds) & {"numeric", "categorical"}  # texts: test_text.py
    for param in entry.params
    if param.kind == "choice"
    for choice in param.choices
]


@pytest.mark.parametrize(("step", "params"), CHOICES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values())))
def test_every_choice_bears_odd_columns_keeps_rows_apart_and_survives_a_pickle(step: str, params: dict[str, Any]) -> None:
    kind = catalog.get("step", step).facts.kinds[0]
    good, odd = (numbers(x=range(40), y=[3.0] * 40, z=[NAN] * 40), numbers(x=[1e9, NAN], y=[NAN, -1], z=[5, NAN]))
    if kind == "datetime":
        good, odd = dates(*pd.date_range("2024-01-01", periods=40, freq="31h")), dates("1700-01-01", None)
    elif kind != "numeric":
        good, odd = (pd.DataFrame({c: [f"{c} {i % k}" for i in range(40)] for c, k in (("x", 3), ("y", 1), ("z", 40))}) for _ in "12")
        odd = odd.iloc[:2].replace({"x 0": "new", "x 1": NAN}).astype(object)
    for needs in (LINEAR, TREES, NATIVE):
        for train in (good, good.iloc[:1]):
            step_made = make(step, needs, **params)
            if step_made is None:
                continue
            y = np.arange(len(train)) % 2
            step_made.fit(train, y)
            both = [np.asarray(values(copy.transform(odd)), float) for copy in (step_made, pickle.loads(pickle.dumps(step_made)))]
            alone = np.asarray(values(step_made.transform(odd.iloc[1:])), float)
            assert len(both[0]) == 2 and np.array_equal(*both, equal_nan=True) and np.allclose(both[0][1:], alone, equal_nan=True)
            assert step != "impute" or needs.missing or np.isfinite(both[0]).all()


def test_gaps_are_filled_as_asked_and_marked() -> None:
    train = numbers(a=[1, 2, NAN, 4, 4], b=[10, 20, 30, 40, 40])
    fills = {"mean": 2.75, "median": 3, "most_frequent": 4, "constant": -9, "nearest": None, "iterative": 3}
    for strategy, expected in fills.items():
        made = make("impute", strategy=strategy, value=-9.0, neighbours=2).fit(train)
        filled = made.transform(train)
        assert filled.shape == (5, 3) and filled[:, 2].tolist() == [0, 0, 1, 0, 0], "the mark of the gap"
        assert made.get_feature_names_out(["a", "b"]).tolist() == ["a", "b", "missingindicator_a"]
        assert 2 < filled[2, 0] <= 4 if expected is None else filled[2, 0] == pytest.approx(expected, abs=0.2)
        assert np.array_equal(filled[[0, 1, 3, 4]][:, :2], train.iloc[[0, 1, 3, 4]].to_numpy()), "what is known stays"


def test_families_that_bear_gaps_keep_them_unless_told() -> None:
    train = numbers(a=[1, NAN, 3])
    assert make("impute", TREES) is None
    assert values(make("impute", TREES, strategy="native").fit_transform(train))[1] == pytest.approx([NAN, 1], nan_ok=True)
    assert make("impute", TREES, strategy="median", indicator=False).fit_transform(train)[1, 0] == 2


def test_scales_have_the_spread_that_they_promise() -> None:
    train = numbers(a=np.random.default_rng(0).lognormal(size=500))
    assert make("scale", method="standard").fit_transform(train).std() == pytest.approx(1)
    limited = make("scale").fit(train)
    far = limited.transform(numbers(a=[1e9, -1e9, np.nan]))[:, 0]
    assert far[:2] == pytest.approx([3, -3]) and np.isnan(far[2]) and abs(limited.transform(train)).max() < 3
    assert np.ptp(make("scale", method="minmax").fit_transform(train)) == pytest.approx(1)
    assert np.median(make("scale", method="robust").fit_transform(train)) == pytest.approx(0)
    uniform = make("scale", method="quantile_uniform").fit_transform(train)
    assert np.quantile(uniform, [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.01)
    for method in ("quantile", "power"):
        made = make("scale", method=method).fit_transform(train)
        assert abs((made**3).mean()) < 0.2 < (train["a"] ** 3).mean(), "the tail is gone"
    assert make("scale", TREES, method="power") is None


def test_a_scale_keeps_zeros_where_they_are_common_and_moves_nothing_else() -> None:
    counts = numbers(a=[0] * 50 + [*range(1, 51)], b=range(100))
    made = make("scale").fit(counts).transform(counts)
    scaled = (counts["a"] - counts["a"].mean()) / counts["a"].std(ddof=0)
    assert (made[:50, 0] == 0).all() and made[:, 1].mean() == pytest.approx(0, abs=1e-9)
    assert np.ptp(made[:, 0] - scaled / np.sqrt(1 + (scaled / 3) ** 2)) == pytest.approx(0, abs=1e-9)


def test_numbers_are_clipped_logged_rounded_and_binned() -> None:
    train = numbers(a=[*range(1, 101), 10_000])
    assert make("clip", method="iqr", reach=1.0).fit(train).transform(train)[-1, 0] == 76 + 50
    assert make("clip", method="mad", reach=1.0).fit(train).transform(train)[-1, 0] == pytest.approx(51 + 25 * 1.4826)
    assert make("clip", low=0.0, high=0.99).fit(train).transform(train)[-1, 0] == 100
    assert make("clip", method="iqr").fit(numbers(a=[0] * 9 + [5])).transform(numbers(a=[5]))[0, 0] == 5, "no width, no bounds"
    logged = make("log").fit_transform(numbers(a=[0, np.e - 1, 1 - np.e, NAN, np.inf]))
    assert values(logged) == pytest.approx([0, 1, -1, NAN, NAN], nan_ok=True)
    assert values(make("round", to=0.5).fit_transform(numbers(a=[1.2, 1.3]))) == [1.0, 1.5]
    binned = make("bins", bins=4, strategy="uniform").fit(numbers(a=[0, 100]))
    assert values(binned.transform(numbers(a=[-5, 24, 26, 99, 1e9, NAN]))) == pytest.approx([0, 0, 1, 3, 3, NAN], nan_ok=True)
    assert np.bincount(np.ravel(make("bins", bins=4).fit_transform(numbers(a=range(100)))).astype(int)).tolist() == [25] * 4
    assert values(make("bins", bins=2, strategy="kmeans").fit_transform(numbers(a=[1, 2, 3, 90, 91]))) == [0, 0, 0, 1, 1]


def test_levels_become_the_codes_shares_and_hashes_that_were_asked_for() -> None:
    train, new = words("10", "9", "9", None), words("9", "10", "11", None)
    assert values(make("encode", TREES, method="alphabetical").fit(train).transform(new)) == pytest.approx([0, 1, NAN, NAN], nan_ok=True)
    assert values(make("encode", NEAR, method="ordinal").fit(train).transform(new)) == [0, 1, -1, -1]
    assert values(make("encode", NEAR, method="count").fit(train).transform(new)) == [0.5, 0.25, 0, 0.25]
    hashed = make("encode", NEAR, method="hashing", hash_columns=8).fit(train)
    made = hashed.transform(new)
    assert np.abs(made).sum(axis=1).tolist() == [1, 1, 1, 0] and len(hashed.get_feature_names_out()) == made.shape[1] == 8
    assert make("encode", LINEAR, method="hashing", hash_columns=8).fit(train).transform(new).toarray().tolist() == made.tolist()


@pytest.mark.parametrize("most", [2, 5, 6, 7, 100])
def test_columns_of_levels_are_those_of_scikit_learn(most: int) -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"a": rng.choice(["x", "y", "z", "w", "v", None], 200), "b": [*"pq" * 100]}).astype(object).replace({None: NAN})
    new = pd.DataFrame({"a": ["new", NAN, "x"], "b": [NAN, "p", "new"]}).astype(object)
    ours, theirs = make("encode", max_levels=most), OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=most)
    theirs.set_params(sparse_output=False)
    assert np.array_equal(ours.fit_transform(train), theirs.fit_transform(train))
    assert np.array_equal(ours.transform(new), theirs.transform(new))
    assert len(ours.get_feature_names_out()) == theirs.transform(new).shape[1]


def test_a_new_level_is_what_the_recipe_says() -> None:
    train, new = words("a", "a", "b", None), words("new")

    def coded(needs: Needs, unseen: str) -> float:
        return values(make("encode", needs, method="ordinal", unseen=unseen).fit(train).transform(new))[0]

    assert [coded(NEAR, unseen) for unseen in ("auto", "own", "most_frequent", "missing")] == [-1, 2, 0, -1]
    native = make("encode", NATIVE, unseen="own").fit(train).transform(new)["x"]
    assert native.tolist() == ["(rare or new)"] and native.cat.codes[0] == 3
    onehot = make("encode", NEAR, unseen="most_frequent").fit(train)
    assert onehot.transform(new).tolist() == onehot.transform(words("a")).tolist()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_target_means_are_honest_on_training_rows_and_right_on_new_ones(kind: str) -> None:
    """Levels of one row each say nothing of a target without meaning; a level that decides the target says it on both sides."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3 if kind == "multiclass" else 2, 300)
    truth = y.astype(float) if kind == "regression" else y
    noise = make("encode", method="target").fit_transform(pd.DataFrame({"x": [f"only {i}" for i in range(300)]}), truth)
    assert np.std(noise[:, 0]) < 0.05 and (np.std(noise[:, 0]) == 0 or abs(np.corrcoef(noise[:, 0], y)[0, 1]) < 0.2)
    telling = pd.DataFrame({"city": [f"city {k}" for k in y], "other": ["same"] * 300})
    encoder = make("encode", method="target")
    training, fresh = encoder.fit_transform(telling, truth), encoder.transform(telling)
    assert training.shape == fresh.shape == (300, 6 if kind == "multiclass" else 2) == (300, len(encoder.get_feature_names_out()))
    column = 1 if kind == "multiclass" else 0
    for made in (training, fresh):
        assert np.corrcoef(made[:, column], y == 1)[0, 1] > 0.99
    unknown = encoder.transform(pd.DataFrame({"city": ["new"], "other": [None]}))[0, column]
    assert unknown == pytest.approx((y == 1).mean(), abs=1e-6), "a new level is the mean of all"


def test_dates_give_the_chosen_parts_and_the_days_since() -> None:
    train = dates("2024-03-01", "2024-03-04")
    chosen = make("date_parts", year=False, month=False, day=False, day_of_year=False, quarter=True, week=True, since="first")
    made = chosen.fit(train).transform(dates("2024-12-31", None))
    assert made.columns.tolist() == ["x: weekday", "x: quarter", "x: week", "x: days since first"] == list(chosen.get_feature_names_out())
    assert made.iloc[0].tolist() == [1, 4, 1, 305] and made.iloc[1].isna().all()
    with pytest.raises(PlanError, match="soon"):
        make("date_parts", since="soon")


def test_curves_of_time_are_given_to_sums_and_close_around_the_year_the_week_and_the_day() -> None:
    train = dates("2024-01-01 00:00", "2024-07-01 12:30")
    assert not any("near" in name for name in make("date_parts", NEAR).fit(train).get_feature_names_out())
    parts = make("date_parts", replace(LINEAR, sums=True)).fit(train)
    made = parts.transform(dates("2023-12-31 23:59", "2024-01-01 00:00", "2024-07-01 12:30", None)).filter(like="near")
    assert made.columns.tolist() == [name for name in parts.get_feature_names_out() if "near" in name] and made.shape == (4, 24)
    daily = made.filter(like="hour near").to_numpy()
    assert np.abs(daily[0] - daily[1]).max() < 0.01 < np.abs(daily[0] - daily[2]).max() and np.isnan(daily[3]).all()


def test_december_is_next_to_january() -> None:
    cycles = make("date_cycles", columns=["x"]).fit(dates("2024-01-01"))
    first, last, summer, _ = made = cycles.transform(dates("2024-01-01", "2023-12-31", "2024-07-01", None)).to_numpy()
    assert np.linalg.norm(first - last) < 1.1 < np.linalg.norm(first[:2] - summer[:2]) == pytest.approx(2) and np.isnan(made[3]).all()


def test_holidays_are_those_of_the_country_and_its_part() -> None:
    made = make("holidays", columns=["x"], country="de-by").fit(dates("2024-12-24"))
    made = made.transform(dates("2024-12-24", "2024-12-25", "2024-11-01", "2024-12-28", None, "1066-10-14"))
    assert made.iloc[:4].to_numpy().tolist() == [[0, 1, 1, 38 + 15], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 4, 2]]
    assert made.iloc[4:].isna().all(axis=None)
    weekends = make("weekend", columns=["x"]).fit_transform(dates("2024-12-28", "2024-12-30", None))
    assert values(weekends) == pytest.approx([1, 0, NAN], nan_ok=True)
    with pytest.raises(UnknownName, match="XX"):
        catalog.get("step", "holidays").facts.adds(StepSpec(step="holidays", params={"columns": ["x"], "country": "DE-XX"}))
