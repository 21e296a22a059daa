"""What files that are made to hurt cost: seconds until a typed error, peak memory of the box, and what this process gains.

    .venv/bin/python benchmarks/bombs.py [--large FILE]

Each file is given to `pipeline.read` as an upload is: in a box of its own. The bar: a typed error (or a table with a report) within 30 s.
With `--large`, that file is also added to a store by its path, and the rise of this process's memory is told (the bar: 100 MB for 500 MB).
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def far_cell() -> bytes:
    import openpyxl

    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active["A1"], book.active["XFD1048576"] = "a", 1
    book.save(file)
    return file.getvalue()


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"n": range(20_000), "s": [f"t{i % 50}" for i in range(20_000)]}), file)
    return file.getvalue()


def fuzzed(times: int = 20) -> Iterator[tuple[str, bytes]]:
    whole, rng = parquet(), random.Random(0)
    for i in range(times):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 40)):
            content[rng.randrange(4, len(content) - 8) if i % 2 else rng.randrange(len(content) - 2_000, len(content) - 8)] = rng.randrange(256)
        yield f"fuzzed {i}.parquet", bytes(content)


def files() -> Iterator[tuple[str, bytes]]:
    yield "gzip bomb.csv.gz", gzip.compress(b"0" * (300 << 20))
    yield "zip bomb.zip", zipped({"t.csv": b"0,1\n" * (75 << 20)})
    yield "workbook bomb.xlsx", zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b"", "xl/worksheets/sheet1.xml": b" " * (300 << 20)})
    yield "far cell.xlsx", far_cell()
    yield "deep.json", b"[" * 5_000_000 + b"]" * 5_000_000
    yield "deep objects.json", b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000
    yield "million columns.csv", b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n" + b",".join([b"1"] * 1_000_000) + b"\n"
    yield "million columns.json", b"[{" + b",".join(b'"c%d":1' % i for i in range(1_000_000)) + b"}]"
    yield from fuzzed()


class Watch(threading.Thread):
    """The peak of the memory that this process and a child hold (resident, in bytes), and the lowest of its own before."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.pid, self.child, self.own, self.over = 0, 0, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.own = max(self.own, resident("self"))
            self.child = max(self.child, resident(str(self.pid)) if self.pid else 0)


def resident(pid: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def watched(work: Callable[[Watch], str]) -> tuple[str, float, Watch, int]:
    watch, before, began = Watch(), resident("self"), time.monotonic()
    watch.start()
    came = work(watch)
    seconds = time.monotonic() - began
    watch.over.set()
    watch.join()
    return came, seconds, watch, max(0, watch.own - before)


def outcome(path: Path, watch: Watch) -> str:
    from pipeline import TrainyardError
    from pipeline.data.reader import in_box

    try:
        table, _, report = in_box(path, types=True, on_start=lambda pid: setattr(watch, "pid", pid))
    except TrainyardError as error:
        return f"{type(error).__name__}: {error}"
    return f"a table of {table.shape[0]:,} x {table.shape[1]}, exact={report.exact}"


def added(path: Path, home: Path) -> str:
    from pipeline.store import Store

    dataset = Store(home).add_dataset("large", path)
    return f"a dataset of {dataset.rows:,} x {dataset.columns}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", type=Path, help="a large file to add by its path")
    large = parser.parse_args().large
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "first.csv"
        small.write_text("a,b\n1,2\n")
        added(small, Path(folder) / "home")  # what is imported once is in memory now
        for name, content in files():
            path = Path(folder) / name
            path.write_bytes(content)
            tell(name, *watched(lambda watch, path=path: outcome(path, watch)))
        if large:
            tell(large.name, *watched(lambda watch: added(large, Path(folder) / "home")))


def tell(name: str, came: str, seconds: float, watch: Watch, gained: int) -> None:
    print(f"{name:24} {seconds:6.1f} s  box {watch.child / 1e6:6.0f} MB  here +{gained / 1e6:4.0f} MB  {came[:110]}", flush=True)


if __name__ == "__main__":
    main()
