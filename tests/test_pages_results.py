"""The two results of a run, ensembles and runs without a holdout, on the pages that judge and keep."""

from __future__ import annotations

from functools import partial

import pytest

from pages import _judged, _results
from pipeline.executor import InlineExecutor
from pipeline.run import execute
from pipeline.worker import perform
from tests.test_pages_judge import Finished, finished, home, opened, queued, said  # noqa: F401  (fixtures are found by their names)

MEMBERS = [
    {"trial": 1, "family": "linear", "weight": 0.7, "folds": 3, "refits": 1}, {"trial": 2, "family": "lightgbm", "weight": 0.3, "folds": 3, "refits": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def unheld(finished: Finished):  # noqa: F811
    """A finished run that has held no rows out."""
    plan = finished.store.draft(finished.datasets["binary"].id).change(split={"holdout": 0, "folds": 3})
    run = finished.store.submit(plan)
    return perform(finished.store, finished.store.claim("test", run.id), partial(execute, executor=InlineExecutor()))


@pytest.fixture
def ended_with(finished: Finished, queued):  # noqa: F811
    """End a run with an evaluation like that of a real one, some of it changed, and the real one's models."""

    def end(**changes: object):
        store, real = finished.store, finished.runs["binary"]
        artifacts = {name: store.load(sha) for name, sha in store.run_artifacts(real.id).items()}
        lease = store.claim("test", queued.id)
        store.update(lease, best=real.best)
        evaluation = store.evaluation(real.id) | changes
        return store.finish(lease, evaluation=evaluation, leaderboard=store.leaderboard(real.id), artifacts=artifacts)

    return end


def shown(at) -> str:
    return said(at).replace("\\", "")


@pytest.mark.parametrize("page", ["leaderboard", "evaluate", "explain", "registry", "runs"])
def test_a_run_without_a_holdout_is_shown_and_said_plainly(unheld, page):
    at = opened(page, run=unheld.id)
    assert not at.exception and not at.error
    if page in ("leaderboard", "evaluate"):
        assert "No rows were held out" in shown(at)
    assert not any("Reveal" in button.label for button in at.button)


def test_without_a_holdout_there_is_no_choice_of_rows(unheld):
    at = opened("evaluate", run=unheld.id, part="Holdout")
    assert not at.exception and at.metric
    assert "all 240 were learned from" in shown(at)


def test_a_kept_version_says_that_no_rows_were_held_out(finished, unheld):  # noqa: F811
    version = finished.store.keep(unheld.id, "unheld")
    at = opened("registry", run=unheld.id)
    at.radio(key="model_name").set_value("unheld").run()
    assert "no rows were held out" in shown(at)
    at = opened("export", model=version.ref)
    assert not at.exception and not at.error


@pytest.mark.parametrize("page", ["leaderboard", "evaluate"])
def test_both_results_are_shown_with_score_and_time_and_what_the_fast_one_costs(finished, page):  # noqa: F811
    run = finished.runs["binary"]
    accurate, fast = finished.store.evaluation(run.id)["results"]
    text = shown(opened(page, run=run.id))
    for result in (accurate, fast):
        assert _results.made_of(result) in text and _results.speed(result) in text
        assert f"ROC AUC {_judged.number(result['cv'])} out of fold" in text
    assert _results.trade([accurate, fast], "roc_auc") in text


def test_the_holdout_scores_of_both_stay_shut_until_they_are_asked_for(finished):  # noqa: F811
    run = finished.runs["multiclass"]
    at = opened("evaluate", run=run.id, part="Holdout")
    held = [f"Log loss {_judged.number(r['holdout'])} on the holdout" for r in finished.store.evaluation(run.id)["results"]]
    assert not any(words in shown(at) for words in held)
    at.button(key="reveal").click().run()
    assert all(words in shown(at) for words in held)


@pytest.mark.parametrize("which", ["accurate", "fast"])
def test_either_result_can_be_kept(finished, which):  # noqa: F811
    store, run = finished.store, finished.runs["regression"]
    at = opened("registry", run=run.id)
    at.radio(key="keep_result").set_value(which)
    at.text_input(key="keep_name").set_value(f"houses {which}")
    at.button(key="keep").click().run()
    assert not at.exception and not at.error
    assert store.model(f"houses {which}").artifact == store.run_artifacts(run.id)[{"accurate": "predictor", "fast": "fast"}[which]]
    at.radio(key="model_name").set_value(f"houses {which}").run()
    table = next(d.value for d in at.dataframe if "Result" in d.value)
    assert table["Result"].tolist() == [_results.WORDS[which]]


def test_an_ensemble_is_named_with_its_members_and_weights(ended_with):
    run = ended_with(members=MEMBERS, ensemble={"models": 2, "gain": 0.012, "error": 0.004, "offered": True})
    at = opened("leaderboard", run=run.id)
    assert not at.exception
    assert "The result is an **ensemble**" in shown(at) and "+0.0120 ± 0.0040 ROC AUC" in shown(at)
    members = next(d.value for d in at.dataframe if "Weight" in d.value)
    assert members["Weight"].tolist() == [0.7, 0.3] and members["Trial"].tolist() == [1, 2]
    for page in ("evaluate", "explain"):
        assert "Ensemble of 2 models" in shown(opened(page, run=run.id))


def test_an_ensemble_that_was_not_better_than_noise_is_not_offered_and_that_is_said(finished, ended_with):  # noqa: F811
    one = finished.store.evaluation(finished.runs["binary"].id)["members"][:1]
    run = ended_with(ensemble={"models": 3, "gain": 0.001, "error": 0.004, "offered": False}, members=one)
    text = shown(opened("leaderboard", run=run.id))
    assert "An ensemble of 3 models was weighed and is **not offered**" in text and "+0.0010 ± 0.0040 ROC AUC" in text


def test_an_evaluation_of_an_earlier_trainyard_is_still_shown(finished, queued):  # noqa: F811
    store, real = finished.store, finished.runs["binary"]
    evaluation = {name: value for name, value in store.evaluation(real.id).items() if name not in ("results", "members", "ensemble", "split")}
    lease = store.claim("test", queued.id)
    store.update(lease, best=real.best)
    predictor = store.load(store.run_artifacts(real.id)["predictor"])
    run = store.finish(lease, evaluation=evaluation, leaderboard=store.leaderboard(real.id), artifacts={"predictor": predictor})
    for page in ("leaderboard", "evaluate", "explain", "registry"):
        at = opened(page, run=run.id)
        assert not at.exception and not at.error, page
    store.keep(run.id, "earlier")
    at = opened("registry", run=run.id)
    at.radio(key="model_name").set_value("earlier").run()
    assert not at.exception and not at.error


@pytest.mark.parametrize(
    ("metric", "accurate", "fast", "words"),
    [("roc_auc", 0.9, 0.88, "costs 0.0200 ROC AUC"), ("rmse", 10.0, 12.5, "costs 2.5000 RMSE"), ("rmse", 10.0, 9.0, "costs no RMSE out of fold")],
)
def test_the_trade_is_told_in_the_direction_of_the_metric(metric, accurate, fast, words):
    results = [
        {"name": "accurate", "models": 6, "members": [1, 2], "latency": 0.06, "cv": accurate},
        {"name": "fast", "models": 1, "members": [1], "latency": 0.01, "cv": fast},
    ]  # fmt: skip
    told = _results.trade(results, metric)
    assert words in told and "6.0 times as quickly" in told


def test_a_queued_run_is_discarded_by_its_own_button(finished, queued):  # noqa: F811
    at = opened("runs", run=queued.id)
    assert {"Stop and keep best", "Discard"} <= {button.label for button in at.button}
    at.button(key="discard_yes").click().run()
    assert not at.exception
    ended = finished.store.run(queued.id)
    assert (ended.state, ended.discarded) == ("cancelled", True)
    assert at.button(key="resume").label == "Start again" and "Discarded" in shown(at)


def test_a_running_run_that_is_discarded_says_so_until_its_worker_has_seen_it(finished, queued):  # noqa: F811
    lease = finished.store.claim("test", queued.id)
    at = opened("runs", run=queued.id)
    at.button(key="discard_yes").click().run()
    assert "nothing will be kept" in shown(at)
    finished.store.fail(lease, "x", "y", "z")
    assert finished.store.run(queued.id).state == "cancelled"




def test_a_run_in_seconds_is_replayed_by_a_button_and_one_in_trials_needs_none(finished, ended_with, queued):  # noqa: F811
    store = finished.store
    assert "replay" not in {button.key for button in opened("runs", run=finished.runs["binary"].id).button}
    store.request_stop(queued.id)
    seconds = store.submit(queued.plan.change(search={"seconds": 30}))
    lease, real = store.claim("test", seconds.id), finished.runs["binary"]
    store.update(lease, best=real.best)
    realised = [{"family": "baseline", "params": {}, "fits": [{"fold": 0}]}]
    store.finish(lease, evaluation=store.evaluation(real.id) | {"realised": realised}, leaderboard=store.leaderboard(real.id), artifacts={})
    opened("runs", run=seconds.id).button(key="replay").click().run()
    again = store.runs(limit=1)[0]
    assert [trial.family for trial in again.plan.replay] == ["baseline"] and again.plan.seed == seconds.plan.seed
    store.discard(again.id)


def test_what_a_selection_kept_is_shown_by_column_and_by_step(ended_with):
    columns = [{"column": "size", "source": "size", "seen": 3, "kept": 3}, {"column": "town: Ulm", "source": "town", "seen": 3, "kept": 1}]
    sources = [{"column": "size", "made": 1, "kept": 3}, {"column": "town", "made": 3, "kept": 1}]
    run = ended_with(selection={"folds": 3, "steps": [{"step": "select_l1", "title": "By a linear model", "columns": columns}], "sources": sources})
    at = opened("explain", run=run.id)
    assert not at.exception and "1 of 2 columns had the same answer" in shown(at)
    tables = [frame.value for frame in at.dataframe if "Kept" in frame.value]
    assert [list(table["Kept"].round(2)) for table in tables] == [[1.0, 0.33], [1.0, 0.33]]
