"""Steps that add columns: the values that they must give, and that none of them looks where it must not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from pipeline import catalog
from pipeline.errors import PlanError
from pipeline.features import Needs
from pipeline.features.crossfit import ORIGIN, inner_folds
from pipeline.features.formula import parse
from pipeline.features.geography import kilometres

NEEDS = Needs()
NAN = np.nan


def made(step: str, table: pd.DataFrame, then: pd.DataFrame | None = None, **params: object) -> pd.DataFrame:
    """What a step makes of its training rows, or of other rows."""
    entry = catalog.get("step", step)
    complete = entry.complete(params)
    names, transformer = list(entry.facts.names(complete)), entry.make(complete, NEEDS)
    found = transformer.fit_transform(table)
    found = found if then is None else transformer.transform(then)
    assert list(found.columns) == names == list(transformer.get_feature_names_out())
    return found


ROWS = pd.DataFrame(
    {"a": [1.0, 4.0, NAN, 0.0], "b": [2.0, 0.0, 1.0, -1.0], "unit price": [1.0, 10.0, 100.0, 0.0], "city": ["Oslo", "Rome", None, "Oslo"]}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", [5, 4, NAN, -2]),
        ("-a ** 2 / b", [-0.5, NAN, NAN, 0]),
        ("log10(`unit price`)", [0, 1, 2, NAN]),
        ("sqrt(b)", [2**0.5, 0, 1, NAN]),
        ("min(a, b, 3)", [1, 0, 1, -1]),
        ("where(a > 0 and b > 0, 10, 20)", [10, 20, NAN, 20]),
        ("1 if city == 'Oslo' else 0", [1, 0, NAN, 1]),
        ("city in ('Rome', 'Bonn')", [0, 1, NAN, 0]),
        ("city not in ('Rome', 'Bonn')", [1, 0, NAN, 1]),
        ("isnull(city) or isnull(a)", [0, 0, 1, 0]),
        ("coalesce(a, -1)", [1, 4, -1, 0]),
        ("0 < a <= 1", [1, 0, NAN, 0]),
        ("not a", [0, 0, NAN, 1]),
        ("round(7 // 2 + 7 % 4 + abs(-0.4))", [6, 6, 6, 6]),
        ("9 ** 9 ** 9", [NAN] * 4),
    ],
)
def test_a_formula_gives_what_it_says(text: str, expected: list[float]) -> None:
    found = made("formula", ROWS, formula=text)
    np.testing.assert_allclose(found[text].to_numpy(), expected)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a + * b", 5, "cannot be read"),
        ("a + (a == 'x')", 6, "a number in one place"),
        ("a + lgo(b)", 5, "did you mean 'log'"),
        ("__import__('os').system('x')", 1, "no function"),
        ("a.b", 1, "Attribute is not understood"),
        ("(lambda: 1)()", 1, "no function"),
        ("[x for x in a]", 1, "ListComp is not understood"),
        ("a if b else 'c'", 13, "this is text"),
        ("'x' * 1000000000", 1, "this is text"),
        ("city > 'Oslo'", 8, "only be equal"),
        ("log(a, b)", 1, "takes 1 values"),
        ("max(*a)", 1, "takes 2 to 9"),
        ("city in a", 9, "a list of values"),
        ("a @ b", 1, "MatMult"),
        ("1j", 1, "not a number"),
        ("(" * 300 + "a" + ")" * 300, None, "character"),
        ("-" * 1500 + "a", None, "character"),
        ("a + " * 300 + "a", None, "more than 400 parts"),
        ("a" * 3000, None, "3,000 characters"),
        (" ", None, "empty"),
    ],
)
def test_whatever_is_not_in_the_grammar_is_refused_with_its_place(text: str, place: int | None, said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)) as caught:
        parse(text)
    assert place is None or f"At character {place} " in str(caught.value)
    assert caught.value.hint


def test_a_formula_says_which_columns_it_reads_and_as_what() -> None:
    read = parse("where(city == 'Oslo', `unit price`, a) + isnull(day)").columns
    assert read == {"city": ("categorical", "text", "id"), "unit price": ("numeric", "boolean"), "a": ("numeric", "boolean"), "day": ()}


def test_numbers_and_categories_of_two_columns() -> None:
    assert made("ratio", ROWS, numerator="a", denominator="b").iloc[:, 0].tolist()[:2] == pytest.approx([0.5, NAN], nan_ok=True)
    assert made("difference", ROWS, left="a", right="b").iloc[0, 0] == -1
    assert list(made("product", ROWS, columns=["a", "b", "unit price"])) == ["a × b", "a × unit price", "b × unit price"]
    assert made("polynomial", ROWS, columns=["a"], degree=3).iloc[1].tolist() == [16, 64]
    crossed = made("cross", ROWS.assign(size=["S", None, None, "L"]), columns=["city", "size"]).iloc[:, 0]
    assert crossed.tolist()[:2] == ["Oslo & S", "Rome & "] and crossed.isna().tolist() == [False, False, True, False]
    days = pd.DataFrame({"in": pd.to_datetime(["2024-02-28", None]), "out": pd.to_datetime(["2024-03-01 12:00", "2024-01-01 00:00"])})
    assert made("days_between", days, end="out", start="in").iloc[0, 0] == 2.5
    assert made("days_between", days, end="out", day="2023-12-31").iloc[:, 0].tolist() == [61.5, 1.0]


def test_places_on_the_earth() -> None:
    towns = pd.DataFrame({"lat": [48.8566, 0.0, 95.0, NAN], "lon": [2.3522, 0.0, 0.0, 0.0]})
    assert kilometres(48.8566, 2.3522, 51.5074, -0.1278) == pytest.approx(343.6, abs=0.5)  # Paris to London
    far = made("distance", towns, latitude="lat", longitude="lon", point_latitude=51.5074, point_longitude=-0.1278).iloc[:, 0]
    assert far[0] == pytest.approx(343.6, abs=0.5) and far.isna().tolist() == [False, False, True, True]
    cells = made("grid_cell", towns, latitude="lat", longitude="lon", size=0.5).iloc[:, 0]
    assert cells.tolist()[:3] == ["97:4", "0:0", "190:0"] and pd.isna(cells[3])
    turned = made("rotate", towns, first="lat", second="lon", directions=1)
    np.testing.assert_allclose(turned.iloc[0], [(48.8566 + 2.3522) / 2**0.5, (2.3522 - 48.8566) / 2**0.5])
    with pytest.raises(PlanError, match="only one coordinate"):
        made("distance", towns, latitude="lat", longitude="lon", to_latitude="lat")


def test_an_aggregate_is_of_other_rows_in_training_and_of_all_rows_afterwards() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"shop": rng.choice(list("abc"), 300).astype(object), "sold": rng.normal(size=300)})
    new = pd.DataFrame({"shop": ["a", "zzz", None], "sold": [1.0, 1.0, 1.0]})
    found = made("group_aggregate", rows, new, keys=["shop"], values=["sold"])
    means = rows.groupby("shop")["sold"].mean()
    np.testing.assert_allclose(found["mean of sold by shop"], [means["a"], rows["sold"].mean(), rows["sold"].mean()])
    np.testing.assert_allclose(found["sold - mean by shop"], 1 - found["mean of sold by shop"])
    alone = pd.DataFrame({"shop": [f"shop {i}" for i in range(100)], "sold": np.arange(100.0)})
    trained = made("group_aggregate", alone, keys=["shop"], values=["sold"], gives="statistic").iloc[:, 0]
    assert abs(np.corrcoef(trained, alone["sold"])[0, 1]) < 0.5, "a row that is alone in its group says nothing of itself"
    assert made("group_aggregate", rows, new, keys=["shop"], statistic="count").iloc[:, 0].tolist() == [(rows["shop"] == "a").sum(), 0, 0]
    both = made("group_aggregate", rows.assign(day=1.0), keys=["shop", "day"], values=["sold"], statistic="quantile", quantile=0.5)
    assert both.notna().all().all()


def slow_past(rows: pd.DataFrame, then: pd.DataFrame | None, days: float | None, steps: int) -> list[list[float]]:
    """The same by the plainest loop: all rows of the group of strictly earlier time, in their order."""
    asked = rows if then is None else then
    pool = rows if then is None else pd.concat([rows, then], ignore_index=True)
    found = []
    for row in asked.itertuples():
        before = pool[(pool["shop"] == row.shop) & (pool["day"] < row.day)].sort_values("day", kind="stable")
        before = before[before["day"] >= row.day - pd.Timedelta(days=days)] if days else before.tail(steps)
        found.append(before["sold"].tolist())
    return found


@pytest.fixture
def sales() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "shop": rng.choice(list("abc"), 90).astype(object),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 40, 90), unit="D"),
            "sold": np.where(rng.random(90) < 0.1, NAN, rng.normal(size=90)),
        }
    )
    return rows.iloc[:60].reset_index(drop=True), rows.iloc[60:].reset_index(drop=True)


@pytest.mark.parametrize("when", ["training", "scoring"])
@pytest.mark.parametrize("statistic", ["mean", "sum", "std", "min", "max", "count"])
@pytest.mark.parametrize(("window", "unit"), [(3, "rows"), (9, "days")])
def test_a_window_holds_exactly_the_strictly_earlier_rows(sales, when: str, statistic: str, window: int, unit: str) -> None:
    rows, then = sales[0], None if when == "training" else sales[1]
    found = made("rolling", rows, then, values=["sold"], time="day", keys=["shop"], statistic=statistic, window=window, unit=unit).iloc[
        :, 0
    ]
    windows = slow_past(rows, then, window if unit == "days" else None, window)
    expected = [getattr(pd.Series(w, dtype=float), statistic)(**({"min_count": 1} if statistic == "sum" else {})) for w in windows]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_lag_is_the_value_before_and_rows_that_come_twice_count_once(sales) -> None:
    rows, _ = sales
    windows = slow_past(rows, None, None, 2)
    params = {"values": ["sold"], "time": "day", "keys": ["shop"], "steps": 2}
    trained = made("lag", rows, **params)
    np.testing.assert_allclose(trained["sold, 1 earlier"], [w[-1] if w else NAN for w in windows])
    np.testing.assert_allclose(trained["sold, 2 earlier"], [w[-2] if len(w) > 1 else NAN for w in windows])
    pd.testing.assert_frame_equal(made("lag", rows, rows, **params), trained)


@pytest.mark.parametrize("step", ["lag", "rolling"])
def test_no_row_ever_sees_its_own_time_or_a_later_one(sales, step: str) -> None:
    rows, then = sales
    changed, cut = then.copy(), pd.Timestamp("2024-01-20")
    changed.loc[changed["day"] >= cut, "sold"] = 1e9
    early = (then["day"] <= cut).to_numpy()
    params = {"values": ["sold"], "time": "day", "keys": ["shop"]}
    pd.testing.assert_frame_equal(made(step, rows, changed, **params)[early], made(step, rows, then, **params)[early])
    changed = rows.assign(sold=np.where(rows["day"] >= cut, 1e9, rows["sold"]))
    early = (rows["day"] <= cut).to_numpy()
    pd.testing.assert_frame_equal(made(step, changed, **params)[early], made(step, rows, **params)[early])


def test_copies_of_a_row_are_in_the_inner_fold_of_their_original() -> None:
    origin = np.r_[np.arange(40), np.arange(0, 40, 3)]
    rows = pd.DataFrame({"x": origin}, index=pd.Index(origin, name=ORIGIN))
    folds = inner_folds(rows, np.r_[np.tile([0, 1], 20), np.tile([0, 1], 7)])
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(54))
    for train, valid in folds:
        assert not set(origin[train]) & set(origin[valid]) and len(train) + len(valid) == 54
