"""What is done about rare classes: the choice, its parameters, and what it makes of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _parameters, _ui
from pipeline import TrainyardError, entries, rows_after

if TYPE_CHECKING:
    from pipeline import Plan


EVEN = "Every row counts the same."


def controls(at: _ui.Current) -> dict[str, Any]:
    """Draw the choice and the form of its parameters; the balance as the plan has it."""
    plan, methods = at.plan, {e.name: e for e in entries("balance", at.plan.task)}
    now = plan.balance.method if plan.balance.method in methods else "none"
    left, right = st.columns(2)
    title = "Weights" if plan.task == "regression" else "Rare classes"
    chosen = left.selectbox(title, list(methods), format_func=lambda name: methods[name].title, key=_ui.synced("balance", now))
    with right:
        given = _parameters.fields(methods[chosen], f"balance_{chosen}", plan.balance.params if chosen == now else {})
        column = _column(at) if methods[chosen].facts.reads_column else None
    help = EVEN if chosen == "none" and plan.task == "regression" else methods[chosen].help
    st.caption(_ui.md(help) + (" Done with the training rows of each fold alone." if chosen != "none" else ""))
    params = {p.name: given[p.name] for p in methods[chosen].params if given[p.name] != p.default}
    return {"method": chosen, "params": params, "column": column}


def _column(at: _ui.Current) -> str | None:
    offered = [c.name for c in at.dataset.schema.columns if c.dtype in ("int", "float") and not c.missing and c.name != at.plan.target]
    now = at.plan.balance.column
    key = _ui.synced("balance_column", now if now in offered else None)
    return st.selectbox("Column with the weights", offered, index=None, key=key, placeholder="Choose a column" if offered else "No column fits")


def before_and_after(at: _ui.Current, plan: Plan) -> None:
    """The rows of each class before and after, for the whole table: in a run each fold has its own counts."""
    if plan.balance.method == "none" or plan.task == "regression":
        return
    column = at.dataset.schema[plan.target]
    top = _ui.seen(at.dataset).portrait.facts([plan.target])[0]["top"] or []
    counts = {str(column.label(value)): count for value, count in top}
    counts = dict(sorted(counts.items(), key=lambda item: item[0] == plan.positive))
    try:
        after = rows_after(plan.balance, counts) if counts else None
    except TrainyardError as error:
        st.caption(_ui.md(error))
        return
    if after is not None:
        shown = [{"Class": name, "Rows": rows, "Count for": after[name]} for name, rows in counts.items()]
        config = {"Rows": st.column_config.NumberColumn(format="localized"), "Count for": st.column_config.NumberColumn(format="localized")}
        st.dataframe(shown, hide_index=True, column_config=config, height=_ui.height(len(shown), 5), key="balance_counts",
                     alt="Rows of each class before and after, as an estimate for the whole table")  # fmt: skip
