"""Leaderboard: rank the families of a run, with honest intervals, and say which are as good as the best."""

from __future__ import annotations

import streamlit as st

from pages import _charts, _judged, _results, _ui

_ui.guard()

NOTES = {"best": "Best", "tied": "Within noise of the best", "baseline": "Always the same answer", "": ""}


def note(place: int, row: dict) -> str:
    if row["baseline"]:
        return "baseline"
    return "best" if place == 0 else "tied" if row["tied"] else ""


def strip(judged: _judged.Judged) -> None:
    best = judged.board[0]
    gain = "–"
    if judged.baseline is not None and best["score"] is not None:
        gain = _judged.number(abs(best["score"] - judged.baseline))
    seconds = (judged.run.finished - judged.run.started).total_seconds() if judged.run.finished and judged.run.started else None
    _ui.cards([
        ("Best", best["title"]),
        (judged.metric.title, _judged.number(best["score"]), f"95 % interval: {_judged.between(*best['interval'])}. {_judged.INTERVAL}"),
        ("Gain over baseline", gain, "The baseline always predicts the same; what is not better has learned nothing."),
        ("Families · trials", f"{sum(not r['baseline'] for r in judged.board)} · {judged.run.trials_done}"),
        ("Wall time", _ui.duration(seconds) or "–"),
    ])  # fmt: skip


def said(judged: _judged.Judged) -> str:
    """On which rows, in which direction, and who is as good as the best."""
    better = "higher" if judged.metric.facts.greater else "lower"
    folds = judged.evaluation["folds"]
    fits = sorted({len(row["fold_scores"]) for row in judged.board})
    some = str(fits[0]) if len(fits) == 1 else f"{fits[0]} to {fits[-1]}"
    where = f"in {folds} folds" if fits == [folds] else f"on {some} of {folds} folds"
    tied = [r["title"] for place, r in enumerate(judged.board) if note(place, r) == "tied"]
    sentence = f"Cross-validated on {judged.rows:,} rows {where}; {better} {_ui.md(judged.metric.title)} is better. "
    if "holdout" not in judged.evaluation:
        sentence += "No rows were held out: the scores are out of fold. "
    if tied:
        verb = "are" if len(tied) > 1 else "is"
        sentence += f"**{_ui.md(_judged.words(tied))}** {verb} within noise of the best: on these rows the order among them says little."
    return sentence


def cards(judged: _judged.Judged) -> None:
    """The board where a table has no room: a card for each family."""
    for place, row in enumerate(judged.board):
        with st.container(border=True, gap=None, key=f"board_{place}"):
            st.markdown(f"**{_ui.md(row['title'])}** :gray[{NOTES[note(place, row)]}]")
            score = f"{_ui.md(judged.metric.title)} **{_ui.md(_judged.number(row['score']))}**"
            st.caption(f"{score}, 95 % interval {_ui.md(_judged.between(*row['interval']))} · {_ui.md(_ui.duration(row['seconds']))}")


def table(judged: _judged.Judged) -> dict | None:
    """Draw the board; the row that is selected, if any."""
    rows = [
        {
            "Family": row["title"], "Note": NOTES[note(place, row)], "Score": row["score"], "Interval": _judged.between(*row["interval"]),
            "Folds": _judged.between(min(row["fold_scores"]), max(row["fold_scores"])) if len(row["fold_scores"]) > 1 else "one fold",
            "Seconds": row["seconds"], "Trial": row["trial"],
        }
        for place, row in enumerate(judged.board)
    ]  # fmt: skip
    config = {
        "Family": st.column_config.TextColumn(width=150),
        "Note": st.column_config.TextColumn(width=170),
        "Score": st.column_config.NumberColumn(judged.metric.title, format="%.4f" if judged.board[0]["score"] < 1000 else "%.1f"),
        "Interval": st.column_config.TextColumn("95 % interval", help=_judged.INTERVAL),
        "Folds": st.column_config.TextColumn("Lowest to highest fold"),
        "Seconds": st.column_config.NumberColumn("Seconds", format="%.1f", help="All folds of the best trial of this family."),
    }
    chosen = st.dataframe(
        rows, hide_index=True, column_config=config, on_select="rerun", selection_mode="single-row", key=f"board_{judged.run.id[:6]}",
        alt=f"Families ranked by {judged.metric.title}, best first",
    )  # fmt: skip
    places = chosen["selection"]["rows"]
    return judged.board[places[0]] if places else None


def detail(row: dict, judged: _judged.Judged) -> None:
    """The configuration of the selected family's best trial."""
    with st.container(border=True, key="detail"):
        st.markdown(f"**{_ui.md(row['title'])}**, trial {row['trial']}")
        folds = ", ".join(_judged.number(score) for score in row["fold_scores"])
        st.caption(f"{_ui.md(judged.metric.title)} on each fold: {_ui.md(folds)}")
        params = [{"Parameter": name, "Value": str(value)} for name, value in row["params"].items()]
        if params:
            st.dataframe(params, hide_index=True, key="detail_params", alt="The parameters of this trial")
        else:
            st.caption("All parameters at their defaults.")


at = _ui.page("Leaderboard", "Which family is best on rows that its models have not seen")
judged = _judged.judged(at)
_judged.pick_run(at)
strip(judged)
st.markdown(said(judged))
_results.ensemble(judged)
_results.compare(judged)
with st.container(key="narrow_board", gap="xsmall"):
    cards(judged)
with st.container(key="wide_board"):
    selected = table(judged)
left, right = st.columns([7, 5])
with left:
    fig = _charts.leaderboard_dots(judged.board, metric=judged.metric.title, baseline=judged.baseline)
    _charts.show(
        fig, "board_dots", f"Score of each family with its 95 % interval; the best is {judged.board[0]['title']}. Dotted: the baseline."
    )
with right:
    if selected:
        detail(selected, judged)
    else:
        fig = _charts.speed(judged.board, metric=judged.metric.title)
        _charts.show(fig, "board_speed", "Score against training time of each family")
_ui.next_step(
    f"Look closely at {_ui.md(judged.title)}: where it is right, where it is wrong, and whether it is good enough.",
    "pages/evaluate.py", "Evaluate the best", run=judged.run.id,
)  # fmt: skip
