"""The fast path gives what the careful path gives, or leaves the file to it."""

from __future__ import annotations

import hashlib
import random
from functools import cache

import numpy as np
import pandas as pd
import pytest

from pipeline.data import ReadOptions, box, fast, sources
from pipeline.data.counting import Different, mixed, scattered_texts
from pipeline.data.profiles import tops

ROWS = 4_000


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The same machinery on files of some hundred kilobytes, in several blocks."""
    monkeypatch.setattr(box, "SMALLEST_FAST", 0)
    monkeypatch.setattr(sources, "BLOCK", 100_000)
    monkeypatch.setattr(sources, "PROBE_BYTES", 2_000)
    monkeypatch.setattr(sources, "BATCH_ROWS", 1_000)
    monkeypatch.setattr("pipeline.data.lanes._FEW_IN_A_PIECE", 400)


@cache
def lines(rows=ROWS):
    return tuple(made(rows))


def made(rows):
    rng = random.Random(0)
    yield "order,placed,amount,share,shop,city,code,open,nothing,note"
    for i in range(rows):
        amount = "" if i % 31 == 0 else f"{rng.randrange(100_000) / 100:.2f}"
        note = f"said {rng.randrange(10**6)} things of {i} to them"
        yield (
            f"{1000 + i},2024-0{1 + i % 9}-1{i % 10} 0{i % 10}:30:00,{amount},{rng.gauss(0, 1)!r},{rng.randrange(50)},"
            f"city {rng.randrange(40)},K{rng.randrange(3000):05d},{'yes' if rng.random() < 0.4 else 'no'},NA,{note}"
        )


def both(path, tmp_path):
    """The answer of the fast path (None when it was not taken) and that of the careful one, with their tables."""
    answers = []
    for name, smallest in (("fast", 0), ("careful", 1 << 60)):
        folder = tmp_path / name
        folder.mkdir()
        box.SMALLEST_FAST = smallest
        job = box.Job(path=str(path), name=path.name, types=True, options=ReadOptions())
        kind = box.formats.detect(path, path.name)
        answer = box._fast(kind, path, job, folder) if name == "fast" else box._parse(job, folder)
        answers.append((answer, pd.read_parquet(folder / box.TABLE) if answer else None))
    return answers


def same(path, tmp_path):
    (quick, table), (slow, expected) = both(path, tmp_path)
    assert quick is not None, "the fast path was not taken"
    pd.testing.assert_frame_equal(table, expected)
    assert (quick.content, quick.report) == (slow.content, slow.report)
    assert quick.table_sha == hashlib.sha256((tmp_path / "fast" / box.TABLE).read_bytes()).hexdigest()
    few = {column.name for column in slow.table_schema.columns if column.unique <= 60}
    counted = tops(expected, slow.table_schema)
    assert all(sorted(quick.tops[name]) == sorted(counted[name]) for name in few & set(quick.tops)) and quick.tops
    for one, other in zip(quick.table_schema.columns, slow.table_schema.columns, strict=True):
        same = {"levels": ()} if one.unique > 1000 else {}  # those of many are the most frequent of a sample
        assert one.model_copy(update=same) == other.model_copy(update=same)
    return quick


def written(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", errors="surrogateescape", newline="")
    return path


def test_a_plain_table_is_the_same_by_both_ways(tmp_path):
    answer = same(written(tmp_path, lines()), tmp_path)
    kinds = [column.kind for column in answer.table_schema.columns]
    assert kinds == ["numeric", "datetime", "numeric", "numeric", "numeric", "categorical", "categorical", "boolean", "categorical", "text"]
    head = pd.read_parquet(tmp_path / "fast" / box.HEAD)
    assert head.equals(pd.read_parquet(tmp_path / "careful" / box.TABLE).head(2000))


def changed(at=2_345, **cells):
    """The lines with other cells in one row, named by the header."""
    rows = list(lines())
    names, row = rows[0].split(","), rows[at].split(",")
    for name, text in cells.items():
        row[names.index(name)] = text
    rows[at] = ",".join(row)
    return rows


ODD = {
    "a code, a word, a zone, an answer": {"shop": "007", "share": "n.n.", "placed": "2024-05-11T03:04:05+02:00", "open": "perhaps"},
    "blanks, quotes, letters beyond ASCII": {"code": " NA ", "note": '"one\ntwo, three ""four"" or so"', "city": "Zürich\u3000", "shop": " 12"},
    "a fraction, infinity, a first value": {"shop": "3.5", "share": "inf", "nothing": "12"},
    "letters, signs and blanks around digits": {"order": "0xF4240", "amount": "-007.5", "share": "+0.5", "shop": " 5 "},
    "a zero after a sign, a short date": {"shop": "-0", "amount": "-0.5", "share": "-.5", "placed": "2024-05-11"},
    "a number too large": {"shop": str(2**53 + 1), "amount": "1e400"},
}


@pytest.mark.parametrize("cells", ODD.values(), ids=ODD)
def test_an_odd_cell_sends_its_column_the_other_way(tmp_path, cells):
    same(written(tmp_path, changed(**cells)), tmp_path)


UNEVEN = {
    "a blank line": [*list(lines())[:2000], "", *list(lines())[2000:]],
    "a blank row": [*list(lines())[:2000], ",,,,,,,,,", *list(lines())[2000:]],
    "a short row": [*list(lines())[:2000], "1,2,3", *list(lines())[2000:]],
    "a line feed that nobody quoted": changed(note="one\ntwo"),
    "a quotation mark that nobody closed": changed(note='"one'),
    "a zero byte": changed(city="a\0b"),
    "half a character": changed(city="\udcff"),
}


@pytest.mark.parametrize("rows", UNEVEN.values(), ids=UNEVEN)
def test_what_is_not_even_is_left_to_the_careful_path(tmp_path, rows):
    path = written(tmp_path, rows)
    job = box.Job(path=str(path), name=path.name, types=True, options=ReadOptions())
    assert box._fast(box.formats.detect(path, path.name), path, job, tmp_path) is None


def test_parquet_is_the_same_by_both_ways(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "n": pd.array(rng.integers(0, 9, ROWS), dtype="Int64"), "f": rng.normal(size=ROWS), "t": pd.date_range("2024", periods=ROWS, freq="h", tz="Asia/Tokyo"),
            "b": rng.random(ROWS) < 0.3, "s": [f"word {i % 70}" for i in range(ROWS)], "c": pd.Categorical([str(i % 5) for i in range(ROWS)]),
            "l": [[i, 2] for i in range(ROWS)], "d": pd.date_range("1990-01-01", periods=ROWS).date, "u": [f"{i:x}-{i * 7919:x}" for i in range(ROWS)],
        }
    )  # fmt: skip
    frame.loc[::17, ["n", "f", "s"]] = None
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=1_500)
    same(tmp_path / "t.parquet", tmp_path)


def test_different_values_are_counted():
    exact, many = Different(), Different()
    for start in range(0, 400_000, 50_000):
        numbers = np.arange(start, start + 50_000)
        exact.add(exact.part(mixed(numbers % 1_234)))
        many.add(many.part(mixed(numbers // 2)))
    assert (exact.count, exact.exact) == (1_234, True)
    assert abs(many.count / 200_000 - 1) < 0.02 and not many.exact


def test_texts_are_told_apart_by_their_hashes():
    texts = ["", "a", "b", "ab", "a" * 8, "a" * 9, "a" * 16, "a" * 17, "b" + "a" * 8, "\0", "\0\0", "x" * 1000, "x" * 999 + "y", None]
    import pyarrow as pa

    array = pa.array(["skip", *texts], pa.string()).slice(1)
    words = scattered_texts(array.drop_null())
    assert len(set(words.tolist())) == len(texts) - 1
    assert (scattered_texts(pa.array(texts[:-1])) == words).all()
    assert all((scattered_texts(pa.array([text, text])) == word).all() for text, word in zip(texts, words, strict=False))


def test_blocks_come_back_in_order():
    assert list(fast.in_order(iter(range(50)), lambda n: n * n)) == [n * n for n in range(50)]
