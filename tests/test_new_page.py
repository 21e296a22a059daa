"""Adding a page: a script that begins with the guard, and one line in the frame."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = '''"""A page that a maintainer might add."""

import streamlit as st

from pages import _ui

_ui.guard()
at = _ui.page("Hello", "A page for this test")
_ui.need_dataset(at)
st.metric("Rows", at.dataset.rows)
_ui.next_step("Choose what the model sees.", "pages/features.py", "Choose features")
'''
# In a process of its own, because Streamlit and the pages are imported from the copy.
VISIT = """
import atexit
import psutil
atexit.register(lambda: [child.terminate() for child in psutil.Process().children()])  # the worker that the app starts
from streamlit.runtime.pages_manager import PagesManager
PagesManager.uses_pages_directory = False
from streamlit.testing.v1 import AppTest
from pipeline import Store, samples
sample = samples()[0]
dataset = Store().add_dataset(sample.name, sample.path)
app = AppTest.from_file("app.py", default_timeout=60)
make = PagesManager.__init__
def init(self, *args, **kwargs):
    make(self, *args, **kwargs)
    PagesManager.uses_pages_directory = False
PagesManager.__init__ = init
app.run()
app.switch_page("pages/hello.py").run()
assert not app.exception, app.exception
assert [title.value for title in app.title] == ["Hello"], app.title
assert app.metric[0].value == str(dataset.rows), app.metric
"""


def test_a_script_and_a_line_make_a_page(tmp_path: Path) -> None:
    for name in ("pages", "assets", ".streamlit"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pipeline").symlink_to(ROOT / "pipeline")
    frame = (ROOT / "app.py").read_text()
    assert frame.count('("data", "Data", "table")') == 1
    (tmp_path / "app.py").write_text(frame.replace('("data", "Data", "table")', '("data", "Data", "table"), ("hello", "Hello", "waving_hand")'))
    (tmp_path / "pages" / "hello.py").write_text(PAGE)
    environment = {"TRAINYARD_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", VISIT], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
