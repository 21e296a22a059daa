"""Facts to figures: tidy lists of dicts in, Plotly figures in one style out. No computing beyond what a mark needs.

Names from data (classes, columns, levels) are escaped here, because Plotly reads a little HTML in every text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from math import log10
from textwrap import wrap
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages import _ui

# Streamlit replaces these by the palette of the theme that the reader has, light or dark (see its Plotly theme).
FIRST, SECOND, BACKGROUND = "#000001", "#000002", "#000038"
SCALE = [[i / 6, f"#0000{14 + i}"] for i in range(7)]  # the sequential palette without its faintest steps
FROM_NOTHING = [[i / 9, f"#0000{11 + i}"] for i in range(10)]  # all of it: the least is next to the background
BASELINE = "#8C94A6"  # grey in both themes: a guess, a diagonal, a reference
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}
COMPACT, NORMAL = 260, 360
MANY_POINTS = 1_000

Row = dict[str, Any]


def show(fig: go.Figure, key: str, alt: str) -> None:
    """Draw a figure. `key` keeps zoom and selection over reruns; `alt` says in words what there is to see."""
    fig.update_layout(uirevision=key)
    st.plotly_chart(fig, key=key, config=CONFIG, alt=alt)


def style(fig: go.Figure, *, height: int = NORMAL, title: str = "", legend: bool = True) -> go.Figure:
    """The house style: room for the data, the title on the left, the legend above the plot."""
    named = sum("showlegend" in trace and trace.showlegend is not False for trace in fig.data)
    legend = legend and named > 1
    lines = wrap(title[:120], 46)  # what a phone has room for
    head = "<br>".join(text(line, 46) for line in lines)
    top = (22 + 18 * len(lines) if title else 12) + (22 * -(-named // 4) if legend else 0)
    fig.update_layout(
        height=height, margin={"l": 56, "r": 16, "t": top, "b": 48, "pad": 4}, hovermode="closest", bargap=0.28, dragmode=False,
        title={"text": head, "x": 0, "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 8}, "font": {"size": 15}},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "title": None},
        showlegend=legend, hoverlabel={"align": "left", "namelength": -1}, separators=".,",
    )  # fmt: skip
    fig.update_xaxes(automargin=True, zeroline=False, ticks="outside", ticklen=4, showgrid=False, title_standoff=8)
    fig.update_yaxes(automargin=True, zeroline=False, ticks="", title_standoff=8)
    return fig


def text(name: Any, most: int = 40) -> str:
    """A name for Plotly: shortened, and without any of the HTML that Plotly would carry out."""
    name = " ".join(str(name).split())
    return html.escape(name if len(name) <= most else name[: most - 1] + "…", quote=False)


# --- classification ----------------------------------------------------------------------------------------------------


def roc(points: Sequence[Row], *, at: Row | None = None, height: int = NORMAL) -> go.Figure:
    """One curve per class from rows {class, fpr, tpr}; `at` marks a threshold. The diagonal is guessing."""
    fig = _curves(points, "fpr", "tpr", "False positive rate %{x:.3f}<br>True positive rate %{y:.3f}")
    _reference(fig, [0, 1], [0, 1], "Guessing")
    _mark(fig, at, "fpr", "tpr")
    fig.update_xaxes(title="False positive rate", range=[-0.01, 1.01], constrain="domain")
    fig.update_yaxes(title="True positive rate", range=[-0.01, 1.01], scaleanchor="x", constrain="domain")
    return style(fig, title="ROC curve", height=height)


def pr(points: Sequence[Row], *, share: float | None = None, at: Row | None = None, height: int = NORMAL) -> go.Figure:
    """One curve per class from rows {class, recall, precision}; `share` of positives is what a guess reaches."""
    fig = _curves(points, "recall", "precision", "Recall %{x:.3f}<br>Precision %{y:.3f}")
    if share is not None:
        _reference(fig, [0, 1], [share, share], "Guessing")
    _mark(fig, at, "recall", "precision")
    fig.update_xaxes(title="Recall", range=[-0.01, 1.01])
    fig.update_yaxes(title="Precision", range=[-0.01, 1.02])
    return style(fig, title="Precision and recall", height=height)


def calibration(points: Sequence[Row], *, height: int = NORMAL) -> go.Figure:
    """Predicted probability against the observed share, with the 95 % interval of that share; rows as evaluate.judge has them."""
    fig = go.Figure()
    for name, rows in _by_class(points):
        error = _errors([r["observed"] for r in rows], [r["low"] for r in rows], [r["high"] for r in rows])
        hover = "Predicted %{x:.3f}<br>Observed %{y:.3f}<br>%{customdata:,} rows<extra></extra>"
        fig.add_scatter(x=[r["predicted"] for r in rows], y=[r["observed"] for r in rows], name=text(name), mode="markers+lines",
                        error_y=error, customdata=[r["rows"] for r in rows], hovertemplate=hover, line={"width": 1}, marker={"size": 7})  # fmt: skip
    _reference(fig, [0, 1], [0, 1], "Perfect")
    fig.update_xaxes(title="Mean predicted probability", range=[-0.02, 1.02])
    fig.update_yaxes(title="Observed share", range=[-0.02, 1.02])
    return style(fig, title="Calibration", height=height)


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], how: str = "counts", *, height: int = NORMAL) -> go.Figure:
    """Truth in rows, prediction in columns. `how`: "counts", "row" (share of each truth) or "column" (share of each prediction)."""
    shares = _shares(matrix, how)
    cells = [[_cell(n, share, how) for n, share in zip(*pair, strict=True)] for pair in zip(matrix, shares, strict=True)]
    names, few = [text(c, 24) for c in classes], len(classes) <= 12
    fig = go.Figure(go.Heatmap(
        z=shares, text=cells, texttemplate="%{text}" if few else None, textfont={"size": 13}, customdata=matrix, showscale=False, xgap=2, ygap=2, zmin=0,
        zmax=1 if how != "counts" else None, hovertemplate="Truth %{y}<br>Predicted %{x}<br>%{customdata:,} rows<extra></extra>",
    ))  # fmt: skip
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names, "showgrid": False}
    fig.update_xaxes(title="Predicted", **ticks)
    fig.update_yaxes(title="Truth", autorange="reversed", **ticks)
    return style(fig, title="Confusion matrix", height=height if few else max(height, 22 * len(names) + 100))


def _cell(count: int, share: float, how: str) -> str:
    return f"{count:,}" if how == "counts" else f"<b>{share:.1%}</b><br>{count:,}"


def _shares(matrix: Sequence[Sequence[int]], how: str) -> list[list[float]]:
    if how == "counts":
        return [list(row) for row in matrix]
    if how == "row":
        return [[n / max(1, sum(row)) for n in row] for row in matrix]
    totals = [max(1, sum(column)) for column in zip(*matrix, strict=True)]
    return [[n / total for n, total in zip(row, totals, strict=True)] for row in matrix]


# --- regression --------------------------------------------------------------------------------------------------------


def predicted_actual(rows: Sequence[Row]) -> go.Figure:
    """A dot per row {actual, predicted}; on the dotted line a prediction is exact."""
    fig = _cloud([r["actual"] for r in rows], [r["predicted"] for r in rows], "Actual %{x:,.4~g}<br>Predicted %{y:,.4~g}")
    ends = [f(r[k] for r in rows for k in ("actual", "predicted")) for f in (min, max)]
    _reference(fig, ends, ends, "Exact")
    fig.update_xaxes(title="Actual")
    fig.update_yaxes(title="Predicted")
    return style(fig, title="Predicted against actual", legend=False)


def residuals(rows: Sequence[Row]) -> go.Figure:
    """Residuals (actual minus predicted) against the prediction: a pattern here is something the model has not learned."""
    fig = _cloud([r["predicted"] for r in rows], [r["residual"] for r in rows], "Predicted %{x:,.4~g}<br>Residual %{y:,.4~g}")
    ends = [f(r["predicted"] for r in rows) for f in (min, max)]
    _reference(fig, ends, [0, 0], "Exact")
    fig.update_xaxes(title="Predicted")
    fig.update_yaxes(title="Residual (actual − predicted)")
    return style(fig, title="Residuals", legend=False)


def residual_histogram(rows: Sequence[Row]) -> go.Figure:
    fig = go.Figure(go.Histogram(x=[r["residual"] for r in rows], nbinsx=40, hovertemplate="%{x}<br>%{y:,} rows<extra></extra>"))
    fig.add_vline(x=0, line={"color": BASELINE, "dash": "dot", "width": 1.5})
    fig.update_xaxes(title="Residual (actual − predicted)")
    fig.update_yaxes(title="Rows")
    return style(fig, title="How large the errors are").update_layout(bargap=0.06)


def deciles(rows: Sequence[Row]) -> go.Figure:
    """Mean absolute error in each tenth of the rows, ordered by prediction: rows {decile, actual, predicted, mae}."""
    hover = "Mean prediction %{customdata[0]:,.4~g}<br>Mean truth %{customdata[1]:,.4~g}<br>Mean absolute error %{y:,.4~g}<extra></extra>"
    facts = [[r["predicted"], r["actual"]] for r in rows]
    fig = go.Figure(go.Bar(x=[r["decile"] for r in rows], y=[r["mae"] for r in rows], customdata=facts, hovertemplate=hover))
    fig.update_xaxes(title="Tenth of the rows, by prediction", dtick=1)
    fig.update_yaxes(title="Mean absolute error", rangemode="tozero")
    return style(fig, title="Error by size of prediction")


# --- comparing and searching -------------------------------------------------------------------------------------------


def leaderboard_dots(rows: Sequence[Row], *, metric: str, baseline: float | None = None) -> go.Figure:
    """A dot with its 95 % interval per family, best on top: rows {title, score, interval, baseline}. Never bars: the axis is cut."""
    fig = go.Figure()
    for is_baseline, colour in ((False, FIRST), (True, BASELINE)):
        some = [r for r in rows if bool(r["baseline"]) is is_baseline]
        scores = [r["score"] for r in some]
        error = _errors(scores, *([r["interval"][end] for r in some] for end in (0, 1))) | {"color": colour}
        fig.add_scatter(x=scores, y=[text(r["title"]) for r in some], mode="markers", error_x=error, showlegend=False,
                        marker={"size": 10, "color": colour}, hovertemplate="%{y}<br>%{x:.5~g}<extra></extra>")  # fmt: skip
    if baseline is not None:
        fig.add_vline(x=baseline, line={"color": BASELINE, "dash": "dot", "width": 1.5})
    fig.update_xaxes(showgrid=True)
    order = [text(r["title"]) for r in rows]
    fig.update_yaxes(categoryorder="array", categoryarray=order, range=[len(rows) - 0.4, -0.6], showgrid=False)
    return style(fig, height=max(180, 34 * len(rows) + 96), title=f"{metric}, with 95 % interval")


def speed(rows: Sequence[Row], *, metric: str) -> go.Figure:
    """Score against seconds, a labelled dot per family: rows {title, score, seconds, baseline}."""
    some = sorted((r for r in rows if not r["baseline"]), key=lambda r: r["seconds"])
    seconds = [max(r["seconds"], 0.01) for r in some]
    fig = go.Figure(go.Scatter(
        x=seconds, y=[r["score"] for r in some], mode="markers+text", text=[text(r["title"], 18) for r in some],
        textposition=_beside(seconds, [r["score"] for r in some]), textfont={"size": 11}, cliponaxis=False, marker={"size": 9, "color": FIRST},
        hovertemplate="%{text}<br>%{x:.3~g} s<br>%{y:.5~g}<extra></extra>",
    ))  # fmt: skip
    ends = [log10(min(seconds)) - 0.25, log10(max(seconds)) + 0.25] if seconds else None  # room for the names
    fig.update_xaxes(
        title="Seconds to train (logarithmic)", type="log", range=ends, tickvals=[m * 10**k for k in range(-2, 6) for m in (1, 2, 5)]
    )
    fig.update_yaxes(title=text(metric))
    return style(fig, height=max(280, 34 * len(rows) + 84))


def _beside(seconds: Sequence[float], scores: Sequence[float]) -> list[str]:
    """Where the name of each dot goes: above; of two dots that are close, above the higher and below the lower."""
    near, wide = max(scores, default=0) - min(scores, default=0), log10(max(seconds, default=1) / min(seconds, default=1)) + 0.5

    def below(one: int) -> bool:
        close = (b for b in range(len(scores)) if b != one and abs(log10(seconds[b] / seconds[one])) < wide / 3)
        return any(0 <= scores[b] - scores[one] < near / 4 and (scores[b], b) > (scores[one], one) for b in close)

    return ["bottom center" if below(one) else "top center" for one in range(len(scores))]


def split(rows: int, holdout: float, folds: int, *, in_time: bool = False) -> go.Figure:
    """How the rows are divided: one bar with the folds, and the holdout in grey. In time a first part is only learned from."""
    held, fig = round(rows * holdout), go.Figure()
    size = (rows - held) / (folds + in_time)
    if in_time:
        _segment(fig, size, "Past", "Only learned from", BASELINE)
        fig.data[0].textfont = {"color": "#10141C"}
    for number in range(folds):
        _segment(fig, size, f"{number + 1}", f"Fold {number + 1}", FIRST)
    _segment(fig, held, "Holdout", "Holdout", BASELINE)
    fig.data[-1].textfont = {"color": "#10141C"}
    fig.update_layout(barmode="stack")
    fig.update_xaxes(visible=False, range=[0, rows])
    fig.update_yaxes(visible=False)
    return style(fig, height=48, legend=False).update_layout(margin={"l": 0, "r": 0, "t": 2, "b": 2, "pad": 0}, bargap=0)


def _segment(fig: go.Figure, rows: float, words: str, name: str, color: str) -> None:
    marker = {"color": color, "line": {"color": BACKGROUND, "width": 2}}
    inside = {"textposition": "inside", "insidetextanchor": "middle", "textangle": 0}
    hover = f"{name}: {rows:,.0f} rows<extra></extra>"
    fig.add_bar(x=[rows], y=[""], orientation="h", marker=marker, text=[words], hovertemplate=hover, **inside)


def history(trials: Sequence[Row], *, metric: str, greater: bool) -> go.Figure:
    """A dot per finished trial {number, title, family, score} and a step line of the best so far.

    Without the baseline, which is far off and would flatten what the others reach; unless there is nothing else.
    """
    done = [t for t in trials if t["score"] is not None]
    done = [t for t in done if t["family"] != "baseline"] or done
    fig = go.Figure()
    best, so_far = None, []
    for t in done:
        best = t["score"] if best is None else (max if greater else min)(best, t["score"])
        so_far.append(best)
    fig.add_scatter(x=[t["number"] for t in done], y=so_far, name="Best so far", mode="lines", line={"shape": "hv", "width": 2, "color": FIRST},
                    hovertemplate="Best so far %{y:.5~g}<extra></extra>")  # fmt: skip
    fig.add_scatter(x=[t["number"] for t in done], y=[t["score"] for t in done], name="Trial", mode="markers",
                    marker={"size": 7, "color": SECOND}, customdata=[text(t["title"]) for t in done],
                    hovertemplate="Trial %{x}: %{customdata}<br>%{y:.5~g}<extra></extra>")  # fmt: skip
    last = max((t["number"] for t in done), default=0)
    fig.update_xaxes(title="Trial", range=[-0.4, max(last, 4) + 0.4], **({"dtick": 1} if last <= 16 else {}))
    fig.update_yaxes(title=text(metric))
    return style(fig, height=300)


def parallel(trials: Sequence[Row], params: Sequence[Any], *, metric: str) -> go.Figure:
    """One line per trial through its parameters to its score. `params` are catalogue Params; logarithmic ones are drawn so."""
    axes = [_axis([t["params"].get(p.name, p.default) for t in trials], p) for p in params]
    scores = [t["score"] for t in trials]
    axes.append({"label": text(metric), "values": scores, "tickformat": ".4~g"})
    fig = go.Figure(go.Parcoords(dimensions=axes, line={"color": scores, "showscale": False, "colorscale": SCALE}, labelside="top"))
    return style(fig, height=NORMAL).update_layout(margin={"l": 64, "r": 40, "t": 56, "b": 20})


def _axis(values: Sequence[Any], param: Any) -> Row:
    label = text(param.title, 22)
    if param.kind in ("choice", "bool"):
        levels = sorted(set(map(str, values)))
        return {"label": label, "values": [levels.index(str(v)) for v in values], "tickvals": list(range(len(levels))), "ticktext": levels}
    if param.log:
        marks = [10.0**k for k in range(-8, 9) if param.low <= 10.0**k <= param.high]
        facts = {"tickvals": [log10(m) for m in marks], "ticktext": [f"{m:g}" for m in marks]} if len(marks) > 1 else {}
        return {"label": label, "values": [log10(v) for v in values], "range": [log10(param.low), log10(param.high)], **facts}
    return {"label": label, "values": list(values), "range": [param.low, param.high]}


def slice_(trials: Sequence[Row], param: Any, *, metric: str) -> go.Figure:
    """Score against one parameter, a dot per trial."""
    values = [t["params"].get(param.name, param.default) for t in trials]
    fig = go.Figure(go.Scatter(x=[str(v) for v in values] if param.kind in ("choice", "bool") else values, y=[t["score"] for t in trials],
                               mode="markers", marker={"size": 8}, customdata=[t["number"] for t in trials],
                               hovertemplate="Trial %{customdata}<br>%{x}: %{y:.5~g}<extra></extra>"))  # fmt: skip
    fig.update_xaxes(title=text(param.title), **scale(param))
    fig.update_yaxes(title=text(metric))
    return style(fig, height=300)


def scale(param: Any) -> Row:
    """The axis of a catalogue Param: logarithmic ones with ticks at 1, 2 and 5, because Plotly's own are unreadable."""
    return {"type": "log", "tickvals": [m * 10.0**k for k in range(-9, 7) for m in (1, 2, 5)]} if param.log else {}


