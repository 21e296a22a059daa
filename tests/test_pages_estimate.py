"""The estimate on the Models page, through Streamlit's own test runner: one button measures, another makes the plan fit."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pipeline import Plan, Store
from tests import screens
from tests.screens import ROOT
from tests.tables import customers


@pytest.fixture
def store(tmp_path, monkeypatch, settled) -> Store:
    customers().to_csv(tmp_path / "customers.csv", index=False)
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(ROOT)
    store = Store(tmp_path / "home")
    dataset = store.add_dataset("customers", tmp_path / "customers.csv")
    plan = Plan.draft(dataset.schema, "left", dataset=dataset.id)
    store.save_draft(dataset.id, plan.change(families=[{"family": "linear"}], search={"trials": 10_000}, split={"folds": 5}))
    return store


def draft(store: Store) -> Plan:
    return store.draft(store.datasets("customers")[0].id)


def opened(store: Store, page: str = "models") -> AppTest:
    return screens.opened(page, dataset=store.datasets("customers")[0].id)


def said(at: AppTest) -> str:
    assert not at.exception
    return screens.said(at).replace("\\", "")


def test_an_estimate_is_asked_for_once_and_made_to_fit(store):
    at = opened(store)
    assert "before it is started" in said(at) and not [b for b in at.button if b.key == "fit"]
    at.button(key="estimate").click().run()
    assert "10,000 trials and the baseline on 5 folds" in said(at)
    assert [card.label for card in at.metric][:3] == ["Time", "Memory", "Free memory"]
    assert "Linear model" in next(frame.value for frame in at.dataframe if "A fit" in frame.value)["Family"].tolist()
    at.button(key="fit").click().run()
    assert 0 < draft(store).search.trials < 10_000 and f"{draft(store).search.trials:,} trials" in said(at)
    assert not [b for b in at.button if b.key == "fit"], "what fits is offered no other"


def test_the_estimate_is_of_one_plan_only(store):
    at = opened(store)
    at.button(key="estimate").click().run()
    at.number_input(key="seed").set_value(7).run()
    assert "before it is started" in said(at)
    at.number_input(key="seed").set_value(0).run()
    assert "10,000 trials" in said(at), "the estimate of the plan from before is still there"


def test_a_plan_with_problems_is_not_probed(store):
    store.save_draft(draft(store).dataset, draft(store).change(families=[]))
    at = opened(store)
    assert not at.exception and at.button(key="estimate").disabled


def test_a_grid_is_timed_by_the_probe_before_there_is_a_run(store):
    store.save_draft(draft(store).dataset, draft(store).change(search={"strategy": "grid", "trials": 50}))
    assert "an estimate on the Models page" in said(opened(store, "tuning"))
    at = opened(store)
    at.button(key="estimate").click().run()
    at.switch_page("pages/tuning.py")
    at.query_params["dataset"] = store.datasets("customers")[0].id
    at.run()
    assert "Going by the probe" in said(at)
