"""The house's rules, read from the sources with `ast`: which room may import which, what is banned, how large things may be.

Every finding names file:line and the rule. A folder or file that does not exist yet is simply not there to be read; the
tests of the reader itself, below, show that each rule bites.
"""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Who may import whom among the rooms of `pipeline` (a room always may import itself). DESIGN.md, "Allowed imports".
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "catalog": {"errors"},
    "device": {"errors"},
    "data": {"errors"},
    "plan": {"catalog", "data", "errors"},
    "quality": {"catalog", "data", "features", "plan", "errors"},
    "features": {"catalog", "data", "device", "plan", "errors"},
    "models": {"catalog", "device", "errors"},
    "evaluate": {"catalog", "errors"},
    "balance": {"catalog", "errors"},
    "probe": {"catalog", "features", "trials", "executor", "models", "workspace", "errors"},
    "estimate": {"catalog", "device", "features", "models", "plan", "probe", "run", "schedule", "search", "strategies", "trials", "data", "errors"},
    "replay": {"schedule", "search", "trials", "plan"},
    "measure": {"run", "trials", "features", "evaluate", "executor", "models", "workspace", "device", "data", "plan", "catalog", "errors"},
    "judge": {"quality", "plan", "data", "errors"},
    "aside": {"quality", "estimate", "data", "plan", "errors"},
    "analyses": {"measure", "judge", "executor", "quality", "features", "evaluate", "data", "plan", "catalog", "errors"},
    "nested": {"run", "evaluate", "data", "plan", "catalog", "errors"},
    "rounds": set(),
    "trials": {"rounds", "catalog", "data", "features", "models", "balance", "evaluate", "predictor", "plan", "device", "workspace", "errors"},
    "strategies": {"catalog", "plan", "errors"},
    "curves": set(),
    "search": {"catalog", "plan", "strategies", "models", "errors"},
    "workspace": {"errors"},
    "schedule": {"catalog", "plan", "search", "trials", "models", "ensemble", "evaluate", "errors"},
    "fitting": {"catalog", "schedule", "trials", "executor", "workspace", "errors"},
    "latency": {"features", "balance", "device", "schedule", "trials", "predictor", "workspace"},
    "results": {"catalog", "plan", "data", "features", "schedule", "trials", "latency", "evaluate", "predictor", "errors"},
    "executor": {"device", "errors"},
    "ensemble": {"evaluate", "catalog", "errors"},
    "predictor": {"data", "features", "plan", "errors"},
    "explain": {"evaluate", "catalog", "predictor", "data", "errors"},
    "decide": {"evaluate", "catalog", "predictor", "errors"},
    "fairness": {"evaluate", "catalog", "predictor", "errors"},
    "run": {
        "data", "features", "models", "balance", "search", "trials", "ensemble", "evaluate", "explain", "decide", "fairness", "predictor", "plan",
        "catalog", "device", "executor", "schedule", "replay", "fitting", "latency", "results", "workspace", "errors",
    },
    "store": {"plan", "data", "errors"},
    "export": {"predictor", "store", "plan", "catalog", "data", "errors"},
    "worker": {"store", "run", "nested", "analyses", "executor", "predictor", "plan", "data", "quality", "export", "catalog", "device", "errors"},
    "imports": {"data", "errors"},
    "__main__": {
        "store", "recipes", "imports", "run", "predictor", "plan", "data", "quality", "export", "worker", "serve", "monitor", "strategies", "catalog",
        "device", "errors",
    },
    "recipes": {"store", "features", "plan", "errors"},
    "serve": {"store", "run", "predictor", "data", "errors"},
    "monitor": {"store", "predictor", "data", "evaluate", "errors"},
}  # fmt: skip
# The package itself only hands names on; it may name any room but none of the shells that start processes by being run.
ALLOWED["__init__"] = set(ALLOWED) - {"__main__"}

UNPICKLERS = ("pickle", "cloudpickle", "dill", "joblib.load", "torch.load", "pandas.read_pickle", "yaml.load", "shelve", "marshal")
ONLY_UNPICKLER = "pipeline/store/artifacts.py"
# Runs inside an unpacked bundle, where there is no store: it checks every file against SHA256SUMS before it loads one.
IN_A_BUNDLE = "pipeline/export/predict_template.py"
# Between our own processes: a connection that only they have, and a directory that only its owner can write.
BETWEEN_OUR_PROCESSES = ("pipeline/executor.py", "pipeline/workspace.py")
BAD_MODULE_NAMES = ("utils", "util", "helpers", "helper", "manager", "misc", "common")
HTML_CALLS = {"html", "iframe"}
HEAVY = ("torch", "pandas", "numpy", "sklearn", "scipy", "lightgbm", "xgboost", "catboost", "optuna", "streamlit", "pyarrow")


