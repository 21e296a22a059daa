"""The recipe: what each step makes of known values, and the property that matters: nothing is learned from other rows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pipeline import catalog, features
from pipeline.data import infer
from pipeline.errors import PlanError
from pipeline.features import Needs, joined
from pipeline.features.words import TextShort
from pipeline.plan import Fix, Plan, StepSpec

NEEDS = [
    Needs("onehot", scaled=True, missing=False, sparse=False),
    Needs("onehot", scaled=True, missing=False, sparse=True),
    Needs("codes", scaled=False, missing=True, sparse=False),
    Needs("native", scaled=False, missing=True, sparse=False),
]


def table(n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array("the quick brown fox jumps over a lazy dog while cats sleep all day long".split())
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n).round(1),
            "visits": rng.integers(0, 9, n),
            "city": rng.choice(["Oslo", "Rome", "Bonn"], n, p=[0.6, 0.3, 0.1]),
            "member": rng.choice(["yes", "no"], n),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "note": [" ".join(rng.choice(words, 9)) + f" {i}" for i in range(n)],
            "left": rng.choice(["stay", "go"], n),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "city"] = None
    return frame


def draft(frame: pd.DataFrame) -> tuple[pd.DataFrame, Plan]:
    typed, schema = infer(frame)
    return typed, Plan.draft(schema, "left")


def dense(made: object) -> np.ndarray:
    if isinstance(made, pd.DataFrame):
        return np.column_stack([c.cat.codes if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in made.items()]).astype(float)
    return made.toarray() if issparse(made) else np.asarray(made)


@pytest.mark.parametrize("needs", NEEDS, ids=str)
def test_every_kind_of_column_becomes_numbers_in_row_order(needs: Needs) -> None:
    typed, plan = draft(table())
    made = dense(features.build(plan, needs).fit_transform(typed))
    assert made.shape[0] == len(typed) and made.shape[1] >= len(plan.features)
    assert needs.missing or np.isfinite(made).all()
    backwards = features.build(plan, needs).fit(typed).transform(typed.iloc[::-1])
    assert np.allclose(dense(backwards)[::-1], made, atol=1e-5, equal_nan=True)  # the directions of texts are sums of float32


@pytest.mark.parametrize("needs", NEEDS, ids=str)
def test_what_is_learned_does_not_depend_on_rows_outside_the_fold(needs: Needs) -> None:
    typed, plan = draft(table())
    train, valid = typed.iloc[:150], typed.iloc[150:].copy()
    before = dense(features.build(plan, needs).fit(train).transform(train))
    valid["age"], valid["city"] = 1e9, "a city that nobody has seen"
    recipe = features.build(plan, needs).fit(train)
    recipe.transform(valid)
    assert np.allclose(dense(recipe.transform(train)), before, equal_nan=True)


def test_the_text_scores_of_training_rows_come_from_models_that_have_not_seen_them() -> None:
    """Words that are in one row each and labels without a meaning: seen, such a text says everything; not seen, nothing."""
    rng = np.random.default_rng(0)
    notes = pd.DataFrame({"note": [" ".join(rng.choice([f"word{i}" for i in range(900)], 6)) + f" only{row}" for row in range(400)]})
    y = rng.permutation(np.repeat([0, 1], 200))
    scores = TextShort()
    training = scores.fit_transform(notes, y)[:, 0]
    assert roc_auc_score(y, training) == pytest.approx(0.5, abs=0.08)
    assert roc_auc_score(y, scores.transform(notes)[:, 0]) > 0.95, "the model of all training rows has seen them"


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_text_that_says_something_scores_in_training_as_on_new_rows(kind: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3 if kind == "multiclass" else 2, 300)
    notes = pd.DataFrame({"note": [f"{('calm', 'storm', 'fog')[k]} on day {i}" for i, k in enumerate(y)]})
    scores = TextShort()
    training = scores.fit_transform(notes[:200], y[:200].astype(float) if kind == "regression" else y[:200])
    new = scores.transform(notes[200:])
    assert training.shape[1] == new.shape[1] == (3 if kind == "multiclass" else 1)
    column = 1 if kind == "multiclass" else 0
    for made, truth in ((training, y[:200]), (new, y[200:])):
        assert roc_auc_score(truth == 1, made[:, column]) > 0.95


def test_means_of_random_labels_say_nothing_of_the_rows_they_are_learned_from_nor_of_others() -> None:
    """Four rows to a street. A mean with the row's own label in it would say everything in training, one with all labels also on other rows."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"street": rng.choice([f"street {i}" for i in range(600)], 2_400), "left": np.tile(["stay", "go"], 1_200)})
    typed, plan = draft(frame)
    plan = plan.change(recipe=[{"step": "encode", "params": {"method": "target"}}])
    y, told, new = np.arange(2_400) % 2, np.zeros(2_400), np.zeros(2_400)
    for train, valid in StratifiedKFold(4, shuffle=True, random_state=0).split(typed, y):
        encoder = features.build(plan, NEEDS[0])
        told[train] += encoder.fit_transform(typed.iloc[train], y[train])[:, 0]
        new[valid] = encoder.transform(typed.iloc[valid])[:, 0]
    assert roc_auc_score(y, new) == pytest.approx(0.5, abs=0.03)
    assert roc_auc_score(y, told) == pytest.approx(0.5, abs=0.03)
    assert roc_auc_score(y, features.build(plan, NEEDS[0]).fit(typed, y).transform(typed)[:, 0]) > 0.75, "this is what a leak looks like"


