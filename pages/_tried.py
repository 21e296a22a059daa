"""The recipe, carried out on some rows: what goes in and comes out, of the whole and of one step, and how long each takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui
from pipeline import TrainyardError, entries, entry, flow, trace

if TYPE_CHECKING:
    from pipeline.data.schema import Schema
    from pipeline.features import Act, Flow, Trace
    from pipeline.plan import Plan, Problem
    from pipeline.store import Dataset

SHOWN_ROWS = 14
PLAIN = "Any, as plain numbers"
IDLE = "No column is of that kind here"


@dataclass(frozen=True)
class Laid:
    """What there is to say of a plan without looking at rows: problems, the way of every column, how many columns each step works on."""

    problems: list[Problem]
    flow: Flow
    counts: dict[int, int]


@dataclass(frozen=True)
class Tried:
    """A draft, laid out and carried out on the first rows; `error` is why that could not be done."""

    plan: Plan
    schema: Schema
    laid: Laid
    trace: Trace | None = None
    error: TrainyardError | None = None


def laid(at: _ui.Current) -> Laid:
    """Worked out once for a plan, not once per rerun."""
    return _laid(at.dataset, at.plan, at.dataset.id, at.plan.model_dump_json())


def tried(at: _ui.Current) -> Tried:
    """The draft with what it makes of the first rows, worked out once for a recipe."""
    plan, found = at.plan, laid(at)
    kept = plan.model_dump_json(include={"columns", "recipe", "fixes", "target", "task", "split", "balance"})
    try:
        return Tried(plan, at.dataset.schema, found, _carried_out(at.dataset, plan, os.environ.get("TRAINYARD_HOME"), at.dataset.id, kept, _seen_by(plan)))
    except TrainyardError as error:
        return Tried(plan, at.dataset.schema, found, error=error)


@st.cache_resource(show_spinner=False, max_entries=16)
def _laid(_dataset: Dataset, _plan: Plan, dataset_id: str, plan: str) -> Laid:
    found = flow(_plan)
    numbers = {id(spec): number for number, spec in enumerate(_plan.steps)}
    counts: dict[int, int] = {}
    for lane in found.lanes:
        for spec in lane.steps:
            counts[numbers[id(spec)]] = counts.get(numbers[id(spec)], 0) + 1
    return Laid(_plan.problems(_dataset.schema), found, counts)


@st.cache_resource(show_spinner="Trying the recipe …", max_entries=16)
def _carried_out(_dataset: Dataset, _plan: Plan, home: str | None, dataset_id: str, plan: str, family: str | None) -> Trace:
    return trace(_plan, _ui.seen(_dataset).head if follows(_plan) else _ui.seen(_dataset).spread, family)


def follows(plan: Plan) -> bool:
    """Whether a step looks at the rows before a row: then it is tried on the first rows, which follow each other, and else on rows from everywhere."""
    past = {step.name for step in entries("step") if step.facts.past}
    return any(spec.step in past for spec in plan.steps)


def number(plan: Plan, place: int) -> int:
    """Which of the steps that are carried out the one at that place of the recipe is; answers to findings come first."""
    before = sum(spec.enabled for fix in plan.fixes for spec in fix.steps)
    return before + sum(spec.enabled for spec in plan.recipe[:place])


def where(made: Tried, place: int) -> str:
    """What the step at that place works on, in words, and what it took on the sample."""
    its, facts = number(made.plan, place), entry("step", made.plan.recipe[place].step).facts
    act = made.trace.acts[its] if made.trace else None
    if facts.phase == "columns" and not facts.drops:
        count = made.laid.counts.get(its, 0)
        said = f"{count:,} column{'s' * (count != 1)}" if count else IDLE
    else:
        said = _done(act, facts) if act else ""
    return " · ".join(part for part in (said, f"{_spent(act.seconds)} for {made.trace.rows:,} rows" if act and act.seconds else "") if part)


def _done(act: Act, facts: Any) -> str:
    if facts.phase == "training":
        return f"adds {act.rows_added:,} rows" if act.rows_added else "Adds no row for this family"
    if facts.phase == "rows":
        return "Whole rows"
    if facts.phase == "derive" and not act.columns_out:
        return "Passed over: a column that it reads is left out"
    return f"adds {act.columns_out:,}" if facts.phase == "derive" else f"{act.columns_in:,} to {act.columns_out:,} columns"


def _spent(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else _ui.duration(seconds)


# --- before and after --------------------------------------------------------------------------------------------------


def before_and_after(made: Tried, place: int | None) -> None:
    """The same rows before and after the whole recipe, or before and after the step at that place."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        which = st.segmented_control("Rows", ["Before", "After"], default="After", required=True, key="which", label_visibility="collapsed")
        st.selectbox("As seen by", [PLAIN, *_families(made.plan)], key="seen_by", format_func=_ui.md, width=240, label_visibility="collapsed",
                     help="Each family is given categories and missing values as it likes them.")  # fmt: skip
    if made.laid.flow.problems:
        st.caption("The recipe cannot be tried until what is listed above is mended.")
    elif made.trace is None:
        _ui.failure(made.error)
    elif place is not None and not made.plan.recipe[place].enabled:
        st.caption("This step is switched off: it does nothing.")
    else:
        _both_ends(made.trace if place is None else made.trace.acts[number(made.plan, place)], made, which, place)


def _both_ends(shown: Act | Trace, tried: Tried, which: str, place: int | None) -> None:
    made = tried.trace
    fitted_on = f"the first {made.rows:,} rows" if follows(tried.plan) else f"{made.rows:,} rows from all over the table"
    about = "about " if made.reckoned else ""
    rows = getattr(shown, "rows_added", 0)
    if rows:
        st.markdown(f"**{rows:,}** rows added to **{made.rows:,}** training rows; 'Before' has the row that each is made of")
    else:
        st.markdown(f"**{shown.columns_in:,}** columns in, {about}**{shown.columns_out:,}** out, fitted inside each fold")
    table, total = (shown.before, shown.columns_in) if which == "Before" else (shown.after, shown.columns_out)
    if table.shape[1] == 0:
        st.caption("No column is left." if which == "After" and shown.columns_in else "No column takes part in it.")
        return
    alt = f"The first rows {which.lower()} {'the recipe' if place is None else 'this step'}"
    st.dataframe(table, key=f"rows_{which}_{place}", column_config=_ui.days(table), height=_ui.height(len(table), SHOWN_ROWS), alt=alt)
    most = f" The first {table.shape[1]:,} of {total:,} columns are shown." if table.shape[1] < total else ""
    st.caption(f"Fitted on {fitted_on}, for show only.{most}")


def _families(plan: Plan) -> dict[str, str]:
    """The families of the plan by their titles."""
    known = {family.name: family.title for family in entries("family", plan.task)}
    return {known[spec.family]: spec.family for spec in plan.families if spec.family in known and spec.family != "baseline"}


def _seen_by(plan: Plan) -> str | None:
    return _families(plan).get(st.session_state.get("seen_by", PLAIN))
