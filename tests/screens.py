"""The pages as a browser would show them, without one."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("title", "subheader", "caption", "markdown", "error", "warning", "success", "info")


def opened(page: str, **params: str) -> AppTest:
    """The page, through app.py, with what its URL says."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page(f"pages/{page}.py")
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def said(at: AppTest) -> str:
    """Everything that can be read on the page and its sidebar."""
    metrics = [f"{m.label} {m.value}" for m in at.metric]
    return "\n".join([*(str(element.value) for kind in KINDS for element in at.get(kind)), *metrics])