def importance(rows: Sequence[Row], *, metric: str, when: str = "when the column is shuffled", change: str = "Loss") -> go.Figure:
    """A dot with its interval per column, most important on top: rows {column, importance, low, high}."""
    names = [text(r["column"], 32) for r in rows]
    values = [r["importance"] for r in rows]
    error = _errors(values, [r["low"] for r in rows], [r["high"] for r in rows]) | {"color": FIRST}
    places = list(range(len(rows)))
    fig = go.Figure(go.Scatter(x=values, y=places, mode="markers", marker={"size": 9, "color": FIRST}, error_x=error, customdata=names,
                               hovertemplate="%{customdata}<br>%{x:.4~g}<extra></extra>"))  # fmt: skip
    fig.add_vline(x=0, line={"color": BASELINE, "dash": "dot", "width": 1.5})
    fig.update_xaxes(showgrid=True)
    fig.update_yaxes(tickmode="array", tickvals=places, ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False)
    return style(fig, height=max(200, 26 * len(rows) + 96), title=f"{change} of {metric} {when}")


# --- data --------------------------------------------------------------------------------------------------------------


def alone(rows: Sequence[Row], *, measure: str, guess: float) -> go.Figure:
    """How well columns predict alone: rows {column, score, low, high, verdict}; the suspects are open diamonds."""
    names, places = [text(r["column"], 28) for r in rows], list(range(len(rows)))
    values = [r["score"] for r in rows]
    error = _errors(values, [r["low"] for r in rows], [r["high"] for r in rows]) | {"color": BASELINE}  # a list of colours is not passed on to the bars
    symbols = ["diamond-open" if r["verdict"] in ("guilty", "suspicious") else "circle" for r in rows]
    marker = {"size": 10, "color": [FIRST if s == "circle" else SECOND for s in symbols], "symbol": symbols, "line": {"width": 2}}
    fig = go.Figure(go.Scatter(x=values, y=places, mode="markers", marker=marker, error_x=error, showlegend=False,
                               customdata=[[name, r["verdict"]] for name, r in zip(names, rows)],
                               hovertemplate="%{customdata[0]}: %{x:.3f}, %{customdata[1]}<extra></extra>"))  # fmt: skip
    fig.add_vline(x=guess, line={"color": BASELINE, "dash": "dot", "width": 1.5})
    fig.update_xaxes(showgrid=True)
    fig.update_yaxes(tickmode="array", tickvals=places, ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False)
    return style(fig, height=max(200, 26 * len(rows) + 96), title=f"{measure} alone; diamonds are accused")


