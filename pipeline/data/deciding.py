"""How each column is to be read: as numbers, dates, yes and no, or text. Decided once on a whole column, then only applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.data import cells, dates, numbers
from pipeline.data.report import ReadOptions
from pipeline.data.schema import Column, Kind

MOSTLY = 0.95
MOST_LEVELS = 1000
AS_FOUND = ReadOptions()
_FEW = 10
_ROW_NAME = re.compile(r"(^|_)(id|index|idx|rowid|row_id|uuid|guid|rownum|row_number|serial)$")
Doubt = Literal["ambiguous_date", "ambiguous_number", "missing_mark", "unit"]


@dataclass(frozen=True)
class Decision:
    """How to read a column, as a Column without its facts; what is a guess about it; and which decimal mark its numbers prove."""

    rule: Column
    doubts: tuple[tuple[Doubt, str], ...] = ()
    decimal: str = ""


def decide(name: str, series: pd.Series, options: ReadOptions = AS_FOUND, decimal: str = "") -> Decision:
    """The decision for a column of a table. `decimal` is the mark that other columns of the table prove, for one that does not."""
    if not cells.is_text(series):
        native = _native_rule(name, series) if name not in options.kinds else None
        if native:
            return Decision(native)
        series = cells.as_text(series)
    return decided(name, cells.distinct(series, options.missing), options, decimal)


def decided(name: str, seen: cells.Distinct, options: ReadOptions = AS_FOUND, decimal: str = "") -> Decision:
    """The decision for a column of those texts. What a person said of it (`options.kinds`) is done, whatever comes of it."""
    said = options.kinds.get(name)
    if not seen.known:
        decision = Decision(Column(name=name, kind="categorical", dtype="str", reason="has no value"))
    elif said:
        decision = _as_said(name, seen, said, options)
    else:
        decision = _found(name, seen, options, decimal)
    if not options.missing:
        return decision
    marks = tuple(dict.fromkeys((*options.missing, *decision.rule.missing_marks)))
    return Decision(decision.rule.model_copy(update={"missing_marks": marks}), decision.doubts, decision.decimal)


def _found(name: str, seen: cells.Distinct, options: ReadOptions, decimal: str) -> Decision:
    """Truth values, numbers, dates, or else text; first as the cells stand, then with what may mean "missing" left out."""
    marks, too_large = cells.disguised(seen.texts), False
    for gone in (marks, ()) if marks else ((),):
        rest = _without(seen, gone)
        if not rest.known:
            continue
        words = cells.boolean_words(rest.texts)
        if words:
            return _doubting(Column(name=name, kind="boolean", dtype="bool", true_values=words[0], false_values=words[1]), seen, gone)
        number, too_large = _number(name, rest, options, decimal)
        if number:
            return _doubting(number.rule, seen, gone, number)
        dated = None if too_large else dates.decide(rest.texts, rest.counts, options.dates)
        if dated:
            return _doubting(Column(name=name, kind="datetime", dtype="datetime", date_format=dated[0]), seen, gone, _dated(name, dated))
    return Decision(text_rule(name, seen, too_large, unique=len(seen.texts), known=seen.known))


def _without(seen: cells.Distinct, gone: tuple[str, ...]) -> cells.Distinct:
    kept = ~seen.texts.isin(gone).to_numpy()
    return cells.Counted(seen.texts[kept].reset_index(drop=True), seen.counts[kept]) if gone else seen


def _doubting(rule: Column, seen: cells.Distinct, gone: tuple[str, ...], because: Decision | None = None) -> Decision:
    """The decision with the marks that were taken for missing in its rule and among its doubts."""
    doubts, decimal = (because.doubts, because.decimal) if because else ((), "")
    if not gone:
        return Decision(rule, doubts, decimal)
    count = int(seen.counts[seen.texts.isin(gone).to_numpy()].sum())
    said = f"{_cells(count)} in {rule.name!r} hold {' or '.join(map(repr, gone))}, which was taken to mean missing."
    return Decision(rule.model_copy(update={"missing_marks": gone}), (*doubts, ("missing_mark", said)), decimal)


def _cells(count: int) -> str:
    return f"{count:,} cells" if count != 1 else "1 cell"


def _dated(name: str, dated: tuple[str, bool]) -> Decision:
    said = f"The dates in {name!r} fit both day-month and month-day order; they were read as {dated[0]}."
    return Decision(Column(name=name, kind="datetime", dtype="datetime"), (("ambiguous_date", said),) if dated[1] else ())


def _as_said(name: str, seen: cells.Distinct, said: str, options: ReadOptions) -> Decision:
    """The column as a person wants it; cells that cannot be read so become missing, and are counted."""
    if said == "text":
        return Decision(text_rule(name, seen, False, unique=len(seen.texts), known=seen.known))
    if said == "boolean":
        yes, no = cells.boolean_words(seen.texts) or ((), ())
        return Decision(Column(name=name, kind="boolean", dtype="bool", true_values=yes, false_values=no))
    if said == "date":
        formats = dates.decide(seen.texts, seen.counts, options.dates, least=0.0)
        return Decision(Column(name=name, kind="datetime", dtype="datetime", date_format=formats[0] if formats else dates.ISO))
    how, bare, _ = numbers.written(seen.texts)
    mark = options.decimal or how.decimal
    plain = numbers.plain_numbers(bare, mark)
    dtype = "int" if numbers.all_integers(plain) and not numbers.too_large(plain) else "float"
    return Decision(Column(name=name, kind="numeric", dtype=dtype, decimal=mark, unit=how.unit))


def _native_rule(name: str, series: pd.Series) -> Column | None:
    """The rule of a column that has a type already; None when it must be looked at as text."""
    kind = series.dtype
    if pd.api.types.is_bool_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        return Column(name=name, kind="boolean", dtype="bool")
    if pd.api.types.is_datetime64_any_dtype(kind):
        return Column(name=name, kind="datetime", dtype="datetime", date_format=dates.ISO)
    if pd.api.types.is_integer_dtype(kind):
        known = series.dropna()
        exact = known.empty or (int(known.max()) <= numbers.LARGEST_EXACT and int(known.min()) >= -numbers.LARGEST_EXACT)
        return Column(name=name, kind="numeric", dtype="int") if exact else None
    if pd.api.types.is_float_dtype(kind):
        return Column(name=name, kind="numeric", dtype="float")
    return None


def _number(name: str, seen: cells.Distinct, options: ReadOptions, decimal: str) -> tuple[Decision | None, bool]:
    """Numbers, when at least 95 % of the cells are; the flag says that exact whole numbers are too large for that."""
    if numbers.bare_integers(seen.texts) is not None:
        return Decision(Column(name=name, kind="numeric", dtype="int", decimal=options.decimal or ".")), False
    if not numbers.unit_of(seen.texts) and seen.counts[numbers.perhaps(seen.texts)].sum() < MOSTLY * seen.known:
        return None, False
    how, bare, sure = numbers.written(seen.texts)
    mark = options.decimal or (how.decimal if sure else decimal or how.decimal)
    plain = numbers.plain_numbers(bare, mark)
    ok = plain.notna().to_numpy()
    if seen.counts[ok].sum() < MOSTLY * seen.known or numbers.has_codes(bare):
        return None, False
    if numbers.too_large(plain):
        return None, True
    doubts: list[tuple[Doubt, str]] = []
    if not (sure or options.decimal or decimal):
        shown = next(text for text in bare.tolist() if re.fullmatch(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", text))
        read = numbers.to_floats(numbers.plain_numbers(pd.Series([shown], dtype="str"), mark))[0]
        doubts.append(("ambiguous_number", f"{shown} in {name!r} may be grouped or have three decimals; it was read as {read:,g}."))
    naked = int(seen.counts[(seen.texts == bare).to_numpy() & ok].sum()) if how.unit else 0
    if naked:
        doubts.append(
            ("unit", f"{_cells(naked)} in {name!r} have no {how.unit!r} beside the number; they were taken to be in the same unit.")
        )
    dtype = "int" if numbers.all_integers(plain) else "float"
    proved = mark if bare[ok].str.contains(".,"[mark == ","], regex=False).any() and sure else ""
    return Decision(Column(name=name, kind="numeric", dtype=dtype, decimal=mark, unit=how.unit), tuple(doubts), proved), False


def surely_text(seen: cells.Distinct) -> bool:
    """Whether a column of which those texts are a sample cannot turn out as numbers, dates or truth values: it is nowhere near."""
    how, bare, _ = numbers.written(seen.texts)
    if numbers.has_codes(bare):
        return True
    plain = numbers.plain_numbers(bare, how.decimal)
    return numbers.too_large(plain) or seen.counts[plain.notna().to_numpy()].sum() < 0.8 * seen.known


def text_rule(name: str, seen: cells.Distinct, too_large: bool, *, unique: int, known: int) -> Column:
    """id: all different single tokens. text: long, or mostly different, strings of several words. Otherwise categorical.

    `unique` and `known` count all of the column; `seen` may be a sample of it.
    """
    words = np.array([len(text.split()) for text in seen.texts.tolist()], dtype=np.int64)
    several = (words > 1).mean()
    kind: Kind = "categorical"
    reason = "whole numbers too large to compute with exactly" if too_large else ""
    if unique == known >= _FEW and several < 0.05:
        kind, reason = "id", reason or "a different single word in every row"
    elif unique > 0.5 * known and (words * seen.counts).sum() >= 5 * seen.known and unique >= _FEW:
        kind, reason = "text", "free text of five words or more"
    elif unique >= max(_FEW, 0.9 * known) and several > 0.5:
        kind, reason = "text", "several words, different in nearly every row"
    elif not reason and numbers.has_codes(seen.texts):
        reason = "codes with leading zeros"
    return Column(name=name, kind=kind, dtype="str", reason=reason)


def row_number(name: str, rows: int, first: int | None, counting: bool) -> str:
    """Why a column of distinct whole numbers only counts the rows, or "" when it does not. `counting`: each is one more than the last."""
    if rows < _FEW:
        return ""
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_").replace("-", "_").replace(".", "_")
    if _ROW_NAME.search(spelled):
        return "a different whole number in every row, named like an identifier"
    return "counts the rows" if first in (0, 1) and counting else ""


def described(rule: Column, values: pd.Series, bad: int, source: str) -> Column:
    """The rule with what was seen: how many are missing, how many differ, the range, the levels."""
    known = _known_numbers(values) if rule.dtype in ("int", "float") else values.dropna()
    counts = known.value_counts() if rule.kind in ("categorical", "boolean") else None
    unique = len(counts) if counts is not None else len(pd.unique(known))
    facts: dict[str, Any] = {"missing": int(len(values) - len(known)), "unique": unique, "source": source}
    if rule.dtype in ("int", "float", "datetime") and len(known):
        low, high = known.min(), known.max()
        facts |= (
            {"minimum": low.isoformat(), "maximum": high.isoformat()}
            if rule.dtype == "datetime"
            else {"minimum": float(low), "maximum": float(high)}
        )
    if counts is not None:
        facts["levels"] = tuple(str(level) for level in counts.index[:MOST_LEVELS])
    if rule.dtype == "int" and unique == len(values):
        counting = bool((np.diff(known) == 1).all())
        why = row_number(rule.name, unique, known[0] if unique else None, counting)
        facts |= {"kind": "id", "reason": why} if why else {}
    if bad:
        facts["reason"] = "; ".join(filter(None, [rule.reason, f"{bad:,} of {len(values):,} cells could not be read and count as missing"]))
    return rule.model_copy(update=facts)


def _known_numbers(values: pd.Series) -> np.ndarray:
    """The numbers that are there, without the detours that pandas takes for every column."""
    if isinstance(values.dtype, np.dtype):
        known = values.to_numpy()
        return known[~np.isnan(known)] if known.dtype.kind == "f" else known
    return values.dropna().to_numpy(dtype=values.dtype.numpy_dtype)
