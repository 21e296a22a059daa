"""What holds for every check, those of tomorrow included: facts that a page can draw, and no table that makes it raise."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline import catalog
from pipeline.data import infer
from pipeline.data.schema import Column, Schema
from pipeline.errors import PlanError, UnknownName
from pipeline.plan import Fix
from pipeline.quality import Report, Verdict, check, check_entry

ENTRIES = catalog.entries("check")
# What the recipe can do for a finding: the steps that fixes may name, each with the parameters that it takes.
STEPS = {
    "drop_duplicates": set(), "replace_missing": {"values"}, "clip": {"low", "high"}, "group_rare": {"min_share"}, "to_number": set(),
    "merge_spellings": set(), "tidy_text": set(), "bounds": {"low", "high"}, "rescale": {"low", "high", "factor"}, "read_units": {"unit"},
    "read_dates": {"format"}, "date_bounds": {"first", "last"},
}  # fmt: skip


def series(dtype: str, rows: int, gaps: bool) -> pd.Series:
    """One column of a canonical type, with every third cell missing if `gaps`."""
    i = np.arange(rows)
    values = {
        "int": pd.Series(i % 7, dtype="Int64" if gaps else "int64"),
        "float": pd.Series(i * 1.5, dtype="float64"),
        "bool": pd.Series(i % 2 == 0, dtype="boolean" if gaps else "bool"),
        "datetime": pd.Series(pd.Timestamp("2024-02-29") + pd.to_timedelta(i, unit="h"), dtype="datetime64[us]"),
        "str": pd.Series([f"v{k % 5}" for k in i], dtype="str"),
    }[dtype]
    return values.mask(i % 3 == 0) if gaps else values


DTYPES = ("int", "float", "bool", "datetime", "str")
KINDS = {"int": "numeric", "float": "numeric", "bool": "boolean", "datetime": "datetime", "str": "categorical"}


def of(frame: pd.DataFrame, dtypes: dict[str, str], **kinds: str) -> tuple[pd.DataFrame, Schema]:
    """A schema made by hand, so that no other room decides what the checks get to see."""
    columns = []
    for name, dtype in dtypes.items():
        known = frame[name].dropna()
        levels = tuple(map(str, known.unique()[:1000])) if dtype in ("str", "bool") else ()
        kind = kinds.get(name, KINDS[dtype])
        columns.append(Column(name=name, kind=kind, dtype=dtype, missing=int(frame[name].isna().sum()), unique=int(known.nunique()), levels=levels))
    return frame, Schema(columns=tuple(columns), rows=len(frame))


def table(rows: int, gaps: bool = False) -> tuple[pd.DataFrame, Schema]:
    return of(pd.DataFrame({dtype: series(dtype, rows, gaps) for dtype in DTYPES}), {dtype: dtype for dtype in DTYPES})


def empty_cells(rows: int) -> tuple[pd.DataFrame, Schema]:
    full, schema = table(rows, gaps=True)
    return of(full.mask(np.ones(full.shape, dtype=bool)), {c.name: c.dtype for c in schema.columns})


HOSTILE = "a`b\n<script>![x](y)|{0}%s"
TABLES = {
    "no_rows": table(0),
    "one_row": table(1),
    "two_rows": table(2),
    "one_row_with_gaps": table(1, gaps=True),
    "few_rows": table(12, gaps=True),
    "all_missing": empty_cells(60),
    "whole": table(300),
    "gaps": table(300, gaps=True),
    "no_columns": (pd.DataFrame(index=range(5)), Schema(columns=(), rows=5)),
    "one_column": of(pd.DataFrame({"str": series("str", 80, False)}), {"str": "str"}),
    "all_ids": of(pd.DataFrame({"id": [f"k{i}" for i in range(80)]}), {"id": "str"}, id="id"),
    "huge_numbers": of(pd.DataFrame({"float": np.r_[np.full(99, 1e308), -1e308], "int": np.r_[np.full(99, 2**62), 5]}), {"float": "float", "int": "int"}),
    "hostile_names": of(pd.DataFrame({HOSTILE: [HOSTILE, "?"] * 60, "": series("int", 120, False)}), {HOSTILE: "str", "": "int"}),
}
CASES = [(name, target) for name, (_, schema) in TABLES.items() for target in (None, *schema.names)]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_no_table_makes_a_check_raise(name, target):
    frame, schema = TABLES[name]
    before = frame.copy(deep=True)
    report = check(frame, schema, target)
    pd.testing.assert_frame_equal(frame, before)
    assert [f.code for f in report.findings] == [entry.name for entry in ENTRIES]
    assert sum(report.counts.values()) == len(ENTRIES)
    for found in report.findings:
        well_formed(found, frame, target)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert json.loads(json.dumps(report.model_dump(mode="json"))) == report.model_dump(mode="json")


def well_formed(found, frame: pd.DataFrame, target: str | None) -> None:
    assert bool(found.reason) == (found.status == "not_applicable")
    assert bool(found.explanation) == (found.status != "not_applicable")
    assert set(found.columns) <= set(frame.columns)
    assert len(found.examples) == min(found.rows, 20)
    assert all(0 <= position < len(frame) for position in found.examples)
    if found.status != "found":
        assert (found.fixes, found.rows, found.safe) == ((), 0, False)
    for fix in found.fixes:
        assert fix.code == found.code
        assert fix.steps or fix.ignore or fix.metric
        assert target not in fix.ignore
        assert all(set(step.params) <= STEPS[step.step] and target not in (step.columns or ()) for step in fix.steps)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_facts_are_there_for_a_page_to_draw(entry):
    assert entry.title and entry.help.endswith(".") and entry.facts.severity_rule.endswith(".")
    assert entry.complete() == {param.name: param.default for param in entry.params}
    assert all(param.help and param.low is not None and param.high is not None for param in entry.params)


def test_the_codes_are_numbered_without_gaps():
    assert [entry.name for entry in ENTRIES] == [f"DQ{i:03d}" for i in range(1, len(ENTRIES) + 1)]


def test_a_check_that_is_added_here_appears_in_the_report():
    @check_entry(code="DQ900", title="Columns named by one letter", help="Short names say little.", severity="Information.")
    def short_names(subject, params):
        short = tuple(name for name in subject.features if len(name) == 1)
        return Verdict(f"{len(short)} short names.", "info", short)

    try:
        frame, schema = of(pd.DataFrame({"x": [1, 2], "long": [3, 4]}), {"x": "int", "long": "int"})
        report = check(frame, schema)
        assert (report["DQ900"].status, report["DQ900"].columns) == ("found", ("x",))
        assert len(report.findings) == len(ENTRIES) + 1
    finally:
        catalog.unregister("check", "DQ900")


def test_suggested_is_the_first_fix_of_what_is_safe():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=400), "one": "same", "churned": ["yes"] * 8 + ["no"] * 392})
    report = check(*infer(frame), "churned")
    assert {f.code for f in report.found} >= {"DQ002", "DQ010"}
    assert report.suggested == [report["DQ002"].fixes[0]]  # a metric is for a person to choose
    assert isinstance(report.suggested[0], Fix)
    assert report.counts["warning"] >= 2


def test_thresholds_can_be_set_and_are_checked():
    frame, schema = table(300, gaps=True)
    assert check(frame, schema)["DQ001"].status == "found"
    assert check(frame, schema, thresholds={"DQ001": {"notice": 0.9}})["DQ001"].status == "passed"
    with pytest.raises(PlanError, match="Notice from"):
        check(frame, schema, thresholds={"DQ001": {"notice": 7}})
    with pytest.raises(UnknownName, match="threshold|parameter"):
        check(frame, schema, thresholds={"DQ001": {"notise": 0.1}})
    with pytest.raises(UnknownName, match="DQ1"):
        check(frame, schema, thresholds={"DQ1": {}})


def test_an_unknown_target_is_refused_with_a_near_miss():
    frame, schema = table(10)
    with pytest.raises(UnknownName) as caught:
        check(frame, schema, "flaot")
    assert "'float'" in caught.value.hint


def test_an_unknown_finding_is_refused_with_a_near_miss():
    frame, schema = table(10)
    with pytest.raises(UnknownName, match="DQ01"):
        check(frame, schema)["DQ01"]


def test_the_same_table_gives_the_same_report():
    frame, schema = table(300, gaps=True)
    assert check(frame, schema, "bool") == check(frame, schema, "bool")


def test_the_order_of_the_rows_does_not_matter():
    """All but DQ024, which is about that order."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Oslo", "oslo", "Rome", " Rome"], 300), "price": np.where(rng.random(300) < 0.02, -5.0, rng.uniform(1, 9, 300).round(3)),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 300), unit="D"), "key": [f"k{i // 2 if i < 8 else i}" for i in range(300)],
            "gap": np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300)), "y": rng.choice(["a", "b"], 300),
        }
    )  # fmt: skip
    turned = frame.sample(frac=1, random_state=1).reset_index()
    place = turned.pop("index").to_numpy()
    one, other = check(*infer(frame), "y"), check(*infer(turned), "y")
    for here, there in zip(one.findings, other.findings, strict=True):
        if here.code != "DQ024":
            assert (here.status, here.severity, here.columns, here.rows) == (there.status, there.severity, there.columns, there.rows), here.code
            if there.rows <= 20:
                assert set(here.examples) == {int(place[i]) for i in there.examples}, here.code


def test_ten_thousand_columns_are_checked():
    names = [f"c{i}" for i in range(10_000)]
    numbers = pd.DataFrame(np.random.default_rng(0).integers(0, 9, (12, 10_000)), columns=names)
    report = check(*of(numbers, dict.fromkeys(names, "int")), "c7")
    assert len(report.findings) == len(ENTRIES) and report["DQ033"].severity == "warning"
