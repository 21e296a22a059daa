"""What every page draws with: where we are (URL and store), forms from the catalogue, cards, badges, messages.

    from pages import _ui
    _ui.guard()                                   # first line of every page
    at = _ui.page("Quality", "What is wrong with the data, and what to do about it")
    _ui.need_dataset(at)                          # draws an empty state and stops the page when there is none
    ...
    _ui.next_step("The data is ready.", "pages/features.py", "Choose features")

The URL holds ids (`?dataset=`, `?run=`), the store holds everything else. Every name that comes from data goes through
`md` before it is put where Streamlit reads markdown: text, captions, labels, metrics, badges, toasts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pipeline import Plan, Store, TrainyardError, acquit, entries

if TYPE_CHECKING:
    import pandas as pd

    from pipeline import Portrait
    from pipeline.store import Dataset, Run

# state -> (word, icon, colour): never colour alone.
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("Queued", ":material/schedule:", "gray"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopping": ("Stopping", ":material/stop_circle:", "orange"),
    "done": ("Done", ":material/check_circle:", "green"),
    "failed": ("Failed", ":material/error:", "red"),
    "cancelled": ("Cancelled", ":material/stop_circle:", "gray"),
    "interrupted": ("Interrupted", ":material/warning:", "orange"),
}
TASK_TITLES = {"binary": "Yes or no", "multiclass": "Several classes", "regression": "Number"}
TABLE_ROW = 33  # pixels at our font size


@dataclass(frozen=True)
class Current:
    """Where the person is. `plan` is the draft for the dataset; `run` that of the URL, else the dataset's newest finished one."""

    dataset: Dataset | None = None
    plan: Plan | None = None
    run: Run | None = None


# --- frame -------------------------------------------------------------------------------------------------------------


def guard() -> None:
    """Undo Streamlit's legacy take-over of the folder `pages/`, which skips app.py when the first request is a deep link."""
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def store() -> Store:
    """The store of this process; one per home."""
    return _store(os.environ.get("TRAINYARD_HOME"))


@st.cache_resource(show_spinner=False)
def _store(home: str | None) -> Store:
    return Store(home)


@st.cache_resource(show_spinner=False, max_entries=64)
def _dataset(_store: Store, home: str | None, dataset_id: str) -> Dataset:
    return _store.dataset(dataset_id)


def dataset(dataset_id: str) -> Dataset:
    """The dataset of that id, kept in memory because it never changes (its rows are not). Raises NotFound."""
    return _dataset(store(), os.environ.get("TRAINYARD_HOME"), dataset_id)


def current() -> Current:
    """Dataset, draft and run from the URL and the store. Raises NotFound for an id that is in the URL but not in the store."""
    run_id, dataset_id = st.query_params.get("run"), st.query_params.get("dataset")
    run = store().run(run_id) if run_id else None
    if run is not None:
        dataset_id = run.dataset_id
    if not dataset_id:
        return Current()
    found = dataset(dataset_id)
    return Current(found, store().draft(found.id), run or _latest(found.id))


def _latest(dataset_id: str) -> Run | None:
    runs = store().runs(dataset_id=dataset_id, limit=20, analyses=False)
    return next((run for run in runs if run.state == "done"), runs[0] if runs else None)


def page(title: str, caption: str) -> Current:
    """The head of a page: title, one line, and chips that say what it is about. Stops the page when the URL names nothing we have."""
    st.html(Path("assets/screens.css"))  # for what is drawn in one way on a phone and in another where there is room
    left, right = st.columns([5, 4], vertical_alignment="bottom")
    with left, st.container(gap=None):
        st.title(title, anchor=False)
        st.caption(caption)
    try:
        at = current()
    except TrainyardError as error:
        failure(error)
        with st.container(horizontal=True):
            link("pages/data.py", "All datasets", icon=":material/table:", dataset=None, run=None)
            link("pages/runs.py", "All runs", icon=":material/play_circle:", dataset=None, run=None)
        st.stop()
    with right, st.container(horizontal=True, horizontal_alignment="right", gap="xsmall", key="chips"):
        _chips(at)
    return at


def _chips(at: Current) -> None:
    if at.dataset is not None:
        st.badge(in_badge(label(at.dataset)), icon=":material/table:", color="gray")
    if at.plan is not None:
        st.badge(f"target {in_badge(at.plan.target)}", icon=":material/target:", color="gray")
    if at.run is not None and "run" in st.query_params:
        st.badge(f"run {at.run.id[:6]}", icon=":material/play_circle:", color="gray")


