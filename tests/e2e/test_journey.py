"""The way from a file or a sample to a trained model, in a browser; and what a person is told when something is wrong."""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from pipeline import Plan, Store, samples
from tests.e2e.conftest import ROOT, choose, heading, idle, nav, shows, upload, visit

pytestmark = pytest.mark.browser
RUN_PATIENCE = 180_000  # milliseconds: a budget of 20 s, a worker that warms up, and a busy machine


def churn(rows: int = 300, seed: int = 5) -> bytes:
    """A small table with a learnable answer, a constant column and an empty cell here and there."""
    draw = random.Random(seed)
    lines = ["customer,age,plan,country,spend,churned"]
    for number in range(rows):
        age, plan, spend = draw.randint(18, 80), draw.choice(["basic", "plus", "pro"]), draw.uniform(5, 90)
        left = "yes" if (plan == "basic") == (draw.random() < 0.85) else "no"
        lines.append(f"c{number:04d},{'' if number % 17 == 0 else age},{plan},NL,{spend:.2f},{left}")
    return "\n".join(lines).encode()


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_sample_is_trained_by_one_click_survives_a_refresh_and_is_stopped_in_two_steps(app, page):
    visit(page, app.url)
    page.get_by_role("radio", name="Penguins").or_(page.get_by_role("button", name="Penguins")).first.click()
    idle(page)
    page.locator(".st-key-train_sample button").dblclick()
    heading(page, "Runs")
    expect(page).to_have_url(re.compile(r"/runs\?.*run=[0-9a-f]{12}"))
    expect(page.get_by_role("heading", name="Trials", exact=True)).to_be_visible(timeout=RUN_PATIENCE)
    page.reload()
    heading(page, "Runs")
    (run,) = Store(app.home).runs()  # the double click queued one run
    assert asked(page)["run"] == [run.id]
    expect(page.get_by_test_id("stMetric").filter(has_text="Family")).not_to_contain_text("–", timeout=RUN_PATIENCE)
    page.locator(".st-key-cancel button").click()
    expect(page.locator(".st-key-cancel_yes button")).to_be_visible()
    page.keyboard.press("Escape")  # thought better of it
    expect(page.locator(".st-key-cancel_yes button")).to_be_hidden()
    page.locator(".st-key-cancel button").click()
    page.locator(".st-key-cancel_yes button").click()
    expect(page.locator(".st-key-run_head")).to_contain_text(re.compile("Cancelled|Done"), timeout=RUN_PATIENCE)
    page.get_by_role("link", name="All runs").click()
    expect(page.locator(".st-key-runs")).to_be_visible()
    expect(page).not_to_have_url(re.compile("run="))
    page.go_back()
    expect(page.locator(".st-key-run_head")).to_be_visible()
    nav(page, "Leaderboard")
    assert asked(page) == {"dataset": [run.dataset_id], "run": [run.id]}
    expect(page.get_by_text(re.compile("Cross-validated on"))).to_be_visible()
    nav(page, "Home")
    expect(page.locator(".st-key-recent_runs")).to_contain_text("Species")


def test_a_file_goes_through_quality_and_features_and_a_refresh_keeps_it(app, page):
    visit(page, f"{app.url}/data")
    if page.get_by_text("Add a dataset or a new version").count():
        page.get_by_text("Add a dataset or a new version").click()
    upload(page, "churn.csv", churn())
    shows(page, "churn v1")
    (dataset,) = Store(app.home).datasets("churn")
    expect(page).to_have_url(re.compile(f"dataset={dataset.id}"))
    nav(page, "Quality")
    choose(page, "quality_target", "churned")
    expect(page.get_by_text("target churned")).to_be_visible()
    page.locator(".st-key-check").get_by_text("Constant columns").click()
    page.locator(".st-key-apply button").click()
    expect(page.locator(".st-key-undo_0")).to_be_visible()
    nav(page, "Features")
    assert asked(page)["dataset"] == [dataset.id]
    expect(page.get_by_text("fitted inside each fold")).to_be_visible()
    page.reload()
    expect(page.get_by_text("fitted inside each fold")).to_be_visible()
    draft = Store(app.home).draft(dataset.id)
    assert draft.target == "churned" and draft.positive == "yes" and len(draft.fixes) == 1