@dataclass(frozen=True)
class Broken:
    """One broken rule; reads as `file:line: rule`."""

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


@dataclass(frozen=True)
class Import:
    """One imported module; `top` is true at module level, false inside a function or under TYPE_CHECKING."""

    line: int
    module: str
    names: tuple[str, ...]
    top: bool
    typing_only: bool


@dataclass(frozen=True)
class Source:
    """One parsed file of ours; `path` is relative to the root, with forward slashes."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @property
    def module(self) -> str:
        parts = self.path.removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """The part of `pipeline` that a file belongs to; for others the top folder or file."""
        parts = self.path.removesuffix(".py").split("/")
        return parts[1] if parts[0] == "pipeline" else parts[0]


def sources(*tops: str) -> list[Source]:
    paths: list[Path] = []
    for top in tops:
        at = ROOT / top
        paths += [at] if at.is_file() else sorted(at.rglob("*.py"))
    return [Source(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8")) for p in paths]


OURS = sources("app.py", "pages", "pipeline")
PIPELINE = [s for s in OURS if s.path.startswith("pipeline/")]
PAGES = [s for s in OURS if not s.path.startswith("pipeline/")]


# --- reading imports ---------------------------------------------------------------------------------------------------


def imports(source: Source) -> list[Import]:
    return list(_imports(source, source.tree.body, top=True, typing_only=False))


def _imports(source: Source, nodes: Iterable[ast.AST], top: bool, typing_only: bool) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, (), top, typing_only)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.lineno, _absolute(source, node), tuple(a.name for a in node.names), top, typing_only)
        else:
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            typing = typing_only or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            yield from _imports(source, ast.iter_child_nodes(node), top and not inside and not typing, typing)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    if not source.path.endswith("__init__.py"):
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def rooms_of(found: Import) -> set[str]:
    """The rooms that one import reaches: `from pipeline import store` reaches store, `import pipeline.data.schema` data."""
    parts = found.module.split(".")
    if parts[0] != "pipeline":
        return set()
    if len(parts) > 1:
        return {parts[1]}
    return {name if name in ALLOWED else "__init__" for name in found.names} or {"__init__"}


# --- the rules ---------------------------------------------------------------------------------------------------------


def arrows(source: Source) -> list[Broken]:
    if source.room not in ALLOWED:
        return [Broken(source.path, 1, f"room {source.room!r} has no row in ALLOWED: say there whom it may import")]
    allowed = ALLOWED[source.room] | {source.room}
    return [
        Broken(source.path, found.line, f"{source.room} may not import {room}; it may import {', '.join(sorted(allowed)) or 'nothing of ours'}")
        for found in imports(source)
        for room in sorted(rooms_of(found) - allowed)
        if not found.typing_only
    ]


def foreign_imports(source: Source) -> list[Broken]:
    broken = []
    for found in imports(source):
        package = found.module.split(".")[0]
        if package == "streamlit":
            broken.append(Broken(source.path, found.line, "nothing in pipeline imports streamlit"))
        if package in ("pages", "app", "tests"):
            broken.append(Broken(source.path, found.line, f"pipeline imports {package}"))
        if package == "torch" and found.top and not source.path.startswith("pipeline/models/nets/"):
            broken.append(Broken(source.path, found.line, "import torch at the top of a file outside pipeline/models/nets"))
        if source.path == "pipeline/errors.py" and package not in sys.stdlib_module_names:
            broken.append(Broken(source.path, found.line, f"errors imports only the standard library, not {package}"))
    return broken


def page_imports(source: Source) -> list[Broken]:
    broken = []
    for found in imports(source):
        package, *rest = found.module.split(".")
        if package == "pipeline" and rest and not found.typing_only:
            broken.append(Broken(source.path, found.line, f"a page takes names from `pipeline` itself, not from {found.module}"))
        elif package == "pages":
            pages = rest[:1] or list(found.names)
            broken += [Broken(source.path, found.line, f"a page imports the page {p}") for p in pages if not p.startswith("_")]
        elif package == "torch":
            broken.append(Broken(source.path, found.line, "a page imports torch"))
    return broken


def banned_calls(source: Source) -> list[Broken]:
    broken = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "print" and source.path != "pipeline/__main__.py":
                broken.append(Broken(source.path, node.lineno, "print(): log it, return it or draw it"))
            if name in ("eval", "exec"):
                broken.append(Broken(source.path, node.lineno, f"{name}() runs whatever text it is given"))
            if any(word.arg == "allow_pickle" and not _is_false(word.value) for word in node.keywords):
                broken.append(Broken(source.path, node.lineno, "allow_pickle: bytes that run code"))
    return broken


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def unpicklers(source: Source) -> list[Broken]:
    """Whatever turns bytes into objects lives in one module, which checks their SHA-256 first (threat T1)."""
    if source.path in (ONLY_UNPICKLER, IN_A_BUNDLE, *BETWEEN_OUR_PROCESSES):
        return []
    broken = []
    for found in imports(source):
        names = {found.module, *(f"{found.module}.{name}" for name in found.names)}
        for banned in sorted(n for n in names if any(n == u or n.startswith(u + ".") for u in UNPICKLERS)):
            broken.append(Broken(source.path, found.line, f"{banned} only in {ONLY_UNPICKLER}"))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node).replace("pd.", "pandas.")
            if name in UNPICKLERS:
                broken.append(Broken(source.path, node.lineno, f"{name} only in {ONLY_UNPICKLER}"))
    return broken


def unsafe_html(source: Source) -> list[Broken]:
    """Names of columns, classes and files are other people's text; none of it may become markup (threat T4). A style sheet of ours is no text."""
    broken = []
    nodes = list(ast.walk(source.tree))
    sheet = re.compile(r"st\.html\(Path\('assets/\w+\.css'\)\)")
    sheets = {node.func for node in nodes if isinstance(node, ast.Call) and sheet.fullmatch(ast.unparse(node))}
    for node in nodes:
        if node in sheets:
            continue
        if isinstance(node, ast.keyword) and node.arg == "unsafe_allow_html":
            broken.append(Broken(source.path, node.value.lineno, "unsafe_allow_html"))
        if isinstance(node, ast.Attribute) and node.attr in HTML_CALLS and ast.unparse(node.value) in ("st", "st.sidebar", "components", "components.v1"):
            broken.append(Broken(source.path, node.lineno, f"{ast.unparse(node)} draws raw markup"))
    return broken