def need_dataset(at: Current) -> None:
    """Draw the way to a first dataset and stop the page, when there is none."""
    if at.dataset is None:
        empty("No dataset yet", "Add a file or take a sample; everything on this page follows from it.", "pages/data.py", "Add a dataset")
        st.stop()


def need_plan(at: Current) -> None:
    """Draw the way to choose a target and stop the page, when the dataset has no draft."""
    need_dataset(at)
    if at.plan is None:
        empty("No target chosen yet", "Say which column is to be predicted; the plan is drafted from that.", "pages/features.py", "Choose the target")
        st.stop()


# --- moving about ------------------------------------------------------------------------------------------------------


def here(**params: str | None) -> dict[str, str]:
    """The query parameters of a link: the dataset and run of this page, with `params` put over them (None removes one)."""
    kept = {name: st.query_params[name] for name in ("dataset", "run") if name in st.query_params}
    if "dataset" in params and params["dataset"] != kept.get("dataset"):
        kept.pop("run", None)
    return {name: value for name, value in {**kept, **params}.items() if value}


def go(page_file: str, **params: str | None) -> NoReturn:
    """Open a page, the dataset and run of this one kept unless `params` say otherwise."""
    st.switch_page(page_file, query_params=here(**params))


def link(page_file: str, title: str, *, icon: str | None = None, help: str | None = None, **params: str | None) -> None:
    """A link to a page, the dataset and run kept. `title` is markdown: put names from data through `md`."""
    st.page_link(page_file, label=title, icon=icon, help=help, query_params=here(**params))


