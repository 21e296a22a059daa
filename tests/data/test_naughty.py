"""Names and cells that try to be something else come back as they were: through a file, the store and a plan."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from pipeline import Plan, Store
from pipeline.data import infer
from tests.data.here import read

HOSTILE = [
    "<script>alert(1)</script>", "'; DROP TABLE datasets;--", "=1+1", "../../etc/passwd", "{{7*7}}", "%s%n", "\u202etest", "ﬀ", "👩‍👩‍👧", '""', "a\tb",
    "\\", ":red[x]", "$HOME", "1;2|3", "x\u200by", "![x](http://127.0.0.1:9/p.png)", "__proto__", "CON", "file[1].csv", "index", "  padded  ", "NFC é NFD e\u0301",
]  # fmt: skip
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "naughty" / "blns.json"


def strings():
    """The strings above, and the whole public list where it is at hand."""
    more = json.loads(CORPUS.read_text(encoding="utf-8")) if CORPUS.is_file() else []
    return list(dict.fromkeys(HOSTILE + more))


def test_as_cells_and_as_column_names(tmp_path):
    naughty = strings()
    for rows in (
        [["key", "text"], *[[str(i), text] for i, text in enumerate(naughty)]],
        [naughty, ["1"] * len(naughty), ["2"] * len(naughty)],
    ):
        with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        table, report = read(tmp_path / "t.csv", types=False)
        assert [list(table.columns), *table.values.tolist()] == rows
        assert not {"short_row", "long_row", "quotes", "delimiter", "preamble", "footer"} & {problem.kind for problem in report.problems}


def test_as_names_of_columns_classes_files_and_datasets_in_the_store_and_in_a_plan(tmp_path):
    naughty = [text for text in strings() if text.strip() and "\0" not in text]
    names = list(dict.fromkeys(text.strip() for text in naughty))
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [[*names, "target"], *[[*map(str, range(i, i + len(names))), naughty[i % 7]] for i in range(21)]]
        )
    dataset = Store(tmp_path / "home").add_dataset("'; DROP TABLE datasets;--", path, file_name="<b>../file[1]</b>.csv")
    kept = Store(tmp_path / "home").dataset(dataset.id)
    assert (
        kept.schema.names == [*names, "target"] and kept.name == "'; DROP TABLE datasets;--" and kept.file_name == "<b>../file[1]</b>.csv"
    )
    assert kept.table()["target"].tolist() == [naughty[i % 7] for i in range(21)]
    plan = Plan.draft(kept.schema, "target", dataset=kept.id)
    assert Plan.parse(plan.model_dump_json()) == plan and [column.name for column in plan.columns] == names
    assert infer(kept.table())[1].names == kept.schema.names
