"""The controls of how rows are judged, through Streamlit's own test runner: what is chosen is in the draft, what does not fit is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline import Plan, Store
from pipeline.worker import perform
from tests import screens
from tests.screens import ROOT

N = 200


def visits() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    dose = rng.normal(size=N)
    return pd.DataFrame(
        {
            "dose": dose, "day": (pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N) // 2, unit="D")).strftime("%Y-%m-%d"),
            "*ward*": [f"ward {i % 20}" for i in range(N)], "part": np.tile(["train", "valid", "test", "train"], N // 4),
            "cases": 1.5 + np.arange(N) % 9, "ill": np.where(dose + rng.normal(size=N) > 1.2, "yes", "no"),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def read_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("visits")
    visits().to_csv(folder / "visits.csv", index=False)
    store = Store(folder / "home")
    dataset = store.add_dataset("visits", folder / "visits.csv")
    plan = Plan.draft(dataset.schema, "ill", dataset=dataset.id).change(families=[{"family": "linear"}], search={"trials": 2})
    store.save_draft(dataset.id, plan)
    return folder / "home"


@pytest.fixture
def store(read_once, tmp_path, monkeypatch, settled) -> Store:
    shutil.copytree(read_once, tmp_path / "home")
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(ROOT)
    return Store(tmp_path / "home")


def draft(store: Store) -> Plan:
    return store.draft(store.datasets("visits")[0].id)


def opened(store: Store, page: str = "models", **params: str) -> AppTest:
    return screens.opened(page, **{"dataset": store.datasets("visits")[0].id} | params)


def said(at: AppTest) -> str:
    assert not at.exception
    return screens.said(at).replace("\\", "")


def chosen(at: AppTest, key: str, value: object) -> AppTest:
    kind = {"holdout": at.slider, "repeats": at.number_input, "gap": at.number_input, "embargo": at.number_input}.get(key, at.selectbox)
    return kind(key=key).set_value(value).run()


def test_the_engine_chooses_the_folds_unless_a_number_is_chosen(store):
    at = opened(store)
    assert at.selectbox(key="folds").value == "Automatic" and "1 family × 8 folds" in said(at)
    chosen(at, "folds", "5")
    assert draft(store).split.folds == 5 and "1 family × 5 folds" in said(at)
    chosen(at, "folds", "Automatic")
    assert draft(store).split.folds is None


def test_without_a_holdout_the_page_says_what_that_costs(store):
    at = chosen(opened(store), "holdout", 0)
    assert draft(store).split.holdout == 0
    assert "No rows are held out" in said(at) and not at.button(key="start").disabled


def test_a_group_is_asked_for_and_taken_out_of_the_features(store):
    at = chosen(opened(store), "split_by", "group")
    assert "'By group' needs a column" in said(at) and at.button(key="start").disabled
    chosen(at, "split_column_group", "*ward*")
    split = draft(store).split
    assert (split.strategy, split.column) == ("group", "*ward*") and "*ward*" not in draft(store).features
    assert "*ward* divides the rows, so the model does not see it" in said(at) and not at.button(key="start").disabled
    assert chosen(at, "repeats", 3) and draft(store).split.repeats == 3 and "8 folds × 3 repeats" in said(at)
    chosen(at, "split_by", "auto")
    assert draft(store).split.column is None and "*ward*" in draft(store).features


def test_a_time_asks_for_gap_and_embargo_and_nothing_shuffles_until_it_is_cleared(store):
    at = chosen(opened(store), "split_by", "time")
    assert at.selectbox(key="split_column_time").options == ["dose", "day", "cases"]
    chosen(at, "split_column_time", "day")
    chosen(chosen(at, "gap", 7.0), "embargo", 2.0)
    split = draft(store).split
    assert (split.strategy, split.column, split.gap, split.embargo, split.repeats) == ("time", "day", 7, 2, 1)
    assert at.number_input(key="repeats").disabled and at.number_input(key="gap").label == "Gap (days)"
    chosen(at, "split_by", "stratified")
    assert draft(store).split.column == "day" and draft(store).split.gap == 0
    assert "A time column, 'day', is set" in said(at) and at.button(key="start").disabled
    chosen(at, "split_column_None", None)
    assert draft(store).split.column is None and not at.button(key="start").disabled


def test_a_column_of_ones_own_decides_the_holdout(store):
    at = chosen(opened(store), "split_by", "column")
    assert "part" in at.selectbox(key="split_column_own").options and "dose" not in at.selectbox(key="split_column_own").options
    chosen(at, "split_column_own", "part")
    assert draft(store).split.column == "part" and at.slider(key="holdout").disabled
    assert "The column decides what is held out" in said(at) and "× the parts of part" in said(at)
    assert not at.button(key="start").disabled


def test_leave_one_out_says_how_many_fits(store):
    at = chosen(opened(store), "split_by", "leave_one_out")
    assert at.selectbox(key="folds").disabled and "160 rows, one left out at a time" in said(at)


def test_what_is_done_about_rare_classes_is_shown_in_rows(store):
    at = opened(store)
    assert draft(store).balance.method == "none"
    chosen(at, "balance", "undersample")
    at.number_input(key="balance_undersample_share").set_value(0.5).run()
    assert draft(store).balance.params == {"share": 0.5}
    ill = int((visits()["ill"] == "yes").sum())
    rows = next(frame.value for frame in at.dataframe if "Count for" in frame.value)
    assert rows.to_dict("records") == [{"Class": "no", "Rows": N - ill, "Count for": 2 * ill}, {"Class": "yes", "Rows": ill, "Count for": ill}]
    chosen(at, "balance", "costs")
    at.text_input(key="balance_costs_costs").set_value("maybe=3").run()
    assert "'maybe', which is no class" in said(at) and at.button(key="start").disabled


def test_a_weight_column_is_asked_for_and_no_feature(store):
    at = chosen(opened(store), "balance", "column_weights")
    assert "No weight column is chosen" in said(at)
    chosen(at, "balance_column", "cases")
    assert draft(store).balance.column == "cases" and "cases" not in draft(store).features
    assert "cases weights the rows" in said(at) and not at.button(key="start").disabled


def test_smote_is_refused_where_there_are_categories(store):
    at = chosen(opened(store), "balance", "smote")
    assert "Choose SMOTE-NC or class weights" in said(at) and at.button(key="start").disabled
    chosen(at, "balance", "smote_nc")
    assert not at.button(key="start").disabled


def test_the_roles_say_which_column_is_set_aside(store):
    dataset = store.datasets("visits")[0]
    store.save_draft(dataset.id, draft(store).change(split={"strategy": "group", "column": "*ward*"}))
    at = opened(store, "features", features_tab="Columns")
    assert not at.exception
    notes = next(frame.value for frame in at.dataframe if "Note" in frame.value).set_index("Column")["Note"]
    assert "divides the rows" in notes["*ward*"]


def test_a_finished_run_shows_its_split_and_that_nothing_was_held_out(store):
    plan = draft(store).change(split={"strategy": "group", "column": "*ward*", "holdout": 0, "folds": 3})
    run = store.submit(plan)
    assert perform(store, store.claim("test", run.id)).state == "done"
    assert "holdout" not in store.evaluation(run.id)
    words = said(opened(store, "evaluate", run=run.id))
    assert "Split: By group by *ward*; 200 rows to learn from in 3 folds, 0 held out." in words
    assert "20 groups; 0 on both sides." in words and "No judged row is equal in every feature" in words
    assert "No rows were held out" in said(opened(store, "evaluate", run=run.id, part="Holdout"))
