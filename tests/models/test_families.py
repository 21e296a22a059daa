"""THE contract of a model family, run over the whole catalogue: a family that is added is tested by this, unseen."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from pipeline import catalog
from pipeline.catalog import Entry
from pipeline.errors import PlanError, TrainingError, UnknownName
from pipeline.models import FamilyFacts, Resources, device_for
from tests.models import tables

ONE = Resources(threads=1, seed=7)
ROOT = Path(__file__).resolve().parents[2]
ENTRIES = catalog.entries("family")
PAIRS = [pytest.param(e, task, id=f"{e.name}-{task}") for e in ENTRIES for task in e.tasks]
BY_NAME = {"ids": lambda e: e.name}
EVERY = pytest.mark.parametrize(("entry", "task"), PAIRS)


def those(wanted) -> pytest.MarkDecorator:
    """Every task of the families whose facts say so."""
    pairs = [pytest.param(e, task, id=f"{e.name}-{task}") for e in ENTRIES if wanted(e.facts) for task in e.tasks]
    return pytest.mark.parametrize(("entry", "task"), pairs)


class Few:
    """Ends an iterative fit after some rounds, and remembers what it was told."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.seen = rounds, []

    def __call__(self, iteration: int, score: float | None) -> bool:
        self.seen.append((iteration, score))
        return len(self.seen) >= self.rounds


@pytest.fixture(scope="module")
def fitted():
    """The family with its defaults (of rounds, few), fitted once on the easy table, for every test that only looks."""
    have: dict[tuple[str, str], tuple] = {}

    def get(entry: Entry, task: str) -> tuple:
        if (entry.name, task) not in have:
            table = tables.table(entry, task)
            have[entry.name, task] = (entry.make(task, few(entry), ONE).fit(table.X, table.y), table)
        return have[entry.name, task]

    return get


def few(entry: Entry) -> dict[str, int]:
    """As many rounds as the easy table needs, where the family has rounds."""
    name = entry.facts.rounds
    return {name: min(60, entry.param(name).default)} if name else {}


def quick_fit(entry: Entry, task: str, X, y, params=None, rounds: int = 3, **named):
    """A fit that ends after a few rounds where the family has rounds."""
    estimator = entry.make(task, params or {}, ONE)
    return estimator.fit(X, y, on_round=Few(rounds), **named) if entry.facts.iterative else estimator.fit(X, y, **named)


@EVERY
def test_learns_an_easy_signal_better_than_the_baseline(entry, task, fitted):
    model, table = fitted(entry, task)
    tables.check_answers(model, table.new, classes=3 if task == "multiclass" else 2)
    if entry.name != "baseline":
        base, base_table = fitted(catalog.get("family", "baseline"), task)
        assert tables.loss(model, table.new, table.new_y) < 0.6 * tables.loss(base, base_table.new, base_table.new_y)


@pytest.mark.parametrize(("entry", "task"), [pair for pair in PAIRS if pair.values[1] != "regression"])
def test_no_class_is_impossible_even_where_it_has_learned_the_rows_by_heart(entry, task, fitted):
    model, table = fitted(entry, task)
    assert model.predict_proba(table.X).min() > 1e-7  # a log loss counts -log of it: one row called impossible outweighs hundreds


@EVERY
def test_same_seed_same_model_and_watching_the_rounds_changes_nothing(entry, task, fitted):
    model, table = fitted(entry, task)
    watching = {"on_round": lambda iteration, score: False} if entry.facts.iterative else {}
    again = entry.make(task, few(entry), ONE).fit(table.X, table.y, **watching)
    np.testing.assert_array_equal(tables.answers(model, table.new), tables.answers(again, table.new))


@EVERY
def test_one_row_and_a_batch_agree(entry, task, fitted):
    model, table = fitted(entry, task)
    single = tables.answers(model, tables.take(table.new, slice(5, 6)))
    np.testing.assert_allclose(single[0], tables.answers(model, table.new)[5], rtol=1e-4, atol=1e-6)


@those(lambda facts: facts.rounds)
def test_what_another_configuration_made_of_the_same_rows_changes_no_model(entry, task):
    table, other = tables.table(entry, task), {"learning_rate": entry.param("learning_rate").low}
    alone = quick_fit(entry, task, table.X, table.y)
    quick_fit(entry, task, tables.take(table.X, slice(60)), table.y[:60], content="other rows")
    quick_fit(entry, task, table.X, table.y, other, content=task)
    beside = quick_fit(entry, task, table.X, table.y, content=task)
    assert np.array_equal(tables.answers(beside, table.X), tables.answers(alone, table.X))


