"""Recipes that travel: from one plan to JSON to another plan whose columns have other names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline import catalog
from pipeline.data import infer
from pipeline.errors import PlanError
from pipeline.features import Needs, Recipe, problems, trace
from pipeline.features.build import build, names_out
from pipeline.plan import Plan

N = 90
STEPS = [
    {"step": "clip", "columns": ["price", "adults"], "params": {"low": 0.05}},
    {"step": "ratio", "params": {"numerator": "price", "denominator": "adults"}},
    {"step": "scale", "columns": ["price / adults"]},
    {"step": "group_rare", "columns": ["country"], "enabled": False},
    *[{"step": name} for name in ("boolean", "date_parts", "impute", "scale", "encode", "tfidf", "select_distinct")],
]


def stays() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "price": rng.normal(100, 20, N).round(2), "adults": rng.normal(2, 0.3, N).round(2), "country": rng.choice(["at", "de", "fr"], N),
            "meal": rng.choice(["full", "half"], N), "arrival": pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d"),
            "cancelled": rng.choice(["yes", "no"], N),
        }
    )  # fmt: skip
    frame.loc[::7, "price"] = np.nan
    return frame


def planned(frame: pd.DataFrame, **fields) -> tuple[pd.DataFrame, Plan]:
    typed, schema = infer(frame)
    return typed, Plan.draft(schema, "cancelled").change(**fields)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.of(planned(stays(), recipe=STEPS)[1], "stays")


def test_a_recipe_goes_through_json_and_back_and_knows_what_it_names(recipe):
    again = Recipe.parse(recipe.model_dump_json())
    assert again == recipe
    assert again.wanted() == {"price": "numeric", "adults": "numeric", "country": "categorical"}, "'price / adults' it makes itself"


def test_a_table_with_the_same_columns_takes_it_as_it_is(recipe):
    _, plan = planned(stays())
    applied, told = recipe.applied(plan, recipe.suggested(plan))
    assert applied.recipe == recipe.steps and told == []


def test_renamed_columns_are_suggested_and_taken_over_everywhere(recipe):
    names = {"price": "Average PRICE", "adults": "n_adults", "country": "Country "}
    typed, plan = planned(stays().rename(columns=names))
    mapping = recipe.suggested(plan)
    assert mapping == {"price": "Average PRICE", "adults": "n_adults", "country": plan.columns[2].name}
    applied, told = recipe.applied(plan, mapping)
    assert told == [] and problems(applied) == []
    assert applied.recipe[2].columns == ("Average PRICE / n_adults",), "a column that the recipe makes is renamed with those that it is made of"
    build(applied, Needs()).fit(typed)


def test_the_only_column_of_its_kind_is_suggested_and_each_one_once():
    recipe = Recipe.parse('{"steps": [{"step": "clip", "columns": ["aaa", "aab"]}, {"step": "group_rare", "columns": ["q"]}],'
                          ' "columns": {"aaa": "numeric", "aab": "numeric", "q": "categorical"}}')  # fmt: skip
    _, plan = planned(pd.DataFrame({"aac": np.arange(N) + 0.5, "z": ["u", "v", "w"] * 30, "cancelled": ["yes", "no"] * 45}))
    assert recipe.suggested(plan) == {"aaa": "aac", "aab": None, "q": "z"}


def test_what_is_not_there_is_left_out_and_said(recipe):
    _, plan = planned(stays().drop(columns=["adults", "country"]))
    applied, told = recipe.applied(plan, {"adults": None, "country": None})
    assert [spec.step for spec in applied.recipe] == ["clip", "boolean", "date_parts", "impute", "scale", "encode", "tfidf", "select_distinct"]
    assert applied.recipe[0].columns == ("price",) and problems(applied) == []
    assert len(told) == 4 and "'adults' is not there" in told[0] and "left out" in told[1] and "'price / adults' is not there" in told[2]
    behind, _ = recipe.applied(plan, behind=True)
    assert behind.recipe == (*plan.recipe, *applied.recipe)
    with pytest.raises(PlanError, match="no column 'prize'"):
        recipe.applied(plan, {"price": "prize"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "is a list"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ('{"version": 99, "steps": []}', "version 99"),
        ('{"recipe": []}', "steps: Field required; recipe: Extra"),
        ('{"steps": [{"step": 3}, {"step": "clip", "params": []}]}', "steps.0.step: Input should be a valid string; steps.1.params"),
        ('{"steps": [], "columns": {"a": "colour"}}', "columns.a"),
        ('{"steps": [' + ", ".join(["7"] * 40) + "]}", "and 30 more"),
        (" " * 5_000_001, "at most 5,000,000"),
    ],
)  # fmt: skip
def test_a_file_of_the_wrong_shape_is_refused_with_every_reason(text, said):
    with pytest.raises(PlanError, match=said) as caught:
        Recipe.parse(text)
    assert caught.value.hint


def test_a_formula_is_written_anew_with_other_names():
    formula = "log(price) / `adults` + where(country == 'price', 1, 0)"
    recipe = Recipe(steps=[{"step": "formula", "params": {"formula": formula}}, {"step": "scale", "columns": [formula]}])
    _, plan = planned(stays().rename(columns={"price": "unit price", "country": "land"}))
    applied, told = recipe.applied(plan, {"price": "unit price", "country": "land"})
    assert applied.recipe[0].params["formula"] == "log(`unit price`) / `adults` + where(`land` == 'price', 1, 0)"
    assert applied.recipe[1].columns == (applied.recipe[0].params["formula"],), "also where a later step names its column"
    assert told == [] and recipe.applied(plan, {"price": None})[0].recipe == ()


def test_a_step_that_this_installation_lacks_is_kept_and_told_by_the_plan():
    recipe = Recipe.parse('{"steps": [{"step": "sorcery", "columns": ["price"], "params": {"anything": [1, {"a": null}]}}]}')
    _, plan = planned(stays())
    applied, told = recipe.applied(plan, recipe.suggested(plan))
    assert applied.recipe[0].step == "sorcery" and told == []


def test_the_trace_does_what_the_pipeline_does():
    typed, plan = planned(stays(), recipe=[{"step": "impute", "columns": ["price"]}, *STEPS])
    seen = trace(plan, typed)
    pipeline = build(plan, Needs(scaled=True))
    made = pd.DataFrame(np.asarray(pipeline.fit_transform(typed[plan.features])), columns=names_out(pipeline)).head(20)
    assert sorted(made) == sorted(seen.after) and seen.columns_out == made.shape[1] and seen.columns_in == 5
    pd.testing.assert_frame_equal(seen.after[sorted(made)].astype(float), made[sorted(made)], check_index_type=False, check_dtype=False)
    ratio = seen.acts[2]
    assert list(ratio.before) == ["price", "adults"] and list(ratio.after) == ["price / adults"] and ratio.seconds > 0
    assert [act.spec for act in seen.acts] == list(plan.steps)


@pytest.fixture(scope="module")
def mixed() -> tuple[pd.DataFrame, Plan]:
    rng = np.random.default_rng(1)
    words = "the good bad nice ugly hotel room was very not clean dirty staff friendly rude".split()
    more = {
        "lat": rng.uniform(40, 50, N).round(4), "lon": rng.uniform(5, 15, N).round(4), "paid": rng.choice(["true", "false"], N),
        "left": pd.date_range("2024-06-01", periods=N).strftime("%Y-%m-%d"), "says": [" ".join(rng.choice(words, 12)) for _ in range(N)],
    }  # fmt: skip
    return planned(stays().assign(**more))


SLOW = ("select_boruta", "select_permutation", "select_recursive")  # they train models, and have tests of their own


@pytest.mark.parametrize("name", [entry.name for entry in catalog.entries("step") if entry.name not in SLOW])
def test_every_step_can_be_tried_kept_and_put_back(mixed, name):
    """With the columns that its parameters accept; where it matters, also for a family that takes categories as they are."""
    typed, plan = mixed
    spec = chosen(catalog.get("step", name), plan.kinds)
    order = {entry.name: entry.order for entry in catalog.entries("step")}
    place = sum(order[other.step] < order[name] for other in plan.recipe)
    recipe = plan.model_dump(mode="json")["recipe"]
    plan = plan.change(recipe=[*recipe[:place], spec, *recipe[place:]])
    for family in (None, "lightgbm") if name in ("encode", "mixup", "pca") else (None,):
        seen = trace(plan, typed, family)
        assert [act.spec for act in seen.acts] == list(plan.recipe)
        for shown in (seen, seen.acts[place]):
            assert shown.after.shape[1] == min(shown.columns_out, 100) and shown.before.shape[1] == min(shown.columns_in, 100)
        assert seen.columns_out > 0
    recipe = Recipe.parse(Recipe.of(plan).model_dump_json())
    assert recipe.applied(plan, recipe.suggested(plan)) == (plan, [])


def chosen(entry: catalog.Entry, kinds: dict[str, str]) -> dict:
    """A step with columns in all the places where it needs some."""
    params: dict = {"formula": "log(`price` + 1) / adults"} if entry.name == "formula" else {}
    for param in entry.params:
        accepted = [name for name, kind in kinds.items() if not param.accepts or kind in param.accepts]
        if param.kind == "columns":
            params[param.name] = accepted[:2]
        elif param.kind == "column" and not param.optional:
            wanted = [name for name in accepted if name.startswith(param.name[:3])] or [name for name in accepted if name not in params.values()]
            params[param.name] = wanted[0]
    return {"step": entry.name, "params": params} | ({"columns": ["price", "meal"]} if entry.facts.drops else {})


def test_the_trace_shows_added_rows_beside_those_that_they_were_made_of_whatever_the_order_of_the_steps():
    usual = [{"step": name} for name in ("impute", "date_parts", "scale", "encode")]
    typed, plan = planned(stays(), recipe=[{"step": "noise", "columns": ["adults"]}, {"step": "mixup"}, {"step": "pca"}, *usual])
    seen = trace(plan, typed)
    noise, mixup, pca = seen.acts[:3]
    assert noise.rows_added == N and list(noise.after) == ["adults"] and 0 < (noise.before - noise.after)["adults"].abs().max() < 0.3
    assert mixup.rows_added >= N and list(mixup.after) == list(seen.after) and pca.columns_in > 5
    assert [act.spec for act in seen.acts] == list(plan.steps) and len(seen.after) == 20
