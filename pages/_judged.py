"""What the pages that judge share: which finished run is looked at, how numbers are written, and the metric cards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui
from pipeline import entries, entry

if TYPE_CHECKING:
    from pipeline.catalog import Entry
    from pipeline.store import Run

PARTS = {"Cross-validation": "cv", "Holdout": "holdout"}  # the words stand in the URL
CARDS = 5
INTERVAL = "Where the score on as many other rows like these would be, 95 times in 100."


@dataclass(frozen=True)
class Judged:
    """A run that has a model: its evaluation and leaderboard as the store has them, and the catalogue's entry of its metric."""

    run: Run
    evaluation: dict[str, Any]
    board: list[dict[str, Any]]
    metric: Entry

    @property
    def several(self) -> bool:
        """Whether the most accurate result is an ensemble."""
        return len(self.evaluation.get("members", ())) > 1

    @property
    def title(self) -> str:
        """The most accurate result in words: its family, or that it is an ensemble."""
        return f"Ensemble of {len(self.evaluation['members'])} models" if self.several else family_title(self.evaluation["family"])

    @property
    def baseline(self) -> float | None:
        """The baseline's cross-validated value of the run's metric."""
        return (self.evaluation.get("baseline") or {}).get("cv")

    @property
    def rows(self) -> int:
        """How many rows the cross-validated figures rest on."""
        return self.evaluation["cv"]["rows"]


@st.cache_data(show_spinner=False, max_entries=32)
def _results(home: str, run_id: str, attempt: int) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    # Keyed by the attempt: a finished attempt never changes, a resumed run has a new one.
    return _ui.store().evaluation(run_id), _ui.store().leaderboard(run_id)


def judged(at: _ui.Current) -> Judged:
    """The run in the URL, else the dataset's newest finished one. Draws why and stops the page when there is nothing to judge."""
    _ui.need_dataset(at)
    if at.run is None:
        _ui.empty("No run yet", "Train a model first; how good it is will be shown here.", "pages/models.py", "Choose models")
        st.stop()
    if at.run.active:
        _ui.empty("This run is still on", "Its models are judged when it has finished.", "pages/runs.py", "Watch the run", run=at.run.id)
        st.stop()
    with _ui.shown():
        evaluation, board = _results(str(_ui.store().home), at.run.id, at.run.attempt)
    if not evaluation or at.run.analysis:
        word = _ui.STATES[at.run.state][0].lower()
        _ui.empty(
            "This run has no model", f"It ended {word}. {_ui.md(at.run.message)}", "pages/runs.py", "See what happened", run=at.run.id
        )
        st.stop()
    return Judged(at.run, evaluation, board, entry("metric", evaluation["metric"]))


def finished_runs(at: _ui.Current) -> list[Run]:
    """The dataset's runs that ended with a model or may have, newest first."""
    runs = _ui.store().runs(dataset_id=at.dataset.id, analyses=False)
    return [run for run in runs if run.state in ("done", "cancelled") and run.best]


def pick_run(at: _ui.Current) -> None:
    """A picker between the dataset's finished runs, drawn only when there is a choice. The URL holds the answer."""
    runs = {run.id: run for run in finished_runs(at)}
    if len(runs) < 2 or at.run is None or at.run.id not in runs:
        return

    def chosen() -> None:
        st.query_params["run"] = st.session_state["run_pick"]

    st.selectbox(
        "Run", list(runs), key=_ui.synced("run_pick", at.run.id), on_change=chosen, width=360,
        format_func=lambda run_id: f"{run_id[:6]} · {runs[run_id].plan.target} · {_ui.ago(runs[run_id].finished)}",
    )  # fmt: skip


def family_title(name: str) -> str:
    """The catalogue's title of a family, or its name where this installation lacks it."""
    return next((e.title for e in entries("family") if e.name == name), name)


def metric_title(name: str) -> str:
    """The catalogue's title of a metric as plain text, or its name where this installation lacks it."""
    return next((e.title for e in entries("metric") if e.name == name), name)


# --- numbers in words --------------------------------------------------------------------------------------------------


def number(value: float | None) -> str:
    """A score with as many digits as it deserves; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    value = round(value, 4) + 0.0  # no minus before a zero
    size = abs(value)
    return f"{value:,.0f}" if size >= 10_000 else f"{value:,.1f}" if size >= 100 else f"{value:,.3f}" if size >= 10 else f"{value:.4f}"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def between(low: float | None, high: float | None) -> str:
    return f"{number(low)} to {number(high)}"


def guesses(judged: Judged, part: str) -> dict[str, float]:
    """What the baseline reaches on those rows, by metric: all metrics where the evaluation has them, else the run's own."""
    known = (judged.evaluation.get("baseline") or {}).get("metrics", {}).get(part)
    if known:
        return known
    return {judged.evaluation["metric"]: judged.baseline} if judged.baseline is not None else {}


def metric_cards(facts: Sequence[dict[str, Any]], first: str, guesses: dict[str, float]) -> None:
    """One card per metric with its 95 % interval, the run's own metric first, and what a guess reaches where that is known."""
    ordered = sorted(facts, key=lambda fact: fact["name"] != first)[:CARDS]
    row = st.container(horizontal=True)
    for fact in ordered:
        guess = guesses.get(fact["name"])
        with row.container(border=True, height="stretch", gap=None):
            st.metric(_ui.md(fact["title"]), number(fact["value"]), help=_ui.md(f"{entry('metric', fact['name']).help} The interval: {INTERVAL}"))
            st.caption(_ui.md(between(fact["low"], fact["high"])) + (f"  \nbaseline {_ui.md(number(guess))}" if guess is not None else ""))


def rest_of_metrics(facts: Sequence[dict[str, Any]], first: str) -> list[dict[str, Any]]:
    """What the cards have no room for, as rows of a table."""
    ordered = sorted(facts, key=lambda fact: fact["name"] != first)[CARDS:]
    return [
        {"Metric": fact["title"], "Value": number(fact["value"]), "95 % interval": between(fact["low"], fact["high"])} for fact in ordered
    ]


def words(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    items = list(items)
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1] if items else ""]))
