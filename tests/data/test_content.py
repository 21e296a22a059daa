"""Hashes, profiles, samples, and the cost of importing the room."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from pipeline.data import content_hash, infer, load, profile, samples
from pipeline.plan import guess_task


def hashed(frame):
    return content_hash(*infer(frame))


BASE = pd.DataFrame({"a": ["1", "2", "2"], "b": ["x", "yz", ""]}, dtype="str")


@pytest.mark.parametrize(
    "other",
    [
        BASE.rename(columns={"a": "c"}), BASE[["b", "a"]], BASE.iloc[::-1], BASE.iloc[:2], BASE.assign(a=["1", "2", "3"]),
        BASE.assign(b=["xy", "z", ""]), BASE.assign(b=["x", "", "yz"]), BASE.assign(a=["1", "2", ""]),
    ],
)  # fmt: skip
def test_every_change_changes_the_hash(other):
    assert hashed(other) != hashed(BASE)


def test_the_storage_of_a_number_does_not_change_the_hash():
    assert hashed(BASE.assign(a=[1, 2, 2])) == hashed(BASE.assign(a=[1.0, 2.0, 2.0])) == hashed(BASE)
    assert hashed(BASE.assign(a=["0.0", "1", "1"])) == hashed(BASE.assign(a=["-0.0", "1", "1"]))


def test_the_profile_counts():
    table, schema = infer(
        pd.DataFrame(
            {"n": ["1", "2", "3", ""], "s": ["u", "u", "v", "NA"], "d": ["2024-01-01", "2024-01-03", "", ""], "e": [""] * 4}, dtype="str"
        )
    )
    n, s, d, e = profile(table, schema)
    assert (n["min"], n["max"], n["mean"], n["missing"], n["missing_share"], n["unique"]) == (1, 3, 2, 1, 0.25, 3)
    assert sum(n["histogram"]["counts"]) == 3 and len(n["histogram"]["edges"]) == len(n["histogram"]["counts"]) + 1
    assert s["top"] == [["u", 2], ["v", 1]] and s["histogram"] is None
    assert d["min"] == "2024-01-01T00:00:00" and d["mean"] == "2024-01-02T00:00:00" and e["missing"] == 4
    assert json.loads(json.dumps([n, s, d, e])) == [n, s, d, e]


def test_profiles_of_extreme_columns():
    table, schema = infer(pd.DataFrame({"c": ["5"] * 3, "w": ["-1e308", "1e308", "1e308"], "t": ["5e-324", "0.0", "0.0"]}, dtype="str"))
    assert len(json.dumps(profile(table, schema), allow_nan=False)) > 100


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_samples_are_what_they_say(sample):
    table, schema, report = load(sample.path)
    assert table.shape == (sample.rows, sample.columns) and sample.target in schema and sample.path.stat().st_size < 400_000
    assert not {"short_row", "long_row", "delimiter"} & {problem.kind for problem in report.problems}
    assert guess_task(schema, sample.target) == sample.task
    assert f"## {sample.path.name}" in (sample.path.parent / "SOURCES.md").read_text(encoding="utf-8")
    assert sum(column.missing for column in schema.columns) > 0


def test_importing_the_room_costs_no_pandas():
    code = "import sys, pipeline.data.schema, pipeline.data; sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
