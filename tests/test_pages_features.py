"""The recipe editor, the roles and the templates through Streamlit's own test runner: what is done is in the draft, and can be undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline import Plan, Store

ROOT = Path(__file__).resolve().parent.parent
N = 120


def rooms() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "price": rng.normal(100, 20, N).round(2), "*nights*": rng.integers(1, 9, N) + 0.5, "adults": rng.normal(2, 1, N).round(2),
            "meal": rng.choice(["full", "half", "none"], N), "country": rng.choice(["at", "de", "fr"], N),
            "arrival": (pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N), unit="D")).strftime("%Y-%m-%d"),
            "cancelled": rng.choice(["yes", "no"], N),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def read_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    rooms().to_csv(folder / "rooms.csv", index=False)
    store = Store(folder / "home")
    dataset = store.add_dataset("rooms", folder / "rooms.csv")
    store.save_draft(dataset.id, Plan.draft(dataset.schema, "cancelled", dataset=dataset.id))
    return folder / "home"


@pytest.fixture
def store(read_once, tmp_path, monkeypatch, settled) -> Store:
    shutil.copytree(read_once, tmp_path / "home")
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(ROOT)
    return Store(tmp_path / "home")


def draft(store: Store, name: str = "rooms") -> Plan:
    return store.draft(store.datasets(name)[0].id)


def opened(store: Store, tab: str = "Recipe", name: str = "rooms") -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("pages/features.py")
    at.query_params["dataset"], at.query_params["tab"] = store.datasets(name)[0].id, tab
    return ran(at)


def ran(touched) -> AppTest:
    """The page after a run: of the page itself, or of a widget of it that was touched."""
    at = touched.run()
    assert not at.exception, [*at.exception]
    return at


def steps(store: Store) -> list[str]:
    return [spec.step for spec in draft(store).recipe]


def test_a_change_is_undone_and_redone_in_a_new_session(store):
    before = steps(store)
    at = opened(store)
    assert at.button(key="undo").disabled and at.button(key="redo").disabled
    ran(at.button(key="gone_1").click())
    ran(at.button(key="gone_0").click())
    at = opened(store)
    assert "recipe" in at.button(key="undo").help
    ran(at.button(key="undo").click())
    assert steps(store) == [before[0], *before[2:]]
    ran(at.button(key="undo").click())
    assert steps(store) == before and at.button(key="undo").disabled
    ran(at.button(key="redo").click())
    assert steps(store) == [before[0], *before[2:]]


def test_roles_of_many_columns_are_set_at_once(store):
    at = opened(store, "Columns")
    assert at.button(key="role_use").disabled, "nothing selected and nothing asked for: no button may change every column"
    ran(at.text_input(key="find_role").set_value("*R*"))
    ran(at.button(key="role_ignore").click())
    assert draft(store).features == ["*nights*", "adults", "meal"]
    ran(at.text_input(key="find_role").set_value(""))
    ran(at.pills(key="role_kinds").set_value(["datetime", "numeric"]))
    ran(at.button(key="role_use").click())
    assert set(draft(store).features) == {"price", "*nights*", "adults", "arrival", "meal"}
    assert {c.name: c.reason for c in draft(store).columns}["meal"] == ""
    ran(at.button(key="undo").click())
    assert draft(store).features == ["*nights*", "adults", "meal"]
