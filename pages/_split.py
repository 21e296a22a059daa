"""How the rows are divided: the controls of the Models page, and what a run found on both sides of its split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _charts, _ui
from pipeline import SPLITS

if TYPE_CHECKING:
    from pipeline import Plan
    from pipeline.data.schema import Column

AUTOMATIC = "Automatic"
FOLDS = [AUTOMATIC, *map(str, range(2, 21))]
COLUMN_TITLES = {"group": "Column with the group", "time": "Column with the time", "own": "Column that says where a row goes", None: "Column"}


def controls(at: _ui.Current) -> dict[str, Any]:
    """Draw the controls; the split as the plan has it."""
    split = at.plan.split
    left, right = st.columns(2)
    strategy = left.selectbox("How rows are divided", list(SPLITS), format_func=lambda name: SPLITS[name].title, key=_ui.synced("split_by", split.strategy))
    way = SPLITS[strategy]
    with right:
        column = _column(at, way.column)
    st.caption(_ui.md(way.help))
    numbers = _numbers(at, strategy)
    times = _times(at, column) if way.column == "time" else {"gap": 0, "embargo": 0}
    nested = st.checkbox(
        "Judge the whole selection too (nested)", key=_ui.synced("nested", split.nested),
        help="Afterwards the whole run is repeated on each of five outer folds with its share of the budget, and judged on the rest: "
        "what choosing among models adds to the score by luck shows. Doubles the time.",
    )  # fmt: skip
    return {"strategy": strategy, "column": column, "nested": nested, **numbers, **times}


def _column(at: _ui.Current, needed: str | None) -> str | None:
    """The column to divide by. A date that was chosen stays chosen until it is cleared: what shuffles is then a problem to mend."""
    split, schema = at.plan.split, at.dataset.schema
    now = next((column for column in schema.columns if column.name == split.column), None)
    kept = now is not None and now.dtype == "datetime"
    if needed is None and not kept:
        return None
    offered = [c.name for c in schema.columns if c.name != at.plan.target and (_suits(c, needed) or (kept and c is now))]
    known = split.column if split.column in offered else None
    key = _ui.synced(f"split_column_{needed}", known)
    return st.selectbox(COLUMN_TITLES[needed], offered, index=None, key=key, placeholder="Choose a column" if offered else "No column fits")


def _suits(column: Column, needed: str | None) -> bool:
    if needed == "time":
        return column.dtype in ("datetime", "int", "float") and not column.missing
    if needed == "own":
        return column.dtype in ("bool", "int", "str") and 2 <= column.unique <= 21 and not column.missing
    return needed == "group" and column.dtype != "datetime" and column.unique > 1


def _numbers(at: _ui.Current, strategy: str) -> dict[str, Any]:
    """Holdout, folds and repeats; what a strategy has no use for is held back."""
    split, way = at.plan.split, SPLITS[strategy]
    left, middle, right = st.columns([4, 2, 2])
    share = left.slider(
        "Holdout", 0, 50, step=5, format="%d %%", key=_ui.synced("holdout", round(split.holdout * 100)), disabled=way.column == "own",
        help="The share of the rows that no trial sees. It is used once, to check the result. With 0 there is no such check.",
    )  # fmt: skip
    folds = middle.selectbox(
        "Folds", FOLDS, key=_ui.synced("folds", str(split.folds or AUTOMATIC)), disabled=strategy == "leave_one_out",
        help="The rest is divided into so many parts; each validates once. Automatic goes by the rows, and fits no more than time allows.",
    )  # fmt: skip
    repeats = right.number_input(
        "Repeats", 1, 10, key=_ui.synced("repeats", split.repeats if way.repeats else 1), disabled=not way.repeats,
        help="Divides the rows anew so many times: steadier scores on small tables, at as many times the cost.",
    )  # fmt: skip
    return {"holdout": share / 100, "folds": None if folds == AUTOMATIC else int(folds), "repeats": repeats if way.repeats else 1}


def _times(at: _ui.Current, column: str | None) -> dict[str, float]:
    is_date = column is not None and at.dataset.schema[column].dtype == "datetime"
    unit = "days" if is_date else "in the column's unit"
    left, right = st.columns(2)
    gap = left.number_input(
        f"Gap ({unit})", 0.0, format="%g", key=_ui.synced("gap", float(at.plan.split.gap)),
        help="Time left free before a validation part and before the holdout: how long it takes until an outcome is known.",
    )  # fmt: skip
    embargo = right.number_input(
        f"Embargo ({unit})", 0.0, format="%g", key=_ui.synced("embargo", float(at.plan.split.embargo)),
        help="Time after a validation part that later folds do not learn from, for features that look far back.",
    )  # fmt: skip
    return {"gap": gap, "embargo": embargo}


def drawn(plan: Plan, rows: int) -> None:
    """The split as a bar, with what should be known of it before a start."""
    split, folds = plan.split, plan.split.count(rows)
    if split.strategy not in ("leave_one_out", "column"):
        fig = _charts.split(rows, split.holdout, folds, in_time=split.strategy == "time")
        _charts.show(fig, "split", f"{folds} folds, and {split.holdout:.0%} of the rows as holdout")
    if split.strategy == "column":
        st.caption("The column decides what is held out; the holdout above is not used.")
    elif not split.holdout:
        st.caption("No rows are held out: how good the model is rests on cross-validation alone, which is a little too kind after a long search.")
    for name, reason in plan.set_aside.items():
        if name in (split.column, plan.balance.column):
            st.caption(f"{_ui.md(name)} {_ui.md(reason)}.")


def in_words(plan: Plan, rows: int) -> str:
    """How many fits a configuration takes, as `8 folds`; markdown."""
    split = plan.split
    if split.strategy == "leave_one_out":
        return f"{round(rows * (1 - split.holdout)):,} rows, one left out at a time"
    if split.strategy == "column":
        return f"the parts of {_ui.md(split.column or 'a column')}"
    return f"{split.count(rows)} folds" + (f" × {split.repeats} repeats" if split.repeats > 1 else "")


def facts(evaluation: dict[str, Any]) -> None:
    """How a run's rows were divided, and what was on both sides; nothing for a run of before this was counted."""
    found = evaluation.get("split")
    if not found:
        return
    rows, twins = found["rows"], found["identical"]
    by = f" by {_ui.md(found['column'])}" if found["column"] else ""
    unused = f", {rows['unused']:,} in the gap between" if rows["unused"] else ""
    divided = f"{rows['train']:,} rows to learn from in {found['fold_count']:,} folds, {rows['holdout']:,} held out{unused}"
    lines = [f"Split: {_ui.md(found['title'])}{by}; {divided}."]
    if twins["holdout"] or twins["valid"]:
        lines.append(
            f":orange-badge[:material/warning: Rows on both sides] {twins['valid']:,} validation rows and {twins['holdout']:,} holdout rows are "
            "equal in every feature to a row that was learned from. Leave repeated rows out on the Quality page, or divide by group."
        )
    else:
        lines.append("No judged row is equal in every feature to a row that was learned from.")
    if "groups" in found:
        shared = found["groups"]["shared"]
        lines.append(f"{found['groups']['all']:,} groups; {shared['valid'] + shared['holdout']:,} on both sides.")
    if nested := evaluation.get("nested"):
        low, high = nested["interval"]
        lines.append(f"Nested, choosing included: {nested['score']:.4g} (95 % interval {low:.4g} to {high:.4g}) over {len(nested['scores'])} outer folds.")
    st.caption("  \n".join(lines))
