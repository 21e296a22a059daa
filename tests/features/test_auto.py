"""The automatic recipe: what it makes of columns that need more than the usual steps, and that it stays a recipe like any other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline import features
from pipeline.data import infer
from pipeline.features import Needs
from pipeline.plan import Plan


def orders(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    paid = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D")
    weight, price = rng.integers(1, 60, rows), rng.integers(100, 190, rows)
    return pd.DataFrame(
        {
            "order": [f"A{i}" for i in range(rows)],
            "weight": [f"{w} kg" if w % 9 else rng.choice(["not weighed", "heavy"]) for w in weight],
            "price": np.where(rng.random(rows) < 0.1, rng.choice(["on request", "free"], rows), price.astype(str)),
            "zip": [f"0{z}" for z in rng.integers(1000, 1100, rows)],
            "size": rng.choice(["1", "2", "3", "L"], rows),
            "paid": paid,
            "sent": paid + pd.to_timedelta(rng.integers(0, 9, rows), unit="D"),
            "late": rng.choice(["yes", "no"], rows),
        }
    )


def test_numbers_in_words_are_read_and_two_dates_are_subtracted_codes_and_names_are_left_alone() -> None:
    table, schema = infer(orders())
    plan = Plan.draft(schema, "late")
    own = {spec.step: (spec.columns, spec.params) for spec in plan.recipe if spec.columns or spec.params}
    assert own == {
        "to_number": (("price",), {}),
        "read_units": (("weight",), {"unit": "kg"}),
        "days_between": (None, {"start": "paid", "end": "sent"}),
    }
    made = features.build(plan, Needs("native", missing=True)).fit(table)
    out = made.transform(table).set_axis(features.names_out(made), axis=1)
    assert out["days from paid to sent"].between(0, 8).all() and out["weight"].isna().any()
    assert out["weight"].dropna().tolist() == [float(w.split()[0]) for w in orders()["weight"] if w.endswith("kg")]
    assert out["price"].isna().any() and out["price"].dropna().between(100, 190).all()
    assert "order" not in plan.features and plan == Plan.parse(plan.model_dump_json()) and not plan.problems(schema)


def test_a_table_of_numbers_and_categories_gets_the_usual_steps() -> None:
    frame = orders()[["size", "zip", "late"]].assign(amount=np.random.default_rng(1).normal(size=300))
    _, schema = infer(frame)
    steps = Plan.draft(schema, "late").recipe
    assert [spec.step for spec in steps] == ["boolean", "date_parts", "impute", "scale", "encode", "tfidf", "select_distinct"]
    assert all(spec.columns is None and not spec.params for spec in steps)