def histogram(facts: dict[str, Sequence[Any]], *, title: str = "", height: int = COMPACT) -> go.Figure:
    """Counted bins {"edges": n + 1 numbers, or dates as ISO 8601 text, "counts": n numbers}, as pipeline.profile gives them."""
    edges, counts = list(facts["edges"]), list(facts["counts"])
    dates = isinstance(edges[0], str)
    at = np.array(edges, dtype="datetime64[ms]").astype(float) if dates else np.array(edges, dtype=float)
    said = [edge[:10] if dates else _ui.number(edge, 4) for edge in edges]
    bars = go.Bar(x=(at[:-1] + np.diff(at) / 2).tolist(), y=counts, width=np.diff(at).tolist(), customdata=list(zip(said, said[1:], strict=False)),
                  hovertemplate="%{customdata[0]} to %{customdata[1]}<br>%{y:,} rows<extra></extra>")  # fmt: skip
    fig = go.Figure(bars)
    if dates:
        fig.update_xaxes(type="date")
    elif np.abs(at).max() < 10_000:
        fig.update_xaxes(tickformat="~g")  # 2016.5, not 2,016.5
    fig.update_yaxes(title="Rows", rangemode="tozero")
    return style(fig, height=height, title=title).update_layout(bargap=0.04)


def levels(top: Iterable[Sequence[Any]], *, title: str = "", height: int | None = None) -> go.Figure:
    """The most frequent values, largest on top: pairs (value, count)."""
    pairs = [(text(value, 28), int(count)) for value, count in top]
    places = list(range(len(pairs)))
    fig = go.Figure(go.Bar(x=[n for _, n in pairs], y=places, orientation="h", customdata=[v for v, _ in pairs],
                           hovertemplate="%{customdata}<br>%{x:,} rows<extra></extra>"))  # fmt: skip
    fig.update_xaxes(title="Rows", rangemode="tozero")
    fig.update_yaxes(tickmode="array", tickvals=places, ticktext=[v for v, _ in pairs], range=[len(pairs) - 0.4, -0.6], showgrid=False)
    return style(fig, height=height or max(140, 26 * len(pairs) + 70), title=title)


