"""How long a new user waits, in a real browser: the first page, and the first model after one click on a sample.

    .venv/bin/python benchmarks/first_model.py

Prints seconds: from the server's start to its first answer, to the whole Home page, a warm rerun of each page, and from the
click on "Train on the sample" to the first family on the board. Needs Chromium. Run it on an idle machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from playwright.sync_api import Page, sync_playwright

from pipeline import Store
from tests import browser
from tests.conftest import BROWSER_FLAGS
from tests.e2e.conftest import App, end, idle, nav, serve

PAGES = ("Home", "Data", "Quality", "Features", "Models", "Tuning", "Runs", "Leaderboard", "Evaluate", "Explain", "Registry", "Export")


def main() -> int:
    print(f"import pipeline                      {imported():6.2f} s")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        started = time.monotonic()
        app = serve(Path(folder) / "home")
        print(f"server answers                       {time.monotonic() - started:6.2f} s after its start")
        chromium = playwright.chromium.launch(executable_path=browser.find(), args=list(BROWSER_FLAGS))
        try:
            visit(chromium.new_page(viewport={"width": 1400, "height": 900}), app, started)
        finally:
            chromium.close()
            end(app)
    return 0


def visit(page: Page, app: App, started: float) -> None:
    page.goto(app.url)
    page.locator(".st-key-train_sample button").wait_for()
    idle(page)
    print(f"first page is whole                  {time.monotonic() - started:6.2f} s after the server's start")
    page.wait_for_timeout(8_000)  # a person reads the page; the worker warms up meanwhile
    page.locator(".st-key-train_sample button").click()
    clicked = time.monotonic()
    print(f"baseline on the board                {until_trials(app, 1) - clicked:6.2f} s after the click")
    print(f"first model on the board             {until_trials(app, 2) - clicked:6.2f} s after the click")
    store = Store(app.home)
    while store.active_runs():
        page.wait_for_timeout(500)
    print(f"run done                             {time.monotonic() - clicked:6.2f} s after the click")
    for title in PAGES:
        print(f"switch to {title:26} {switched(page, title):6.2f} s (median of 3)")


def until_trials(app: App, number: int) -> float:
    store = Store(app.home)
    while not any(run.trials_done >= number for run in store.runs(limit=1)):
        time.sleep(0.02)
    return time.monotonic()


def switched(page: Page, title: str) -> float:
    times = []
    for _ in range(3):
        nav(page, "Home" if title != "Home" else "Data")
        before = time.monotonic()
        nav(page, title)
        times.append(time.monotonic() - before)
    return statistics.median(times)


def imported() -> float:
    code = "import time; t = time.monotonic(); import pipeline; print(time.monotonic() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout)


if __name__ == "__main__":
    sys.exit(main())
