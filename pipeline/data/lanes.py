"""One column on the fast path: how a piece of it becomes values, and what is learned on the way.

A lane does in Arrow what `types` does in pandas, for columns that a sample shows to be plain: whole numbers, decimal numbers,
ISO dates, yes and no, texts. `read` may run in any thread; `add` is called in the order of the file. A cell that the lane cannot
read exactly as `types` would raises Misfit, which names the way that can.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import cells, dates, deciding, numbers
from pipeline.data.counting import Different, Tally, mixed, places, scattered_texts
from pipeline.data.profiles import MOST_COUNTED, MOST_TOP
from pipeline.data.schema import Column

_FEW_IN_A_PIECE = 5_000
_FEW_NUMBERS = 64  # whole numbers that lie this close together are counted one by one
_EARLIEST, _LATEST = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("1678-01-01", "2262-01-01"))
_ZERO, _NINE, _PLUS, _MINUS = (np.uint8(ord(mark)) for mark in "09+-")
# What a lane knows of a rule; a rule that says anything else (a decimal comma, say) needs the careful path.
_SEEN = {"missing": 0, "unique": 0, "minimum": None, "maximum": None, "levels": ()}
_KNOWN = {*_SEEN, "name", "kind", "dtype", "source", "reason", "date_format", "true_values", "false_values"}


class Misfit(Exception):
    """A column is not what the sample showed. `way` is "float", or "whole": all of it has to be looked at together."""

    def __init__(self, position: int, way: str) -> None:
        super().__init__(f"column {position} must be read as {way}")
        self.position, self.way = position, way


@dataclass
class Piece:
    """A piece of a column: its values, and what was seen in them.

    `tally` are the different texts and how often each occurs, `coded` the values as places in a list of the different ones.
    """

    values: pa.Array
    missing: int
    low: Any = None
    high: Any = None
    different: np.ndarray | None = None
    tally: tuple[pa.StringArray, np.ndarray] | None = None
    coded: pa.DictionaryArray | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Lane:
    """What all columns share. `rule` is how the column is read, learned from a sample; `column` is the rule with what was seen."""

    type: pa.DataType

    def __init__(self, position: int, rule: Column) -> None:
        self.position, self.rule = position, rule
        self.different = Different()
        self.missing = self.rows = 0
        self.low: Any = None
        self.high: Any = None

    def read(self, chunk: pa.Array) -> Piece:
        raise NotImplementedError

    def add(self, piece: Piece) -> None:
        self.rows += len(piece.values)
        self.missing += piece.missing
        if piece.different is not None:
            self.different.add(piece.different)
        if piece.low is not None:
            self.low = piece.low if self.low is None else min(self.low, piece.low)
            self.high = piece.high if self.high is None else max(self.high, piece.high)

    def top(self) -> list[list[Any]] | None:
        """The most frequent values and how often they occur; None when there are too many to count."""
        return None

    def column(self) -> Column:
        known = self.rows - self.missing
        return self.rule.model_copy(update={"missing": self.missing, "unique": min(self.different.count, known), **self._bounds()})

    def _bounds(self) -> dict[str, Any]:
        return {} if self.low is None else {"minimum": float(self.low), "maximum": float(self.high)}

    def _misfit(self, way: str = "whole") -> Misfit:
        return Misfit(self.position, way)

    def _cast(self, chunk: pa.Array, kind: pa.DataType, way: str = "whole") -> pa.Array:
        try:
            return chunk.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._misfit(way) from error


class Whole(Lane):
    """Whole numbers up to 2^53."""

    type = pa.int64()

    def __init__(self, position: int, rule: Column) -> None:
        super().__init__(position, rule)
        self.rising, self.counting, self._last, self._first = True, True, None, None
        self._hits: Counter[int] | None = Counter()

    def read(self, chunk: pa.Array) -> Piece:
        text = pa.types.is_string(chunk.type)
        array = self._cast(chunk, self.type, "float" if text else "whole")
        missing, values = array.null_count, _values(array, np.int64)
        ends = pc.min_max(array)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if text and not _written_plainly(chunk, array, low, high) and _has_codes(chunk, any_mark=True):
            raise self._misfit()
        if low is not None and (low < -numbers.LARGEST_EXACT or high > numbers.LARGEST_EXACT):
            raise self._misfit()
        hits = _hits(array.drop_null().to_numpy(), low) if low is not None and high - low < _FEW_NUMBERS else {}
        first, last = (values[0], values[-1]) if len(values) else (None, None)
        rising = self.rising and not missing and bool((values[1:] > values[:-1]).all())
        counting = rising and (first is None or bool(last - first == len(values) - 1))
        facts = {"rising": rising, "counting": counting, "first": first, "last": last, "hits": hits}
        return Piece(array, missing, low, high, self._different(array, values, low, high), facts=facts)

    def _different(self, array: pa.Array, values: np.ndarray, low: int | None, high: int | None) -> np.ndarray:
        known = values[array.is_valid().to_numpy(zero_copy_only=False)] if array.null_count else values
        # Numbers that lie close together are quicker marked than sorted, as long as all of them are kept.
        if low is not None and high - low < len(known) and not self.different.level:
            there = np.zeros(high - low + 1, dtype=bool)
            there[known - low] = True
            known = np.flatnonzero(there) + low
        return self.different.part(mixed(known))

    def add(self, piece: Piece) -> None:
        super().add(piece)
        if self._hits is not None and self.low is not None and self.high - self.low < _FEW_NUMBERS:
            self._hits.update(piece.facts["hits"])
        else:
            self._hits = None if self.low is not None else self._hits
        first, last = piece.facts["first"], piece.facts["last"]
        if first is None:
            return
        self.rising &= piece.facts["rising"] and (self._last is None or first > self._last)
        self.counting &= piece.facts["counting"] and (self._last is None or first == self._last + 1)
        self._first, self._last = first if self._first is None else self._first, last

    def top(self) -> list[list[Any]] | None:
        return [list(pair) for pair in self._hits.most_common(MOST_TOP)] if self._hits else None

    def column(self) -> Column:
        found = super().column()
        if self.rising and not self.missing:
            found = found.model_copy(update={"unique": self.rows})
        exact = self.rising or self.different.exact
        alone = not self.missing and found.unique >= (self.rows if exact else 0.98 * self.rows)
        why = deciding.row_number(found.name, self.rows, self._first, self.rising and self.counting) if alone else ""
        if why and not exact:
            raise self._misfit()  # whether all are different must be known for certain here
        return found.model_copy(update={"kind": "id", "reason": why}) if why else found


class Real(Lane):
    """Decimal numbers with a point."""

    type = pa.float64()

    def read(self, chunk: pa.Array) -> Piece:
        text = pa.types.is_string(chunk.type)
        if text and _has_codes(chunk):
            raise self._misfit()
        array = self._cast(chunk, self.type)
        if not text and pc.any(pc.is_nan(array)).as_py():
            array = pc.if_else(pc.is_nan(array), None, array)
        values = _values(array, np.float64)
        missing = array.null_count
        known = values[array.is_valid().to_numpy(zero_copy_only=False)] if missing else values
        low, high = (known.min(), known.max()) if len(known) else (None, None)
        if low is not None and not (np.isfinite(low) and np.isfinite(high)):
            raise self._misfit()
        return Piece(array, missing, low, high, self.different.part(mixed(known + 0.0)))


class Stamp(Lane):
    """Dates and times as ISO 8601 writes them, without a zone."""

    type = pa.timestamp("us")

    def read(self, chunk: pa.Array) -> Piece:
        array = self._cast(chunk, self.type)
        values, missing = _values(array.cast(pa.int64()), np.int64), array.null_count
        known = values[array.is_valid().to_numpy(zero_copy_only=False)] if missing else values
        low, high = (int(known.min()), int(known.max())) if len(known) else (None, None)
        if low is not None and not _EARLIEST <= low <= high <= _LATEST:
            raise self._misfit()
        return Piece(array, missing, low, high, self.different.part(mixed(known)))

    def _bounds(self) -> dict[str, Any]:
        if self.low is None:
            return {}
        return {"minimum": pd.Timestamp(self.low, unit="us").isoformat(), "maximum": pd.Timestamp(self.high, unit="us").isoformat()}


class Words(Lane):
    """Texts. While the different ones are few they are counted, and the rules see all of them; many are counted by their hashes."""

    type = pa.string()

    def __init__(self, position: int, rule: Column, sample: pd.Series) -> None:
        super().__init__(position, rule)
        self._tally: Tally | None = Tally()
        self._sample = sample

    def read(self, chunk: pa.Array) -> Piece:
        if not pa.types.is_string(chunk.type):
            raise self._misfit()
        coded = chunk.dictionary_encode() if self._tally is not None else None
        if coded is None or len(coded.dictionary) > _FEW_IN_A_PIECE:
            return self._read_many(chunk)
        known = _without_marks(coded.dictionary)
        if known.null_count:
            chunk = known.take(coded.indices)
            coded = chunk.dictionary_encode()
        texts = coded.dictionary
        hits = np.bincount(coded.indices.drop_null().to_numpy(), minlength=len(texts))
        different = self.different.part(scattered_texts(texts))
        return Piece(chunk, chunk.null_count, different=different, tally=(texts, hits), coded=coded)

    def _read_many(self, chunk: pa.Array) -> Piece:
        chunk = _without_marks(chunk)
        known = chunk.drop_null() if chunk.null_count else chunk
        return Piece(chunk, chunk.null_count, different=self.different.part(scattered_texts(known)))

    def add(self, piece: Piece) -> None:
        super().add(piece)
        if self._tally is not None and (piece.tally is None or not self._tally.add(*piece.tally)):
            self._tally = None

    @cached_property
    def counts(self) -> Counter[str] | None:
        """How often each text occurs in the whole column; None when there are too many different ones."""
        return None if self._tally is None else self._tally.counts()

    def column(self) -> Column:
        known = self.rows - self.missing
        if self.counts is None:
            return self._of_many(known)
        decision = deciding.decided(self.rule.name, _seen(self.counts))
        rule = decision.rule
        if rule.dtype != self.rule.dtype or decision.doubts:
            raise self._misfit()
        facts: dict[str, Any] = {"missing": self.missing, "unique": len(self.counts), "source": self.rule.source}
        if rule.kind in ("categorical", "boolean"):
            facts["levels"] = self._levels()
        return rule.model_copy(update=facts)

    def top(self) -> list[list[Any]] | None:
        return [list(pair) for pair in self.counts.most_common(MOST_TOP)] if self.counts and len(self.counts) <= MOST_COUNTED else None

    def _levels(self) -> tuple[str, ...]:
        assert self.counts is not None
        return tuple(text for text, _ in sorted(self.counts.items(), key=lambda one: -one[1])[: deciding.MOST_LEVELS])

    def _of_many(self, known: int) -> Column:
        """Judged by a sample, where the sample leaves no doubt, and by how many different texts there are."""
        seen = cells.distinct(self._sample)
        unique = min(self.different.count, known)
        if not deciding.surely_text(seen) or (not self.different.exact and unique > 0.98 * known and not self._told_apart(unique, known)):
            raise self._misfit()
        rule = deciding.text_rule(self.rule.name, seen, numbers.too_large(seen.texts), unique=unique, known=known)
        facts: dict[str, Any] = {"missing": self.missing, "unique": unique, "source": self.rule.source}
        if rule.kind == "categorical":
            facts["levels"] = tuple(str(level) for level in self._sample.dropna().value_counts().index[: deciding.MOST_LEVELS])
        return rule.model_copy(update=facts)

    def _told_apart(self, unique: int, known: int) -> bool:
        """Whether it makes no difference if really all texts are different: only single words may be identifiers."""
        several = self._sample.dropna().str.contains(r"\S\s+\S", regex=True).mean()
        return bool(several > 0.1)


class Flags(Words):
    """Yes and no, in the words of the file."""

    type = pa.bool_()

    def read(self, chunk: pa.Array) -> Piece:
        if pa.types.is_boolean(chunk.type):
            hits = {value: pc.sum(pc.equal(chunk, value)).as_py() or 0 for value in (True, False)}
            seen = [value for value in hits if hits[value]]
            return Piece(chunk, chunk.null_count, tally=(pa.array(map(str, seen), pa.string()), np.array([hits[value] for value in seen], np.int64)))
        piece = super().read(chunk)
        coded = piece.coded
        if coded is None:
            raise self._misfit()
        flags = cells.to_booleans(coded.dictionary.to_pandas(), self.rule.true_values, self.rule.false_values)
        if np.isnan(flags).any():
            raise self._misfit()
        piece.values = pa.array(flags == 1).take(coded.indices)
        return piece

    def column(self) -> Column:
        assert self.counts is not None
        if not self.rule.true_values:  # they were truth values in the file
            found, facts = self.rule, {"missing": self.missing, "unique": len(self.counts), "levels": self._levels()}
            return found.model_copy(update=facts)
        found = super().column()
        hits = self._truths(found.true_values)
        return found.model_copy(update={"unique": len(hits), "levels": tuple(str(truth) for truth, _ in hits.most_common())})

    def top(self) -> list[list[Any]] | None:
        return [list(pair) for pair in self._truths(self.rule.true_values or ("True",)).most_common()] or None

    def _truths(self, yes: tuple[str, ...]) -> Counter[bool]:
        """How often true and false occur, in whatever words."""
        hits: Counter[bool] = Counter()
        for word, n in (self.counts or {}).items():
            hits[word in yes or word.lower() in {one.lower() for one in yes}] += n
        return hits


def lane(position: int, rule: Column, sample: pd.Series, way: str | None = None) -> Lane | None:
    """The lane for a column that was read by that rule in the sample; None when it must be looked at as a whole."""
    if way == "whole" or any(getattr(rule, name) != fact.default for name, fact in Column.model_fields.items() if name not in _KNOWN):
        return None
    if rule.dtype == "int":
        return (
            Real(position, rule.model_copy(update={"dtype": "float", "kind": "numeric", "reason": ""}))
            if way == "float"
            else Whole(position, _bare(rule))
        )
    if rule.dtype == "float":
        return Real(position, _bare(rule))
    if rule.dtype == "datetime":
        return Stamp(position, _bare(rule)) if rule.date_format == dates.ISO else None
    return (Flags if rule.dtype == "bool" else Words)(position, _bare(rule), sample)


def _bare(rule: Column) -> Column:
    """The rule without what was seen in the sample."""
    return rule.model_copy(update=_SEEN | ({"kind": "numeric", "reason": ""} if rule.dtype == "int" else {}))


def _values(array: pa.Array, kind: type) -> np.ndarray:
    """All values, with whatever stands where one is missing."""
    data = array.buffers()[1]
    return np.frombuffer(data, dtype=kind)[array.offset : array.offset + len(array)] if data is not None else np.zeros(0, dtype=kind)


def _written_plainly(texts: pa.StringArray, numbers: pa.Array, low: int | None, high: int | None) -> bool:
    """Whether whole numbers from zero on are written without a letter and in as many bytes as they have digits.

    Then none has a zero or a sign too many; with letters 0xF4240 takes no more bytes than the million that it is.
    """
    if low is None or low < 0:
        return False
    known = _values(numbers, np.int64)
    known = known[numbers.is_valid().to_numpy(zero_copy_only=False)] if numbers.null_count else known
    more = (10**digits for digits in range(1, len(str(high))))
    digits = len(known) + sum(len(known) if power <= low else int(np.count_nonzero(known >= power)) for power in more)
    content, _ = places(texts)
    return len(content) == digits and bool(content.max() <= _NINE)


def _hits(values: np.ndarray, low: int) -> dict[int, int]:
    counts = np.bincount(values - low)
    return {low + int(i): int(counts[i]) for i in np.flatnonzero(counts)}


def _has_codes(texts: pa.Array, any_mark: bool = False) -> bool:
    """Whether a text begins with a zero before another digit (or, with `any_mark`, before anything), a sign before it or not."""
    content, ends = places(texts)
    if not len(content):
        return False
    first = content.take(ends[:-1], mode="clip")
    signed = np.flatnonzero((first == _PLUS) | (first == _MINUS))
    signed = signed[content.take(ends[signed] + 1, mode="clip") == _ZERO]
    for led, at in ((np.flatnonzero(first == _ZERO), 1), (signed, 2)):
        led = led[ends[led + 1] - ends[led] > at]
        if len(led) and ((any_mark and at == 1) or (content.take(ends[led] + at) - _ZERO <= _NINE - _ZERO).any()):
            return True
    return False


def _without_marks(texts: pa.Array) -> pa.Array:
    """Marks for "missing" with blanks around them, which Arrow does not know, become missing."""
    content, ends = places(texts)
    if not len(content) or (content.min() > 32 and content.max() < 128):
        return texts
    outer = (content.take(at, mode="clip") for at in (ends[:-1], ends[1:] - 1))
    first, last = ((letter <= 32) | (letter >= 128) for letter in outer)  # a letter beyond ASCII may be a blank one
    asked = np.flatnonzero((np.diff(ends) > 0) & (first | last))
    gone = asked[[text is not None and text.strip() in cells.MISSING for text in texts.take(pa.array(asked)).to_pylist()]]
    if not len(gone):
        return texts
    mask = np.zeros(len(texts), dtype=bool)
    mask[gone] = True
    return pc.if_else(pa.array(mask), None, texts)


def _seen(counts: Counter[str]) -> cells.Distinct:
    """The different texts as the rules want them: stripped, each with a row as often as it occurs."""
    stripped: dict[str, int] = {}
    for text, n in zip(map(str.strip, counts), counts.values(), strict=True):
        stripped[text] = stripped.get(text, 0) + n
    return cells.Counted(pd.Series(list(stripped), dtype="str"), np.array(list(stripped.values()), dtype=np.int64))
