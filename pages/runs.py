"""Runs: one as it happens (`?run=`), or all of them."""

from __future__ import annotations

import streamlit as st

from pages import _judged, _live, _ui

_ui.guard()

MOST = 200


def one(run) -> None:
    """A single run: polled once a second while it is on, drawn once when it has ended."""
    with st.container(horizontal=True, vertical_alignment="center", key="run_actions"):
        _ui.link("pages/runs.py", "All runs", icon=":material/arrow_back:", run=None)
        if run.trials_done > 1:
            _ui.link("pages/tuning.py", "Study its trials", icon=":material/tune:", run=run.id)
        st.space("stretch")
        # Outside the polling fragment: a control that is drawn anew every second loses clicks.
        view = None if run.analysis else st.segmented_control(
            "View", _live.VIEWS, default=_live.SCORES, required=True, key="show", bind="query-params", label_visibility="collapsed"
        )  # fmt: skip
        _live.replay(run)
        _live.buttons(run)
    st.fragment(_live.draw, run_every=1 if run.active else None)(run.id, run.active, view)
    if run.state in ("done", "cancelled") and run.best:
        _ui.next_step("The run has ended: see how its families compare.", "pages/leaderboard.py", "Open the leaderboard", run=run.id)


def filtered(runs: list, names: dict[str, str]) -> list:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    words = {state: word for state, (word, _, _) in _ui.STATES.items() if any(run.state == state for run in runs)}
    states = left.pills("State", list(words), selection_mode="multi", format_func=words.get, key="states")
    some = right.selectbox("Dataset", [None, *names], format_func=lambda i: names.get(i, "All datasets"), key="of_dataset")
    return [run for run in runs if (not states or run.state in states) and some in (None, run.dataset_id)]


def row(run, names: dict[str, str]) -> dict:
    best = run.best or {}
    seconds = (run.finished - run.started).total_seconds() if run.finished and run.started else None
    return {
        "State": _ui.STATES[run.state][0], "Dataset": names.get(run.dataset_id, "deleted"), "Target": run.plan.target,
        "What": _ui.analysis_title(run.analysis) if run.analysis else "Training",
        "Best": _judged.family_title(best["family"]) if best.get("family") else "", "Metric": _judged.metric_title(run.plan.metric),
        "Score": best.get("score"), "Trials": run.trials_done, "Time": _ui.duration(seconds), "Started": _ui.ago(run.created), "Run": run.id[:6],
    }  # fmt: skip


def table() -> None:
    """All runs, newest first; selecting one opens it."""
    with _ui.shown():
        runs = _ui.store().runs(limit=MOST)
        names = {dataset.id: _ui.label(dataset) for dataset in _ui.store().datasets()}
    if not runs:
        _ui.empty(
            "No run yet",
            "Runs that you start appear here, with their progress and what became of them.",
            "pages/models.py",
            "Choose models",
        )
        return
    runs = filtered(runs, {i: name for i, name in names.items() if any(run.dataset_id == i for run in runs)})
    config = {"Score": st.column_config.NumberColumn(format="%.4f"), "State": st.column_config.TextColumn(width="small")}
    chosen = st.dataframe(
        [row(run, names) for run in runs], hide_index=True, column_config=config, on_select="rerun", selection_mode="single-row",
        height=_ui.height(len(runs), 15), key="runs", alt="All runs, newest first",
    )  # fmt: skip
    st.caption("Select a run to open it." if len(runs) < MOST else f"The newest {MOST} runs. Select one to open it.")
    if chosen["selection"]["rows"]:
        picked = runs[chosen["selection"]["rows"][0]]
        _ui.go("pages/runs.py", dataset=picked.dataset_id, run=picked.id)


at = _ui.page("Runs", "What is being trained, and what became of it")
if "run" in st.query_params:
    one(at.run)
else:
    table()
