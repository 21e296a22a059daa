"""A fix shows what it would change, and that is what it changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.features import Needs, build
from pipeline.plan import Plan
from pipeline.quality import check, preview_fix


def dirty() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "town": rng.choice(["Oslo", "Rome"], 300),
            "weight": [f"{i % 40 + 50} kg" for i in range(300)],
            "percent": rng.uniform(1, 99, 300).round(1),
            "opened": [f"2021-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(300)],
            "y": rng.choice(["a", "b"], 300),
        }
    )
    frame.loc[[3, 4, 5], "town"] = ["oslo", "oslo", "ROME "]
    frame.loc[[7, 8], "weight"] = ["110 lb", "121.5"]
    frame.loc[9, "percent"] = 140
    frame.loc[10:40, "opened"] = "2021-02-30"
    return frame


def previewed(code: str, plan: Plan | None = None):
    table, schema = infer(dirty())
    finding = check(table, schema, "y")[code]
    return preview_fix(table, schema, finding.fixes[0], plan), finding


def test_cells_before_and_after():
    seen, finding = previewed("DQ013")
    (town,) = seen.columns
    assert (seen.rows, seen.looked_at, town.column, town.cells, town.emptied) == (300, 300, "town", finding.rows, 0)
    assert town.examples == ((3, "oslo", "Oslo", 2), (5, "ROME ", "Rome", 1))


def test_amounts_become_numbers_of_one_unit():
    (weight,) = previewed("DQ015")[0].columns
    assert weight.examples == ((7, "110 lb", pytest.approx(49.895, abs=0.001), 1),)  # '50 kg' read as 50 is no change


def test_what_becomes_missing_is_counted():
    (percent,) = previewed("DQ016")[0].columns
    assert (percent.cells, percent.emptied, percent.examples) == (1, 1, ((9, 140.0, None, 1),))
    (opened,) = previewed("DQ022")[0].columns
    assert opened.emptied == 31 and opened.examples[0][1:] == ("2021-02-30", None, 31)


def test_columns_and_rows_that_are_left_out():
    frame = pd.concat([dirty(), dirty().iloc[[1, 2]]], ignore_index=True).assign(one=1)
    table, schema = infer(frame)
    report = check(table, schema, "y")
    assert preview_fix(table, schema, report["DQ002"].fixes[0]).ignored == ("one",)
    rows = preview_fix(table, schema, report["DQ003"].fixes[0])
    assert (rows.dropped_rows, rows.left_out, rows.columns) == (2, (300, 301), ())


def test_with_the_fixes_of_a_plan_nothing_is_left_to_change_and_the_plan_can_be_built():
    table, schema = infer(dirty())
    plan = Plan.draft(schema, "y")
    for code in ("DQ013", "DQ015", "DQ016", "DQ022"):
        fix = check(table, schema, "y")[code].fixes[0]
        plan = plan.accept([fix])
        assert preview_fix(table, schema, fix, plan).columns == ()
    assert plan.problems(schema) == []
    made = build(plan, Needs()).fit_transform(table, (table["y"] == "a").astype(int))
    assert np.isfinite(np.asarray(made, dtype=float)).all()


def test_no_rows_and_no_columns_change_nothing():
    table, schema = infer(dirty())
    fix = check(table, schema, "y")["DQ013"].fixes[0]
    assert preview_fix(table.head(0), schema, fix).cells == 0
    assert preview_fix(table[["y"]], schema, fix).columns == ()
