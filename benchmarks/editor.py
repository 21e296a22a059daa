"""How long the Features page takes to run again: on a table of ordinary width, and on one of 10,000 columns.

    .venv/bin/python benchmarks/editor.py --table ../shared/data/hotel_rates.csv.gz --target avg_price_per_room

Runs the page in this process by Streamlit's own test runner, in a home that is thrown away. Prints for each tab the first run, which reads
the table and tries the recipe, and the median of further runs: seconds on the wall, and seconds of a core, which a busy machine does
not spoil. Then the same for a change: a step is switched off, and the recipe is tried anew.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pipeline import Plan, Store

ROOT = Path(__file__).resolve().parents[1]
TABS = ("Recipe", "Columns", "Flow", "Templates")
AGAIN = 7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path)
    parser.add_argument("--target", default="y")
    parser.add_argument("--columns", type=int, default=10_000)
    args = parser.parse_args()
    as_a_server_does()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRAINYARD_HOME"] = folder
        if args.table:
            report(Store(folder), args.table, args.target)
        wide(args.columns).to_parquet(Path(folder) / "wide.parquet", index=False)
        report(Store(folder), Path(folder) / "wide.parquet", "y")
    return 0


def as_a_server_does() -> None:
    """A server knows after its first request that `pages/` is not the legacy folder; the test runner asks anew at each run."""
    make = PagesManager.__init__

    def init(self, *words, **more) -> None:
        make(self, *words, **more)
        PagesManager.uses_pages_directory = False

    PagesManager.__init__ = init


def wide(columns: int, rows: int = 400) -> pd.DataFrame:
    """Numbers with gaps, a tenth categories, a hundredth dates."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=900)
    made = {}
    for i in range(columns):
        if i % 10 == 7:
            made[f"cat_{i:05d}"] = rng.choice(list("abcde"), rows)
        elif i % 100 == 3:
            made[f"day_{i:05d}"] = rng.choice(days, rows)
        else:
            made[f"num_{i:05d}"] = np.where(rng.random(rows) < 0.02, np.nan, rng.normal(size=rows).round(3))
    return pd.DataFrame(made | {"y": rng.choice(["yes", "no"], rows)})


def report(store: Store, path: Path, target: str) -> None:
    dataset = store.add_dataset(path.name.partition(".")[0], path)
    plan = Plan.draft(dataset.schema, target, dataset=dataset.id)
    store.save_draft(dataset.id, plan)
    print(f"{dataset.name}: {dataset.rows:,} rows, {dataset.columns:,} columns; seconds on the wall (of a core)")
    for tab in TABS:
        page = opened(dataset.id, tab)
        first, more = timed(page.run), [timed(page.run) for _ in range(AGAIN)]
        print(f"  {tab:10} first {spelled(first)}   again {spelled(middle(more))}", flush=True)
    page = opened(dataset.id, "Recipe")
    page.run()
    place = next(i for i, spec in enumerate(plan.recipe) if spec.step == "scale")
    changes = [timed(page.toggle(key=f"on_{place}").set_value(on).run) for on in (False, True, False, True)]
    print(f"  a change that was not tried yet {spelled(changes[0])}, one that was {spelled(middle(changes[1:]))}", flush=True)


def opened(dataset_id: str, tab: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    page.switch_page("pages/features.py")
    page.query_params["dataset"], page.query_params["features_tab"] = dataset_id, tab
    return page


def timed(run) -> tuple[float, float]:
    wall, core = time.perf_counter(), time.process_time()
    page = run()
    assert not page.exception, page.exception
    return time.perf_counter() - wall, time.process_time() - core


def middle(times: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in times), statistics.median(core for _, core in times)


def spelled(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:6.2f} ({seconds[1]:.2f})"


if __name__ == "__main__":
    sys.exit(main())
