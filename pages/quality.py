"""Find what is wrong with the data, and answer each finding: apply a fix, or say why not."""

from __future__ import annotations

import streamlit as st

from pages import _costs, _court, _doctor, _drift, _findings, _ui

_ui.guard()

from pipeline import Plan, Report, check_kept, entries, entry


def examine(dataset, target: str | None) -> Report:
    """The report from the store; made and kept when it is not there yet, or is from before a check was added."""
    kept = _ui.store().quality(dataset.id, target)
    if kept is None or [found["code"] for found in kept["findings"]] != [known.name for known in entries("check")]:
        with st.spinner("Checking the data …"):
            report = check_kept(dataset, target)
        kept = report.model_dump(mode="json")
        _ui.store().save_quality(dataset.id, target, kept)
    return Report.model_validate(kept)


def target_picker(at) -> str | None:
    """Choosing a target here drafts the plan, as on the Features page."""
    now = at.plan.target if at.plan else None
    chosen = st.selectbox("Target: the column to predict", at.dataset.schema.names, 0 if now else None, key=_ui.synced("quality_target", now),
                          placeholder="No target yet")  # fmt: skip
    if chosen and chosen != now:
        with _ui.shown():
            _ui.save(_ui.retarget(at.dataset, chosen, at.plan))
        st.rerun()
    return at.plan.target if at.plan else None


def detail(at, report: Report, finding) -> None:
    word, icon, color = _findings.SEVERITY[_findings.level(finding)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_ui.md(finding.title)}**", width="stretch")
        st.badge(word, icon=icon, color=color)
        st.badge(finding.code, color="gray")
    st.markdown(_ui.md(finding.reason if finding.status == "not_applicable" else finding.explanation))
    st.caption(_ui.md(entry("check", finding.code).help))
    answer(at, finding)
    if finding.status == "found":
        _costs.section(at, finding)
        _findings.evidence(finding, at.dataset.schema.names)
        _findings.examples(at.dataset, report, finding)
    if finding.code == _drift.CODE:
        _drift.section(at)


def answer(at, finding) -> None:
    """Apply one of the fixes, or leave the finding as it is for a reason; both can be undone."""
    plan = at.plan
    if finding.status != "found" or (plan and any(fix.code == finding.code for fix in plan.fixes)):
        return
    if plan is None:
        st.info("Choose a target above; then fixes can be applied.", icon=":material/target:")
        return
    titles = {fix.title: fix for fix in finding.fixes}
    if len(titles) > 1:
        st.radio("Fix", list(titles), key=f"fix_{finding.code}", format_func=_ui.md)
    chosen = titles.get(st.session_state.get(f"fix_{finding.code}")) or next(iter(titles.values()), None)
    if chosen:
        _findings.preview(at.dataset, plan, chosen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if chosen and st.button(f"Apply: {_ui.md(chosen.title)}", key="apply", type="primary", icon=":material/build:"):
            _ui.save(plan.accept([chosen]))
            st.rerun()
        with st.popover("Ignore …", icon=":material/visibility_off:", key="ignore"):
            ignore(plan, finding)


def ignore(plan: Plan, finding) -> None:
    """Leave a finding as it is: a fix that changes nothing, with the reason as its title."""
    with st.form(f"ignore_{finding.code}", border=False):
        reason = st.text_input("Why is this fine as it is?", key=f"why_{finding.code}", placeholder="e.g. known gap in the export")
        if st.form_submit_button("Ignore this finding", key="ignore_go"):
            if not reason.strip():
                st.error("Write a reason: whoever reads the plan later will want to know.", icon=":material/error:")
                return
            fixes = [*plan.model_dump(mode="json")["fixes"], {"code": finding.code, "title": f"Ignored: {reason.strip()}"}]
            _ui.save(plan.change(fixes=fixes))
            st.rerun()


def applied(plan: Plan | None) -> None:
    if plan is None or not plan.fixes:
        return
    with st.container(border=True, gap="xxsmall"):
        st.markdown("**Answers** :gray[they are part of the plan]")
        for number, fix in enumerate(plan.fixes):
            said, back = st.columns([7, 3], vertical_alignment="center")
            said.markdown(f":green[:material/done_all:] {_ui.md(fix.title)} :gray[{fix.code}]")
            if back.button("Undo", key=f"undo_{number}", icon=":material/undo:", type="tertiary"):
                _ui.save(plan.undo(fix.code, fix.title))
                st.rerun()


def suggested(report: Report, plan: Plan | None) -> None:
    have = {(fix.code, fix.title) for fix in plan.fixes} if plan else set()
    todo = [fix for fix in report.suggested if plan and (fix.code, fix.title) not in have]
    if todo and st.button(f"Apply {len(todo)} suggested", key="apply_all", icon=":material/auto_fix_high:", help="; ".join(_ui.md(f.title) for f in todo)):
        _ui.save(plan.accept(todo))
        st.rerun()


def checks(at, target: str | None) -> None:
    """Every check, the most severe first; the one that is chosen in full, with what its fix costs."""
    with _ui.shown():
        report = examine(at.dataset, target)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        _findings.strip(report, at.plan)
        suggested(report, at.plan)
    left, right = st.columns([4, 8])
    with left:
        finding = _findings.check_list(report, at.plan)
        applied(at.plan)
    with right, st.container(border=True):
        detail(at, report, finding)


at = _ui.page("Quality", "What is wrong with the data, and what to do about it")
_ui.need_dataset(at)
with st.columns([4, 8])[0]:
    target = target_picker(at)
first, second, third = st.tabs(["Checks", "Leakage court", "Label doctor"], key="quality_tab", on_change="rerun", bind="query-params")
if first.open:
    with first:
        checks(at, target)
if second.open:
    with second:
        _court.section(at)
if third.open:
    with third:
        _doctor.section(at)
_ui.next_step("Choose what the model may learn from, and how it is prepared.", "pages/features.py", "Choose features")
