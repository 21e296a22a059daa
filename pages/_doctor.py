"""The label doctor on the Quality page: one doubtful row after the other beside its nearest rows, answered by keyboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages import _analysis, _costs, _judged, _ui
from pipeline import Edit

if TYPE_CHECKING:
    from pipeline.store import Run

DECISION = "label"  # an event of the doctor's run: {row, decision, label}
ACCEPT, CHANGE, SKIP, OPEN = "accept", "change", "skip", "open"
WORDS = {ACCEPT: ("Accepted", "green"), CHANGE: ("Changed", "green"), SKIP: ("Left as it is", "gray"), OPEN: ("Open", "blue")}


def section(at: _ui.Current) -> None:
    """The doctor of one dataset and its draft."""
    if at.plan is None:
        st.info("Choose a target above; then its labels can be looked at.", icon=":material/target:")
        return
    found = _analysis.panel(at, "doctor", "Look for wrong labels")
    run, _ = _ui.store().answer(at.dataset.id, "doctor")
    if not found or run is None or run.active:
        return
    if run.plan.target != at.plan.target:
        st.info(f"This was about {_ui.md(run.plan.target)}. Ask again for {_ui.md(at.plan.target)}.", icon=":material/target:")
        return
    decided = decisions(run.id)
    _facts(found, decided)
    if found["suspects"]:
        if not found["errors"]:
            st.caption("No label is plainly wrong. Those below are the ones that the models doubt most.")
        _review(at, run, found["suspects"], decided, found["classes"])
    changes = {row: said["label"] for row, said in decided.items() if said["decision"] in (ACCEPT, CHANGE)}
    if changes:
        _carry_out(at, changes)


def decisions(run_id: str) -> dict[int, dict[str, Any]]:
    """What was decided of each row; the last word counts. It is kept as events of the doctor's run, so a refresh loses none."""
    said, after = {}, 0
    while events := _ui.store().events(run_id, after=after):
        said |= {event.payload["row"]: event.payload for event in events if event.kind == DECISION}
        after = events[-1].seq
    return {row: one for row, one in said.items() if one["decision"] != OPEN}


def _facts(found: dict[str, Any], decided: dict[int, dict[str, Any]]) -> None:
    facts = [
        ("Probably wrong", f"{found['errors']:,}", f"Each more likely than not, by models that had not seen it; {found['rows']:,} rows were looked at."),
        ("Looked at", f"{len(decided)} of {len(found['suspects'])}", "The most doubtful first."),
    ]
    if found["gain"]:
        gain, title = found["gain"], _judged.metric_title(found["metric"])
        help = "Learned from the proposed labels, judged by the labels as they are; 95 % interval in brackets."
        facts.append((f"{title} if all {found['replaced']} were accepted", f"{gain['gain']:+.3g} [{gain['low']:.2g}, {gain['high']:.2g}]", help))
    _ui.cards(facts)


