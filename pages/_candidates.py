"""Columns that could be made of others, each with what it adds to the score; one click puts it into the recipe."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import _analysis, _charts, _judged, _ui
from pipeline import Plan, entry

TIMES = {60.0: "1 minute", 180.0: "3 minutes", 600.0: "10 minutes", 3_600.0: "1 hour"}
VERDICTS = {
    "better": ("Better", "green", "Better even when it is allowed for that so many were tried (Bonferroni)."),
    "promising": ("Promising", "blue", "Better if it had been the only one that was tried; of so many, one may look like that by chance."),
    "tie": ("No difference", "gray", "The interval of 95 % holds 0."),
    "worse": ("Worse", "red", "The model is worse with it."),
}


def section(at: _ui.Current) -> None:
    """The search, and what it found last."""
    asked = st.segmented_control("Time for the search, at most", list(TIMES), default=180.0, key="candidate_time", format_func=TIMES.get, required=True)
    found = _analysis.panel(at, "candidates", "Find candidates", seconds=asked)
    if not found:
        return
    if not found["candidates"]:
        st.info(_none(found), icon=":material/search_off:")
        return
    metric = _judged.metric_title(found["metric"])
    _facts(found, metric)
    _together(at, found["together"])
    rows = [{"column": row["title"], "importance": row["gain"], "low": row["low"], "high": row["high"]} for row in found["candidates"]]
    left, right = st.columns([5, 6])
    with left:
        _charts.show(_charts.importance(rows, metric=metric, when="with the column", change="Gain"), "gains", "What each candidate adds, with intervals")
    with right, st.container(border=True, key="candidates"):
        for place, row in enumerate(found["candidates"]):
            _candidate(at, place, row)


NOTHING = (
    "Nothing can be made of these columns that the recipe does not make already: it takes two numbers, two dates, two categories, or a category "
    "and a number. Give more columns the role 'feature', or add a step of your own on the Recipe tab."
)


def _none(found: dict[str, Any]) -> str:
    """Why there is no candidate, and what to do."""
    if not found.get("possible", found["proposed"]):
        return NOTHING
    if found["proposed"] < found.get("possible", 0):
        return (
            f"The time was over after {found['proposed']:,} of {found['possible']:,} candidates, and none of these explains what the model does "
            f"not: measuring the draft itself took most of the {_ui.duration(found['seconds'])}. Ask again with more time, or for a draft with fewer columns."
        )
    return f"Of {found['proposed']:,} candidates none explains anything that the model does not explain already: the columns are enough as they are."


def _cut(found: dict[str, Any]) -> str:
    """What the time did not suffice for; nothing when all was done."""
    proposed, possible, measured, chosen = found["proposed"], found.get("possible", 0), len(found["candidates"]), found.get("chosen", 0)
    said = [f"{proposed:,} of {possible:,} candidates were looked at"] if proposed < possible else []
    said += [f"{measured} of the best {chosen} were measured"] if measured < chosen else []
    return f"The time was over when {' and '.join(said)}. More time finds more." if said else ""


def _facts(found: dict[str, Any], metric: str) -> None:
    facts = [
        ("Proposed", f"{found['proposed']:,}", "Looked at by the screen: one quick model of what the present columns do not explain."),
        ("Measured", f"{len(found['candidates'])}", "The best of the screen, each on the same folds as the recipe as it is."),
        (f"{metric} without them", _judged.number(found["score"]), f"On {found['rows']:,} rows out of fold."),
    ]
    both = found["together"]
    if both:
        gain = f"{_judged.signed(both['gain'])} [{_judged.between(both['low'], both['high'])}]"
        facts.append((f"Gain of the best {len(both['titles'])} together", gain, "On other folds than those that have chosen them; 95 % interval."))
    _ui.cards(facts)
    if _cut(found):
        st.caption(_cut(found))


def _together(at: _ui.Current, both: dict[str, Any] | None) -> None:
    """The chosen ones in one click, when other folds have confirmed them."""
    if not both or both["verdict"] != "better":
        return
    new = [step for step in both["steps"] if not _has(at.plan, step)]
    if len(new) > 1 and st.button(f"Add these {len(new)} to the recipe", key="accept_all", type="primary", icon=":material/playlist_add:"):
        _add(at, new)


def _candidate(at: _ui.Current, place: int, row: dict[str, Any]) -> None:
    word, color, help = VERDICTS[row["verdict"]]
    with st.container(horizontal=True, vertical_alignment="center", key=f"candidate_{place}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{_ui.md(row['title'])}**")
            gain = f"{_judged.signed(row['gain'])}, {_judged.between(row['low'], row['high'])}"
            st.caption(f"{_ui.md(entry('step', row['kind']).title)} · gain {_ui.md(gain)}")
        st.badge(word, color=color, help=f"{help} Allowing for all: {_judged.between(row['strict_low'], row['strict_high'])}.")
        had = _has(at.plan, row["step"])
        if st.button("Added" if had else "Add", key=f"accept_{place}", icon=":material/check:" if had else ":material/add:", disabled=had):
            _add(at, [row["step"]])


def _has(plan: Plan, step: dict[str, Any]) -> bool:
    return any((spec["step"], spec["params"]) == (step["step"], step["params"]) for spec in plan.model_dump(mode="json")["recipe"])


def _add(at: _ui.Current, steps: list[dict[str, Any]]) -> None:
    with _ui.shown():
        _ui.save(at.plan.with_steps(steps))
    st.rerun()
