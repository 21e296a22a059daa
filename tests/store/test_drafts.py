"""Drafts with what they were before, and recipes kept by name."""

from __future__ import annotations

import sqlite3

import pytest

from pipeline.errors import NotFound, StoreError, UnknownName
from pipeline.store import Store, drafts
from pipeline.store.engine import Database
from tests.store import homes


@pytest.fixture
def dataset_id(store) -> str:
    return store.datasets()[0].id


def seeds(store, dataset_id, *turns) -> list[int | None]:
    made = [getattr(store, f"{turn}_draft")(dataset_id) for turn in turns]
    return [plan and plan.seed for plan in made]


def test_changes_are_undone_and_redone_in_order_also_by_another_process(store, dataset_id):
    plan = homes.plan_for(store, 0)
    for seed in (0, 1, 1, 2, 3):
        store.save_draft(dataset_id, plan.change(seed=seed))
    assert Store(store.home).turns(dataset_id) == (["seed"], None)
    assert seeds(store, dataset_id, "undo", "undo") == [2, 1]
    assert store.turns(dataset_id) == (["seed"], ["seed"])
    assert seeds(store, dataset_id, "redo", "undo", "undo", "undo", "redo") == [2, 1, 0, None, 1]
    store.save_draft(dataset_id, plan.change(seed=9, metric="log_loss"))
    assert store.turns(dataset_id) == (["metric", "seed"], None)
    assert seeds(store, dataset_id, "redo", "undo", "undo", "undo") == [None, 1, 0, None]
    assert store.draft(dataset_id).seed == 0


def test_the_oldest_drafts_are_forgotten(store, dataset_id, monkeypatch):
    monkeypatch.setattr(drafts, "MOST_KEPT", 3)
    plan = homes.plan_for(store, 0)
    for seed in range(6):
        store.save_draft(dataset_id, plan.change(seed=seed))
    assert seeds(store, dataset_id, *["undo"] * 4) == [4, 3, 2, None]


def test_templates_are_kept_by_name(store):
    store.keep_template("päss; DROP TABLE template", {"a": 1})
    store.keep_template("b", {"a": 2})
    kept = store.keep_template("b", {"a": 3})
    assert [found.name for found in store.templates()] == ["b", "päss; DROP TABLE template"]
    assert store.template("b") == kept and kept.recipe == {"a": 3}
    store.delete_template("b")
    with pytest.raises(NotFound, match="any more"):
        store.delete_template("b")
    with pytest.raises(UnknownName, match="no template"):
        store.template("b")
    with pytest.raises(StoreError, match="name of the template is empty"):
        store.keep_template(" ", {})


def test_a_database_from_before_these_tables_gets_them(store, dataset_id):
    store.save_draft(dataset_id, homes.plan_for(store, 7))
    path = store.home / "trainyard.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE former_draft; DROP TABLE template")
    connection.close()
    Database(path)
    assert store.templates() == [] and store.undo_draft(dataset_id) is None
    assert store.draft(dataset_id).seed == 7
