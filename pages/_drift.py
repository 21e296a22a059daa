"""Whether this table is like another one: last month's, or the rows that are to be scored."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import streamlit as st

from pages import _findings, _ui
from pipeline import drift_against

if TYPE_CHECKING:
    from pipeline.quality import Finding

CODE = _findings.WAITS


def section(at: _ui.Current) -> None:
    """Choose another version or another dataset, and see whether a model can tell the two apart, and by which columns."""
    with _ui.shown():
        others = {found.id: _ui.label(found) for found in _ui.store().datasets() if found.id != at.dataset.id}
    with st.container(border=True, key="drift"):
        st.markdown("**Compare with another table**")
        if not others:
            st.caption("Add the other file on the Data page, as a version of this dataset or under a name of its own; then it can be chosen here.")
            return
        chosen = st.selectbox("Other table", list(others), None, format_func=others.get, key="drift_with", placeholder="Choose a version or a dataset")
        if chosen is None:
            return
        with _ui.shown():
            found = _told(os.environ.get("TRAINYARD_HOME"), at.dataset.id, chosen)
        word, icon, color = _findings.SEVERITY[_findings.level(found)]
        st.badge(word, icon=icon, color=color)
        st.markdown(_ui.md(found.reason or found.explanation))
        _findings.evidence(found, at.dataset.schema.names)


@st.cache_data(show_spinner="Telling the two apart …", max_entries=16)
def _told(home: str | None, one: str, other: str) -> Finding:
    """On the evenly spread rows that are kept beside each table."""
    first, second = _ui.dataset(one), _ui.dataset(other)
    return drift_against(first.sample(), first.schema, second.sample())
