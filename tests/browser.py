"""Where the Chromium for the browser tests is. `tools/chromium.sh` and `tests/conftest.py` both ask here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")


def find() -> str | None:
    """The path of a Chromium: $TRAINYARD_CHROMIUM, one on the PATH, a Mac's app, or the one that Playwright downloaded."""
    candidates = [os.environ.get("TRAINYARD_CHROMIUM")]
    candidates += [shutil.which(name) for name in NAMES]
    candidates += [f"/Applications/{app}.app/Contents/MacOS/{app}" for app in MAC_APPS]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return candidate
    return _downloaded()


def _downloaded() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).is_file() else None


def required() -> bool:
    """True where a browser test that cannot run counts as a failure, as it does in CI."""
    return os.environ.get("TRAINYARD_BROWSER", "").lower() == "required"