def test_the_scaler_is_fitted_after_the_split() -> None:
    """The classic leak: had the scaler seen all rows, the training rows would not have mean 0."""
    typed, plan = draft(table().assign(age=np.r_[np.zeros(100), np.full(100, 1000.0)] + np.arange(200)))
    plan = plan.change(columns=[c.model_dump() | {"role": "feature" if c.name == "age" else "ignore"} for c in plan.columns])
    recipe = features.build(plan, NEEDS[0]).fit(typed.iloc[:100])
    assert abs(dense(recipe.transform(typed.iloc[:100])).mean()) < 1e-6
    assert dense(recipe.transform(typed.iloc[100:])).mean() > 2.9


@pytest.mark.parametrize("entry", [e for e in catalog.entries("step") if e.facts.phase == "columns"], ids=lambda e: e.name)
@pytest.mark.parametrize("needs", NEEDS, ids=str)
def test_every_step_bears_empty_constant_new_and_single_values(entry: catalog.Entry, needs: Needs) -> None:
    transformer = entry.make(entry.complete(), needs)
    if transformer is None:
        return
    for kind in entry.facts.kinds:
        for train in (_column(kind, 30), _column(kind, 30, constant=True), _column(kind, 1)):
            fitted = entry.make(entry.complete(), needs).fit(train)
            for rows in (_column(kind, 30), _column(kind, 3, new=True), _column(kind, 4, empty=True)):
                assert fitted.transform(rows).shape[0] == len(rows)


def _column(kind: str, n: int, *, constant: bool = False, new: bool = False, empty: bool = False) -> pd.DataFrame:
    if kind == "numeric":
        values = np.full(n, 3.0) if constant else np.arange(n) * (1e6 if new else 1.0)
        return pd.DataFrame({"x": np.full(n, np.nan) if empty else values})
    if kind == "datetime":
        values = pd.Series(pd.Timestamp("2024-02-29") + pd.to_timedelta(np.arange(n) * (0 if constant else 1), unit="D"))
        return pd.DataFrame({"x": (pd.Series([pd.NaT] * n) if empty else values).astype("datetime64[us]")})
    words = ["new thing" if new else "same" if constant else f"level {i % 3}" for i in range(n)]
    return pd.DataFrame({"x": pd.Series([np.nan] * n if empty else words, dtype=object)})


def test_dates_give_the_parts_that_a_calendar_gives() -> None:
    frame = pd.DataFrame({"x": pd.to_datetime(["2024-02-29 13:30", "1970-01-01 00:00"]).astype("datetime64[us]")})
    made = catalog.get("step", "date_parts").make(catalog.get("step", "date_parts").complete(), NEEDS[0]).fit(frame).transform(frame)
    assert made.iloc[0].to_dict() == {
        "x: year": 2024, "x: month": 2, "x: day": 29, "x: weekday": 3, "x: day of year": 60, "x: hour": 13, "x: days since 1970": 19782.5625,
    }  # fmt: skip


def test_codes_are_ranks_by_frequency_and_a_new_level_is_unknown() -> None:
    step = catalog.get("step", "encode")
    train = pd.DataFrame({"x": ["b", "b", "b", "a", "a", "c"]})
    fitted = step.make(step.complete({"method": "ordinal"}), NEEDS[2]).fit(train)
    codes = fitted.transform(pd.DataFrame({"x": ["b", "a", "c", "new", None]}))["x"]
    assert codes.tolist()[:3] == [0, 1, 2] and codes.isna().tolist()[3:] == [True, True]


