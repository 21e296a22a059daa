"""Candidates: what is proposed, and that the screen finds what a model lacks. That gains are measured is in tests/test_pages_candidates.py."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.features import candidates
from pipeline.plan import Plan


def loans(rows: int = 500) -> pd.DataFrame:
    """How well a loan is paid depends on the debt for each unit of income, and on nothing else."""
    rng = np.random.default_rng(0)
    debt, income = rng.uniform(1, 9, rows), rng.uniform(1, 9, rows)
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D")
    return pd.DataFrame(
        {
            "debt": debt,
            "income": income,
            "town": rng.choice(["Oslo", "Rome", "Bonn"], rows),
            "opened": opened,
            "closed": opened + pd.to_timedelta(rng.integers(1, 90, rows), unit="D"),
            "arrears": np.sin(3 * np.log(debt / income)) + rng.normal(scale=0.1, size=rows),
        }
    )


@pytest.fixture(scope="module")
def asked() -> tuple[pd.DataFrame, object, Plan]:
    table, schema = infer(loans())
    return table, schema, Plan.draft(schema, "arrears")


def test_every_kind_of_candidate_is_proposed_once_and_none_that_the_recipe_has(asked: tuple) -> None:
    _, _, plan = asked
    found = list(candidates.propose(plan, dict.fromkeys(plan.features, 1.0)))
    titles = [candidate.title for candidate in found]
    assert len(set(titles)) == len(titles)
    assert {"debt / income", "income / debt", "debt - income", "debt × income", "rows by town"} <= set(titles)
    assert "mean of debt by town, debt - mean by town" in titles
    assert "days from opened to closed" not in titles, "the automatic recipe subtracts the two dates already"
    more = plan.with_steps([next(c.step for c in found if c.title == "debt / income")])
    assert "debt / income" not in [c.title for c in candidates.propose(more, dict.fromkeys(plan.features, 1.0))]
    assert [s.step for s in more.recipe].index("ratio") < [s.step for s in more.recipe].index("impute")


def test_the_screen_ranks_what_explains_the_residuals_first(asked: tuple) -> None:
    table, _, plan = asked
    left = np.tanh(2 * np.log(table["debt"] / table["income"])).to_numpy().reshape(-1, 1)
    ranked, seen, possible = candidates.screen(plan, table, left)
    assert ranked[0].reads in (("debt", "income"), ("income", "debt")) and possible == seen >= len(ranked)
    assert max(sum(set(c.reads) == {"debt", "income"} for c in ranked), 0) == candidates.MOST_ALIKE
    assert candidates.screen(plan, table, left, should_stop=lambda: True) == ([], 0, possible)


def test_residuals_are_those_of_the_class_or_the_number() -> None:
    assert candidates.residuals(np.array([1.0, 2.0]), np.array([0.5, 2.5])).tolist() == [[0.5], [-0.5]]
    assert candidates.residuals(np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]])).tolist() == [[0.25], [-0.5]]
    many = candidates.residuals(np.array([3, 3, 0, 1, 2]), np.full((5, 4), 0.25))
    assert many.shape == (5, candidates.MOST_CLASSES) and many[0].tolist() == [0.75, -0.25, -0.25]
