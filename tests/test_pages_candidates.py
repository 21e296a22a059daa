"""The tab of candidates: a search is a run, its answer is drawn, and one click puts a candidate into the draft."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pages import _candidates
from pipeline import Plan, Store
from pipeline.worker.training import perform
from tests.screens import ROOT, opened


def test_a_candidate_is_found_by_a_run_and_accepted_by_a_click(tmp_path, monkeypatch, settled) -> None:
    rng = np.random.default_rng(0)
    debt, income = rng.uniform(1, 9, 800), rng.uniform(1, 9, 800)
    pd.DataFrame({"*debt*": debt, "income": income, "arrears": np.sin(3 * np.log(debt / income))}).to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(ROOT)
    store = Store(tmp_path / "home")
    dataset = store.add_dataset("loans", tmp_path / "loans.csv")
    store.save_draft(dataset.id, plan := Plan.draft(dataset.schema, "arrears", dataset=dataset.id))
    asked = store.submit(plan.asking("candidates", seconds=600.0, most=2))
    assert perform(store, store.claim("a worker", asked.id)).state == "done"
    _, found = store.answer(dataset.id, "candidates")
    best, both = found["candidates"][0], found["together"]
    assert best["title"] in ("*debt* / income", "income / *debt*") and best["verdict"] == "better" and found["proposed"] > 1
    assert 0 < best["strict_low"] < best["low"] < best["gain"] < best["high"] < best["strict_high"], "strict: for all that were tried"
    assert both["verdict"] == "better" and both["steps"] == [best["step"]]
    at = opened("features", dataset=dataset.id, features_tab="Candidates")
    assert not at.exception and "Ask again" in at.button(key="ask_candidates").label
    at.button(key="accept_0").click().run()
    assert best["step"] in store.draft(dataset.id).model_dump(mode="json")["recipe"]
    assert not at.exception and at.button(key="accept_0").disabled
    at.button(key="undo").click().run()
    assert store.draft(dataset.id) == plan and not at.button(key="accept_0").disabled


def test_what_the_time_did_not_suffice_for_is_said_and_what_cannot_be_proposed_is_not_blamed_on_it() -> None:
    found = {"possible": 0, "proposed": 0, "chosen": 0, "candidates": [], "seconds": 75.0}
    assert "two numbers, two dates" in _candidates._none(found) and "time" not in _candidates._none(found)
    assert "after 3 of 40" in _candidates._none(found | {"possible": 40, "proposed": 3}) and "1 min 15 s" in _candidates._none(found | {"possible": 40, "proposed": 3})
    assert "columns are enough" in _candidates._none(found | {"possible": 40, "proposed": 40})
    assert _candidates._cut(found | {"possible": 40, "proposed": 40, "chosen": 1, "candidates": [{}]}) == ""
    assert "9 of 40 candidates were looked at and 1 of the best 5" in _candidates._cut(found | {"possible": 40, "proposed": 9, "chosen": 5, "candidates": [{}]})
