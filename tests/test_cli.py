"""The command line, as a user or another tool runs it: real files, a home of its own, and a process of its own where that matters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pipeline import Plan, Store, entry
from pipeline.__main__ import _parser, _plan, main
from pipeline.data import infer
from pipeline.data.contract import Contract
from pipeline.strategies.space import spread
from tests.tables import TABLES, customers

ROOT = Path(__file__).parents[1]


def run(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A command in this process, which has imported what a process of its own would have to import first."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setenv("TRAINYARD_HOME", str(home))
        try:
            status = main([str(word) for word in words])
        except SystemExit as ended:  # argparse's way to refuse
            status = ended.code
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def process(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The same as a person types it."""
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "TRAINYARD_HOME": str(home)}, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module", params=TABLES)
def trained(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict]:
    make, target = TABLES[request.param]
    path = tmp_path_factory.mktemp("data") / f"{request.param}.csv"
    make().to_csv(path, index=False)
    holdout = 0 if request.param == "multiclass" else 0.2
    words = ["--budget-trials", 2, "--families", "linear,lightgbm", "--seed", 1, "--holdout", holdout, "--json"]
    done = run(home, "train", path, "--target", target, *words)
    assert done.returncode == 0, done.stderr
    return request.param, path, json.loads(done.stdout)


def test_train_prints_one_object_with_what_is_promised(trained: tuple) -> None:
    task, _, said = trained
    assert {"run", "model", "task", "metric", "score", "holdout", "interval", "members", "results", "leaderboard", "seconds"} <= set(said)
    assert said["task"] == task and said["model"] == f"{task}:1"
    low, high = said["interval"]
    assert low <= (said["score"] if task == "multiclass" else said["holdout"]) <= high
    assert (said["holdout"] is None) == (task == "multiclass")
    assert {row["family"] for row in said["leaderboard"]} == {"baseline", "linear", "lightgbm"}
    assert [result["name"] for result in said["results"]] == ["accurate", "fast"] and said["result"] == "accurate"
    assert (said["score"], said["holdout"], said["members"]) == tuple(said["results"][0][name] for name in ("cv", "holdout", "members"))
    for row in said["leaderboard"]:
        assert len(row["interval"]) == 2 and isinstance(row["score"], float) and row["seconds"] >= 0


def test_predict_writes_a_row_per_row_in_order(trained: tuple, home: Path, tmp_path: Path) -> None:
    task, path, said = trained
    out = tmp_path / "predictions.csv"
    for ref in (said["model"], task):
        done = run(home, "predict", ref, path, "--out", out)
        assert done.returncode == 0, done.stderr
    rows, predicted = pd.read_csv(path), pd.read_csv(out, keep_default_na=False)
    assert len(rows) == len(predicted)
    target = TABLES[task][1]
    proba = [f"proba_{c}" for c in sorted(rows[target].unique())] if task != "regression" else []
    assert sorted(predicted.columns) == sorted(["prediction", *proba, "verdict", "reasons"])
    if task == "regression":
        assert (predicted["prediction"] - rows[target]).abs().mean() < rows[target].std() / 3
    else:
        assert (predicted["prediction"] == rows[target]).mean() > 0.75


def kept_contract(home: Path, name: str) -> str:
    """Keep a contract that half of the rows break, and return the column."""
    store = Store(home)
    dataset = store.datasets(name)[0]
    learned = Contract.learn(dataset.table(), dataset.schema)
    term = next(term for term in learned.terms if term.high is not None and term.column != TABLES[name][1])
    store.save_contract(name, learned.edited([{"column": term.column, "high": (term.low + term.high) / 2}]))
    return term.column


def test_export_proves_itself_and_predicts_the_same_in_another_home(trained: tuple, home: Path, tmp_path: Path) -> None:
    _, path, said = trained
    done = run(home, "export", said["model"], "--to", tmp_path / "model.zip")
    assert done.returncode == 0 and "proved" in done.stdout, done.stderr
    run(home, "predict", said["model"], path, "--out", tmp_path / "kept.csv")
    done = run(tmp_path / "another home", "predict", tmp_path / "model.zip", path, "--out", tmp_path / "bundle.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept.csv").read_bytes() == (tmp_path / "bundle.csv").read_bytes()


ONE = pytest.mark.parametrize("trained", ["binary"], indirect=True)


