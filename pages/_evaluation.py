"""One judged part of a run (cross-validation or holdout) as cards, charts and tables."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import _charts, _judged, _ui

HOW = {"counts": "Counts", "row": "Row %", "column": "Column %"}
MOST_CURVES = 6
HEIGHT = 400
DEFAULT_THRESHOLD = 0.5

Row = dict[str, Any]


def regression(part: str, facts: Row) -> None:
    """Predictions against the truth, and where the errors are."""
    first, second = st.columns(2)
    with first:
        _charts.show(
            _charts.predicted_actual(facts["residuals"]),
            f"pa_{part}",
            "Predicted against actual values; on the dotted line a prediction is exact",
        )
    with second:
        _charts.show(_charts.residuals(facts["residuals"]), f"res_{part}", "Residuals against predictions")
    first, second = st.columns(2)
    with first:
        _charts.show(_charts.residual_histogram(facts["residuals"]), f"hist_{part}", "Distribution of the residuals")
    with second:
        _charts.show(
            _charts.deciles(facts["deciles"]), f"dec_{part}", "Mean absolute error in each tenth of the rows, ordered by prediction"
        )
    shown = len(facts["residuals"])
    if shown < facts["rows"]:
        st.caption(f"The dots are {shown:,} of {facts['rows']:,} rows, drawn at random; every figure is of all rows.")


@st.fragment
def binary(part: str, judged: _judged.Judged) -> None:
    """Two classes: a threshold on the left, what it does on the right. A fragment: moving the slider redraws this alone."""
    facts, positive = judged.evaluation[part], judged.evaluation["classes"][1]
    first, second, third = st.columns(3)
    with first.container(border=True, height="stretch", key="threshold_card"):
        cut = threshold(part, positive)
        row = facts["thresholds"][round(cut * 100)]
        at_threshold(row, facts["thresholds"][round(DEFAULT_THRESHOLD * 100)], positive)
    n, p = max(1, row["fp"] + row["tn"]), max(1, row["tp"] + row["fn"])
    with second:
        fig = _charts.roc(facts["roc"], at={"fpr": row["fp"] / n, "tpr": row["tp"] / p}, height=HEIGHT)
        _charts.show(fig, f"roc_{part}", "ROC curve with the chosen threshold; the diagonal is guessing")
    with third:
        at = {"recall": row["tp"] / p, "precision": row["tp"] / max(1, row["tp"] + row["fp"])}
        fig = _charts.pr(facts["pr"], share=p / facts["rows"], at=at, height=HEIGHT)
        _charts.show(fig, f"pr_{part}", "Precision against recall with the chosen threshold; the dotted line is guessing")
    first, second, third = st.columns(3)
    with first:
        confusion(part, [[row["tn"], row["fp"]], [row["fn"], row["tp"]]], judged.evaluation["classes"])
    with second:
        fig = _charts.calibration(facts["calibration"], height=HEIGHT)
        _charts.show(fig, f"cal_{part}", "Predicted probability against the observed share, with intervals")
    with third:
        per_class(part, facts)
        more_figures(part, facts, judged.evaluation["metric"])


def threshold(part: str, positive: str) -> float:
    """The slider. It is chosen on the cross-validated rows; the holdout only shows what comes of it."""
    cut = st.slider(
        f"Threshold for {_ui.md(positive)}", 0.0, 1.0, DEFAULT_THRESHOLD, 0.01, key="thr", bind="query-params", disabled=part == "holdout",
        help="From this probability on a row is called positive.",
    )  # fmt: skip
    if part == "holdout":
        st.caption("Chosen on the cross-validated rows, not here.")
    return cut


def at_threshold(row: Row, usual: Row, positive: str) -> None:
    """What the threshold does, each figure beside its change against 0.50."""
    now, before = _rates(row), _rates(usual)
    lines = [
        {"": name, "Now": now[name], "Change": now[name] - before[name] if now is not before else 0.0} for name in now
    ]  # fmt: skip
    config = {
        "Now": st.column_config.NumberColumn(format="%.3f", width=60),
        "Change": st.column_config.NumberColumn("vs 0.50", format="%+.3f", width=70),
    }
    st.dataframe(lines, hide_index=True, column_config=config, key="at_threshold", alt="Precision, recall and more at this threshold")
    called, rows = row["tp"] + row["fp"], sum(row[k] for k in ("tp", "fp", "fn", "tn"))
    st.caption(
        f"Of {rows:,} rows {called:,} are called {_ui.md(positive)}: {row['tp']:,} rightly, {row['fp']:,} wrongly; {row['fn']:,} are missed. "
        f"A kept model decides at {DEFAULT_THRESHOLD:.2f}."
    )


def _rates(row: Row) -> dict[str, float]:
    tp, fp, fn, tn = (row[k] for k in ("tp", "fp", "fn", "tn"))
    return {
        "Precision": tp / max(1, tp + fp), "Recall": tp / max(1, tp + fn), "F1": 2 * tp / max(1, 2 * tp + fp + fn),
        "Specificity": tn / max(1, tn + fp), "Accuracy": (tp + tn) / max(1, tp + fp + fn + tn), "Called": (tp + fp) / max(1, tp + fp + fn + tn),
    }  # fmt: skip


def confusion(part: str, matrix: list[list[int]], classes: list[str]) -> None:
    """The matrix, and below it how its cells are counted."""
    key = f"how_{part}"
    drawn = st.container()
    how = st.segmented_control(
        "Confusion matrix in", list(HOW), format_func=HOW.get, default="counts", required=True, key=key, label_visibility="collapsed"
    )
    with drawn:
        _charts.show(
            _charts.confusion(matrix, classes, how, height=HEIGHT),
            f"confusion_{part}",
            "Confusion matrix: truth in rows, prediction in columns",
        )


@st.fragment
def multiclass(part: str, judged: _judged.Judged) -> None:
    """Several classes: each against the rest in the curves, all together in the matrix and the table."""
    facts, classes = judged.evaluation[part], judged.evaluation["classes"]
    drawn = _drawn_classes(part, facts)
    some = {chart: [point for point in facts[chart] if point["class"] in drawn] for chart in ("roc", "pr", "calibration")}
    first, second = st.columns(2)
    with first:
        confusion(part, facts["confusion"], classes)
    with second:
        _charts.show(
            _charts.roc(some["roc"], height=HEIGHT), f"roc_{part}", "ROC curve of each class against the rest; the diagonal is guessing"
        )
    first, second = st.columns(2)
    with first:
        _charts.show(_charts.pr(some["pr"]), f"pr_{part}", "Precision against recall of each class against the rest")
    with second:
        _charts.show(
            _charts.calibration(some["calibration"]), f"cal_{part}", "Predicted probability against the observed share of each class"
        )
    first, second = st.columns(2)
    with first:
        per_class(part, facts)
    with second:
        more_figures(part, facts, judged.evaluation["metric"])


def _drawn_classes(part: str, facts: Row) -> list[str]:
    """The classes in the curves: all when there are few, else those that are chosen."""
    found = list(dict.fromkeys(point["class"] for point in facts["roc"]))
    if len(found) <= MOST_CURVES:
        return found
    return st.pills(
        "Classes in the curves", found, selection_mode="multi", default=found[:MOST_CURVES], key=f"classes_{part}", format_func=_ui.md
    )


def per_class(part: str, facts: Row) -> None:
    st.markdown("**Each class**")
    columns = {"class": "Class", "rows": "Rows"} | {name: name.title() for name in ("precision", "recall", "f1")}
    shown = [{title: row[name] for name, title in columns.items()} for row in facts["per_class"]]
    config = {title: st.column_config.NumberColumn(format="%.3f") for title in ("Precision", "Recall", "F1")}
    st.dataframe(shown, hide_index=True, column_config=config, height=_ui.height(len(shown), 12), key=f"per_class_{part}",
                 alt="Precision, recall and F1 of each class, as a kept model decides")  # fmt: skip


def more_figures(part: str, facts: Row, metric: str) -> None:
    """The metrics that have no card."""
    rest = _judged.rest_of_metrics(facts["metrics"], metric)
    if rest:
        st.markdown("**More figures**")
        st.dataframe(rest, hide_index=True, key=f"more_{part}", alt="The other metrics with their intervals")
