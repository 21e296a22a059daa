"""Each figure holds the numbers that it was given, and nothing from the data becomes markup."""

from __future__ import annotations

import numpy as np
import pytest

from pages import _charts, _traces, _ui
from pipeline import entry, evaluate
from pipeline.curves import Fit, Point, Usage

RNG = np.random.default_rng(0)
EVIL = '<b onclick="x">no</b> $x^2$'


def judged(task: str) -> dict:
    if task == "regression":
        y = RNG.normal(size=200)
        return evaluate.judge(task, y, y + RNG.normal(scale=0.3, size=200), [])
    classes = ["no", "yes"] if task == "binary" else ["a", "b", EVIL]
    y = RNG.integers(0, len(classes), 300)
    p = RNG.dirichlet(np.ones(len(classes)), 300) + np.eye(len(classes))[y]
    return evaluate.judge(task, y, p / p.sum(axis=1, keepdims=True), classes)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("name", ["roc", "pr", "calibration"])
def test_a_curve_per_class(task, name):
    facts = judged(task)
    fig = getattr(_charts, name)(facts[name])
    curves = [trace for trace in fig.data if trace.showlegend is not False]
    assert len(curves) == (1 if task == "binary" else 3)
    column = {"roc": "tpr", "pr": "precision", "calibration": "observed"}[name]
    first = [row[column] for row in facts[name] if row["class"] == facts[name][0]["class"]]
    assert list(curves[0].y) == first
    assert fig.layout.showlegend is (task == "multiclass")


def test_the_roc_curve_is_square_and_has_the_diagonal_and_the_threshold():
    fig = _charts.roc(judged("binary")["roc"], at={"fpr": 0.1, "tpr": 0.7})
    assert fig.layout.yaxis.scaleanchor == "x"
    assert [list(trace.x) for trace in fig.data[1:]] == [[0, 1], [0.1]]


def test_calibration_has_the_interval_of_each_share():
    facts = judged("binary")["calibration"]
    error = _charts.calibration(facts).data[0].error_y
    assert np.allclose(error.array, [row["high"] - row["observed"] for row in facts])
    assert np.allclose(error.arrayminus, [row["observed"] - row["low"] for row in facts])


@pytest.mark.parametrize(("how", "sums"), [("row", [1, 1, 1]), ("column", None), ("counts", None)])
def test_confusion_counts_and_shares(how, sums):
    matrix = judged("multiclass")["confusion"]
    heat = _charts.confusion(matrix, ["a", "b", EVIL], how).data[0]
    shown = np.array(heat.z)
    if how == "row":
        assert np.allclose(shown.sum(axis=1), sums)
    elif how == "column":
        assert np.allclose(shown.sum(axis=0), 1)
    else:
        assert shown.tolist() == matrix
    assert heat.text[0][0].replace(",", "").endswith(str(matrix[0][0]))


def test_a_confusion_matrix_of_an_empty_class_divides_by_nothing():
    assert _charts.confusion([[3, 0], [0, 0]], ["a", "b"], "row").data[0].z[1] == [0, 0]
    assert _charts.confusion([[3, 0], [0, 0]], ["a", "b"], "column").data[0].z[1] == [0, 0]


@pytest.mark.parametrize("name", ["predicted_actual", "residuals", "residual_histogram"])
def test_the_residual_charts_show_every_row(name):
    rows = judged("regression")["residuals"]
    fig = getattr(_charts, name)(rows)
    assert len(fig.data[0].x) == len(rows) == 200


def test_many_dots_are_drawn_by_webgl():
    rows = [{"actual": i, "predicted": i, "residual": 0} for i in range(2_000)]
    assert _charts.residuals(rows).data[0].type == "scattergl"


def test_deciles_start_at_zero():
    fig = _charts.deciles(judged("regression")["deciles"])
    assert fig.layout.yaxis.rangemode == "tozero"
    assert len(fig.data[0].y) == 10


BOARD = [
    {"title": "LightGBM", "score": 0.9, "interval": [0.88, 0.93], "seconds": 3.0, "baseline": False},
    {"title": EVIL, "score": 0.8, "interval": [0.7, 0.85], "seconds": 0.0, "baseline": False},
    {"title": "Baseline", "score": 0.5, "interval": [0.5, 0.5], "seconds": 0.1, "baseline": True},
]


