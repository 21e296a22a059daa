"""Small files that would be large, deep, wide or damaged inside: each is refused in a sentence. (The limits of the box itself: test_box.)"""

from __future__ import annotations

import io
import random
import struct
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from pipeline.data import Limits, ReadOptions, columnar
from pipeline.errors import DataError, FileRefused, Unreadable
from tests.data.here import read

SHEET = '<worksheet><sheetData><row r="1"><c r="A1"><v>&lol;</v></c></row></sheetData></worksheet>'


def zipped(*members) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


BOMBS = {
    "a zip that unpacks to too much": ("t.zip", lambda: zipped(("t.csv", b"0" * (20 << 20)))),
    "a zip in a zip": ("t.zip", lambda: zipped(("t.zip", zipped(("t.csv", b"a,b\n1,2\n"))))),
    "two files in a zip": ("t.zip", lambda: zipped(("t.csv", b"a,b\n1,2\n"), ("u.csv", b"a,b\n1,2\n"))),
    "entities that laugh": ("t.xlsx", lambda: zipped(("xl/worksheets/sheet1.xml", '<!DOCTYPE l [<!ENTITY lol "lol">]>' + SHEET), ("xl/workbook.xml", ""))),
    "deep JSON": ("t.json", lambda: b"[" * 100_000 + b"]" * 100_000),
    "deep JSON Lines": ("t.jsonl", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "too many columns": ("t.csv", lambda: b",".join(b"c%d" % i for i in range(2_001)) + b"\n" + b"1," * 2_000 + b"1\n"),
    "a line without an end": ("t.csv", lambda: b"x" * (1 << 20)),
    "too many cells": ("t.csv", lambda: b"a,b\n" + b"1,2\n" * 60_000),
}


@pytest.mark.parametrize(("name", "made"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused(tmp_path, name, made):
    path = tmp_path / name
    path.write_bytes(made())
    with pytest.raises((FileRefused, Unreadable)) as caught:
        read(path, options=ReadOptions(limits=Limits(columns=2_000, cells=100_000, cell_chars=500_000)))
    assert caught.value.hint or str(caught.value).endswith(".")


def test_a_dictionary_that_unpacks_to_too_much_is_refused_while_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(columnar, "_MOST_HELD", 30 << 20)
    monkeypatch.setattr(columnar, "_BATCH", 4 << 20)
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": ["x" * (1 << 20)] * 100}), path)
    assert path.stat().st_size < 3_000_000
    with pytest.raises(FileRefused, match="unpacks to more than"):
        read(path)


def test_damaged_parquet_is_a_table_or_a_sentence(tmp_path):
    path, chance = tmp_path / "t.parquet", random.Random(0)
    parquet.write_table(pa.table({"a": list(range(500)), "b": [str(i) for i in range(500)]}), path)
    whole = path.read_bytes()
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            damaged[chance.randrange(4, len(damaged) - 4)] = chance.randrange(256)
        path.write_bytes(bytes(damaged))
        try:
            read(path)
        except DataError as error:
            assert str(error)


def test_a_parquet_page_that_breaks_its_checksum_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"x": [float(i) for i in range(1000)]}), path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<d", 500))] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="(?i)checksum"):
        read(path)


@pytest.mark.parametrize("gap", [slice(None), slice(65_536, 140_000)], ids=["everywhere", "a whole batch and more"])
def test_a_healthy_parquet_with_nan_for_gaps_is_exact(tmp_path, gap):
    path, values = tmp_path / "nan.parquet", np.random.default_rng(0).normal(size=150_000)
    values[gap] = np.nan
    parquet.write_table(pa.table({"row": np.arange(150_000), "value": pa.array(values)}), path)
    assert (read(path)[1].exact, read(path)[1].problems) == (True, ())


@pytest.mark.parametrize(("column", "was", "now"), [("n", (500).to_bytes(8, "little"), (10**9).to_bytes(8, "little")), ("s", b"text 0700", b"zext 0700")])
def test_a_parquet_column_that_is_not_as_the_footer_says_is_told(tmp_path, column, was, now):
    path, frame = tmp_path / "t.parquet", pd.DataFrame({"n": range(1000), "s": [f"text {i:04}" for i in range(1000)]})
    frame.to_parquet(path, compression="none", use_dictionary=False)
    report = read(path)[1]
    assert (report.exact, report.problems, report.checksums) == (True, (), False)
    content = path.read_bytes()
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, now))
    report = read(path)[1]
    assert not report.exact and [problem.kind for problem in report.problems] == ["damaged"] and repr(column) in report.problems[0].message
    frame.to_parquet(path, write_page_checksum=True)
    assert read(path)[1].checksums
