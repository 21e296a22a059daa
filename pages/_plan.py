"""What the pages that make a plan share: the budget, the run in words, and the worker that will carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _split, _ui
from pipeline import ensure_worker, entry

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.plan import Search

# name -> (seconds, what it is good for)
PRESETS = {
    "Quick": (20, "A first answer: every quick family once."),
    "Standard": (60, "Every family once, then tuning of the best."),
    "Thorough": (600, "Long tuning of the best families; for a model to keep."),
}
SPEEDS = {"fast": ("Fast", "green"), "medium": ("Medium", "blue"), "slow": ("Slow", "orange")}


def budget(plan: Plan) -> dict[str, Any]:
    """The presets; the search part of the plan with the one that is chosen. Any other budget is set on the Tuning page."""
    now = next((name for name, (seconds, _) in PRESETS.items() if plan.search.seconds == seconds), None)
    with st.container(border=True, key="budget"):
        st.subheader("How long", anchor=False)
        chosen = st.segmented_control("Budget", list(PRESETS), key=_ui.synced("preset", now), label_visibility="collapsed", width="stretch")
        if chosen:
            seconds, what = PRESETS[chosen]
            st.caption(f"{_ui.duration(seconds)}. {what}")
            search = plan.search.model_dump(mode="json") | {"trials": None, "seconds": seconds}
        else:
            search = plan.search.model_dump(mode="json")
            st.caption(f"Set on the Tuning page: {spelled(plan)}.")
        _ui.link("pages/tuning.py", "Set another budget", icon=":material/tune:")
    return search


def spelled(plan: Plan) -> str:
    """The budget in words."""
    if plan.replay:
        return f"replay of {len(plan.replay)} trials"
    if plan.search.trials is not None:
        return f"{plan.search.trials} trials"
    return _ui.duration(plan.search.seconds) or "none"


def in_words(plan: Plan, rows: int) -> str:
    """What a run of this plan on so many rows will do and how long it may take; markdown."""
    families = [spec for spec in plan.families if spec.family != "baseline"]
    count = f"{len(families)} {'family' if len(families) == 1 else 'families'} × {_split.in_words(plan, rows)}"
    by = f"judged by {_ui.md(entry('metric', plan.metric).title)}"
    if plan.search.trials is not None:
        return f"**{count}**, {by}. {plan.search.trials} trials: {'not ' if plan.search.varies else ''}exactly reproducible; the time depends on the data."
    return f"**{count}**, {by}. About **{_ui.duration(plan.search.seconds)}** of training, then a few seconds of judging."


def reproducible(search: Search) -> None:
    """The badge that says whether a search gives the same models again."""
    if search.varies:
        st.badge("Not exactly reproducible", icon=":material/schedule:", color="orange", help=search.varies)
    else:
        same = "The same plan, data and seed give the same trials."
        st.badge("Exactly reproducible", icon=":material/check_circle:", color="green", help=same)


def wake_worker() -> None:
    """See to it that a worker process is there to take queued runs; it outlives this page and this server."""
    ensure_worker(_ui.store().home)


# --- the search space --------------------------------------------------------------------------------------------------


def space_rows(plan: Plan) -> list[dict[str, Any]]:
    """One row per number that the search may change: its bounds in this plan, and the widest that the catalogue allows."""
    rows = []
    for spec in plan.families:
        family = entry("family", spec.family)
        for param in family.params:
            if param.tune and param.kind in ("int", "float") and param.name not in spec.params:
                low, high = spec.space.get(param.name, (param.low, param.high))
                rows.append({
                    "Family": family.title, "Parameter": param.title, "Low": float(low), "High": float(high), "Scale": "log" if param.log else "linear",
                    "Bounds": f"{param.low:g} to {param.high:g}", "family": spec.family, "param": param,
                })  # fmt: skip
    return rows


def space_problems(base: list[dict[str, Any]], edited: list[dict[str, Any]]) -> list[str]:
    """What is wrong with edited bounds, in words."""
    found = []
    for row, new in zip(base, edited, strict=True):
        param, name = row["param"], f"{row['Family']}, {row['Parameter']}"
        low, high = new["Low"], new["High"]
        if low is None or high is None:
            found.append(f"{name}: give both a low and a high.")
        elif low >= high:
            found.append(f"{name}: low is {low:g} and high is {high:g}; low must be smaller.")
        elif low < param.low or high > param.high:
            found.append(f"{name}: {low:g} to {high:g} leaves the bounds {row['Bounds']}.")
    return found


def with_space(plan: Plan, base: list[dict[str, Any]], edited: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plan's families with the edited bounds; bounds that are the catalogue's own are left out."""
    spaces: dict[str, dict[str, tuple[float, float]]] = {}
    for row, new in zip(base, edited, strict=True):
        if (new["Low"], new["High"]) != (row["param"].low, row["param"].high):
            spaces.setdefault(row["family"], {})[row["param"].name] = (new["Low"], new["High"])
    return [{**spec.model_dump(mode="json"), "space": spaces.get(spec.family, {})} for spec in plan.families]
