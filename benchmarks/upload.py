"""A large file through the Data page's uploader in a real Chromium: how long it takes, and the server's memory all the while.

    .venv/bin/python benchmarks/upload.py [--mb 500] [--folder DIR] [--bare]

Starts the app with a home of its own, uploads a generated CSV (`benchmarks/ingest.py`), waits until it is a dataset, then makes a page draw
again, makes a version of it by a filter and checks its quality. Memory is that of the server process alone (PSS), read four times a second;
what its children take is beside it. `--bare` sends the same file to an app that is a file uploader and nothing else: what Streamlit takes by itself.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.ingest import ROWS_PER_MB, make_csv, pss  # noqa: E402
from tests.browser import find  # noqa: E402

BARE = "import streamlit as st\nfile = st.file_uploader('Add a file', key='data_file_0')\nst.text('received' if file else 'waiting')\n"
PATIENCE = 900_000  # milliseconds


class Watch(threading.Thread):
    """The memory of the server and of its children, in bytes: now, and the peaks since `phase` was called."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.own, self.peak, self.children, self.over = pid, 0, 0, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.25):
            self.own = pss(self.pid)
            self.peak = max(self.peak, self.own)
            self.children = max(self.children, sum(pss(child.pid) for child in psutil.Process(self.pid).children(recursive=True)))

    def phase(self, name: str, work: Callable[[], object], settle: float = 0.0) -> None:
        self.peak = self.children = 0
        began = time.monotonic()
        work()
        took = time.monotonic() - began
        time.sleep(settle + 0.6)
        print(f"{name:34} {took:7.1f} s   server {self.own / 1e6:6,.0f} MB, peak {self.peak / 1e6:6,.0f} MB   its children, peak {self.children / 1e6:6,.0f} MB",
              flush=True)  # fmt: skip


def serve(app: Path, home: Path) -> tuple[subprocess.Popen, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port), "--server.headless", "true", "--server.maxUploadSize", "500"]
    process = subprocess.Popen(command, cwd=app.parent, env={**os.environ, "TRAINYARD_HOME": str(home)}, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if "URL:" in line:
            break
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process, f"http://127.0.0.1:{port}"


def idle(page: Page) -> None:
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible(timeout=PATIENCE)


def upload(page: Page, url: str, path: Path, watch: Watch, bare: bool) -> None:
    def opened() -> None:
        page.goto(url if bare else f"{url}/data")
        page.locator("input[type=file]").first.wait_for(state="attached", timeout=PATIENCE)
        idle(page)

    def sent() -> None:
        with page.expect_request_finished(lambda request: "upload_file" in request.url, timeout=PATIENCE):
            page.locator("input[type=file]").first.set_input_files(str(path))

    watch.phase("the page opens", opened, 5)
    watch.phase(f"receiving {path.stat().st_size / 1e6:,.0f} MB", sent)
    if bare:
        watch.phase("the script has it", lambda: page.get_by_text("received").wait_for(timeout=PATIENCE), 5)
        return
    watch.phase("reading it, until it is a dataset", lambda: page.get_by_text("Missing cells").wait_for(timeout=PATIENCE))
    watch.phase("ten seconds later", lambda: time.sleep(10))
    more(page, watch)


def more(page: Page, watch: Watch) -> None:
    """What a person does next with a large table."""

    def tab(name: str) -> Callable[[], None]:
        def chosen() -> None:
            page.get_by_role("tab", name=name, exact=True).click()
            page.wait_for_timeout(500)
            idle(page)

        return chosen

    def filtered() -> None:
        tab("Versions")()
        page.locator(".st-key-edit_value input").fill("90000")
        page.locator(".st-key-edit_column input").fill("amount")
        page.get_by_role("option", name="amount").click()
        page.locator(".st-key-edit_how input").fill("below")
        page.get_by_role("option", name="below").click()
        idle(page)
        page.locator(".st-key-make_version button").click()
        expect(page.get_by_text("Back to version 1")).to_be_visible(timeout=PATIENCE)

    def checked() -> None:
        page.get_by_role("link", name="Quality", exact=True).first.click()
        page.locator(".st-key-strip").wait_for(timeout=PATIENCE)
        idle(page)

    watch.phase("a rerun: the Columns tab", tab("Columns"))
    watch.phase("a version by a filter", filtered)
    watch.phase("its quality", checked, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where the file is made and kept (default: a temporary folder)")
    parser.add_argument("--bare", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        path = (args.folder or Path(temporary)) / f"upload{args.mb}.csv"
        if not path.exists():
            make_csv(path, int(args.mb * ROWS_PER_MB))
        bare = Path(temporary) / "bare.py"
        bare.write_text(BARE)
        process, url = serve(bare if args.bare else ROOT / "app.py", Path(temporary) / "home")
        watch = Watch(process.pid)
        watch.start()
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox", "--disable-gpu"])
        try:
            upload(browser.new_page(viewport={"width": 1400, "height": 900}), url, path, watch, args.bare)
        finally:
            watch.over.set()
            browser.close()
            end(process, Path(temporary))


def end(process: subprocess.Popen, home: Path) -> None:
    """The server, and the workers that it started for its home."""
    process.terminate()
    process.wait(30)
    for other in psutil.process_iter(["cmdline"]):
        if any(str(home) in word for word in other.info["cmdline"] or []):
            other.terminate()


if __name__ == "__main__":
    main()
