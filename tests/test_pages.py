"""Every page through Streamlit's own test runner, on a real store: nothing there, something there, and things that are wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import psutil
import pytest

from pipeline import Plan, Store, samples
from tests.screens import ROOT, opened, said

PAGES = ["home", "data", "quality", "features", "models", "tuning", "runs", "leaderboard", "evaluate", "explain", "registry", "export"]


@pytest.fixture(scope="session")
def home_with_penguins(tmp_path_factory) -> Path:
    """A home with the penguins in it, read once; each test gets a copy."""
    home = tmp_path_factory.mktemp("penguins") / "home"
    sample = next(sample for sample in samples() if sample.name == "penguins")
    Store(home).add_dataset(sample.name, sample.path)
    return home


@pytest.fixture
def home(tmp_path, monkeypatch, settled):
    """A home of its own for each test; workers that a page started for it are ended by their id."""
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(ROOT)
    yield tmp_path / "home"
    for process in psutil.process_iter(["cmdline"]):
        if "--home" in (process.info["cmdline"] or []) and str(tmp_path / "home") in process.info["cmdline"]:
            process.terminate()


@pytest.fixture
def store(home) -> Store:
    return Store()


@pytest.fixture
def penguins(home, home_with_penguins):
    shutil.copytree(home_with_penguins, home)
    return Store().datasets("penguins")[0]


def add(store: Store, tmp_path: Path, frame: pd.DataFrame, name: str = "table"):
    path = tmp_path / f"{name}.csv"
    frame.to_csv(path, index=False)
    return store.add_dataset(name, path)


def drafted(store: Store, dataset, target: str, **fields) -> Plan:
    plan = Plan.draft(dataset.schema, target, dataset=dataset.id)
    plan = plan.change(**fields) if fields else plan
    store.save_draft(dataset.id, plan)
    return plan


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_any_dataset_says_what_to_do(store, page):
    at = opened(page)
    assert not at.exception
    assert at.title[0].value == page.title()
    assert any(words in said(at) for words in ("yet", "Nothing here")), said(at)


@pytest.mark.parametrize("page", ["data", "features"])
def test_the_legacy_folder_does_not_take_over(penguins, home, page, monkeypatch):
    """What the first request of a server is when it is a deep link: Streamlit runs the page without app.py, and the page undoes that."""
    monkeypatch.undo()
    monkeypatch.setenv("TRAINYARD_HOME", str(home))
    monkeypatch.chdir(ROOT)
    at = opened(page, dataset=penguins.id)
    assert not at.exception
    assert at.selectbox(key="picker").value == penguins.id


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_dataset_and_a_draft(penguins, store, page):
    drafted(store, penguins, "Species")
    at = opened(page, dataset=penguins.id)
    assert not at.exception and not at.error
    assert at.selectbox(key="picker").value == penguins.id


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("params", [{"run": "0" * 12}, {"dataset": "0" * 12}], ids=["run", "dataset"])
def test_an_id_that_does_not_exist_is_said(penguins, page, params):
    at = opened(page, **params)
    assert not at.exception
    assert "000000000000" in at.error[0].value


def test_the_dataset_of_the_page_is_put_into_the_url(penguins, store):
    at = opened("data")
    assert at.query_params["dataset"] in (penguins.id, [penguins.id])


def test_choosing_a_target_on_the_quality_page_drafts_a_plan_and_checks_with_it(penguins, store):
    at = opened("quality", dataset=penguins.id)
    assert store.draft(penguins.id) is None
    at.selectbox(key="quality_target").select("Species").run()
    assert not at.exception
    assert store.draft(penguins.id).target == "Species"
    assert store.quality(penguins.id, "Species")["target"] == "Species"


def test_a_fix_is_applied_and_undone_and_survives_a_new_session(store, tmp_path):
    table = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5] * 30, "same": "x", "y": ["yes", "no"] * 60})
    dataset = add(store, tmp_path, table)
    drafted(store, dataset, "y")
    at = opened("quality", dataset=dataset.id)
    constant = next(f for f in store.quality(dataset.id, "y")["findings"] if f["status"] == "found" and "same" in f["columns"] and f["fixes"])
    at.radio(key="check").set_value(constant["code"]).run()
    at.button(key="apply").click().run()
    assert not at.exception
    assert [fix.code for fix in store.draft(dataset.id).fixes] == [constant["code"]]
    again = opened("quality", dataset=dataset.id)
    again.button(key="undo_0").click().run()
    assert store.draft(dataset.id).fixes == ()


def test_a_contract_is_kept_and_a_later_version_that_breaks_it_says_so(store, tmp_path):
    table = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5] * 30, "self": ["x", "y"] * 60, "y": ["yes", "no"] * 60})
    first = add(store, tmp_path, table)
    at = opened("data", dataset=first.id, data_tab="Contract")
    at.button(key="contract_keep").click().run()
    assert not at.exception
    assert [term.allowed for term in store.contract(first.name).terms if term.column == "self"] == [("x", "y")]
    assert "keep the contract" in at.success[-1].value
    table.loc[7, "self"] = "zebra"
    later = add(store, tmp_path, table)
    assert later.version == 2
    at = opened("data", dataset=later.id, data_tab="Contract")
    assert "row 8" in at.warning[0].value and "zebra" in at.warning[0].value
    at.button(key="contract_learn").click().run()
    assert not at.exception and store.breaches(later) == []
    at.button(key="contract_drop").click().run()
    assert not at.exception and store.contract(first.name) is None


def test_a_finding_is_ignored_for_a_reason(penguins, store):
    drafted(store, penguins, "Species")
    at = opened("quality", dataset=penguins.id)
    code = at.radio(key="check").value
    at.text_input(key=f"why_{code}").set_value("known *gap*")
    at.button(key="ignore_go").click().run()
    assert not at.exception
    (fix,) = store.draft(penguins.id).fixes
    assert (fix.code, fix.title, fix.steps, fix.ignore) == (code, "Ignored: known *gap*", (), ())


def test_the_target_and_the_task_are_chosen_on_the_features_page(penguins, store):
    at = opened("features", dataset=penguins.id)
    at.selectbox(key="target").select("Sex").run()
    assert store.draft(penguins.id).task == "binary"
    at.selectbox(key="target").select("Body Mass (g)").run()
    assert not at.exception
    assert store.draft(penguins.id).task == "regression"


def test_another_target_keeps_the_recipe(penguins, store):
    plan = drafted(store, penguins, "Species")
    columns = [{**column, "known": "after"} for column in plan.model_dump(mode="json")["columns"]]
    fixes = [{"code": code, "title": code} for code in ("COURT", "DQ012", "DQ003")]
    drafted(store, penguins, "Species", recipe=[{"step": "clip"}, *plan.model_dump(mode="json")["recipe"]], columns=columns, fixes=fixes)
    at = opened("features", dataset=penguins.id)
    at.selectbox(key="target").select("Sex").run()
    kept = store.draft(penguins.id)
    assert kept.recipe[0].step == "clip" and [fix.code for fix in kept.fixes] == ["DQ003"]
    assert {column.known for column in kept.columns} == {""}, "when a value is known was said about the other target"


def test_steps_are_switched_moved_and_removed(penguins, store):
    before = [spec.step for spec in drafted(store, penguins, "Species").recipe]
    at = opened("features", dataset=penguins.id)
    at.button(key="down_0").click().run()
    moved = [spec.step for spec in store.draft(penguins.id).recipe]
    assert moved == [before[1], before[0], *before[2:]]
    at.button(key="gone_0").click().run()
    assert [spec.step for spec in store.draft(penguins.id).recipe] == moved[1:]
    at.toggle(key="on_0").set_value(False).run()
    assert not at.exception
    assert store.draft(penguins.id).recipe[0].enabled is False


def test_a_parameter_of_a_step_is_kept(penguins, store):
    drafted(store, penguins, "Species", recipe=[{"step": "clip"}, {"step": "date_parts"}, {"step": "boolean"}, {"step": "encode"}, {"step": "text"}])
    at = opened("features", dataset=penguins.id)
    at.button(key="open_0").click().run()
    at.number_input(key="step_0_clip_low").set_value(0.05).run()
    assert not at.exception
    assert store.draft(penguins.id).recipe[0].params == {"low": 0.05}


def test_columns_without_an_encoding_are_said_beside_the_recipe(penguins, store):
    drafted(store, penguins, "Species", recipe=[])
    at = opened("features", dataset=penguins.id)
    assert not at.exception
    assert "turns" in said(at)


@pytest.mark.parametrize(
    ("frame", "target", "task", "words"),
    [
        ({"a": range(40), "y": ["same"] * 40}, "y", None, "single value"),
        ({"a": range(40), "y": ["u", "v", "w", "x"] * 10}, "y", "regression", "is text; a regression needs numbers"),
        ({"a": range(6), "y": ["u", "v"] * 3}, "y", None, "at least"),
    ],
    ids=["one class", "text for a number", "too few rows"],
)
def test_a_target_that_cannot_be_learned_is_said_in_a_sentence(store, tmp_path, frame, target, task, words):
    dataset = add(store, tmp_path, pd.DataFrame(frame))
    store.save_draft(dataset.id, Plan.draft(dataset.schema, target, dataset=dataset.id, task=task))
    at = opened("features", dataset=dataset.id)
    assert not at.exception
    assert words in said(at).replace("\\", "")
    assert at.button(key="next").disabled


HOSTILE = ["*bold*", ":red[colour]", "[link](http://evil.example)", "$x^2$", "<b>tag</b>", ":material/home:", "`code`", "a | b", "www.evil.example", "-- >"]


@pytest.mark.parametrize(("page", "tab"), [("data", "Columns"), ("data", "Contract"), ("quality", "Checks"), ("features", "Recipe"), ("features", "Templates")])
def test_names_from_data_are_never_markdown(store, tmp_path, page, tab):
    """Each name is found on the page only in its escaped form."""
    frame = pd.DataFrame({name: [f"{name} {i % 3}" for i in range(60)] for name in HOSTILE} | {"y": [0, 1] * 30})
    dataset = add(store, tmp_path, frame, name="*name* :red[x]")
    drafted(store, dataset, "*bold*")
    at = opened(page, **{"dataset": dataset.id, f"{page}_tab": tab})
    assert not at.exception
    texts = [element.value for kind in ("markdown", "caption", "error", "warning") for element in at.get(kind)]
    texts += [str(button.label) for button in at.button]
    assert not any("\\\\[" in text for text in texts), "a bracket with two backslashes is shown with one"
    for name in (name for name in [*HOSTILE, "*name* :red[x]"] if len(name) > 5):
        assert not any(name in text for text in texts), name


def test_a_large_table_is_read_once(store, tmp_path, monkeypatch):
    """Reruns draw from what was seen of a table; only the first one opens it."""
    dataset = add(store, tmp_path, pd.DataFrame({"a": range(5_000), "y": [0, 1] * 2_500}))
    drafted(store, dataset, "y")
    at = opened("data", dataset=dataset.id)
    (store.home / "objects").rename(store.home / "away")  # from here on the rows cannot be read
    for _ in range(2):
        at.run()
    assert not at.exception and not at.error
    assert at.dataframe[0].value.shape == (200, 2)


def test_the_draft_that_the_page_shows_is_the_stored_one(penguins, store):
    drafted(store, penguins, "Species")
    at = opened("features", dataset=penguins.id)
    drafted(store, penguins, "Sex")  # another tab
    at.run()
    assert at.selectbox(key="target").value == "Sex"
