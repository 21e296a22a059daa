"""Choose the target, what the model may learn from, and how it is prepared."""

from __future__ import annotations

import streamlit as st

from pages import _candidates, _charts, _columns, _flow, _history, _recipe, _roles, _step, _templates, _tried, _ui

_ui.guard()

TABS = ["Recipe", "Columns", "Candidates", "Flow", "Templates"]


def target_row(at) -> None:
    """Target, task, positive class, and how the target's values are spread."""
    left, middle, right = st.columns([4, 5, 5])
    names = at.dataset.schema.names
    with left:
        now = at.plan.target if at.plan else None
        chosen = st.selectbox("Target: the column to predict", names, 0 if now else None, key=_ui.synced("target", now), placeholder="Choose a column")
        if chosen and chosen != now:
            keep(at, chosen)
        if at.plan is None:
            return
        column = at.dataset.schema[at.plan.target]
        st.caption(f"{column.kind.capitalize()}, {column.unique:,} different values, {column.missing:,} missing")
        _history.turns(at.dataset, at.plan)
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
    classes = [value for value, _ in counts(at)]
    if plan.task == "binary" and len(classes) == 2:
        now = plan.positive if plan.positive in classes else max(classes)
        positive = st.selectbox("Positive class: the answer you look for", classes, key=_ui.synced("positive", now))
        if positive != now:
            _ui.save(plan.change(positive=positive))
            st.rerun()


def fact(at) -> dict:
    return _ui.seen(at.dataset).portrait.facts([at.plan.target])[0]


def counts(at) -> list[tuple[str, int]]:
    """The most frequent values of the target as the file wrote them, with their rows."""
    column = at.dataset.schema[at.plan.target]
    return [(str(column.label(value)), count) for value, count in fact(at)["top"] or []]


def balance(at) -> None:
    """How the target's values are spread: bins for numbers, classes with their rows otherwise."""
    bins, classes = fact(at)["histogram"], counts(at)
    if at.plan.task == "regression" and bins:
        _charts.show(_charts.histogram(bins, height=150), "target_histogram", "How the values of the target are spread")
    elif classes:
        positive = at.plan.positive if at.plan.task == "binary" else None
        _charts.show(_charts.class_balance(classes, positive=positive), "class_balance", "How many rows each class of the target has")
        st.caption(" · ".join(f"{_ui.md(value)} {count:,}" for value, count in classes))


def choose_from_table(at) -> None:
    """Without a target the page is a table to choose one from."""
    st.markdown("Choose the column to predict above, or click its row. Everything else is drafted from it and can be changed.")
    facts = _columns.find(_ui.seen(at.dataset).portrait, "find_target")
    clicked = _columns.table(facts, "target_table") if facts else None
    if clicked is not None:
        keep(at, facts[clicked]["name"])


def editor(at, laid) -> None:
    """The tabs; only the one that is open is drawn."""
    recipe, columns, candidates, flow, templates = st.tabs(TABS, key="features_tab", on_change="rerun", bind="query-params")
    if recipe.open:
        with recipe:
            cards_and_rows(at)
    if columns.open:
        with columns:
            _roles.editor(at.plan, at.dataset.schema)
    if candidates.open:
        with candidates:
            _candidates.section(at)
    if flow.open:
        with flow:
            _flow.drawing(at.plan, laid)
    if templates.open:
        with templates:
            _templates.library(at.plan)


def cards_and_rows(at) -> None:
    made, opened = _tried.tried(at), _recipe.opened(at.plan)
    left, right = st.columns([5, 7])
    with left:
        _recipe.cards(made)
    with right:
        if _recipe.adding():
            _recipe.catalogue(at.plan)
            return
        if opened is not None:
            with st.container(border=True, key="settings"):
                _step.settings(at.plan, opened)
        _tried.before_and_after(made, opened)


at = _ui.page("Features", "What is predicted, from what, and how it is prepared")
_ui.need_dataset(at)
with _ui.shown():
    _ui.seen(at.dataset)
target_row(at)
if at.plan is None:
    choose_from_table(at)
else:
    laid = _tried.laid(at)
    _ui.show_problems(laid.problems, "features")
    editor(at, laid)
    _ui.next_step("Choose how models are judged, which are tried, and for how long.", "pages/models.py", "Choose models",
                  "Mend what is listed above first." if laid.problems else None)  # fmt: skip
