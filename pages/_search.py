"""How to search, as a plan has it: strategy, pruner, budget, what is tried first, and a finished run that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _estimate, _judged, _parameters, _plan, _ui
from pipeline import TrainyardError, entries, entry, grid_sizes

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.store import Run, TrialRecord


def controls(plan: Plan, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    """Strategy, pruner and budget, as the plan's search. `trials` of an earlier run say how long one takes."""
    search = plan.search.model_dump(mode="json")
    with st.container(border=True, key="search"):
        st.subheader("Search", anchor=False)
        search |= _chosen("strategy", "Strategy", plan.search.strategy, "params", plan.search.params)
        if search["strategy"] == "grid":
            _combinations(plan, search, trials)
        search |= _chosen("pruner", "Pruning", plan.search.pruner, "pruner_params", plan.search.pruner_params)
        search |= _budget(plan)
    return search


def _chosen(kind: str, title: str, name: str, field: str, params: dict[str, Any]) -> dict[str, Any]:
    """One entry of the catalogue with its form; only what differs from its default goes into the plan."""
    offered = {e.name: e for e in entries(kind)}
    known = name if name in offered else next(iter(offered))
    picked = offered[st.selectbox(title, list(offered), format_func=lambda n: offered[n].title, key=_ui.synced(kind, known))]
    st.caption(_ui.md(picked.help))
    values = _parameters.fields(picked, f"{kind}_{picked.name}", params if picked.name == name else {})
    return {kind: picked.name, field: {p.name: values[p.name] for p in picked.params if values[p.name] != p.default}}


def _budget(plan: Plan) -> dict[str, Any]:
    now = "Trials" if plan.search.trials is not None else "Seconds"
    unit = st.segmented_control("Budget", ["Seconds", "Trials"], key=_ui.synced("unit", now), required=True)
    if unit == "Trials":
        given = st.number_input("Trials", 1, 10_000, key=_ui.synced("trials", plan.search.trials or 40), help="The baseline is extra.")
    else:
        stored = max(5.0, float(plan.search.seconds or 60))
        given = st.number_input("Seconds", 5.0, 86_400.0, step=10.0, format="%g", key=_ui.synced("seconds", stored))
    budget = {"trials": given if unit == "Trials" else None, "seconds": given if unit == "Seconds" else None}
    _plan.reproducible(plan.search.model_copy(update=budget))
    return budget


def _combinations(plan: Plan, search: dict[str, Any], trials: Sequence[TrialRecord]) -> None:
    """How many combinations the grid has, and how long they would take going by the trials of an earlier run."""
    points = entry("strategy", "grid").complete(search["params"])["points"]
    sizes = grid_sizes(plan, points)
    each = ", ".join(f"{_judged.family_title(name)} {size:,}" for name, size in sizes.items())
    total = sum(sizes.values())
    took = [t.seconds for t in trials if t.family in sizes and t.score is not None]
    if took:
        mean = sum(took) / len(took)
        word = f"At {_ui.duration(mean)} a trial, the mean of the latest run, all of them take about {_ui.duration(mean * total)}."
    elif probed := _estimate.trial_seconds(plan):
        one = sum(size * probed.get(name, 0) for name, size in sizes.items())
        word = f"Going by the probe, all of them take about {_ui.duration(one)} on one core."
    else:
        word = "How long they take is not known before a first run of these families, or an estimate on the Models page."
    st.info(f"{_ui.md(each)}. {word}", icon=":material/grid_on:", title=f"{total:,} combinations")


def queue(plan: Plan, trials: Sequence[TrialRecord], greater: bool) -> None:
    """Configurations that a person asks for: those in the plan, and a form for the next."""
    with st.container(border=True, key="queue"):
        st.subheader("Try these first", anchor=False)
        for number, spec in enumerate(plan.search.enqueued):
            with st.container(horizontal=True, vertical_alignment="center", key=f"asked_{number}"):
                st.markdown(f"**{_ui.md(_judged.family_title(spec.family))}** :gray[{_ui.md(_ui.spelled(spec.params))}]", width="stretch")
                if st.button("Remove", key=f"unqueue_{number}", icon=":material/delete:", type="tertiary"):
                    _keep(plan, [s for k, s in enumerate(plan.search.enqueued) if k != number])
        if not plan.search.enqueued:
            st.caption("A configuration that you put here is tried once, after every family's first turn and before the search begins.")
        with st.expander("Add a configuration", icon=":material/playlist_add:", key="enqueue_form"):
            _form(plan, trials, greater)


def _form(plan: Plan, trials: Sequence[TrialRecord], greater: bool) -> None:
    known = [spec.family for spec in plan.families if spec.family != "baseline" and entry("family", spec.family).params]
    if not known:
        st.caption("None of the chosen families has a parameter.")
        return
    family = entry("family", st.selectbox("Family", known, format_func=_judged.family_title, key="enqueue_family"))
    done = [t for t in trials if t.family == family.name and t.score is not None]
    best = max(done, key=lambda t: t.score if greater else -t.score, default=None)
    st.caption(f"It starts from trial {best.number}, the best of this family so far." if best else "It starts from the defaults.")
    with st.container(height=360 if len(family.params) > 4 else "content", border=False):
        values = _parameters.fields(family, f"q_{family.name}", best.params if best else {})
    params = {p.name: values[p.name] for p in family.params if values[p.name] != p.default}
    there = not params or any((spec.family, spec.params) == (family.name, params) for spec in plan.search.enqueued)
    if st.button("Put it in the queue", key="enqueue", type="primary", disabled=there):
        _keep(plan, [*plan.search.enqueued, {"family": family.name, "params": params}])
    if there:
        st.caption("It is in the queue already." if params else "The defaults of every family are tried anyway: change something first.")


def _keep(plan: Plan, enqueued: Sequence[Any]) -> None:
    specs = [spec if isinstance(spec, dict) else spec.model_dump(mode="json") for spec in enqueued]
    _ui.save(plan.change(search=plan.search.model_dump(mode="json") | {"enqueued": specs}))
    st.rerun()


def extend(run: Run) -> None:
    """A finished run that goes on: the same plan with more trials, as a run of its own."""
    done = run.plan.search.trials or max(0, run.trials_done - 1)  # the baseline is extra
    with st.popover("Extend this run", icon=":material/more_time:", key="extend"):
        more = st.number_input("More trials", 1, 1_000, 20, key="more_trials")
        words = f"A new run of the same plan with {done + more} trials: the first {done} are as before, then {more} new ones. "
        words += "For a day after the run its fits are taken over; later they are made again."
        if run.plan.search.trials is None:
            words = f"This run had a budget in seconds and finished {done} trials. A new run of the same plan gets {done + more} trials."
        st.caption(f"{words} This run stays as it is.")
        if st.button(f"Run {done + more} trials", key="extend_go", type="primary"):
            _extend(run, int(more))


def _extend(run: Run, more: int) -> None:
    try:
        longer = _ui.store().extend(run.id, more)
        _plan.wake_worker()
    except TrainyardError as error:
        _ui.failure(error)
        return
    _ui.go("pages/runs.py", run=longer.id)
