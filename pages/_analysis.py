"""An analysis on a page: the button that asks, how far it is, and what was found last time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _plan, _ui
from pipeline import entry

if TYPE_CHECKING:
    from pipeline.store import Run


def panel(at: _ui.Current, name: str, button: str = "Start", **params: Any) -> dict[str, Any] | None:
    """Draw what there is to start, watch or stop, and return the newest answer about this dataset; None when there is none.

    The question is about the draft as it stands; an answer to an earlier draft is returned and said to be one.
    """
    with _ui.shown():
        run, found = _ui.store().answer(at.dataset.id, name)
    with st.container(border=True, key=f"analysis_{name}"):
        if run is not None and run.active:
            st.fragment(_progress, run_every=1)(run.id, name)
            return found
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_ui.md(_said(at, run, found) or entry("analysis", name).help), width="stretch")
            again = "Ask again" if found else button
            pressed = st.button(again, key=f"ask_{name}", type="secondary" if found else "primary", icon=":material/labs:")
        if run is not None and run.state in ("failed", "interrupted"):
            st.error(_ui.md(run.hint) or "Start it again.", title=_ui.md(run.message))
    if pressed:
        with _ui.shown():
            _ui.store().submit(at.plan.asking(name, **params))
            _plan.wake_worker()
        st.rerun()
    return found


def _said(at: _ui.Current, run: Run | None, found: dict[str, Any] | None) -> str:
    """When the answer was made, and whether it is about the draft as it is now."""
    if run is None or not found:
        return ""
    made = f"Made {_ui.ago(run.finished)} in {_ui.duration((run.finished - run.started).total_seconds())}."
    return made if run.plan.training() == at.plan.training() else f"{made} The draft has changed since then."


def _progress(run_id: str, name: str) -> None:
    with _ui.shown():
        run = _ui.store().run(run_id)
    if not run.active:
        st.rerun()
    told = next(
        (event.payload["message"] for event in reversed(_ui.store().events(run_id)) if event.kind == "phase"), "Waiting for a worker"
    )
    st.progress(min(max(run.progress, 0.0), 1.0), text=_ui.md(told))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Stop", key=f"stop_{name}", icon=":material/stop_circle:", disabled=run.state == "stopping"):
            _ui.store().discard(run_id)
        _ui.link("pages/runs.py", "Watch it on the Runs page", icon=":material/play_circle:", run=run_id)
