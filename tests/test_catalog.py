"""THE contract: what holds for every entry of every room, and what follows from adding one."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pipeline
from pipeline import catalog
from pipeline.catalog import Param
from pipeline.errors import PlanError, UnknownName
from pipeline.executor import InlineExecutor
from pipeline.models import Resources, family
from tests.tables import flowers

KINDS = tuple(catalog.PROVIDERS)
EVERY = [entry for kind in KINDS for entry in catalog.entries(kind)]


@pytest.mark.parametrize("entry", EVERY, ids=lambda e: f"{e.kind}:{e.name}")
def test_every_entry_explains_itself(entry: catalog.Entry) -> None:
    assert entry.title.strip() and entry.help.strip().endswith((".", "!", ")")), "a title and a whole sentence"
    assert set(entry.tasks) <= set(catalog.TASKS) and entry.tasks
    assert entry.kind == "export" or re.fullmatch(r"[a-z][a-z0-9_]*|DQ\d{3}", entry.name)
    assert entry.make.__module__.startswith(catalog.PROVIDERS[entry.kind])


@pytest.mark.parametrize("entry", EVERY, ids=lambda e: f"{e.kind}:{e.name}")
def test_every_parameter_has_bounds_that_hold_its_default(entry: catalog.Entry) -> None:
    assert len({p.name for p in entry.params}) == len(entry.params)
    assert entry.complete() == {p.name: p.default for p in entry.params}
    for param in entry.params:
        assert param.title and param.check(param.default) == param.default
        if param.kind in ("int", "float"):
            assert param.low is not None and param.high is not None and param.low < param.high
            assert not param.log or param.low > 0
            for outside in (param.low - 1, param.high + 1, "many", None, True):
                with pytest.raises(PlanError, match=re.escape(param.name)):
                    param.check(outside)
        if param.kind == "choice":
            assert param.default in param.choices
            with pytest.raises(PlanError):
                param.check("no such choice")


@pytest.mark.parametrize("kind", KINDS)
def test_titles_are_unique_and_a_wrong_name_gets_a_did_you_mean(kind: str) -> None:
    titles = [entry.title for entry in catalog.entries(kind)]
    assert titles and len(set(titles)) == len(titles)
    known = catalog.entries(kind)[-1].name
    with pytest.raises(UnknownName) as caught:
        catalog.get(kind, known + "x")
    assert known in caught.value.suggestions


@pytest.mark.parametrize("task", catalog.TASKS)
def test_every_task_has_families_and_metrics(task: str) -> None:
    assert len(catalog.entries("family", task)) >= 11 and len(catalog.entries("metric", task)) >= 4


def test_two_entries_may_not_share_a_name() -> None:
    with pytest.raises(ValueError, match="log_loss"):
        catalog.register("metric", "log_loss", title="Mine", help="For this test.")(lambda y, p: 0.0)


class Nearest:
    """A family that a user might add: the class of the nearest class centre."""

    def __init__(self, shrink: float) -> None:
        self.shrink = shrink

    def fit(self, X: np.ndarray, y: np.ndarray) -> Nearest:
        self.classes_ = np.unique(y)
        self.centres_ = np.array([X[y == k].mean(axis=0) * (1 - self.shrink) for k in self.classes_])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        near = np.exp(-((X[:, None] - self.centres_) ** 2).sum(axis=2))
        return (near + 1e-9) / (near + 1e-9).sum(axis=1, keepdims=True)


def test_a_family_added_in_one_place_is_trained_tuned_and_on_the_board() -> None:
    @family(
        "centres", title="Nearest centre", help="For this test.", tasks=("multiclass",), order=15, speed="fast",
        categories="onehot", scaled=True, missing=False, sparse=False,
        params=[Param("shrink", "float", 0.0, "Shrink", "Towards zero.", 0.0, 0.5)],
    )  # fmt: skip
    def centres(task: str, params: dict, resources: Resources) -> Nearest:
        return Nearest(params["shrink"])

    try:
        outcome = pipeline.train(flowers(), "kind", budget_trials=3, families=["centres"], executor=InlineExecutor())
        assert {row["family"] for row in outcome.leaderboard} == {"baseline", "centres"}
        tried = [trial.params["shrink"] for trial in outcome.trials if trial.family == "centres"]
        assert tried[0] == 0.0 and len(set(tried)) == 3 and all(0 <= value <= 0.5 for value in tried)
        assert "centres" in [entry.name for entry in pipeline.entries("family", "multiclass")]
        with pytest.raises(PlanError, match="does not apply to a binary task"):
            pipeline.train(flowers().query("kind != 'rose'"), "kind", budget_trials=1, families=["centres"])
    finally:
        catalog.unregister("family", "centres")