def bookings(rows: int = 120) -> bytes:
    draw = random.Random(3)
    lines = ["price,nights,meal,arrival,cancelled"]
    for _ in range(rows):
        day = f"2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
        lines.append(f"{draw.gauss(100, 20):.2f},{draw.randint(1, 9)},{draw.choice(['full', 'half'])},{day},{draw.choice(['yes', 'no'])}")
    return "\n".join(lines).encode()


def test_a_recipe_is_built_previewed_reordered_undone_and_kept_and_put_into_a_renamed_copy(app, page, tmp_path):
    store = Store(app.home)

    def drafted(name: str, content: bytes) -> str:
        (tmp_path / f"{name}.csv").write_bytes(content)
        dataset = store.add_dataset(name, tmp_path / f"{name}.csv")
        store.save_draft(dataset.id, Plan.draft(dataset.schema, "cancelled", dataset=dataset.id))
        return dataset.id

    def steps(dataset: str) -> list[str]:
        return [spec.step for spec in store.draft(dataset).recipe]

    def press(key: str) -> None:
        page.locator(f".st-key-{key} button").first.click()
        idle(page)

    rooms, copy = drafted("rooms", bookings()), drafted("renamed", bookings().replace(b"price,nights", b"Room price,Nights", 1))
    usual = steps(rooms)
    visit(page, f"{app.url}/features?dataset={rooms}")
    press("add_step")
    page.locator(".st-key-find_step input").fill("divided")
    page.locator(".st-key-find_step input").press("Enter")
    expect(page.locator(".st-key-catalogue").get_by_role("button", name="Add")).to_have_count(1)  # a list that shrinks moves what is clicked
    press("add_ratio")
    expect(page.locator(".st-key-settings")).to_contain_text("Ratio of two numbers")
    place = steps(rooms).index("ratio")
    choose(page, f"step_{place}_ratio_numerator", "price")
    choose(page, f"step_{place}_ratio_denominator", "nights")
    expect(page.get_by_text(re.compile(r"2 columns in, .*1 out"))).to_be_visible()
    expect(page.locator('[data-testid="stDataFrame"] canvas').first).to_be_visible()
    press(f"open_{place}")
    built, other = steps(rooms), place + 1
    press(f"down_{place}")
    expect(page.locator(f".st-key-step_{place + 1}")).to_contain_text("Ratio of two numbers")
    assert steps(rooms) == [*built[:place], built[other], "ratio", *built[other + 1 :]]
    press("undo")
    expect(page.locator(f".st-key-step_{place}")).to_contain_text("Ratio of two numbers")
    assert steps(rooms) == built and len(built) == len(usual) + 1
    page.get_by_role("tab", name="Templates").click()
    page.get_by_label("Save this recipe as").fill("bookings")
    press("template_save")
    expect(page.locator(".st-key-template_0")).to_contain_text("bookings")
    visit(page, f"{app.url}/features?dataset={copy}&features_tab=Templates")
    press("template_use_0")
    expect(page.locator(".st-key-mapping")).to_contain_text("say which stand for the others")
    press("template_apply")
    expect(page.get_by_text("undo takes it out again")).to_be_visible()
    assert store.draft(copy).recipe[place].params == {"numerator": "Room price", "denominator": "Nights"} and steps(copy) == built


def test_the_same_file_again_is_the_same_version_and_back_and_a_second_tab_show_what_the_address_says(app, page):
    visit(page, app.url)
    for content, version in ((churn(60), 1), (churn(60), 1), (churn(80), 2)):
        nav(page, "Home")
        upload(page, "again.csv", content)
        heading(page, "Data")  # the name alone would not tell that the second file has been read: it is there already
        idle(page)
        shows(page, f"again v{version}")
    second, first = Store(app.home).datasets("again")
    assert (second.version, first.version) == (2, 1)
    nav(page, "Features")
    nav(page, "Quality")
    page.go_back()
    heading(page, "Features")
    assert asked(page)["dataset"] == [second.id]
    page.go_back()
    heading(page, "Data")
    nav(page, "Features")
    choose(page, "picker", "again v1")
    expect(page).to_have_url(re.compile(f"dataset={first.id}"))
    page.go_back()
    shows(page, "again v2")
    page.go_forward()
    shows(page, "again v1")
    nav(page, "Quality")
    assert asked(page)["dataset"] == [first.id]
    other = page.context.new_page()
    visit(other, page.url)
    shows(other, "again v1")


