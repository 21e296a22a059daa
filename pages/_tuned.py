"""The trials of a run as charts: history, what the parameters did, the timeline, and the table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _charts, _course, _judged, _live, _traces, _ui
from pipeline import Study, TrainyardError, entry

if TYPE_CHECKING:
    from pipeline.catalog import Entry, Param
    from pipeline.store import Run

MOST_AXES = 7
VIEWS = ("History", "Importance", "Parameters", "One parameter", "Two parameters", "Timeline", "Trials")
Rows = list[dict[str, Any]]


def draw(run: Run, trials: Rows, metric: Entry) -> None:
    """One view at a time: only what is open is computed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View", VIEWS, default="History", required=True, key="view", bind="query-params", label_visibility="collapsed"
        )
        _ui.link("pages/runs.py", f"Run {run.id[:6]}, {len(trials)} trials", icon=":material/play_circle:", run=run.id)
    if view == "History":
        fig = _charts.history(trials, metric=metric.title, greater=metric.facts.greater)
        _charts.show(fig, f"tuning_{run.id[:6]}", f"{metric.title} of every trial in order, with the best so far")
    elif view == "Timeline":
        _course.timeline(run, _live.story(run).course)
    elif view == "Trials":
        table(trials, metric)
    else:
        parameters(view, run, trials, metric)


def parameters(view: str, run: Run, trials: Rows, metric: Entry) -> None:
    """What the parameters of one family did to the score."""
    some: dict[str, Rows] = {}
    for trial in trials:
        if trial["score"] is not None and entry("family", trial["family"]).params:
            some.setdefault(trial["family"], []).append(trial)
    some = {name: some[name] for name in sorted(some, key=lambda name: -len(some[name])) if len(some[name]) > 1}
    if not some:
        st.caption("Each family was tried once: with a larger budget the search begins, and its trials appear here.")
        return
    left, middle, right = st.columns(3)
    family = entry("family", left.selectbox("Family", list(some), format_func=_judged.family_title, key="tuned_family"))
    rows = some[family.name]
    study = Study(family.name, tuple((t["params"], t["score"]) for t in rows))
    tuned = study.tuned()
    if view == "Importance":
        importance(run, study, metric)
    elif view == "Parameters":
        fig = _charts.parallel(rows, tuned[:MOST_AXES], metric=metric.title)
        _charts.show(fig, "parallel", f"Each of {len(rows)} trials of {family.title} as a line through its parameters to its score")
    elif view == "One parameter":
        param = _picked(middle, "Parameter", tuned, "tuned_param")
        st.caption(_ui.md(param.help))
        _charts.show(_charts.slice_(rows, param, metric=metric.title), "slice", f"{metric.title} against {param.title}")
    else:
        pair([middle, right], study, rows, metric)


def importance(run: Run, study: Study, metric: Entry) -> None:
    """The share of each parameter in the differences between the trials."""
    try:
        found = _importance(study, os.environ.get("TRAINYARD_HOME"), run.id, run.attempt, study.family, len(study.trials))
    except TrainyardError as error:
        st.caption(f"{_ui.md(error)} {_ui.md(error.hint)}")
        return
    titles = {p.name: p.title for p in study.tuned()}
    rows = [(titles[name], share) for name, share in found.items()]
    _charts.show(_traces.shares(rows), "shares", f"Share of the variance of {metric.title} that each parameter explains, greatest on top")
    st.caption(
        f"By fANOVA over {len(study.trials)} trials, within the bounds that were searched: a parameter that was hardly varied looks unimportant."
    )


@st.cache_data(show_spinner="Weighing the parameters …", max_entries=64)
def _importance(_study: Study, home: str | None, run_id: str, attempt: int, family: str, trials: int) -> dict[str, float]:
    # Keyed by the count too: a run that is on has more trials at the next look.
    return _study.importance()


def pair(places: list, study: Study, rows: Rows, metric: Entry) -> None:
    """The score over two numbers."""
    numbers = [p for p in study.tuned() if p.kind in ("int", "float")]
    if len(numbers) < 2:
        st.caption("Fewer than two numbers of this family were varied.")
        return
    first = _picked(places[0], "First parameter", numbers, "pair_first")
    second = _picked(places[1], "Second parameter", [p for p in numbers if p.name != first.name], "pair_second")
    try:
        surface = study.surface(first.name, second.name)
    except TrainyardError as error:
        st.caption(f"{_ui.md(error)} {_ui.md(error.hint)}")
        return
    fig = _traces.contour(surface, rows, (first, second), metric=metric.title)
    _charts.show(fig, "contour", f"{metric.title} over {first.title} and {second.title}, interpolated between {len(rows)} trials")


def _picked(place: Any, title: str, params: list[Param], key: str) -> Param:
    titles = {p.name: p for p in params}
    return titles[place.selectbox(title, list(titles), format_func=lambda n: titles[n].title, key=key)]


def table(trials: Rows, metric: Entry) -> None:
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
