"""Before a file becomes a dataset: how it was read, controls to read it otherwise, and its first rows at once.

A file that needs no look is kept without one. Any other waits in the store's folder for temporary files, named in the session,
until a person imports or discards it; an error leaves it there, with the controls that may mend it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages import _ui
from pipeline import ReadOptions, TrainyardError, fetch, get_ready, look, offered, sources

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from pipeline import ImportReport, Schema

WAITING = "import_waiting"
ROWS = 100
ENCODINGS = ("utf-8", "cp1252", "cp1250", "cp1251", "latin-1", "utf-16", "shift_jis", "gb18030", "big5", "euc_kr", "koi8-r", "mac_roman", "cp437")
MARKS = {",": "comma ,", ";": "semicolon ;", "\t": "tab", "|": "bar |", " ": "blank", ":": "colon :", "^": "caret ^", "~": "tilde ~", "\x01": "control 1"}
QUOTES = {'"': 'double "', "'": "single '", "": "none"}
AS_FOUND = "as found"
KINDS = {"number": "number", "date": "date", "boolean": "yes or no", "text": "text"}


@dataclass(frozen=True)
class Waiting:
    """A file that waits for a person's word."""

    path: str
    name: str


def uploader(key: str, *, title: str = "Add a file") -> None:
    """Take a file from the person's machine."""
    get_ready()
    turn = st.session_state.setdefault(f"{key}_turn", 0)
    kinds = "CSV and other text tables, Excel, OpenDocument, Parquet, Feather, JSON or JSON Lines; plain, gzip, or one file in a zip."
    file = st.file_uploader(title, _ui.FILE_TYPES, key=f"{key}_{turn}", help=kinds)
    if file is None:
        return
    st.session_state[f"{key}_turn"] = turn + 1  # a new key: the uploader is empty again

    with st.spinner("Reading the file …"):
        take(file.name, partial(to_disk, file))


def to_disk(file: UploadedFile, path: Path) -> None:
    """Write an upload to its place and let go of its bytes, which Streamlit would hold twice for as long as the session lives."""
    with path.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    file.close()
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def take(name: str, write: Callable[[Path], Any]) -> None:
    """Put a file aside (`write` gets the place for it) and keep it if there is nothing to ask; else let it wait on the Data page."""
    drop()
    path = Path(tempfile.mkdtemp(prefix="import-", dir=_ui.store().home / "tmp")) / "file"
    st.session_state[WAITING] = Waiting(str(path), name)
    with _ui.shown():
        write(path)
    try:
        added = _ui.store().add_if_exact(_ui.stem(name), path, file_name=name)
    except TrainyardError:
        added = None  # the page shows what is wrong, beside the controls
    if added is None:
        _ui.go("pages/data.py")
    drop()
    _ui.opened(added)


def drop() -> None:
    """Forget the waiting file, and what was said about it."""
    waiting = st.session_state.pop(WAITING, None)
    if waiting:
        shutil.rmtree(Path(waiting.path).parent, ignore_errors=True)
    for key in [key for key in st.session_state if str(key).startswith("read_")]:
        del st.session_state[key]


def others() -> None:
    """More ways to bring a table: pasted text, and a file on the server or a query to a database where the operator allows them."""
    with st.container(horizontal=True):
        with st.popover("Paste a table", icon=":material/content_paste:", key="paste"):
            text = st.text_area("Rows, as copied from a spreadsheet or a page", key="pasted", height=200)
            if st.button("Read the rows", key="paste_read", type="primary", disabled=not text.strip()):
                kind = "json" if text.lstrip()[:1] in ("[", "{") else "csv"
                take(f"pasted.{kind}", lambda path: path.write_text(text, encoding="utf-8"))
        with _ui.shown():
            known, files = sources(), offered()
        if files:
            with st.popover("File on the server", icon=":material/folder_open:", key="served"):
                chosen = st.selectbox("File", list(files), key="served_file")
                if st.button("Import it", key="served_import", type="primary"):
                    with st.spinner("Reading the file …"):
                        take(files[chosen].name, lambda path: shutil.copyfile(files[chosen], path))
        if known:
            with st.popover("Ask a database", icon=":material/database:", key="ask"):
                source = st.selectbox("Database", known, key="ask_source")
                query = st.text_area("A query that reads", key="ask_query", placeholder="SELECT * FROM …", height=160)
                if st.button("Run the query", key="ask_run", type="primary", disabled=not query.strip()):
                    take(f"{source}.parquet", lambda path: fetch(source, query, path))


