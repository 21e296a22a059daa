"""Checks about people, parts and size: what is protected, what stands in for it, what is personal, what has drifted, what is too little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.data import infer
from pipeline.quality import check, masked

ROWS = 600


def people(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], ROWS)
    return pd.DataFrame(
        {
            "sex": sex,
            "title": np.where(rng.random(ROWS) < 0.97, np.where(sex == "f", "Mrs", "Mr"), "Dr"),
            "spend": rng.normal(100, 20, ROWS).round(2),
            "town": rng.choice(["Oslo", "Rome", "Lima"], ROWS),
            "bought": rng.choice(["yes", "no"], ROWS),
        }
    )


def found(frame: pd.DataFrame, code: str, target: str | None = "bought", **more):
    table, schema = infer(frame)
    return check(table, schema, target, **more)[code]


def test_a_column_that_tells_a_protected_attribute_is_named():
    assert found(people(), "DQ029").columns == ("sex",)
    stands_in = found(people(), "DQ030")
    assert (stands_in.columns, stands_in.severity) == (("title",), "info")
    assert stands_in.evidence["proxies"][0]["score"] > 0.9


CARDS = ["4111111111111111", "5500005555555559", "4012888888881881", "378282246310005"]
IBANS = ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NL91ABNA0417164300"]
CODES = ["RSSMRA80A01H501U", "BNCLRA85D52F205V", "VRDGPP75L22L219J", "BNCGNN90B15H501T"]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        pytest.param("contact", ["ann@shop.example", "bob.b@mail.example", "c@d.example", "eve@shop.example"], "e-mail address", id="e-mail"),
        pytest.param("paid_with", CARDS, "card number", id="card"),
        pytest.param("account", IBANS, "account number (IBAN)", id="iban"),
        pytest.param("mobile", ["+47 912 34 567", "0171 2345678", "(0) 30 123456", "+1 212 555 0123"], "phone number", id="phone"),
        pytest.param("surname", ["Rossi", "Hansen", "O'Neill", "Müller"], "name", id="name"),
        pytest.param("note", ["call eve@x.example now", "or bob@y.example", "me@z.example please", "nothing"], "e-mail address", id="in words"),
    ],
)
def test_personal_data_is_found_and_never_shown(name, values, kind):
    finding = found(people().assign(**{name: np.resize(values, ROWS)}), "DQ031")
    assert (finding.columns, finding.severity, finding.private) == ((name,), "warning", True)
    assert finding.evidence[name]["kind"] == kind
    assert finding.rows == ROWS * sum(value != "nothing" for value in values) // len(values)
    assert finding.fixes[0].ignore == (name,)
    shown = finding.model_dump_json()
    assert not any(value in shown for value in values)


def test_numbers_with_wrong_check_digits_are_not_personal():
    wrong = [card[:-1] + str((int(card[-1]) + 1) % 10) for card in CARDS]
    broken = [iban[:2] + f"{(int(iban[2:4]) + 1) % 97:02d}" + iban[4:] for iban in IBANS]
    frame = people().assign(paid_with=np.resize(wrong, ROWS), account=np.resize(broken, ROWS), amount=np.random.default_rng(3).integers(10**8, 10**9, ROWS))
    assert found(frame, "DQ031").status == "passed"


def test_masking_keeps_only_the_shape():
    assert masked("ann.b@shop.example") == "a••.•@s•••.e••••••"
    assert "1234" not in masked("4111 1111 1111 1234")


def split(shift: float) -> pd.DataFrame:
    frame = people().assign(part=np.where(np.arange(ROWS) < 400, "train", "test"))
    frame.loc[400:, "spend"] += shift
    return frame


def test_parts_that_differ_are_told_apart_and_equal_ones_are_not():
    drifted = found(split(40), "DQ032")
    assert (drifted.severity, drifted.columns) == ("warning", ("spend",))
    assert drifted.evidence["low"] > 0.85 and drifted.evidence["columns"]["spend"]["psi"] > 0.25
    assert found(split(0), "DQ032").status == "passed"
    assert found(people(), "DQ032").status == "not_applicable"


def test_a_second_file_is_compared():
    table, schema = infer(people())
    same, moved = people(1), people(2).assign(town=lambda f: f["town"].replace("Lima", "Cairo"))
    assert check(table, schema, against=infer(same)[0])["DQ032"].status == "passed"
    drifted = check(table, schema, against=infer(moved)[0])["DQ032"]
    assert (drifted.status, drifted.columns, drifted.rows) == ("found", ("town",), 0)


def test_lonely_values_of_a_number_to_predict():
    frame = people()
    frame.loc[[5, 9], "spend"] = 90_000.0
    lonely = found(frame, "DQ027", target="spend")
    assert (lonely.columns, lonely.rows, lonely.examples) == (("spend",), 2, (5, 9))
    assert found(people(), "DQ027", target="spend").status == "passed"


def test_too_few_rows_for_the_question():
    few = found(people().head(60), "DQ033")
    assert few.severity == "warning" and "plus or minus 13 points" in few.explanation
    wide = people().join(pd.DataFrame(np.random.default_rng(3).normal(size=(ROWS, 100)), columns=[f"x{i}" for i in range(100)]))
    assert (found(wide, "DQ033").severity, found(people(), "DQ033").status) == ("info", "passed")


@pytest.mark.parametrize("name", ["net_balance", "temperature", "price_change", "z_age", "elevation", "score", "longing"])
def test_numbers_that_may_be_negative_are_believed(name):
    assert found(people().assign(**{name: np.random.default_rng(3).normal(3, 2, ROWS)}), "DQ016").status in ("passed", "not_applicable")
