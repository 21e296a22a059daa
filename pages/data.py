"""Add a dataset and see what is in it."""

from __future__ import annotations

import streamlit as st

from pages import _charts, _ui

_ui.guard()

import pandas as pd

PREVIEW_ROWS = 200
COLUMNS_A_PAGE = 500


def add(at) -> None:
    """The uploader: all of the page when there is no dataset, one line when there is."""
    if at.dataset is None:
        _ui.empty("No dataset yet", "Add a file here, or take a sample on the Home page.", "pages/home.py", "See the samples")
        _ui.uploader("data_file")
        return
    left, right = st.columns([8, 4], vertical_alignment="top")
    failed = st.session_state.get("data_file_error") is not None
    with left, st.expander("Add a dataset or a new version", expanded=failed, icon=":material/upload_file:"):
        _ui.uploader("data_file")
    with right:
        versions(at.dataset)


def versions(dataset) -> None:
    known = {found.id: found for found in _ui.store().datasets(dataset.name)}

    def opened() -> None:
        st.query_params.pop("run", None)
        st.query_params["dataset"] = st.session_state["version"]

    def shown(key: str) -> str:
        return f"Version {known[key].version} · {known[key].rows:,} rows · {_ui.ago(known[key].created)}"

    st.session_state["version"] = dataset.id
    st.selectbox("Version", list(known), format_func=shown, key="version", on_change=opened, label_visibility="collapsed")


def preview(dataset, seen) -> None:
    st.dataframe(seen.head.head(PREVIEW_ROWS), key="preview", height=460, alt=f"The first rows of {dataset.name}")
    st.caption(f"The first {min(PREVIEW_ROWS, dataset.rows):,} of {dataset.rows:,} rows")


def columns(dataset, seen, plan) -> None:
    """The table of columns on the left; what there is to know of the chosen one on the right."""
    asked = st.text_input("Find a column", key="find", placeholder="Find a column", label_visibility="collapsed", icon=":material/search:")
    facts = [fact for fact in seen.facts if asked.lower() in fact["name"].lower()]
    if len(facts) > COLUMNS_A_PAGE:
        shown = st.pagination(-(-len(facts) // COLUMNS_A_PAGE), key="column_page")
        facts = facts[(shown - 1) * COLUMNS_A_PAGE : shown * COLUMNS_A_PAGE]
    left, right = st.columns([8, 4])
    with left:
        chosen = column_table(facts, plan)
    with right, st.container(border=True):
        if not facts:
            st.caption("No column has that name.")
        else:
            column_card(dataset, facts[chosen])


def column_table(facts: list[dict], plan) -> int:
    """Draw the table and return the position of the row that was clicked (the first, when none was)."""
    roles = {column.name: column.role for column in plan.columns} | {plan.target: "target"} if plan else {}
    table = pd.DataFrame(
        {
            "Column": [f["name"] for f in facts], "Kind": [f["kind"] for f in facts],
            "Role": [roles.get(f["name"], "feature") for f in facts], "Missing": [f["missing_share"] for f in facts],
            "Unique": [f["unique"] for f in facts], "Values": [spark(f) for f in facts],
        }
    )  # fmt: skip
    config = {
        "Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
        "Unique": st.column_config.NumberColumn(format="localized"),
        "Values": st.column_config.BarChartColumn(help="How the values are spread; the most frequent ones for categories"),
    }
    drawn = st.dataframe(table, key="column_table", on_select="rerun", selection_mode="single-row", hide_index=True, column_config=config,
                         height=min(560, 38 + 35 * len(table)), alt="Every column with its kind, role, missing share and values")  # fmt: skip
    rows = drawn["selection"]["rows"]
    return rows[0] if rows and rows[0] < len(facts) else 0


def spark(fact: dict) -> list[int]:
    if fact["histogram"]:
        return fact["histogram"]["counts"]
    return [count for _, count in fact["top"] or []]


def column_card(dataset, fact: dict) -> None:
    column = dataset.schema[fact["name"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_ui.md(column.name)}**", width="stretch")
        st.badge(column.kind, color="gray")
    st.caption(_ui.md(column.reason or f"Stored as {column.dtype}."))
    if fact["histogram"] and column.kind not in ("boolean", "categorical"):
        _charts.show(_charts.histogram(fact["histogram"]), "column_histogram", f"How the values of {column.name} are spread")
    elif fact["top"]:
        _charts.show(_charts.levels(fact["top"]), "column_levels", f"The most frequent values of {column.name}")
    facts = [("Missing", f"{fact['missing']:,} ({fact['missing_share']:.1%})"), ("Unique", f"{fact['unique']:,}")]
    facts += [(name.title(), plain(fact[name])) for name in ("min", "mean", "max") if fact[name] is not None]
    facts += [("In the file", column.source)] if column.source else []
    st.markdown("  \n".join(f":gray[{name}] {_ui.md(value)}" for name, value in facts))


def plain(value) -> str:
    return f"{value:,.6g}" if isinstance(value, (int, float)) else str(value)


def report(dataset) -> None:
    """How the file was read, and everything that was not as expected."""
    found = dataset.report
    facts = {"File": dataset.file_name, "Format": found.format, "Encoding": found.encoding, "Delimiter": repr(found.delimiter or "")[1:-1],
             "Sheet": found.sheet, "SHA-256 of the file": dataset.file_sha256[:16]}  # fmt: skip
    st.markdown(" · ".join(f":gray[{name}] {_ui.md(value)}" for name, value in facts.items() if value))
    if found.exact:
        st.success("Every cell of the table is just what the file says.", icon=":material/check_circle:")
    else:
        st.warning("Some cells were padded, cut, guessed or dropped; each case is listed below.", icon=":material/warning:")
    if found.renamed:
        st.markdown("**Renamed columns**")
        renamed = pd.DataFrame({"In the table": list(found.renamed), "In the file": list(found.renamed.values())})
        st.dataframe(renamed, hide_index=True, key="renamed", width=720, alt="Columns that had to be renamed")
    if found.problems:
        st.markdown("**Noticed while reading**")
        rows = pd.DataFrame([{"Line": p.line, "Kind": p.kind, "What": p.message} for p in found.problems])
        st.dataframe(rows, hide_index=True, key="problems", alt="What was noticed while reading the file")


at = _ui.page("Data", "Add a dataset and see what is in it")
add(at)
if at.dataset is not None:
    with _ui.shown():
        seen = _ui.seen(at.dataset)
    _ui.cards([("Rows", f"{at.dataset.rows:,}"), ("Columns", f"{at.dataset.columns:,}"), ("Missing cells", f"{seen.missing:.1%}"),
               ("In memory", f"{seen.memory / 1e6:,.1f} MB")])  # fmt: skip
    tabs = st.tabs(["Preview", "Columns", "Import report"], key="tab", on_change="rerun", bind="query-params")
    drawers = (lambda: preview(at.dataset, seen), lambda: columns(at.dataset, seen, at.plan), lambda: report(at.dataset))
    for tab, draw in zip(tabs, drawers):
        if tab.open:
            with tab:
                draw()
    _ui.next_step("See what is wrong with the data before anything learns from it.", "pages/quality.py", "Check quality")