def next_step(sentence: str, page_file: str, title: str, blocked: str | None = None, **params: str | None) -> None:
    """The card at the foot of a page: one sentence, one button. `blocked` says what is missing and holds the button back."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="next_card"):
        st.markdown(f"**Next.** {blocked or sentence}", width="stretch")
        pressed = st.button(
            title, key="next", type="primary", icon=":material/arrow_forward:", icon_position="right", disabled=bool(blocked), shortcut="Alt+Right"
        )
    if pressed:
        go(page_file, **params)


def empty(title: str, sentence: str, page_file: str | None = None, button: str = "", **params: str | None) -> None:
    """An empty state: what would be here and the way to it."""
    with st.container(border=True, key="empty"):
        st.subheader(title, anchor=False)
        st.markdown(sentence)
        pressed = page_file is not None and st.button(button, key="empty_go", type="primary")
    if pressed and page_file is not None:
        go(page_file, **params)


# --- saying things -----------------------------------------------------------------------------------------------------

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&\"'^=])")
# Found in the text after markdown is parsed: directives and emoji (:x), addresses, and arrows that typography makes of --.
_JOINTS = re.compile(r"(?<=[:@])(?=\S)|(?<=[wW]{3})(?=\.)|(?<=[-<>=~])(?=[-<>=~])|(?<=\()(?=[cCrRtT][mM]?\))")
_JOINER = "\u2060"


def md(text: object) -> str:
    """Text from data as literal text where Streamlit reads markdown: no formatting, link, colour, icon, formula or HTML comes of it."""
    return _MARKS.sub(r"\\\1", _JOINTS.sub(_JOINER, " ".join(str(text).split())))


def in_badge(text: object) -> str:
    """As `md`, for st.badge, which puts a backslash before brackets itself."""
    return md(text).replace("\\[", "[").replace("\\]", "]")


def label(dataset: Dataset) -> str:
    """A dataset as a person knows it; plain text, put it through `md` for markdown."""
    return f"{dataset.name} v{dataset.version}"


def failure(error: TrainyardError) -> None:
    """What was seen and what to do next; for a plan every problem, with links to the pages that mend them."""
    problems = getattr(error, "problems", ())
    if problems and hasattr(problems[0], "page"):
        show_problems(problems)
    else:
        hint = f"\n\n{md(error.hint)}" if error.hint else ""
        st.error(f"{md(error)}{hint}", icon=":material/error:")


def show_problems(problems: Sequence, here: str = "") -> None:
    """Every reason why a plan cannot run: message, hint, and a link to the page that mends it, unless that is `here`."""
    for number, problem in enumerate(problems):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"problem_{number}"):
            st.markdown(f":red[:material/error:] {md(problem.message)} :gray[{md(problem.hint)}]", width="stretch")
            if problem.page != here:
                link(f"pages/{problem.page}.py", f"Open {problem.page.title()}", icon=":material/arrow_forward:")


@contextmanager
def shown() -> Iterator[None]:
    """Run a verb of ours: what it raises is shown on the page, and the page stops there. Anything else is a mistake of ours and surfaces."""
    try:
        yield
    except TrainyardError as error:
        failure(error)
        st.stop()


def badge(run: Run) -> None:
    """The state of a run as a word with an icon."""
    word, icon, color = STATES[run.state]
    st.badge(word, icon=icon, color=color)  # type: ignore[arg-type]


def metric_title(name: str) -> str:
    """The title of a metric, or its name where this installation lacks it; markdown."""
    return md(next((found.title for found in entries("metric") if found.name == name), name))


def analysis_title(name: str) -> str:
    """The title of an analysis as plain text, or its name where this installation lacks it."""
    return next((found.title for found in entries("analysis") if found.name == name), name)


def cards(facts: Iterable[tuple]) -> None:
    """A row of metric cards of one height: (label, value) or (label, value, help). Labels and values are plain text."""
    with st.container(horizontal=True):
        for name, value, *rest in facts:
            st.metric(md(name), md(value), border=True, height="stretch", help=rest[0] if rest else None)


def height(rows: int, most: int) -> int | str:
    """The height of a table of `rows` rows that scrolls beyond `most`: never half a row, never an empty one."""
    return "content" if rows <= most else TABLE_ROW * (most + 1) + 3


def share(part: float) -> str:
    """A share in percent; a little is never nothing, and nearly all is never all."""
    if 0 < part < 0.0005 or 0.9995 <= part < 1:
        return "below 0.1%" if part < 0.5 else "over 99.9%"
    return f"{100 * part:.1f}".removesuffix(".0") + "%"


def shares(parts: Iterable[float | None]) -> list[float | None]:
    """Shares for a column of a table with the format "percent": written there as `share` writes them."""
    return [round(part, 3) if part is not None and 0.0005 <= part < 0.9995 else part for part in parts]


def number(value: float, digits: int = 6) -> str:
    """A value of the data to so many digits. Thousands are parted from 10,000 on, so that a year stays a year."""
    size = abs(value)
    how = ".0f" if 10 ** (digits - 1) <= size < 1e15 else f".{digits}g"
    return f"{value:{',' if size >= 10_000 else ''}{how}}"


_STAMPS = {"%d": "DD", "%m": "MM", "%Y": "YYYY", "%y": "YY", "%H": "hh", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "…", "%b": "Mon", "%B": "Month", "%p": "AM"}


def dated(written: str | None) -> str:
    """How dates are written, for a person: `%d.%m.%Y|ISO8601` is DD.MM.YYYY or YYYY-MM-DD."""
    return re.sub("%.", lambda found: _STAMPS.get(found[0], found[0]), (written or "").replace("ISO8601", "%Y-%m-%d").replace("|", " or "))


def days(table: pd.DataFrame) -> dict[str, Any]:
    """How to draw the columns of dates of a table that have no time of day: without one. For `column_config`."""
    dates = table.select_dtypes("datetime")
    return {name: st.column_config.DateColumn() for name in dates if (dates[name].dropna().dt.normalize() == dates[name].dropna()).all()}


def spelled(value: Any, most: int = 200) -> str:
    """Any JSON value in words, shortened: numbers to four digits, lists and dicts as `a, b` and `name: value`."""
    if isinstance(value, bool):
        said = "yes" if value else "no"
    elif isinstance(value, float):
        said = number(value, 4)
    elif isinstance(value, Mapping):
        said = ", ".join(f"{name}: {spelled(item)}" for name, item in value.items())
    elif isinstance(value, (list, tuple)):
        said = ", ".join(spelled(item) for item in value)
    else:
        said = str(value)
    return said if len(said) <= most else said[: most - 1] + "…"


def ago(when: datetime | None) -> str:
    """How long ago, in words."""
    if when is None:
        return ""
    seconds = max(0.0, (datetime.now(UTC) - when).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `8 s`, `2 min 05 s`, `1 h 12 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 or isinstance(seconds, int) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes % 60 else f"{minutes // 60} h"


# --- drafts --------------------------------------------------------------------------------------------------


def save(plan: Plan) -> None:
    """Keep the draft in the store, where a refresh finds it."""
    with shown():
        store().save_draft(plan.dataset, plan)


def synced(key: str, stored: Any) -> str:
    """Make the widget `key` show `stored` whenever that changed elsewhere (an undo, another tab), and else leave it to the person."""
    if st.session_state.get(f"{key}__seen", synced) != stored or key not in st.session_state:
        st.session_state[key] = stored
    st.session_state[f"{key}__seen"] = stored
    return key


# --- data --------------------------------------------------------------------------------------------------------------

FILE_TYPES = [
    "csv", "tsv", "txt", "tab", "psv", "ssv", "dat", "fwf", "prn", "asc", "xlsx", "xls", "ods", "parquet", "pq", "feather", "arrow", "ipc", "json", "jsonl",
    "ndjson", "gz", "zip",
]  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What pages draw of a table without reading it: its first rows, rows from all over it, and its portrait."""

    head: pd.DataFrame
    spread: pd.DataFrame
    portrait: Portrait

    @property
    def missing(self) -> float:
        """The share of all cells."""
        schema = self.portrait.schema
        return sum(column.missing for column in schema.columns) / max(1, schema.rows * len(schema.columns))

    @cached_property
    def memory(self) -> int:
        """Bytes."""
        sample = self.portrait.sample
        return int(sample.memory_usage(deep=True).sum() * self.portrait.schema.rows / max(1, len(sample)))


