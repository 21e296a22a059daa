"""The columns of a dataset as a table with a spark line each, and a card for one of them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages import _charts, _ui

if TYPE_CHECKING:
    from pipeline.data import Portrait
    from pipeline.store import Dataset

A_PAGE = 500


def find(portrait: Portrait, key: str) -> list[dict[str, Any]]:
    """The facts of the columns whose name has what was typed; beyond 500 columns a page of them."""
    return portrait.facts(page(matching(portrait.schema.names, asked(key)), f"{key}_page"))


def asked(key: str) -> str:
    """A field to look for columns in."""
    return st.text_input("Find a column", key=key, placeholder="Name, or a pattern: price_*", label_visibility="collapsed", icon=":material/search:",
                         width=300)  # fmt: skip


def matching(names: Sequence[str], asked: str) -> list[str]:
    """The names that have these letters, or that fit a pattern with * and ?, in any case."""
    wanted = asked.strip().lower()
    if not {"*", "?"} & set(wanted):
        return [name for name in names if wanted in name.lower()]
    fits = re.compile(fnmatch.translate(wanted.replace("[", "[[]"))).match
    return [name for name in names if fits(name.lower())]


def page(found: Sequence[Any], key: str) -> list[Any]:
    """Those of one page, with the control to turn pages where there are several."""
    pages = max(1, -(-len(found) // A_PAGE))
    if pages == 1:
        return list(found)
    shown = min(st.pagination(pages, key=key), pages)
    return list(found[(shown - 1) * A_PAGE : shown * A_PAGE])


def table(facts: Sequence[dict[str, Any]], key: str, roles: Mapping[str, str] | None = None, most: int = 14) -> int | None:
    """Draw the columns and return the position of the row that was clicked, None when none was."""
    rows: dict[str, list] = {"Column": [f["name"] for f in facts], "Kind": [f["kind"] for f in facts]}
    if roles:
        rows["Role"] = [roles.get(f["name"], "feature") for f in facts]
    rows |= {"Missing": _ui.shares(f["missing_share"] for f in facts), "Unique": [f["unique"] for f in facts], "Values": [_spark(f) for f in facts]}
    if any(f.get("relation") is not None for f in facts):
        rows["To the target"] = [None if f.get("relation") is None else abs(f["relation"]) for f in facts]
        rows["Values"] = rows.pop("Values")
    config = {
        "Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width=100),
        "Unique": st.column_config.NumberColumn(format="localized"),
        "To the target": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1, width=100, help="The strength of the relation, from 0 to 1"),
        "Values": st.column_config.BarChartColumn(y_min=0, width=110, help="How the values are spread; for categories the most frequent ones"),
    }
    drawn = st.dataframe(
        pd.DataFrame(rows), key=key, on_select="rerun", selection_mode="single-row", hide_index=True, column_config=config,
        height=_ui.height(len(facts), most), alt="Every column with its kind, missing share and values",
    )  # fmt: skip
    chosen = drawn["selection"]["rows"]
    return chosen[0] if chosen and chosen[0] < len(facts) else None


def _spark(fact: Mapping[str, Any]) -> list[int]:
    if fact["histogram"]:
        return fact["histogram"]["counts"]
    return [count for _, count in fact["top"] or []]


def card(dataset: Dataset, fact: Mapping[str, Any]) -> None:
    """What there is to know about one column."""
    column = dataset.schema[fact["name"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_ui.md(column.name)}**", width="stretch")
        st.badge(f"{column.kind}, {_ui.in_badge(column.unit)}" if column.unit else column.kind, color="gray")
    reason = column.reason or f"stored as {column.dtype}"
    st.caption(_ui.md(reason[:1].upper() + reason[1:] + "."))
    if fact["histogram"] and column.kind not in ("boolean", "categorical"):
        _charts.show(_charts.histogram(fact["histogram"], height=200), "column_histogram", f"How the values of {column.name} are spread")
    elif fact["top"]:
        _charts.show(_charts.levels(fact["top"][:8]), "column_levels", f"The most frequent values of {column.name}")
    facts = [("Missing", f"{fact['missing']:,} of {dataset.rows:,}"), ("Different values", f"{fact['unique']:,}")]
    facts += [(title, _plain(fact[name])) for name, title in (("min", "Lowest"), ("mean", "Mean"), ("max", "Highest")) if fact[name] is not None]
    facts += [("Relation to the target", f"{abs(fact['relation']):.2f}")] if fact.get("relation") is not None else []
    facts += [("In the file", column.source)] if column.source else []
    st.caption("  \n".join(f"{name}: **{_ui.md(value)}**" for name, value in facts))


def _plain(value: Any) -> str:
    return _ui.number(value) if isinstance(value, (int, float)) else str(value).removesuffix("T00:00:00")[:16].replace("T", " ")
