"""The recipe as cards, phase by phase: switch, move, copy and remove its steps, and add others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _tried, _ui
from pipeline import Plan, entries, portable

if TYPE_CHECKING:
    from pages._tried import Tried
    from pipeline.catalog import Entry
    from pipeline.plan import StepSpec

# What a phase is called, and when it happens. Column steps and those that add columns are one sequence.
PHASES = {
    "rows": ("Rows", "left out before the split"),
    "columns": ("Columns", "one after the other"),
    "matrix": ("All numbers", "after the columns are joined"),
    "training": ("Training rows", "added inside each fold"),
}
MOVES = {"To the top": "top", "To the bottom": "bottom", "Duplicate": "copy"}
NO_ONNX = " :gray[~~ONNX~~]"  # the mark of a step; what it means is said once, under the cards


def cards(made: Tried) -> None:
    """The steps of the recipe in the order in which they are carried out, each a card; every change is saved at once."""
    plan, known = made.plan, {step.name: step for step in entries("step")}
    phases = [phase(known.get(spec.step)) for spec in plan.recipe]
    _head(made)
    _answers(plan, known)
    for name, (title, when) in PHASES.items():
        places = [place for place, its in enumerate(phases) if its == name]
        if places:
            st.caption(f"**{title}** {when}")
            with st.container(border=True, key=f"phase_{name}", gap="small"):
                for place in places:
                    _card(made, place, places, known.get(plan.recipe[place].step))
    if not plan.recipe:
        st.caption("No step: only columns that are numbers already can be used.")
    _exported(made, known)


def phase(step: Entry | None) -> str:
    """The group of cards that a step belongs to."""
    its = step.facts.phase if step else "columns"
    return "columns" if its == "derive" else its


def save(plan: Plan, recipe: Sequence[dict[str, Any]], opened: int | None = None) -> None:
    """Keep another recipe, and open the settings of the step at that place."""
    with _ui.shown():
        _ui.save(plan.change(recipe=list(recipe)))
    _open(opened)


def plain(plan: Plan) -> list[dict[str, Any]]:
    return plan.model_dump(mode="json", include={"recipe"})["recipe"]


def opened(plan: Plan) -> int | None:
    """The place of the step whose settings are open; none when this recipe is another dataset's than the last one that was shown."""
    if st.session_state.setdefault("opened_of", plan.dataset) != plan.dataset:
        st.session_state.update(opened=None, adding=False, opened_of=plan.dataset)
    place = st.session_state.get("opened")
    return place if place is not None and place < len(plan.recipe) else None


def follow(before: Plan, after: Plan | None) -> None:
    """Leave the settings of the same step open when an undo or a redo has moved it; close them when it is gone."""
    place = opened(before)
    if place is None or after is None:
        return
    spec, steps = before.recipe[place], after.recipe
    same = place < len(steps) and steps[place].step == spec.step
    st.session_state["opened"] = place if same else next((i for i, other in enumerate(steps) if other == spec), None)


def _answers(plan: Plan, known: dict[str, Entry]) -> None:
    """The steps that answers to findings have brought; they come first, and are undone where they were given."""
    titles = [known[spec.step].title if spec.step in known else spec.step for fix in plan.fixes for spec in fix.steps if spec.enabled]
    if titles:
        with st.container(horizontal=True, vertical_alignment="center", key="answers"):
            st.caption(f"**First**, from the Quality page: {_ui.md(', '.join(titles))}", width="stretch")
            _ui.link("pages/quality.py", "Open Quality", icon=":material/fact_check:")