def class_balance(counts: Iterable[Sequence[Any]], *, positive: str | None = None) -> go.Figure:
    """The classes of the target as one bar: pairs (class, rows). The positive class has the first colour."""
    pairs = sorted(((str(v), int(n)) for v, n in counts), key=lambda pair: (pair[0] != positive, -pair[1]))
    total, fig = max(1, sum(n for _, n in pairs)), go.Figure()
    for name, n in pairs:
        label = f"{text(name, 18)} {n / total:.0%}" if n / total > 0.06 else ""
        fig.add_bar(x=[n], y=[""], orientation="h", name=text(name, 24), text=[label], textposition="inside", insidetextanchor="middle",
                    hovertemplate=f"%{{x:,}} rows ({n / total:.1%})<extra>{text(name, 24)}</extra>")  # fmt: skip
    fig.update_layout(barmode="stack")
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    return style(fig, height=56, legend=False).update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4}, bargap=0)


# --- parts -------------------------------------------------------------------------------------------------------------


def flow(places: dict[str, str], links: dict[tuple[str, str], int]) -> go.Figure:
    """Bands between places (name -> title), each as wide as the root of how many go there, so that one beside thousands is still seen."""
    number = {name: i for i, name in enumerate(places)}
    fig = go.Figure(
        go.Sankey(
            node={"label": [text(title) for title in places.values()], "color": FIRST, "pad": 18, "thickness": 12, "line": {"width": 0},
                  "hovertemplate": "%{label}<extra></extra>"},
            link={"source": [number[a] for a, _ in links], "target": [number[b] for _, b in links], "value": [n**0.5 for n in links.values()],
                  "color": "rgba(127, 150, 200, 0.5)", "customdata": [f"{n:,} column{'s' * (n != 1)}" for n in links.values()],
                  "hovertemplate": "%{source.label} to %{target.label}<br>%{customdata}<extra></extra>"},
        )
    )  # fmt: skip
    fig = style(fig, height=min(720, 220 + 26 * len(places)))
    readable = {"size": 13, "color": "#E6EAF2" if st.context.theme.type == "dark" else "#1B2333", "shadow": "none"}
    return fig.update_traces(textfont=readable).update_layout(margin={"l": 8, "r": 8, "t": 12, "b": 12})