def waits() -> bool:
    """Whether a file waits for a person's word."""
    waiting = st.session_state.get(WAITING)
    return waiting is not None and Path(waiting.path).is_file()


def draw() -> bool:
    """Draw the waiting file with its controls; False when none waits."""
    if not waits():
        return False
    waiting = st.session_state[WAITING]
    st.subheader(f"Import {_ui.md(waiting.name)}", anchor=False)
    controls, result = st.container(border=True, key="read_controls"), st.container()
    said = _said()
    try:
        table, schema, report = _looked(waiting.path, waiting.name, said.model_dump_json())
        error = None
    except TrainyardError as caught:
        table, schema, report, error = None, None, None, caught
    with controls:
        _controls(report, schema)
    with result:
        if error is not None or table is None or schema is None or report is None:
            _ui.failure(error or TrainyardError("The file could not be read."))
            st.caption("The file is still here: change how it is read above, discard it, or take another.")
            uploader("other_file", title="Take another file")
        else:
            _found(table, schema, report)
        _end(waiting, said, ready=error is None)
    return True


@st.cache_data(show_spinner="Reading the first rows …", max_entries=8)
def _looked(path: str, name: str, said: str) -> tuple[pd.DataFrame, Schema, ImportReport]:
    return look(path, name=name, options=ReadOptions.model_validate_json(said))


def _said() -> ReadOptions:
    """What the controls say; None from each that is left at what was found."""
    state = st.session_state
    given: dict[str, Any] = {name: state.get(f"read_{name}") for name in ("encoding", "delimiter", "quote", "decimal", "sheet", "skip", "footer")}
    given |= {name: state.get(f"read_{name}") or "auto" for name in ("header", "dates")}
    marks = tuple(part.strip() for part in state.get("read_missing", "").split(",") if part.strip())
    return ReadOptions(**given, missing=marks, kinds=dict(state.get("read_kinds_said", {})))


def _controls(report: ImportReport | None, schema: Schema | None) -> None:
    recipe = report.recipe if report else ReadOptions()
    text = report is None or report.format in ("csv", "json", "jsonl")
    cut = report is None or report.format == "csv"
    with st.container(horizontal=True, gap="small"):
        if text:
            _choice("encoding", "Encoding", dict.fromkeys(ENCODINGS), recipe.encoding)
        if cut:
            _choice("delimiter", "Delimiter", MARKS, recipe.delimiter or ("fixed width" if recipe.widths else None))
            _choice("quote", "Quotation mark", QUOTES, recipe.quote)
        if report is not None and len(report.sheets) > 1:
            _choice("sheet", "Sheet", dict.fromkeys(report.sheets), recipe.sheet)
        _choice("header", "First row", {"first": "column names", "none": "data"}, recipe.header if recipe.header != "auto" else None)
        st.number_input("Lines above", 0, None, None, key="read_skip", placeholder=f"Found: {recipe.skip or 0}", help="Left out above the header", width=150)
        st.number_input("Rows below", 0, None, None, key="read_footer", placeholder="Found", help="Left out below the table", width=150)
    with st.container(horizontal=True, gap="small"):
        commas = schema is not None and any(column.decimal == "," for column in schema.columns)
        _choice("decimal", "Decimal mark", {".": "point 1.5", ",": "comma 1,5"}, "," if commas else ".")
        _choice("dates", "Dates like 05/06/2024", {"day_first": "day first", "month_first": "month first"}, None)
        st.text_input("More marks for missing", key="read_missing", placeholder="-999, gone", help="Texts between commas that mean missing", width=240)