def test_a_gap_is_a_native_level_of_its_own_and_a_new_level_is_not() -> None:
    step = catalog.get("step", "encode")
    fitted = step.make(step.complete(), NEEDS[3]).fit(pd.DataFrame({"x": ["a", "b", None]}))
    made = fitted.transform(pd.DataFrame({"x": ["a", None, "new"]}))["x"]
    assert made.cat.codes.nunique() == 3 and made.isna().tolist() == [False, False, True]


def test_repeated_rows_are_left_out_once() -> None:
    frame = table(50)
    typed, plan = draft(pd.concat([frame, frame.iloc[:10]], ignore_index=True))
    assert features.rows_to_keep(plan, typed).all()
    plan = plan.change(recipe=[{"step": "drop_duplicates"}, *(s.model_dump() for s in plan.recipe)])
    assert features.rows_to_keep(plan, typed).tolist() == [True] * 50 + [False] * 10


def test_a_text_column_without_its_step_is_a_clear_problem() -> None:
    _, plan = draft(table())
    plan = plan.change(recipe=[s.model_dump() for s in plan.recipe if s.step not in ("tfidf", "encode")])
    with pytest.raises(PlanError, match="'note'") as caught:
        features.build(plan, NEEDS[0])
    assert "ignore" in caught.value.hint


def test_a_step_added_in_one_place_is_in_the_recipe() -> None:
    @features.step("double", title="Double", help="For this test.", kinds=("numeric",), default=True, order=1)
    def double(params: dict, needs: Needs) -> object:
        from sklearn.preprocessing import FunctionTransformer

        return FunctionTransformer(lambda t: t * 2, feature_names_out="one-to-one")

    try:
        typed, plan = draft(table())
        assert StepSpec(step="double") in plan.recipe
        made = features.build(plan, NEEDS[2]).fit(typed)
        visits = dense(made.transform(typed))[:, features.names_out(made).index("visits")]
        assert visits.tolist() == (typed["visits"] * 2).tolist()
    finally:
        catalog.unregister("step", "double")


def recipe(plan: Plan, *first: dict) -> Plan:
    """The plan with these steps before its own."""
    return plan.change(recipe=[*first, *(s.model_dump(mode="json") for s in plan.recipe)])


RATIO = {"step": "ratio", "params": {"numerator": "age", "denominator": "visits"}}


@pytest.mark.parametrize("needs", NEEDS, ids=str)
def test_a_step_reads_columns_as_they_are_at_its_place_and_its_own_go_on_like_any_other(needs: Needs) -> None:
    typed, plan = draft(table())
    plan = recipe(
        plan,
        {"step": "impute", "columns": ["age"], "params": {"strategy": "mean"}},
        RATIO,
        {"step": "cross", "params": {"columns": ["city", "member"]}},
    )
    made = features.build(plan, needs).fit(typed)
    names = features.names_out(made)
    assert "age / visits" in names and any(name.startswith("city & member") for name in names) and "missingindicator_age" in names
    ratio = dense(made.transform(typed))[:, names.index("age / visits")]
    expected = typed["age"].fillna(typed["age"].mean()) / typed["visits"].replace(0, np.nan)
    known = expected.notna().to_numpy()
    order = pd.Series(ratio[known]).corr(pd.Series(expected[known].to_numpy()), method="spearman")
    assert order == pytest.approx(1), "the age was filled before it was divided"


def test_a_key_that_the_model_must_not_see_may_be_read() -> None:
    typed, plan = draft(table())
    plan = recipe(plan.change(columns=[c.model_dump() | ({"role": "ignore"} if c.name == "visits" else {}) for c in plan.columns]), RATIO)
    assert "visits" not in plan.features and "visits" in features.inputs(plan)
    names = features.names_out(features.build(plan, NEEDS[0]).fit(typed))
    assert "age / visits" in names and "visits" not in names


def test_what_an_accepted_fix_withholds_passes_the_steps_over_that_read_it() -> None:
    typed, plan = draft(table())
    log = {"step": "log", "columns": ["age / visits"]}
    withheld = recipe(plan, RATIO, log).accept([Fix(code="DQ012", title="leave it out", ignore=("visits",))])
    assert not features.problems(withheld) and "visits" not in features.inputs(withheld)
    names = features.names_out(features.build(withheld, NEEDS[0]).fit(typed))
    assert "age" in names and "age / visits" not in names
    assert [act.columns_out for act in features.trace(withheld, typed).acts if act.spec.step == "ratio"] == [0]


