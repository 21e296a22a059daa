"""Undo and redo: what the draft was before is in the store, so it is there after a refresh, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import _recipe, _ui

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.store import Dataset

PARTS = {
    "recipe": "the recipe", "columns": "roles and kinds", "fixes": "answers to findings", "families": "the models", "search": "search and budget",
    "positive": "the positive class",
}  # fmt: skip


def turns(dataset: Dataset, plan: Plan) -> None:
    """Two buttons; each says which part of the plan it would change."""
    undo, redo = _ui.store().turns(dataset.id)
    with st.container(horizontal=True, key="turns"):
        undone = _turn("Undo", "undo", undo, "Ctrl+Z")
        redone = _turn("Redo", "redo", redo, "Ctrl+Shift+Z")
    if undone or redone:
        _recipe.follow(plan, _ui.store().undo_draft(dataset.id) if undone else _ui.store().redo_draft(dataset.id))
        st.rerun()


def _turn(title: str, key: str, parts: list[str] | None, shortcut: str) -> bool:
    said = ", ".join(PARTS.get(part, f"the {part}") for part in parts or ())
    help = f"{title} the last change: {said}" if parts else f"Nothing to {key}"
    return st.button(title, key=key, icon=f":material/{key}:", type="tertiary", disabled=parts is None, help=help, shortcut=shortcut)
