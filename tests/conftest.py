"""What every test gets: a home of its own, few threads, and an honest answer about the browser and the GPU.

A browser test skips with a reason where there is no Chromium. With TRAINYARD_BROWSER=required, as in CI, it does not
skip but fails, whatever the reason for the skip was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import browser

HERE = Path(__file__).parent

# Set before any numerical library is imported: test files run side by side, so every pool stays small.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

BROWSER_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


# Handed out first, because they take longest: one that began last would keep its worker busy while the others have nothing to do.
# What mostly waits for other processes is between what computes. A file that is not named comes after them, which is never wrong.
LONGEST = (
    "e2e/test_journey.py", "test_cli.py", "e2e/test_deliver.py", "models/test_families.py", "faults/test_killed.py", "test_pages_judge.py",
    "faults/test_real_training.py", "test_pages.py", "test_run.py", "features/test_properties.py", "data/test_box.py", "test_strategies.py",
    "test_pages_results.py", "test_pages_quality.py", "test_pages_import.py", "test_schedule.py", "test_nested.py", "test_estimate.py",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _home_of_the_tests(tmp_path_factory: pytest.TempPathFactory):
    """No test ever touches the store of the person who runs the tests."""
    os.environ["TRAINYARD_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, for `playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)`."""
    path = browser.find()
    if path is None:
        pytest.fail("no Chromium was found; run `make test`, or set TRAINYARD_CHROMIUM to the program's path")
    return path


@pytest.fixture(scope="session")
def chromium_page_options(chromium: str) -> dict:
    """The keyword arguments of `playwright.chromium.launch` that work in a container, without a sandbox or a network."""
    return {"executable_path": chromium, "args": list(BROWSER_FLAGS), "headless": True}


@pytest.fixture(scope="session")
def components() -> list:
    """The installed packages that bring Streamlit components: a server looks for them once, its test runner for every page (0.17 s)."""
    from streamlit.components.v2 import manifest_scanner

    return manifest_scanner.scan_component_manifests()


@pytest.fixture
def settled(monkeypatch, components):
    """Streamlit's test runner asks anew at every run whether `pages/` is the legacy folder; a server settles that at its first request."""
    from streamlit.components.v2 import manifest_scanner
    from streamlit.runtime.pages_manager import PagesManager

    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", lambda: components)
    make = PagesManager.__init__

    def init(self, *args, **kwargs) -> None:
        make(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", init)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    turn = {HERE / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(turn)))
    wanted = {marker for item in items for marker in ("browser", "gpu") if item.get_closest_marker(marker)}
    reasons = {}
    if "browser" in wanted and not browser.required() and browser.find() is None:
        reasons["browser"] = "no Chromium here: run `make test`, or set TRAINYARD_CHROMIUM"
    if "gpu" in wanted and not _has_gpu():
        reasons["gpu"] = "no NVIDIA GPU here"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = (yield).get_result()
    if report.skipped and item.get_closest_marker("browser") and browser.required():
        report.outcome = "failed"
        report.longrepr = f"skipped, although TRAINYARD_BROWSER=required: {report.longrepr}"


def _has_gpu() -> bool:
    if shutil.which("nvidia-smi") is None:
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0
