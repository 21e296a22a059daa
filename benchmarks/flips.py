"""Parquet files with a few bytes changed: refused, read with a word of doubt, or read as if nothing were the matter.

    .venv/bin/python benchmarks/flips.py [--files 100]

The files have no checksums, as pandas and most others write them. Each is read in a process of its own. "silent" is a table that is said to
be exact; it is "different" when any cell or name in it is not what was written, which is what must not happen unseen.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.bombs import fuzzed, parquet

ROWS = 20_000


def people(**how: object) -> bytes:
    rng, file = np.random.default_rng(0), io.BytesIO()
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS), "age": rng.integers(18, 90, ROWS), "spend": rng.normal(300, 80, ROWS).round(2),
            "reading": np.where(rng.random(ROWS) < 0.05, np.nan, rng.normal(size=ROWS)), "town": rng.choice(["Oslo", "Lima", "Rome"], ROWS),
            "note": [f"note {n} of {n * 7919 % 1000}" for n in rng.integers(0, 9999, ROWS)],
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), unit="D"), "left": rng.random(ROWS) < 0.3,
        }
    )  # fmt: skip
    frame.to_parquet(file, **how)
    return file.getvalue()


def changed(whole: bytes, files: int) -> Iterator[bytes]:
    """One byte changed anywhere, in every second file one to forty."""
    for i in range(files):
        dice, content = random.Random(i), bytearray(whole)
        for _ in range(1 if i % 2 else dice.randint(1, 40)):
            content[dice.randrange(4, len(content) - 8)] ^= dice.randrange(1, 256)
        yield bytes(content)


def torn(whole: bytes, files: int) -> Iterator[bytes]:
    """512 bytes in one place lost: zeros there, in every second file bytes from elsewhere in it."""
    for i in range(files):
        dice, content = random.Random(i), bytearray(whole)
        at, other = (dice.randrange(4, len(content) - 520) for _ in range(2))
        content[at : at + 512] = bytes(512) if i % 2 else content[other : other + 512]
        yield bytes(content)


def read_back(path: Path) -> pd.DataFrame:
    """The table that Trainyard makes of a file."""
    from pipeline.data.box import answered
    from pipeline.data.job import TABLE

    with tempfile.TemporaryDirectory() as folder:
        answered(_job(path), Path(folder))
        return pd.read_parquet(Path(folder) / TABLE)


def _job(path: Path):
    from pipeline.data.job import Job
    from pipeline.data.report import ReadOptions

    return Job(path=str(path), name="t.parquet", types=True, options=ReadOptions())


def outcome(path: Path, truth: pd.DataFrame) -> str:
    """What came of a file, found out in a child."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, _read(path, truth).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        told = answer.read()
    os.waitpid(pid, 0)
    return told or "refused"  # the box died


def _read(path: Path, truth: pd.DataFrame) -> str:
    from pipeline.data.box import answered
    from pipeline.data.job import TABLE

    with tempfile.TemporaryDirectory() as folder:
        answer = answered(_job(path), Path(folder))
        if answer.error:
            return "refused"
        same = pd.read_parquet(Path(folder) / TABLE).equals(truth)
    return f"{'silent' if answer.report.exact else 'said'}, {'same' if same else 'different'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    files = parser.parse_args().files
    eight, plain = people(), people(compression="none", use_dictionary=False)
    kinds = {
        "two columns": (parquet(), (content for _, content in fuzzed(files))), "eight columns": (eight, changed(eight, files)),
        "eight columns, 512 bytes": (eight, torn(eight, files)), "the same, not compressed": (plain, torn(plain, files)),
    }  # fmt: skip
    for name, (whole, contents) in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.parquet"
            path.write_bytes(whole)
            truth = read_back(path)
            print(f"{name}, untouched: {outcome(path, truth)}")
            came = Counter()
            for content in contents:
                path.write_bytes(content)
                came[outcome(path, truth)] += 1
        print(f"{name}, {files} damaged: {dict(came.most_common())}", flush=True)


if __name__ == "__main__":
    main()