def seen(found: Dataset, target: str | None = None) -> Seen:
    """What there is to see of a dataset, from the rows that are kept beside it; computed once per server and target."""
    return _seen(found, os.environ.get("TRAINYARD_HOME"), found.id, target)


@st.cache_resource(show_spinner="Looking at the table …", max_entries=16)
def _seen(_found: Dataset, home: str | None, dataset_id: str, target: str | None) -> Seen:
    from pipeline import Portrait

    sample = _found.sample()
    head = _found.head() if len(sample) < _found.rows else sample.iloc[:2_000]
    every = max(1, len(sample) // max(1, len(head)))
    spread = sample.iloc[: every * len(head) : every]
    return Seen(head, spread, Portrait(sample, _found.schema, target, _found.tops()))


def rows_at(found: Dataset, positions: Iterable[int]) -> pd.DataFrame:
    """Those rows of a dataset, by position; cached for the same positions."""
    return _rows_at(found, os.environ.get("TRAINYARD_HOME"), found.id, tuple(sorted(set(positions))))


@st.cache_resource(show_spinner="Reading the rows …", max_entries=32)
def _rows_at(_found: Dataset, home: str | None, dataset_id: str, positions: tuple[int, ...]) -> pd.DataFrame:
    return _found.rows_at(positions)


def opened(added: Dataset) -> NoReturn:
    """Say that a dataset was added and show it."""
    st.toast(f"Added {md(label(added))}", icon=":material/check_circle:")
    go("pages/data.py", dataset=added.id)


def stem(file_name: str) -> str:
    """`sales.2024.csv.gz` -> `sales.2024`; a name that is all extension stays as it is."""
    name = file_name.removesuffix(".gz")
    start, dot, extension = name.rpartition(".")
    return start if dot and start and extension.lower() in FILE_TYPES else name or file_name


def retarget(found: Dataset, target: str, plan: Plan | None, task: str | None = None) -> Plan:
    """A draft for another target or task. Recipe, split, budget and the fixes that still make sense are kept.

    What was said and found about the old target is not: when a value is known, what gave it away.
    """
    fresh = Plan.draft(found.schema, target, dataset=found.id, task=task)  # type: ignore[arg-type]
    if plan is None:
        return fresh
    kept = plan.model_dump(mode="json", include={"recipe", "split", "search", "seed"})
    roles = {column.name: column.model_dump(mode="json") for column in plan.columns}
    about_it: set[str] = set()
    if target != plan.target:
        plan, about_it = acquit(plan), {known.name for known in entries("check") if known.facts.needs_target}
        roles = {name: {**role, "known": ""} for name, role in roles.items()}
    columns = [roles.get(column.name) or column.model_dump(mode="json") for column in fresh.columns]
    return fresh.change(**kept, columns=columns).accept(fix for fix in plan.fixes if not fix.metric and fix.code not in about_it)


def carry(plan: Plan | None, to: Dataset) -> None:
    """Give a version that was made of another the draft of that one, less the columns that it has no more; a draft of its own stays."""
    if plan is None or plan.target not in to.schema or store().draft(to.id) is not None:
        return
    there = [column.model_dump(mode="json") for column in plan.columns if column.name in to.schema]
    recipe = [{**step, "columns": [name for name in step["columns"] if name in to.schema]} if step.get("columns") else step
              for step in plan.model_dump(mode="json")["recipe"]]  # fmt: skip
    save(plan.change(dataset=to.id, columns=there, recipe=recipe))