def _by_class(points: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for point in points:
        found.setdefault(str(point["class"]), []).append(point)
    return list(found.items())


def _curves(points: Sequence[Row], x: str, y: str, hover: str) -> go.Figure:
    fig = go.Figure()
    for name, rows in _by_class(points):
        fig.add_scatter(x=[r[x] for r in rows], y=[r[y] for r in rows], name=text(name, 24), mode="lines", line={"width": 2},
                        hovertemplate=hover + "<extra></extra>")  # fmt: skip
    return fig


def _cloud(x: list[float], y: list[float], hover: str) -> go.Figure:
    kind = go.Scattergl if len(x) > MANY_POINTS else go.Scatter
    return go.Figure(
        kind(x=x, y=y, mode="markers", marker={"size": 5, "opacity": 0.5, "color": FIRST}, hovertemplate=hover + "<extra></extra>")
    )


def _reference(fig: go.Figure, x: Sequence[float], y: Sequence[float], name: str) -> None:
    fig.add_scatter(
        x=list(x),
        y=list(y),
        name=name,
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        line={"color": BASELINE, "dash": "dot", "width": 1.5},
    )


def _mark(fig: go.Figure, at: Row | None, x: str, y: str) -> None:
    if at is not None:
        fig.add_scatter(x=[at[x]], y=[at[y]], name="This threshold", mode="markers", showlegend=False, marker={"size": 11, "color": SECOND},
                        hovertemplate="This threshold<br>%{x:.3f}, %{y:.3f}<extra></extra>")  # fmt: skip


def _errors(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> Row:
    return {
        "type": "data", "symmetric": False, "thickness": 1.5, "width": 4,
        "array": [max(0.0, h - v) for v, h in zip(values, high, strict=True)],
        "arrayminus": [max(0.0, v - lo) for v, lo in zip(values, low, strict=True)],
    }  # fmt: skip
