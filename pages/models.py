"""Models: how to judge, which families to try, how long to look; then start."""

from __future__ import annotations

import streamlit as st

from pages import _balance, _estimate, _parameters, _plan, _split, _ui
from pipeline import TrainyardError, entries, entry

_ui.guard()

COLUMNS = 2


def judging(at: _ui.Current) -> dict:
    """The metric, the split and what is done about rare classes, as fields of the plan."""
    plan, metrics = at.plan, {e.name: e for e in entries("metric", at.plan.task)}
    with st.container(border=True, key="judging"):
        st.subheader("How to judge", anchor=False)
        left, right = st.columns([3, 1])
        known = plan.metric if plan.metric in metrics else next(iter(metrics))
        metric = left.selectbox("Metric", list(metrics), format_func=lambda name: metrics[name].title, key=_ui.synced("metric", known))
        seed = right.number_input(
            "Seed", 0, 2**31 - 1, key=_ui.synced("seed", plan.seed), help="The same seed and a budget in trials give the same models."
        )
        st.caption(_ui.md(metrics[metric].help))
        split = _split.controls(at)
        _split.drawn(plan, at.dataset.rows)
        balance = _balance.controls(at)
        _balance.before_and_after(at, plan)
    return {"metric": metric, "split": split, "balance": balance, "seed": seed}


def families(at: _ui.Current) -> list[str]:
    """The grid of families; the names that are switched on."""
    chosen, on = {spec.family for spec in at.plan.families}, []
    offered = [e for e in entries("family", at.plan.task) if e.name != "baseline"]
    st.subheader("Families to try", anchor=False)
    for start in range(0, len(offered), COLUMNS):
        for column, family in zip(st.columns(COLUMNS), offered[start : start + COLUMNS], strict=False):
            with column.container(border=True, height="stretch", gap="xxsmall", key=f"card_{family.name}"):
                if st.checkbox(family.title, key=_ui.synced(f"on_{family.name}", family.name in chosen)):
                    on.append(family.name)
                word, color = _plan.SPEEDS[family.facts.speed]
                st.caption(f":{color}-badge[{word}] {_ui.md(family.help)}")
    return on


def parameters(at: _ui.Current, on: list[str]) -> dict[str, dict]:
    """The form of one family at a time, drawn from the catalogue; the fixed parameters of every chosen family."""
    fixed = {spec.family: dict(spec.params) for spec in at.plan.families}
    with st.container(border=True, key="parameters"):
        st.subheader("Parameters", anchor=False)
        known = [name for name in on if entry("family", name).params]
        if not known:
            st.caption("Switch a family on to see its parameters.")
            return fixed
        family = entry("family", st.selectbox("Family", known, format_func=lambda name: entry("family", name).title, key="edited"))
        st.caption("What differs from its default is fixed: the search leaves it alone.")
        with st.container(height=520 if len(family.params) > 6 else "content", border=False):
            values = _parameters.fields(family, f"p_{family.name}", fixed.get(family.name, {}))
    fixed[family.name] = {p.name: values[p.name] for p in family.params if values[p.name] != p.default}
    return fixed


def start(plan, rows: int, blocked: bool) -> None:
    """The bar at the foot: what the run will do, in words, and the one button."""

    def submit() -> None:
        # In the callback: it runs before anything is drawn, and the store answers a second click with the same run.
        try:
            st.session_state["started"] = _ui.store().submit(plan).id
        except TrainyardError as error:
            st.session_state["refused"] = error

    with st.bottom, st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="start_bar"):
        st.markdown(_plan.in_words(plan, rows), width="stretch")
        st.button(
            "Start training", key="start", type="primary", icon=":material/play_arrow:", on_click=submit, shortcut="Ctrl+Enter",
            disabled=blocked or "started" in st.session_state,
        )  # fmt: skip


if "started" in st.session_state:
    with _ui.shown():
        _plan.wake_worker()
    _ui.go("pages/runs.py", run=st.session_state.pop("started"))
at = _ui.page("Models", "How to judge, what to try, and for how long")
_ui.need_plan(at)
problems_here = st.container()
left, right = st.columns([8, 4])
with left:
    fields = judging(at)
    on = families(at)
with right:
    fields |= {"search": _plan.budget(at.plan)}
    fixed = parameters(at, on)
spaces = {spec.family: spec.space for spec in at.plan.families}
fields["families"] = [{"family": name, "params": fixed.get(name, {}), "space": spaces.get(name, {})} for name in on]
with _ui.shown():
    plan = at.plan.change(**fields)
if plan != at.plan:
    _ui.save(plan)
    st.rerun()  # so that the widgets know what is stored now, and the next change is not taken for a change made elsewhere
problems = plan.problems(at.dataset.schema)
with problems_here:
    if "refused" in st.session_state:
        _ui.failure(st.session_state.pop("refused"))
    elif problems:
        _ui.show_problems(problems)
with right:
    _estimate.card(at, plan, bool(problems))
start(plan, at.dataset.rows, bool(problems))
