"""The one set of rules that turns the text of a cell into a value: at import, at inference and at scoring alike.

All work is done on the distinct texts of a column and spread over its rows at the end.
"""

from __future__ import annotations

import datetime
import decimal
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data import numbers

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A"})
PAIRS = (
    ("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off"), ("ja", "nein"), ("oui", "non"), ("si", "no"), ("sí", "no"), ("sim", "não"),
)  # fmt: skip
_TRUE, _FALSE = {"true", "1", "1.0"}, {"false", "0", "0.0"}
# What people write for "nothing" among numbers and dates; among words it may be a word.
DISGUISED = re.compile(
    r"(?i)[-–—.*?:~…]{1,9}|\(?(?:n/?a|n\.a\.?|n/?d|n\.d\.|na|nil|none|null|missing|unknown|unk|not (?:available|applicable|known)|k\. ?a\.|s/d|#\S+)\)?"
)
_MAY_DISGUISE = frozenset("-–—.*?:~…(#nmuksNMUKS\u017f\u212a")  # what one can begin with; (?i) takes ſ for an s, and the sign K for a k
_MOST_MARKS = 4


@dataclass(frozen=True)
class Distinct:
    """A column of text as its distinct stripped texts: `codes` has a position per row, -1 where the cell is missing."""

    codes: np.ndarray
    texts: pd.Series

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @property
    def known(self) -> int:
        return int((self.codes >= 0).sum())

    def spread(self, values: np.ndarray, missing: Any) -> np.ndarray:
        """One value per row out of one value per distinct text."""
        if not len(values):
            return np.full(len(self.codes), missing, dtype=values.dtype)
        out = values[self.codes]
        out[self.codes < 0] = missing
        return out


class Counted(Distinct):
    """Distinct texts of which only is known how often each occurs; there are no rows to spread values over."""

    def __init__(self, texts: pd.Series, counts: np.ndarray) -> None:
        known = texts.isin(MISSING).to_numpy()
        super().__init__(counts[~known], texts[~known].reset_index(drop=True))

    @property
    def counts(self) -> np.ndarray:
        return self.codes

    @property
    def known(self) -> int:
        return int(self.codes.sum())


def distinct(series: pd.Series, marks: Collection[str] = ()) -> Distinct:
    """The distinct texts of a `str` column, blanks around them gone; missing marks (NA, null … and `marks`) counted as missing."""
    codes, uniques = pd.factorize(series)
    whole = pd.Series(uniques, dtype="str")
    stripped = whole.str.strip()
    gone = stripped.isin(MISSING.union(marks))
    if not gone.any() and stripped.equals(whole):
        return Distinct(codes, whole)
    again, texts = pd.factorize(stripped.mask(gone))
    codes = np.where(codes >= 0, again[codes] if len(again) else -1, -1)
    return Distinct(codes, pd.Series(texts, dtype="str"))


def disguised(texts: pd.Series) -> tuple[str, ...]:
    """Texts that say "missing" in a column that is otherwise of numbers or dates; none when they are more than four."""
    found = tuple(islice((text for text in texts.tolist() if text[:1] in _MAY_DISGUISE and DISGUISED.fullmatch(text)), _MOST_MARKS + 1))
    return found if len(found) <= _MOST_MARKS else ()


def is_text(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.StringDtype)


def as_text(series: pd.Series) -> pd.Series:
    """Any column as a `str` column: whole numbers without a point, dates in ISO 8601, missing cells missing."""
    if is_text(series):
        return series.astype("str")
    if isinstance(series.dtype, pd.CategoricalDtype):
        return as_text(series.astype(series.cat.categories.dtype))
    if pd.api.types.is_bool_dtype(series.dtype) or not pd.api.types.is_object_dtype(series.dtype):
        return pd.Series([_cell(v) for v in series.tolist()], index=series.index, dtype="str", name=series.name)
    return series.map(_cell).astype("str")


def _cell(value: Any) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else _number(float(value))
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else format(value, "f")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < numbers.LARGEST_EXACT else repr(value)


# Booleans


def boolean_words(texts: pd.Series) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The spellings of true and of false when the column holds nothing else, else None."""
    if not 1 <= len(texts) <= 12:
        return None
    seen = {text: text.lower() for text in texts.tolist()}
    for yes, no in PAIRS:
        lower = set(seen.values())
        if lower <= {yes, no} and (len(lower) == 2 or yes in ("true", "yes", "ja", "oui")):
            return tuple(t for t, low in seen.items() if low == yes), tuple(t for t, low in seen.items() if low == no)
    return None


def to_booleans(texts: pd.Series, true_values: tuple[str, ...], false_values: tuple[str, ...]) -> np.ndarray:
    """1.0, 0.0, and NaN where a text is neither. True, 1 and the column's own spellings count, in any case."""
    yes = _TRUE | {word.lower() for word in true_values}
    no = _FALSE | {word.lower() for word in false_values}
    # A column that only ever said "yes" must still understand "no".
    for one, other in PAIRS:
        if one in yes or other in no:
            yes, no = yes | {one}, no | {other}
    lower = [text.lower() for text in texts.tolist()]
    return np.array([1.0 if word in yes else 0.0 if word in no else np.nan for word in lower], dtype=np.float64)
