"""How the columns of a dataset hang together, where cells are missing, and the one-file report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages import _charts, _ui

if TYPE_CHECKING:
    from pipeline import Portrait
    from pipeline.store import Dataset

BESIDE = 16  # columns up to which the heatmap leaves room for the pair beside it
MEASURES = "Numbers with numbers: Pearson's r. Levels with levels: Cramér's V. Levels with numbers: the correlation ratio."


def looked_at(portrait: Portrait) -> str:
    """On how many rows that stands, when not on all."""
    rows = portrait.relations["rows"]
    return "" if rows == portrait.schema.rows else f" On {rows:,} evenly spread rows of {portrait.schema.rows:,}."


# --- relations ---------------------------------------------------------------------------------------------------------


def relations(portrait: Portrait) -> None:
    """The heatmap on the left; the pair that was clicked, or chosen, on the right."""
    found = portrait.relations
    names = found["columns"]
    if len(names) < 2:
        st.caption("Relations need two columns that are neither identifiers nor free text.")
        return
    strongest = portrait.strongest(1)
    first = strongest[0] if strongest else {"one": names[0], "other": names[1]}
    for key, name in (("pair_one", first["one"]), ("pair_other", first["other"])):
        if st.session_state.get(key) not in names:
            st.session_state[key] = name
    wide = len(names) > BESIDE
    left, right = (st.container(), st.container()) if wide else st.columns([7, 5])
    with left:
        st.plotly_chart(heatmap(names, found["strength"]), key="relations", on_select=lambda: _clicked(names), config=_charts.CONFIG,
                        alt=f"The strength of the relation of each pair of {len(names)} columns")  # fmt: skip
        number = len(found["left_out"])
        shown = "1 column is" if number == 1 else f"{number:,} columns are"
        said = f" {shown} not shown: one value, free text, different in most rows, or beyond 40." if number else ""
        st.caption(MEASURES + looked_at(portrait) + said)
    pair, rest = right.columns([6, 6]) if wide else (right, st.container())
    with pair, st.container(border=True):
        with st.container(horizontal=True):
            st.selectbox("Column", names, key="pair_one")
            st.selectbox("With", names, key="pair_other")
        _pair(portrait, st.session_state["pair_one"], st.session_state["pair_other"])
    with rest:
        _strongest(portrait)


def _clicked(names: Sequence[str]) -> None:
    """The cell that was clicked becomes the pair that is shown."""
    points = st.session_state["relations"]["selection"]["points"]
    if points:
        st.session_state["pair_one"], st.session_state["pair_other"] = names[int(points[0]["y"])], names[int(points[0]["x"])]


def _strongest(portrait: Portrait) -> None:
    rows = portrait.strongest(30)
    table = pd.DataFrame({"Column": [r["one"] for r in rows], "With": [r["other"] for r in rows], "Strength": [r["strength"] for r in rows],
                          "Measure": [r["measure"] for r in rows]})  # fmt: skip
    config = {"Strength": st.column_config.NumberColumn(format="%.3f", width=65), "Measure": st.column_config.TextColumn(width=105)}
    st.markdown("**Strongest relations**")
    st.dataframe(table, hide_index=True, key="strongest", column_config=config, height=_ui.height(len(rows), 8), alt="The pairs with the strongest relation")


def _pair(portrait: Portrait, one: str, other: str) -> None:
    if one == other:
        st.caption("Choose two different columns.")
        return
    found = portrait.pair(one, other)
    value = "nothing to measure" if found["value"] is None else f"{found['value']:.3f}"
    st.caption(f"{found['measure']}: **{value}** · {found['rows']:,} rows with both")
    draw = {"numbers": grid, "levels": shares, "mixed": boxes}.get(found["shape"])
    if draw is None:
        st.caption("No row has both.")
        return
    _charts.show(draw(found), "pair", f"{one} against {other}")


def heatmap(names: Sequence[str], strength: Sequence[Sequence[float | None]]) -> go.Figure:
    """Strengths as colours; points that cannot be seen take the clicks, which a heatmap does not."""
    n, places = len(names), list(range(len(names)))
    shown = [_charts.text(name, 18) for name in names]
    size = [[None if v is None else abs(v) for v in line] for line in strength]
    hover = "%{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>"
    said = [[shown[i], shown[j], "nothing to measure" if strength[i][j] is None else f"{strength[i][j]:.3f}"] for i in places for j in places]
    fig = go.Figure(go.Heatmap(z=size, x=places, y=places, zmin=0, zmax=1, colorscale=_charts.FROM_NOTHING, xgap=1, ygap=1, hoverinfo="skip",
                               colorbar={"thickness": 10, "title": {"text": "Strength"}}))  # fmt: skip
    unseen = {"opacity": 0, "size": max(8, 420 // n), "symbol": "square"}
    fig.add_scatter(x=places * n, y=[i for i in places for _ in places], mode="markers", marker=unseen, customdata=said, hovertemplate=hover,
                    selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}}, showlegend=False)  # fmt: skip
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": shown, "showgrid": False}
    fig.update_xaxes(**ticks, range=[-0.5, n - 0.5], tickangle=-45 if n <= BESIDE else -90, tickfont={"size": 11})
    fig.update_yaxes(**ticks, range=[n - 0.5, -0.5], tickfont={"size": 11})
    return _charts.style(fig, height=max(280, 18 * n + 150)).update_layout(clickmode="event+select")


def grid(found: dict[str, Any]) -> go.Figure:
    """Two columns of numbers: how many rows fall into each cell."""
    hover = "%{z:,} rows<extra></extra>"
    counts = [[count or None for count in line] for line in found["counts"]]
    fig = go.Figure(go.Heatmap(x=found["x"], y=found["y"], z=counts, colorscale=_charts.SCALE, hovertemplate=hover, colorbar={"thickness": 10}))
    fig.update_xaxes(title=_charts.text(found["one"]))
    fig.update_yaxes(title=_charts.text(found["other"]))
    return _charts.style(fig)


def shares(found: dict[str, Any]) -> go.Figure:
    """Two columns of levels: within each level of the one, the shares of the levels of the other."""
    levels, within = ([_charts.text(name, 18) for name in found[key]] for key in ("levels", "within"))
    ticks = {"tickmode": "array", "showgrid": False}
    fig = go.Figure(go.Heatmap(z=found["shares"], zmin=0, zmax=1, colorscale=_charts.SCALE, hovertemplate="%{z:.1%}<extra></extra>",
                               xgap=1, ygap=1, colorbar={"thickness": 10, "tickformat": ".0%"}))  # fmt: skip
    fig.update_xaxes(**ticks, tickvals=list(range(len(within))), ticktext=within, title=_charts.text(found["other"]))
    fig.update_yaxes(**ticks, tickvals=list(range(len(levels))), ticktext=levels, autorange="reversed", title=_charts.text(found["one"]))
    return _charts.style(fig)


def boxes(found: dict[str, Any]) -> go.Figure:
    """Levels and numbers: the middle half of the numbers within each level, the whiskers at 5 % and 95 %."""
    names = [_charts.text(level, 18) for level in found["levels"]]
    low, first, middle, third, high = zip(*found["boxes"], strict=True)
    fig = go.Figure(go.Box(y=list(range(len(names))), lowerfence=low, q1=first, median=middle, q3=third, upperfence=high, orientation="h",
                           marker={"color": _charts.FIRST}, showlegend=False))  # fmt: skip
    fig.update_xaxes(title=_charts.text(found["values"]), showgrid=True)
    fig.update_yaxes(tickmode="array", tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6], title=_charts.text(found["of"]))
    return _charts.style(fig, height=max(220, 26 * len(names) + 90))


# --- missing cells -----------------------------------------------------------------------------------------------------


def gaps(portrait: Portrait) -> None:
    """How much of each column is missing, and what is missing together."""
    found = portrait.gaps
    if not found["columns"]:
        st.success("No cell of the table is missing.", icon=":material/check_circle:")
        return
    missing = sorted((column for column in portrait.schema.columns if column.missing), key=lambda column: -column.missing)
    left, right = st.columns([5, 7])
    with left:
        st.markdown("**Missing by column**")
        table = pd.DataFrame({"Column": [c.name for c in missing], "Missing": _ui.shares(c.missing / portrait.schema.rows for c in missing),
                              "Cells": [c.missing for c in missing]})  # fmt: skip
        config = {"Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
                  "Cells": st.column_config.NumberColumn(format="localized")}  # fmt: skip
        st.dataframe(table, hide_index=True, key="gap_columns", column_config=config, height=_ui.height(len(table), 14),
                     alt="The share of missing cells of each column")  # fmt: skip
    with right:
        st.markdown("**Missing together**")
        if len(missing) > 1:
            _charts.show(pattern(found), "gap_patterns", "Which columns are missing together, and in how many rows")
        else:
            st.caption(f"Only {_ui.md(missing[0].name)} has missing cells.")
        st.caption(f"{_ui.share(found['whole'])} of the rows have no missing cell." + _sampled(portrait))


def _sampled(portrait: Portrait) -> str:
    return f" On {len(portrait.sample):,} evenly spread rows of {portrait.schema.rows:,}." if portrait.sampled else ""


def pattern(found: dict[str, Any]) -> go.Figure:
    """A row per combination, a column per column of the table; the share of the rows stands at the left."""
    often = {name: sum(p["rows"] for p in found["patterns"] if name in p["columns"]) for name in found["columns"]}
    names = sorted(often, key=lambda name: -often[name])[:20]
    rows = [[1 if name in p["columns"] else None for name in names] for p in found["patterns"]]
    said = [[f"{p['rows']:,} rows miss {len(p['columns'])} columns"] * len(names) for p in found["patterns"]]
    fig = go.Figure(go.Heatmap(z=rows, colorscale=[[0, _charts.FIRST], [1, _charts.FIRST]], showscale=False, xgap=2, ygap=2, customdata=said,
                               hovertemplate="%{customdata}<extra></extra>"))  # fmt: skip
    shares = [_ui.share(p["share"]) for p in found["patterns"]]
    fig.update_xaxes(tickmode="array", tickvals=list(range(len(names))), ticktext=[_charts.text(n, 18) for n in names], tickangle=-45, showgrid=False)
    fig.update_yaxes(tickmode="array", tickvals=list(range(len(rows))), ticktext=shares, autorange="reversed", showgrid=False, title="Share of the rows")
    return _charts.style(fig, height=max(220, 24 * len(rows) + 130))


# --- the report --------------------------------------------------------------------------------------------------------


def report(portrait: Portrait, dataset: Dataset) -> None:
    """All of it in one file to send to somebody."""
    st.markdown("Columns, relations and missing cells on one page: a single HTML file without scripts that asks no server for anything.")
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in dataset.name)[:60] or "dataset"
    st.download_button("Download the report", lambda: portrait.html(_ui.label(dataset)), f"{name}-{dataset.version}.html", "text/html",
                       key="html_report", icon=":material/download:", type="primary")  # fmt: skip
