"""A file before it is a dataset: nothing to ask, something to check, something to mend, and two other ways to bring a table."""

from __future__ import annotations

import json
import sqlite3

from pipeline.data import database
from tests.test_pages import home, opened, said, store  # noqa: F401

MESSY = (
    "Sales 2024\n\nregion;when;price\n"
    + "".join(f"Nord;0{i % 9 + 1}/0{i % 7 + 1}/2024;{i},50 €\n" for i in range(20))
    + "\nSource: the office\n"
)


def uploaded(name: str, content: str, encoding: str = "utf-8"):
    at = opened("data")
    return at.file_uploader(key="data_file_0").upload(name, content.encode(encoding), "text/csv").run()


def test_a_plain_file_is_kept_in_one_step(store):  # noqa: F811
    at = uploaded("plain.csv", "a,b\n1,x\n2,y\n3,z\n")
    assert not at.exception and [found.name for found in store.datasets()] == ["plain"]
    assert "import_keep" not in [button.key for button in at.button]


def test_what_was_guessed_is_shown_changed_and_kept_as_said(store):  # noqa: F811
    at = uploaded("sales.csv", MESSY)
    assert not at.exception and store.datasets() == [] and "Please check" in said(at)
    at.selectbox(key="read_dates").select("day_first").run()
    at.selectbox(key="read_header").select("none").run()
    at.selectbox(key="read_header").select(None).run()
    at.text_input(key="read_name").set_value("north").run()
    at.button(key="import_keep").click().run()
    (kept,) = store.datasets()
    assert not at.exception and kept.name == "north" and kept.rows == 20 and kept.schema["when"].date_format == "%d/%m/%Y"
    assert kept.schema["price"].unit == "€" and kept.schema["price"].decimal == "," and kept.report.recipe.dates == "day_first"
    assert not list((store.home / "tmp").glob("import-*"))


def test_an_error_leaves_the_file_and_the_controls(store):  # noqa: F811
    at = uploaded("one.csv", "1,2\n")
    at.selectbox(key="read_header").select("first").run()
    assert not at.exception and "no rows" in said(at) and "still here" in said(at) and at.button(key="import_keep").disabled
    at.selectbox(key="read_header").select("none").run()
    at.button(key="import_keep").click().run()
    assert [found.rows for found in store.datasets()] == [1]


def test_pasted_rows_and_a_query_to_an_allowed_database(store, tmp_path, monkeypatch):  # noqa: F811
    with sqlite3.connect(tmp_path / "shop.db") as link:
        link.execute("CREATE TABLE orders (id INTEGER, city TEXT)")
        link.executemany("INSERT INTO orders VALUES (?, ?)", [(i, "Bonn") for i in range(5)])
    (tmp_path / "sources.json").write_text(json.dumps({"shop": f"sqlite:///{tmp_path / 'shop.db'}"}))
    monkeypatch.setenv(database.VARIABLE, str(tmp_path / "sources.json"))
    at = opened("data")
    at.text_area(key="pasted").set_value("name\tage\nAnn\t31\nBob\t44\n").run()
    at.button(key="paste_read").click().run()
    at = opened("data")
    at.text_area(key="ask_query").set_value("SELECT * FROM orders").run()
    at.button(key="ask_run").click().run()
    assert not at.exception and {(found.name, found.rows) for found in store.datasets()} == {("pasted", 2), ("shop", 5)}
