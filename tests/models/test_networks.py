"""The networks: what they learn, that stacked models learn as if alone, and what happens when memory or a device fails."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline import catalog
from pipeline.errors import OutOfMemory
from pipeline.models import Resources, network
from pipeline.models.early_stopping import inner_split, mean_loss
from pipeline.models.nets import stack, training

ONE = Resources(threads=1, seed=3)
QUIET = {"mlp": {"dropout": 0.0, "width": 32}, "tabm": {"dropout": 0.0, "width": 32, "members": 4}}
BOTH = pytest.mark.parametrize("name", list(QUIET))


def make(name: str, task: str, **params):
    return catalog.get("family", name).make(task, QUIET[name] | params, ONE)


def numbers_and_flags(rows: int, numbers: int, flags: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack([random.integers(0, 2, (rows, flags)), random.normal(size=(rows, numbers))]).astype(np.float32)


def additive(X: np.ndarray) -> np.ndarray:
    return 1000 + 50 * (np.abs(X[:, -1]) + np.sin(3 * X[:, -2]))


@BOTH
def test_learns_exclusive_or(name):
    X = np.random.default_rng(0).uniform(-1, 1, (800, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = make(name, "binary", learning_rate=4e-3).fit(X[:600], y[:600])
    assert np.mean(model.predict(X[600:]) == y[600:]) > 0.93


@BOTH
def test_learns_an_additive_function_in_its_own_unit(name):
    X = numbers_and_flags(1_200, 2, 1, seed=0)
    model = make(name, "regression", learning_rate=4e-3).fit(X[:900], additive(X[:900]))
    error = np.sqrt(np.mean((model.predict(X[900:]) - additive(X[900:])) ** 2))
    assert error < 0.25 * np.std(additive(X))


@BOTH
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("weighted", [False, True])
def test_stacked_models_learn_what_they_learn_alone(name, task, weighted):
    """Folds of other sizes, recipes with other columns and configurations with other rates, in one stack."""
    models, tables = [], []
    for seed, (rows, numbers, flags, rate) in enumerate([(300, 3, 2, 1e-3), (290, 3, 2, 4e-3), (300, 1, 4, 4e-3), (300, 2, 0, 2e-3)]):
        X = numbers_and_flags(rows, numbers, flags, seed)
        y = X[:, -1] * 3 + 10 if task == "regression" else np.digitize(X[:, -1], [0.0] if task == "binary" else [-0.5, 0.5])
        weight = np.random.default_rng(seed).uniform(0.5, 2, rows) if weighted else None
        resources = Resources(threads=1, seed=seed)
        models.append(catalog.get("family", name).make(task, QUIET[name] | {"epochs": 6, "learning_rate": rate}, resources))
        tables.append((X, y, weight))
    alone = [model.__class__(**model.get_params()).fit(X, y, sample_weight=w) for model, (X, y, w) in zip(models, tables, strict=True)]
    together = network.fit_many(models, tables)
    for one, many, (X, *_) in zip(alone, together, tables, strict=True):
        assert (one.best_round_, many.degraded_) == (many.best_round_, None)
        np.testing.assert_allclose(many._values(X), one._values(X), rtol=2e-3, atol=2e-3)


def test_models_that_stop_early_leave_the_stack_and_keep_their_best_round():
    X = numbers_and_flags(400, 2, 1, seed=0)
    y = (X[:, -1] > 0).astype(int)
    models = [make("mlp", "binary", epochs=epochs) for epochs in (2, 3, 4, 12)]
    seen = [[] for _ in models]
    watchers = [lambda iteration, score, own=own: own.append(iteration) is not None for own in seen]
    network.fit_many(models, [(X, y)] * 4, watchers)
    assert [own[-1] for own in seen] == [2, 3, 4, 12]
    alone = make("mlp", "binary", epochs=12).fit(X, y)
    np.testing.assert_allclose(models[-1].predict_proba(X), alone.predict_proba(X), atol=2e-3)


def test_a_fold_with_nothing_to_learn_does_not_disturb_the_others():
    X = numbers_and_flags(120, 2, 1, seed=0)
    models = network.fit_many([make("mlp", "binary", epochs=3) for _ in range(2)], [(X, np.zeros(120, int)), (X, np.arange(120) % 2)])
    assert models[0].predict_proba(X).shape == (120, 1) and models[1].predict_proba(X).shape == (120, 2)


@BOTH
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_best_round_is_kept_and_its_score_is_what_was_said(name, task):
    X, scores = numbers_and_flags(300, 2, 1, seed=1), []
    y = np.random.default_rng(0).permutation(X[:, -1]) if task == "regression" else np.random.default_rng(0).integers(0, 2, 300)
    model = make(name, task, learning_rate=1e-2, patience=8).fit(X, y, on_round=lambda i, score: scores.append(score))
    assert model.best_round_ == int(np.argmax(scores)) + 1 < len(scores) == model.best_round_ + 8
    _, valid = inner_split(y.astype(np.float64) if task == "regression" else y, ONE.seed)
    found = model._values(X[valid]) / model.scale_ if task == "regression" else model._values(X[valid])
    truth = y[valid] / model.scale_ if task == "regression" else y[valid]
    assert -mean_loss(truth, found, task != "regression") == pytest.approx(max(scores), rel=1e-3)


@BOTH
def test_a_refit_learns_from_all_rows_for_exactly_the_given_rounds(name):
    X = numbers_and_flags(300, 2, 1, seed=1)
    seen = []
    model = make(name, "binary", epochs=7, early_stopping=False).fit(X, np.arange(300) % 2, lambda i, score: seen.append((i, score)))
    assert seen == [(i, None) for i in range(1, 8)] and model.best_round_ == 7


@BOTH
def test_missing_values_and_columns_that_never_change_are_harmless(name):
    X = numbers_and_flags(300, 3, 2, seed=1)
    X[:, 0], X[::7, 2] = 4.0, np.nan
    model = make(name, "binary", epochs=5).fit(X, (X[:, -1] > 0).astype(int))
    new = X.copy()
    new[:3] = np.nan
    assert np.isfinite(model.predict_proba(new)).all()


@BOTH
@pytest.mark.parametrize("flags", [0, 3])
def test_arrays_alone_predict_what_torch_would(name, flags):
    X = numbers_and_flags(200, 3, flags, seed=2)
    model = make(name, "multiclass", epochs=2).fit(X, np.digitize(X[:, -1], [-0.5, 0.5]))
    layout = stack.Layout(model._shape(), 3, flags)
    params = {key: torch.from_numpy(values)[None] for key, values in model.model_.items()}
    bins = {key: torch.from_numpy(model.columns_[key])[None] for key in ("low", "inverse")}
    numbers_first = torch.from_numpy(X[:, [*range(flags, flags + 3), *range(flags)]])
    scores = stack.forward(layout, params, bins, numbers_first[None, None], learn=False)
    np.testing.assert_allclose(model._values(X), scores.softmax(-1).mean(1)[0].numpy(), atol=1e-5)


@BOTH
def test_the_same_seed_gives_the_same_model_and_another_seed_another(name):
    X = numbers_and_flags(200, 2, 1, seed=2)
    y = (X[:, -1] > 0).astype(int)
    entry = catalog.get("family", name)
    first, again, other = (entry.make("binary", {"epochs": 3}, Resources(threads=1, seed=s)).fit(X, y).predict_proba(X) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_a_row_that_counts_twice_is_a_row_given_twice():
    """The loss and its gradient, before any step."""
    X, y = numbers_and_flags(40, 2, 1, seed=0), np.arange(40) % 2
    weight = np.where(np.arange(40) < 10, 2.0, 1.0)
    twice = np.concatenate([np.arange(40), np.arange(10)])
    model = make("tabm", "binary", early_stopping=False)
    model._begin(X, y)
    weighed, doubled = model._job(X, y, weight * 40 / weight.sum(), None), model._job(X[twice], y[twice], None, None)
    doubled = training.Job(**{**vars(doubled), "low": weighed.low, "inverse": weighed.inverse})
    gradients = []
    for job in (weighed, doubled):
        stacked = training._Stack.of([job], "cpu", len(job.X))
        places = torch.arange(len(job.X)).expand(1, job.shape.members, -1)
        stacked._errors(places).sum().backward()
        gradients.append(stacked.grad.numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-6)


class Memory(TorchDispatchMode):
    """A device whose memory holds no tensor above a size: raises what CUDA's allocator raises."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.values, self.refused = values, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor) and found.numel() > self.values:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory (a limit set by a test)")
        return found


