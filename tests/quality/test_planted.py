"""Defects planted in a clean table: each is reported exactly once, with the right rows, alone and all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.quality import Report, check

ROWS = 1_000


def clean() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    spend, town = rng.normal(450, 90, ROWS).round(2), rng.choice(["New York", "Oslo", "Lima", "Cairo"], ROWS)
    chance = 1 / (1 + np.exp(-((spend - 450) / 90 + (town == "Oslo"))))
    return pd.DataFrame(
        {
            "account_id": [f"A{i:05d}" for i in rng.permutation(ROWS)],
            "spend": spend,
            "price": rng.normal(60, 9, ROWS).round(2),
            "weight": rng.normal(70, 8, ROWS).round(1),
            "pressure": rng.normal(80, 6, ROWS).round(2),
            "latitude": rng.uniform(40, 50, ROWS).round(4),
            "heat": rng.normal(0, 1, ROWS).round(4),
            "visits": rng.poisson(4, ROWS),
            "town": town,
            "plan": rng.choice(["basic", "plus", "gold"], ROWS),
            "size": rng.integers(1, 90, ROWS),
            "joined": pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2_000, ROWS), unit="D"),
            "churned": np.where(rng.random(ROWS) < chance, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Planted:
    """A defect: how it is made, the check that must find it, and the rows that it must name (None: it is about columns)."""

    code: str
    plant: Callable[[pd.DataFrame], None]
    rows: tuple[int, ...] | None
    columns: tuple[str, ...]


def put(column: str, rows: tuple[int, ...], values: object) -> Callable[[pd.DataFrame], None]:
    def plant(frame: pd.DataFrame) -> None:
        frame.loc[list(rows), column] = values

    return plant


def copy(column: str, make: Callable[[pd.DataFrame], object]) -> Callable[[pd.DataFrame], None]:
    return lambda frame: frame.__setitem__(column, make(frame))


def a_week_left_out(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Every day once, beginning in the middle; between the 600th and the 601st a few are not there."""
    number = (np.arange(ROWS) + 500) % ROWS
    return pd.Timestamp("2021-01-01") + pd.to_timedelta(number + 5 * (number >= 600), unit="D")


def swapped(frame: pd.DataFrame) -> pd.Series:
    """Moments in rising order at an uneven pace, two neighbours exchanged."""
    stamps = pd.Timestamp("2019-03-01") + pd.to_timedelta(np.random.default_rng(4).integers(60, 90_000, ROWS).cumsum(), unit="s")
    return stamps.to_series(index=frame.index).where(~frame.index.isin([700, 701]), [*stamps[:700], stamps[701], stamps[700], *stamps[702:]])


def other_answer(frame: pd.DataFrame) -> None:
    """The last row once more, as another account and with the other class."""
    last = frame.iloc[-1]
    frame.loc[ROWS] = last.to_dict() | {"account_id": "A99999", "churned": "no" if last["churned"] == "yes" else "yes"}


def left_out_when_churned(frame: pd.DataFrame) -> None:
    frame["visits"] = frame["visits"].astype("Int64").mask((frame["churned"] == "yes") & (frame.index < 80))


def jitter(n: int, scale: float) -> np.ndarray:
    return np.random.default_rng(n).normal(0, scale, ROWS)


DEFECTS = (
    Planted("DQ008", put("plan", (11, 12, 13), "n.a."), (11, 12, 13), ("plan",)),
    Planted("DQ009", put("heat", (21, 22), (98.5, -120.0)), (21, 22), ("heat",)),
    Planted("DQ013", put("town", (31, 32, 33), ["new york", "New-York", "OSLO"]), (31, 32, 33), ("town",)),
    Planted("DQ014", copy("zone", lambda f: np.where(f.index == 41, " east ", np.resize(["north", "south", "west"], len(f)))), (41,), ("zone",)),
    Planted("DQ015", lambda f: put("weight", tuple(range(50, 62)), (f.loc[50:61, "weight"] * 1000).to_list())(f), tuple(range(50, 62)), ("weight",)),
    Planted("DQ016", put("latitude", (71, 72), (141.2, -98.0)), (71, 72), ("latitude",)),
    Planted("DQ017", put("pressure", tuple(range(80, 90)), 0.0), tuple(range(80, 90)), ("pressure",)),
    Planted("DQ018", put("price", tuple(range(100, 160)), 61.005), tuple(range(100, 160)), ("price",)),
    Planted("DQ019", copy("size_again", lambda f: f["size"] * 2.54 + jitter(1, 0.2)), None, ("size_again",)),
    Planted("DQ020", copy("spend_more", lambda f: f["spend"] + jitter(2, 30)), None, ("spend", "spend_more")),
    Planted("DQ021", copy("claim", lambda f: np.random.default_rng(3).lognormal(3, 1.4, ROWS).round(2)), None, ("claim",)),
    Planted("DQ012", copy("refund", lambda f: f["churned"].map({"yes": 7, "no": 2})), None, ("refund",)),
    Planted("DQ022", put("joined", (171, 172), pd.to_datetime(["2091-05-06", "1900-01-01"])), (171, 172), ("joined",)),
    Planted("DQ023", copy("day", a_week_left_out), (100,), ("day",)),
    Planted("DQ024", copy("seen", swapped), (701,), ("seen",)),
    Planted("DQ025", lambda f: put("account_id", (181,), f.loc[182, "account_id"])(f), (181, 182), ("account_id",)),
    Planted("DQ028", left_out_when_churned, tuple(np.flatnonzero(clean()["churned"][:80] == "yes")), ("visits",)),
    Planted("DQ029", copy("gender", lambda f: np.random.default_rng(5).choice(["f", "m"], ROWS)), None, ("gender",)),
    Planted("DQ031", copy("agent", lambda f: [f"agent{i % 30}@shop.example" for i in range(ROWS)]), tuple(range(ROWS)), ("agent",)),
    Planted("DQ026", other_answer, (ROWS - 1, ROWS), ("churned",)),  # the last: it copies a row as the others left it
)  # fmt: skip


def judged(frame: pd.DataFrame, target: str = "churned") -> Report:
    table, schema = infer(frame)
    return check(table, schema, target)


def planted_only(report: Report) -> list[str]:
    """What was found, but for the account numbers, which identify the row in the clean table too."""
    return sorted(f.code for f in report.found if (f.code, f.columns) != ("DQ005", ("account_id",)))


def has_rows(found, rows: tuple[int, ...] | None) -> bool:
    return (found.rows, found.examples) == ((0, ()) if rows is None else (len(rows), rows[:20]))


def test_the_clean_table_reports_nothing_but_its_key():
    assert planted_only(judged(clean())) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.code)
def test_a_planted_defect_is_reported_once_with_its_rows(defect):
    frame = clean()
    defect.plant(frame)
    report = judged(frame)
    assert planted_only(report) == [defect.code]
    assert report[defect.code].columns == defect.columns
    assert has_rows(report[defect.code], defect.rows), report[defect.code]


def test_all_of_them_together_are_each_reported_once_with_their_rows():
    frame = clean()
    for defect in DEFECTS:
        defect.plant(frame)
    report = judged(frame)
    assert planted_only(report) == sorted(defect.code for defect in DEFECTS)
    for defect in DEFECTS:
        rows = tuple(range(ROWS + 1)) if defect.code == "DQ031" else defect.rows
        assert report[defect.code].columns == defect.columns
        assert has_rows(report[defect.code], rows), report[defect.code]
