"""One step: what it is set to, and the columns that it works on, by name, by kind or by pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages import _columns, _parameters, _recipe, _ui
from pipeline import entries, flow, portable

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.catalog import Entry

FEW = 300  # columns that a list to choose from still takes


def settings(plan: Plan, place: int) -> None:
    """Draw the settings of the step at that place; every change is saved at once."""
    spec = plan.recipe[place]
    step = next((step for step in entries("step") if step.name == spec.step), None)
    if step is None:
        st.info("This installation lacks the step, so there is nothing to set.", icon=":material/info:")
        return
    st.markdown(f"**{_ui.md(step.title)}**")
    exported = "" if portable(step) else " An export to ONNX cannot carry it."
    st.caption(_ui.md(step.help) + (f":orange[{exported}]" if exported else ""))
    kinds, changed = _kinds_at(plan, plan.model_dump_json(include={"columns", "recipe", "fixes", "split", "balance"}), place), {}
    if step.facts.phase == "columns":
        changed["columns"] = _columns_of(plan, place, step, kinds)
    given = _parameters.fields(step, f"step_{place}_{step.name}", spec.params, kinds=kinds, across=2)
    defaults = step.complete()
    changed["params"] = {name: value for name, value in given.items() if name in spec.params or value != defaults[name]}
    recipe = _recipe.plain(plan)
    new = recipe[place] | changed
    if new != recipe[place]:
        _recipe.save(plan, [*recipe[:place], new, *recipe[place + 1 :]], place)


@st.cache_resource(show_spinner=False, max_entries=16)
def _kinds_at(_plan: Plan, plan: str, place: int) -> dict[str, str]:
    """The columns that are there when the step at that place is carried out, with their kinds; keys that the model must not see included.

    Worked out once for a recipe: with 10,000 columns it takes a moment.
    """
    withheld = {name for fix in _plan.fixes for name in fix.ignore}
    there = {name: kind for name, kind in _plan.kinds.items() if name not in withheld}
    lanes = flow(_plan.model_copy(update={"recipe": _plan.recipe[:place]})).lanes
    return there | {lane.name: "" if lane.split else lane.kind for lane in lanes}


def _columns_of(plan: Plan, place: int, step: Entry, kinds: dict[str, str]) -> list[str] | None:
    """All columns of the kinds that the step is made for, or those that are chosen."""
    features = set(plan.features) | (kinds.keys() - plan.kinds.keys())
    suited = [name for name, kind in kinds.items() if name in features and (step.facts.drops or kind in step.facts.kinds)]
    now = plan.recipe[place].columns
    names = [*suited, *(name for name in now or () if name not in suited)]
    if len(names) <= FEW:
        key = _ui.synced(f"columns_{place}", list(now or ()))
        every = "No column yet" if step.facts.drops else f"All suited columns ({len(suited)})"
        chosen = st.multiselect("Works on", names, key=key, placeholder=every, help="Nothing chosen: every column of its kinds.")
        now = tuple(chosen) or None
    else:
        st.markdown(f"Works on {f'**{len(now):,}** chosen columns' if now else f'all **{len(suited):,}** suited columns'}")
        if now:
            st.caption(_ui.md(", ".join(now[:8])) + (" …" if len(now) > 8 else ""))
    with st.expander("Choose by pattern or kind", key=f"choose_{place}", on_change="rerun") as choosing:
        if choosing.open:
            now = _chosen(place, suited, kinds, now)
    return list(now) if now else None


def _chosen(place: int, suited: Sequence[str], kinds: dict[str, str], now: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What is left of the choice after one of the buttons, each of which acts on the columns that match."""
    asked = _columns.asked(f"pattern_{place}")
    there = list(dict.fromkeys(kinds[name] for name in suited))
    wanted = st.pills("Kinds", there, selection_mode="multi", key=f"kinds_{place}", label_visibility="collapsed") if len(there) > 1 else ()
    found = _columns.matching([name for name in suited if not wanted or kinds[name] in wanted], asked)
    st.caption(f"{len(found):,} of {len(suited):,} match" + (f": {_ui.md(', '.join(found[:5]))}{' …' if len(found) > 5 else ''}" if found else "."))
    with st.container(horizontal=True):
        if st.button("Only these", key=f"only_{place}", disabled=not found):
            return tuple(found)
        if st.button("Add these", key=f"and_{place}", disabled=not found or now is None):
            return tuple(dict.fromkeys([*(now or ()), *found]))
        if st.button("All but these", key=f"but_{place}", disabled=not found):
            gone = set(found)
            return tuple(name for name in now or suited if name not in gone) or now
        if st.button("All suited", key=f"all_{place}", disabled=now is None):
            return None
    return now

