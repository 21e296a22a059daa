"""The pages that train, judge and deliver, through Streamlit's own test runner, on a real store with real finished runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from streamlit.testing.v1 import AppTest

from pages import _judged, _plan, _scoring
from pipeline import Plan, Store, entry, grid_sizes
from pipeline.executor import InlineExecutor
from pipeline.run import execute
from pipeline.worker import perform
from tests import courses
from tests.screens import ROOT, opened, said

EVIL = ":red[dose] <b>$x$</b>"  # a column's name that Streamlit would read as markdown
TASKS = ("binary", "multiclass", "regression")


def table(task: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({EVIL: rng.normal(size=240), "size": rng.integers(1, 90, 240), "town": rng.choice(["Bonn", "Kiel", "Ulm"], 240)})
    signal = frame[EVIL] + 0.02 * frame["size"] + rng.normal(scale=0.6, size=240)
    if task == "regression":
        return frame.assign(price=signal.round(3))
    classes = ["$no$", "**yes**"] if task == "binary" else ["low", "mid", "high"]
    return frame.assign(outcome=pd.qcut(signal, len(classes), labels=classes).astype(str))


class Finished:
    """A home with one finished run for each task."""

    def __init__(self, home: Path) -> None:
        self.home, self.store = home, Store(home)
        self.datasets, self.runs = {}, {}
        for task in TASKS:
            path = home / f"{task}.csv"
            frame = table(task)
            frame.to_csv(path, index=False)
            dataset = self.datasets[task] = self.store.add_dataset(f"{task}_*data*", path)
            plan = Plan.draft(dataset.schema, frame.columns[-1], dataset=dataset.id).change(
                families=[{"family": "linear"}], search={"trials": 4}, split={"holdout": 0.2, "folds": 3},
            )  # fmt: skip
            self.store.save_draft(dataset.id, plan)
            run = self.store.submit(plan)
            self.runs[task] = perform(self.store, self.store.claim("test", run.id), partial(execute, executor=InlineExecutor()))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return Finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture(autouse=True)
def home(finished, monkeypatch, settled):
    """The pages see the home of the finished runs; workers that a page started for it are ended by their id."""
    monkeypatch.setenv("TRAINYARD_HOME", str(finished.home))
    monkeypatch.chdir(ROOT)
    yield
    ours = [p for p in psutil.process_iter(["cmdline"]) if {"--home", str(finished.home)} <= set(p.info["cmdline"] or [])]
    for process in ours:
        process.terminate()
    psutil.wait_procs(ours, timeout=30)


@pytest.fixture
def queued(finished):
    """A run that nobody has taken yet; it is cancelled afterwards if it is still on."""
    plan = finished.store.draft(finished.datasets["binary"].id).change(seed=int(np.random.default_rng().integers(1, 2**31)))
    run = finished.store.submit(plan)
    yield run
    if finished.store.run(run.id).active:
        finished.store.request_stop(run.id)


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("page", ["models", "tuning", "runs", "leaderboard", "evaluate", "explain", "registry"])
def test_every_page_shows_a_finished_run(finished, page, task):
    at = opened(page, run=finished.runs[task].id)
    assert not at.exception and not at.error
    assert at.title[0].value == page.title()


@pytest.mark.parametrize("page", ["runs", "leaderboard", "evaluate", "explain", "registry"])
def test_a_run_that_does_not_exist_is_said(page):
    at = opened(page, run="000000000000")
    assert not at.exception
    assert "000000000000" in at.error[0].value


# --- leaderboard, evaluate, explain -----------------------------------------------------------------------------------


def test_the_leaderboard_says_on_which_rows_and_shows_intervals(finished):
    at = opened("leaderboard", run=finished.runs["binary"].id)
    assert "Cross-validated on 192 rows in 3 folds; higher ROC AUC is better." in said(at)
    board = finished.store.leaderboard(finished.runs["binary"].id)
    shown = next(frame.value for frame in at.dataframe if "Interval" in frame.value)  # beside it may be an ensemble's members
    assert list(shown["Family"]) == [row["title"] for row in board]
    assert list(shown.iloc[:, 1]) == ["Best", "Always the same answer"]
    assert {trace["type"] for trace in charts(at)[0]["data"]} == {"scatter"}


def test_ties_are_named(finished):
    at = opened("leaderboard", run=finished.runs["binary"].id)
    assert "within noise" not in said(at)
    assert _judged.words(["a", "b", "c"]) == "a, b and c"
    assert _judged.words(["a"]) == "a"


def test_every_figure_of_the_evaluation_has_its_interval_and_the_baseline(finished):
    run = finished.runs["binary"]
    at = opened("evaluate", run=run.id)
    facts = {m["title"]: m for m in finished.store.evaluation(run.id)["cv"]["metrics"]}
    for card in at.metric:
        assert card.value == _judged.number(facts[card.label]["value"])
    assert f"baseline {_judged.number(0.5)}".replace(".", r"\.") in said(at)


def test_the_threshold_moves_the_table_and_the_matrix(finished):
    run = finished.runs["binary"]
    at = opened("evaluate", run=run.id)
    low = at.slider(key="thr").set_value(0.1).run()
    assert not low.exception
    row = finished.store.evaluation(run.id)["cv"]["thresholds"][10]
    matrix = next(c for c in charts(low) if c["data"][0]["type"] == "heatmap")["data"][0]["z"]
    assert matrix == [[row["tn"], row["fp"]], [row["fn"], row["tp"]]]
    assert f"{row['tp']:,} rightly, {row['fp']:,} wrongly" in said(low)


def test_the_confusion_matrix_in_shares(finished):
    at = opened("evaluate", run=finished.runs["multiclass"].id)
    at.get("button_group")[1].set_value("row").run() if at.get("button_group") else None
    assert not at.exception


def test_the_holdout_is_shut_until_it_is_asked_for_and_every_look_is_counted(finished):
    run, store = finished.runs["regression"], finished.store
    at = opened("evaluate", run=run.id, part="Holdout")
    assert not at.metric
    assert "Looked at so far: never" in said(at)
    at.button(key="reveal").click().run()
    value = next(m["value"] for m in store.evaluation(run.id)["holdout"]["metrics"] if m["name"] == "rmse")
    assert at.metric[0].value == _judged.number(value)
    assert [e.kind for e in store.events(run.id)].count("holdout_look") == 1
    at.run()
    assert [e.kind for e in store.events(run.id)].count("holdout_look") == 1, "a rerun is not another look"
    assert "Looked at so far: once" in said(opened("evaluate", run=run.id, part="Holdout"))


def test_the_holdout_takes_the_threshold_as_it_is(finished):
    at = opened("evaluate", run=finished.runs["binary"].id, part="Holdout")
    at.button(key="reveal").click().run()
    assert at.slider(key="thr").disabled


def test_importance_in_plain_words(finished):
    at = opened("explain", run=finished.runs["binary"].id)
    assert "ROC AUC falls by" in said(at)
    assert set(at.dataframe[0].value["Column"]) == {EVIL, "size", "town"}


def test_an_analysis_is_asked_for_watched_and_read_where_it_was_asked(finished):
    at = opened("explain", run=finished.runs["binary"].id)
    assert at.button(key="ask_worth").label == "Measure"
    asked = finished.store.submit(finished.store.draft(finished.datasets["binary"].id).asking("worth"))
    assert opened("explain", run=finished.runs["binary"].id).button(key="stop_worth").label == "Stop"
    perform(finished.store, finished.store.claim("test", asked.id))
    at = opened("explain", run=finished.runs["binary"].id)
    assert at.button(key="ask_worth").label == "Ask again" and "With all columns" in said(at)
    judged = opened("leaderboard", dataset=finished.datasets["binary"].id)
    assert not judged.exception and "no model" not in said(judged), "an analysis is not the newest run that is judged"
    assert "What each column is worth in" in said(opened("runs", run=asked.id))


def test_names_from_the_data_stay_text(finished):
    for page in ("leaderboard", "evaluate", "explain", "registry", "runs", "models", "tuning"):
        text = said(opened(page, run=finished.runs["binary"].id))
        assert EVIL not in text and "binary_*data*" not in text
        assert "Threshold for **yes**" not in text


# --- models and tuning -------------------------------------------------------------------------------------------------


def test_a_preset_is_kept_in_the_draft(finished):
    dataset = finished.datasets["regression"]
    at = opened("models", dataset=dataset.id)
    at.selectbox(key="folds").set_value("4").run()
    at.checkbox(key="on_lightgbm").check().run()
    assert not at.exception
    plan = finished.store.draft(dataset.id)
    assert plan.split.folds == 4
    assert [f.family for f in plan.families] == ["linear", "lightgbm"]
    again = opened("models", dataset=dataset.id)
    assert again.selectbox(key="folds").value == "4"
    assert "2 families × 4 folds" in said(again)


def test_a_parameter_that_differs_is_fixed(finished):
    dataset = finished.datasets["multiclass"]
    at = opened("models", dataset=dataset.id)
    at.number_input(key="p_linear_penalty").set_value(5.0).run()
    assert finished.store.draft(dataset.id).families[0].params == {"penalty": 5.0}
    at.number_input(key="p_linear_penalty").set_value(1.0).run()
    assert finished.store.draft(dataset.id).families[0].params == {}


def test_without_a_family_the_button_is_held_back_and_the_page_says_why(finished):
    dataset = finished.datasets["multiclass"]
    at = opened("models", dataset=dataset.id)
    at.checkbox(key="on_linear").uncheck().run()
    assert at.button(key="start").disabled
    assert "No model family is chosen" in said(at)
    at.checkbox(key="on_linear").check().run()
    assert not at.button(key="start").disabled


def test_starting_twice_gives_one_run(finished):
    dataset = finished.datasets["multiclass"]
    before = len(finished.store.runs(dataset.id))
    at = opened("models", dataset=dataset.id)
    at.number_input(key="seed").set_value(77).run()
    plan = finished.store.draft(dataset.id)
    first = finished.store.submit(plan)
    at.button(key="start").click().run()
    assert not at.exception
    assert len(finished.store.runs(dataset.id)) == before + 1
    assert finished.store.runs(dataset.id)[0].id == first.id


def test_a_budget_in_trials_is_reproducible_and_one_in_seconds_is_not(finished):
    dataset = finished.datasets["regression"]
    at = opened("tuning", dataset=dataset.id)
    at.number_input(key="trials").set_value(7).run()
    assert finished.store.draft(dataset.id).search.trials == 7
    assert "Exactly reproducible" in said(at)
    at.get("button_group")
    finished.store.save_draft(dataset.id, finished.store.draft(dataset.id).change(search={"seconds": 30}))
    assert "Not exactly reproducible" in said(opened("tuning", dataset=dataset.id))
    weighing = {"strategy": "nsga2", "params": {"objectives": "quality and latency"}, "trials": 7}  # latency is measured, never twice the same
    finished.store.save_draft(dataset.id, finished.store.draft(dataset.id).change(search=weighing))
    assert "Not exactly reproducible" in said(opened("tuning", dataset=dataset.id))


def test_the_bounds_of_the_search_are_checked_and_kept(finished):
    plan = finished.store.draft(finished.datasets["binary"].id)
    base = _plan.space_rows(plan)
    penalty = next(i for i, row in enumerate(base) if row["Parameter"] == "Penalty")
    edited = [dict(row) for row in base]
    edited[penalty]["Low"] = 0.5
    assert _plan.space_problems(base, edited) == []
    kept = plan.change(families=_plan.with_space(plan, base, edited))
    assert kept.families[0].space == {"penalty": (0.5, 1000.0)}
    assert [row["Low"] for row in _plan.space_rows(kept)][penalty] == 0.5
    edited[penalty]["Low"] = 2_000.0
    assert "must be smaller" in _plan.space_problems(base, edited)[0]
    edited[penalty]["Low"] = 1e-9
    assert "leaves the bounds" in _plan.space_problems(base, edited)[0]
    edited[penalty]["Low"] = None
    assert "give both" in _plan.space_problems(base, edited)[0]


@pytest.mark.parametrize("view", ["History", "Parameters", "One parameter", "Trials"])
def test_what_the_latest_run_found(finished, view):
    at = opened("tuning", run=finished.runs["binary"].id, view=view)
    assert not at.exception
    assert bool(charts(at)) is (view != "Trials")


VIEWS = ["History", "Importance", "Parameters", "One parameter", "Two parameters", "Timeline", "Trials"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_long_search(finished, queued, view):
    courses.searched(finished.store, queued.id)
    at = opened("tuning", run=queued.id, view=view)
    assert not at.exception and not at.error
    drawn = charts(at)
    assert len(drawn) == (0 if view in ("Timeline", "Trials") else 1)
    if view == "Importance":
        assert drawn[0]["data"][0]["customdata"][0] == entry("family", "lightgbm").params[0].title and drawn[0]["data"][0]["x"][0] > 0.7
    if view == "Two parameters":
        assert {trace["type"] for trace in drawn[0]["data"]} == {"contour", "scatter"}


def test_importance_needs_enough_trials_and_says_so(finished, queued):
    courses.searched(finished.store, queued.id, count=4)
    assert "needs at least 10 trials" in said(opened("tuning", run=queued.id, view="Importance")).replace("\\", "")


def test_a_strategy_and_a_pruner_are_chosen_with_their_parameters(finished):
    dataset = finished.datasets["multiclass"]
    at = opened("tuning", dataset=dataset.id)
    at.selectbox(key="strategy").select("nsga2").run()
    at.selectbox(key="strategy_nsga2_objectives").select("quality and latency").run()
    at.selectbox(key="pruner").select("median").run()
    at.number_input(key="pruner_median_folds").set_value(2).run()
    assert not at.exception
    search = finished.store.draft(dataset.id).search
    assert (search.strategy, search.params) == ("nsga2", {"objectives": "quality and latency"})
    assert (search.pruner, search.pruner_params) == ("median", {"folds": 2})
    at.selectbox(key="strategy").select("tpe").run()
    assert finished.store.draft(dataset.id).search.params == {}, "the parameters of another strategy are gone"
    at = opened("models", dataset=dataset.id)
    assert finished.store.draft(dataset.id).search.pruner == "median", "a preset of the budget leaves the pruner alone"


def test_a_grid_is_counted_before_the_start_with_the_time_it_would_take(finished):
    dataset = finished.datasets["binary"]
    draft = finished.store.draft(dataset.id)
    at = opened("tuning", dataset=dataset.id, run=finished.runs["binary"].id)
    at.selectbox(key="strategy").select("grid").run()
    at.number_input(key="strategy_grid_points").set_value(4).run()
    assert not at.exception
    total = sum(grid_sizes(finished.store.draft(dataset.id), 4).values())
    (info,) = at.info
    assert f"{total:,} combinations" in info.proto.title or f"{total:,} combinations" in info.value
    assert "the mean of the latest run" in info.value
    finished.store.save_draft(dataset.id, draft)


def test_a_configuration_is_put_in_the_queue_and_taken_out_again(finished):
    dataset = finished.datasets["multiclass"]
    at = opened("tuning", dataset=dataset.id)
    at.number_input(key="q_linear_penalty").set_value(0.25).run()
    at.button(key="enqueue").click().run()
    assert not at.exception
    (spec,) = finished.store.draft(dataset.id).search.enqueued
    assert spec.family == "linear" and spec.params["penalty"] == 0.25
    assert at.button(key="enqueue").disabled, "it is there already"
    at.button(key="unqueue_0").click().run()
    assert finished.store.draft(dataset.id).search.enqueued == ()


def test_a_finished_run_is_extended_by_some_trials_as_a_run_of_its_own(finished):
    run = finished.runs["regression"]
    at = opened("tuning", run=run.id)
    at.number_input(key="more_trials").set_value(3).run()
    assert at.button(key="extend_go").label == "Run 7 trials"
    at.button(key="extend_go").click().run()
    assert not at.exception
    newest = finished.store.runs(run.dataset_id)[0]
    assert newest.id != run.id and newest.plan == run.plan.change(search=run.plan.search.model_dump(mode="json") | {"trials": 7})
    assert finished.store.run(run.id).state == "done"
    finished.store.request_stop(newest.id)


# --- runs --------------------------------------------------------------------------------------------------------------


def test_a_queued_run_is_cancelled_by_the_second_step_alone(finished, queued):
    at = opened("runs", run=queued.id)
    assert "Waiting for a worker" in said(at) and "keep the best so far?" in said(at)
    assert finished.store.run(queued.id).state == "queued", "opening the page, and with it the question, stops nothing"
    at.button(key="cancel_yes").click().run()
    assert finished.store.run(queued.id).state == "cancelled"
    assert not at.exception


def test_a_running_run_shows_phase_progress_best_and_warnings(finished, queued):
    store = finished.store
    lease = store.claim("test", queued.id)
    store.update(
        lease, phase="training", progress=0.42, eta_seconds=75.0, best={"number": 1, "family": "linear", "score": 0.81, "metric": "roc_auc"}
    )
    store.event(lease, "phase", {"phase": "training", "message": "Trial 1: Linear model"})
    store.event(lease, "warning", {"message": "3 rows of *x* were left out."})
    store.put_trial(lease, {"number": 0, "family": "baseline", "params": {}, "score": 0.5, "interval": (0.5, 0.5), "fold_scores": (0.5,), "seconds": 0.1,
                            "state": "complete", "message": ""})  # fmt: skip
    at = opened("runs", run=queued.id)
    text = said(at)
    assert r"Trial 1\: Linear model" in text
    assert r"3 rows of \*x\* were left out" in text
    assert r"0\.8100" in text
    assert at.get("progress")[0].proto.text == "42% · about 1 min 15 s left"
    assert charts(at)[0]["data"][1]["y"] == [0.5]
    store.fail(lease, "x", "y", "z")


def test_learning_curves_are_drawn_while_a_run_is_on_and_what_is_wrong_is_said_once(finished, queued):
    lease = courses.training(finished.store, queued.id)
    at = opened("runs", run=queued.id, show="Learning curves")
    assert not at.exception
    lines = charts(at)[0]["data"]
    assert len(lines) == 3 * 4 * 2, "three trials of four folds, validation and training"
    assert {"Trial 2 · CatBoost", "Trial 1 · LightGBM"} < {line["name"] for line in lines}
    text = said(at)
    assert text.count("Over-fitting") == 1 and text.count("**Not a number**") == 1
    assert "The loss is not a number from iteration 210 on" in text.replace("\\", "")
    assert "Trial 3" in at.warning[0].value, "what makes a trial worthless is said on every view"
    finished.store.event(lease, "round", {"number": 1, "fold": 1, "iteration": 310, "score": -0.25, "train": None})
    at.run()
    assert max(x for line in charts(at)[0]["data"] for x in line["x"]) == 310, "the next poll draws it"
    at.selectbox(key="curves_of").select(1).run()
    assert {line["name"] for line in charts(at)[0]["data"]} == {"Fold 1", "Fold 2", "Fold 3", "Fold 4"}
    finished.store.fail(lease, "x", "y", "z")


def test_the_timeline_has_a_bar_for_each_fit_and_says_how_busy_the_slots_were(finished, queued):
    lease = courses.training(finished.store, queued.id)
    at = opened("runs", run=queued.id, show="Timeline")
    assert not at.exception
    gantt = charts(at)[0]["data"]
    assert [bars["name"] for bars in gantt][0::4] == ["Linear model", "Preparing"]
    assert sum(len(bars["x"]) for bars in gantt) == 17
    assert gantt[0]["base"] == [0.0, 0.0, 1.4, 1.4] and gantt[0]["y"] == [0, 1, 0, 1]
    text = said(at)
    assert "17 fits in 2 slots" in text and "**91%** of the slots' time" in text, f"(16 x 1.3 + 0.4) / (2 x 11.7) in {text}"
    assert len(charts(at)) == 3
    finished.store.fail(lease, "x", "y", "z")


@pytest.mark.parametrize("view", ["Scores", "Learning curves", "Timeline"])
def test_a_run_without_such_events_says_what_would_be_there(finished, view):
    at = opened("runs", run=finished.runs["binary"].id, show=view)
    assert not at.exception and not at.warning


@pytest.mark.parametrize("state", ["failed", "interrupted", "cancelled"])
def test_a_run_that_ended_early_says_why_first_and_offers_to_resume(finished, queued, state):
    lease = finished.store.claim("test", queued.id)
    finished.store.fail(lease, "The *disk* is full.", "Free some space; then resume.", "disk", state=state)
    at = opened("runs", run=queued.id)
    assert not at.exception
    assert "Free some space; then resume" in said(at).replace("\\", "")
    assert at.button(key="resume").label == "Start again"
    at.button(key="resume").click().run()
    assert finished.store.run(queued.id).state in ("queued", "running", "done")
    assert finished.store.run(queued.id).attempt == 2


def test_the_judging_pages_send_you_to_a_run_that_is_still_on(finished, queued):
    for page in ("leaderboard", "evaluate", "explain"):
        at = opened(page, run=queued.id)
        assert "This run is still on" in said(at)


def test_all_runs_in_one_table(finished):
    at = opened("runs")
    shown = at.dataframe[0].value
    assert {finished.runs[task].id[:6] for task in TASKS} <= set(shown["Run"])


# --- registry and export -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(finished):
    return {task: finished.store.keep(finished.runs[task].id, f"model_*{task}*") for task in TASKS}


def test_keeping_a_model_and_pointing_an_alias_at_it(finished):
    run = finished.runs["binary"]
    at = opened("registry", run=run.id)
    at.text_input(key="keep_name").set_value("churn $1$")
    at.button(key="keep").click().run()
    assert not at.exception and not at.error
    version = finished.store.model("churn $1$")
    assert (version.version, version.run_id) == (1, run.id)
    at.radio(key="model_name").set_value("churn $1$").run()
    at.button(key="set_champion").click().run()
    assert finished.store.aliases("churn $1$") == {"champion": 1}
    at.text_input(key="keep_name").set_value("churn $1$")
    at.button(key="keep").click().run()
    assert at.query_params["model"] == "churn $1$:1" and at.toast[0].value.startswith("Already kept as")
    lineage = next(d.value for d in at.dataframe if "SHA-256 or id" in d.value)
    assert finished.datasets["binary"].file_sha256 in set(lineage["SHA-256 or id"])


def test_an_impossible_name_is_refused_in_words(finished):
    at = opened("registry", run=finished.runs["binary"].id)
    at.text_input(key="keep_name").set_value("   ")
    at.button(key="keep").click().run()
    assert "empty" in at.error[0].value


@pytest.mark.parametrize("task", TASKS)
def test_one_row_is_scored_as_the_model_scores_it(finished, kept, task):
    at = opened("export", model=kept[task].ref)
    assert not at.exception and not at.error
    predictor = finished.store.predictor(kept[task])
    first = finished.datasets[task].table().head(1)
    want = predictor.score(first).table.iloc[0]
    answer = at.metric[0].value.replace("\\", "")
    assert answer == (f"{want['prediction']:,.6g}" if task == "regression" else want["prediction"])


def test_a_changed_field_changes_the_prediction(finished, kept):
    at = opened("export", model=kept["regression"].ref)
    before = at.metric[0].value
    ref = kept["regression"].ref
    at.number_input(key=f"row_{ref}_1_size").set_value(5_000)
    at.button(key="predict").click().run()
    assert at.metric[0].value != before
    assert "size is outside" in said(at).replace("\\", "")


def test_a_file_is_scored_row_by_row_with_verdicts(finished, kept):
    rows = table("binary").drop(columns="outcome").head(20)
    rows.loc[0, "town"] = "Atlantis"
    at = opened("export", model=kept["binary"].ref)
    at.file_uploader(key="score_file_0").upload("rows.csv", rows.to_csv(index=False).encode(), "text/csv").run()
    assert not at.exception and not at.error
    scored = next(d.value for d in at.dataframe if "verdict" in d.value)
    assert len(scored) == 20
    assert scored["verdict"].iloc[0] == "check"
    assert "Atlantis" in scored["reasons"].iloc[0]
    assert "Check 1" in said(at)


def test_a_file_of_other_columns_is_refused_in_words(finished, kept):
    at = opened("export", model=kept["binary"].ref)
    at.file_uploader(key="score_file_0").upload("other.csv", b"a,b\n1,2\n", "text/csv").run()
    assert not at.exception
    assert at.error


def test_the_bundle_is_offered_after_its_proof(finished, kept):
    at = opened("export", model=kept["regression"].ref)
    at.button(key="build").click().run()
    assert not at.exception and not at.error, said(at)
    assert "the largest difference of any number is" in said(at)
    (bundle,) = (finished.home / "tmp" / "bundles").rglob("*.zip")
    assert bundle.stat().st_size > 10_000


def test_what_a_row_needs_is_said_in_words(finished):
    schema = finished.datasets["binary"].schema
    assert _scoring._seen(schema["town"]).count(",") == 2
    assert " to " in _scoring._seen(schema["size"])