def test_the_leaderboard_is_dots_with_intervals_and_a_dotted_baseline():
    fig = _charts.leaderboard_dots(BOARD, metric="ROC AUC", baseline=0.5)
    assert {trace.type for trace in fig.data} == {"scatter"}
    assert all(trace.mode == "markers" for trace in fig.data)
    assert np.allclose(fig.data[0].error_x.array, [0.03, 0.05])
    assert fig.layout.shapes[0].line.dash == "dot"
    assert fig.layout.shapes[0].x0 == 0.5


def test_speed_leaves_the_baseline_out():
    assert len(_charts.speed(BOARD, metric="ROC AUC").data[0].x) == 2


@pytest.mark.parametrize(("greater", "best"), [(True, [0.5, 0.9, 0.9]), (False, [0.5, 0.5, 0.4])])
def test_history_keeps_the_best_so_far(greater, best):
    scores = [0.5, 0.9, 0.4]
    trials = [{"family": "linear", "number": i, "title": "x", "score": s} for i, s in enumerate([*scores, None])]
    line, dots = _charts.history(trials, metric="m", greater=greater).data
    assert list(line.y) == best
    assert list(dots.y) == scores


@pytest.mark.parametrize("name", ["lightgbm", "mlp", "catboost", "xgboost"])
def test_parameters_of_real_families_are_drawn(name):
    family = entry("family", name)
    trials = [{"family": "linear", "number": i, "params": family.complete(), "score": 0.5 + i / 10} for i in range(3)]
    fig = _charts.parallel(trials, family.params, metric="m")
    assert len(fig.data[0].dimensions) == len(family.params) + 1
    for param in family.params:
        assert len(_charts.slice_(trials, param, metric="m").data[0].x) == 3


def test_importance_has_the_largest_on_top():
    rows = [{"column": EVIL, "importance": 0.3, "low": 0.2, "high": 0.4}, {"column": "b", "importance": 0.1, "low": -0.1, "high": 0.3}]
    fig = _charts.importance(rows, metric="m")
    low, high = fig.layout.yaxis.range
    assert low > high, "the axis runs downwards, so that the first row is on top"
    assert list(fig.data[0].x) == [0.3, 0.1]


def test_the_data_charts():
    assert list(_charts.histogram({"edges": [0, 1, 2], "counts": [3, 4]}).data[0].x) == [0.5, 1.5]
    days = _charts.histogram({"edges": ["1970-01-01T00:00:00", "1970-01-03T00:00:00"], "counts": [3]})
    assert days.layout.xaxis.type == "date" and list(days.data[0].x) == [86_400_000] and tuple(days.data[0].customdata[0]) == ("1970-01-01", "1970-01-03")
    assert list(_charts.levels([["a", 3], [EVIL, 1]]).data[0].x) == [3, 1]
    bars = _charts.class_balance([["no", 90], ["yes", 10]], positive="yes").data
    assert [bar.name for bar in bars] == ["yes", "no"]


def test_the_split_adds_up():
    bars = _charts.split(1_000, 0.2, 5).data
    assert len(bars) == 6
    assert sum(bar.x[0] for bar in bars) == 1_000
    in_time = _charts.split(1_000, 0.2, 4, in_time=True).data
    assert [bar.text[0] for bar in in_time] == ["Past", "1", "2", "3", "4", "Holdout"] and sum(bar.x[0] for bar in in_time) == 1_000


FITS = [
    Fit(0.0, 0.5, 1, what="prepare"), Fit(0.5, 2.0, 0, 1, "linear", "fold", 1, 0.8), Fit(0.5, 1.0, 1, 1, "linear", "fold", 2, None, "stopped"),
    Fit(2.5, 4.0, 0, 2, EVIL, "refit"),
]  # fmt: skip


