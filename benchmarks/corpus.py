"""How often a reader is right, wrong and says so, or wrong and silent: Trainyard, pandas, polars and DuckDB on the same awkward files.

    .venv/bin/python benchmarks/corpus.py ../shared/corpus [--files]

Groups: the corpus as it is (truth from its manifest where it has one, else judged by hand below), whole tables dressed as real
files are, and tables with one damaged row. pandas, polars and DuckDB read every cell as text, with their defaults otherwise;
those that are not installed are left out. A warning or an error counts as having said so; nothing counts as right that is not.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import pandas as pd

from benchmarks import damage
from pipeline.data import ReadOptions, box, formats
from pipeline.errors import TrainyardError

Shape = tuple[str, int, int]  # first column name, columns, rows
# What a person sees in the files without a truth of their own. None: no single table is right, so a reader must say so.
JUDGED: dict[str, Shape | None] = {
    "blank_line.ods": ("Name", 3, 3), "characters.csv": ("id", 18, 382), "complex.csv": ("date", 4, 3), "example.tsv": ("hour", 17, 140),
    "excel_pasting.csv": ("Year", 9, 14), "loffice-4.4.1.2.ods": ("Name", 3, 3), "mixedGLB.csv": ("Year", 19, 133), "simple.csv": ("date", 3, 6),
    "excel_properties.xls": ("bold", 1, 18), "ods_formats.ods": ("Date", 10, 5), "simple.ods": ("Name", 3, 3), "simple.psv": ("Year", 6, 28), "simple.ssv": ("date", 3, 6),
    "simple.xls": ("date", 3, 6), "simple.xlsx": ("date", 3, 6), "simple.zip": ("date", 3, 6), "skip_initials.csv": ("field1", 2, 2),
    "span_rich.xls": ("I", 4, 5), "spanish_chars.csv": ("GF_ID", 8, 114), "sw_gen.xlsx": ("id_str", 17, 15), "utf-16le_encoded.csv": ("Organisation_code", 19, 327),
    "sparse_with_column_errors.csv": ("LP", 4, 2237),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    path: Path
    truth: damage.Table | None = None
    shape: Shape | None = None
    made: damage.Made | None = None


@dataclass(frozen=True)
class Got:
    """A table as text with its header first (None: refused), whether anything was said, and the lines that were named."""

    table: damage.Table | None
    said: bool
    lines: frozenset[int] = frozenset()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--only", choices=tuple(READERS), help="one reader alone")
    parser.add_argument("--files", action="store_true", help="also print every file that some reader got wrong")
    args = parser.parse_args()
    readers = {
        name: read
        for name, read in READERS.items()
        if (args.only or name) == name and (name == "trainyard" or importlib.util.find_spec(name))
    }
    counts: Counter[tuple[str, str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(args.corpus, Path(folder)):
            verdicts = {name: judged(case, attempt(read, case)) for name, read in readers.items()}
            counts.update((case.group, name, verdict) for name, verdict in verdicts.items())
            if args.files and set(verdicts.values()) != {"right"}:
                print(f"{case.group:14} {case.name[:60]:60} " + "  ".join(f"{n} {v}" for n, v in verdicts.items()))
    shown(counts, list(readers))
    return 0


def shown(counts: Counter, readers: list[str]) -> None:
    print(f"\n{'group':14} {'files':>5}  " + "  ".join(f"{name:^28}" for name in readers))
    print(" " * 22 + "  ".join(f"{'right':>8} {'said':>8} {'silent':>8}  " for _ in readers))
    for group in dict.fromkeys(group for group, _, _ in counts):
        files = sum(n for (g, name, _), n in counts.items() if g == group and name == readers[0])
        parts = ["".join(f"{counts[group, name, v] / files:>9.1%}" for v in ("right", "said", "silent")) + " " * 3 for name in readers]
        print(f"{group:14} {files:>5} " + "".join(parts))


def cases(corpus: Path, folder: Path) -> Iterator[Case]:
    for entry in json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))["files"]:
        path = corpus / entry["file"]
        group, name = entry["file"].split("/")
        clean = entry["expected"].get("clean_file")
        yield Case(group, name, path, rows_of(corpus / clean) if clean else None, JUDGED.get(name) if group == "messytables" else None)
    for group, made in (*(("dressed", m) for m in damage.dressed()), *(("one bad row", m) for m in damage.damaged())):
        path = folder / "made.csv"
        path.write_bytes(made.content)
        yield Case(group, made.name, path, made.table, made=made)


def rows_of(path: Path) -> damage.Table:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def attempt(read: Callable[[Path], Got], case: Case) -> Got:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            got = read(case.path)
        except Exception:  # whatever a reader raises, it has said so
            return Got(None, said=True)
    spoken = [w for w in caught if not issubclass(w.category, (DeprecationWarning, FutureWarning))]
    return Got(got.table, got.said or bool(spoken), got.lines)


def judged(case: Case, got: Got) -> str:
    wrong = "said" if got.said else "silent"
    if got.table is None:
        return "said" if case.truth or case.shape else "right"
    if case.made and case.made.damaged:
        return "right" if others_right(case.made, got) else wrong
    if case.truth:
        return "right" if flat(got.table) == flat(case.truth) else wrong
    if case.shape:
        return "right" if (got.table[0][0].strip(), len(got.table[0]), len(got.table) - 1) == case.shape else wrong
    return "right" if got.said else "silent"


def others_right(made: damage.Made, got: Got) -> bool:
    """The header and all rows but the damaged one, which may be mended, kept or left out, but must be named."""
    rows, truth = flat(got.table or []), flat(made.table)
    assert made.row is not None
    kept = rows == truth or rows[: made.row] + rows[made.row + 1 :] == truth[: made.row] + truth[made.row + 1 :]
    left_out = rows == truth[: made.row] + truth[made.row + 1 :]
    return (kept or left_out) and made.damaged in got.lines


def flat(table: damage.Table) -> damage.Table:
    """Blanks around names and the two ways to end a line inside a cell do not count."""
    return [[cell.strip() if not i else cell.replace("\r\n", "\n") for cell in row] for i, row in enumerate(table)]


def text_of(frame: pd.DataFrame) -> damage.Table:
    cells = frame.astype(object).where(frame.notna(), "").values.tolist()
    return [[str(name) for name in frame.columns], *[[str(cell) for cell in row] for row in cells]]


def ours(path: Path) -> Got:
    """The same code as in the box, without a process of its own for each of the small files."""
    name = path.name if path.suffix in formats.EXTENSIONS or path.suffix in (".zip", ".gz") else path.name + ".csv"
    with tempfile.TemporaryDirectory() as folder:
        answer = box.answered(box.Job(path=str(path), name=name, types=False, options=ReadOptions()), Path(folder))
        if answer.report is None:
            raise TrainyardError(answer.message, answer.hint)
        frame = pd.read_parquet(Path(folder) / box.TABLE)
    frame.columns = pd.Index(answer.headers)
    lines = frozenset(problem.line for problem in answer.report.problems if problem.line)
    return Got(text_of(frame), not answer.report.exact, lines)


def by_pandas(path: Path) -> Got:
    if path.suffix in (".xls", ".xlsx", ".ods"):
        return Got(text_of(pd.read_excel(path, engine="calamine", dtype=str)), said=False)
    return Got(text_of(pd.read_csv(path, dtype=str, keep_default_na=False)), said=False)


def by_polars(path: Path) -> Got:
    import polars

    if path.suffix in (".xls", ".xlsx", ".ods"):
        frame = polars.read_excel(path, engine="calamine", infer_schema_length=0)
    else:
        frame = polars.read_csv(path, infer_schema=False, glob=False)
    return Got([frame.columns, *[["" if cell is None else str(cell) for cell in row] for row in frame.rows()]], said=False)


def by_duckdb(path: Path) -> Got:
    import duckdb

    if path.suffix in (".xls", ".xlsx", ".ods"):
        raise ValueError("not read without a download")
    with duckdb.connect() as link:
        found = link.execute("SELECT * FROM read_csv(?, all_varchar = true)", [str(path)])
        names = [column[0] for column in found.description]
        return Got([names, *[["" if cell is None else str(cell) for cell in row] for row in found.fetchall()]], said=False)


READERS: dict[str, Callable[[Path], Got]] = {"trainyard": ours, "pandas": by_pandas, "polars": by_polars, "duckdb": by_duckdb}

if __name__ == "__main__":
    sys.exit(main())