def swallowed(source: Source) -> list[Broken]:
    """A handler for everything that neither raises, nor calls anything, nor keeps the error."""
    broken = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = ast.unparse(node.type) if node.type else ""
        if node.type is None:
            broken.append(Broken(source.path, node.lineno, "bare except: catches even KeyboardInterrupt"))
        elif caught.split(".")[-1] in ("Exception", "BaseException") and not _does_something(node):
            broken.append(Broken(source.path, node.lineno, f"except {caught} that swallows the error"))
    return broken


def _does_something(handler: ast.ExceptHandler) -> bool:
    nodes = [n for statement in handler.body for n in ast.walk(statement)]
    kept = handler.name is not None and any(isinstance(n, ast.Name) and n.id == handler.name for n in nodes)
    return kept or any(isinstance(n, (ast.Raise, ast.Call)) for n in nodes)


def names_that_say_nothing(source: Source) -> list[Broken]:
    stem = source.path.removesuffix(".py").split("/")[-1]
    if stem.lstrip("_") in BAD_MODULE_NAMES or stem.startswith("base_") or stem.endswith("_manager"):
        return [Broken(source.path, 1, f"a module named {stem!r} hides what it is for")]
    return []


# --- sizes -------------------------------------------------------------------------------------------------------------


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: list[str]) -> int:
    """Lines of a body that hold code: no docstring, no blank lines, no comment lines, no nested definitions' own bodies."""
    first = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not first:
        return 0
    inner: set[int] = set()
    for child in ast.walk(node):
        if child is not node and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner |= set(range(child.lineno + 1, (child.end_lineno or child.lineno) + 1))
    lines = range(first[0].lineno, (node.end_lineno or first[0].lineno) + 1)
    return sum(1 for n in lines if n not in inner and text[n - 1].strip() and not text[n - 1].strip().startswith("#"))


