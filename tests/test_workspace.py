"""What the processes of a run share: it comes back as it was, it is whole or not there, and what is done is not done again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipeline import catalog
from pipeline.data import infer
from pipeline.executor import InlineExecutor
from pipeline.models import family
from pipeline.plan import Plan
from pipeline.run import execute
from pipeline.workspace import Workspace
from tests.tables import customers


@pytest.fixture
def space(tmp_path) -> Workspace:
    return Workspace(tmp_path / "space")


@pytest.mark.parametrize("value", [None, 3, {"a": (1, 2)}, np.arange(5), pd.DataFrame({"x": [1, None]})], ids=str)
def test_a_value_comes_back_as_it_was(space, value):
    space.put("it", value)
    again = space.get("it")
    assert again.equals(value) if isinstance(value, pd.DataFrame) else np.array_equal(again, value) if isinstance(value, np.ndarray) else again == value
    space.put("it", "another")
    assert space.get("it") == "another" and space.has("it")


def test_what_was_never_put_is_absent(space):
    assert space.get("it") is None and space.matrix("it") is None and not space.has("it")


@pytest.mark.parametrize("rows", [0, 3, 2_000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_comes_back_and_cannot_be_changed_when_it_is_shared(space, rows, order):
    made = np.asarray(np.random.default_rng(0).normal(size=(rows, 5)), dtype="float32", order=order)
    space.put_matrix("m", made)
    again = space.matrix("m")
    assert again.dtype == np.float32 and np.array_equal(again, made)
    if rows == 2_000:
        assert isinstance(again, np.memmap), "processes share the pages"
        with pytest.raises(ValueError, match="read-only"):
            again[0, 0] = 1


@pytest.mark.parametrize("rows", [0, 3, 3_000])
def test_a_sparse_matrix_comes_back(space, rows):
    made = sparse.random(rows, 40, density=0.1, format="csr", random_state=0, dtype="float32")
    space.put_matrix("m", made)
    again = space.matrix("m")
    assert sparse.issparse(again) and again.format == "csr" and again.shape == made.shape and again.dtype == made.dtype
    assert (again != made).nnz == 0
    if rows == 3_000:
        assert np.array_equal((again @ np.ones(40)), made @ np.ones(40)) and np.array_equal(again[5:9].toarray(), made[5:9].toarray())


@pytest.mark.parametrize("rows", [3, 2_000])
def test_a_table_with_categories_comes_back(space, rows):
    rng = np.random.default_rng(0)
    made = pd.DataFrame({
        "number": rng.normal(size=rows), "gaps": np.where(rng.random(rows) < 0.3, np.nan, 1.0), "yes": rng.random(rows) < 0.5,
        "town": pd.Categorical(rng.choice(["Ulm", "Kiel"], rows), categories=["Kiel", "Bonn", "Ulm"]),
        "code": pd.Categorical.from_codes(rng.integers(-1, 3, rows), [7, 8, 9]),
    })  # fmt: skip
    space.put_matrix("m", made)
    again = space.matrix("m")
    assert list(again.columns) == list(made.columns)
    for name in ("town", "code"):
        assert list(again[name].cat.categories) == list(made[name].cat.categories)
        assert np.array_equal(again[name].cat.codes, made[name].cat.codes), "a missing category is missing again"
    for name in ("number", "gaps", "yes"):
        assert np.array_equal(again[name].astype(float), made[name].astype(float), equal_nan=True)


@pytest.mark.parametrize("left", [0, 1, 31, 32, 100, -1])
def test_a_torn_file_is_taken_as_absent(space, left):
    space.put("it", {"weights": list(range(100))})
    whole = (space.path / "it").read_bytes()
    (space.path / "it").write_bytes(whole[:left])
    assert space.get("it") is None
    (space.path / "it").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert space.get("it") is None, "one flipped bit"
    space.put("it", "new")
    assert space.get("it") == "new"


def test_nothing_is_left_behind_by_a_value_that_cannot_be_written(space):
    with pytest.raises(ValueError, match="allow_pickle"):
        space.put_matrix("m", np.array([object()]))
    assert list(space.path.iterdir()) == [] and space.matrix("m") is None


def test_only_its_owner_may_look(space):
    assert space.path.stat().st_mode & 0o077 == 0


class Counting:
    """A family that leaves a line in a file for each fit: how many rows it had."""

    def __init__(self, lines: Path) -> None:
        self.lines = lines

    def fit(self, X: object, y: np.ndarray) -> Counting:
        with self.lines.open("a") as file:
            file.write(f"{len(y)}\n")
        self.shares_ = np.bincount(y) / len(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.tile(self.shares_, (X.shape[0], 1))


@pytest.fixture
def counted(tmp_path):
    """The family "counting"; a function that gives the lines so far."""
    lines = tmp_path / "fits"
    lines.touch()

    @family("counting", title="Counting", help="For this test.", order=5, categories="codes", scaled=False, missing=True, sparse=False, speed="fast")
    def counting(task: str, params: dict, resources: object) -> Counting:
        return Counting(lines)

    yield lambda: lines.read_text().splitlines()
    catalog.unregister("family", "counting")


def test_a_fit_that_is_finished_is_never_repeated(counted, tmp_path):
    table, schema = infer(customers())
    plan = Plan.draft(schema, "left").change(families=[{"family": "counting"}], search={"trials": 1}, split={"folds": 5, "holdout": 0})
    named = {"schema": schema, "executor": InlineExecutor(), "workspace": tmp_path / "space", "explained": False}
    whole = execute(plan, table, **named)
    fits = counted()
    assert len(fits) == 6 and fits[-1] == "240", "five folds and one refit on all rows"
    again = execute(plan, table, **named)
    assert counted() == fits
    assert [trial.score for trial in again.trials] == [trial.score for trial in whole.trials]

    torn = next(path for path in (tmp_path / "space").glob("fit-*") if Workspace(tmp_path / "space").get(path.name).family == "counting")
    torn.write_bytes(torn.read_bytes()[:-1])
    execute(plan, table, **named)
    assert len(counted()) == len(fits) + 1, "the damaged one alone is done again"

    execute(plan.change(seed=1), table, **named)
    assert len(counted()) > len(fits) + 1, "another seed is another fit"

    there = len(counted())
    execute(plan.change(seed=1), table.assign(calls=table["calls"].where(table.index > 0, table["calls"] + 1)), **named)
    assert len(counted()) == there + len(fits), "one other cell makes other fits"
