"""Whatever a file does to the reader, the caller gets a sentence and stays alive."""

from __future__ import annotations

import gzip
import os
import signal
import zipfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from pipeline.data import Limits, ReadOptions, nursery, read
from pipeline.data.reader import in_box
from pipeline.errors import FileRefused, Unreadable


def limited(**limits):
    return ReadOptions(limits=Limits(**limits))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 100)
    return path


def test_a_gzip_bomb_is_refused_while_it_unpacks(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(300):
            file.write(b"0" * (1 << 20))
    assert path.stat().st_size < 400_000
    with pytest.raises(FileRefused, match="times its size"):
        read(path)


def test_expansion_has_a_limit_of_its_own(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10_000))
    with pytest.raises(FileRefused, match="unpacks to more than"):
        read(path, options=limited(expanded_bytes=10_000))


@pytest.mark.parametrize(("sign", "error"), [(signal.SIGKILL, FileRefused), (signal.SIGSEGV, Unreadable), (signal.SIGABRT, FileRefused)])
def test_a_killed_reader_is_a_typed_error(table, sign, error):
    with pytest.raises(error) as caught:
        in_box(table, types=True, on_start=lambda pid: os.kill(pid, sign))
    assert sign.name in str(caught.value) and caught.value.hint
    assert len(read(table)[0]) == 100


def test_a_stopped_reader_is_ended_at_the_time_limit(table):
    pids = []

    def stop(pid):
        pids.append(pid)
        os.kill(pid, signal.SIGSTOP)

    with pytest.raises(FileRefused, match="seconds"):
        in_box(table, types=True, options=limited(wall_seconds=0.2), on_start=stop)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_too_little_memory_is_a_refusal(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"".join(b"%d,text number %d\n" % (i, i) for i in range(400_000)) + b"1\n")  # uneven: read the careful way
    with pytest.raises((FileRefused, Unreadable)) as caught:
        read(path, options=limited(memory_bytes=420 * 1024**2))
    assert caught.value.hint


def test_sizes_are_refused_with_their_numbers(tmp_path, table):
    with pytest.raises(FileRefused, match="at most"):
        read(table, options=limited(file_bytes=100))
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(f"c{i}" for i in range(20_001)) + "\n" + ",".join("1" * 20_001) + "\n")
    with pytest.raises(FileRefused, match="20,001 columns"):
        read(wide)
    with pytest.raises(FileRefused, match="cells"):
        read(table, options=limited(cells=50))


def test_a_single_endless_line_is_refused(tmp_path):
    path = tmp_path / "line.csv"
    path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(FileRefused, match="line of more than"):
        read(path, options=limited(cell_chars=1 << 20))


def test_an_unclosed_quote_cannot_swallow_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,2\n3,"4\n' + "5,6\n" * 40_000)
    table, report = read(path, types=False)
    assert len(table) == 40_002 and [(p.line, p.kind) for p in report.problems] == [(3, "quotes")] and not report.exact


def test_a_far_cell_is_refused_by_the_stated_dimension(tmp_path):
    path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
        book.writestr("xl/worksheets/sheet1.xml", '<worksheet><dimension ref="A1:XFD1048576"/></worksheet>')
    with pytest.raises(FileRefused, match="1,048,576 rows and 16,384 columns"):
        read(path)


def test_a_zip_bomb_in_a_workbook_is_refused(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    with pytest.raises(FileRefused, match="times its size"):
        read(path)


def test_nothing_is_left_behind(tmp_path, table, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    read(table)
    with pytest.raises(FileRefused):
        in_box(table, types=True, on_start=lambda pid: os.kill(pid, signal.SIGKILL))
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_nursery_is_kept_for_the_next_file_has_one_thread_and_a_dead_one_is_replaced(table):
    nursery.get_ready()
    (kept,) = nursery._idle
    nursery.get_ready()
    assert nursery._idle == [kept]
    pids = []
    for _ in range(2):
        assert len(in_box(table, types=True, on_start=pids.append)[0]) == 100
    assert len({*pids, kept.pid}) == 3 and nursery._idle == [kept]
    assert len(os.listdir(f"/proc/{kept.pid}/task")) == 1
    os.kill(kept.pid, signal.SIGKILL)
    os.waitid(os.P_PID, kept.pid, os.WEXITED | os.WNOWAIT)
    assert len(in_box(table, types=True, on_start=pids.append)[0]) == 100
    assert nursery._idle != [kept]


def test_a_nursery_that_dies_takes_its_box_with_it(table):
    boxes = []

    def end(pid):
        boxes.append(os.pidfd_open(pid))
        os.kill(pid, signal.SIGSTOP)
        os.kill(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)

    with pytest.raises(FileRefused, match="SIGKILL"):
        in_box(table, types=True, on_start=end)
    assert wait(boxes, 60) == boxes  # a descriptor of a process can be read when the process has ended
    assert len(read(table)[0]) == 100


def test_files_are_read_side_by_side_and_one_nursery_is_kept(table):
    with ThreadPoolExecutor(3) as pool:
        assert [len(one[0]) for one in pool.map(lambda _: read(table), range(6))] == [100] * 6
    assert len(nursery._idle) == 1
