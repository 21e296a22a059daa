"""The ruler and the analyses that stand on it: known differences are told, noise is a tie, and an analysis is a run like any other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import answer
from pipeline.data import infer
from pipeline.errors import PlanError, TrainingError
from pipeline.executor import InlineExecutor
from pipeline.measure import Measured, Ruler
from pipeline.plan import Plan
from pipeline.store import Store
from pipeline.worker.training import perform


def customers(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    visits, noise = rng.normal(size=rows), rng.normal(size=rows)
    left = np.where(visits + rng.normal(scale=0.7, size=rows) > 0, "yes", "no")
    return pd.DataFrame({"visits": visits, "noise": noise, "left": left})


@pytest.fixture
def ruler() -> Ruler:
    table, schema = infer(customers())
    return Ruler(Plan.draft(schema, "left"), table, schema, folds=3, executor=InlineExecutor())


def without(plan: Plan, name: str) -> Plan:
    return plan.change(columns=[c.model_dump() | {"role": "ignore" if c.name == name else c.role} for c in plan.columns])


def test_a_column_that_decides_is_worth_something_and_noise_is_not(ruler: Ruler) -> None:
    whole = ruler.measure(ruler.plan)
    assert whole.score > 0.8 and whole.interval[0] < whole.score < whole.interval[1]
    assert ruler.gain(whole, over=ruler.measure(without(ruler.plan, "visits"))).verdict == "better"
    loss = ruler.gain(ruler.measure(without(ruler.plan, "noise")), over=whole)
    assert loss.low <= 0 <= loss.high or loss.verdict == "better", "leaving noise out never makes it worse by more than noise"
    assert ruler.gain(whole, over=whole) .verdict == "tie"  # fmt: skip


def test_labels_are_learned_from_and_never_judged_by(ruler: Ruler) -> None:
    turned: Measured = ruler.measure(ruler.plan, labels=1 - ruler.measure(ruler.plan).y)
    assert turned.score < 0.25, "learned from turned labels, judged by the true ones"


def test_other_cells_are_measured_on_the_same_rows(ruler: Ruler) -> None:
    changed = ruler._table.assign(visits=0.0)
    assert ruler.gain(ruler.measure(ruler.plan), over=ruler.measure(ruler.plan, table=changed)).verdict == "better"


def test_rows_that_a_plan_leaves_out_are_not_counted_and_the_folds_stay(ruler: Ruler) -> None:
    frame = pd.concat([customers(), customers().iloc[:50]], ignore_index=True)
    table, schema = infer(frame)
    ruler = Ruler(Plan.draft(schema, "left"), table, schema, folds=3, executor=InlineExecutor())
    deduplicated = ruler.plan.change(recipe=[{"step": "drop_duplicates"}, *(s.model_dump() for s in ruler.plan.recipe)])
    assert ruler.measure(deduplicated).counts.sum() == 400 and ruler.measure(ruler.plan).counts.sum() == 450


def test_another_target_and_a_wish_to_stop_are_refused_in_words(ruler: Ruler) -> None:
    with pytest.raises(PlanError, match="one target"):
        ruler.measure(ruler.plan.change(metric="log_loss"))
    table, schema = infer(customers())
    with pytest.raises(TrainingError, match="stopped"):
        Ruler(ruler.plan, table, schema, executor=InlineExecutor(), should_stop=lambda: True).measure(ruler.plan)


def test_an_analysis_is_a_run_whose_evaluation_is_the_answer(tmp_path) -> None:
    path = tmp_path / "customers.csv"
    customers().to_csv(path, index=False)
    store = Store(tmp_path / "home")
    dataset = store.add_dataset("customers", path)
    plan = Plan.draft(dataset.schema, "left", dataset=dataset.id)
    asked = store.submit(plan.asking("worth", most=2))
    assert store.submit(plan.asking("worth", most=2)).id == asked.id and store.submit(plan).id != asked.id
    run = perform(store, store.claim("a worker", asked.id))
    assert run.state == "done", run.message
    found, facts = store.answer(dataset.id, "worth")
    assert found.id == asked.id and facts["columns"][0]["column"] == "visits" and facts["columns"][0]["verdict"] == "better"
    assert [r.id for r in store.runs(analyses=False)] != [asked.id] and asked.id in [r.id for r in store.runs()]


def test_an_unknown_analysis_and_a_plan_that_asks_nothing_are_refused() -> None:
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left")
    with pytest.raises(PlanError, match="no analysis"):
        answer(plan, table, schema)
    assert any("worht" in p.message for p in plan.change(analysis={"name": "worht", "params": {}}).problems(schema))
