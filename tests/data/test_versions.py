"""One content, one version, whatever the file; one changed cell, another; edits can be undone; two versions can be compared."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from pipeline.data import Edit, compare, content_hash, infer
from pipeline.data.versions import edited
from pipeline.errors import DataError, TrainyardError
from pipeline.store import Store
from tests.data.here import load

FRAME = pd.DataFrame(
    {
        "n": [3, 4, None, 6] * 30, "x": [0.5, 1.25, 2.0, None] * 30, "when": pd.date_range("2024-01-30", periods=120, freq="D"),
        "who": ["Ann", "Bo", None, "Ann Lee"] * 30, "ok": ["yes", "no", "yes", None] * 30,
    }
).assign(n=lambda f: f["n"].astype("Int64"))  # fmt: skip


@pytest.fixture
def files(tmp_path):
    text = FRAME.assign(when=FRAME["when"].dt.strftime("%Y-%m-%d"))
    text.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet")
    FRAME.to_excel(tmp_path / "t.xlsx", index=False)
    return tmp_path


def test_the_same_table_has_one_hash_in_every_format(files):
    hashes = {content_hash(*load(files / name)[:2]) for name in ("t.csv", "t.parquet", "t.xlsx")}
    assert len(hashes) == 1
    changed = files / "u.csv"
    changed.write_text((files / "t.csv").read_text().replace("Bo", "Bob", 1))
    assert content_hash(*load(changed)[:2]) not in hashes


def test_an_edit_is_a_version_with_its_recipe_and_undoing_it_is_the_earlier_one(files):
    store = Store(files / "home")
    first = store.add_dataset("t", files / "t.csv")
    edits = [Edit(kind="keep", column="x", how="below", value="2.0"), Edit(kind="set", column="who", rows=(0, 1), values=("", "Cy"))]
    second = store.edit_dataset(first.id, edits)
    assert (second.version, second.rows, second.table()["who"].tolist()[1]) == (2, 60, "Cy")
    assert second.lineage() == {"of": first.id, "version": 1, "edits": [edit.model_dump(mode="json", exclude_defaults=True) for edit in edits]}
    assert store.edit_dataset(first.id, edits).id == second.id and first.lineage() is None
    back = store.edit_dataset(second.id, [Edit(kind="set", column="who", rows=(0, 1), values=("Ann", "Bo"))])
    assert back.sha256 == store.edit_dataset(first.id, edits[:1]).sha256
    assert second.schema["ok"].labels == ("no", "yes") or second.schema["ok"].labels == ("yes", "no")
    assert content_hash(second.table(), second.schema) == second.sha256 and len(second.head()) == len(second.sample()) == 60


@pytest.mark.parametrize(
    ("edit", "rows"),
    [
        (Edit(kind="keep", column="ok", how="is", value="yes"), 60), (Edit(kind="keep", column="ok", how="is not", value="yes"), 60),
        (Edit(kind="keep", column="when", how="above", value="2024-05-01"), 27), (Edit(kind="keep", column="who", how="missing"), 30),
        (Edit(kind="keep", column="n", how="is", value="4"), 30), (Edit(kind="leave_out", rows=(0, 5)), 118),
        (Edit(kind="leave_out", columns=("x", "ok")), 120),
    ],
)  # fmt: skip
def test_edits(edit, rows):
    table, schema = edited(*infer(FRAME), [edit])
    assert len(table) == schema.rows == rows and list(table) == schema.names and edit.words
    again = Edit.model_validate_json(edit.model_dump_json())
    assert again == edit


@pytest.mark.parametrize(
    "edit",
    [
        Edit(kind="keep", column="nn"), Edit(kind="keep", column="n", how="above", value="many"), Edit(kind="keep", column="who", how="above", value="x"),
        Edit(kind="set", column="n", rows=(0,), values=("three",)), Edit(kind="leave_out", rows=(500,)), Edit(kind="keep", column="n", value="99"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_made_says_why(edit):
    with pytest.raises(TrainyardError) as caught:
        edited(*infer(FRAME), [edit])
    assert caught.value.hint or isinstance(caught.value, DataError)


def test_two_versions_are_compared():
    table, schema = infer(FRAME)
    assert compare(table, schema, table, schema)["same"]
    other = FRAME.assign(n=FRAME["n"] + 1, who=["Ann", "Ann", "Ann", None] * 30, new="a")[["x", "n", "who", "ok", "new"]]
    found = compare(table, schema, *infer(other))
    assert {(row["column"], row["change"]) for row in found["columns"]} >= {("when", "removed"), ("new", "added"), ("x", "moved")}
    assert found["moved"][0]["column"] == "who" and {row["column"] for row in found["moved"]} == {"n", "who"}
    fewer = compare(table, schema, *infer(pd.concat([FRAME[3:], FRAME[:1].assign(x=9.0)], ignore_index=True)))
    assert fewer["rows"] == {"before": 120, "after": 118, "added": 1, "removed": 3} and not fewer["same"]
    json.dumps([found, fewer], allow_nan=False)
