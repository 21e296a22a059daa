"""How long a file takes to become a Dataset and how much memory, beside pandas, polars and DuckDB reading the same file.

    pip install polars duckdb          # only for this benchmark
    .venv/bin/python benchmarks/ingest.py [--sizes 10 100 576] [--repeats 3] [--folder DIR] [--parquet] [--wide]

Trainyard's time is all of it: from the path to a row in the store, with types, import report, profile, content hash, SHA-256
of the file, and the table flushed to disk. The others only read the file into memory. Every reader runs in a process of its
own, fresh each time; the clock starts when its libraries are imported. "trainyard" is as in the app, where other files were read
before and a box waits for the next one, its libraries imported; "cold" is as on the command line, where the box is started first. Memory is the peak of the whole process tree, with pages
that processes share counted once (PSS), read thirty times a second. The files are made here, the same in every run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
ROWS_PER_MB = 7_000_000 / 576
# What is imported before the clock starts, and what is timed.
STORE = "import sys, time; sys.path.insert(0, {root!r}); from pipeline.store import Store; store = Store({home!r})"
WAITING = (
    "; from pathlib import Path; small = Path({home!r}) / 'small.csv'; small.write_text('a,b\\n1,2\\n'); store.add_dataset('small', small)"
    "; from pipeline import get_ready; get_ready(); time.sleep(5)"
)
ADD = "d = store.add_dataset('big', {path!r}); shape = d.rows, d.columns"
READERS = {
    "trainyard": (STORE + WAITING, ADD),
    "cold": (STORE, ADD),
    "pandas": ("import pandas as pd", "shape = pd.read_csv({path!r}, engine='c').shape"),
    "polars": ("import polars as pl", "shape = pl.read_csv({path!r}).shape"),
    "duckdb": (
        "import duckdb; duckdb.sql('set enable_progress_bar=false')",
        "r = duckdb.sql('select * from read_csv(' + repr({path!r}) + ')').to_arrow_table(); shape = r.num_rows, r.num_columns",
    ),
}
PARQUET = {"trainyard": READERS["trainyard"], "pandas": ("import pandas as pd", "shape = pd.read_parquet({path!r}).shape")}
CODE = """
import json, psutil, sys, time
def spent():  # by this process, by those below it that go on living, and by those that they have seen end
    here = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in [here, *here.children(recursive=True)])
{setup}
began, before = time.monotonic(), spent()
{timed}
sys.stdout.write(json.dumps([time.monotonic() - began, spent() - before, *shape]))
"""


def make_csv(path: Path, rows: int) -> None:
    """Seven columns: a number that counts, a time, two floats, a small whole number, a category and a code with many values."""
    import pyarrow.csv as csv

    schema, plain = _part(0, 1).schema, csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(schema.names) + "\n").encode())
        with csv.CSVWriter(file, schema, write_options=plain) as writer:
            for start in range(0, rows, 500_000):
                writer.write_table(_part(start, min(start + 500_000, rows)))


def _part(start: int, end: int):
    import numpy as np
    import pyarrow as pa

    n, rng = end - start, np.random.default_rng(start)
    stamps = np.datetime64("2015-01-01T00:00:00", "s") + rng.integers(0, 300_000_000, n).astype("timedelta64[s]")
    cities = np.array([f"city {i * 7919 % 1000}" for i in range(300)])
    amount = rng.integers(0, 10_000_000, n) / 100
    amount[rng.random(n) < 0.03] = np.nan
    codes = np.char.add("CUST", np.char.zfill(rng.integers(0, 400_000, n).astype("U7"), 8))
    return pa.table(
        {
            "order": np.arange(start, end) + 1_000_000, "placed": np.datetime_as_string(stamps), "amount": pa.array(amount, from_pandas=True),
            "reading": rng.normal(size=n), "shop": rng.integers(0, 2000, n), "city": cities[rng.integers(0, 300, n)], "customer": codes,
        }
    )  # fmt: skip


def make_parquet(path: Path, rows: int) -> None:
    import pyarrow.parquet as parquet

    with parquet.ParquetWriter(path, _part(0, 1).schema) as writer:
        for start in range(0, rows, 500_000):
            writer.write_table(_part(start, min(start + 500_000, rows)))


def make_wide(path: Path, columns: int, rows: int) -> None:
    import numpy as np

    values = np.random.default_rng(0).integers(0, 1000, (rows, columns))
    header = ",".join(f"c{i}" for i in range(columns))
    np.savetxt(path, values, fmt="%d", delimiter=",", header=header, comments="")


def tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(p for child in children for p in tree(int(child)))]


def pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def measured(setup: str, timed: str) -> dict[str, float]:
    """Seconds of the call, seconds of a core (its children's with it), peak bytes of the process tree, and the shape."""
    child = subprocess.Popen([sys.executable, "-c", CODE.format(setup=setup, timed=timed)], stdout=subprocess.PIPE, text=True)
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(map(pss, tree(child.pid))))
        time.sleep(0.03)
    if child.returncode:
        raise SystemExit(f"a reader ended with status {child.returncode}")
    seconds, cores, *shape = json.loads(child.stdout.read())
    return {"seconds": seconds, "cores": cores, "peak": peak / 1e6, "shape": shape}


def compare(path: Path, readers: dict[str, tuple[str, str]], repeats: int, folder: Path) -> None:
    root = str(Path(__file__).resolve().parents[1])
    path.read_bytes()  # all find the file in the cache
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in readers}
    for _ in range(repeats):
        for name, (setup, timed) in readers.items():
            with tempfile.TemporaryDirectory(dir=folder) as home:
                places = {"path": str(path), "home": home, "root": root}
                runs[name].append(measured(setup.format(**places), timed.format(**places)))
    print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB, {runs[next(iter(runs))][0]['shape']}, the best of {repeats}")
    best = {name: {fact: min(run[fact] for run in all_) for fact in ("seconds", "cores")} for name, all_ in runs.items()}
    fastest = min(one["seconds"] for name, one in best.items() if name not in ("trainyard", "cold"))
    for name, one in best.items():
        peak = max(run["peak"] for run in runs[name])
        print(f"   {name:10} {one['seconds']:7.2f} s  x{one['seconds'] / fastest:5.2f}  {one['cores']:7.2f} s of a core  {peak:8,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 576], metavar="MB")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are made and kept (default: a temporary folder)")
    parser.add_argument("--parquet", action="store_true", help="also a Parquet file of 5 million rows")
    parser.add_argument("--wide", action="store_true", help="also 10,000 columns")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        for size in args.sizes:
            compare(_made(folder / f"{size}.csv", make_csv, int(size * ROWS_PER_MB)), READERS, args.repeats, folder)
        if args.parquet:
            compare(_made(folder / "five_million.parquet", make_parquet, 5_000_000), PARQUET, args.repeats, folder)
        if args.wide:
            compare(_made(folder / "wide.csv", make_wide, 10_000, 1000), READERS, args.repeats, folder)


def _made(path: Path, make, *args: int) -> Path:
    if not path.exists():
        make(path, *args)
    return path


if __name__ == "__main__":
    main()
