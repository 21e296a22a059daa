"""The leakage court on the Quality page: the honest score, who is accused and of what, and the question only a person can answer."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import _analysis, _charts, _judged, _ui
from pipeline import accept_verdicts, acquit, answered

VERDICTS = {  # word, icon, colour
    "guilty": ("Guilty", ":material/gavel:", "red"), "suspicious": ("Suspicious", ":material/help:", "orange"),
    "undecided": ("Too few rows", ":material/hourglass_empty:", "gray"), "clean": ("Clean", ":material/check_circle:", "green"),
}  # fmt: skip
WHEN = {"": "Not answered", "before": "Before", "at": "At that moment", "after": "Only afterwards"}
MOST_CARDS = 12
MOST_DOTS = 15


def section(at: _ui.Current) -> None:
    """The court of one dataset and its draft."""
    if at.plan is None:
        st.info("Choose a target above; then every column can be heard.", icon=":material/target:")
        return
    found = _analysis.panel(at, "court", "Hear every column")
    if not found:
        return
    if found["why_not"]:
        st.info(_ui.md(found["why_not"]), icon=":material/remove_circle:")
        return
    _scores(found)
    _sentence(at, found)
    left, right = st.columns([7, 5])
    with left:
        _accused(found)
    with right:
        _strengths(found)
    _questions(at, found)


def _scores(found: dict[str, Any]) -> None:
    """Two scores on the same folds; the honest one first."""
    scores, title = found["scores"], _judged.metric_title(found["metric"])
    facts = [(f"Honest {title}", _judged.number(scores["without"]), f"On {scores['rows']:,} rows out of fold, without the suspects.")]
    if "gain" in scores:
        facts.append((f"{title} with the suspects", _judged.number(scores["with"]), "On the same rows and folds: what a model seems to reach."))
        help = f"95 % interval {scores['low']:+.3g} to {scores['high']:+.3g}; positive is better. It will not be there when the model is used."
        facts.append(("What they add", f"{scores['gain']:+.3g}", help))
    counts = {verdict: sum(c["verdict"] == verdict for c in found["columns"]) for verdict in VERDICTS}
    said = f"{counts['guilty']} guilty and {counts['suspicious']} suspicious; {found['rows']:,} rows were looked at."
    facts.append(("Accused", f"{counts['guilty'] + counts['suspicious']} of {len(found['columns'])} columns", said))
    _ui.cards(facts)
    if scores["without"] is None:
        st.warning("Every column that the model may see is a suspect; there is no score without them.", icon=":material/warning:")


def _sentence(at: _ui.Current, found: dict[str, Any]) -> None:
    """Leave the guilty out, or take that back."""
    after = accept_verdicts(at.plan, found)
    with st.container(horizontal=True):
        if after != at.plan and st.button("Leave the guilty out", key="court_accept", type="primary", icon=":material/gavel:",
                                         help="An answer in the plan; it can be undone here or below the checks."):  # fmt: skip
            _ui.save(after)
            st.rerun()
        if acquit(at.plan) != at.plan and st.button("Take them in again", key="court_undo", icon=":material/undo:"):
            _ui.save(acquit(at.plan))
            st.rerun()


def _accused(found: dict[str, Any]) -> None:
    accused = [c for c in found["columns"] if c["verdict"] in ("guilty", "suspicious")]
    undecided = sum(c["verdict"] == "undecided" for c in found["columns"])
    if undecided:
        columns = "1 column has" if undecided == 1 else f"{undecided:,} columns have"
        st.warning(f"{columns} too few filled rows to be judged: a leak among so few may go unseen. Ask when each value is known, below, "
                   "or bring more rows.", icon=":material/hourglass_empty:")  # fmt: skip
    elif not accused and not found["table"]:
        st.success("No column gives the target away.", icon=":material/check_circle:")
    for place, column in enumerate(accused[:MOST_CARDS]):
        _card(f"accused_{place}", f"**{_ui.md(column['column'])}**", column["verdict"], [e["says"] for e in column["evidence"]], _alone(found, column))
    if len(accused) > MOST_CARDS:
        st.caption(f"{len(accused) - MOST_CARDS} more are accused; all are in the table below.")
    for place, exhibit in enumerate(found["table"]):
        _card(f"table_{place}", "**The table as a whole**", exhibit["verdict"], [exhibit["says"]], "")


def _card(key: str, title: str, verdict: str, says: list[str], note: str) -> None:
    word, icon, color = VERDICTS[verdict]
    with st.container(border=True, gap="xsmall", key=key):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(title, width="stretch")
            st.badge(word, icon=icon, color=color)
        for sentence in says:
            st.markdown(_ui.md(sentence))
        if note:
            st.caption(note)


def _alone(found: dict[str, Any], column: dict[str, Any]) -> str:
    return _ui.md(
        f"Alone, by {column['view']}: {found['measure']} {column['score']:.3f}, 95 % interval {column['low']:.3f} to {column['high']:.3f}."
    )


def _strengths(found: dict[str, Any]) -> None:
    """How well the strongest columns predict alone."""
    strongest = sorted(found["columns"], key=lambda c: -c["score"])[:MOST_DOTS]
    fig = _charts.alone(strongest, measure=found["measure"], guess=0.5 if found["measure"] == "ROC AUC" else 0.0)
    st.markdown("**How well the strongest predict alone**")
    _charts.show(fig, "court_alone", "Cross-validated score of each column alone, with its interval")


def _questions(at: _ui.Current, found: dict[str, Any]) -> None:
    """All columns, the gravest first, each with the question that the data cannot answer."""
    st.subheader("When is each value known?", anchor=False)
    st.caption("Before, at or after the moment for which you want a prediction. What is known only afterwards is guilty, however it looks.")
    known = {column.name: column.known for column in at.plan.columns}
    rows = {
        "Column": [c["column"] for c in found["columns"]], "Verdict": [VERDICTS[c["verdict"]][0] for c in found["columns"]],
        "Alone": [c["score"] for c in found["columns"]], "Known": [WHEN[known.get(c["column"], "")] for c in found["columns"]],
        "Evidence": ["; ".join(e["says"] for e in c["evidence"]) for c in found["columns"]],
    }  # fmt: skip
    shown = {
        "Alone": st.column_config.NumberColumn(f"{found['measure']} alone", format="%.3f"),
        "Known": st.column_config.SelectboxColumn("Known", options=list(WHEN.values())),
    }
    base = hash(tuple(rows["Known"]))  # another key when the draft has other answers: edits of an older table are not laid over it
    edited = st.data_editor(rows, key=f"court_known_{base}", hide_index=True, column_config=shown, disabled=["Column", "Verdict", "Alone", "Evidence"],
                            height=_ui.height(len(found["columns"]), 12))  # fmt: skip
    words = {word: when for when, word in WHEN.items()}
    answers = {name: words[word] for name, word in zip(edited["Column"], edited["Known"])}
    if st.button("Save the answers", key="court_save", icon=":material/save:", disabled=answers == {name: known.get(name, "") for name in answers}):
        _ui.save(answered(at.plan, answers))
        st.rerun()