@those(lambda facts: facts.missing)
def test_accepts_missing_values_where_it_says_so(entry, task):
    table = tables.table(entry, task, missing=True)
    tables.check_answers(quick_fit(entry, task, table.X, table.y), table.new, classes=3 if task == "multiclass" else 2)


@those(lambda facts: facts.sparse)
def test_accepts_a_sparse_matrix_where_it_says_so(entry, task, fitted):
    dense, table = fitted(entry, task)
    model = entry.make(task, few(entry), ONE).fit(sparse.csr_matrix(table.X), table.y)
    found = tables.answers(model, sparse.csr_matrix(table.new))
    np.testing.assert_allclose(found, tables.answers(dense, table.new), rtol=0.02, atol=0.01)


@those(lambda facts: facts.categories == "native")
def test_an_unseen_category_is_a_missing_one(entry, task, fitted):
    model, table = fitted(entry, task)
    unseen, missing = table.new.copy(), table.new.copy()
    unseen["f3"] = unseen["f3"].cat.set_categories(["violet", *tables.LEVELS])
    unseen.loc[unseen.index[:10], "f3"] = "violet"
    missing.loc[missing.index[:10], "f3"] = np.nan
    np.testing.assert_array_equal(tables.answers(model, unseen), tables.answers(model, missing))


@those(lambda facts: facts.iterative)
def test_stops_when_told_and_stays_usable(entry, task):
    table, stop = tables.table(entry, task), Few(4)
    model = entry.make(task, {}, ONE).fit(table.X, table.y, on_round=stop)
    iterations = [iteration for iteration, _ in stop.seen]
    assert len(iterations) == 4 and iterations == sorted(set(iterations)) and iterations[0] >= 1
    assert 1 <= model.best_round_ <= iterations[-1]
    tables.check_answers(model, table.new, classes=3 if task == "multiclass" else 2)


