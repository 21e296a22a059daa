"""Which columns the model may learn from, and what each is taken for: one by one, or thousands at once."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages import _columns, _ui
from pipeline import Plan

if TYPE_CHECKING:
    from pipeline.data.schema import Schema

KINDS = ("numeric", "categorical", "boolean", "datetime", "text", "id")
ROLES = {"All": None, "Used": True, "Left out": False}


def editor(plan: Plan, schema: Schema) -> None:
    """Find columns, select some or take all that were found, and say what they are; every change is saved at once."""
    found, narrowed = _find(plan)
    shown = _columns.page(found, "roles_page")
    with st.container(horizontal=True, vertical_alignment="center", key="roles_actions"):
        about, actions = st.container(width="stretch"), st.container(horizontal=True, width="content")
    selected = _table(plan, shown, schema)
    chosen = selected or (found if narrowed else [])
    with about:
        st.markdown(_said(plan, len(found), len(selected), narrowed))
    with actions:
        _actions(plan, chosen)


def _find(plan: Plan) -> tuple[list[str], bool]:
    """The names of the columns that were asked for, and whether anything was asked for at all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = _columns.asked("find_role")
        there = [kind for kind in KINDS if kind in set(plan.kinds.values())]
        kinds = st.pills("Kinds", there, selection_mode="multi", key="role_kinds", label_visibility="collapsed")
        used = ROLES[st.segmented_control("Role", list(ROLES), default="All", required=True, key="role_used", label_visibility="collapsed")]
    features = set(plan.features)
    found = [
        c.name for c in plan.columns
        if (not kinds or c.kind in kinds) and used in (None, c.name in features)
    ]  # fmt: skip
    return _columns.matching(found, asked), bool(asked.strip() or kinds or used is not None)


def _said(plan: Plan, found: int, selected: int, narrowed: bool) -> str:
    used = f"**{len(plan.features):,}** of {len(plan.columns):,} columns are used."
    if selected:
        return f"{used} **{selected:,}** selected:"
    if narrowed:
        return f"{used} All **{found:,}** that match:"
    return f"{used} :gray[Select rows, or narrow the list, to change many at once.]"


def _table(plan: Plan, names: Sequence[str], schema: Schema) -> list[str]:
    """Draw a page of the columns; the names of those that are selected."""
    aside, columns, about = plan.set_aside, {c.name: c for c in plan.columns}, {c.name: c for c in schema.columns}
    shown = [columns[name] for name in names]
    rows = pd.DataFrame(
        {
            "Column": names, "Used": [c.role == "feature" and c.name not in aside for c in shown], "Kind": [c.kind for c in shown],
            "Missing": _ui.shares(about[name].missing / max(1, schema.rows) if name in about else None for name in names),
            "Unique": [about[name].unique if name in about else None for name in names],
            "Note": [aside.get(c.name, c.reason) for c in shown],
        }
    )  # fmt: skip
    config = {
        "Used": st.column_config.CheckboxColumn(help="Whether the model may learn from it", width="small"),
        "Kind": st.column_config.TextColumn(width="small"), "Note": st.column_config.TextColumn(width="large"),
        "Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
        "Unique": st.column_config.NumberColumn(format="localized", width="small"),
    }  # fmt: skip
    # The key changes with what is shown, so that a selection can never land on another column's row.
    key = f"roles_{zlib.crc32(repr((names, st.session_state.get('roles_turn', 0))).encode())}"
    drawn = st.dataframe(rows, key=key, hide_index=True, column_config=config, height=_ui.height(len(rows), 14), on_select="rerun",
                         selection_mode="multi-row", alt="Roles and kinds of the columns")  # fmt: skip
    return [names[row] for row in drawn["selection"]["rows"] if row < len(names)]


def _actions(plan: Plan, chosen: Collection[str]) -> None:
    none = not chosen
    if st.button("Use", key="role_use", icon=":material/check:", disabled=none, help="The model may learn from them"):
        _save(plan, chosen, role="feature")
    if st.button("Leave out", key="role_ignore", icon=":material/block:", disabled=none, help="The model never sees them"):
        _save(plan, chosen, role="ignore")
    kind = st.menu_button("Take as", list(KINDS), key="role_kind", icon=":material/category:", disabled=none, help="What kind of column they are")
    if kind:
        _save(plan, chosen, kind=kind)


def _save(plan: Plan, names: Collection[str], **changes: str) -> None:
    wanted = set(names)
    columns = tuple(
        c.model_copy(update=changes | {"reason": "set by you"}) if c.name in wanted and any(getattr(c, k) != v for k, v in changes.items()) else c
        for c in plan.columns
    )
    st.session_state["roles_turn"] = st.session_state.get("roles_turn", 0) + 1
    with _ui.shown():
        _ui.save(plan.model_copy(update={"columns": columns}))
    st.rerun()
