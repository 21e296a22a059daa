"""Find what is wrong with the data, and answer each finding: apply a fix, or say why not."""

from __future__ import annotations

import streamlit as st

from pages import _ui

_ui.guard()

from pipeline import Plan, Report, check, entry

SEVERITY = {  # word, icon, colour; in the order of the list
    "error": ("Error", ":material/error:", "red"), "warning": ("Warning", ":material/warning:", "orange"),
    "info": ("Note", ":material/info:", "blue"), "passed": ("Passed", ":material/check_circle:", "green"),
    "not_applicable": ("Does not apply", ":material/remove_circle:", "gray"),
}  # fmt: skip
NO_TARGET = "No target yet"


def level(finding) -> str:
    return finding.severity if finding.status == "found" else finding.status


def examine(dataset, target: str | None) -> Report:
    """The report from the store; made and kept when it is not there yet."""
    kept = _ui.store().quality(dataset.id, target)
    if kept is None:
        with st.spinner("Checking the data …"):
            report = check(dataset.table(), dataset.schema, target=target)
        kept = report.model_dump(mode="json")
        _ui.store().save_quality(dataset.id, target, kept)
    return Report.model_validate(kept)


def target_picker(at) -> str | None:
    """Choosing a target here drafts the plan, as on the Features page."""
    names = [NO_TARGET, *at.dataset.schema.names]
    now = at.plan.target if at.plan else NO_TARGET
    chosen = st.selectbox("Target: the column to predict", names, key=_ui.synced("quality_target", now), width=360)
    if chosen != now and chosen != NO_TARGET:
        with _ui.shown():
            _ui.save(_ui.retarget(at.dataset, chosen, at.plan))
        st.rerun()
    return at.plan.target if at.plan else None


def strip(report: Report, plan: Plan | None) -> None:
    counts = report.counts
    words = {"error": "Errors", "warning": "Warnings", "info": "Notes", "passed": "Passed", "not_applicable": "Do not apply"}
    _ui.cards([*((words[key], f"{counts[key]}") for key in words), ("Answered", f"{len(plan.fixes) if plan else 0}")])


def check_list(report: Report, plan: Plan | None):
    """All checks, the most severe first; the one that was chosen."""
    answered = {fix.code for fix in plan.fixes} if plan else set()
    order = list(SEVERITY)
    findings = sorted(report.findings, key=lambda f: (order.index(level(f)), -f.rows, f.code))
    by_code = {finding.code: finding for finding in findings}

    def line(code: str) -> str:
        _, icon, color = SEVERITY[level(by_code[code])]
        icon, color = (":material/task_alt:", "green") if code in answered else (icon, color)
        rows = f" :gray[{by_code[code].rows:,} rows]" if by_code[code].rows else ""
        return f":{color}[{icon}] {_ui.md(by_code[code].title)}{rows}"

    code = st.radio("Checks, the most severe first", list(by_code), format_func=line, key="check", label_visibility="collapsed")
    return by_code[code or findings[0].code]


def detail(at, report: Report, finding) -> None:
    word, icon, color = SEVERITY[level(finding)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_ui.md(finding.title)}**", width="stretch")
        st.badge(word, icon=icon, color=color)
        st.badge(finding.code, color="gray")
    st.markdown(_ui.md(finding.reason if finding.status == "not_applicable" else finding.explanation))
    st.caption(_ui.md(entry("check", finding.code).help))
    answer(at.plan, finding)
    if finding.status == "found":
        _ui.evidence(finding.evidence)
        examples(at.dataset, report, finding)


def answer(plan: Plan | None, finding) -> None:
    """Apply one of the fixes, or leave the finding as it is for a reason; both can be undone."""
    if finding.status != "found" or (plan and any(fix.code == finding.code for fix in plan.fixes)):
        return
    if plan is None:
        st.info("Choose a target above; then fixes can be applied.", icon=":material/target:")
        return
    titles = {fix.title: fix for fix in finding.fixes}
    if len(titles) > 1:
        st.radio("Fix", list(titles), key=f"fix_{finding.code}", format_func=_ui.md)
    chosen = titles.get(st.session_state.get(f"fix_{finding.code}")) or next(iter(titles.values()), None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if chosen and st.button(f"Apply: {_ui.md(chosen.title)}", key="apply", type="primary", icon=":material/build:"):
            _ui.save(plan.accept([chosen]))
            st.rerun()
        with st.popover("Ignore …", icon=":material/visibility_off:", key="ignore"):
            reason = st.text_input("Why is this fine as it is?", key=f"why_{finding.code}", placeholder="e.g. known gap in the export")
            if st.button("Ignore this finding", key="ignore_go", disabled=not reason.strip()):
                _ui.save(plan.change(fixes=[*plan.model_dump(mode="json")["fixes"], {"code": finding.code, "title": f"Ignored: {reason.strip()}"}]))
                st.rerun()


def examples(dataset, report: Report, finding) -> None:
    """Some of the affected rows; those of all findings are read together, once."""
    if not finding.examples:
        return
    rows = _ui.rows_at(dataset, [row for other in report.findings for row in other.examples]).loc[list(finding.examples)]
    first = [name for name in finding.columns if name in rows]
    st.caption(f"{len(rows):,} of {finding.rows:,} affected rows")
    st.dataframe(rows[[*first, *(name for name in rows if name not in first)]], key="examples", height=min(285, 38 + 35 * len(rows)),
                 alt="Rows that are affected")  # fmt: skip


def applied(plan: Plan | None) -> None:
    if plan is None or not plan.fixes:
        return
    with st.container(border=True, gap="xxsmall"):
        st.markdown("**Answers** :gray[they are part of the plan]")
        for number, fix in enumerate(plan.fixes):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f":green[:material/task_alt:] {_ui.md(fix.title)} :gray[{fix.code}]", width="stretch")
                if st.button("Undo", key=f"undo_{number}", icon=":material/undo:", type="tertiary"):
                    _ui.save(plan.undo(fix.code, fix.title))
                    st.rerun()


at = _ui.page("Quality", "What is wrong with the data, and what to do about it")
_ui.need_dataset(at)
target = target_picker(at)
with _ui.shown():
    report = examine(at.dataset, target)
strip(report, at.plan)
todo = [fix for fix in report.suggested if at.plan and (fix.code, fix.title) not in {(f.code, f.title) for f in at.plan.fixes}]
if todo and st.button(f"Apply the {len(todo)} suggested fix{'es' * (len(todo) > 1)}", key="apply_all", icon=":material/auto_fix_high:"):
    _ui.save(at.plan.accept(todo))
    st.rerun()
left, right = st.columns([4, 8])
with left:
    finding = check_list(report, at.plan)
with right:
    with st.container(border=True):
        detail(at, report, finding)
    applied(at.plan)
_ui.next_step("Choose what the model may learn from, and how it is prepared.", "pages/features.py", "Choose features")
