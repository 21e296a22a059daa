"""What a finding costs, beside the finding: the metric with its fix and without it, on the same folds."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import _analysis, _judged, _ui

VERDICTS = {  # word, icon, colour
    "better": ("Better with it", ":material/trending_up:", "green"), "worse": ("Worse with it", ":material/trending_down:", "red"),
    "tie": ("No difference that can be told", ":material/trending_flat:", "gray"),
}  # fmt: skip
NEWEST = 20


def section(at: _ui.Current, finding: Any) -> None:
    """What was measured of this finding, and the question, where a fix changes what is learned."""
    if at.plan is None or not any(fix.steps or fix.ignore for fix in finding.fixes):
        return
    beside(at, finding.code)
    with st.expander("What does it cost?", key="costs", icon=":material/balance:"):
        what = st.segmented_control("Measure", ["This finding", "All findings"], key="costs_of", default="This finding", required=True)
        _analysis.panel(at, "costs", "Measure", code=finding.code if what == "This finding" else "")


def beside(at: _ui.Current, code: str) -> None:
    """What was measured of a finding's fix, the newest measurement first."""
    for row, metric, same in _measured(at, code):
        title = f"**{_ui.md(row['title'])}**" + ("" if same else " :gray[(of an earlier draft)]")
        if "failed" in row:
            st.markdown(f"{title}: {_ui.md(row['failed'])}")
            continue
        word, icon, color = VERDICTS[row["verdict"]]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{title}: {words(metric, row)}", width="stretch")
            st.badge(word, icon=icon, color=color)


def _measured(at: _ui.Current, code: str) -> list[tuple[dict[str, Any], str, bool]]:
    """Each fix of the finding once: (what was measured, the metric, whether the draft is still that one)."""
    found: dict[str, tuple[dict[str, Any], str, bool]] = {}
    for run in _ui.store().runs(at.dataset.id):
        if run.analysis != "costs" or run.state != "done" or at.plan is None or run.plan.target != at.plan.target:
            continue
        facts = _ui.store().evaluation(run.id) or {"findings": []}
        for row in facts["findings"]:
            if row["code"] == code:
                found.setdefault(row["title"], (row, facts["metric"], run.plan.training() == at.plan.training()))
    return list(found.values())


def words(metric: str, gain: dict[str, Any]) -> str:
    """A difference in a sentence; positive is better, whichever way the metric points. Markdown."""
    title = _ui.md(_judged.metric_title(metric))
    return (
        f"{title} {_judged.number(gain['with'])} with it, {_judged.number(gain['without'])} without: {gain['gain']:+.3g} "
        f":gray[(95 % interval {gain['low']:+.2g} to {gain['high']:+.2g}, positive is better)]"
    )
