"""Figures of a run's course and of a search: learning curves, fits in time, use of the machine, the score over two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pages._charts import BACKGROUND, BASELINE, FIRST, SCALE, SECOND, Row, scale, style, text

COLOURS = [f"#{n:06d}" for n in range(1, 11)]  # Streamlit puts the theme's ten colours in their place
GB = 1e9


def learning(curves: Sequence[Row], *, height: int = 360) -> go.Figure:
    """Validation loss by iteration, training loss dotted in the same colour: rows {name, group, points}. One colour for each group."""
    fig, groups = go.Figure(), list(dict.fromkeys(curve["group"] for curve in curves))
    named: set = set()
    for curve in curves:
        colour = COLOURS[groups.index(curve["group"]) % len(COLOURS)]
        for field, dash, word in (("score", "solid", "Validation"), ("train", "dot", "Training")):
            points = [p for p in curve["points"] if getattr(p, field) is not None]
            if points:
                fig.add_scatter(x=[p.iteration for p in points], y=[-getattr(p, field) for p in points], name=text(curve["group"]),
                                mode="lines" if len(points) > 1 else "markers", line={"width": 1.6, "dash": dash, "color": colour}, marker={"color": colour},
                                showlegend=curve["group"] not in named,
                                hovertemplate=f"{text(curve['name'], 60)}<br>Iteration %{{x:,}}<br>{word} loss %{{y:.5~g}}<extra></extra>")  # fmt: skip
                named.add(curve["group"])
    fig.update_xaxes(title="Iteration or epoch", rangemode="tozero")
    fig.update_yaxes(title="Loss on held-back rows (training dotted)")
    return style(fig, height=height)


def gantt(fits: Sequence[Any], titles: dict[str, str]) -> go.Figure:
    """A bar per fit in the row of its slot, coloured by family; preparing is grey, a refit is hatched, what was cut short is pale."""
    fig, slots = go.Figure(), sorted({fit.slot for fit in fits})
    families = list(dict.fromkeys(fit.family for fit in fits if fit.what != "prepare"))
    for k, family in enumerate(families):
        some = [fit for fit in fits if fit.family == family and fit.what != "prepare"]
        _bars(fig, some, text(titles.get(family, family)), COLOURS[k % len(COLOURS)])
    _bars(fig, [fit for fit in fits if fit.what == "prepare"], "Preparing", BASELINE)
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(title="Seconds since the start", rangemode="tozero", showgrid=True)
    fig.update_yaxes(
        title="Slot", tickmode="array", tickvals=slots, ticktext=[str(slot + 1) for slot in slots], autorange="reversed", showgrid=False
    )
    return style(fig, height=110 + 22 * -(-len(families) // 4) + 34 * len(slots)).update_layout(bargap=0.15)


def _bars(fig: go.Figure, fits: Sequence[Any], name: str, colour: str) -> None:
    if not fits:
        return
    facts = [[_what(fit), f"{fit.began:,.1f}", "" if fit.score is None else f"<br>Score {fit.score:.5g}"] for fit in fits]
    marker = {"color": colour, "line": {"color": BACKGROUND, "width": 1}, "opacity": [1.0 if fit.state == "complete" else 0.45 for fit in fits],
              "pattern": {"shape": ["/" if fit.what == "refit" else "" for fit in fits], "size": 5}}  # fmt: skip
    fig.add_bar(x=[fit.seconds for fit in fits], base=[fit.began for fit in fits], y=[fit.slot for fit in fits], orientation="h", name=name,
                marker=marker, customdata=facts, showlegend=True,
                hovertemplate=name + "<br>%{customdata[0]}<br>%{x:,.2f} s from second %{customdata[1]}%{customdata[2]}<extra></extra>")  # fmt: skip


def _what(fit: Any) -> str:
    words = {
        "fold": f"Trial {fit.number}, fold {fit.fold}",
        "refit": f"Trial {fit.number}, refit on all rows",
        "prepare": "Features of a fold",
    }
    return words.get(fit.what, fit.what) + ("" if fit.state == "complete" else f" ({text(fit.state)})")


def processors(usage: Sequence[Any]) -> go.Figure:
    """Use of the processors, and of the GPU where there is one, in percent over the seconds of a run."""
    fig = _uses(usage, (("cpu", "Processors", FIRST), ("gpu", "GPU", SECOND)), 1.0, "%{y:.0f} %")
    fig.update_yaxes(title="Use in percent", range=[0, 102])
    return style(fig, height=200)


def memory(usage: Sequence[Any]) -> go.Figure:
    """Memory of a run in GB over its seconds, and that of the GPU where there is one."""
    fig = _uses(usage, (("memory", "Memory", FIRST), ("gpu_memory", "GPU memory", SECOND)), GB, "%{y:.2f} GB")
    fig.update_yaxes(title="Memory in GB", rangemode="tozero")
    return style(fig, height=200)


def _uses(usage: Sequence[Any], fields: Sequence[tuple[str, str, str]], unit: float, hover: str) -> go.Figure:
    fig = go.Figure()
    for field, name, colour in fields:
        some = [(use.at, getattr(use, field)) for use in usage if getattr(use, field) is not None]
        if some:
            fig.add_scatter(x=[at for at, _ in some], y=[value / unit for _, value in some], name=name, mode="lines", showlegend=True,
                            line={"width": 1.6, "color": colour}, hovertemplate=f"{name} {hover}<br>Second %{{x:.0f}}<extra></extra>")  # fmt: skip
    fig.update_xaxes(title="Seconds since the start", rangemode="tozero")
    return fig


def contour(surface: Row, trials: Sequence[Row], params: Sequence[Any], *, metric: str) -> go.Figure:
    """The score over two parameters, interpolated between the trials, which are the dots: what lies outside of them is left blank."""
    first, second = params
    fig = go.Figure(go.Contour(
        x=surface["x"], y=surface["y"], z=surface["z"], colorscale=SCALE, ncontours=14, line={"width": 0.5}, hoverinfo="skip",
        colorbar={"title": {"text": text(metric), "side": "right"}, "thickness": 12, "outlinewidth": 0},
    ))  # fmt: skip
    places = [[t["params"].get(p.name, p.default) for t in trials] for p in params]
    fig.add_scatter(x=places[0], y=places[1], mode="markers", marker={"size": 7, "color": SECOND, "line": {"width": 1, "color": BACKGROUND}},
                    customdata=[[t["number"], t["score"]] for t in trials], showlegend=False,
                    hovertemplate="Trial %{customdata[0]}: %{customdata[1]:.5~g}<br>%{x:.4~g}, %{y:.4~g}<extra></extra>")  # fmt: skip
    fig.update_xaxes(title=text(first.title), **scale(first))
    fig.update_yaxes(title=text(second.title), **scale(second))
    return style(fig, height=380, legend=False)


def shares(rows: Sequence[tuple[str, float]]) -> go.Figure:
    """How much of the score's variance each parameter explains, greatest on top: pairs (title, share)."""
    places = list(range(len(rows)))
    names = [text(title, 32) for title, _ in rows]
    fig = go.Figure(go.Bar(x=[share for _, share in rows], y=places, orientation="h", customdata=names, marker={"color": FIRST},
                           hovertemplate="%{customdata}<br>%{x:.1%}<extra></extra>"))  # fmt: skip
    fig.update_xaxes(title="Share of the score's variance that the parameter explains", tickformat=".0%", rangemode="tozero", showgrid=True)
    fig.update_yaxes(tickmode="array", tickvals=places, ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False)
    return style(fig, height=max(180, 28 * len(rows) + 84))