@ONE
def test_a_bundle_with_a_contract_predicts_the_same_outside_the_project_and_is_not_opened_when_it_was_changed(
    trained: tuple, home: Path, tmp_path: Path
) -> None:
    task, path, said = trained
    strict = kept_contract(home, task)
    bundle = tmp_path / "model.zip"
    done = run(home, "export", said["model"], "--to", bundle)
    assert done.returncode == 0 and "proved" in done.stdout, done.stderr
    run(home, "predict", said["model"], path, "--out", tmp_path / "kept.csv")
    with zipfile.ZipFile(bundle) as zipped:
        zipped.extractall(tmp_path / "unpacked")
    command = [sys.executable, "-I", "unpacked/predict.py", str(path), "--out", "alone.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    kept = (tmp_path / "kept.csv").read_bytes()
    assert kept == (tmp_path / "alone.csv").read_bytes()
    assert f"{strict} breaks the contract".encode() in kept
    assert f"contract '{strict}', row " in run(home, "check", path, "--contract", task).stdout

    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name) + (b" " if name == "model.joblib" else b""))
    done = run(home, "predict", changed, path, "--out", tmp_path / "out.csv")
    assert done.returncode == 1 and "model.joblib" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.csv").exists()


@ONE
def test_lists_and_check_speak_json_and_words(trained: tuple, home: Path) -> None:
    task, path, said = trained
    assert said["run"] in {r["run"] for r in json.loads(run(home, "runs", "--json").stdout)}
    assert said["model"] in {m["model"] for m in json.loads(run(home, "models", "--json").stdout)}
    assert task in {d["name"] for d in json.loads(run(home, "datasets", "--json").stdout)}
    assert said["run"] in run(home, "runs").stdout
    report = json.loads(run(home, "check", path, "--target", TABLES[task][1], "--json").stdout)
    codes = [f["code"] for f in report["findings"]]
    assert len(set(codes)) == len(codes) >= 12
    assert "DQ001" in run(home, "check", path).stdout


def test_a_question_about_a_file_is_answered_in_json(home: Path, tmp_path: Path) -> None:
    customers().to_csv(tmp_path / "asked.csv", index=False)
    done = run(home, "ask", "worth", tmp_path / "asked.csv", "--target", "left", "--set", "most=2")
    assert done.returncode == 0, done.stderr
    assert {row["column"] for row in json.loads(done.stdout)["columns"]} == {"spend", "calls"}
    refused = run(home, "ask", "wort", tmp_path / "asked.csv", "--target", "left")
    assert refused.returncode == 1 and "worth" in refused.stderr


def wrong_inputs(folder: Path) -> dict[str, tuple[Path, str, list[str]]]:
    """name -> (file, target, further words)."""
    frame = customers()
    files = {
        "empty": b"",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "one_class": frame.assign(left="no").to_csv(index=False).encode(),
        "text_target": frame.assign(story=[f"it was day {i} of a long and rainy week" for i in range(len(frame))]).to_csv(index=False).encode(),
        "whole": frame.to_csv(index=False).encode(),
    }
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content)
    cases = {name: (folder / f"{name}.csv", "left", []) for name in ("empty", "png", "one_class")}
    cases["text_target"] = (folder / "text_target.csv", "story", ["--task", "regression"])
    cases["no_such_column"] = (folder / "whole.csv", "lefft", [])
    cases["no_such_family"] = (folder / "whole.csv", "left", ["--families", "lightgmb"])
    cases["no_such_strategy"] = (folder / "whole.csv", "left", ["--strategy", "randon"])
    cases["no_such_file"] = (folder / "nothing.csv", "left", [])
    return cases


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("empty", "empty"), ("png", "PNG"), ("one_class", "single value"), ("text_target", "is text"),
        ("no_such_column", "left"), ("no_such_family", "lightgbm"), ("no_such_strategy", "random"), ("no_such_file", "nothing.csv"),
    ],
)  # fmt: skip
def test_wrong_input_ends_in_one_sentence_with_a_hint(case: str, words: str, tmp_path: Path) -> None:
    path, target, more = wrong_inputs(tmp_path)[case]
    done = (process if case == "one_class" else run)(tmp_path / "home", "train", path, "--target", target, "--budget-trials", 1, *more)
    assert done.returncode != 0 and done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert lines[0].startswith("error: ") and lines[1].startswith("hint: ") and len(lines) == 2, done.stderr
    assert words in done.stderr


def test_duplicated_and_empty_column_names_are_renamed_and_said(tmp_path: Path) -> None:
    text = customers().to_csv(index=False).replace("customer,spend,calls", ",calls,calls", 1)
    (tmp_path / "names.csv").write_text(text)
    report = json.loads(run(tmp_path / "home", "check", tmp_path / "names.csv", "--json").stdout)
    assert len(report["import"]["renamed"]) == 2 and report["import"]["problems"]


