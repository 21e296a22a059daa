"""The versions of a dataset: what each was made of, what is different between two, and an edit that makes the next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages import _ui

if TYPE_CHECKING:
    from pipeline.store import Dataset

HOW = ("is", "is not", "above", "below", "known", "missing")
WHOLE = 1_000_000  # rows up to which all rows are compared


def tab(dataset: Dataset) -> None:
    """Where this version comes from, the comparison with another, and edits."""
    with _ui.shown():
        known = {found.id: found for found in _ui.store().datasets(dataset.name)}
    _lineage(dataset, known)
    left, right = st.columns([7, 5])
    with left:
        _compared(dataset, [found for found in known.values() if found.id != dataset.id])
    with right, st.container(border=True):
        _edit(dataset)


def _lineage(dataset: Dataset, known: dict[str, Dataset]) -> None:
    from pipeline import Edit

    made = dataset.lineage()
    if made is None:
        st.caption(_ui.md(f"Version {dataset.version} was read from {dataset.file_name}. Content {dataset.sha256[:16]}"))
        return
    done = "; ".join(Edit.model_validate(edit).words for edit in made["edits"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_ui.md(f"Version {dataset.version} was made of version {made['version']}: {done}."), width="stretch")
        if made["of"] in known and st.button(f"Back to version {made['version']}", key="undo_version", icon=":material/undo:"):
            _ui.go("pages/data.py", dataset=made["of"])


# --- comparing ---------------------------------------------------------------------------------------------------------


def _compared(dataset: Dataset, others: list[Dataset]) -> None:
    st.markdown("**Compare versions**")
    if not others:
        st.caption("There is one version so far. Add a file under the same name, or edit this one.")
        return
    names = {found.id: f"Version {found.version} · {found.rows:,} rows · {_ui.ago(found.created)}" for found in others}
    chosen = st.selectbox("With", list(names), format_func=names.get, key="compare_with")
    with _ui.shown():
        _differences(dataset, _compare(os.environ.get("TRAINYARD_HOME"), chosen, dataset.id))


@st.cache_data(show_spinner="Comparing …", max_entries=16)
def _compare(home: str | None, before: str, after: str) -> dict[str, Any]:
    from pipeline import compare, compare_kept

    was, now = (_ui.store().dataset(one) for one in (before, after))
    if max(was.rows, now.rows) <= WHOLE:
        return compare_kept(was, now)
    return compare(was.sample(), was.schema, now.sample(), now.schema)


def _differences(dataset: Dataset, found: dict[str, Any]) -> None:
    if found["same"]:
        st.success("Nothing is different but the order of the rows.", icon=":material/check_circle:")
        return
    rows = found["rows"]
    unknown = rows["added"] is None
    _ui.cards([("Rows before", f"{rows['before']:,}"), ("Rows now", f"{rows['after']:,}"), ("Added", "not compared" if unknown else f"{rows['added']:,}"),
               ("Removed", "not compared" if unknown else f"{rows['removed']:,}")])  # fmt: skip
    st.caption("Too many rows to compare one by one." if unknown else "A row that was changed counts as removed and as added.")
    if found["columns"]:
        table = pd.DataFrame(found["columns"]).rename(columns={"column": "Column", "change": "Change", "was": "Before", "now": "Now"})
        st.dataframe(table, hide_index=True, key="changed_columns", height=_ui.height(len(table), 8), alt="Columns that were added, removed or changed")
    if found["moved"]:
        _moved(found["moved"])


def _moved(facts: list[dict[str, Any]]) -> None:
    st.markdown("**Columns whose values are spread otherwise**")
    titles = {"column": "Column", "distance": "Distance", "measure": "Measure", "missing_before": "Missing before", "missing_after": "Missing now"}
    shares = st.column_config.NumberColumn(format="percent")
    config = {"Distance": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1), "Missing before": shares, "Missing now": shares}
    rows = [fact | {name: _ui.shares([fact[name]])[0] for name in ("missing_before", "missing_after")} for fact in facts]
    st.dataframe(pd.DataFrame(rows).rename(columns=titles), hide_index=True, key="moved_columns", column_config=config,
                 height=_ui.height(len(facts), 8), alt="Columns whose values are spread otherwise")  # fmt: skip


# --- editing -----------------------------------------------------------------------------------------------------------


def _edit(dataset: Dataset) -> None:
    """Rows to keep, or columns to leave out: each makes a new version; this one stays as it is."""
    from pipeline import Edit

    st.markdown("**Make a version of this one**")
    what = st.segmented_control("Edit", ["Keep rows", "Leave out columns"], default="Keep rows", key="edit_what", label_visibility="collapsed")
    if what == "Leave out columns":
        left_out = st.multiselect("Columns", dataset.schema.names, key="edit_columns")
        edit = Edit(kind="leave_out", columns=tuple(left_out))
        ready = 0 < len(left_out) < dataset.columns
    else:
        column = st.selectbox("Where", dataset.schema.names, key="edit_column")
        how = st.selectbox("Its value", HOW, key="edit_how")
        value = "" if how in ("known", "missing") else st.text_input("Value", key="edit_value", help="As the file writes it.")
        edit, ready = Edit(kind="keep", column=column, how=how, value=value), how in ("known", "missing") or value != ""
    pressed = st.button("Make the version", key="make_version", icon=":material/call_split:", disabled=not ready,
                        help=None if ready else "Choose columns, or give a value.")  # fmt: skip
    if pressed:
        with _ui.shown():
            made = _ui.store().edit_dataset(dataset.id, [edit])
            _ui.carry(_ui.store().draft(dataset.id), made)
            _ui.go("pages/data.py", dataset=made.id)
