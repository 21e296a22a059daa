"""From the button that starts a run to predictions in a file; and what a person sees when something dies in between."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading

import psutil
import pytest
from playwright.sync_api import Page, expect

from pipeline import Plan, Store, samples
from tests.e2e.conftest import App, heading, nav, visit

pytestmark = pytest.mark.browser
RUN_PATIENCE = 120_000  # milliseconds: a run on a busy machine with two cores


def drafted(app: App, seed: int, trials: int) -> str:
    """The cars with a plan of their own for each test, so that no test is handed the run of another."""
    store, sample = Store(app.home), next(s for s in samples() if s.name == "cars")
    dataset = store.add_dataset(sample.name, sample.path)
    plan = Plan.draft(dataset.schema, sample.target, dataset=dataset.id)
    families = [{"family": "linear"}, {"family": "lightgbm"}]
    store.save_draft(dataset.id, plan.change(families=families, search={"trials": trials}, split={"holdout": 0.2, "folds": 3}, seed=seed))
    return dataset.id


def start(page: Page, app: App, dataset: str) -> str:
    """Open the Models page and press the button; the id of the run."""
    visit(page, f"{app.url}/models?dataset={dataset}")
    page.get_by_role("button", name="Start training").first.click()
    heading(page, "Runs")
    return opened_run(page)


def opened_run(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"run=[0-9a-f]{12}"))
    return re.search(r"run=([0-9a-f]{12})", page.url)[1]


def state(page: Page, word: str) -> None:
    expect(page.locator(".st-key-run_head")).to_contain_text(word, timeout=RUN_PATIENCE)


def trials_shown(page: Page, at_least: int) -> None:
    """Wait until the card says so many trials: the page follows the run by itself."""
    numbers = "|".join(str(n) for n in range(at_least, at_least + 60))
    expect(page.get_by_test_id("stMetric").filter(has_text=re.compile(r"^\s*Trials"))).to_have_text(
        re.compile(rf"Trials\s*({numbers})\b"), timeout=RUN_PATIENCE
    )


def trials_told(app: App, run: str) -> list[int]:
    """The numbers of the trials that were told, each once: a trial is told again whenever it has grown by a fold."""
    store, numbers, after = Store(app.home), set(), 0
    while events := store.events(run, after=after):
        numbers |= {event.payload["number"] for event in events if event.kind == "trial"}
        after = events[-1].seq
    return sorted(numbers)


def scores(app: App, run: str) -> list[tuple]:
    """What was found of each trial; its seconds go on growing with refits."""
    return [(trial.number, trial.family, trial.params, trial.fold_scores) for trial in Store(app.home).trials(run)]


@pytest.mark.faults
def test_after_a_refresh_a_killed_training_and_a_killed_server_the_run_is_found_and_ends_as_if_nothing_had_been(app, page):
    dataset = drafted(app, 4, trials=8)
    visit(page, f"{app.url}/runs?run=000000000000")  # the first request of this server: a deep link, to a run that is not there
    expect(page.get_by_test_id("stSidebar").get_by_role("link", name="Leaderboard")).to_be_visible()
    expect(page).to_have_title("Trainyard")
    expect(page.get_by_test_id("stAlert")).to_contain_text("000000000000")
    page.get_by_role("link", name="All runs").first.click()
    heading(page, "Runs")
    expect(page).not_to_have_url(re.compile("run=000000000000"))
    nav(page, "Quality")
    run = start(page, app, dataset)
    trials_shown(page, 2)
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "--child" in line and str(app.home) in line:
            process.send_signal(signal.SIGKILL)
    state(page, "Interrupted")
    before = scores(app, run)
    assert len(before) >= 2
    expect(page.locator(".st-key-resume button")).to_have_text(re.compile(f"Resume after {len(before)} trials"))
    page.locator(".st-key-resume button").click()
    expect(page.locator(".st-key-resume")).to_have_count(0)
    page.reload()
    heading(page, "Runs")
    assert opened_run(page) == run
    app.process.kill()
    app.process.wait(30)
    app.process = again(app)
    state(page, "Done")
    assert Store(app.home).run(run).attempt == 2, "the worker went on while the server was gone"
    assert trials_told(app, run) == list(range(9))
    after = {number: same for number, *same in scores(app, run)}
    for number, *trial, folds in before:  # a later trial may have had its first fold when an earlier one had none
        *same, more = after[number]
        assert trial == same and more[: len(folds)] == folds, "what was finished is as it was"
    nav(page, "Leaderboard")


def again(app: App) -> subprocess.Popen:
    """The same server at the same address."""
    environment = {**os.environ, "TRAINYARD_HOME": str(app.home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(app.process.args, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if "URL:" in line:
            break
    threading.Thread(target=lambda: app.log.extend(process.stdout), daemon=True).start()
    return process


def test_from_the_button_to_predictions(app, page, tmp_path):
    dataset = drafted(app, 1, trials=3)
    visit(page, f"{app.url}/models?dataset={dataset}")
    page.get_by_role("button", name="Start training").first.dblclick()
    heading(page, "Runs")
    run = opened_run(page)
    state(page, "Done")
    assert [r.id for r in Store(app.home).runs(dataset) if r.plan.seed == 1] == [run], "a double click is one run"

    page.locator(".st-key-next button").click()
    heading(page, "Leaderboard")
    expect(page.get_by_text(re.compile(r"Cross-validated on \d+ rows in 3 folds"))).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.locator(".st-key-next button").click()
    heading(page, "Evaluate")
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    page.locator(".st-key-part").get_by_text("Holdout").click()
    expect(page.get_by_text("The test score is kept apart")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    page.locator(".st-key-reveal button").click()
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    assert [event.kind for event in Store(app.home).events(run)].count("holdout_look") == 1
    page.locator(".st-key-next button").click()
    heading(page, "Explain")
    expect(page.get_by_text("In plain words")).to_be_visible()

    page.locator(".st-key-next button").click()
    heading(page, "Registry")
    expect(page.locator(".st-key-keep_result")).to_contain_text(re.compile("Accurate.*Fast", re.DOTALL))
    page.get_by_label("Name").fill("my cars")
    page.locator(".st-key-keep button").click()
    expect(page.get_by_text(re.compile(r"Kept as my cars:.?1\.")).first).to_be_visible()  # .? is the joiner that keeps :1 from being markup
    page.locator(".st-key-set_champion button").first.click()
    expect(page.get_by_text("Champion this version")).to_be_visible()
    assert Store(app.home).model("my cars@champion").run_id == run

    page.locator(".st-key-next button").click()
    heading(page, "Export")
    page.locator(".st-key-build button").click()
    expect(page.get_by_text("Proved")).to_be_visible(timeout=RUN_PATIENCE)
    with page.expect_download() as bundle:
        page.locator(".st-key-download_bundle button").click()
    assert bundle.value.suggested_filename == "my_cars-1.zip"
    bundle.value.save_as(tmp_path / "bundle.zip")
    assert (tmp_path / "bundle.zip").read_bytes()[:2] == b"PK"

    sample = next(s for s in samples() if s.name == "cars")
    page.locator(".st-key-score_card input[type=file]").set_input_files(sample.path)
    expect(page.get_by_text("406 rows of cars")).to_be_visible()
    with page.expect_download() as scored:
        page.locator(".st-key-download_scored button").click()
    assert scored.value.suggested_filename == "cars-predictions.csv"
    scored.value.save_as(tmp_path / "scored.csv")
    lines = (tmp_path / "scored.csv").read_text().splitlines()
    assert lines[0].startswith("prediction") and len(lines) == 407

    answer = page.locator(".st-key-row_card").get_by_test_id("stMetricValue")
    before = answer.inner_text()
    page.locator(".st-key-row_card").get_by_label("Cylinders").fill("4")
    page.locator(".st-key-row_card").get_by_label("Displacement").fill("70")
    page.locator(".st-key-predict button").click()
    expect(answer).not_to_have_text(before)
