"""Artifacts: what goes in comes out, and what was tampered with is never opened."""

from __future__ import annotations

import os
import random
import time

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DamagedArtifact, NotFound, StoreError
from pipeline.store.artifacts import format_of

TABLE = pd.DataFrame(
    {
        "int": pd.array([1, None, 3], dtype="Int64"),
        "text": ["x", None, "ü"],
        "when": pd.to_datetime(["2024-02-29", None, "1970-01-01"]).astype("datetime64[us]"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "float": [0.1, np.nan, -0.0],
    }
)


class Canary:
    """Unpickling one makes a folder: proof that code ran."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def place(store, sha):
    return store.home / "objects" / sha[:2] / sha


def test_tables_keep_their_types(store):
    pd.testing.assert_frame_equal(store.load(store.put(TABLE)), TABLE)


@pytest.mark.parametrize("value", [b"", b"\0bytes", {"a": [1, None, "ü"]}, {"set": {1, 2}}, (1, "tuple")])
def test_values_come_back_as_they_were(store, value):
    assert store.load(store.put(value)) == value


def test_arrays_come_back_without_any_code(store):
    assert format_of(np.arange(3)) == format_of({"a": np.arange(3)}) == "npz"
    assert format_of(np.array([object()])) == "joblib"
    np.testing.assert_array_equal(store.load(store.put(np.arange(6.0).reshape(2, 3))), np.arange(6.0).reshape(2, 3))
    loaded = store.load(store.put({"train": np.arange(3), "holdout": np.array([9])}))
    assert {name: list(values) for name, values in loaded.items()} == {"train": [0, 1, 2], "holdout": [9]}


def test_json_has_no_nan(store):
    assert store.load(store.put({"score": float("nan"), "n": np.int64(3), "all": np.array([1.5, np.inf])}, "json")) == {
        "score": None, "n": 3, "all": [1.5, None],
    }  # fmt: skip
    with pytest.raises(StoreError, match="object cannot be stored as JSON"):
        store.put({"x": object()}, "json")


def test_a_file_is_taken_as_it_is(store, tmp_path):
    path = tmp_path / "table.parquet"
    TABLE.to_parquet(path)
    pd.testing.assert_frame_equal(store.load(store.put(path, "parquet")), TABLE)


def test_an_unknown_artifact_and_an_unknown_format(store):
    with pytest.raises(NotFound):
        store.load("0" * 64)
    with pytest.raises(StoreError, match="'xml'"):
        store.put({"a": 1}, "xml")


def test_bytes_are_never_unpickled_because_somebody_says_so_later(store, tmp_path):
    canary = tmp_path / "canary"
    data = place(store, store.put(Canary(str(canary)), "joblib")).read_bytes()
    other = type(store)(tmp_path / "other")
    sha = other.put(data, "bytes")
    with pytest.raises(StoreError, match="stored as 'bytes'"):
        other.put(data, "joblib")
    assert other.load(sha) == data
    assert not canary.exists()


def test_every_flipped_bit_is_refused_before_anything_is_unpickled(store, tmp_path):
    canary = tmp_path / "canary"
    bomb = Canary(str(canary))
    sha = store.put(bomb, "joblib")
    whole = place(store, sha).read_bytes()
    chance = random.Random(7)
    for _ in range(60):
        bit = chance.randrange(len(whole) * 8)
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        place(store, sha).write_bytes(damaged)
        with pytest.raises(DamagedArtifact):
            store.load(sha)
        assert not canary.exists()
        store.put(bomb, "joblib")  # the same bytes again heal it
    store.load(sha)
    assert canary.exists()


@pytest.mark.parametrize("damage", ["truncate", "append", "remove", "swap"])
def test_damage_is_refused_and_stays_in_quarantine(store, damage):
    sha, other = store.put({"weights": {1}}), store.put({"weights": {2}})
    path = place(store, sha)
    whole = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(whole[:-1])
    elif damage == "append":
        path.write_bytes(whole + b"\0")
    elif damage == "remove":
        path.unlink()
    else:
        path.write_bytes(place(store, other).read_bytes())
    assert store.problems() == [f"artifact {sha} is damaged"]
    path.write_bytes(whole)
    with pytest.raises(DamagedArtifact, match="quarantine") as caught:
        store.load(sha)
    assert caught.value.hint
    assert store.load(other) == {"weights": {2}}


def test_the_sweeper_takes_only_what_is_old_and_unnamed(store):
    sha = store.put(b"named")
    orphan, half, young = place(store, "ab" + "0" * 62), store.home / "tmp" / "half", store.home / "tmp" / "young"
    orphan.parent.mkdir(exist_ok=True)
    for path in (orphan, half, young):
        path.write_bytes(b"left behind")
    two_hours_ago = time.time() - 7200
    for path in (orphan, half, place(store, sha)):
        os.utime(path, (two_hours_ago, two_hours_ago))
    assert sorted(store.sweep()) == sorted([orphan, half])
    assert young.exists()
    assert store.load(sha) == b"named"


def test_an_object_from_other_versions_says_so(store, monkeypatch):
    monkeypatch.setattr("pipeline.store.artifacts._versions", lambda: {"scikit-learn": "0.1"})
    sha = store.put(b"not a pickle", "joblib")
    with pytest.raises(StoreError, match="could not be opened") as caught:
        store.load(sha)
    assert "scikit-learn 0.1 (here:" in caught.value.hint


def test_the_sweep_takes_old_folders_in_tmp_along(store):
    folder = store.home / "tmp" / "bundles" / "old"
    folder.mkdir(parents=True)
    (folder / "model.zip").write_bytes(b"x")
    store.sweep(grace=3600)
    assert folder.exists()
    store.sweep(grace=-1)
    assert not folder.exists()


def test_a_table_under_a_false_name_is_never_opened_and_harms_no_other(store, tmp_path):
    sha = store.put(TABLE, "parquet")
    table = store.home / "tmp" / "table.parquet"
    TABLE.head(1).to_parquet(table)
    assert store._artifacts.adopt(table, "parquet", sha).sha != sha  # there is an object of that name
    pd.testing.assert_frame_equal(store.load(sha), TABLE)
    TABLE.head(2).to_parquet(table)
    lie = store._artifacts.adopt(table, "parquet", "0" * 64)
    with store._artifacts._database.write() as session:
        store._artifacts.name(session, lie)
    with pytest.raises(DamagedArtifact, match="another SHA-256"):
        store.load(lie.sha)
