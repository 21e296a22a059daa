"""Small tables with known troubles, for tests that train."""

from __future__ import annotations

import numpy as np
import pandas as pd


def customers(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Who leaves: a signal in two columns, a category, a date, gaps, and a customer number that says nothing."""
    rng = np.random.default_rng(seed)
    spend, calls = rng.gamma(2.0, 30.0, n), rng.poisson(2, n)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.35, 0.15])
    risk = 1.2 * (calls - 2) - 0.02 * (spend - 60) + (plan == "basic") + rng.normal(0, 0.7, n)
    frame = pd.DataFrame(
        {
            "customer": [f"C{1000 + i}" for i in rng.permutation(n)],
            "spend": spend.round(2),
            "calls": calls,
            "plan": plan,
            "joined": (pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D")).strftime("%Y-%m-%d"),
            "left": np.where(risk > 0.4, "yes", "no"),
        }
    )
    frame.loc[frame.index[::13], "spend"] = np.nan
    return frame


def flowers(n: int = 210, seed: int = 0) -> pd.DataFrame:
    """Which of three kinds: well separated, so that a model that learns is plain to see."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    return pd.DataFrame(
        {
            "length": (kind * 2 + rng.normal(5, 0.6, n)).round(2),
            "width": (kind - 1) ** 2 + rng.normal(3, 0.4, n).round(2),
            "kind": np.array(["rose", "iris", "lily"])[kind],
        }
    )


def houses(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """What it costs: nearly linear in size, with a step for the district."""
    rng = np.random.default_rng(seed)
    size, district = rng.uniform(40, 200, n), rng.choice(["north", "south"], n)
    price = 1000 * size + 40_000 * (district == "north") + rng.normal(0, 6_000, n)
    return pd.DataFrame({"size": size.round(1), "district": district, "rooms": (size // 30).astype(int), "price": price.round(0)})


TABLES = {"binary": (customers, "left"), "multiclass": (flowers, "kind"), "regression": (houses, "price")}
