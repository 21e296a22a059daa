"""The app as a person meets it: a real server process on a free port with a home of its own, and a real Chromium."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SIZE = {"width": 1400, "height": 900}
PATIENCE = 60_000  # milliseconds: how long a busy machine may take before a missing thing is a failure
expect.set_options(timeout=PATIENCE)
WATCH = """
(() => {
    const state = 'data-test-script-state', at = { asked: -1, seen: -1 };
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (...message) { at.asked = performance.now(); return send.apply(this, message); };
    new MutationObserver(() => { at.seen = performance.now(); }).observe(document, { subtree: true, attributeFilter: [state] });
    window.isIdle = () => document.querySelector(`[data-testid="stApp"][${state}="notRunning"]`) !== null
        && (at.seen > at.asked || performance.now() - at.asked > 3000);
})();
"""  # A page says "notRunning" until the server has begun with what it was asked for. Not all that is sent asks for a run: hence the limit.


@dataclass
class App:
    """A running server: `url` has no slash at the end; `log` is what it has written so far."""

    url: str
    home: Path
    process: subprocess.Popen
    log: list[str] = field(default_factory=list)


def serve(home: Path) -> App:
    """Start the app for that home and return when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
    environment = {**os.environ, "TRAINYARD_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    app = App(f"http://127.0.0.1:{port}", home, process)
    for line in process.stdout:  # the line with the address is written when the server listens
        app.log.append(line)
        if "URL:" in line:
            break
    else:
        raise AssertionError("the app did not start:\n" + "".join(app.log))
    threading.Thread(target=lambda: app.log.extend(process.stdout), daemon=True).start()
    return app


def end(app: App) -> None:
    """End the server and the workers that it started for its home, each by its id."""
    app.process.terminate()
    app.process.wait(30)
    for process in psutil.process_iter(["cmdline"]):
        if "--home" in (process.info["cmdline"] or []) and str(app.home) in process.info["cmdline"]:
            process.terminate()


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[App]:
    """One server for the tests of a file."""
    app = serve(tmp_path_factory.mktemp("e2e") / "home")
    yield app
    end(app)
    assert not [line for line in app.log if "Traceback" in line], "".join(app.log)


@pytest.fixture(scope="module")
def browser(chromium_page_options) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_page_options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser) -> Iterator[BrowserContext]:
    """One profile for the tests of a file: the app's scripts are loaded and compiled once."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")  # what moves costs a machine without a GPU dear
    context.set_default_timeout(PATIENCE)
    context.add_init_script(WATCH)
    yield context
    context.close()


@pytest.fixture
def page(context) -> Iterator[Page]:
    """A tab that has seen nothing; when the test ends, nothing it asked for was on another machine."""
    foreign: list[str] = []
    local = re.compile(r"^(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|^(data|blob|about|chrome-error):")

    def note(request: Request) -> None:
        if not local.match(request.url):
            foreign.append(request.url)

    context.on("request", note)
    yield context.new_page()
    for tab in context.pages:
        tab.close()
    context.remove_listener("request", note)
    assert foreign == [], f"the page asked other machines: {foreign}"


def idle(page: Page) -> None:
    """Wait until Streamlit has drawn what it was asked for, also where it has not yet begun with it."""
    page.wait_for_function("window.isIdle()")


def visit(page: Page, url: str) -> None:
    page.goto(url)
    idle(page)


def heading(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()


def nav(page: Page, title: str) -> None:
    """Open a page as a person does: by its link in the sidebar."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=True).click()
    heading(page, title)
    idle(page)


def shows(page: Page, dataset: str) -> None:
    """Wait until the sidebar says that the page is about that dataset, as `name v1`."""
    expect(page.get_by_role("combobox", name="Dataset", exact=True)).to_have_value(dataset)


def upload(page: Page, name: str, content: bytes) -> None:
    idle(page)  # the field is a new one after every file, and what is given to the old one while it is replaced is lost
    page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def choose(page: Page, key: str, option: str) -> None:
    """Choose an option of a select box by its key."""
    page.locator(f".st-key-{key}").get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    idle(page)
