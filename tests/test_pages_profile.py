"""The tabs of the Data page that look at a dataset as a whole, and its versions."""

from __future__ import annotations

from pipeline import Edit, Plan
from tests.test_pages import home, home_with_penguins, opened, penguins, said, store  # noqa: F401 (fixtures)


def test_a_pair_of_columns_is_looked_at(penguins, store):  # noqa: F811
    at = opened("data", dataset=penguins.id, data_tab="Relations")
    assert (not at.exception and "Correlation ratio" in said(at)) or "Pearson's r" in said(at)
    names = at.selectbox(key="pair_one").options
    at.selectbox(key="pair_one").set_value(names[0])
    at.selectbox(key="pair_other").set_value(names[-1]).run()
    assert not at.exception and "rows with both" in said(at)


def test_what_is_missing_and_the_report_are_there(penguins, store):  # noqa: F811
    at = opened("data", dataset=penguins.id, data_tab="Missing")
    assert not at.exception and "of the rows have no missing cell" in said(at)
    at = opened("data", dataset=penguins.id, data_tab="Report")
    assert not at.exception and at.get("download_button")


def test_an_edit_makes_a_version_and_leads_back(penguins, store):  # noqa: F811
    plan = Plan.draft(penguins.schema, "Species", dataset=penguins.id)
    store.save_draft(penguins.id, plan)
    at = opened("data", dataset=penguins.id, data_tab="Versions")
    at.selectbox(key="edit_column").set_value("Sex")
    at.selectbox(key="edit_how").set_value("known").run()
    at.button(key="make_version").click().run()
    made = store.datasets("penguins")[0]
    assert not at.exception and made.version == 2 and made.rows < penguins.rows
    assert made.lineage()["edits"] == [{"kind": "keep", "column": "Sex", "how": "known"}]
    assert store.draft(made.id) == plan.model_copy(update={"dataset": made.id}), "the draft goes with it"
    assert "was made of version 1" in said(at) and at.selectbox(key="compare_with")
    at.button(key="undo_version").click().run()
    assert at.query_params["dataset"] == penguins.id and store.edit_dataset(penguins.id, [Edit(kind="keep", column="Sex", how="known")]).id == made.id
