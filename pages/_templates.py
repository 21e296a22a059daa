"""Templates: recipes kept by name, from this draft or from a file, and put into a draft whose columns may have other names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages import _ui
from pipeline import Recipe, TrainyardError, entries

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.store import Template

WAYS = {"In the place of the steps here": False, "Behind the steps here": True}


def library(plan: Plan) -> None:
    """Save, bring and list on the left; what the chosen one would do here on the right."""
    left, right = st.columns([5, 7])
    kept = _ui.store().templates()
    with left:
        _save(plan, {template.name for template in kept})
        _bring()
        chosen = _listed(kept)
    with right:
        if chosen is not None:
            _apply(plan, chosen)
        elif not kept:
            st.markdown("A template is a recipe with a name. It can be put into the draft of any dataset, and kept as a file.")


def _save(plan: Plan, taken: set[str]) -> None:
    with st.form("save_template", border=True):
        name = st.text_input("Save this recipe as", key="template_name", placeholder="e.g. bookings, without outliers")
        pressed = st.form_submit_button("Save", key="template_save", icon=":material/save:", disabled=not plan.recipe)
    if pressed:
        with _ui.shown():
            _ui.store().keep_template(name.strip(), Recipe.of(plan, name.strip()).model_dump(mode="json"))
        st.session_state["template"] = name.strip()
        st.toast(f"{'Replaced' if name.strip() in taken else 'Saved'} {_ui.md(name.strip())}", icon=":material/check_circle:")
        st.rerun()


def _bring() -> None:
    """A recipe from a file. What is wrong with it stays on the page until the next one."""
    turn = st.session_state.setdefault("template_turn", 0)
    file = st.file_uploader("Bring a recipe", ["json"], key=f"template_file_{turn}", max_upload_size=5, help="A JSON file that was exported here.")
    if file is not None:
        st.session_state["template_turn"], st.session_state["template_error"] = turn + 1, None
        try:
            recipe = Recipe.parse(file.getvalue())
            name = recipe.name.strip() or file.name.removesuffix(".json")
            name = _free(name, {template.name for template in _ui.store().templates()})
            _ui.store().keep_template(name, recipe.model_dump(mode="json"))
            st.session_state["template"] = name
        except TrainyardError as error:
            st.session_state["template_error"] = error
        st.rerun()
    if st.session_state.get("template_error"):
        _ui.failure(st.session_state["template_error"])


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it, so that a file never takes the place of what is there."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


def _listed(kept: list[Template]) -> Template | None:
    """The templates with what can be done with each; the one that is chosen."""
    chosen = st.session_state.get("template")
    for number, template in enumerate(kept):
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="xxsmall", key=f"template_{number}"):
            with st.container(gap=None):
                st.markdown(f"**{_ui.md(template.name)}**")
                count = len(template.recipe.get("steps", ()))
                st.caption(f"{count} step{'s' * (count != 1)}, {_ui.ago(template.saved)}")
            if st.button("Use", key=f"template_use_{number}", type="primary" if template.name == chosen else "secondary", help="See what it does here"):
                st.session_state["template"] = template.name
                st.rerun()
            file = json.dumps(template.recipe, ensure_ascii=False, indent=2)
            st.download_button("", file, f"{template.name}.json", "application/json", key=f"template_get_{number}", icon=":material/download:",
                               type="tertiary", on_click="ignore", help="Download as JSON")  # fmt: skip
            with st.popover("", icon=":material/delete:", type="tertiary", key=f"template_delete_{number}", help="Delete"):
                st.markdown(f"Delete {_ui.md(template.name)}? Drafts that it was put into keep their steps.")
                if st.button("Delete it", key=f"template_gone_{number}", type="primary"):
                    with _ui.shown():
                        _ui.store().delete_template(template.name)
                    st.rerun()
    return next((template for template in kept if template.name == chosen), None)


def _apply(plan: Plan, template: Template) -> None:
    """Which columns stand for those that the recipe names, what comes of it, and the button."""
    with _ui.shown():
        recipe = Recipe.model_validate(template.recipe)
    titles = {step.name: step.title for step in entries("step")}
    with st.container(border=True, key="mapping"):
        st.markdown(f"**{_ui.md(template.name)}** for this dataset")
        st.caption(_ui.md(" → ".join(titles.get(spec.step, f"{spec.step} (not in this installation)") for spec in recipe.steps) or "No step"))
        mapping = _mapped(plan, recipe, template.name)
        behind = WAYS[st.segmented_control("Where", list(WAYS), default=next(iter(WAYS)), required=True, key="template_where")]
        with _ui.shown():
            made, told = recipe.applied(plan, mapping, behind=behind)
        for sentence in told:
            st.markdown(f":orange[:material/warning:] {_ui.md(sentence)}")
        if made == plan:
            st.caption("The recipe is this one already.")
        if st.button("Put it into the recipe", key="template_apply", type="primary", icon=":material/playlist_add_check:", disabled=made == plan):
            _ui.save(made)
            st.toast(f"{_ui.md(template.name)} is in the recipe; undo takes it out again", icon=":material/check_circle:")
            st.rerun()


def _mapped(plan: Plan, recipe: Recipe, name: str) -> dict[str, str | None]:
    """The mapping as the person leaves it: what has the same name is settled, the rest is suggested and can be changed."""
    suggested, wanted, kinds = recipe.suggested(plan), recipe.wanted(), plan.kinds
    open_ = {column: to for column, to in suggested.items() if column != to}
    same = len(suggested) - len(open_)
    if not suggested:
        st.caption("It names no column: its steps work on all columns of their kinds.")
        return {}
    if not open_:
        st.caption("Every column that it names is here.")
        return suggested
    st.caption(f"{same} of the {len(suggested)} columns that it names {'is' if same == 1 else 'are'} here; say which stand for the others:")
    rows = pd.DataFrame({"Named": list(open_), "Kind": [wanted[column] or "" for column in open_], "Here": list(open_.values())})
    config: dict[str, Any] = {
        "Named": st.column_config.TextColumn("In the template"), "Kind": st.column_config.TextColumn("Taken for", width="small"),
        "Here": st.column_config.SelectboxColumn("Column here", options=list(kinds), help="Empty: the steps do without it"),
    }  # fmt: skip
    edited = st.data_editor(rows, key=f"mapping_{plan.dataset}_{name}", hide_index=True, disabled=["Named", "Kind"], column_config=config,
                            placeholder="none: choose one", height=_ui.height(len(rows), 10), alt="Which column stands for which")  # fmt: skip
    mapping = suggested | {row["Named"]: row["Here"] if isinstance(row["Here"], str) else None for row in edited.to_dict("records")}
    other = [f"{_ui.md(c)} was {wanted[c]}, {_ui.md(to)} is {kinds[to]}" for c, to in mapping.items() if to and wanted[c] not in (None, kinds[to])]
    if other:
        st.caption(f":orange[:material/warning:] Other kinds: {'; '.join(other[:5])}.")
    return mapping
