"""What a finding costs: the sign says whether its fix helps, and a fix that leaves nothing to learn from says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analyses import answer
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.plan import Plan
from pipeline.quality import check


def cost(plan: Plan, frame: pd.DataFrame, code: str) -> dict:
    table, schema = infer(frame)
    (found,) = answer(plan.asking("costs", code=code), table, schema, executor=InlineExecutor())["findings"]
    return found


def test_a_leak_is_worth_what_its_fix_costs_and_accepted_fixes_are_measured_too():
    rng = np.random.default_rng(0)
    a = rng.normal(size=160)
    y = a + rng.normal(scale=0.8, size=160)
    frame = pd.DataFrame({"a": a, "copy": y + rng.normal(scale=0.15, size=160), "same": 1, "y": y})
    table, schema = infer(frame)
    plan = Plan.draft(schema, "y").change(split={"folds": 2})
    plan = plan.accept(check(table, schema, "y")["DQ002"].fixes)
    leak, constant = cost(plan, frame, "DQ012"), cost(plan, frame, "DQ002")
    assert leak["verdict"] == "worse" and leak["high"] < 0 and not leak["accepted"]
    assert leak["with"] > leak["without"], "the error is larger without the leak"
    assert constant["verdict"] == "tie" and constant["accepted"]


def test_a_fix_that_leaves_nothing_to_learn_from_says_so():
    y = np.random.default_rng(1).normal(size=120)
    frame = pd.DataFrame({"copy": y * 2, "y": y})
    plan = Plan.draft(infer(frame)[1], "y").change(split={"folds": 2})
    assert "failed" in cost(plan, frame, "DQ012")
