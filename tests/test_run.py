"""The whole pipeline on small tables: it learns, it is honest, it repeats itself, it stops and it goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline.data import infer
from pipeline.errors import DataError, PlanError, TrainingError, UnknownName
from pipeline.executor import InlineExecutor
from pipeline.latency import Loaded
from pipeline.models import Resources
from pipeline.plan import Plan
from pipeline.run import execute
from pipeline.trials import Task, TrainingData, Trial, fit
from pipeline.workspace import Workspace
from tests.tables import TABLES, customers

QUICK = ["linear", "lightgbm"]


def train(*words: object, **named: object) -> pipeline.Outcome:
    """`pipeline.train` in this process: no time to start others."""
    return pipeline.train(*words, **{"executor": InlineExecutor()} | named)


def briefly(frame: pd.DataFrame, target: str, families: list[str], trials: int = 1, seed: int = 0) -> pipeline.Outcome:
    """The same on three folds."""
    table, schema = infer(frame)
    plan = Plan.draft(schema, target).change(
        families=[{"family": name} for name in families], search={"strategy": "tpe", "trials": trials}, seed=seed, split={"holdout": 0, "folds": 3}
    )
    return carried_out(plan, table, schema, explained=False)


def carried_out(plan: Plan, table: pd.DataFrame, schema: object, **named: object) -> pipeline.Outcome:
    return execute(plan, table, schema=schema, executor=InlineExecutor(), **named)


@pytest.fixture(scope="module", params=TABLES)
def trained(request: pytest.FixtureRequest) -> tuple[str, pd.DataFrame, pipeline.Outcome]:
    make, target = TABLES[request.param]
    return request.param, make(), train(make(), target, budget_trials=3, families=QUICK, seed=1, holdout=0.2)


def test_it_learns_what_there_is_to_learn(trained: tuple) -> None:
    task, _, outcome = trained
    value = {m["name"]: m["value"] for m in outcome.evaluation["holdout"]["metrics"]}
    assert {"binary": value.get("roc_auc", 0) > 0.75, "multiclass": value.get("accuracy", 0) > 0.9, "regression": value.get("r2", 0) > 0.9}[task]


def test_the_board_has_each_family_once_best_first_with_the_baseline(trained: tuple) -> None:
    _, _, outcome = trained
    board = outcome.leaderboard
    assert sorted(row["family"] for row in board) == ["baseline", "lightgbm", "linear"]
    better = pipeline.entry("metric", outcome.plan.metric).facts.greater
    assert [r["score"] for r in board] == sorted((r["score"] for r in board), reverse=better)
    assert all(row["interval"][0] <= row["score"] <= row["interval"][1] and row["seconds"] > 0 for row in board)
    assert board[-1]["family"] == "baseline" and board[0]["tied"] and not board[-1]["tied"]


def test_the_predictor_answers_in_the_words_of_the_file(trained: tuple) -> None:
    task, frame, outcome = trained
    target = outcome.plan.target
    predicted = outcome.predictor.predict(frame.drop(columns=target))
    assert predicted.shape == (len(frame),)
    if task == "regression":
        assert predicted.dtype == float and outcome.predictor.classes == ()
        return
    assert set(predicted) <= set(frame[target]) == set(outcome.predictor.classes)
    p = outcome.predictor.predict_proba(frame)
    assert p.shape == (len(frame), len(outcome.predictor.classes))
    assert np.allclose(p.sum(axis=1), 1) and np.isfinite(p).all()


def test_the_holdout_is_in_no_fold_and_every_other_row_is_in_one(trained: tuple) -> None:
    _, frame, outcome = trained
    held, folds = outcome.rows["holdout"], outcome.rows["folds"]
    assert sorted(np.concatenate([held, *folds])) == list(range(len(frame)))
    assert outcome.evaluation["holdout"]["rows"] == len(held) and outcome.evaluation["cv"]["rows"] == len(frame) - len(held)


def test_the_holdout_score_is_that_of_the_kept_predictor(trained: tuple) -> None:
    task, frame, outcome = trained
    rows, target = frame.iloc[outcome.rows["holdout"]], outcome.plan.target
    told = {m["name"]: m["value"] for m in outcome.evaluation["holdout"]["metrics"]}
    predicted = outcome.predictor.predict(rows)
    if task == "regression":
        assert told["mae"] == pytest.approx(np.abs(predicted - rows[target]).mean())
    else:
        assert told["accuracy"] == pytest.approx((predicted == rows[target]).mean())


def test_a_budget_in_trials_repeats_itself_exactly_and_without_a_holdout_every_row_is_learned_from_and_judged_out_of_fold() -> None:
    outcome, again = (briefly(customers(), "left", QUICK, trials=3, seed=3) for _ in range(2))
    assert [(t.family, t.params, t.score) for t in outcome.trials] == [(t.family, t.params, t.score) for t in again.trials]
    assert np.array_equal(*(run.predictor.predict_proba(customers(seed=9)) for run in (outcome, again)))
    assert len(outcome.trials) == 4  # three and the baseline
    assert "holdout" not in outcome.evaluation and len(outcome.rows["holdout"]) == 0
    assert sorted(np.concatenate(outcome.rows["folds"])) == list(range(240))
    assert outcome.evaluation["cv"]["rows"] == 240
    assert [result["holdout"] for result in outcome.evaluation["results"]] == [None, None]


def test_both_results_say_what_they_reach_and_cost(trained: tuple) -> None:
    task, frame, outcome = trained
    accurate, fast = outcome.evaluation["results"]
    assert (accurate["name"], fast["name"], fast["models"]) == ("accurate", "fast", 1)
    assert accurate["models"] == len(outcome.predictor.models) == len(outcome.predictor.weights)
    assert len(outcome.fast.models) == 1 and fast["latency"] <= accurate["latency"]
    assert sum(outcome.predictor.weights) == pytest.approx(1) == sum(member["weight"] for member in accurate["members"])
    metric = {m["name"]: m for m in outcome.evaluation["holdout"]["metrics"]}[outcome.plan.metric]
    assert accurate["holdout"] == pytest.approx(metric["value"])
    rows = frame.iloc[outcome.rows["holdout"]]
    if task == "regression":
        assert fast["holdout"] == pytest.approx(np.sqrt(((outcome.fast.predict(rows) - rows[outcome.plan.target]) ** 2).mean()))


def test_the_figures_out_of_fold_rest_on_exactly_the_rows_that_have_predictions(trained: tuple) -> None:
    _, _, outcome = trained
    best = next(t for t in outcome.trials if t.number == outcome.evaluation["trial"])
    known = ~np.isnan(best.oof.reshape(len(best.oof), -1)).any(axis=1)
    assert outcome.evaluation["cv"]["rows"] == known.sum() == len(outcome.rows["train"])


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path) -> None:
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left").change(
        families=[{"family": f} for f in QUICK], search={"strategy": "tpe", "trials": 3}, split={"holdout": 0, "folds": 3}
    )
    whole = carried_out(plan, table, schema, explained=False)
    told: list[tuple] = []

    def note(kind: str, payload: dict) -> None:
        if kind == "fit":
            told.append((payload["number"], payload["what"], payload["fold"]))

    carried_out(plan, table, schema, on_event=note, should_stop=lambda: len(told) >= 8, explained=False, workspace=tmp_path / "space")
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "space").glob("fit-*")}
    assert len(kept) == len(told) == 8
    resumed = carried_out(plan, table, schema, explained=False, workspace=tmp_path / "space")
    assert kept.items() <= {path.name: path.stat().st_mtime_ns for path in (tmp_path / "space").glob("fit-*")}.items(), "no fit is repeated"
    assert [(t.params, t.score) for t in resumed.trials] == [(t.params, t.score) for t in whole.trials]
    assert np.array_equal(resumed.predictor.predict_proba(customers(seed=9)), whole.predictor.predict_proba(customers(seed=9)))


def test_stopping_keeps_the_best_so_far_and_says_so() -> None:
    table, schema = infer(customers())
    trials: list[Trial] = []
    plan = Plan.draft(schema, "left").change(families=[{"family": "linear"}], search={"strategy": "random", "trials": 1000})
    outcome = carried_out(plan, table, schema, should_stop=lambda: len(trials) >= 2,
                          on_event=lambda kind, p: trials.append(p["trial"]) if kind == "trial" else None)  # fmt: skip
    assert outcome.stopped and outcome.leaderboard[0]["family"] == "linear"
    with pytest.raises(TrainingError, match="No model was finished"):
        carried_out(plan, table, schema, should_stop=lambda: True)


def test_a_family_that_fails_ends_neither_the_run_nor_goes_unsaid() -> None:
    from pipeline import catalog
    from pipeline.models import family

    @family("broken", title="Broken", help="For this test.", order=5, categories="codes", scaled=False, missing=True, sparse=False, speed="fast")
    def broken(task: str, params: dict, resources: object) -> object:
        raise ValueError("no luck")

    try:
        outcome = train(customers(), "left", budget_trials=2, families=["broken", "linear"])
    finally:
        catalog.unregister("family", "broken")
    assert {t.family: t.state for t in outcome.trials} == {"baseline": "complete", "broken": "failed", "linear": "complete"}
    assert any("Broken" in w and "no luck" in w for w in outcome.warnings)


@pytest.mark.parametrize("family", ["linear", "lightgbm", "mlp"])
def test_what_happens_in_the_validation_rows_changes_no_fitted_model(family: str, tmp_path) -> None:
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left")
    valid, rest = np.arange(48), np.arange(48, 240)
    y = (table["left"].to_numpy(dtype=object) == True).astype(int)  # noqa: E712  (nullable booleans)

    def fitted(name: str, table: pd.DataFrame, y: np.ndarray) -> tuple[np.ndarray, bytes]:
        space = Workspace(tmp_path / name)
        data = TrainingData(plan, table, y, np.arange(240), [(rest, valid)], (False, True))
        data.save(space)
        made = fit(str(space.path), Task(0, family, pipeline.entry("family", family).complete(), 0, Resources()), tell=lambda said: None)
        model = Loaded(space, data).model(made)
        return model.predict(table.iloc[rest]), next(space.path.glob("recipe-*-train.0")).read_bytes()

    other_table, other_y = table.copy(), y.copy()
    other_table.loc[valid, "spend"], other_table.loc[valid, "plan"], other_y[valid] = 1e6, "never seen", 1 - y[valid]
    (mine, recipe), (other, other_recipe) = fitted("a", table, y), fitted("b", other_table, other_y)
    assert np.array_equal(mine, other)
    assert recipe == other_recipe, "the recipe makes the same of the training rows, byte by byte"


def noise(columns: dict[str, object], rows: int = 400) -> pd.DataFrame:
    """Labels that have nothing to do with the columns, one half of either."""
    return pd.DataFrame({**columns, "left": np.random.default_rng(5).permutation(["yes", "no"] * (rows // 2))})


def test_random_labels_give_no_score() -> None:
    frame = customers(400)
    frame["left"] = np.random.default_rng(5).permutation(frame["left"])
    outcome = briefly(frame, "left", QUICK, trials=2)
    auc = {r["family"]: r["score"] for r in outcome.leaderboard}
    assert all(0.4 < auc[f] < 0.6 for f in QUICK)


def test_many_columns_of_noise_give_no_score() -> None:
    rng = np.random.default_rng(0)
    outcome = briefly(noise({f"c{i}": rng.normal(size=400).round(3) for i in range(1_000)}), "left", ["linear"])
    assert out_of_fold(outcome) == pytest.approx(0.5, abs=0.05)


def test_a_category_with_a_level_for_nearly_every_row_gives_no_score() -> None:
    """A code made of the labels of the row itself would give 0.7 and more. The mean of several draws: one of 400 rows is off by 0.03."""
    scores = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        columns = {"street": rng.choice([f"street {i}" for i in range(250)], 400), "x": rng.normal(size=400).round(2)}
        frame = noise(columns).assign(left=rng.permutation(["yes", "no"] * 200))
        scores.append(out_of_fold(briefly(frame, "left", ["lightgbm"])))
    assert np.mean(scores) == pytest.approx(0.5, abs=0.05)


def out_of_fold(outcome: pipeline.Outcome) -> float:
    return next(m["value"] for m in outcome.evaluation["cv"]["metrics"] if m["name"] == "roc_auc")


def test_rows_without_a_target_and_repeated_rows_are_left_out_and_counted() -> None:
    frame = customers()
    frame.loc[:9, "left"] = None
    outcome = briefly(frame, "left", ["linear"])
    assert any("10 of 240 rows" in w for w in outcome.warnings)
    assert len(outcome.rows["train"]) == 230


@pytest.mark.parametrize(
    ("change", "target", "error", "words"),
    [
        ({"left": "no"}, "left", PlanError, "single value"),
        ({}, "lefft", UnknownName, "left"),
        ({"left": None}, "left", PlanError, "empty"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_a_hint(change: dict, target: str, error: type, words: str) -> None:
    with pytest.raises(error) as caught:
        pipeline.train(customers().assign(**change), target, budget_trials=1)
    assert words in str(caught.value) + caught.value.hint and caught.value.hint


def test_columns_may_have_numbers_for_names_but_not_one_name_for_two() -> None:
    frame = customers().rename(columns={"left": 7, "spend": 0})
    outcome = train(frame, 7, budget_trials=1, families=["linear"])
    assert set(outcome.predictor.predict(frame)) <= {"yes", "no"}
    with pytest.raises(DataError, match="'0'"):
        pipeline.train(pd.concat([frame, frame[[0]]], axis=1), 7, budget_trials=1)


def test_text_as_a_regression_target_is_refused() -> None:
    with pytest.raises(PlanError, match="'plan' is text"):
        pipeline.train(customers(), "plan", task="regression", budget_trials=1)


def test_a_rare_class_with_one_member_does_not_sink_the_run() -> None:
    frame = TABLES["multiclass"][0]()
    frame.loc[0, "kind"] = "orchid"
    outcome = briefly(frame, "kind", QUICK, trials=2)
    assert "orchid" in outcome.predictor.classes
    assert np.allclose(outcome.predictor.predict_proba(frame).sum(axis=1), 1)


def test_importance_finds_the_columns_that_matter() -> None:
    table, schema = infer(customers(400))
    plan = Plan.draft(schema, "left").change(families=[{"family": "lightgbm"}], search={"strategy": "random", "trials": 1})
    rows = carried_out(plan, table, schema).evaluation["importance"]
    assert rows[0]["column"] == "calls" and rows[0]["low"] > 0
    assert {row["column"] for row in rows} == set(plan.features)
