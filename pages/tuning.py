"""Tuning: how to look for better configurations, within which bounds, and what the latest run found."""

from __future__ import annotations

import streamlit as st

from pages import _judged, _plan, _search, _tuned, _ui
from pipeline import entry

_ui.guard()


def space(plan) -> None:
    """The bounds of every tunable number of the chosen families: a stable table, its edits kept by one button."""
    with st.container(border=True, key="space"):
        st.subheader("Search space", anchor=False)
        base = _plan.space_rows(plan)
        if not base:
            st.caption("None of the chosen families has a number to search over.")
            return
        numbers = st.column_config.NumberColumn
        config = {
            "Low": numbers(format="%g", required=True),
            "High": numbers(format="%g", required=True),
            "Bounds": st.column_config.TextColumn(width=110),
        }
        st.caption("Every family has its first turn with its defaults; the search then stays within these bounds.")
        shown = [{name: row[name] for name in ("Family", "Parameter", "Low", "High", "Scale", "Bounds")} for row in base]
        edited = st.data_editor(
            shown, hide_index=True, column_config=config, disabled=["Family", "Parameter", "Scale", "Bounds"], height=330,
            key=f"space_{plan.fingerprint()[:8]}", alt="Low and high of every parameter that the search may change",
        )  # fmt: skip
        wrong = _plan.space_problems(base, edited)
        for sentence in wrong:
            st.error(_ui.md(sentence), icon=":material/error:")
        if st.button("Save the bounds", key="save_space", type="primary", disabled=bool(wrong) or edited == shown):
            _ui.save(plan.change(families=_plan.with_space(plan, base, edited)))
            st.rerun()


def results(run, records) -> None:
    """What the run in the URL, or the newest one, found."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        chosen = f"run {run.id[:6]}" if run is not None and "run" in st.query_params else "the latest run"
        st.subheader(f"What {chosen} found", anchor=False)
        if run is not None and run.state == "done":  # one that ended early is resumed, on its own page
            _search.extend(run)
    if run is None:
        st.caption("No run yet.")
        return
    trials = [{**vars(t), "title": _judged.family_title(t.family)} for t in records]
    if not any(t["score"] is not None for t in trials):
        st.caption("That run has no finished trial.")
        return
    _tuned.draw(run, trials, entry("metric", run.plan.metric))


at = _ui.page("Tuning", "How to look for better configurations, and within which bounds")
_ui.need_plan(at)
with _ui.shown():
    found = _ui.store().trials(at.run.id) if at.run else []
left, right = st.columns([4, 8])
with left:
    search = _search.controls(at.plan, found)
with _ui.shown():
    plan = at.plan.change(search=search)
if plan != at.plan:
    _ui.save(plan)
    st.rerun()  # so that the widgets know what is stored now, and the next change is not taken for a change made elsewhere
with right:
    space(plan)
    same = at.run is not None and at.run.plan.metric == plan.metric
    _search.queue(plan, found if same else [], entry("metric", plan.metric).facts.greater)
results(at.run, found)
_ui.next_step(f"A run of this plan takes {_ui.md(_plan.spelled(plan))}.", "pages/models.py", "Back to models, to start")
