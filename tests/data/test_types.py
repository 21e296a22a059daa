"""Text becomes numbers, dates and booleans by one set of rules, at training and at scoring alike."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from pipeline.data import ReadOptions, conform, infer, plainly, types
from pipeline.data.types import infer_with_notes
from pipeline.errors import SchemaMismatch


def one(values, name="c", **options):
    """The typed column and its rule; the same rule reads the same texts to the same values again."""
    frame = pd.DataFrame({name: pd.Series(values, dtype="str")})
    table, schema, _ = infer_with_notes(frame, options=ReadOptions(**options))
    assert conform(frame, schema).table.equals(table)
    return table[name], schema[name]


@pytest.mark.parametrize(
    ("values", "kind", "dtype", "expected"),
    [
        (["1", "2", "2"], "numeric", "int", [1, 2, 2]),
        (["1", " 2 ", "-3"], "numeric", "int", [1, 2, -3]),
        (["1.5", "2", "1e3"], "numeric", "float", [1.5, 2.0, 1000.0]),
        (["1,5", "2,25", "3"], "numeric", "float", [1.5, 2.25, 3.0]),
        (["1,234", "12,345,678", "5"], "numeric", "int", [1234, 12345678, 5]),
        (["1.234,5", "2,5", "7"], "numeric", "float", [1234.5, 2.5, 7.0]),
        (["0", "1", "1"], "numeric", "int", [0, 1, 1]),
        (["yes", "no", "Yes"], "boolean", "bool", [True, False, True]),
        (["true", "true"], "boolean", "bool", [True, True]),
        (["T", "F", "F"], "boolean", "bool", [True, False, False]),
        (["y", "y"], "categorical", "str", ["y", "y"]),
        (["007", "123", "123"], "categorical", "str", ["007", "123", "123"]),
        (["0515", "1230", "1230"], "categorical", "str", ["0515", "1230", "1230"]),
        (["0.5", "0", "10"], "numeric", "float", [0.5, 0.0, 10.0]),
        (["9007199254740993", "1", "1"], "categorical", "str", ["9007199254740993", "1", "1"]),
        (["9007199254740992", "1", "1"], "numeric", "int", [9007199254740992, 1, 1]),
        (["?", "Private", "?"], "categorical", "str", ["?", "Private", "?"]),
        (["10:30", "11:45", "10:30"], "categorical", "str", ["10:30", "11:45", "10:30"]),
    ],
)
def test_known_columns(values, kind, dtype, expected):
    column, rule = one(values)
    assert (rule.kind, rule.dtype) == (kind, dtype)
    assert column.tolist() == expected


@pytest.mark.parametrize("mark", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "  "])
def test_missing_marks(mark):
    column, rule = one(["1", mark, "3"])
    assert rule.dtype == "int" and str(column.dtype) == "Int64" and rule.missing == 1 and column.isna().tolist() == [False, True, False]


def test_canonical_dtypes():
    frame = pd.DataFrame(
        {"i": ["1", "2"], "f": ["1.5", ""], "b": ["yes", ""], "B": ["no", "yes"], "d": ["2024-01-01", ""], "s": ["x", "x"]}, dtype="str"
    )
    table, _ = infer(frame)
    assert [str(t) for t in table.dtypes] == ["int64", "float64", "boolean", "bool", "datetime64[us]", "str"]


def test_infinite_numbers_are_missing_and_counted():
    column, rule = one(["1.5", "inf", "-Infinity", "1e400"] + ["2.5"] * 96)
    assert column.isna().sum() == 3 and "3 of 100" in rule.reason and rule.maximum == 2.5


def test_mostly_numbers_are_numbers_and_the_failures_are_counted():
    column, rule = one([str(i) for i in range(3, 98)] + ["n/k"] * 5)
    assert rule.dtype == "int" and column.isna().sum() == 5 and "5 of 100 cells could not be read" in rule.reason
    assert one([str(i) for i in range(3, 97)] + ["n/k"] * 6)[1].dtype == "str"


@pytest.mark.parametrize(
    ("values", "expected", "decimal", "unit", "marks"),
    [
        (["$5", "$1,200.50", "-$7"], [5, 1200.5, -7], ".", "$", ()),
        (["5%", "7 %", "12.5%"], [5, 7, 12.5], ".", "%", ()),
        (["1.234,50 €", "2,00 €", "-"], [1234.5, 2, None], ",", "€", ("-",)),
        (["12 kg", "13 kg", "1 500 kg"], [12, 13, 1500], ".", "kg", ()),
        (["(1,234)", "5.5", "−7"], [-1234, 5.5, -7], ".", "", ()),
        (["1'234.5", "7", "****"], [1234.5, 7, None], ".", "", ("****",)),
        (["USD 5", "USD 7"], [5, 7], ".", "USD", ()),
    ],
)
def test_numbers_as_people_write_them(values, expected, decimal, unit, marks):
    column, rule = one(values)
    assert rule.kind == "numeric" and (rule.decimal, rule.unit, rule.missing_marks) == (decimal, unit, marks)
    assert [None if pd.isna(v) else v for v in column.tolist()] == expected


@pytest.mark.parametrize(
    "values", [["12 kg", "500 g"], ["12A", "14A"], ["1st", "2nd"], ["10 AM", "11 AM"], ["9007199254740993 kg", "1 kg"], ["1-2", "3-4"]]
)
def test_what_is_no_number_stays_text(values):
    assert one(values)[1].dtype == "str"


def doubts(**columns):
    frame = pd.DataFrame(columns, dtype="str")
    table, _, notes = infer_with_notes(frame)
    return table, [(note.kind, note.column) for note in notes]


def test_guesses_are_said_and_other_columns_of_the_table_settle_them():
    assert doubts(a=["1,234", "5,678"])[1] == [("ambiguous_number", "a")]
    table, said = doubts(a=["1,234", "5,678"], b=["0,5", "1,25"])
    assert table["a"].tolist() == [1.234, 5.678] and said == []
    assert doubts(a=["3", "-"], b=["$1", "2"], c=["05/01/2024", "06/02/2024"])[1] == [
        ("missing_mark", "a"),
        ("unit", "b"),
        ("ambiguous_date", "c"),
    ]


def test_a_person_decides():
    assert one(["007", "8"], kinds={"c": "number"})[0].tolist() == [7, 8] and one(["1", "2"], kinds={"c": "text"})[1].dtype == "str"
    assert one(["05/01/2024", "06/02/2024"], dates="day_first")[0].iloc[0] == pd.Timestamp(2024, 1, 5)
    assert one(["1,234", "5,678"], decimal=",")[0].tolist() == [1.234, 5.678]
    assert one(["A", "gone", "A"], missing=("gone",))[0].isna().tolist() == [False, True, False]


D = datetime.datetime


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2024-01-05", "2024-02-29"], [D(2024, 1, 5), D(2024, 2, 29)]),
        (["2024-01-05T10:00:00Z", "2024-01-05T10:00:00+02:00"], [D(2024, 1, 5, 10), D(2024, 1, 5, 8)]),
        (["05/01/2024", "31/01/2024"], [D(2024, 1, 5), D(2024, 1, 31)]),
        (["01/05/2024", "01/31/2024"], [D(2024, 1, 5), D(2024, 1, 31)]),
        (["5.1.2024 10:30", "31.1.2024 23:59"], [D(2024, 1, 5, 10, 30), D(2024, 1, 31, 23, 59)]),
        (["05 Jan 2024", "31 Jan 2024"], [D(2024, 1, 5), D(2024, 1, 31)]),
        (["Aug-62", "Mar-41", "Jan-99"], [D(1962, 8, 1), D(1941, 3, 1), D(1999, 1, 1)]),
        (["2024-01-05", "06/02/2024", "31/01/2024"], [D(2024, 1, 5), D(2024, 2, 6), D(2024, 1, 31)]),
        (["Jan 5, 2024", "Feb 29, 2024"], [D(2024, 1, 5), D(2024, 2, 29)]),
        (["0001-01-01", "9999-12-31"], [D(1, 1, 1), D(9999, 12, 31)]),
    ],
)
def test_dates(values, expected):
    column, rule = one(values)
    assert rule.kind == "datetime" and [stamp.to_pydatetime() for stamp in column] == expected


def test_the_order_of_day_and_month_is_decided_by_the_whole_column():
    column, rule = one([f"{d:02}/{m:02}/2023" for m in range(1, 13) for d in range(1, 13)] * 9 + ["25/12/2023"])
    assert rule.date_format == "%d/%m/%Y" and column.iloc[1] == pd.Timestamp(2023, 1, 2)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("c", [f"u{i:x}q" for i in range(50)], "id"),
        ("c", [f"Spider Man ({i})" for i in range(50)], "text"),
        ("c", [f"this is the {i}th of many long remarks" for i in range(50)], "text"),
        ("c", ["a long category name of words", "another long category name here"] * 25, "categorical"),
        ("c", [str(i) for i in range(1, 51)], "id"),
        ("customer_id", [str(i * 7919 % 5003) for i in range(50)], "id"),
        ("PassengerId", [str(i * 7919 % 5003) for i in range(50)], "id"),
        ("price", [str(i * 7919 % 5003) for i in range(50)], "numeric"),
        ("year", [str(i) for i in range(1960, 2010)], "numeric"),
        ("humid", [str(i * 7919 % 5003) for i in range(50)], "numeric"),
    ],
)
def test_identifiers_texts_and_categories(name, values, kind):
    assert one(values, name)[1].kind == kind


def test_typed_columns_are_taken_as_they_are():
    frame = pd.DataFrame({
        "big": [2**60, 1], "x": [np.inf, 1.0], "n": pd.array([1, None], dtype="Int64"), "o": [1, "a"], "b": [True, None],
        "c": pd.Categorical(["u", None]), "d": pd.to_datetime(["2024-01-01T00:00:00+02:00", None]),
    })  # fmt: skip
    table, schema = infer(frame)
    assert [c.dtype for c in schema.columns] == ["str", "float", "int", "str", "bool", "str", "datetime"]
    assert table["big"].tolist() == [str(2**60), "1"] and table["x"].isna().tolist() == [True, False]
    assert table["d"].iloc[0] == pd.Timestamp("2023-12-31 22:00") and table["o"].tolist() == ["1", "a"]


def training():
    frame = pd.DataFrame({"age": ["31", "44", "27"], "Paid On": ["05.01.2024", "31.01.2024", ""], "rate": ["1,5", "2,5", "3,5"],
                          "ok": ["yes", "no", "yes"], "zip": ["08123", "00501", "08123"]}, dtype="str")  # fmt: skip
    return infer(frame, renamed={"zip": "ZIP code"})


def test_conform_gives_back_the_training_table():
    table, schema = training()
    again = conform(table, schema)
    assert again.notes == [] and again.table.equals(table)


def test_conform_goes_by_name_and_says_what_it_did():
    _, schema = training()
    rows = pd.DataFrame(
        {"ZIP code": ["00501", "1"], "paid on ": ["01.02.2024", "later"], "RATE": ["7,5", "8"], "agee": ["1", "2"], "ok": ["no", "maybe"]},
        dtype="str",
    )
    got = conform(rows, schema)
    assert list(got.table.columns) == schema.names
    assert got.table["rate"].tolist() == [7.5, 8.0] and got.table["zip"].tolist() == ["00501", "1"]
    assert got.table["Paid On"].iloc[0] == pd.Timestamp(2024, 2, 1) and got.table["age"].isna().all()
    by_kind = {(note.kind, note.column): note for note in got.notes}
    assert set(by_kind) == {("renamed", "zip"), ("renamed", "Paid On"), ("renamed", "rate"), ("extra", "agee"),
                            ("missing_column", "age"), ("unparsable", "Paid On"), ("unparsable", "ok")}  # fmt: skip
    assert by_kind["unparsable", "ok"].rows.tolist() == [1] and "maybe" in by_kind["unparsable", "ok"].message
    assert "Did you mean 'agee'" in by_kind["missing_column", "age"].message and by_kind["missing_column", "age"].rows is None


def test_numbers_may_come_as_numbers_or_as_text():
    _, schema = training()
    typed = conform(
        pd.DataFrame(
            {"age": [31.0, 3.5], "rate": [1, 2], "ok": [True, False], "zip": [501, 8123], "Paid On": [datetime.date(2024, 1, 5), None]}
        ),
        schema,
    )
    assert typed.notes == [] and typed.table["age"].tolist() == [31.0, 3.5] and typed.table["zip"].tolist() == ["501", "8123"]
    assert typed.table["ok"].tolist() == [True, False] and typed.table["Paid On"].iloc[0] == pd.Timestamp(2024, 1, 5)


def test_rows_of_another_table_are_refused():
    _, schema = training()
    with pytest.raises(SchemaMismatch) as caught:
        conform(pd.DataFrame({"height": [1], "weight": [2]}), schema)
    assert set(caught.value.columns) == set(schema.names) and "height" in str(caught.value)
    with pytest.raises(SchemaMismatch):
        conform(pd.DataFrame({"age": [1], "rate": [2]}), schema)


def test_no_rows_keep_their_types():
    table, schema = training()
    got = conform(table.iloc[:0], schema)
    assert len(got.table) == 0 and str(got.table.dtypes.iloc[0]) == "int64"


def test_row_order_and_duplicates_of_columns_do_not_matter():
    table, schema = training()
    rows = pd.concat([table[["rate"]], table.iloc[:, ::-1]], axis=1)
    assert conform(rows, schema).table.equals(table)


def test_plain_numbers_are_read_in_one_step_just_as_the_long_way_reads_them(monkeypatch):
    cells_ = {
        "whole": ["1", "-20", "", "NA"], "ones": ["0", "1", "0", "1"], "real": ["1.5", "-0.0", "2e-3", "NA"], "grouped": ["1.234", "2.345", "", "9"],
        "codes": ["01", "02", "3", "4"], "large": ["9007199254740993", "1", "2", "3"], "endless": ["1e999", "1.5", "2.5", "3.5"], "blank": [" 1", "2 ", "3", ""],
    }  # fmt: skip
    frame = pd.DataFrame({name: pd.Series(texts, dtype="str") for name, texts in cells_.items()})
    quick, told, notes = infer_with_notes(frame)
    assert [name for name in frame if plainly.plainly(name, frame[name], ReadOptions())] == ["whole", "ones", "real"]
    monkeypatch.setattr(types, "plainly", lambda *_: None)
    slow, same, others = infer_with_notes(frame)
    pd.testing.assert_frame_equal(quick, slow)
    assert told == same and notes == others
