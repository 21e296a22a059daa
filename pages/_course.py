"""The course of a run: its learning curves, its fits in time, and what it uses of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import _charts, _judged, _traces, _ui
from pipeline import thinned

if TYPE_CHECKING:
    from pipeline.curves import Course, Finding, Usage
    from pipeline.store import Run

NEWEST = 3  # trials whose curves are drawn when none is chosen
MOST_NOTES = 8
GB = 1e9
# code -> (icon, colour, word): never colour alone
NOTES = {
    "nan": (":material/error:", "red", "Not a number"),
    "diverged": (":material/error:", "red", "Diverging"),
    "overfit": (":material/warning:", "orange", "Over-fitting"),
    "plateau": (":material/trending_flat:", "gray", "Plateau"),
}


def curves(run: Run, course: Course) -> None:
    """The learning curves of the newest trials, or of the one that is chosen, and what is wrong with them."""
    numbers = sorted({number for number, _ in course.curves}, reverse=True)
    if not numbers:
        st.caption("Curves appear here while a family that learns in rounds is fitted (boosters and networks), once a second.")
        return
    left, right = st.columns([8, 4])
    with right:
        named = {number: f"Trial {number} · {_family(course, number)}" for number in numbers}
        asked = st.selectbox("Trial", [None, *numbers], format_func=lambda n: named.get(n, f"The newest {NEWEST}"), key="curves_of")
        notes(course)
    shown = [asked] if asked in numbers else numbers[:NEWEST]
    rows = [
        {"name": f"{named[number]}, fold {fold}", "group": f"Fold {fold}" if asked in numbers else named[number], "points": thinned(points)}
        for (number, fold), points in sorted(course.curves.items())
        if number in shown
    ]
    with left:
        if any(p.score is not None or p.train is not None for row in rows for p in row["points"]):
            _charts.show(_traces.learning(rows), f"curves_{run.id[:6]}", f"Loss by iteration of {len(rows)} fits; training loss is dotted")
        else:
            st.caption("These fits hold no rows back, so there is no loss to draw.")


def notes(course: Course) -> None:
    """What is wrong with the curves, the newest first."""
    found = course.findings[::-1]
    for finding in found[:MOST_NOTES]:
        icon, colour, word = NOTES[finding.code]
        st.markdown(f":{colour}[{icon} **{word}**] {_ui.md(spelled(course, finding))}")
    if len(found) > MOST_NOTES:
        st.caption(f"and {len(found) - MOST_NOTES} more on earlier trials")
    if not found:
        st.caption("Nothing odd so far: no loss that is not a number, no divergence, plateau or over-fitting.")


def spelled(course: Course, finding: Finding) -> str:
    return f"Trial {finding.number}, {_family(course, finding.number)}, fold {finding.fold}. {finding.sentence}"


def alarms(course: Course) -> list[str]:
    """The findings that make a trial worthless: for the top of the page, whichever part is open."""
    return [spelled(course, finding) for finding in course.findings if finding.code in ("nan", "diverged")]


def timeline(run: Run, course: Course) -> None:
    """Every fit in the row of its slot, and how busy the slots were."""
    if not course.fits:
        st.caption("A bar for each fit appears here as the fits end." if run.active else "This run tells nothing of its single fits.")
        return
    slots, busy = len({fit.slot for fit in course.fits}), course.busy()
    share = "" if busy is None else f" **{busy:.0%}** of the slots' time in training went into fits."
    st.markdown(f"{len(course.fits):,} fits in {slots} {'slot' if slots == 1 else 'slots'}.{share}")
    titles = {fit.family: _judged.family_title(fit.family) for fit in course.fits}
    _charts.show(_traces.gantt(course.fits, titles), f"gantt_{run.id[:6]}", f"Gantt chart of {len(course.fits)} fits in {slots} slots")
    if course.usage:
        left, right = st.columns(2)
        with left:
            _charts.show(_traces.processors(course.usage), f"cpu_{run.id[:6]}", "Use of the processors over time")
        with right:
            _charts.show(_traces.memory(course.usage), f"memory_{run.id[:6]}", "Memory over time")


def strip(course: Course) -> None:
    """What the run uses at the moment, or used last, in one line."""
    if not course.usage:
        return
    now = course.usage[-1]
    with st.container(horizontal=True, gap="xsmall", key="usage"):
        for words, icon in _uses(now):
            st.badge(words, icon=icon, color="gray")


def _uses(now: Usage) -> list[tuple[str, str]]:
    told = [
        (now.cpu, "Processors {:.0f} %", ":material/memory:", 1.0), (now.memory, "Memory {:.1f} GB", ":material/storage:", GB),
        (now.gpu, "GPU {:.0f} %", ":material/developer_board:", 1.0), (now.gpu_memory, "GPU memory {:.1f} GB", ":material/developer_board:", GB),
    ]  # fmt: skip
    return [(words.format(value / unit), icon) for value, words, icon, unit in told if value is not None]


def _family(course: Course, number: int) -> str:
    return _judged.family_title(course.families[number]) if number in course.families else ""
