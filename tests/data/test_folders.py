"""Only what the operator's folders hold is offered; a made-up path opens nothing."""

from __future__ import annotations

import os

import pytest

from pipeline.data.folders import offered, offered_path
from pipeline.errors import DataError, NotFound


@pytest.fixture
def folder(tmp_path, monkeypatch):
    inside = tmp_path / "in [1]"
    (inside / "below").mkdir(parents=True)
    for name in ("data[1].csv", "data1.csv", "*.csv", "-x.parquet", "below/t.csv.gz", ".hidden.csv", "secret.pem", "t.zip"):
        (inside / name).write_text("a\n1\n")
    (tmp_path / "outside.csv").write_text("canary\n")
    (inside / "link.csv").symlink_to(tmp_path / "outside.csv")
    (inside / "way out").symlink_to(tmp_path)
    monkeypatch.setenv("TRAINYARD_FOLDERS", str(inside))
    return inside


def test_files_of_the_folder_are_offered_and_links_out_of_it_are_not(folder):
    names = ["*.csv", "-x.parquet", "below/t.csv.gz", "data1.csv", "data[1].csv", "t.zip"]
    assert sorted(offered()) == [f"in [1]/{name}" for name in names]
    assert offered_path("in [1]/data[1].csv") == (folder / "data[1].csv").resolve()


@pytest.mark.parametrize("name", ["../outside.csv", "in [1]/../outside.csv", "in [1]/link.csv", "/etc/passwd", "C:\\x", "a\0b", "", "in [1]/secret.pem"])
def test_anything_else_is_not_found(folder, name):
    with pytest.raises(NotFound):
        offered_path(name)


def test_without_a_folder_nothing_is_offered_and_a_wrong_one_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("TRAINYARD_FOLDERS", raising=False)
    assert offered() == {}
    for wrong in ("relative", str(tmp_path / "gone")):
        monkeypatch.setenv("TRAINYARD_FOLDERS", os.pathsep.join([str(tmp_path), wrong]))
        with pytest.raises(DataError):
            offered()
