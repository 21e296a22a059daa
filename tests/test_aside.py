"""Questions about a large stored table go to a child process, and come back as from here; so do edits of it."""

from __future__ import annotations

import pytest

from pipeline import Edit, Plan, Store, check, check_kept, estimate_kept, preview_fix, preview_kept
from pipeline.errors import TrainyardError
from pipeline.store import records
from tests.tables import customers


@pytest.fixture
def dataset(tmp_path):
    frame = customers(300)
    frame.loc[[3, 5, 8], "plan"] = "n.a."
    frame.to_csv(tmp_path / "t.csv", index=False)
    return Store(tmp_path / "home").add_dataset("t", tmp_path / "t.csv")


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(records, "LARGE", 0)


def test_a_child_answers_as_this_process_does(dataset, large):
    report = check_kept(dataset, "left")
    assert report == check(dataset.table(), dataset.schema, "left") and report["DQ008"].examples == (3, 5, 8)
    fix = report["DQ008"].fixes[0]
    assert preview_kept(dataset, fix, None) == preview_fix(dataset.table(), dataset.schema, fix)


def test_a_child_says_what_a_run_will_take(dataset, large):
    plan = Plan.draft(dataset.schema, "left").change(families=[{"family": "linear"}], search={"trials": 5})
    found = estimate_kept(plan, dataset)
    assert found.probe.costs[0].family == "linear" and 0 < found.probe.rows <= 300 and found.seconds_per_fit["linear"] > 0
    assert found.of(plan) == found, "nothing was lost on the way"


def test_what_is_wrong_with_a_question_is_said_by_the_child(dataset, large):
    with pytest.raises(TrainyardError, match="'gone'") as caught:
        check_kept(dataset, "gone")
    assert caught.value.hint


def test_an_edit_in_the_box_makes_the_version_that_an_edit_here_makes(dataset, tmp_path, monkeypatch):
    edits, store = [Edit(kind="keep", column="plan", how="is not", value="n.a.")], Store(tmp_path / "home")
    monkeypatch.setattr(records, "LARGE", 0)
    made = store.edit_dataset(dataset.id, edits)
    monkeypatch.undo()
    assert store.edit_dataset(dataset.id, edits) == made and made.rows == 297 and made.lineage()["of"] == dataset.id
    assert made.rows_at([290, 2, 2]).equals(made.table().iloc[[2, 290]])