def _card(made: Tried, place: int, places: list[int], step: Entry | None) -> None:
    plan, spec = made.plan, made.plan.recipe[place]
    is_open = opened(plan) == place
    with st.container(key=f"step_{place}", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
            title = _ui.md(step.title if step else f"{spec.step} (not in this installation)")
            title = f"**{title}**" if is_open else title
            on = st.toggle(title, key=_ui.synced(f"on_{place}", spec.enabled), help=_ui.md(step.help) if step else None, width="stretch")
            show = _button("Close" if is_open else "Settings, and what this step alone does", f"open_{place}", "close" if is_open else "tune")
            here = places.index(place)
            up = _button("Move up", f"up_{place}", "arrow_upward", here == 0)
            down = _button("Move down", f"down_{place}", "arrow_downward", here == len(places) - 1)
            more = st.menu_button("", list(MOVES), key=f"more_{place}", icon=":material/more_vert:", type="tertiary", help="More")
            gone = _button("Remove", f"gone_{place}", "delete")
        st.caption(_said(made, place, spec, step))
    asked = {"up": up, "down": down, "gone": gone, MOVES.get(more): more}
    todo = next((what for what, pressed in asked.items() if pressed), None)
    if todo:
        save(plan, *_moved(plan, todo, place, places))
    if on != spec.enabled:
        save(plan, [{**one, "enabled": on} if i == place else one for i, one in enumerate(plain(plan))], opened(plan))
    if show:
        _open(None if is_open else place)


def _open(place: int | None) -> None:
    st.session_state["opened"], st.session_state["adding"] = place, False
    st.rerun()


def _moved(plan: Plan, what: str, place: int, places: list[int]) -> tuple[list[dict[str, Any]], int | None]:
    """The recipe after a step was moved within its phase, copied or removed; and where the step is whose settings are open."""
    order, here = list(range(len(plan.recipe))), places.index(place)
    if what == "copy":
        order.insert(place, place)
    elif what == "gone":
        order.remove(place)
    else:
        its = [other for other in places if other != place]
        its.insert({"up": here - 1, "down": here + 1, "top": 0, "bottom": len(its)}[what], place)
        for to, other in zip(places, its):
            order[to] = other
    recipe, now = plain(plan), opened(plan)
    return [recipe[i] for i in order], order.index(now) if now in order else None


def _button(what: str, key: str, icon: str, disabled: bool = False) -> bool:
    return st.button("", key=key, icon=f":material/{icon}:", help=what, type="tertiary", disabled=disabled)


def _said(made: Tried, place: int, spec: StepSpec, step: Entry | None) -> str:
    """What a step works on, is set to and costs, in one line of markdown."""
    if step is None:
        return "Nothing is done: switch it off or remove it before a run."
    parts = [_tried.where(made, place)] if spec.enabled else ["Switched off"]
    parts += [
        f"{param.title.lower()}: {_ui.spelled(spec.params[param.name], 24)}"
        for param in step.params
        if param.name in spec.params and spec.params[param.name] != param.default
    ]
    return _ui.md(" · ".join(part for part in parts if part)) + (NO_ONNX if _warned(made, place, step) else "")


def _warned(made: Tried, place: int, step: Entry | None) -> bool:
    """Whether the step at that place does something that an ONNX file cannot carry."""
    return step is not None and made.plan.recipe[place].enabled and not portable(step) and not _tried.where(made, place).startswith(_tried.IDLE)


def _exported(made: Tried, known: dict[str, Entry]) -> None:
    """One line about all steps that an ONNX file cannot carry."""
    steps = [known.get(spec.step) for spec in made.plan.recipe]
    titles = list(dict.fromkeys(step.title for place, step in enumerate(steps) if _warned(made, place, step)))
    if titles:
        count = f"{len(titles)} of the steps" if len(titles) > 1 else "one step"
        st.caption(f":orange[:material/warning:] An ONNX file cannot carry {count} (marked {NO_ONNX.strip()}). A bundle carries all of them.",
                   help=_ui.md(", ".join(titles)))  # fmt: skip


# --- adding ------------------------------------------------------------------------------------------------------------


def _head(made: Tried) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if st.button("Add step", key="add_step", icon=":material/add:", shortcut="Alt+A"):
            st.session_state["opened"], st.session_state["adding"] = None, True
            st.rerun()
        help = "The steps that are drafted for a table like this, in the place of these"
        if st.button("Automatic recipe", key="reset_recipe", type="tertiary", icon=":material/auto_fix_high:", help=help):
            fresh = Plan.draft(made.schema, made.plan.target, task=made.plan.task)
            save(made.plan, plain(fresh))


def adding() -> bool:
    """Whether somebody is looking for a step to add."""
    return bool(st.session_state.get("adding"))


def catalogue(plan: Plan) -> None:
    """Every step there is with its sentence, by phase; the one that is taken is put where it usually comes."""
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.text_input("Find a step", key="find_step", placeholder="What should it do? For example: missing, log, group", width="stretch",
                              label_visibility="collapsed", icon=":material/search:")  # fmt: skip
        if _button("Close", "add_close", "close"):
            _open(None)
    words = asked.lower().replace("-", "").split()
    found = [step for step in entries("step") if all(word in f"{step.title} {step.help} {step.name}".lower().replace("-", "") for word in words)]
    with st.container(height=640, border=False, key="catalogue"):
        for name, (title, when) in PHASES.items():
            its = [step for step in found if phase(step) == name]
            if its:
                st.caption(f"**{title}** {when}")
            for step in its:
                _offer(plan, step)
        if not found:
            st.caption(f"No step says {_ui.md(asked)}. Use fewer or other words.")


def _offer(plan: Plan, step: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="top", key=f"offer_{step.name}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{_ui.md(step.title)}**")
            st.caption(_ui.md(step.help))
        taken = st.button("Add", key=f"add_{step.name}", icon=":material/add:")
    if taken:
        save(plan, *_with(plan, step))


def _with(plan: Plan, new: Entry) -> tuple[list[dict[str, Any]], int]:
    """The recipe with one more step, before the first that usually comes later; and its place."""
    order = {step.name: step.order for step in entries("step")}
    recipe = plain(plan)
    place = next((i for i, spec in enumerate(recipe) if order.get(spec["step"], 0) > new.order), len(recipe))
    return [*recipe[:place], {"step": new.name}, *recipe[place:]], place
