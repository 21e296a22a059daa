"""The trials of a run as charts: history, parameters against the score, and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _charts, _judged, _ui
from pipeline import entry

if TYPE_CHECKING:
    from pipeline.catalog import Entry
    from pipeline.store import Run

MOST_AXES = 7
VIEWS = ("History", "Parameters", "One parameter", "Trials")


def draw(run: Run, trials: list[dict[str, Any]], metric: Entry) -> None:
    """One view at a time: only what is open is computed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View", VIEWS, default="History", required=True, key="view", bind="query-params", label_visibility="collapsed"
        )
        _ui.link("pages/runs.py", f"Run {run.id[:6]}, {len(trials)} trials", icon=":material/play_circle:", run=run.id)
    if view == "History":
        fig = _charts.history(trials, metric=metric.title, greater=metric.facts.greater)
        _charts.show(fig, f"tuning_{run.id[:6]}", f"{metric.title} of every trial in order, with the best so far")
    elif view == "Trials":
        table(trials, metric)
    else:
        parameters(view, trials, metric)


def parameters(view: str, trials: list[dict[str, Any]], metric: Entry) -> None:
    """The trials of one family: all its tuned parameters at once, or one against the score."""
    some = {}
    for trial in trials:
        if trial["score"] is not None and entry("family", trial["family"]).params:
            some.setdefault(trial["family"], []).append(trial)
    some = {name: some[name] for name in sorted(some, key=lambda name: -len(some[name])) if len(some[name]) > 1}
    if not some:
        st.caption("Each family was tried once: with a larger budget the search begins, and its trials appear here.")
        return
    left, right = st.columns(2)
    family = entry("family", left.selectbox("Family", list(some), format_func=_judged.family_title, key="tuned_family"))
    tuned = [p for p in family.params if len({str(t["params"].get(p.name, p.default)) for t in some[family.name]}) > 1]
    if view == "Parameters":
        fig = _charts.parallel(some[family.name], tuned[:MOST_AXES], metric=metric.title)
        _charts.show(
            fig, "parallel", f"Each of {len(some[family.name])} trials of {family.title} as a line through its parameters to its score"
        )
        return
    titles = {p.name: p for p in tuned}
    name = right.selectbox("Parameter", list(titles), format_func=lambda n: titles[n].title, key="tuned_param")
    st.caption(_ui.md(titles[name].help))
    _charts.show(
        _charts.slice_(some[family.name], titles[name], metric=metric.title), "slice", f"{metric.title} against {titles[name].title}"
    )


def table(trials: list[dict[str, Any]], metric: Entry) -> None:
    rows = [
        {
            "Trial": t["number"], "Family": t["title"], metric.title: t["score"], "95 % interval": _judged.between(*(t["interval"] or (None, None))),
            "Seconds": t["seconds"], "State": t["state"], "Parameters": ", ".join(f"{k} {_short(v)}" for k, v in t["params"].items()) or "defaults",
            "Message": t["message"],
        }
        for t in trials
    ]  # fmt: skip
    config = {metric.title: st.column_config.NumberColumn(format="%.4f"), "Seconds": st.column_config.NumberColumn(format="%.1f")}
    st.dataframe(rows, hide_index=True, column_config=config, height=360, key="trial_table", alt="Every trial with its parameters")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
