"""The recipe as cards: switch, set, move and remove its steps, and see what they make of the first rows."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui
from pipeline import Plan, TrainyardError, entries

if TYPE_CHECKING:
    from pipeline.features import Preview
    from pipeline.store import Dataset

PREVIEW_ROWS, SHOWN_ROWS = 20, 14


def cards(plan: Plan) -> None:
    """The steps of the recipe in order, each a card; every change is saved at once."""
    with st.container(border=True, key="recipe"):
        for place, spec in enumerate(plan.recipe):
            with st.container(key=f"step_{place}", gap=None):
                _card(plan, place, spec)
        if not plan.recipe:
            st.caption("No step: only columns that are numbers already can be used.")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        titles = {step.name: step.title for step in entries("step")}
        added = st.menu_button("Add step", list(titles), key="add_step", icon=":material/add:", format_func=lambda name: _ui.md(titles[name]))
        if st.button("Back to the defaults", key="reset_recipe", type="tertiary", icon=":material/restart_alt:"):
            _save(plan, [{"step": step.name} for step in entries("step") if step.facts.default])
    if added:
        _save(plan, _with(plan, added))


def _card(plan: Plan, place: int, spec: Any) -> None:
    step = next((step for step in entries("step") if step.name == spec.step), None)
    recipe = _plain(plan)
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        title = _ui.md(step.title if step else f"{spec.step} (not in this installation)")
        on = st.toggle(title, key=_ui.synced(f"on_{place}", spec.enabled), help=_ui.md(step.help) if step else None, width="stretch")
        if step is not None and (step.params or not step.facts.rows):
            with st.popover("", icon=":material/tune:", help="Settings", type="tertiary", key=f"settings_{place}"):
                recipe[place] |= _settings(plan, place, spec, step)
        up = _icon_button("Move up", f"up_{place}", "arrow_upward", place == 0)
        down = _icon_button("Move down", f"down_{place}", "arrow_downward", place == len(plan.recipe) - 1)
        gone = _icon_button("Remove", f"gone_{place}", "delete", False)
    if step is not None:
        st.caption(_said(plan, spec, step))
    recipe[place]["enabled"] = on
    if up or down:
        other = place - 1 if up else place + 1
        recipe[place], recipe[other] = recipe[other], recipe[place]
    if gone:
        del recipe[place]
    if recipe != _plain(plan):
        _save(plan, recipe)


def _icon_button(what: str, key: str, icon: str, disabled: bool) -> bool:
    return st.button("", key=key, icon=f":material/{icon}:", help=what, type="tertiary", disabled=disabled)


def _settings(plan: Plan, place: int, spec: Any, step: Any) -> dict[str, Any]:
    """Columns and parameters of a step, as they are to be saved."""
    columns = spec.columns
    if not step.facts.rows:
        names = sorted({*_suited(plan, step), *(spec.columns or ())})
        stored = list(spec.columns or ())
        columns = st.multiselect("Only these columns", names, key=_ui.synced(f"columns_{place}", stored), placeholder="All suited columns") or None
    given = _ui.form_for(step, f"step_{place}_{step.name}", spec.params)
    defaults = step.complete()
    params = {name: value for name, value in given.items() if name in spec.params or value != defaults[name]}
    return {"columns": columns and list(columns), "params": params}


def _suited(plan: Plan, step: Any) -> list[str]:
    return [name for name in plan.features if plan.kind(name) in step.facts.kinds]


def _said(plan: Plan, spec: Any, step: Any) -> str:
    """What a step works on and is set to, in one line of markdown."""
    if step.facts.rows:
        return "Whole rows, before the split"
    count = len(spec.columns) if spec.columns is not None else len(_suited(plan, step))
    where = f"{count} column{'s' * (count != 1)}" if count else "No column is of that kind"
    set_to = [f"{param.title.lower()}: {_ui.spelled(spec.params.get(param.name, param.default), 24)}" for param in step.params]
    return _ui.md(" · ".join([where, *set_to]))


def _plain(plan: Plan) -> list[dict[str, Any]]:
    return plan.model_dump(mode="json")["recipe"]


def _with(plan: Plan, name: str) -> list[dict[str, Any]]:
    """The recipe with one more step, before the first that usually comes later."""
    order = {step.name: step.order for step in entries("step")}
    recipe = _plain(plan)
    place = next((i for i, spec in enumerate(recipe) if order.get(spec["step"], 0) > order[name]), len(recipe))
    return [*recipe[:place], {"step": name}, *recipe[place:]]


def _save(plan: Plan, recipe: list[dict[str, Any]]) -> None:
    with _ui.shown():
        _ui.save(plan.change(recipe=recipe))
    st.rerun()


def before_and_after(dataset: Dataset, plan: Plan) -> None:
    """The first rows before and after the recipe, and how many columns go in and come out."""
    kept = plan.model_dump(mode="json", include={"columns", "recipe", "fixes", "target"})
    try:
        made = _preview(dataset, plan, os.environ.get("TRAINYARD_HOME"), dataset.id, json.dumps(kept))
    except TrainyardError as error:
        _ui.failure(error)
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        which = st.segmented_control("Rows", ["Before", "After"], default="After", required=True, key="which", label_visibility="collapsed")
        st.markdown(f"**{made.columns_in:,}** columns in, **{made.columns_out:,}** out, fitted inside each fold", width="content")
    table = made.before if which == "Before" else made.after
    st.dataframe(table, key=f"rows_{which}", height=_ui.height(len(table), SHOWN_ROWS), alt=f"The first {PREVIEW_ROWS} rows {which} the recipe")
    st.caption("Shown for a family that takes plain numbers; other families get categories and missing values as they like them.")


@st.cache_resource(show_spinner="Trying the recipe …", max_entries=16)
def _preview(_dataset: Dataset, _plan: Plan, home: str | None, dataset_id: str, recipe: str) -> Preview:
    from pipeline import preview

    return preview(_plan, _ui.seen(_dataset).head, rows=PREVIEW_ROWS)