@pytest.fixture
def nothing_known(monkeypatch):
    monkeypatch.setattr(training, "_safe", {})


def wide_stack(models: int) -> tuple[list, list]:
    X = numbers_and_flags(2_000, 2, 1, seed=0)
    made = [make("mlp", "binary", width=256, layers=1, bins=2, epochs=6, patience=100, learning_rate=4e-3) for _ in range(models)]
    return made, [(X, (X[:, -1] > 0).astype(int))] * models


@pytest.mark.usefixtures("nothing_known")
def test_when_the_memory_is_short_fewer_models_train_at_a_time_and_learn_the_same():
    models, tables = wide_stack(4)
    with Memory(64 * 256 * 2) as memory:  # the hidden layer of two models fits
        network.fit_many(models, tables)
    assert memory.refused == 1 and "2 of 4 models" in models[0].notes_[0]
    for model in models:
        assert np.mean(model.predict(tables[0][0]) == tables[0][1]) > 0.9
    again, tables = wide_stack(4)
    with Memory(64 * 256 * 2) as memory:
        network.fit_many(again, tables)
    assert memory.refused == 0  # the safe size was remembered


@pytest.mark.usefixtures("nothing_known")
def test_when_not_even_one_model_fits_fewer_rows_make_a_batch():
    (model,), tables = wide_stack(1)
    with Memory(64 * 256 // 2):
        network.fit_many([model], tables)
    assert model.notes_ and "32 rows" in model.notes_[0]
    assert np.mean(model.predict(tables[0][0]) == tables[0][1]) > 0.9


@pytest.mark.usefixtures("nothing_known")
def test_memory_that_holds_nothing_is_an_error_with_a_way_out():
    (model,), tables = wide_stack(1)
    with pytest.raises(OutOfMemory, match="do not fit") as refused, Memory(64):
        network.fit_many([model], tables)
    assert refused.value.hint


def test_a_device_that_fails_is_replaced_by_the_cpu_and_it_is_said():
    """torch's "meta" device has no memory at all: everything that looks at a value there fails."""
    X = numbers_and_flags(200, 2, 1, seed=0)
    y = (X[:, -1] > 0).astype(int)
    model = make("tabm", "binary", epochs=3)
    job = model._job(X, model._begin(X, y), None, None)
    (trained,) = training._trained([job], ONE, "meta")
    assert "was to be trained on meta, which failed" in trained.degraded and "on the CPU" in trained.degraded
    model._keep(job, trained)
    np.testing.assert_array_equal(model.predict_proba(X), make("tabm", "binary", epochs=3).fit(X, y).predict_proba(X))


def test_a_long_round_asks_whether_to_stop_in_its_middle(monkeypatch):
    monkeypatch.setattr(training, "PULSE", 0.0)
    X, asked = numbers_and_flags(2_000, 2, 1, seed=0), []
    model = make("mlp", "binary").fit(X, np.arange(2_000) % 2, on_round=lambda i, score: asked.append(i) is None and len(asked) >= 3)
    assert asked[:3] == [1, 1, 1] and model.best_round_ == 1
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.gpu
@BOTH
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_the_gpu_learns_as_well_as_the_cpu(name, task):
    if not torch.cuda.is_available():
        pytest.skip("a GPU is here, but the installed torch cannot use it")
    X = numbers_and_flags(3_000, 3, 2, seed=0)
    y = additive(X) if task == "regression" else np.digitize(X[:, -1], [-0.5, 0.5])
    errors = {}
    for device in ("cpu", "cuda"):
        model = catalog.get("family", name).make(task, {}, Resources(threads=2, seed=0, device=device)).fit(X[:2_000], y[:2_000])
        assert model.degraded_ is None
        errors[device] = mean_loss(y[2_000:], model._values(X[2_000:]), task != "regression")
    assert errors["cuda"] < 1.15 * errors["cpu"] + 0.02 * np.std(y)


@BOTH
def test_every_strong_configuration_is_one_that_the_family_accepts(name):
    entry = catalog.get("family", name)
    for preset in entry.facts.portfolio:
        assert entry.complete(preset.params)[entry.facts.rounds] >= 1
        assert preset.rows[0] < preset.rows[1] and set(preset.devices) <= {"cpu", "cuda", "mps"}
