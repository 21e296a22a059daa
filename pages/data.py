"""Add a dataset and see what is in it."""

from __future__ import annotations

import streamlit as st

from pages import _columns, _contract, _import, _profile, _ui, _versions

_ui.guard()

import pandas as pd

PREVIEW_ROWS = 200


def add(at) -> None:
    """The uploader: all of the page when there is no dataset, one line when there is; a file that waits for a word comes first."""
    if _import.draw():
        return
    if at.dataset is None:
        _ui.empty("No dataset yet", "Add a file here, or take a sample on the Home page.", "pages/home.py", "See the samples")
        _import.uploader("data_file")
        _import.others()
        return
    left, right = st.columns([8, 4], vertical_alignment="top")
    with left, st.expander("Add a dataset or a new version", icon=":material/upload_file:"):
        _import.uploader("data_file")
        _import.others()
    with right:
        versions(at.dataset)


def versions(dataset) -> None:
    known = {found.id: found for found in _ui.store().datasets(dataset.name)}

    def opened() -> None:
        st.query_params.pop("run", None)
        st.query_params["dataset"] = st.session_state["version"]

    def shown(key: str) -> str:
        return f"Version {known[key].version} · {known[key].rows:,} rows · {_ui.ago(known[key].created)}"

    st.session_state["version"] = dataset.id
    st.selectbox("Version", list(known), format_func=shown, key="version", on_change=opened, label_visibility="collapsed")


def preview(dataset, seen) -> None:
    st.dataframe(seen.head.head(PREVIEW_ROWS), key="preview", column_config=_ui.days(seen.head),
                 height=_ui.height(PREVIEW_ROWS, 13), alt=f"The first rows of {dataset.name}")
    st.caption(f"The first {min(PREVIEW_ROWS, dataset.rows):,} of {dataset.rows:,} rows")


def columns(dataset, seen, plan) -> None:
    """The table of columns on the left; what there is to know of the chosen one on the right."""
    facts = _columns.find(seen.portrait, "find")
    if not facts:
        st.caption("No column has that in its name.")
        return
    roles = {column.name: column.role for column in plan.columns} | {plan.target: "target"} if plan else None
    left, right = st.columns([8, 4])
    with left:
        chosen = _columns.table(facts, "column_table", roles)
    with right, st.container(border=True):
        _columns.card(dataset, facts[chosen or 0])


def report(dataset) -> None:
    """How the file was read, and everything that was not as expected."""
    found = dataset.report
    facts = {"File": dataset.file_name, "Format": found.format, "Encoding": found.encoding, "Delimiter": repr(found.delimiter or "")[1:-1],
             "Sheet": found.sheet, "SHA-256 of the file": dataset.file_sha256[:16]}  # fmt: skip
    with st.container(horizontal=True, gap="medium"):
        for name, value in facts.items():
            if value:
                st.caption(f"{name}  \n**{_ui.md(value)}**", width="content")
    if found.exact:
        st.success("Every cell of the table is just what the file says.", icon=":material/check_circle:")
        if found.checksums is False:
            st.caption("The file has no checksums. Its counts and ranges agree with what was read; other damage to its bytes nobody could see.")
    else:
        st.warning("Some cells were padded, cut, guessed or dropped; each case is listed below.", icon=":material/warning:")
    if found.renamed:
        st.markdown("**Renamed columns**")
        renamed = pd.DataFrame({"In the table": list(found.renamed), "In the file": list(found.renamed.values())})
        st.dataframe(renamed, hide_index=True, key="renamed", width=720, height=_ui.height(len(renamed), 10), alt="Columns that had to be renamed")
    if found.problems:
        st.markdown("**Noticed while reading**")
        _import.noticed(found, 12)


def show(at) -> None:
    with _ui.shown():
        seen = _ui.seen(at.dataset, at.plan.target if at.plan else None)
    _ui.cards([("Rows", f"{at.dataset.rows:,}"), ("Columns", f"{at.dataset.columns:,}"), ("Missing cells", _ui.share(seen.missing)),
               ("In memory", f"{seen.memory / 1e6:,.1f} MB")])  # fmt: skip
    drawers = {"Preview": lambda: preview(at.dataset, seen), "Columns": lambda: columns(at.dataset, seen, at.plan),
               "Relations": lambda: _profile.relations(seen.portrait), "Missing": lambda: _profile.gaps(seen.portrait),
               "Versions": lambda: _versions.tab(at.dataset), "Import report": lambda: report(at.dataset),
               "Contract": lambda: _contract.tab(at.dataset), "Report": lambda: _profile.report(seen.portrait, at.dataset)}  # fmt: skip
    _contract.banner(at.dataset)
    tabs = st.tabs(list(drawers), key="data_tab", on_change="rerun", bind="query-params")
    for tab, draw in zip(tabs, drawers.values()):
        if tab.open:
            with tab:
                draw()
    _ui.next_step("See what is wrong with the data before anything learns from it.", "pages/quality.py", "Check quality")


at = _ui.page("Data", "Add a dataset and see what is in it")
add(at)
if at.dataset is not None and not _import.waits():
    show(at)
