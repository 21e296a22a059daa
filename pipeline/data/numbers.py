"""Numbers as people write them: grouped, with a decimal comma, in brackets when negative, with a currency, a per cent sign or a unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

LARGEST_EXACT = 2**53
_GAPS = " \u00a0\u202f\u2009'’"
_INTEGER = r"[+-]?[0-9]+"
_INFINITE = r"(?i)[+-]?inf(?:inity)?"
_CODE = r"[+-]?0[0-9][0-9.,]*"
_AMOUNT = re.compile(
    r"(?P<minus>[(+-]?)\s*(?P<before>[$€£¥₹₽₩₺₪]|(?:US|A|C|HK|NZ)\$|R\$|[A-Z]{3}(?![A-Za-z])|Rs\.?|kr\.?)?\s*(?P<sign>[+-]?)"
    rf"(?P<digits>[0-9.,](?:[0-9.,]|[{_GAPS}](?=[0-9]))*(?:[eE][+-]?[0-9]+)?)[{_GAPS}]*(?P<after>%|‰|°\s?[CFK]?|[$€£¥₹₽₩₺₪]|[^\W\d_][^\d\s;,|()]{{0,11}})?\)?"
)
_BESIDE = re.compile(r"[^0-9.,eE+\-\s]")  # what is in a text beside a number
_NO_UNIT = re.compile(r"(?i)[ap]\.?m\.?|st|nd|rd|th|e|x|jan.*|feb.*|mar.*|apr.*|may|jun.*|jul.*|aug.*|sep.*|oct.*|nov.*|dec.*")


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written: the decimal mark, and the unit that stands beside them."""

    decimal: str = "."
    unit: str = ""


def has_codes(texts: pd.Series) -> bool:
    """True when any text is a number with a leading zero: a postcode or an article number, not a quantity."""
    return bool(texts.str.fullmatch(_CODE).any())


def _point(mark: str) -> str:
    cut = re.escape(mark)
    return rf"[+-]?(?:[0-9]+{cut}?[0-9]*|{cut}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _grouped(mark: str) -> str:
    """Groups of three digits: by the mark that is not the decimal one, by a blank or by an apostrophe."""
    other, cut = re.escape("." if mark == "," else ","), re.escape(mark)
    return rf"[+-]?[1-9][0-9]{{0,2}}(?:(?:{other}[0-9]{{3}})+|(?:[{_GAPS}][0-9]{{3}})+)(?:{cut}[0-9]*)?"


