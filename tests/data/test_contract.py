"""A contract learned from a table keeps to it, and tells what later rows break, with their row numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.data.contract import Contract
from pipeline.errors import DataError

ROWS = 60


def orders() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "order": [f"A{i:04d}" for i in range(ROWS)],
            "age": rng.integers(18, 90, ROWS).astype(str),
            "price": [f"{v:.2f}".replace(".", ",") for v in rng.uniform(1, 99, ROWS)],
            "plan": rng.choice(["basic", "plus"], ROWS),
            "paid": rng.choice(["yes", "no"], ROWS),
            "day": [f"{i % 28 + 1:02d}.0{i % 9 + 1}.2024" for i in range(ROWS)],
            "note": [None if i % 7 == 0 else f"n{i % 5}" for i in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.learn(*infer(orders()))


def told(contract: Contract, frame: pd.DataFrame) -> list[tuple]:
    return [(b.column, b.rule, b.rows, b.examples) for b in contract.check(frame)]


def test_what_is_learned(contract):
    terms = {term.column: term for term in contract.terms}
    assert terms["order"].unique and not terms["order"].may_be_missing
    assert (terms["age"].low, terms["age"].high) == (10.0, 97.0)
    assert terms["plan"].allowed == ("basic", "plus") and terms["note"].may_be_missing
    assert terms["day"].date_format == "%d.%m.%Y"
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_the_table_itself_keeps_it_typed_or_as_text(contract):
    assert contract.check(orders()) == []
    table, schema = infer(orders())
    assert contract.check(table, schema) == []


def test_each_rule_names_column_row_value_and_what_was_expected(contract):
    rows = orders()
    rows.loc[3, "age"], rows.loc[4, "age"], rows.loc[5, "age"] = "-4", "many", None
    rows.loc[6, "plan"], rows.loc[9, "order"], rows.loc[2, "day"] = "gold", "A0000", "2024/13/01"
    assert told(contract, rows) == [
        ("order", "unique", 1, ((10, "A0000"),)),
        ("age", "type", 1, ((5, "many"),)),
        ("age", "filled", 1, ((6, None),)),
        ("age", "range", 1, ((4, -4),)),
        ("plan", "allowed", 1, ((7, "gold"),)),
        ("day", "type", 1, ((3, "2024/13/01"),)),
    ]
    words = [b.message for b in contract.check(rows)]
    assert "'age', row 5: 'many', expected a whole number." in words
    assert "'age', row 6: nothing, expected a value." in words
    assert "'plan', row 7: 'gold', expected one of 'basic', 'plus'." in words
    assert "'age', row 4: -4, expected from 10 to 97." in words


def test_the_order_of_rows_and_columns_changes_nothing_but_the_row_numbers(contract):
    rows = orders()
    rows.loc[6, "plan"] = "gold"
    turned = rows.iloc[::-1, ::-1].reset_index(drop=True)
    assert told(contract, turned) == [("plan", "allowed", 1, ((ROWS - 6, "gold"),))]


def test_columns_that_are_gone(contract):
    assert told(contract, orders().drop(columns="plan")) == [("plan", "there", 0, ())]
    assert len(contract.check(orders()[["note"]])) == 6  # too few columns to be this table at all: each is told
    assert contract.only(["note"]).check(orders()[["note"]]) == []


def test_dates_read_by_another_format_are_told(contract):
    other = orders().assign(day=lambda f: pd.to_datetime(f["day"], format="%d.%m.%Y").dt.strftime("%m/%d/%Y"))
    table, schema = infer(other)
    (breach,) = contract.check(table, schema)
    assert (breach.column, breach.rule) == ("day", "format") and "%m/%d/%Y" in breach.expected
    assert breach.rows == ROWS and breach.examples[0][0] == 1


def test_terms_are_edited_and_mistakes_are_refused(contract):
    strict = contract.edited([{"column": "age", "high": 40}, {"column": "note", "may_be_missing": False}, {"column": "day", "first": "2024-03-01"}])
    rules = {(b.column, b.rule) for b in strict.check(orders())}
    assert rules == {("age", "range"), ("note", "filled"), ("day", "range")}
    with pytest.raises(DataError, match="'age'.*lowest value 50 is above the highest 40"):
        contract.edited([{"column": "age", "low": 50, "high": 40}])
    with pytest.raises(DataError, match="'day'.*'soon' is not a date"):
        contract.edited([{"column": "day", "first": "soon"}])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_few_rows_are_learned_from_and_checked(contract, rows):
    few = orders().head(rows)
    assert Contract.learn(*infer(few)).check(few) == []
    assert contract.check(few) == []


def test_a_table_in_parts_breaks_the_same(contract):
    rows = pd.concat([orders(), orders()], ignore_index=True)
    rows.loc[[3, 50, 100], "age"] = ["200", "x", None]
    rows.loc[[10, 110], "plan"] = "gold"
    rows.loc[70:, "order"] = [f"B{i}" for i in range(50)]
    typed, schema = infer(rows.drop(columns="price"))
    whole = contract.check(typed, schema)
    assert len(whole) > 3
    for size in (50, 60):
        assert contract.check_parts((typed[at : at + size] for at in range(0, len(typed), size)), schema) == whole
