"""Files of every format come in exactly, and what cannot come in exactly is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile

import pandas as pd
import pytest

from pipeline.data import ReadOptions, box, content_hash, infer, reader
from pipeline.errors import FileRefused, NotFound, Unreadable
from tests.data.here import load, read

TABLE = "name,age,paid\nAnn,31,10.5\nBob,44,\nCléo,27,7.25\n"


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def kinds(report):
    return [problem.kind for problem in report.problems]


def test_a_plain_csv_is_exact(tmp_path):
    table, report = read(write(tmp_path, "t.csv", TABLE))
    assert report.exact and report.problems == () and (report.rows, report.columns) == (3, 3)
    assert (report.format, report.encoding, report.delimiter) == ("csv", "utf-8", ",")
    assert table["age"].tolist() == [31, 44, 27] and table["name"].tolist() == ["Ann", "Bob", "Cléo"]
    assert table["paid"].isna().tolist() == [False, True, False]


def test_without_types_every_cell_is_the_text_in_the_file(tmp_path):
    table, _ = read(write(tmp_path, "t.csv", 'a,b\n007,NA\n1.50," x "\n'), types=False)
    assert table.values.tolist() == [["007", "NA"], ["1.50", " x "]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    text = TABLE.replace(",", delimiter)
    table, report = read(write(tmp_path, "t.txt", text))
    assert report.delimiter == delimiter and table.shape == (3, 3) and report.exact


def test_decimal_commas_between_semicolons(tmp_path):
    table, schema, report = load(write(tmp_path, "t.csv", "a;b;c\n1,5;2,25;x\n3,0;1.234,5;y\n4,5;0,1;z\n"))
    assert report.delimiter == ";" and report.exact
    assert table["a"].tolist() == [1.5, 3.0, 4.5] and table["b"].tolist() == [2.25, 1234.5, 0.1]
    assert schema["a"].decimal == ","


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings(tmp_path, encoding):
    table, report = read(write(tmp_path, "t.csv", TABLE.encode(encoding)))
    assert table["name"].tolist() == ["Ann", "Bob", "Cléo"] and table.columns[0] == "name"
    assert report.encoding == encoding and report.exact == (encoding != "cp1252")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", ["Москва", "Казань", "Самара", "Омск"]),
        ("cp1250", ["Łódź", "Kraków", "Gdańsk", "Częstochowa"]),
        ("cp1253", ["Αθήνα", "Πάτρα", "Βόλος", "Λαμία"]),
        ("cp1252", ["Málaga", "Köln", "Besançon", "A Coruña"]),
    ],
)
def test_old_encodings_are_told_apart_and_the_guess_is_said(tmp_path, encoding, words):
    text = words[0] + ",n\n" + "".join(f"{word},{i}\n" for i, word in enumerate(words * 20))
    table, report = read(write(tmp_path, "t.csv", text.encode(encoding)))
    assert table.iloc[:4, 0].tolist() == words and report.encoding == encoding and "encoding" in kinds(report)


def test_one_damaged_byte_is_replaced_and_said(tmp_path):
    table, report = read(write(tmp_path, "t.csv", (TABLE * 9).encode() + "Zoé,1,2\n".encode() + b"b\xffd,1,2\n"))
    assert "replaced" in kinds(report) and not report.exact and table["name"].iloc[-2] == "Zoé"


def test_ragged_rows_are_kept_and_listed_with_their_lines(tmp_path):
    table, report = read(write(tmp_path, "t.csv", "a,b,c\n1,2,3\n4,5\n6,7,8,surplus\n9,10,11\n"))
    assert not report.exact and [(p.line, p.kind) for p in report.problems] == [(3, "short_row"), (4, "long_row")]
    assert "surplus" in report.problems[1].message
    assert table["a"].tolist() == [1, 4, 6, 9] and table["c"].isna().tolist() == [False, True, False, False]


def test_lines_count_through_quoted_line_breaks(tmp_path):
    _, report = read(write(tmp_path, "t.csv", 'a,b\n"one\ntwo",2\n3\n4,5\n'))
    assert [(p.line, p.kind) for p in report.problems] == [(4, "short_row")]


def test_a_title_above_the_table_is_left_out_and_said(tmp_path):
    table, report = read(write(tmp_path, "t.csv", "Sales 2024\n\nregion,month,sum\nN,1,5\nS,2,6\nE,3,7\n"))
    assert list(table.columns) == ["region", "month", "sum"] and len(table) == 3
    assert "preamble" in kinds(report) and not report.exact


def test_a_table_without_a_header_is_numbered(tmp_path):
    table, report = read(write(tmp_path, "t.csv", "1,2\n3,4\n5,6\n"))
    assert list(table.columns) == ["column_1", "column_2"] and len(table) == 3 and "no_header" in kinds(report)


def test_duplicate_and_empty_names_are_renamed_alike_every_time(tmp_path):
    path = write(tmp_path, "t.csv", "name,name,,name_2, x \n1,2,3,4,5\n6,7,8,9,0\n")
    table, schema, report = load(path)
    assert list(table.columns) == ["name", "name_3", "column_3", "name_2", "x"]
    assert report.renamed == {"name_3": "name", "column_3": "", "x": " x "} and kinds(report) == ["renamed"] * 3
    assert schema["name_3"].source == "name" and table["name_2"].tolist() == [4, 9]


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("empty.csv", b"", Unreadable, "empty"),
        ("blank.csv", b"\n\n \n", Unreadable, "no filled cells"),
        ("header.csv", b"a,b,c\n", Unreadable, "no rows"),
        ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), FileRefused, "PNG"),
        ("pickle.csv", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.", FileRefused, "pickle"),
        ("zip.csv", b"PK\x03\x04" + b"\0" * 60, FileRefused, "zip"),
        ("page.csv", b"<!DOCTYPE html><html></html>", FileRefused, "web page"),
        ("zero.csv", b"a,b\n1,2\n" * 900 + b"3,\x004\n", Unreadable, "zero byte"),
        ("broken.xlsx", b"PK\x03\x04 not a workbook", Unreadable, "damaged"),
        ("broken.parquet", b"PAR1 not a table", Unreadable, "Parquet"),
        ("text.parquet", b"a,b\n1,2\n", FileRefused, "plain text"),
        ("broken.csv.gz", gzip.compress(TABLE.encode() * 50, mtime=0)[:-20], Unreadable, "unpacked"),
        ("plain.csv.gz", TABLE.encode(), FileRefused, "not a gzip"),
        ("model.pkl", b"\x80\x04.", FileRefused, ".pkl"),
        ("macros.xlsm", b"PK\x03\x04", FileRefused, ".xlsm"),
        ("nothing", TABLE.encode(), FileRefused, "no extension"),
        ("deep.json", b"[" * 200_000, Unreadable, "deep.json"),
        ("scalar.json", b"[1, 2, 3]", Unreadable, "not an object"),
    ],
)
def test_wrong_files_are_refused_in_a_sentence(tmp_path, name, content, error, says):
    with pytest.raises(error) as caught:
        read(write(tmp_path, name, content))
    assert says in str(caught.value) and name in str(caught.value) and caught.value.hint


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read(tmp_path / "no.csv")


def test_the_name_decides_when_the_path_does_not(tmp_path):
    table, _ = read(write(tmp_path, "0f3a.bin", TABLE), name="people.csv")
    assert len(table) == 3


def test_formats_agree_on_the_content(tmp_path):
    frame = pd.DataFrame({
        "n": [1, 2, 3], "x": [1.5, None, -0.25], "s": ["a", None, "ü, \"q\""], "b": [True, False, True],
        "d": pd.to_datetime(["2024-01-05 00:00:00", "2024-02-29 13:30:00", None]), "code": ["007", "010", "100"],
    })  # fmt: skip
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_feather(tmp_path / "t.feather")
    frame.to_json(tmp_path / "t.json", orient="records", date_format="iso")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True, date_format="iso")
    hashes = {}
    for path in sorted(tmp_path.glob("t.*")):
        table, schema, report = load(path)
        assert report.exact, (path.name, report.problems)
        hashes[path.name] = content_hash(table, schema)
    assert len(hashes) == 8 and len(set(hashes.values())) == 1, hashes


def test_text_and_typed_reading_lead_to_the_same_table(tmp_path):
    path = write(tmp_path, "t.csv", "a,b,c\n1,2024-01-05,yes\n2,2024-02-06,no\n,NA,yes\n")
    typed, schema, _ = load(path)
    again, schema_again = infer(read(path, types=False)[0])
    assert typed.equals(again) and schema.columns == schema_again.columns


def test_a_sheet_can_be_chosen_and_others_are_named(tmp_path):
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"a": [1, 2]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"b": [3, 4, 5]}).to_excel(book, sheet_name="second", index=False)
    table, report = read(path)
    assert report.sheet == "first" and kinds(report) == ["sheets"] and "second" in report.problems[0].message
    table, report = read(path, options=ReadOptions(sheet="second"))
    assert table["b"].tolist() == [3, 4, 5]
    with pytest.raises(NotFound, match="no sheet"):
        read(path, options=ReadOptions(sheet="secnd"))


def test_json_keeps_digits_and_reports_nested_cells(tmp_path):
    rows = [{"id": 12345678901234567890, "x": 1.10, "tags": [1, 2]}, {"id": 2, "y": "z"}]
    table, report = read(write(tmp_path, "t.json", json.dumps(rows)), types=False)
    assert table["id"].tolist() == ["12345678901234567890", "2"] and table["tags"].tolist() == ['["1", "2"]', ""]
    assert list(table.columns) == ["id", "x", "tags", "y"] and "nested" in kinds(report)


def test_a_bad_line_of_json_lines_is_reported(tmp_path):
    table, report = read(write(tmp_path, "t.jsonl", '{"a": 1}\n{"a": \n{"a": 3}\n'))
    assert table["a"].tolist() == [1, 3] and [(p.line, p.kind) for p in report.problems] == [(2, "bad_line")] and not report.exact


def test_naughty_strings_come_through_unchanged(tmp_path):
    naughty = ["<script>alert(1)</script>", "'; DROP TABLE model;--", "=1+1", "../../etc/passwd", "{{7*7}}", "%s%n", "\u202etest",
               "ﬀ", "👩‍👩‍👧", "田中さん", "\"\"", "a\tb", "''", "\\", "-", "null ", ":red[x]", "$HOME", "1;2|3", "x\u200by"]  # fmt: skip
    frame = pd.DataFrame([range(len(naughty)), naughty], columns=naughty).T.T
    frame.to_csv(tmp_path / "t.csv", index=False)
    table, report = read(tmp_path / "t.csv", types=False)
    assert table.iloc[1].tolist() == naughty and list(table.columns) == naughty
    assert not {"short_row", "long_row", "delimiter"} & set(kinds(report))


def test_every_error_is_ours(tmp_path):
    for i, junk in enumerate(
        [b"\xff\xfe", b'"', b"\r\r\r", b",,,\n,,,", b"\xef\xbb\xbf", b'a,b\n"1', b"{", b"a\n" * 5, b"[[]]", b"[{}]", b'{"a": []}']
    ):
        for suffix in ("csv", "tsv", "json", "jsonl", "xlsx", "xls", "ods", "parquet"):
            path = write(tmp_path, f"{i}.{suffix}", junk)
            answer = box.answered(box.Job(path=str(path), name=path.name, types=True, options=ReadOptions()), tmp_path)
            assert answer.report or (answer.hint and path.name in answer.message and "could not be read (" not in answer.message), answer


def in_process(folder, content, name="t.csv", **options):
    """Headers, rows and the report of a file read as text."""
    table, report = read(write(folder, "file", content), types=False, name=name, options=ReadOptions(**options))
    return list(table.columns), table.values.tolist(), report


WORDS = [
    ["key", "place", "remark"],
    ["k1", "Bonn", "one, two"],
    ["k2", "São Paulo", 'a "b" c'],
    ["k3", "Köln", "x;y"],
    ["k4", "Ulm", "it's"],
]
DRESSES = {
    "single quotes": {"quotechar": "'", "quoting": csv.QUOTE_ALL},
    "backslashes": {"escapechar": "\\", "doublequote": False},
    "carets": {"delimiter": "^"},
    "control characters": {"delimiter": "\x01"},
    "carriage returns": {"lineterminator": "\r"},
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
def test_other_dialects_are_found(tmp_path, dress):
    out = io.StringIO()
    csv.writer(out, **{"lineterminator": "\n", **dress}).writerows(WORDS)
    headers, rows, _ = in_process(tmp_path, out.getvalue())
    assert [headers, *rows] == WORDS


@pytest.mark.parametrize(
    ("damage", "line_3", "kind"),
    [
        ("not closed", 'k2,"São Paulo,x', "quotes"),
        ("not opened", 'k2,São Paulo",x', "quotes"),
        ("inside", 'k2,"the "best" place",x', "quotes"),
        ("after", 'k2,"São Paulo" etc,x', "quotes"),
        ("too few", "k2,x", "short_row"),
        ("too many", "k2,x,y,z", "long_row"),
        ("other delimiter", "k2;x;y", "short_row"),
    ],
)
def test_one_damaged_row_is_named_and_the_others_stay_exact(tmp_path, damage, line_3, kind):
    good = [["k1", "Bonn", "one, two"], *([f"k{i}", "Bonn", 'say "x"\nand y'] for i in range(3, 60))]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(good)
    first, _, others = out.getvalue().partition("\n")
    headers, rows, report = in_process(tmp_path, f"key,place,remark\n{first}\n{line_3}\n{others}")
    assert headers == ["key", "place", "remark"] and [rows[0], *rows[2:]] == good
    assert [(p.line, p.kind) for p in report.problems] == [(3, kind)] and not report.exact


def test_titles_notes_and_padding_around_the_table_are_left_out_and_named(tmp_path):
    table = "".join(f'Area {i},"1,{i:03}",{i}\n' for i in range(9))
    text = f"Emissions by area,,\nthousand tonnes,,\n,,\nArea,2000,2001\n{table},,\nSource: the office,,\n"
    headers, rows, report = in_process(tmp_path, text)
    assert headers == ["Area", "2000", "2001"] and len(rows) == 9 and rows[0] == ["Area 0", "1,000", "0"]
    assert [(p.line, p.kind) for p in report.problems] == [(1, "preamble"), (2, "preamble"), (15, "footer")] and not report.exact


def test_blank_and_repeated_headers_and_rows_of_delimiters_stay_as_text(tmp_path):
    headers, rows, report = in_process(tmp_path, "a,,a,\n1,2,3,\n,,,\n4,5,6,\n")
    assert headers == ["a", "", "a", ""] and rows == [["1", "2", "3", ""], [""] * 4, ["4", "5", "6", ""]]
    assert ("empty_row", 3) in [(p.kind, p.line) for p in report.problems] and not report.renamed


def test_fixed_width_columns(tmp_path):
    text = "name        age  town\n" + "".join(
        f"{name:<12}{i * 7:>3}  {town}\n" for i, (name, town) in enumerate([("Ann Lee", "New York"), ("Bo", "Rome")] * 4)
    )
    headers, rows, report = in_process(tmp_path, text, "t.txt")
    assert headers == ["name", "age", "town"] and rows[2] == ["Ann Lee", "14", "New York"] and report.widths and not report.exact
    assert in_process(tmp_path, text, "t.txt", widths=report.widths)[:2] == (headers, rows)


@pytest.mark.parametrize(
    ("encoding", "text"), [("big5", "編號,名稱\n1,臺北市大安區\n2,高雄市\n"), ("koi8-r", "номер,город\n1,Москва\n2,Казань\n")]
)
def test_scripts_of_other_alphabets(tmp_path, encoding, text):
    header, _, rows = text.partition("\n")
    headers, _, report = in_process(tmp_path, f"{header}\n{rows * 5}".encode(encoding))
    assert headers == text.split("\n")[0].split(",") and report.encoding == encoding and not report.exact


def test_a_zip_with_one_table_is_read_and_any_other_refused(tmp_path):
    archive = tmp_path / "t.zip"
    for members, said in (
        ({"in/t.csv": TABLE}, ""),
        ({"a.csv": TABLE, "b.csv": TABLE}, "2 files"),
        ({"a.exe": TABLE}, ".exe"),
        ({"a.parquet": TABLE}, "plain text"),
    ):
        with zipfile.ZipFile(archive, "w") as out:
            for name, content in members.items():
                out.writestr(name, content)
        answer = box.answered(box.Job(path=str(archive), name="t.zip", types=False, options=ReadOptions()), tmp_path)
        assert said in answer.message and (
            answer.report is not None and answer.report.rows == 3 if not said else answer.error == "FileRefused"
        )


def test_the_recipe_of_a_file_reads_it_again_alike(tmp_path):
    text = "Sales\n\n" + "ort^preis\n" + "".join(f"Köln{i}^{i},5\n" for i in range(9))
    path = write(tmp_path, "t.csv", text.encode("cp1252"))
    table, schema, report = load(path)
    assert report.recipe == schema.reading and (report.recipe.encoding, report.recipe.delimiter, report.recipe.skip) == ("cp1252", "^", 2)
    again, _, told = load(path, options=report.recipe)
    assert again.equals(table) and "encoding" not in kinds(told) and "delimiter" not in kinds(told)
    other = write(tmp_path, "o.csv", text)  # the same in UTF-8
    assert load(other, options=report.recipe)[0].equals(table)


def test_rows_to_score_are_cut_as_the_training_file_was(tmp_path):
    _, schema, _ = reader.load(write(tmp_path, "t.csv", "Report\n\na;b;c\n1;x;2,5\n2;y;3,5\n3;z;4,5\n"))
    rows, _ = reader.read_rows(write(tmp_path, "rows.csv", "Report\n\na;b;c\n1;x,y;2,5\n"), schema)
    assert rows.values.tolist() == [["1", "x,y", "2,5"]]
    rows, _ = reader.read_rows(write(tmp_path, "plain.csv", "a,b,c\n1,x,2\n3,y,4\n"), schema)
    assert rows.values.tolist() == [["1", "x", "2"], ["3", "y", "4"]]


def test_a_look_reads_the_first_lines_only(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\n" + '1,"x\ny"\n' * 3000 + "2,3,4\n")
    table, _, report = reader.look(path)
    assert report.exact and 900 < report.rows < 1000 and len(table) == report.rows


@pytest.mark.parametrize(
    ("text", "headers", "exact"),
    [
        ("name,a,b\n,kg,cm\n" + "x,1,2\n" * 5, ["name", "a", "b"], False),
        ("Bonn,red,Ann\nUlm,blue,Bob\nBonn,red,Eve\n", ["", "", ""], False),
        ("city,colour,name\nBonn,red,Ann\nUlm,blue,Bob\nBonn,red,Eve\n", ["city", "colour", "name"], True),
        ("price\n1,5\n2,5\n3,25\n", ["price"], True),
        ('"name,a"\n"x,1"\n"y,2"\n', ["name,a"], False),
        ("name,a,b,c\n" + "x,1,2,3,\n" * 5, ["name", "a", "b", "c"], False),
        ("name;note;n\n" + "x;one, two, three;5\n" * 5, ["name", "note", "n"], True),
    ],
)
def test_headers_that_may_be_none_are_said(tmp_path, text, headers, exact):
    found, _, report = in_process(tmp_path, text)
    assert found == headers and report.exact == exact, report.problems


@pytest.mark.parametrize(
    ("text", "delimiter", "kind"),
    [
        ("a||b||c\n1||x|| y\n2||||z\n3||u, v||w\n", "||", "delimiter"),
        ("a::b::c\n1::x:: y\n2::::z\n3::u, v::w\n", "::", "delimiter"),
        ('"a,b,c"\n"1,x,y"\n"2,,z"\n"3,""u-v"",w"\n', ",", "quotes"),
    ],
)
def test_two_characters_between_cells_and_quoted_rows_are_read_and_said(tmp_path, text, delimiter, kind):
    path = tmp_path / "t.csv"
    path.write_text(text)
    table, report = read(path, types=False)
    assert table.columns.tolist() == ["a", "b", "c"] and table.shape == (3, 3) and table["a"].tolist() == ["1", "2", "3"]
    assert (report.delimiter, report.exact, {problem.kind for problem in report.problems}) == (delimiter, False, {kind})
    again, later = read(path, types=False, options=report.recipe)
    assert again.equals(table) and later.delimiter == delimiter


@pytest.mark.parametrize("text", ["ip\nfe80::1\nfe80::2\n", '"name"\n"Smith, John"\n"Doe, Jane"\n', '"1,5"\n"2,5"\n"3,5"\n', "a|b\n1||\n2||\n"])
def test_names_sentences_and_numbers_are_not_taken_for_such_rows(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    _, report = read(path, types=False)
    assert report.delimiter in (None, "|", ",") and "quotes" not in {problem.kind for problem in report.problems}
