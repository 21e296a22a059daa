"""Evaluate: decide whether one model is good enough. Cross-validation first; the holdout stays shut until it is asked for."""

from __future__ import annotations

import streamlit as st

from pages import _evaluation, _judged, _results, _split, _ui

_ui.guard()

LOOK = "holdout_look"


def looks(run_id: str) -> int:
    """How often the holdout score of this run has been looked at, by anybody."""
    count, after = 0, 0
    while events := _ui.store().events(run_id, after=after):
        count += sum(event.kind == LOOK for event in events)
        after = events[-1].seq
    return count


def reveal(judged: _judged.Judged) -> None:
    """The shut door: what is behind it, how often it was opened, and the button. Stops the page until it is pressed."""
    opened = f"revealed_{judged.run.id}_{judged.run.attempt}"
    seen = looks(judged.run.id)
    if st.session_state.get(opened):
        st.caption(
            f"The holdout of this run was looked at {_times(seen)}. Choose between models on the cross-validated score, not on this one."
        )
        return
    with st.container(border=True, key="shut"):
        st.subheader("The test score is kept apart", anchor=False)
        st.markdown(
            f"{judged.evaluation['holdout']['rows']:,} rows that no trial has seen were scored once, at the end. Look when you have decided: "
            "whoever looks and then changes the model makes the score too good. Each look is recorded."
        )
        st.caption(f"Looked at so far: {_times(seen)}.")
        pressed = st.button("Reveal test score", key="reveal", type="primary", icon=":material/visibility:")
    if not pressed:
        st.stop()
    with _ui.shown():
        _ui.store().event(judged.run.id, LOOK, {})
    st.session_state[opened] = True
    st.rerun()


def without_holdout() -> None:
    """Say that there is nothing behind the door, and stop the page."""
    _ui.empty(
        "No rows were held out", "This run was judged by cross-validation alone. Give a share of the rows to the holdout, and train again.",
        "pages/models.py", "Set a holdout",
    )  # fmt: skip
    st.stop()


def _times(count: int) -> str:
    return "never" if count == 0 else "once" if count == 1 else f"{count} times"


def said(part: str, judged: _judged.Judged) -> str:
    rows = judged.evaluation[part]["rows"]
    who = f"**{_ui.md(judged.title)}**" + ("" if judged.several else f", trial {judged.evaluation['trial']}")
    if part == "holdout":
        return f"{who}: its predictions of {rows:,} rows that no trial has seen."
    return f"{who}: every one of {rows:,} rows predicted by models that have not seen it."


def parts(judged: _judged.Judged) -> str:
    """The choice of rows, where there is one; else why there is none."""
    if "holdout" not in judged.evaluation:
        st.markdown(_ui.md(_results.no_holdout(judged)))
        return "cv"
    words = list(_judged.PARTS)
    chosen = st.segmented_control("Rows", words, default=words[0], required=True, key="part", bind="query-params", label_visibility="collapsed")
    return _judged.PARTS[chosen]


at = _ui.page("Evaluate", "Whether one model is good enough, and where it is wrong")
judged = _judged.judged(at)
with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    part = parts(judged)
    _judged.pick_run(at)
if part == "holdout":
    reveal(judged) if judged.evaluation.get("holdout") else without_holdout()
st.markdown(said(part, judged))
_split.facts(judged.evaluation)
facts = judged.evaluation[part]
_results.compare(judged, holdout=part == "holdout")
_judged.metric_cards(facts["metrics"], judged.evaluation["metric"], _judged.guesses(judged, part))
task = judged.evaluation["task"]
if task == "regression":
    _evaluation.regression(part, facts)
elif task == "binary":
    _evaluation.binary(part, judged)
else:
    _evaluation.multiclass(part, judged)
_ui.next_step("Good enough? See what it rests on, before you keep it.", "pages/explain.py", "Explain the model", run=judged.run.id)
