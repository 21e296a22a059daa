"""Findings on the page: how many of each severity, the list to choose one from, and rows that are affected."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui
from pipeline import entry, masked, preview_kept

if TYPE_CHECKING:
    from pipeline import Plan, Report
    from pipeline.store import Dataset

WAITS = "DQ032"  # for a second table, which is chosen beside it
SEVERITY = {  # word, icon, colour; in the order of the list
    "error": ("Error", ":material/error:", "red"), "warning": ("Warning", ":material/warning:", "orange"),
    "info": ("Note", ":material/info:", "blue"), "passed": ("Passed", ":material/check_circle:", "green"),
    "not_applicable": ("Does not apply", ":material/remove_circle:", "gray"),
}  # fmt: skip


def level(finding: Any) -> str:
    """The key of SEVERITY for a finding."""
    return finding.severity if finding.status == "found" else finding.status


def strip(report: Report, plan: Plan | None) -> None:
    """How many findings of each severity, and how many are answered."""
    words = {"error": "errors", "warning": "warnings", "info": "notes", "passed": "passed", "not_applicable": "do not apply"}
    with st.container(horizontal=True, gap="xsmall", key="strip"):
        for key, count in report.counts.items():
            _, icon, color = SEVERITY[key]
            word = words[key].rstrip("s") if count == 1 and key in ("error", "warning", "info") else words[key]
            st.badge(f"{count} {word}", icon=icon, color=color if count else "gray")
        if plan and plan.fixes:
            st.badge(f"{len(plan.fixes)} answered", icon=":material/done_all:", color="green")


def check_list(report: Report, plan: Plan | None) -> Any:
    """The checks that found something, or wait for a file, the most severe first; on demand all others. The one that was chosen."""
    answered = {fix.code for fix in plan.fixes} if plan else set()
    order = list(SEVERITY)
    findings = sorted(report.findings, key=lambda f: (order.index(level(f)), -f.rows, f.code))
    told = [finding for finding in findings if finding.status == "found" or finding.code == WAITS]
    others = len(findings) - len(told)
    shown = findings if st.session_state.get("passed_too") or not any(f.status == "found" for f in told) else told
    by_code = {finding.code: finding for finding in shown}

    def line(code: str) -> str:
        _, icon, color = SEVERITY[level(by_code[code])]
        icon, color = (":material/done_all:", "green") if code in answered else (icon, color)
        rows = f" :gray[{_many(by_code[code].rows, 'row')}]" if by_code[code].rows else ""
        return f":{color}[{icon}] {_ui.md(by_code[code].title)}{rows}"

    if st.session_state.get("check") not in by_code or st.session_state.get("check_target") != report.target:
        st.session_state["check"] = shown[0].code
    st.session_state["check"], st.session_state["check_target"] = st.session_state["check"], report.target  # drawn even where its line has changed
    code = st.radio("Checks, the most severe first", list(by_code), format_func=line, key="check", label_visibility="collapsed")
    if others and len(told) > 1:
        st.toggle(f"Also the {others} that passed or do not apply", key="passed_too")
    return by_code[code]


def preview(dataset: Dataset, plan: Plan, fix: Any) -> None:
    """What a fix changes before it is taken: cells before and after, rows and columns left out."""
    with _ui.shown():
        seen = _preview(dataset, dataset.id, plan, fix, f"{plan.fingerprint()} {fix.model_dump_json()}")
    said = [f"**{_many(seen.cells, 'cell')}** in {_many(len(seen.columns), 'column')} would change" if seen.columns else "",
            f"**{_many(seen.dropped_rows, 'row')}** would not be trained on" if seen.dropped_rows else "",
            f"the model would no longer see **{_many(len(seen.ignored), 'column')}**" if seen.ignored else "",
            f"models would be judged by **{_ui.metric_title(seen.metric)}**" if seen.metric else ""]  # fmt: skip
    words = "; ".join(filter(None, said)) or "no cell changes"
    sampled = f" :gray[(of {seen.looked_at:,} rows looked at)]" if seen.looked_at < seen.rows else ""
    st.caption(f"{words[0].upper()}{words[1:]}.{sampled}" if not words.startswith("**") else f"{words}.{sampled}")
    rows = [{"Column": c.column, "Before": _ui.spelled(was), "After": "missing" if now is None else _ui.spelled(now), "Rows": count, "First row": row}
            for c in seen.columns for row, was, now, count in c.examples]  # fmt: skip
    if rows:
        st.dataframe(rows[:60], key="fix_preview", hide_index=True, height=_ui.height(min(len(rows), 60), 6), alt="Cells before and after the fix")


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@st.cache_data(show_spinner="Trying the fix …", max_entries=64)
def _preview(_dataset: Dataset, dataset_id: str, _plan: Plan, _fix: Any, key: str) -> Any:
    return preview_kept(_dataset, _fix, _plan)


def evidence(finding: Any, names: Collection[str]) -> None:
    """The numbers behind a finding: what is per column or per value as tables, the rest as one line each. `names` are of columns."""
    titles = {param.name: param.title for param in entry("check", finding.code).params}
    seen = {name if name in names else name.replace("_", " ").capitalize(): value for name, value in finding.evidence.items()}
    seen["Settings"] = {titles.get(name, name): value for name, value in seen.pop("Thresholds", {}).items()}
    for title in [title for title, value in seen.items() if isinstance(value, dict) and value and value.keys() <= set(names)]:
        seen |= seen.pop(title) if all(isinstance(v, dict) for v in seen[title].values()) else {}
    tables: dict[tuple, dict[str, dict]] = {}
    lines = []
    for title, value in seen.items():
        if title != "Settings" and isinstance(value, dict) and value and not any(isinstance(v, (dict, list)) for v in value.values()):
            tables.setdefault(tuple(value), {})[title] = value
        elif value not in (None, [], {}):
            lines.append(f":gray[{_ui.md(title)}] {_ui.md(_ui.spelled(value))}")
    for number, (inner, columns) in enumerate(tables.items()):
        if set(columns) <= set(names):  # a row for each column of the data
            table = {"Column": list(columns), **{name.replace("_", " ").capitalize(): [v[name] for v in columns.values()] for name in inner}}
        else:
            table = {"Name": list(inner), **{title: list(values.values()) for title, values in columns.items()}}
        shares = {title: st.column_config.NumberColumn(format="percent") for title in table if "share" in title.lower() and title not in names}
        table |= {title: _ui.shares(table[title]) for title in shares}
        rows = len(next(iter(table.values())))
        st.dataframe(table, key=f"evidence_{number}", hide_index=True, column_config=shares, height=_ui.height(rows, 6), alt="The numbers behind this")
    if lines:
        st.caption("  \n".join(lines))


def examples(dataset: Dataset, report: Report, finding: Any) -> None:
    """Some of the affected rows; those of all findings are read together, once."""
    if not finding.examples:
        return
    rows = _ui.rows_at(dataset, [row for other in report.findings for row in other.examples]).loc[list(finding.examples)]
    first = [name for name in finding.columns if name in rows]
    for name in first if finding.private else ():
        rows[name] = rows[name].map(lambda value: masked(str(value)), na_action="ignore").astype("str")
    st.caption(f"{len(rows):,} of {finding.rows:,} affected rows")
    st.dataframe(rows[[*first, *(name for name in rows if name not in first)]], key="examples", column_config=_ui.days(rows), height=_ui.height(len(rows), 8),
                 alt="Rows that are affected")  # fmt: skip