def test_a_plan_file_with_a_grid_and_no_holdout_is_carried_out_judged_out_of_fold_and_its_fast_model_can_be_kept(tmp_path: Path) -> None:
    customers().to_csv(tmp_path / "c.csv", index=False)
    plan = Plan.draft(infer(customers())[1], "left").change(families=[{"family": "linear"}], search={"trials": 3}, metric="brier")
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    home, words = tmp_path / "home", ["train", tmp_path / "c.csv", "--target", "left", "--plan", tmp_path / "plan.json"]
    search = ["--strategy", "grid", "--strategy-set", "points=5", "--pruner", "median", "--pruner-set", "folds=2"]
    done = run(home, *words, *search, "--holdout", 0, "--result", "fast", "--seed", 3)
    assert "grid: 5 combinations (linear 5)" in done.stderr
    assert "Brier score on 240 rows out of fold; none were held out: " in done.stdout, done.stderr
    assert "kept as c:1 (fast)" in done.stdout and "ms per 1,000 rows" in done.stdout
    (trained,) = Store(home).runs()
    assert [run(home, "keep", trained.id, *words).stdout.split(",")[0] for words in (["--result", "fast"], ["--name", "other"])] == [
        "already kept as c:1 (fast)", "now kept as other:1 (accurate)"]  # fmt: skip
    plan, trials = trained.plan, Store(home).trials(trained.id)
    assert plan.metric == "brier" and {trial.family for trial in trials} == {"baseline", "linear"}
    assert (plan.search.strategy, plan.search.params, plan.search.pruner, plan.search.pruner_params) == ("grid", {"points": 5}, "median", {"folds": 2})
    tuned = [trial.params["penalty"] for trial in trials[2:]]
    assert len(set(tuned)) == 2 and set(tuned) < set(spread(entry("family", "linear").param("penalty"), 5))

    done = run(home, "export", "c:1", "--to", tmp_path / "c.zip")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "c.zip") as bundle:
        card, kept = bundle.read("MODEL_CARD.md").decode(), json.loads(bundle.read("plan.json"))
    assert "no rows were held out" in card and "**fast** (this one)" in card and "one fitted model" in card
    assert kept["search"]["strategy"] == "grid" and kept["split"]["holdout"] == 0
    for wrong, word in (("--strategy=gridd", "grid"), ("--strategy-set=points=4", "points")):
        refused = run(home, *words, wrong)
        assert refused.returncode == 1 and word in refused.stderr and "Traceback" not in refused.stderr, refused.stderr


@pytest.mark.parametrize("words", [["--holdout", "1"], ["--holdout", "-0.1"], ["--result", "best"]])
def test_impossible_options_are_refused_at_once(words: list[str], tmp_path: Path) -> None:
    customers().to_csv(tmp_path / "c.csv", index=False)
    done = run(tmp_path / "home", "train", tmp_path / "c.csv", "--target", "left", *words)
    assert done.returncode == 2 and words[0] in done.stderr


def test_help_names_every_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "pipeline", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("train", "predict", "check", "export", "runs", "models", "datasets", "resume", "replay", "ask", "recipe", "cancel", "worker"):
        assert command in shown


def test_a_recipe_is_kept_handed_out_and_put_into_a_renamed_table(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "mine.json"
    customers().to_csv(tmp_path / "a.csv", index=False)
    customers().rename(columns={"spend": "Spend ($)"}).to_csv(tmp_path / "b.csv", index=False)
    store = Store(home)
    for name, own in (("a", [{"step": "clip", "columns": ["spend", "calls"]}]), ("b", [])):
        dataset = store.add_dataset(name, tmp_path / f"{name}.csv")
        plan = Plan.draft(dataset.schema, "left", dataset=dataset.id)
        store.save_draft(dataset.id, plan.change(recipe=[*own, *plan.model_dump(mode="json")["recipe"]]))
    for words in (["recipe", "save", "mine", "a"], ["recipe", "export", "mine", "--to", file], ["recipe", "delete", "mine"], ["recipe", "import", file]):
        done = run(home, *words)
        assert done.returncode == 0, done.stderr
    assert [row["template"] for row in json.loads(run(home, "recipe", "list", "--json").stdout)] == ["mine"]
    done = run(home, "recipe", "apply", "mine", "b", "--map", "calls=")
    assert done.returncode == 0 and "'Spend ($)' is taken for 'spend'" in done.stderr and "'calls' is not there" in done.stderr
    dataset = store.datasets("b")[0]
    assert store.draft(dataset.id).recipe[0].columns == ("Spend ($)",)
    for verb, clipped in (("undo", False), ("redo", True)):
        assert run(home, "recipe", verb, "b").stdout == "b v1: recipe\n" and (store.draft(dataset.id).recipe[0].step == "clip") is clipped
    refused = run(home, "recipe", "redo", "b")
    assert refused.returncode == 1 and "nothing to redo" in refused.stderr
    args = _parser().parse_args(["train", "b.csv", "--target", "left", "--recipe", str(file), "--home", str(home)])
    assert _plan(args, dataset).recipe[0].columns == ("Spend ($)", "calls")
    file.write_text('{"steps": 3}')
    refused = run(home, "recipe", "import", file)
    assert refused.returncode == 1 and "steps: Input should be" in refused.stderr
