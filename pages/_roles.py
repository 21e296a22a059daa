"""Which columns the model may learn from, and what each is taken for."""

from __future__ import annotations

import zlib
from typing import Any

import pandas as pd
import streamlit as st

from pages import _ui
from pipeline import Plan

KINDS = ["numeric", "categorical", "boolean", "datetime", "text", "id"]
MOST_SHOWN = 500


def editor(plan: Plan, facts: list[dict[str, Any]]) -> None:
    """What each column is taken for and whether the model sees it; kept when Save is pressed."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        asked = st.text_input(
            "Find a column", key="find_role", placeholder="Find a column", label_visibility="collapsed", icon=":material/search:", width=360
        )
        saved = st.button("Save roles", key="save_roles", type="primary", icon=":material/save:")
    aside = plan.set_aside
    about = {fact["name"]: fact for fact in facts}
    shown = [column for column in plan.columns if asked.lower() in column.name.lower()][:MOST_SHOWN]
    base = pd.DataFrame(
        {
            "Column": [c.name for c in shown], "Use": [c.role == "feature" for c in shown], "Kind": [c.kind for c in shown],
            "Missing": [about[c.name]["missing_share"] if c.name in about else None for c in shown],
            "Unique": [about[c.name]["unique"] if c.name in about else None for c in shown],
            "Note": [aside.get(c.name, c.reason) for c in shown],
        }
    )  # fmt: skip
    config = {
        "Use": st.column_config.CheckboxColumn(help="Whether the model may learn from it", width="small"),
        "Kind": st.column_config.SelectboxColumn(options=KINDS, required=True, width="small"),
        "Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
        "Unique": st.column_config.NumberColumn(format="localized", width="small"), "Note": st.column_config.TextColumn(width="large"),
    }  # fmt: skip
    # The key changes with what is shown, so that an edit can never land on another column's row.
    key = f"roles_{zlib.crc32(base.to_json().encode())}"
    edited = st.data_editor(base, key=key, hide_index=True, disabled=["Column", "Missing", "Unique", "Note"], column_config=config,
                            height=_ui.height(len(base), 14), alt="Roles and kinds of the columns")  # fmt: skip
    total = len(plan.columns)
    st.caption(f"{len(plan.features):,} of {total:,} columns are used." + (f" Showing {len(shown):,}." if len(shown) < total else ""))
    if saved:
        _save(plan, edited)


def _save(plan: Plan, edited: pd.DataFrame) -> None:
    asked = {row["Column"]: ("feature" if row["Use"] else "ignore", row["Kind"]) for row in edited.to_dict("records")}
    columns = []
    for column in plan.columns:
        role, kind = asked.get(column.name, (column.role, column.kind))
        changed = (role, kind) != (column.role, column.kind)
        columns.append(column.model_dump(mode="json") | {"role": role, "kind": kind, "reason": "set by you" if changed else column.reason})
    with _ui.shown():
        _ui.save(plan.change(columns=columns))
    st.toast("Roles saved", icon=":material/check_circle:")
    st.rerun()