def decimal_mark(texts: pd.Series) -> tuple[str, bool]:
    """The decimal mark that more of the texts can only have, and whether anything speaks for it.

    1,234 may be a grouped number or one with a decimal comma: such texts speak for neither.
    """
    comma, point = (
        texts.str.contains(mark, regex=False)
        & (
            texts.str.fullmatch(_point(mark)) & ~texts.str.fullmatch(_grouped("." if mark == "," else ","))
            | texts.str.fullmatch(_grouped(mark)) & ~texts.str.fullmatch(_point(mark))
        )
        for mark in ",."
    )
    groups = texts.str.fullmatch(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}"), texts.str.fullmatch(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,}")
    commas, points = int((comma | groups[0]).sum()), int((point | groups[1]).sum())
    unsure = not (commas or points) and bool(texts.str.fullmatch(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}").any())
    return ("," if commas > points else "."), not unsure


def written(texts: pd.Series) -> tuple[Written, pd.Series, bool]:
    """How the texts of a column write numbers, the texts without their unit, and whether the decimal mark is sure."""
    unit = unit_of(texts)
    bare = without_unit(texts, unit)
    mark, sure = decimal_mark(bare)
    return Written(mark, unit), bare, sure


def perhaps(texts: pd.Series) -> np.ndarray:
    """Which of the texts may be numbers, whatever their decimal mark: what has other letters or no digit is none, unless a unit is taken off."""
    array = pa.array(texts, pa.string())
    return pc.match_substring_regex(array, rf"^(?:[-+−(]*[0-9.,{_GAPS}\s+−)eE-]*[0-9][0-9.,{_GAPS}\s+)eE-]*|\(?{_INFINITE}\)?)$").to_numpy(zero_copy_only=False)


def unit_of(texts: pd.Series) -> str:
    """The one unit or currency that stands beside nearly every number, "" when there is none or more than one."""
    few = texts.tolist()
    if not any(map(_BESIDE.search, few)):
        return ""
    units = _units(few[:5000])
    named = {unit for unit in units if unit}
    if len(named) != 1 or units.count("") > 0.5 * len(units):
        return ""
    unit = named.pop()
    code = re.fullmatch("[A-Z]", unit) and texts.str.contains(rf"[0-9]{unit}", regex=True).any()  # 12A, 14A: a house, not amperes
    return "" if code or _NO_UNIT.fullmatch(unit) else unit


def _units(texts: Sequence[str]) -> list[str]:
    """What stands beside the number in each text; nothing at all once more than a fifth of them are no numbers."""
    units: list[str] = []
    for seen, match in enumerate(map(_AMOUNT.fullmatch, texts), start=1):
        if match:
            units.append(match["before"] or (match["after"] or "").strip())
        elif len(texts) - (seen - len(units)) < 0.8 * len(texts):
            return []
    return units


def without_unit(texts: pd.Series, unit: str) -> pd.Series:
    """The texts with the unit gone from those numbers that have it, and a minus in place of brackets around a number."""
    signed = texts.str.replace(r"^\(\s*(.*[0-9].*)\)$", r"-\1", regex=True).str.replace("^−", "-", regex=True)
    if not unit:
        return signed
    mark = re.escape(unit)
    front = signed.str.replace(rf"^([+-]?)\s*{mark}\s*([+-]?)\s*(?=[0-9.,])", r"\1\2", regex=True)
    return front.str.replace(rf"(?<=[0-9.,])[{_GAPS}]*{mark}$", "", regex=True)


def plain_numbers(texts: pd.Series, mark: str) -> pd.Series:
    """The texts with a point as decimal mark and no grouping; missing where the text is not a number."""
    in_groups = texts.str.fullmatch(_grouped(mark))
    if in_groups.any():
        texts = texts.mask(in_groups, texts.str.replace(rf"[{_GAPS}{'.' if mark == ',' else ','}]", "", regex=True))
    ok = texts.str.fullmatch(_point(mark))
    clean = texts.str.replace(",", ".", regex=False) if mark == "," else texts
    return clean.where(ok | texts.str.fullmatch(_INFINITE))


def bare_integers(texts: pd.Series) -> np.ndarray | None:
    """The values as float64 when every text is a whole number without a plus, a leading zero or any mark, and not too large; else None.

    Nothing else has to be asked of such a column, which most columns of a wide table are.
    """
    array = pa.array(texts, pa.string())
    try:
        array.slice(0, 100).cast(pa.int64())  # Arrow looks at all texts before it says that one is none
        values = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    if pc.any(pc.match_substring_regex(array, "^-?0.")).as_py():
        return None
    return values.astype(np.float64) if len(values) and np.abs(values).max() <= LARGEST_EXACT else None


def to_floats(plain: pd.Series) -> np.ndarray:
    """float64, correctly rounded; NaN where the text is missing, and where the number is infinite."""
    values = np.array([np.nan if text is None else float(text) for text in _or_none(plain)], dtype=np.float64)
    return np.where(np.isinf(values), np.nan, values)


def all_integers(plain: pd.Series) -> bool:
    return bool(plain.dropna().str.fullmatch(_INTEGER).all())


def too_large(plain: pd.Series) -> bool:
    """True when a whole number is beyond 2^53, where a float would round it."""
    whole = plain.dropna()
    long = whole[whole.str.fullmatch(_INTEGER) & (whole.str.len() >= 16)]
    return any(abs(int(text)) > LARGEST_EXACT for text in long)


def _or_none(texts: pd.Series) -> Sequence[str | None]:
    return [None if text is pd.NA or text != text else text for text in texts.tolist()]