def _review(at: _ui.Current, run: Run, suspects: list[dict[str, Any]], decided: dict[int, dict[str, Any]], classes: list[str]) -> None:
    """The row that is looked at: the first open one, or the one that was asked for."""
    place = st.session_state.get("suspect")
    if place is None or not 0 <= place < len(suspects):
        place = next((i for i, s in enumerate(suspects) if s["row"] not in decided), len(suspects) - 1)
    suspect = suspects[place]
    with st.container(border=True, key="doctor_row"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Suspect {place + 1} of {len(suspects)}**, row {suspect['row'] + 1:,} of the table", width="stretch")
            word, color = WORDS[decided.get(suspect["row"], {"decision": OPEN})["decision"]]
            st.badge(word, color=color)
            _step("Back", "back", place - 1, place > 0, "arrow_back", "Left")
            _step("Next", "next", place + 1, place + 1 < len(suspects), "arrow_forward", "Right")
        st.markdown(_why(suspect))
        _beside(at, suspect)
        _answer(at, run, suspect, classes)


def _step(title: str, key: str, to: int, possible: bool, icon: str, shortcut: str) -> None:
    if st.button(title, key=f"doctor_{key}", icon=f":material/{icon}:", type="tertiary", disabled=not possible, shortcut=shortcut):
        st.session_state["suspect"] = to
        st.rerun()


def _why(suspect: dict[str, Any]) -> str:
    given, proposed, chance = _ui.md(suspect["given"]), _ui.md(suspect["proposed"]), f"Wrong with an estimated chance of **{suspect['chance']:.0%}**."
    if "belief" in suspect:
        return f"Labelled **{given}**, which the models believe by {suspect['belief']:.0%}; **{proposed}** by {suspect['other']:.0%}. {chance}"
    return f"The table says **{given}**, the models **{proposed}**. {chance}"


def _beside(at: _ui.Current, suspect: dict[str, Any]) -> None:
    """The row, and below it the rows that are most like it."""
    wanted = [suspect["row"], *suspect["nearest"]]
    rows = _ui.rows_at(at.dataset, wanted).loc[wanted]
    target, names = at.plan.target, [name for name in at.plan.features if name in rows]
    what = ["This row", *(f"Nearest {i + 1}" for i in range(len(suspect["nearest"])))]
    told = pd.DataFrame({" ": what, target: [str(at.dataset.schema[target].label(v)) for v in rows[target]]}, index=rows.index)
    st.dataframe(pd.concat([told, rows[names]], axis=1), key="doctor_rows", hide_index=True, column_config=_ui.days(rows), height="content",
                 alt="The row and its nearest rows")  # fmt: skip


def _answer(at: _ui.Current, run: Run, suspect: dict[str, Any], classes: list[str]) -> None:
    """Three answers, each with a key."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(f"Accept: {_ui.md(suspect['proposed'])}", key="doctor_accept", type="primary", icon=":material/check:", shortcut="A"):
            _decide(run, suspect, ACCEPT, suspect["proposed"])
        if st.button("Skip: leave it", key="doctor_skip", icon=":material/skip_next:", shortcut="S"):
            _decide(run, suspect, SKIP, suspect["given"])
        key = f"doctor_label_{suspect['row']}"
        if classes:
            label = st.selectbox("Or another label", classes, classes.index(suspect["given"]), key=key, width=220)
        else:
            label = st.number_input("Or another value", value=suspect["given"], key=key, width=220)
        if st.button("Fix with this", key="doctor_fix", icon=":material/edit:", shortcut="F", disabled=label == suspect["given"]):
            _decide(run, suspect, CHANGE, label)
        if st.button("Reopen", key="doctor_reopen", icon=":material/undo:", type="tertiary", help="Take back what was decided of this row"):
            _decide(run, suspect, OPEN, suspect["given"])


def _decide(run: Run, suspect: dict[str, Any], decision: str, label: Any) -> None:
    with _ui.shown():
        _ui.store().event(run.id, DECISION, {"row": suspect["row"], "decision": decision, "label": label})
    if decision != OPEN:
        st.session_state.pop("suspect", None)  # on to the next open one
    st.rerun()


def _carry_out(at: _ui.Current, changes: dict[int, Any]) -> None:
    """What the corrections gain, and the version that has them."""
    st.subheader(f"{len(changes)} corrected labels" if len(changes) > 1 else "One corrected label", anchor=False)
    told = json.dumps({str(row): label for row, label in sorted(changes.items())})
    gained = _analysis.panel(at, "relabelled", "Measure what they gain", labels=told)
    if gained:
        now = gained["labels"] == json.loads(told)
        st.markdown(_costs.words(gained["metric"], gained) + ("" if now else " :gray[With other corrections.]"))
    if st.button(f"Make a new version with {len(changes)} corrected", key="doctor_version", type="primary", icon=":material/content_copy:"):
        with _ui.shown():
            added = _version(at, changes)
        st.toast(f"Added {_ui.md(_ui.label(added))}", icon=":material/check_circle:")
        _ui.go("pages/quality.py", dataset=added.id)


def _version(at: _ui.Current, changes: dict[int, Any]) -> Any:
    """The dataset with these labels as its next version, with the draft as it is."""
    edit = Edit(kind="set", column=at.plan.target, rows=tuple(changes), values=tuple(map(str, changes.values())))
    added = _ui.store().edit_dataset(at.dataset.id, [edit])
    _ui.carry(at.plan, added)
    return added