def function_sizes(source: Source) -> list[tuple[int, Broken]]:
    text, sizes = source.text.splitlines(), []
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = body_lines(node, text)
            sizes.append((size, Broken(source.path, node.lineno, f"{node.name} has {size} lines; 60 at the very most")))
    return sizes


def most_lines(source: Source) -> int:
    if source.path == "app.py":
        return 80
    is_page = source.path.startswith("pages/") and not source.path.split("/")[-1].startswith("_")
    return 150 if is_page else 500


def file_size(source: Source) -> list[Broken]:
    lines, most = len(source.text.splitlines()), most_lines(source)
    return [Broken(source.path, lines, f"{lines} lines; at most {most}")] if lines > most else []


def long_lines(source: Source) -> list[Broken]:
    return [
        Broken(source.path, number, f"{len(line)} characters; at most 160")
        for number, line in enumerate(source.text.splitlines(), 1)
        if len(line) > 160
    ]


# --- the tests ---------------------------------------------------------------------------------------------------------

EVERYWHERE = [banned_calls, unpicklers, swallowed, names_that_say_nothing, file_size, long_lines]


@pytest.mark.parametrize("rule", [arrows, foreign_imports], ids=lambda rule: rule.__name__)
def test_rooms(rule):
    report(broken for source in PIPELINE for broken in rule(source))


@pytest.mark.parametrize("rule", [page_imports, unsafe_html], ids=lambda rule: rule.__name__)
def test_pages(rule):
    report(broken for source in PAGES for broken in rule(source))


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_everywhere(rule):
    report(broken for source in OURS for broken in rule(source))


def test_pages_take_only_public_names():
    """What a page imports from `pipeline` is in `pipeline.__all__`."""
    wanted = [(s.path, f.line, n) for s in PAGES for f in imports(s) if f.module == "pipeline" for n in f.names]
    if wanted:
        import pipeline

        public = set(pipeline.__all__)
        report(Broken(path, line, f"{name} is not a public name of pipeline") for path, line, name in wanted if name not in public)


def test_function_bodies_are_small():
    sizes = [item for source in OURS for item in function_sizes(source)]
    report(broken for size, broken in sizes if size > 60)
    lines = sorted(size for size, _ in sizes)
    assert len(lines) >= 50, "the reader finds hardly any function: is it reading the right folder?"
    assert statistics.median(lines) <= 10, f"the median body has {statistics.median(lines)} lines; at most 10"
    p90 = lines[int(0.9 * len(lines))]
    longest = "\n".join(str(broken) for _, broken in sorted(sizes, key=lambda item: -item[0])[:10])
    assert p90 <= 30, f"one body in ten has more than {p90} lines; at most 30. The longest:\n{longest}"


def test_every_room_of_the_design_is_read():
    """The rules are not vacuous: the rooms that exist from the first day are among what was read."""
    rooms = {source.room for source in PIPELINE}
    assert {"errors", "catalog", "plan", "data", "quality"} <= rooms
    assert len(PIPELINE) >= 10


def test_importing_pipeline_loads_nothing_heavy():
    code = f"import sys, json, pipeline; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], f"`import pipeline` loads {done.stdout.strip()}"


@pytest.mark.parametrize("module", ["pipeline.errors", "pipeline.catalog", "pipeline.plan"])
def test_the_light_modules_stay_light(module):
    code = f"import sys, json, {module}; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], f"`import {module}` loads {done.stdout.strip()}"


def report(found: Iterable[Broken]) -> None:
    broken = [str(b) for b in found]
    assert not broken, f"{len(broken)} broken:\n" + "\n".join(broken)


# --- each rule bites ---------------------------------------------------------------------------------------------------

