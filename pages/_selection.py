"""What the selection steps of a recipe kept: how often each column was kept over the folds of the best single model."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import _ui

SHOWN_ROWS = 12


def section(selection: dict[str, Any] | None) -> None:
    """The table of source columns, and under it that of each step; nothing when the recipe selects nothing."""
    if not selection:
        return
    folds = selection["folds"]
    st.subheader("Which columns the selection kept", anchor=False)
    steady = sum(row["kept"] in (0, folds) for row in selection["sources"])
    st.markdown(
        f"Selected anew in each of {folds} folds, on training rows alone. {steady} of {len(selection['sources'])} columns had the same answer "
        "in every fold; the others are close calls, and a model should not be explained by them."
    )
    rows = [{"Column": r["column"], "Kept": r["kept"] / folds, "Columns made of it": r["made"]} for r in selection["sources"]]
    _table(rows, "selection_sources", "How often each column was kept")
    for number, step in enumerate(selection["steps"]):
        with st.expander(_ui.md(step["title"]), key=f"selection_step_{number}"):
            made = [{"Column": r["column"], "Of": r["source"], "Kept": r["kept"] / max(1, r["seen"])} for r in step["columns"]]
            _table(made, f"selection_{number}", f"How often {step['title']} kept each column")


def _table(rows: list[dict[str, Any]], key: str, alt: str) -> None:
    share = st.column_config.ProgressColumn("Kept in folds", format="percent", min_value=0, max_value=1)
    rows = [row | {"Kept": kept} for row, kept in zip(rows, _ui.shares(row["Kept"] for row in rows), strict=True)]
    st.dataframe(rows, key=key, hide_index=True, column_config={"Kept": share}, height=_ui.height(len(rows), SHOWN_ROWS), alt=alt)
