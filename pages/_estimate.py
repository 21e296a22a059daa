"""What a run will take, before it is started: asked for by a button, kept for the plan that it is of, and made to fit by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import _judged, _plan, _ui
from pipeline import estimate_kept, fitted

if TYPE_CHECKING:
    from pipeline import Estimate, Plan

KEPT = "estimates"
MOST_KEPT = 8  # plans of this session


def known(plan: Plan) -> Estimate | None:
    """The estimate of exactly this plan, when one was asked for in this session."""
    return st.session_state.get(KEPT, {}).get(plan.fingerprint())


def trial_seconds(plan: Plan) -> dict[str, float]:
    """Seconds of a trial on one core by family, going by the probe of this plan; empty without one."""
    found = known(plan)
    return {name: seconds * found.probe.folds for name, seconds in found.seconds_per_fit.items()} if found else {}


def card(at: _ui.Current, plan: Plan, blocked: bool) -> None:
    """The button, the numbers, and the way to a plan that fits."""
    with st.container(border=True, key="estimate_card"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("What it will take", anchor=False)
            pressed = st.button("Estimate", key="estimate", icon=":material/timer:", disabled=blocked)
        if pressed:
            with _ui.shown(), st.spinner("Fitting every family on a few rows …"):
                _keep(plan, estimate_kept(plan, at.dataset))
        found = known(plan)
        if found is None:
            st.caption("A probe of a few seconds says how long the run takes and how much memory, before it is started.")
            return
        _numbers(found)
        _offer(plan, found)


def _numbers(found: Estimate) -> None:
    facts = [("Time", _ui.duration(found.seconds)), ("Memory", _size(found.memory_bytes)), ("Free memory", _size(found.free_bytes))]
    if found.gpu_memory_bytes:
        facts.append(("GPU memory", _size(found.gpu_memory_bytes)))
    _ui.cards(facts)
    draw = st.caption if found.fits_in_memory else st.warning
    draw("  \n".join(_ui.md(sentence) for sentence in found.sentences))
    rows = [{"Family": _judged.family_title(name), "A fit": _ui.duration(seconds)} for name, seconds in found.seconds_per_fit.items()]
    st.dataframe(rows, key="estimate_families", hide_index=True, height=_ui.height(len(rows), 6), alt="Seconds of one fit, by family")


def _offer(plan: Plan, found: Estimate) -> None:
    """The one click; not there when the plan fits, or when nothing about the plan would mend it."""
    better = fitted(plan, found)
    if better != plan and st.button("Make it fit", key="fit", icon=":material/compress:", help=_changes(plan, better)):
        _keep(better, found.of(better))
        _ui.save(better)
        st.rerun()


def _changes(plan: Plan, better: Plan) -> str:
    """What the click would change."""
    kept = {spec.family for spec in better.families}
    gone = [_ui.md(_judged.family_title(spec.family)) for spec in plan.families if spec.family not in kept]
    said = [f"Leaves out {', '.join(gone)}."] if gone else []
    if better.search != plan.search:
        said.append(f"Sets the budget to {_plan.spelled(better)}.")
    return " ".join(said)


def _keep(plan: Plan, found: Estimate) -> None:
    kept = {**st.session_state.get(KEPT, {}), plan.fingerprint(): found}
    st.session_state[KEPT] = dict(list(kept.items())[-MOST_KEPT:])


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