PNG = (ROOT / "assets" / "icon.png").read_bytes()
UNREADABLE = [("empty.csv", b"", "empty"), ("picture.csv", PNG, "PNG|picture|image|binary"), ("broken.parquet", b"PAR1 no more", "broken.parquet")]


def test_a_file_that_cannot_be_read_is_said_and_the_page_goes_on(app, page):
    visit(page, app.url)
    for name, content, words in UNREADABLE:
        upload(page, name, content)
        alert = page.get_by_test_id("stAlert").first
        expect(alert).to_contain_text(re.compile(words))
        assert len(alert.inner_text().strip().splitlines()) >= 2, "a message has a next step"
    upload(page, "good.csv", churn(50, seed=9))
    heading(page, "Data")


def test_a_target_of_one_class_is_explained_and_cannot_be_trained(app, page):
    visit(page, app.url)
    upload(page, "one_class.csv", ("a,y\n" + "".join(f"{i},same\n" for i in range(60))).encode())
    heading(page, "Data")
    nav(page, "Features")
    choose(page, "target", "y")
    expect(page.get_by_text(re.compile("single value"))).to_be_visible()
    expect(page.locator(".st-key-next button")).to_be_disabled()


def test_names_from_a_file_are_shown_as_they_are_and_what_was_renamed_or_cannot_be_learned_is_said(app, page):
    """Markdown, HTML, formulas and addresses in names are text: no image is asked for, nothing is run, nothing is a link."""
    names = ["*bold* $x^2$", "<img src=x onerror=alert(1)>", "![p](http://evil.example/p.png)", ":red[r] :smile:"]
    header = ",".join(f'"{name}"' for name in [*names, names[1], ""]) + ",y\n"  # one name twice, and one that is empty
    rows = "".join(",".join(f'"{name} {i % 3}"' for name in names) + f",{i},{i * 2},{i % 2}\n" for i in range(60))
    shown: list[str] = []
    page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
    visit(page, app.url)
    upload(page, "*names* [x](http:evil).csv", (header + rows).encode())
    heading(page, "Data")
    page.get_by_role("tab", name="Import report").click()
    expect(page.get_by_text("Renamed columns")).to_be_visible()
    nav(page, "Features")
    choose(page, "target", names[0])
    chip = page.locator(".st-key-chips").get_by_text("bold").first
    expect(chip).to_contain_text("*bold* $x^2$")
    expect(page.get_by_text("fitted inside each fold")).to_be_visible()
    page.locator(".st-key-task").get_by_text("Number").click()
    expect(page.get_by_text("is text; a regression needs numbers")).to_be_visible()
    expect(page.get_by_text("Mend what is listed above first.")).to_be_visible()
    nav(page, "Quality")
    assert shown == []


# --- pictures for people -----------------------------------------------------------------------------------------------

TABS = {"data": "/data", "columns": "/data?data_tab=Columns", "quality": "/quality", "features": "/features", "roles": "/features?features_tab=Columns", "home": "/"}


@pytest.fixture(scope="module")
def flights(app) -> str:
    """The id of a sample with a draft."""
    sample, store = samples()[0], Store(app.home)
    dataset = store.add_dataset(sample.name, sample.path)
    store.save_draft(dataset.id, Plan.draft(dataset.schema, sample.target, dataset=dataset.id))
    return dataset.id


BACKGROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 28)"}


def test_every_page_in_light_and_dark(app, flights, page, tmp_path):
    """Our colours are used, nothing sticks out to the right, and no page shows an error; the pictures go to $TRAINYARD_SCREENSHOTS.

    With TRAINYARD_DOC_SCREENSHOT=1 the picture of the documentation is drawn anew, too.
    """
    folder = Path(os.environ.get("TRAINYARD_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, path) in enumerate(TABS.items()):
        visit(page, f"{app.url}{path}{'&' if '?' in path else '?'}dataset={flights}")
        shows(page, "cancelled_flights v1")
        page.wait_for_load_state("networkidle")
        for scheme in ("light", "dark") if number % 2 == 0 else ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            expect(page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUND[scheme])
            idle(page)
            if page.get_by_test_id("stPlotlyChart").count():
                page.wait_for_selector(".js-plotly-plot .main-svg")
            page.screenshot(path=folder / f"{name}_{scheme}.png")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is wider than the window"
            assert page.get_by_test_id("stException").count() == 0
    if os.environ.get("TRAINYARD_DOC_SCREENSHOT"):
        shutil.copy(folder / "features_light.png", ROOT / "assets" / "screenshot.png")