@pytest.mark.parametrize(
    ("steps", "said", "hint"),
    [
        ([{"step": "ratio", "params": {"numerator": "age", "denominator": "vists"}}], "no column 'vists'", "'visits'"),
        ([{"step": "ratio", "params": {"numerator": "age", "denominator": "left"}}], "target 'left'", "another"),
        ([{"step": "ratio", "params": {"numerator": "age", "denominator": "city"}}], "'city' is categorical", "another"),
        ([{"step": "ratio"}], "upper number is not chosen", "settings"),
        ([{"step": "date_parts"}, {"step": "days_between", "params": {"end": "since"}}], "no longer one column", "above 'Date parts'"),
        ([{"step": "days_between", "params": {"end": "since", "day": "tomorrow"}}], "'tomorrow' is not a day", "like that"),
        ([{"step": "scale", "columns": ["agee"]}], "no column 'agee'", "'age'"),
        ([RATIO, RATIO], "'age / visits' already", "Rename"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_before_the_run(steps: list, said: str, hint: str) -> None:
    _, plan = draft(table())
    found = features.problems(recipe(plan, *steps))
    assert len(found) == 1 and said in found[0][0] and hint in found[0][1]
    with pytest.raises(PlanError, match=re.escape(said)):
        features.build(recipe(plan, *steps), NEEDS[0])


def test_a_step_that_was_moved_behind_a_table_of_plain_numbers_still_works() -> None:
    """scikit-learn's transformers hand on arrays and sparse matrices, which the others could not name."""
    typed, plan = draft(table())
    moved = plan.change(
        recipe=[
            {"step": "impute"},
            {"step": "clip"},
            {"step": "boolean"},
            {"step": "date_parts"},
            {"step": "encode"},
            {"step": "tfidf"},
            {"step": "scale"},
        ]
    )
    for needs in NEEDS[:2]:
        assert np.isfinite(dense(features.build(moved, needs).fit_transform(typed))).all()


def test_dropped_columns_do_not_reach_the_model_and_may_still_be_read() -> None:
    typed, plan = draft(table())
    dropped = recipe(plan, {"step": "drop", "columns": ["age", "note"]}, RATIO)
    names = features.names_out(features.build(dropped, NEEDS[0]).fit(typed))
    assert "age" not in names and "age / visits" in names and not any("text" in name for name in names)
    kept = recipe(plan, RATIO, {"step": "keep", "columns": ["age / visits", "city"]})
    assert {lane.name for lane in features.flow(kept).lanes if lane.shown} == {"age / visits", "city"}
    assert "no column is chosen" in features.problems(recipe(plan, {"step": "keep"}))[0][0]


@pytest.mark.parametrize("needs", [NEEDS[0], Needs("onehot", scaled=True, sparse=True, sums=True)], ids=str)
def test_made_by_blocks_of_rows_is_what_is_made_at_once(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, plan = draft(table().drop(columns="note").assign(street=[f"street {i % 150}" for i in range(200)]))
    plan, y = recipe(plan, {"step": "encode", "columns": ["city"], "params": {"method": "target"}}), np.arange(200) % 2
    whole = features.build(plan, needs)
    at_once = whole.fit_transform(typed, y)
    monkeypatch.setattr(joined, "BLOCK", 70)
    blocks = features.build(plan, needs)
    np.testing.assert_array_equal(dense(blocks.fit_transform(typed, y)), dense(at_once))
    np.testing.assert_allclose(dense(blocks.transform(typed)), dense(whole.transform(typed)), atol=1e-5)
    assert issparse(blocks.transform(typed)) == issparse(at_once) == needs.sparse


def test_a_step_is_portable_when_nothing_of_it_is_left_in_what_scores_rows() -> None:
    """ONNX has no converter for a transformer of ours; what leaves none behind is carried by any file."""
    said = {entry.name for entry in catalog.entries("step") if features.portable(entry)}
    assert {"boolean", "drop", "keep", "drop_duplicates", "noise", "mixup"} <= said
    assert not said & {"scale", "impute", "encode", "ratio", "date_parts", "select_l1", "tfidf"}
