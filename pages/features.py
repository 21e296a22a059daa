"""Choose the target, what the model may learn from, and how it is prepared."""

from __future__ import annotations

import streamlit as st

from pages import _charts, _recipe, _ui

_ui.guard()

import zlib

import pandas as pd

from pipeline import Plan

KINDS = ["numeric", "categorical", "boolean", "datetime", "text", "id"]
MOST_SHOWN = 500


def target_row(at) -> None:
    """Target, task, positive class, and how the target's values are spread."""
    left, middle, right = st.columns([4, 4, 6])
    names = at.dataset.schema.names
    with left:
        now = at.plan.target if at.plan else None
        chosen = st.selectbox("Target: the column to predict", names, index=None, key=_ui.synced("target", now), placeholder="Choose a column")
        if chosen and chosen != now:
            keep(at, chosen)
        if at.plan is None:
            return
        column = at.dataset.schema[at.plan.target]
        st.caption(f"{column.unique:,} different values, {column.missing:,} missing. {_ui.md(column.reason)}")
    with middle:
        task_controls(at)
    with right:
        balance(at)


def keep(at, target: str, task: str | None = None) -> None:
    with _ui.shown():
        _ui.save(_ui.retarget(at.dataset, target, at.plan, task))
    st.rerun()


def task_controls(at) -> None:
    plan = at.plan
    task = st.segmented_control("Task", list(_ui.TASK_TITLES), key=_ui.synced("task", plan.task), required=True, format_func=_ui.TASK_TITLES.get)
    if task and task != plan.task:
        keep(at, plan.target, task)
    levels = at.dataset.schema[plan.target].levels
    if plan.task == "binary" and levels:
        positive = st.selectbox("Positive class: the answer you look for", levels, key=_ui.synced("positive", plan.positive))
        if positive != plan.positive:
            _ui.save(plan.change(positive=positive))
            st.rerun()


def balance(at) -> None:
    fact = next(f for f in _ui.seen(at.dataset).facts if f["name"] == at.plan.target)
    if at.plan.task == "regression" and fact["histogram"]:
        _charts.show(_charts.histogram(fact["histogram"], height=170), "target_histogram", "How the values of the target are spread")
    elif fact["top"]:
        _charts.show(_charts.class_balance(fact["top"], positive=at.plan.positive), "class_balance", "How many rows each class of the target has")


def roles(plan: Plan, facts: list[dict]) -> None:
    """What each column is taken for and whether the model sees it; kept when Save is pressed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.text_input("Find a column", key="find_role", placeholder="Find a column", label_visibility="collapsed", icon=":material/search:")
        saved = st.button("Save roles", key="save_roles", type="primary", icon=":material/save:")
    ignored = {name: fix.title for fix in plan.fixes for name in fix.ignore}
    about = {fact["name"]: fact for fact in facts}
    shown = [column for column in plan.columns if asked.lower() in column.name.lower()][:MOST_SHOWN]
    base = pd.DataFrame(
        {
            "Column": [c.name for c in shown], "Use": [c.role == "feature" for c in shown], "Kind": [c.kind for c in shown],
            "Missing": [about[c.name]["missing_share"] if c.name in about else None for c in shown],
            "Unique": [about[c.name]["unique"] if c.name in about else None for c in shown],
            "Note": [ignored.get(c.name, c.reason) for c in shown],
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
                            height=min(530, 38 + _ui.TABLE_ROW * len(base)), alt="Roles and kinds of the columns")  # fmt: skip
    total = len(plan.columns)
    st.caption(f"{len(plan.features):,} of {total:,} columns are used." + (f" Showing {len(shown):,}." if len(shown) < total else ""))
    if saved:
        save_roles(plan, edited)


def save_roles(plan: Plan, edited: pd.DataFrame) -> None:
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


at = _ui.page("Features", "What is predicted, from what, and how it is prepared")
_ui.need_dataset(at)
with _ui.shown():
    _ui.seen(at.dataset)
target_row(at)
if at.plan is not None:
    problems = at.plan.problems(at.dataset.schema)
    _ui.show_problems(problems)
    tabs = st.tabs(["Recipe", "Columns"], key="tab", on_change="rerun", bind="query-params")
    if tabs[0].open:
        with tabs[0]:
            left, right = st.columns([5, 7])
            with left:
                _recipe.cards(at.plan)
            with right:
                _recipe.before_and_after(at.dataset, at.plan)
    if tabs[1].open:
        with tabs[1]:
            roles(at.plan, _ui.seen(at.dataset).facts)
    _ui.next_step("Choose how models are judged, which are tried, and for how long.", "pages/models.py", "Choose models",
                  "Mend what is listed above first." if problems else None)  # fmt: skip
