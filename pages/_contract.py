"""The contract of a dataset: its terms in a table to edit, and what this version breaks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui
from pipeline import TrainyardError, learn_contract

if TYPE_CHECKING:
    from pipeline import Contract
    from pipeline.store import Dataset

MOST_SHOWN = 200
USUAL = ("ISO8601", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d %b %Y")
TYPES = {"int": "whole number", "float": "number", "bool": "yes or no", "datetime": "date", "str": "text"}


def banner(dataset: Dataset) -> None:
    """One line above the tabs when this version breaks the contract of its name."""
    with _ui.shown():
        breaches = _ui.store().breaches(dataset)
    if breaches:
        rows = sum(breach.rows for breach in breaches)
        seen = _ui.md(breaches[0].message)
        st.warning(f"This version breaks {len(breaches):,} terms of its contract ({rows:,} cells). {seen} The Contract tab lists them.",
                   icon=":material/contract_delete:")  # fmt: skip


def tab(dataset: Dataset) -> None:
    """What every version of this dataset must be like: kept once, checked at every import and whenever rows are scored."""
    kept = _ui.store().contract(dataset.name)
    with _ui.shown():
        contract = kept or _learned(dataset, dataset.id)
    if kept is None:
        st.info("Learned from this version and not kept yet. Keep it, and every later version and every file to score is checked against it.",
                icon=":material/contract:")  # fmt: skip
    else:
        _broken(dataset)
    edited = _editor(contract, f"{dataset.name} {kept is None}")
    with st.container(horizontal=True):
        if st.button("Keep this contract" if kept is None else "Keep the changes", key="contract_keep", type="primary", icon=":material/contract:"):
            _keep(dataset, contract, edited)
        if kept and st.button("Learn again from this version", key="contract_learn", icon=":material/refresh:"):
            _ui.store().save_contract(dataset.name, _learned(dataset, dataset.id))
            _again()
        if kept and st.button("Drop the contract", key="contract_drop", type="tertiary", icon=":material/delete:"):
            _ui.store().drop_contract(dataset.name)
            _again()


@st.cache_data(show_spinner="Learning the contract …", max_entries=16)
def _learned(_dataset: Dataset, dataset_id: str) -> Contract:
    return learn_contract(_dataset)


def _broken(dataset: Dataset) -> None:
    with _ui.shown():
        breaches = _ui.store().breaches(dataset) or []
    if not breaches:
        st.success(f"All {dataset.rows:,} rows of this version keep the contract.", icon=":material/check_circle:")
        return
    rows = [{"Column": b.column, "Row": row, "Value": "missing" if value is None else str(value), "Expected": b.expected, "Cells": b.rows}
            for b in breaches for row, value in (b.examples or ((None, ""),))]  # fmt: skip
    st.dataframe(rows[:MOST_SHOWN], hide_index=True, key="breaches", height=_ui.height(min(len(rows), MOST_SHOWN), 8),
                 alt="What this version breaks: column, row, value and what was expected")  # fmt: skip


def _editor(contract: Contract, state: str) -> list[dict[str, Any]]:
    """The terms as a table; a row for each column, in their order."""
    kinds = {column.name: TYPES[column.dtype] for column in contract.reads.columns}
    written = {_ui.dated(kept): kept for kept in (*USUAL, *(t.date_format for t in contract.terms)) if kept}
    rows = [{"column": t.column, "type": kinds[t.column], "date_format": _ui.dated(t.date_format) or None, "there": t.there,
             "may_be_missing": t.may_be_missing, "low": t.low, "high": t.high, "first": t.first, "last": t.last, "allowed": list(t.allowed),
             "unique": t.unique} for t in contract.terms]  # fmt: skip
    config = st.column_config
    columns = {
        "column": config.TextColumn("Column", disabled=True, pinned=True),
        "type": config.TextColumn("Type", disabled=True),
        "date_format": config.SelectboxColumn("Dates as", options=list(written), help="Dates only: how a file writes them. None means any way."),
        "there": config.CheckboxColumn("Must be there"),
        "may_be_missing": config.CheckboxColumn("May be missing"),
        "low": config.NumberColumn("Lowest", help="Numbers only."),
        "high": config.NumberColumn("Highest", help="Numbers only."),
        "first": config.TextColumn("First day", help="Dates only, as 2024-12-31."),
        "last": config.TextColumn("Last day", help="Dates only, as 2024-12-31."),
        "allowed": config.ListColumn("Allowed values", help="Words only; none means any."),
        "unique": config.CheckboxColumn("Unique"),
    }
    made = st.data_editor(rows, column_config=columns, hide_index=True, placeholder="", key=f"contract_{state}", num_rows="fixed",
                          height=_ui.height(len(rows), 12), width="stretch")  # fmt: skip
    said = [{name: None if value != value else value for name, value in row.items() if name != "type"} for row in made]
    return [{**row, "date_format": written.get(row["date_format"])} for row in said]


def _keep(dataset: Dataset, contract: Contract, rows: list[dict[str, Any]]) -> None:
    try:
        changed = contract.edited([{**row, "allowed": tuple(row["allowed"] or ())} for row in rows])
    except TrainyardError as error:
        _ui.failure(error)
        return
    _ui.store().save_contract(dataset.name, changed)
    _again()


def _again() -> None:
    """Draw the page anew, the table of terms as it is kept."""
    for key in [key for key in st.session_state if str(key).startswith("contract_")]:
        del st.session_state[key]
    st.rerun()
