"""Explain: what the model rests on, measured by shuffling one column at a time."""

from __future__ import annotations

import streamlit as st

from pages import _charts, _judged, _selection, _ui, _worth

_ui.guard()

MOST_SHOWN = 20


def verdict(row: dict) -> str:
    """What an interval says: it helps, it hurts, or it cannot be told from noise."""
    if row["low"] > 0:
        return "Helps"
    return "Misleads" if row["high"] < 0 else "Within noise"


def sentence(row: dict, judged: _judged.Judged) -> str:
    """The importance of one column in plain words."""
    moves = "falls" if judged.metric.facts.greater else "rises"
    spread = _judged.between(row["low"], row["high"])
    return (
        f"Without the information in **{_ui.md(row['column'])}**, {_ui.md(judged.metric.title)} {moves} by "
        f"{_judged.number(row['importance'])} (95 % interval {_ui.md(spread)})."
    )


def summary(rows: list[dict], judged: _judged.Judged) -> None:
    helping = [row for row in rows if verdict(row) == "Helps"]
    misleading = [row for row in rows if verdict(row) == "Misleads"]
    with st.container(border=True, key="in_words"):
        st.markdown("**In plain words**")
        for row in helping[:3]:
            st.markdown(sentence(row, judged))
        if not helping:
            st.markdown(
                "No single column makes a difference that can be told from noise: the model has learned little, or columns stand in for each other."
            )
        quiet = len(rows) - len(helping) - len(misleading)
        if quiet:
            st.markdown(f"{quiet} of {len(rows)} columns make no difference that can be told from noise.")
        if misleading:
            names = _ui.md(_judged.words(row["column"] for row in misleading[:3]))
            st.markdown(
                f":material/warning: The model is better when **{names}** is shuffled: it has learned something there that does not hold."
            )
        st.caption(
            f"Each column is shuffled on rows that the model has not seen, and the loss of {_ui.md(judged.metric.title)} is averaged over the folds. "
            f"{'Measured on the best single model of the ensemble. ' if judged.several else ''}"
            f"Columns that carry the same information share their importance, and can all look unimportant."
        )


def table(rows: list[dict]) -> None:
    shown = [
        {"Column": r["column"], "Importance": r["importance"], "Reading": verdict(r), "95 % interval": _judged.between(r["low"], r["high"])}
        for r in rows
    ]  # fmt: skip
    config = {
        "Column": st.column_config.TextColumn(width=150),
        "Importance": st.column_config.NumberColumn(format="%.4f" if rows[0]["importance"] < 100 else "%.1f", width=80),
        "Reading": st.column_config.TextColumn(width=85),
    }
    st.dataframe(
        shown,
        hide_index=True,
        column_config=config,
        height=_ui.height(len(shown), 9),
        key="importances",
        alt="Importance of every measured column, largest first",
    )


at = _ui.page("Explain", "What the model rests on")
judged = _judged.judged(at)
_judged.pick_run(at)
rows = judged.evaluation.get("importance") or []
if not rows:
    _ui.empty(
        "Not measured",
        "This run ended before the importance of its columns was measured. Train again to see it.",
        "pages/models.py",
        "Train again",
    )
    st.stop()
left, right = st.columns([7, 5])
with left:
    st.subheader(f"Importance of the columns for {_ui.md(judged.title)}", anchor=False)
    top = rows[:MOST_SHOWN]
    fig = _charts.importance(top, metric=judged.metric.title)
    _charts.show(
        fig,
        "importance",
        f"Permutation importance with intervals; first {top[0]['column']}, then {', '.join(r['column'] for r in top[1:4])}",
    )
    if len(rows) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(rows)} columns; the table has all.")
with right:
    summary(rows, judged)
    table(rows)
_selection.section(judged.evaluation.get("selection"))
if at.plan is not None:
    _worth.section(at)
_ui.next_step("The model makes sense: keep it under a name.", "pages/registry.py", "Keep this model", run=judged.run.id)