def test_every_model_survives_a_pickle_into_a_new_process(fitted, tmp_path):
    kept = [(fitted(e, task)[0], fitted(e, task)[1].new) for e in ENTRIES for task in e.tasks]
    joblib.dump([(model, X, tables.answers(model, X)) for model, X in kept], tmp_path / "models.joblib")
    script = (
        "import sys, joblib, numpy as np\n"
        "from tests.models import tables\n"
        "for model, X, expected in joblib.load(sys.argv[1]):\n"
        "    np.testing.assert_allclose(tables.answers(model, X), expected, rtol=1e-6, atol=1e-9, err_msg=repr(model))\n"
        "assert 'torch' not in sys.modules, 'a network must predict without torch'\n"
    )
    done = python(script, str(tmp_path / "models.joblib"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("entry", ENTRIES, **BY_NAME)
def test_the_form_can_be_drawn_from_the_facts(entry):
    assert isinstance(entry.facts, FamilyFacts) and entry.title and entry.help.endswith(".")
    for param in entry.params:
        assert param.check(param.default) == param.default
        assert param.title and param.help.endswith(".")
        assert param.kind in ("bool", "choice") or param.low <= param.default <= param.high
        assert not param.log or param.low > 0


EXTREMES = [
    pytest.param(e, p, value, id=f"{e.name}-{p.name}-{value}")
    for e in ENTRIES for p in e.params for value in (p.choices or ((False, True) if p.kind == "bool" else (p.low, p.high)))
]  # fmt: skip


@pytest.mark.parametrize(("entry", "param", "value"), EXTREMES)
def test_the_ends_of_every_parameter_can_be_fitted(entry, param, value):
    for task in entry.tasks:
        table = tables.table(entry, task, rows=80)
        model = quick_fit(entry, task, table.X, table.y, {param.name: value}, rounds=2)
        tables.check_answers(model, table.new, classes=3 if task == "multiclass" else 2)


@EVERY
@pytest.mark.parametrize("case", ["single_feature", "constant_column", "only_constants", "rows_25", "one_row_each"])
def test_odd_tables(entry, task, case):
    random = np.random.default_rng(0)
    rows = {"rows_25": 25, "one_row_each": 3}.get(case, 90)
    numbers = random.normal(size=(rows, 1 if case == "single_feature" else 3))
    y = np.arange(rows) % 3 if case == "one_row_each" else tables.outcome(2 * numbers[:, 0], task)
    y = np.minimum(y, 1) if task == "binary" else y
    if case in ("constant_column", "only_constants"):
        numbers[:, 1 if case == "constant_column" else slice(None)] = 4.0
    X = tables.plain(entry, numbers)
    model = quick_fit(entry, task, X, y.astype(float) if task == "regression" else y)
    tables.check_answers(model, X, classes=0 if task == "regression" else len(np.unique(y)))


@EVERY
def test_a_class_with_one_row_and_a_target_that_never_changes(entry, task):
    table = tables.table(entry, task, rows=80)
    y = np.full(80, 3.5)
    if task != "regression":
        y = np.minimum(table.y, 1)
        y[17] = 2 if task == "multiclass" else y[17]
        y = y if task == "multiclass" else (np.arange(80) == 17).astype(int)
    model = quick_fit(entry, task, table.X, y)
    tables.check_answers(model, table.new, classes=3 if task == "multiclass" else 2)
    if task == "regression":
        np.testing.assert_array_equal(model.predict(table.new), 3.5)


@pytest.mark.parametrize("entry", ENTRIES, **BY_NAME)
def test_a_fold_with_a_single_class_gets_that_class(entry):
    table = tables.table(entry, "binary", rows=60)
    model = quick_fit(entry, "binary", table.X, np.zeros(60, int))
    tables.check_answers(model, table.new, classes=1)


@pytest.mark.parametrize("entry", ENTRIES, **BY_NAME)
def test_works_as_the_last_step_of_a_pipeline(entry):
    table = tables.table(entry, "binary", rows=60)
    line = Pipeline([("family", clone(entry.make("binary", {}, ONE)))])
    fit = {"family__on_round": Few(2)} if entry.facts.iterative else {}
    line.fit(table.X, table.y, **fit)
    assert line.predict_proba(table.new).shape == (60, 2)
    np.testing.assert_array_equal(line.classes_, [0, 1])


@pytest.mark.parametrize("entry", [e for e in ENTRIES if any(p.name == "early_stopping" for p in e.params)], **BY_NAME)
def test_without_early_stopping_exactly_the_given_rounds_are_grown(entry):
    table = tables.table(entry, "binary", rows=80)
    seen = Few(100)
    model = entry.make("binary", {"early_stopping": False, entry.facts.rounds: 20}, ONE).fit(table.X, table.y, on_round=seen)
    assert model.best_round_ == 20 and seen.seen[-1] == (20, None)


def test_unknown_and_impossible_parameters_are_refused():
    entry = catalog.get("family", "lightgbm")
    with pytest.raises(UnknownName, match="num_leafs") as unknown:
        entry.make("binary", {"num_leafs": 3}, ONE)
    assert "num_leaves" in unknown.value.suggestions
    with pytest.raises(PlanError, match="learning_rate"):
        entry.make("binary", {"learning_rate": 5.0}, ONE)


def test_lightgbm_numbers_categories_of_many_levels_by_frequency():
    import pandas as pd

    entry, random = catalog.get("family", "lightgbm"), np.random.default_rng(0)
    names = [f"plane {i}" for i in range(400)]
    X = pd.DataFrame({"f0": random.normal(size=2000), "f1": pd.Categorical.from_codes(random.integers(0, 400, 2000) // 2, names)})
    y = (X["f0"] > 0).astype(int).to_numpy()
    native = {coding: quick_fit(entry, "binary", X, y, {"category_coding": coding}).native_ for coding in ("auto", "native", "frequency")}
    assert native == {"auto": [], "native": [1], "frequency": []}


def test_svm_and_neighbours_bound_their_rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(31_000, 2)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    neighbours = catalog.get("family", "knn").make("binary", {}, ONE).fit(X, y)
    machine = catalog.get("family", "svm").make("binary", {}, ONE).fit(X, y)
    assert neighbours.model_.n_samples_fit_ == catalog.get("family", "knn").facts.max_rows
    assert machine.model_.named_steps["nystroem"].n_components == 300
    assert np.mean(machine.predict(X[:500]) == y[:500]) > 0.95


def test_svm_approximates_a_regression():
    X = np.random.default_rng(0).normal(size=(3_000, 2))
    y = 100 * np.sin(X[:, 0]) + 500
    model = catalog.get("family", "svm").make("regression", {}, ONE).fit(X, y)
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 10


@pytest.mark.parametrize("name", ["xgboost", "mlp", "tabm"])
def test_a_device_that_is_not_here_is_an_error_never_a_silent_cpu_run(name):
    entry = catalog.get("family", name)
    wanted = "cuda" if device_for(entry, "cuda") == "cpu" or not _cuda() else "mps"
    if wanted == "mps" and name == "xgboost":
        pytest.skip("CUDA is here and XGBoost can use it")
    table = tables.table(entry, "binary", rows=60)
    with pytest.raises(TrainingError, match="(?i)cuda|mps") as refused:
        entry.make("binary", {}, Resources(device=wanted)).fit(table.X, table.y)
    assert refused.value.hint


def test_device_for_keeps_cpu_families_on_the_cpu():
    network = catalog.get("family", "mlp")
    assert device_for(catalog.get("family", "lightgbm"), "cuda") == "cpu"
    able, unable = (dataclasses.replace(network, facts=dataclasses.replace(network.facts, supports=lambda device, yes=yes: yes)) for yes in (True, False))
    assert device_for(able, "cuda") == "cuda" and device_for(unable, "cuda") == "cpu"
    assert device_for(catalog.get("family", "xgboost"), "mps") == "cpu"


@pytest.mark.parametrize("name", ["mlp", "tabm"])
def test_a_device_that_the_installed_torch_cannot_use_is_not_offered(name):
    entry = catalog.get("family", name)
    assert device_for(entry, "cuda") == ("cuda" if _cuda() else "cpu")
    assert device_for(entry, "no such device") == "cpu"


def test_a_device_is_used_only_above_the_rows_where_it_pays():
    facts = {"categories": "codes", "scaled": False, "missing": True, "sparse": False, "speed": "fast"}
    entry = Entry("family", "x", "X", "X.", print, facts=FamilyFacts(**facts, device="cuda", device_rows=1_000))
    assert [device_for(entry, "cuda", rows) for rows in (999, 1_000, None)] == ["cpu", "cuda", "cuda"]
    assert catalog.get("family", "xgboost").facts.device_rows == 200_000


WEIGHED = [pytest.param(e, task, id=f"{e.name}-{task}") for e in ENTRIES if e.facts.weights for task in e.tasks]


@pytest.mark.parametrize(("entry", "task"), WEIGHED)
def test_a_row_that_counts_more_pulls_the_answer_to_it(entry, task):
    """A column that says nothing: all that can be learned is the weighted share, or the weighted mean."""
    classes = 3 if task == "multiclass" else 2
    y = np.arange(420) % classes
    X = tables.plain(entry, (np.arange(420) // classes % 2).astype(np.float32)[:, None])

    def answer(weight):
        model = entry.make(task, {}, ONE).fit(X, y.astype(float) if task == "regression" else y, sample_weight=weight)
        return np.mean(model.predict(X) if task == "regression" else model.predict_proba(X)[:, 1])

    plain, pulled = answer(None), answer(np.where(y == 1, 60.0, 10.0))
    if entry.name == "svm" and task == "regression":  # a median by nature: all or nothing
        assert pulled > 0.9 and plain < 0.9
        return
    assert plain == pytest.approx(1 / classes, abs=0.06)
    assert pulled == pytest.approx(6 / (5 + classes), abs=0.06)


@pytest.mark.parametrize("weight", [[1.0, 2.0], [-1.0] + [1.0] * 59, [0.0] * 60, [np.nan] * 60], ids=["few", "negative", "nothing", "missing"])
def test_weights_that_make_no_sense_are_refused(weight):
    table = tables.table(catalog.get("family", "linear"), "binary", rows=60)
    with pytest.raises(TrainingError, match="one weight per row") as refused:
        catalog.get("family", "linear").make("binary", {}, ONE).fit(table.X, table.y, sample_weight=weight)
    assert refused.value.hint


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["xgboost", "mlp", "tabm"])
def test_a_model_trained_on_the_gpu_predicts_on_the_cpu(name):
    entry = catalog.get("family", name)
    if device_for(entry, "cuda") == "cpu" or not _cuda():
        pytest.skip("a GPU is here, but the installed build cannot use it")
    table = tables.table(entry, "binary")
    model = entry.make("binary", {}, Resources(threads=1, seed=7, device="cuda")).fit(table.X, table.y)
    tables.check_answers(model, table.new, classes=2)
    assert tables.loss(model, table.new, table.new_y) < 0.4


def test_importing_the_models_loads_no_model_library():
    heavy = ("sklearn", "torch", "lightgbm", "xgboost", "catboost", "pandas", "scipy")
    done = python(f"import sys, pipeline.models; print([name for name in {heavy} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    return subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
