"""The court, the doctor and the costs on the Quality page, on a real store with real finished analyses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import Plan, Store
from pipeline.worker import perform
from tests.test_pages import home, opened, said, store  # noqa: F401 - fixtures

EVIL = ":red[late] <b>$x$</b>"  # a column's name that Streamlit would read as markdown


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=120), rng.normal(size=120)
    left = np.where(4 * a + b + rng.logistic(scale=0.3, size=120) > 0, "*yes*", "no")
    return pd.DataFrame({"visits": a, "like it": a + rng.normal(scale=0.3, size=120), "b": b, EVIL: np.where(left == "no", np.nan, b), "left": left})


@pytest.fixture
def answers(store, tmp_path):  # noqa: F811
    """A dataset with a draft; carries out what is asked."""
    path: Path = tmp_path / "customers.csv"
    customers().to_csv(path, index=False)
    dataset = store.add_dataset("customers", path)
    plan = Plan.draft(dataset.schema, "left", dataset=dataset.id).change(split={"folds": 2})
    store.save_draft(dataset.id, plan)

    def ask(name: str, **params: str):
        run = store.submit(plan.asking(name, **params))
        done = perform(store, store.claim("test", run.id))
        assert done.state == "done", done.message
        return dataset, done

    return ask


def test_the_court_accuses_takes_answers_and_leaves_the_guilty_out(answers, store: Store):  # noqa: F811
    dataset, _ = answers("court")
    at = opened("quality", dataset=dataset.id, quality_tab="Leakage court")
    assert not at.exception and "Guilty" in said(at)
    assert EVIL not in said(at), "a name from the data is never markdown"
    assert at.metric[0].label.startswith("Honest") and len(at.metric) == 4
    at.button(key="court_accept").click().run()
    assert not at.exception and EVIL not in store.draft(dataset.id).features
    at.button(key="court_undo").click().run()
    assert EVIL in store.draft(dataset.id).features


def test_a_doubtful_label_is_answered_measured_and_becomes_a_new_version(answers, store: Store):  # noqa: F811
    dataset, run = answers("doctor")
    first = store.evaluation(run.id)["suspects"][0]
    at = opened("quality", dataset=dataset.id, quality_tab="Label doctor")
    assert not at.exception and f"row {first['row'] + 1:,} of" in said(at)
    at.button(key="doctor_accept").click().run()
    assert not at.exception and "Suspect 2 of" in said(at)
    assert [e.payload["decision"] for e in store.events(run.id, after=0, limit=500) if e.kind == "label"] == ["accept"]
    at.button(key="doctor_back").click().run()
    at.button(key="doctor_reopen").click().run()
    assert not [b for b in at.button if b.key == "doctor_version"]
    at.button(key="doctor_accept").click().run()
    answers("relabelled", labels=json.dumps({str(first["row"]): first["proposed"]}))
    at = opened("quality", dataset=dataset.id, quality_tab="Label doctor")
    assert "with it" in said(at)
    at.button(key="doctor_version").click().run()
    made = store.datasets("customers")[0]
    assert made.version == 2 and made.table()["left"].iloc[first["row"]] != dataset.table()["left"].iloc[first["row"]]
    assert store.draft(made.id).target == "left" and made.lineage()["of"] == dataset.id


def test_what_a_finding_costs_is_beside_the_finding(answers, store: Store):  # noqa: F811
    dataset, _ = answers("costs", code="DQ012")
    at = opened("quality", dataset=dataset.id)
    assert not at.exception
    at.radio(key="check").set_value("DQ012").run()
    assert not at.exception and at.button(key="ask_costs").label == "Ask again"
    assert "without:" in said(at) and "Worse with it" in said(at)


def test_a_table_is_compared_with_another_version(store, tmp_path):  # noqa: F811
    table, path = customers().drop(columns=[EVIL]), tmp_path / "customers.csv"
    for moved in (3.0, 0.0):
        table.assign(b=table["b"] + moved).to_csv(path, index=False)
        dataset = store.add_dataset("customers", path)
    at = opened("quality", dataset=dataset.id)
    at.radio(key="check").set_value("DQ032").run()
    at.selectbox(key="drift_with").set_value(store.datasets("customers")[1].id).run()
    assert not at.exception and "What moved: 'b'" in said(at).replace("\\", "")
