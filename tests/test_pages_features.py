"""The recipe editor, the roles and the templates through Streamlit's own test runner: what is done is in the draft, and can be undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages import _recipe
from pipeline import Plan, Store, catalog
from tests import screens
from tests.screens import ROOT

N = 120


def rooms() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "price": rng.normal(100, 20, N).round(2), "*nights*": rng.integers(1, 9, N) + 0.5, "adults": rng.normal(2, 1, N).round(2),
            "meal": rng.choice(["full", "half", "none"], N), "country": rng.choice(["at", "de", "fr"], N),
            "lodging": rng.choice(["a", "b"], N),
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
    at = screens.opened("features", dataset=store.datasets(name)[0].id, features_tab=tab)
    assert not at.exception
    return at


def ran(touched) -> AppTest:
    """The page after a run: of the page itself, or of a widget of it that was touched."""
    at = touched.run()
    assert not at.exception, [*at.exception]
    return at


def steps(store: Store, name: str = "rooms") -> list[str]:
    return [spec.step for spec in draft(store, name).recipe]


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
    assert draft(store).features == ["*nights*", "adults", "meal", "lodging"]
    ran(at.text_input(key="find_role").set_value(""))
    ran(at.pills(key="role_kinds").set_value(["datetime", "numeric"]))
    ran(at.button(key="role_use").click())
    assert set(draft(store).features) == {"price", "*nights*", "adults", "arrival", "meal", "lodging"}
    assert {c.name: c.reason for c in draft(store).columns}["meal"] == ""
    ran(at.button(key="undo").click())
    assert draft(store).features == ["*nights*", "adults", "meal", "lodging"]


def test_steps_are_copied_and_moved_to_either_end_within_their_phase(store):
    plan = draft(store)
    store.save_draft(plan.dataset, plan.change(recipe=[{"step": name} for name in ("clip", "drop_duplicates", "date_parts", "impute", "encode")]))
    at = opened(store)
    at.session_state["opened"] = 0
    ran(at.button(key="up_2").click())
    assert at.session_state["opened"] == 2, "the settings that are open stay those of their step"
    assert steps(store) == ["date_parts", "drop_duplicates", "clip", "impute", "encode"], "the step that leaves out rows is another phase"
    plan, places = draft(store), [0, 2, 3, 4]
    for what, place, expected in (("bottom", 0, "2 1 3 4 0"), ("top", 3, "3 1 0 2 4"), ("copy", 2, "0 1 2 2 3 4"), ("gone", 2, "0 1 3 4")):
        moved, _ = _recipe._moved(plan, what, place, places)
        assert [spec["step"] for spec in moved] == [plan.recipe[int(i)].step for i in expected.split()], what


def test_a_step_is_found_added_and_set(store):
    at = opened(store)
    ran(at.button(key="add_step").click())
    ran(at.text_input(key="find_step").set_value("divided"))
    assert [button.key for button in at.button if button.label == "Add"] == ["add_ratio"]
    ran(at.button(key="add_ratio").click())
    place = steps(store).index("ratio")
    assert "not chosen" in screens.said(at), "the plan says what is missing, and the settings are open"
    ran(at.selectbox(key=f"step_{place}_ratio_numerator").select("price"))
    ran(at.selectbox(key=f"step_{place}_ratio_denominator").select("*nights*"))
    assert draft(store).recipe[place].params == {"numerator": "price", "denominator": "*nights*"}
    frame = next(frame.value for frame in at.dataframe)
    assert list(frame.columns) == ["price / *nights*"] and len(frame) == 20
    assert "adds 1" in screens.said(at) and "ONNX cannot carry it" in screens.said(at)
    ran(at.button(key=f"open_{place}").click())
    assert "price / *nights*" in next(frame.value for frame in at.dataframe).columns


def test_the_columns_of_a_step_are_chosen_by_name_and_by_pattern(store):
    at = opened(store)
    place = steps(store).index("impute")
    ran(at.button(key=f"open_{place}").click())
    ran(at.multiselect(key=f"columns_{place}").set_value(["price"]))
    assert draft(store).recipe[place].columns == ("price",)
    at.session_state[f"choose_{place}"] = True
    ran(at)
    ran(at.text_input(key=f"pattern_{place}").set_value("*S*"))
    ran(at.button(key=f"and_{place}").click())
    assert draft(store).recipe[place].columns == ("price", "*nights*", "adults")
    ran(at.button(key=f"all_{place}").click())
    assert draft(store).recipe[place].columns is None


def test_a_recipe_is_kept_and_put_into_a_renamed_table(store, tmp_path):
    plan = draft(store)
    own = [{"step": "clip", "columns": ["price", "country"]}, *plan.model_dump(mode="json")["recipe"]]
    store.save_draft(plan.dataset, plan.change(recipe=own))
    at = opened(store, "Templates")
    at.text_input(key="template_name").set_value("*mine*")
    ran(at.button(key="template_save").click())
    assert store.template("*mine*").recipe["columns"] == {"price": "numeric", "country": "categorical"}
    rooms().rename(columns={"price": "PRICE "}).drop(columns="country").to_csv(tmp_path / "copy.csv", index=False)
    copy = store.add_dataset("copy", tmp_path / "copy.csv")
    store.save_draft(copy.id, Plan.draft(copy.schema, "cancelled", dataset=copy.id))
    at = opened(store, "Templates", "copy")
    ran(at.button(key="template_use_0").click())
    assert "'country' is not there" in screens.said(at).replace("\\", "")
    ran(at.button(key="template_apply").click())
    assert draft(store, "copy").recipe[0].columns == (copy.schema.names[0],)
    ran(at.button(key="undo").click())
    assert "clip" not in steps(store, "copy")
    ran(at.button(key="template_gone_0").click())
    assert store.templates() == []


def test_the_drawing_has_every_kind_and_every_step(store):
    plan = draft(store)
    ratio = {"step": "ratio", "params": {"numerator": "price", "denominator": "adults"}}
    store.save_draft(plan.dataset, plan.change(recipe=[*plan.model_dump(mode="json")["recipe"][:3], ratio, *plan.model_dump(mode="json")["recipe"][3:]]))
    at = opened(store, "Flow")
    at.session_state["flow_table"] = True
    ran(at)
    rows = {(row["From"], row["To"]): row["Columns"] for row in at.dataframe[0].value.to_dict("records")}
    last = catalog.get("step", "select_distinct").title
    assert rows["Datetime (1)", "Date parts"] == 1 and rows["Encode categories", last] == 3
    assert sum(n for (_, to), n in rows.items() if to == "Model") == 8
    assert sum(n for (_, to), n in rows.items() if to == "Ratio of two numbers") == 2