def _choice(name: str, title: str, choices: dict[str, Any], found: str | None) -> None:
    def shown(value: str | None) -> str:
        if value is None:
            return f"Found: {choices.get(found) or found}" if found is not None else "Found out"
        return choices[value] or value

    st.selectbox(title, [None, *choices], format_func=shown, key=f"read_{name}", width=190)


def _found(table: pd.DataFrame, schema: Schema, report: ImportReport) -> None:
    """What was guessed or mended, how each column is read, and the first rows."""
    if report.exact:
        st.success("Nothing had to be guessed or mended.", icon=":material/check_circle:")
    else:
        count = len(report.problems)
        st.warning(f"Please check: {count:,} thing{'s' if count != 1 else ''} had to be guessed or mended.", icon=":material/warning:")
        noticed(report, 5)
    left, right = st.columns([5, 7])
    with left:
        _columns(schema)
    with right:
        st.dataframe(table.head(ROWS), key="import_rows", column_config=_ui.days(table), height=_ui.height(ROWS, 11),
                     alt="The first rows as they would be imported")  # fmt: skip
        more = "" if report.format not in ("csv", "jsonl") else " The file is read to its end when it is imported."
        st.caption(f"The first {min(ROWS, len(table)):,} of {report.rows:,} rows that were looked at.{more}")


def noticed(report: ImportReport, most: int) -> None:
    """Each thing that was guessed or mended, with its line where it has one."""
    rows = [{"Line": f"{seen.line:,}" if seen.line else "", "Kind": seen.kind.replace("_", " ").capitalize(), "What": seen.message} for seen in report.problems]
    config = {"Line": st.column_config.TextColumn(width="small"), "Kind": st.column_config.TextColumn(width="small")}
    st.dataframe(rows, hide_index=True, key="noticed", column_config=config, height=_ui.height(len(rows), most), alt="What was guessed or mended")


def _columns(schema: Schema) -> None:
    said = st.session_state.get("read_kinds_said", {})
    rows = pd.DataFrame({
        "Column": schema.names, "Read as": [KINDS[said[name]] if name in said else AS_FOUND for name in schema.names],
        "Found": [" ".join(filter(None, (c.kind, c.unit, _ui.dated(c.date_format)))) for c in schema.columns],
    })  # fmt: skip
    config = {"Read as": st.column_config.SelectboxColumn(options=[AS_FOUND, *KINDS.values()], required=True),
              "Found": st.column_config.TextColumn(width="medium")}  # fmt: skip

    def changed() -> None:
        words = {word: kind for kind, word in KINDS.items()}
        for row, cells in st.session_state[key]["edited_rows"].items():
            said.pop(schema.names[int(row)], None)
            if cells.get("Read as") in words:
                said[schema.names[int(row)]] = words[cells["Read as"]]
        st.session_state["read_kinds_said"] = said

    key = f"read_kinds_{len(schema.names)}_{sorted(said.items())}"
    st.data_editor(rows, key=key, hide_index=True, disabled=("Column", "Found"), column_config=config, on_change=changed, height=_ui.height(len(rows), 11))


def _end(waiting: Waiting, said: ReadOptions, *, ready: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the dataset", _ui.stem(waiting.name), key="read_name", width=360)
        if st.button("Import", key="import_keep", type="primary", icon=":material/check:", disabled=not (ready and name.strip())):
            with _ui.shown(), st.spinner("Reading the file …"):
                added = _ui.store().add_dataset(name.strip(), waiting.path, file_name=waiting.name, options=said)
            drop()
            _ui.opened(added)
        if st.button("Discard", key="import_drop"):
            drop()
            st.rerun()
