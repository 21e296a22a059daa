"""Datasets: versions, names that are only data, drafts and reports."""

from __future__ import annotations

import pytest

from pipeline.errors import NotFound, StoreError
from pipeline.store import Store
from tests.store import homes


def test_a_dataset_has_what_was_read(store):
    dataset = store.datasets()[0]
    assert (dataset.name, dataset.version, dataset.rows, dataset.columns, dataset.file_name) == ("churn", 1, homes.ROWS, 3, "churn.csv")
    assert dataset.schema.names == ["amount", "colour", "churned"]
    assert list(dataset.table().columns) == dataset.schema.names
    assert len(dataset.table()) == homes.ROWS
    assert dataset.report.rows == homes.ROWS
    assert dataset.created.tzinfo is not None
    assert store.dataset(dataset.id) == dataset


def test_the_same_content_is_the_same_version_and_other_content_the_next(store, tmp_path):
    first = store.datasets()[0]
    again = store.add_dataset("churn", homes.write_csv(tmp_path / "copy of churn.csv"))
    assert again == first
    second = store.add_dataset("churn", homes.write_csv(tmp_path / "churn.csv", shift=1), file_name="Churn (März).csv")
    assert (second.version, second.file_name) == (2, "Churn (März).csv")
    elsewhere = store.add_dataset("other", tmp_path / "churn.csv")
    assert (elsewhere.version, elsewhere.sha256) == (1, second.sha256)
    assert store.datasets() == [elsewhere, second, first]
    assert store.datasets("churn") == [second, first]


def test_names_are_data(store, tmp_path):
    path = homes.write_csv(tmp_path / "x.csv", shift=5)
    for name in ("'; DROP TABLE dataset;--", "../../etc/pässwd 📊\0"):
        assert store.add_dataset(name, path).name == name
        assert [dataset.name for dataset in store.datasets(name)] == [name]
    files = [str(file.relative_to(store.home)) for file in store.home.rglob("*")]
    assert not [file for file in files if "passwd" in file or "DROP" in file]


@pytest.mark.parametrize(("name", "why"), [("", "empty"), (" \n", "empty"), ("x" * 201, "201 characters"), ("\ud800", "valid Unicode")])
def test_names_that_cannot_be_kept_are_refused_before_the_file_is_read(store, name, why):
    with pytest.raises(StoreError, match=why) as caught:
        store.add_dataset(name, "no such file")
    assert caught.value.hint


def test_drafts_and_reports_are_remembered(store):
    dataset = store.datasets()[0]
    assert store.draft(dataset.id) is None
    for seed in (1, 2):
        store.save_draft(dataset.id, homes.plan_for(store, seed))
    assert Store(store.home).draft(dataset.id) == homes.plan_for(store, 2)
    store.save_quality(dataset.id, "churned", {"findings": [1]})
    store.save_quality(dataset.id, None, {"findings": []})
    assert store.quality(dataset.id, "churned") == {"findings": [1]}
    assert store.quality(dataset.id, None) == {"findings": []}
    assert store.quality(dataset.id, "amount") is None


def test_what_belongs_to_no_dataset_is_refused(store):
    with pytest.raises(NotFound):
        store.dataset("0" * 12)
    with pytest.raises(NotFound):
        store.save_draft("0" * 12, homes.plan_for(store))
    with pytest.raises(NotFound):
        store.save_quality("0" * 12, None, {})
