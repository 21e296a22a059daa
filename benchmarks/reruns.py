"""How long every page takes to run again on a large table: what a person waits for after each click.

    .venv/bin/python benchmarks/reruns.py --table ../shared/data/flights_late.csv.gz --target late [--home HOME]

Runs the pages in this process by Streamlit's own test runner. Prints for each page and tab the first run, which reads and reckons, and
the median of further runs: milliseconds on the wall, and of a core, which a busy machine does not spoil. A short run is trained first,
so that the pages behind it have something to show; with `--home` all of it is kept there, and taken from there the next time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.editor import AGAIN, ROOT, as_a_server_does, middle, timed
from pipeline import Plan, Store, with_options
from pipeline.worker import run_here

PAGES = {
    "home": ("",),
    "data": ("Preview", "Columns", "Relations", "Missing", "Versions", "Import report", "Contract", "Report"),
    "quality": ("Checks", "Leakage court", "Label doctor"),
    "features": ("Recipe", "Columns", "Candidates", "Flow", "Templates"),
    "models": ("",), "tuning": ("",), "runs": ("", "run"), "leaderboard": ("",), "evaluate": ("",), "explain": ("",), "registry": ("",), "export": ("",),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=60, help="the budget of the run that is trained first")
    parser.add_argument("--home", type=Path, help="keep the store in this folder")
    args = parser.parse_args()
    as_a_server_does()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRAINYARD_HOME"] = str(args.home or folder)
        dataset, run = prepared(Store(os.environ["TRAINYARD_HOME"]), args)
        print("milliseconds on the wall (of a core)")
        for name, tabs in PAGES.items():
            for tab in tabs:
                report(name, tab, dataset, run)
    return 0


def prepared(store: Store, args: argparse.Namespace) -> tuple[str, str]:
    """A dataset with a draft and a finished run, whose model is kept; what is there already is not made again."""
    dataset = store.add_dataset(args.table.name.partition(".")[0], args.table)
    plan = with_options(Plan.draft(dataset.schema, args.target, dataset=dataset.id), budget_seconds=args.seconds)
    store.save_draft(dataset.id, plan)
    done = next((run for run in store.runs(dataset.id) if run.state == "done"), None) or run_here(store, store.submit(plan).id)
    if not store.versions():
        store.keep(done.id, dataset.name)
    print(f"{dataset.name}: {dataset.rows:,} rows, {dataset.columns:,} columns")
    return dataset.id, done.id


def report(name: str, tab: str, dataset: str, run: str) -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    if name != "home":
        page.switch_page(f"pages/{name}.py")
    page.query_params["dataset"] = dataset
    if tab:
        page.query_params["run" if tab == "run" else f"{name}_tab"] = run if tab == "run" else tab
    first, more = timed(page.run), middle([timed(page.run) for _ in range(AGAIN)])
    print(f"  {name:11} {tab:14} first {in_ms(first)}   again {in_ms(more)}{'   SLOW' if more[1] > 0.3 else ''}", flush=True)


def in_ms(seconds: tuple[float, float]) -> str:
    return f"{seconds[0] * 1000:6.0f} ({seconds[1] * 1000:5.0f})"


if __name__ == "__main__":
    sys.exit(main())