def test_the_gantt_chart_has_a_row_per_slot_and_a_colour_per_family():
    fig = _traces.gantt(FITS, {"linear": "Linear model", EVIL: EVIL})
    assert [bars.name for bars in fig.data] == ["Linear model", _charts.text(EVIL), "Preparing"]
    assert [(list(b.base), list(b.x), list(b.y)) for b in fig.data] == [([0.5, 0.5], [2.0, 1.0], [0, 1]), ([2.5], [4.0], [0]), ([0.0], [0.5], [1])]
    assert len({bars.marker.color for bars in fig.data}) == 3
    assert fig.data[0].marker.opacity[1] < 1, "what was cut short is pale"
    assert list(fig.data[1].marker.pattern.shape) == ["/"], "a refit is hatched"
    assert list(fig.layout.yaxis.ticktext) == ["1", "2"]


def test_a_learning_curve_is_the_loss_with_training_dotted_and_gaps_left_out():
    points = [Point(10, -0.5, -0.4), Point(20, -0.3, -0.2), Point(30, None, -0.1)]
    fig = _traces.learning([{"name": "Trial 1, fold 1", "group": "Trial 1", "points": points}, {"name": "b", "group": "Trial 2", "points": points[:1]}])
    assert [list(line.y) for line in fig.data] == [[0.5, 0.3], [0.4, 0.2, 0.1], [0.5], [0.4]]
    assert [line.line.dash for line in fig.data] == ["solid", "dot", "solid", "dot"]
    assert [line.showlegend for line in fig.data] == [True, False, True, False]
    assert fig.data[0].line.color == fig.data[1].line.color != fig.data[2].line.color
    assert fig.data[2].mode == "markers", "a single point is no line"


def test_the_use_of_the_machine_leaves_out_what_is_not_there():
    usage = [Usage(0.0, 50.0, 1.5e9, None, None), Usage(1.0, 100.0, 2e9, None, None)]
    assert [list(line.y) for line in _traces.processors(usage).data] == [[50.0, 100.0]]
    assert [list(line.y) for line in _traces.memory(usage).data] == [[1.5, 2.0]]


def test_the_score_over_two_parameters_has_the_trials_as_dots():
    first, second = (entry("family", "lightgbm").param(name) for name in ("learning_rate", "num_leaves"))
    trials = [{"family": "linear", "number": 3, "params": {"learning_rate": 0.1, "num_leaves": 31}, "score": 0.9}]
    fig = _traces.contour({"x": [0.1, 0.2], "y": [8, 16], "z": [[0.1, None], [0.2, 0.3]]}, trials, (first, second), metric="m")
    assert (list(fig.data[1].x), list(fig.data[1].y)) == ([0.1], [31])
    assert fig.layout.xaxis.type == ("log" if first.log else "linear")


def test_nothing_from_the_data_becomes_markup():
    figures = [
        _charts.leaderboard_dots(BOARD, metric=EVIL), _charts.speed(BOARD, metric=EVIL), _charts.levels([[EVIL, 1]], title=EVIL),
        _charts.class_balance([[EVIL, 5]]), _charts.roc(judged("multiclass")["roc"]), _charts.confusion([[1]], [EVIL]),
        _charts.importance([{"column": EVIL, "importance": 0, "low": 0, "high": 0}], metric=EVIL),
        _traces.shares([(EVIL, 1.0)]), _traces.learning([{"name": EVIL, "group": EVIL, "points": [Point(1, -1.0)]}]), _traces.gantt(FITS, {}),
    ]  # fmt: skip
    for fig in figures:
        assert "<b onclick" not in fig.to_json().encode().decode("unicode_escape")
        assert "&lt;b onclick" in fig.to_json().encode().decode("unicode_escape")


def test_long_names_are_shortened():
    assert _charts.text("x" * 100) == "x" * 39 + "…"
    assert _charts.text("a\n b") == "a b"


def test_a_year_stays_a_year_and_a_little_is_never_nothing():
    assert [_ui.number(value) for value in (2013, 2016.5, 12345.678, 1234567.0, 0.25)] == ["2013", "2016.5", "12,345.7", "1,234,567", "0.25"]
    assert [_ui.share(part) for part in (0, 0.0001, 0.0106, 0.12, 0.9999, 1)] == ["0%", "below 0.1%", "1.1%", "12%", "over 99.9%", "100%"]
    assert _ui.shares([None, 0.0001, 0.0106, 0.9999]) == [None, 0.0001, 0.011, 0.9999]