OFFENDERS = [
    (arrows, "pipeline/data/read.py", "from pipeline.models import family", 1),
    (arrows, "pipeline/data/read.py", "from pipeline import store", 1),
    (arrows, "pipeline/data/read.py", "from ..plan import Plan", 1),
    (arrows, "pipeline/store/db.py", "def f():\n    import pipeline.run", 2),
    (arrows, "pipeline/novelty.py", "x = 1", 1),
    (foreign_imports, "pipeline/run.py", "import streamlit as st", 1),
    (foreign_imports, "pipeline/models/linear.py", "try:\n    import torch\nexcept ImportError:\n    torch = None", 2),
    (foreign_imports, "pipeline/errors.py", "import pandas", 1),
    (page_imports, "pages/data.py", "from pages.models import draw", 1),
    (page_imports, "pages/data.py", "from pages import _ui, models", 1),
    (page_imports, "pages/data.py", "from pipeline.store import Store", 1),
    (banned_calls, "pipeline/run.py", "print('x')", 1),
    (banned_calls, "pipeline/run.py", "eval('1')", 1),
    (banned_calls, "pipeline/run.py", "np.load(p, allow_pickle=True)", 1),
    (unpicklers, "pipeline/run.py", "import pickle", 1),
    (unpicklers, "pipeline/run.py", "from joblib import load", 1),
    (unpicklers, "pipeline/run.py", "import joblib\nx = joblib.load(p)", 2),
    (unpicklers, "pipeline/run.py", "import pandas as pd\npd.read_pickle(p)", 2),
    (swallowed, "pipeline/run.py", "try:\n    f()\nexcept Exception:\n    pass", 3),
    (swallowed, "pipeline/run.py", "try:\n    f()\nexcept:\n    raise", 3),
    (swallowed, "pipeline/run.py", "try:\n    f()\nexcept Exception as error:\n    x = None", 3),
    (unsafe_html, "pages/data.py", "st.markdown(x, unsafe_allow_html=True)", 1),
    (unsafe_html, "pages/data.py", "st.html(x)", 1),
    (unsafe_html, "pages/data.py", "st.html(Path(x))", 1),
    (names_that_say_nothing, "pipeline/data/utils.py", "", 1),
    (names_that_say_nothing, "pipeline/models/base_model.py", "", 1),
    (file_size, "pages/data.py", "x = 1\n" * 151, 151),
    (file_size, "app.py", "x = 1\n" * 81, 81),
    (long_lines, "pipeline/run.py", "#" * 161, 1),
]


def test_a_style_sheet_of_ours_is_no_markup():
    assert unsafe_html(Source("pages/data.py", "st.html(Path('assets/look.css'))")) == []


@pytest.mark.parametrize(("rule", "path", "text", "line"), OFFENDERS)
def test_the_rule_bites(rule, path, text, line):
    found = rule(Source(path, text))
    assert [b.line for b in found] == [line]
    assert str(found[0]).startswith(f"{path}:{line}: ")


ALLOWED_THINGS = [
    (arrows, "pipeline/data/read.py", "from .schema import Schema\nfrom pipeline.errors import DataError"),
    (arrows, "pipeline/run.py", "from pipeline import catalog\nfrom pipeline.models import Resources"),
    (arrows, "pipeline/store/db.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline.run import Outcome"),
    (foreign_imports, "pipeline/models/nets/mlp.py", "import torch"),
    (foreign_imports, "pipeline/device.py", "def f():\n    import torch"),
    (page_imports, "pages/data.py", "from pages import _ui\nfrom pipeline import check"),
    (page_imports, "pages/_ui.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline.store import Run"),
    (unpicklers, "pipeline/store/artifacts.py", "import pickle"),
    (unpicklers, "pipeline/run.py", "import joblib\njoblib.Parallel(n_jobs=1)"),
    (swallowed, "pipeline/run.py", "try:\n    f()\nexcept Exception as error:\n    failed.append(error)"),
    (swallowed, "pipeline/run.py", "try:\n    f()\nexcept KeyError:\n    pass"),
    (file_size, "pages/_ui.py", "x = 1\n" * 300),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED_THINGS)
def test_the_rule_lets_pass(rule, path, text):
    assert rule(Source(path, text)) == []


def test_the_bundle_checks_its_files_before_it_loads_them():
    """The one other place that unpickles earns its exception: the check comes first."""
    template = ROOT / IN_A_BUNDLE
    if not template.exists():
        pytest.skip(f"{IN_A_BUNDLE} does not exist, so there is no exception to earn")
    text = template.read_text(encoding="utf-8")
    assert "sha256" in text
    assert text.index("    verify()") < text.index("joblib.load(")


def test_a_body_is_counted_without_its_docstring_and_its_inner_functions():
    text = textwrap.dedent('''
        def outer():
            """Words.

            More words.
            """
            # why
            x = 1

            def inner():
                y = 2
                return y

            return x + inner()
    ''').strip()
    sizes = {broken.rule.split()[0]: size for size, broken in function_sizes(Source("pipeline/run.py", text))}
    assert sizes == {"outer": 3, "inner": 2}
