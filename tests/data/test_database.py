"""A query reads from the databases that the operator allows, and does nothing else there."""

from __future__ import annotations

import json
import sqlite3

import pytest

from pipeline.data import Limits, database
from pipeline.errors import FileRefused, UnknownName, Unreadable
from tests.data.here import load


@pytest.fixture
def shop(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "shop.db") as link:
        link.execute("CREATE TABLE orders (id INTEGER, city TEXT, paid REAL, code TEXT)")
        rows = [(2**60 + i, "Köln; 'x'", i / 2 if i else None, f"00{i}") for i in range(5)]
        link.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    (tmp_path / "sources.json").write_text(json.dumps({"shop": f"sqlite:///{tmp_path / 'shop.db'}"}))
    monkeypatch.setenv(database.VARIABLE, str(tmp_path / "sources.json"))
    return tmp_path


def test_the_rows_of_a_query_become_a_table(shop):
    assert database.sources() == ("shop",)
    assert database.fetch("shop", "SELECT *, '12:30' AS at FROM orders WHERE id > 0;", shop / "rows.parquet") == 5
    table, schema, report = load(shop / "rows.parquet")
    assert report.exact and table["id"].iloc[1] == str(2**60 + 1) and table["paid"].isna().sum() == 1 and table["code"].iloc[0] == "000"
    assert schema.names == ["id", "city", "paid", "code", "at"] and table["city"].iloc[0] == "Köln; 'x'"


@pytest.mark.parametrize(
    "query", ["DELETE FROM orders", "SELECT 1; DROP TABLE orders", "WITH x AS (SELECT 1) INSERT INTO orders SELECT * FROM x", "PRAGMA x"]
)
def test_only_queries_that_read_are_run(shop, query):
    with pytest.raises(FileRefused, match="reads"):
        database.fetch("shop", query, shop / "rows.parquet")
    assert sqlite3.connect(shop / "shop.db").execute("SELECT count(*) FROM orders").fetchone() == (5,)


def test_only_allowed_sources_are_asked_and_no_url_is_told(shop, monkeypatch):
    with pytest.raises(UnknownName):
        database.fetch("sqlite:////etc/passwd", "SELECT 1", shop / "rows.parquet")
    with pytest.raises(Unreadable) as caught:
        database.fetch("shop", "SELECT * FROM nowhere", shop / "rows.parquet")
    assert "nowhere" in str(caught.value) and str(shop) not in str(caught.value)
    monkeypatch.delenv(database.VARIABLE)
    assert database.sources() == ()


def test_a_query_without_end_is_stopped_in_its_box_and_leaves_nothing(shop):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(FileRefused, match="more than 2 seconds"):
        database.fetch("shop", endless, shop / "rows.parquet", Limits(wall_seconds=2))
    with pytest.raises(FileRefused, match="memory"):
        database.fetch("shop", "SELECT randomblob(900000000)", shop / "rows.parquet", Limits(memory_bytes=500_000_000))
    assert not (shop / "rows.parquet").exists()
