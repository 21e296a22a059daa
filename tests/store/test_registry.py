"""The registry: versions never change, aliases move, and names cannot pass for references."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from pipeline import Plan, features
from pipeline.data import infer
from pipeline.errors import DamagedArtifact, NotFound, StoreError
from pipeline.features import selectors
from pipeline.predictor import FittedModel, Predictor
from tests.store import homes


@pytest.fixture
def finish(store):
    """Finish a new run whose "model" is a set with one number, and return its id."""

    def do(number: int) -> str:
        lease = store.claim("w", store.submit(homes.plan_for(store, seed=number)).id)
        store.finish(lease, state="done", evaluation={"n": number}, leaderboard=[], artifacts={"predictor": {number}})
        return lease.run.id

    return do


def test_versions_count_per_name_and_know_where_they_come_from(store, finish):
    runs = [finish(1), finish(2)]
    versions = [store.keep(runs[0], "churn"), store.keep(runs[1], "churn"), store.keep(runs[0], "other")]
    assert [version.ref for version in versions] == ["churn:1", "churn:2", "other:1"]
    assert store.versions("churn") == [versions[1], versions[0]]
    assert store.versions() == list(reversed(versions))
    first, dataset, run = versions[0], store.datasets()[0], store.run(runs[0])
    assert (first.run_id, first.attempt, first.plan_fingerprint) == (run.id, 1, run.fingerprint)
    assert (first.dataset_id, first.content_sha256, first.file_sha256) == (dataset.id, dataset.sha256, dataset.file_sha256)
    assert store.predictor("churn:1") == {1}
    assert store.predictor(versions[1]) == store.predictor("churn") == {2}


def test_a_version_keeps_its_model_when_the_run_is_resumed(store):
    lease = store.claim("w", store.submit(homes.plan_for(store)).id)
    store.finish(lease, state="cancelled", evaluation={}, leaderboard=[], artifacts={"predictor": {"early"}})
    store.keep(lease.run.id, "churn")
    store.resume(lease.run.id)
    store.finish(store.claim("w"), state="done", evaluation={}, leaderboard=[], artifacts={"predictor": {"late"}})
    second = store.keep(lease.run.id, "churn")
    assert (store.predictor("churn:1"), store.predictor("churn:2"), second.attempt) == ({"early"}, {"late"}, 2)


def test_the_same_model_of_the_same_run_is_kept_once_per_name_and_the_fast_one_is_another(store):
    lease = store.claim("w", store.submit(homes.plan_for(store)).id)
    store.finish(lease, state="done", evaluation={}, leaderboard=[], artifacts={"predictor": {"accurate"}, "fast": {"fast"}})
    first = store.keep(lease.run.id, "churn")
    fast = store.keep(lease.run.id, "churn", "fast")
    store.point("churn", "champion", 1)
    assert (fast.version, store.keep(lease.run.id, "churn", "fast")) == (2, fast)
    again = store.keep(lease.run.id, "churn")
    assert (again.ref, again.created, again.aliases) == ("churn:1", first.created, ("champion",))
    assert len(store.versions()) == 2 and store.keep(lease.run.id, "other").ref == "other:1"


def test_aliases_move(store, finish):
    for number in (1, 2):
        store.keep(finish(number), "churn")
    assert store.point("churn", "champion", 1).aliases == ("champion",)
    assert store.model("churn@champion").version == 1
    store.point("churn", "champion", 2)
    store.point("churn", "challenger", 1)
    assert store.aliases("churn") == {"champion": 2, "challenger": 1}
    assert store.model("churn@champion").ref == "churn:2"
    for call in (lambda: store.point("churn", "champion", 3), lambda: store.model("churn:9"), lambda: store.model("churn@nobody")):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(StoreError, match="cannot be an alias"):
        store.point("churn", "two words", 1)
    assert store.aliases("churn") == {"champion": 2, "challenger": 1}


def test_a_near_miss_is_named(store, finish):
    store.keep(finish(1), "churn")
    with pytest.raises(NotFound) as caught:
        store.model("chrun")
    assert caught.value.hint == "Did you mean 'churn'?"


def test_naughty_names_round_trip(store, finish):
    run = finish(1)
    for name in (*homes.NAMES, "x" * 200, "with:colon", "me@example.com", "x:3"):
        assert store.model(store.keep(run, name).ref).name == name
        assert store.model(name).name == name
        store.point(name, "champion", 1)
        assert store.model(f"{name}@champion").name == name
    homes.all_is_well(store)


def test_no_name_can_pass_for_a_reference_to_another_model(store, finish):
    run = finish(1)
    store.keep(run, "churn")
    for name in ("churn@champion", "churn:7"):
        with pytest.raises(StoreError, match="read as a reference"):
            store.keep(run, name)


def test_only_a_run_with_a_model_is_kept(store):
    run = store.submit(homes.plan_for(store))
    with pytest.raises(StoreError, match="is queued and has no model"):
        store.keep(run.id, "churn")
    with pytest.raises(NotFound):
        store.keep("0" * 12, "churn")
    with pytest.raises(StoreError, match="empty"):
        store.keep(run.id, " ")


def test_a_damaged_model_is_quarantined_and_the_others_are_not(store, finish):
    bad, good = store.keep(finish(1), "bad"), store.keep(finish(2), "good")
    path = store.home / "objects" / bad.artifact[:2] / bad.artifact
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedArtifact):
        store.predictor("bad")
    assert (store.model("bad").state, store.model("good").state) == ("quarantined", "ready")
    assert store.predictor(good) == {2}


def test_a_model_of_older_code_says_so_when_it_is_opened_and_what_to_do(store, monkeypatch):
    """One lacks what the present class asks of it; of the other the class itself is gone."""
    table, schema = infer(pd.DataFrame({"size": [i % 11 + 0.5 for i in range(40)], "price": [i % 7 + 0.25 for i in range(40)]}))
    plan = Plan.draft(schema, "price")
    recipe = features.build(plan, features.Needs()).fit(table)
    model = FittedModel(recipe, LinearRegression().fit(recipe.transform(table), table["price"]), None)
    lease = store.claim("w", store.submit(homes.plan_for(store)).id)
    whole = Predictor(plan.task, "price", schema.only({"size"}), (model,))
    store.finish(lease, state="done", evaluation={}, leaderboard=[], artifacts={"predictor": whole})
    kept = store.keep(lease.run.id, "prices")
    assert len(store.predictor(kept).predict(table)) == 40
    asks_more = property(lambda self: self.kept_again_)
    for change in (lambda: monkeypatch.setattr(selectors.ByDistinct, "kept_", asks_more, raising=False), lambda: monkeypatch.delattr(selectors, "ByDistinct")):
        change()
        with pytest.raises(StoreError, match="prices:1 was kept by another version.*(kept_again_|ByDistinct)") as gone:
            store.predictor(kept)
        assert "Train it again" in gone.value.hint and "bundle" in gone.value.hint
