"""What each column is worth to a quick model: asked for by a button, drawn as dots with intervals."""

from __future__ import annotations

import streamlit as st

from pages import _analysis, _charts, _judged, _ui


def section(at: _ui.Current) -> None:
    """The question, and its answer when there is one."""
    st.subheader("What each column is worth", anchor=False)
    found = _analysis.panel(at, "worth", "Measure")
    if not found or not found["columns"]:
        return
    title = _judged.metric_title(found["metric"])
    rows = [{"column": row["column"], "importance": row["worth"], "low": row["low"], "high": row["high"]} for row in found["columns"]]
    _charts.show(_charts.importance(rows[:20], metric=title, when="without the column"), "worth", "What the score loses without each column, with intervals")
    harmful = [_ui.md(row["column"]) for row in found["columns"] if row["verdict"] == "worse"]
    said = f"With all columns {_judged.number(found['score'])} on {found['rows']:,} rows out of fold."
    st.caption(said + (f" Better without {_judged.words(harmful)}: leave them out on the Features page." if harmful else ""))
