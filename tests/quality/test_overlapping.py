"""Several defects in one column, or in the same rows: each is still reported exactly once, with its own rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.quality.test_planted import ROWS, Planted, clean, copy, has_rows, judged, planted_only, put


def rows(*parts: int | range) -> tuple[int, ...]:
    return tuple(row for part in parts for row in ([part] if isinstance(part, int) else part))


def row_again(frame: pd.DataFrame) -> None:
    """Rows 21 to 24 once more, outliers, stand-ins and all."""
    for n, row in enumerate(range(21, 25)):
        frame.loc[ROWS + n] = frame.loc[row].to_dict()


def same_account_other_answer(frame: pd.DataFrame) -> None:
    frame.loc[ROWS] = frame.loc[30].to_dict() | {"churned": "no" if frame.loc[30, "churned"] == "yes" else "yes"}


def in_other_units(column: str, at: tuple[int, ...], times: float):
    return lambda frame: put(column, at, (frame.loc[list(at), column] * times).to_list())(frame)


CASES = {
    "one column of words": (
        Planted("DQ008", put("plan", rows(range(11, 16)), "n.a."), rows(range(11, 16)), ("plan",)),
        Planted("DQ013", put("plan", (21, 22), ["BASIC", "gold "]), (21, 22), ("plan",)),
        Planted("DQ014", put("plan", rows(31, 32), " trial  month"), (31, 32), ("plan",)),
    ),
    "one column of numbers": (
        Planted("DQ008", put("pressure", rows(range(200, 208)), -999.0), rows(range(200, 208)), ("pressure",)),
        Planted("DQ009", put("pressure", (301, 302), (913.4, -244.0)), (301, 302), ("pressure",)),
        Planted("DQ017", put("pressure", rows(range(80, 90)), 0.0), rows(range(80, 90)), ("pressure",)),
        Planted("DQ018", put("pressure", rows(range(400, 460)), 80.125), rows(range(400, 460)), ("pressure",)),
    ),
    "a size in two units, with gaps and impossible ones": (
        Planted("DQ008", put("weight", rows(range(200, 206)), -99.0), rows(range(200, 206)), ("weight",)),
        Planted("DQ015", in_other_units("weight", rows(range(50, 62)), 1000), rows(range(50, 62)), ("weight",)),
        Planted("DQ016", put("weight", (71, 72), (-64.0, -70.5)), (71, 72), ("weight",)),
    ),
    "dates": (
        Planted("DQ022", put("joined", (171, 172), pd.to_datetime(["2091-05-06", "1900-01-01"])), (171, 172), ("joined",)),
        Planted("DQ028", lambda f: put("joined", tuple(np.flatnonzero(f["churned"][:60] == "yes")), pd.NaT)(f),
                tuple(np.flatnonzero(clean()["churned"][:60] == "yes")), ("joined",)),
    ),
    "the same rows": (
        Planted("DQ008", put("plan", (21, 22, 23), "n.a."), (21, 22, 23), ("plan",)),
        Planted("DQ009", put("heat", (21, 22), (98.5, -120.0)), (21, 22), ("heat",)),
        Planted("DQ013", put("town", (21, 22, 23), ["new york", "New-York", "OSLO"]), (21, 22, 23), ("town",)),
        Planted("DQ016", put("latitude", (21, 22), (141.2, -98.0)), (21, 22), ("latitude",)),
        Planted("DQ022", put("joined", (21, 23), pd.to_datetime(["2091-05-06", "1900-01-01"])), (21, 23), ("joined",)),
        Planted("DQ025", lambda f: put("account_id", (21,), f.loc[22, "account_id"])(f), (21, 22), ("account_id",)),
    ),
    "rows that are there twice, defects and all": (
        Planted("DQ008", put("plan", (21, 22, 23), "n.a."), (21, 22, 23, ROWS, ROWS + 1, ROWS + 2), ("plan",)),
        Planted("DQ009", put("heat", (21, 22), (98.5, -120.0)), (21, 22, ROWS, ROWS + 1), ("heat",)),
        Planted("DQ003", row_again, rows(range(ROWS, ROWS + 4)), ()),
    ),
    "one account with two answers": (Planted("DQ026", same_account_other_answer, (30, ROWS), ("churned",)),),
    "columns that are there twice, defects and all": (
        Planted("DQ009", put("heat", (21, 22), (98.5, -120.0)), (21, 22), ("heat", "warmth")),
        Planted("DQ004", copy("warmth", lambda f: f["heat"]), None, ("warmth",)),
        Planted("DQ008", put("plan", (11, 12, 13), "n.a."), (11, 12, 13), ("plan",)),
        Planted("DQ002", copy("source", lambda f: "web"), None, ("source",)),
    ),
    "a number that gives the target away, with gaps and outliers": (
        Planted("DQ012", copy("refund", lambda f: f["churned"].map({"yes": 7.0, "no": 2.0}) + np.random.default_rng(6).normal(0, 0.4, len(f)).round(3)),
                None, ("refund",)),
        Planted("DQ008", put("refund", rows(range(200, 206)), -999.0), rows(range(200, 206)), ("refund",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_defects_that_overlap_are_each_reported_once_with_their_own_rows(case):
    frame, defects = clean(), CASES[case]
    for defect in defects:
        defect.plant(frame)
    report = judged(frame)
    assert planted_only(report) == sorted(defect.code for defect in defects), [(f.code, f.columns, f.explanation) for f in report.found]
    for defect in defects:
        assert report[defect.code].columns == defect.columns, report[defect.code]
        assert has_rows(report[defect.code], defect.rows), report[defect.code]
