"""The words of texts as numbers of 64 bits, found by arrays: no string is made for an occurrence.

A word is the sum of its characters times powers of a fixed odd number, modulo 2^64, so that those of all words follow from one running
sum. Two of a million words have the same number with a chance of one in thirty million; equal words always have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

BLANK = ord(" ")
BLOCK = 2**20  # characters that are looked at together: bounds the memory
FACTOR = 0x9E3779B97F4A7C15
OTHER, SPACE, APOSTROPHE, LETTER, SHOUT = range(5)  # words are made of the last two


@dataclass(frozen=True)
class Said:
    """The words of `size` texts, one after the other: the row and the number of each; `names` are the distinct ones where they are wanted."""

    rows: np.ndarray
    words: np.ndarray
    size: int
    names: dict[int, str] = field(default_factory=dict)


def words_of(texts: Iterable[str], named: bool = False) -> Said:
    """What the pattern `\\w+(?:['’]\\w+)?|[!?]+` finds in the texts in lower case."""
    return _said(texts, _words, named)


def pieces_of(texts: Iterable[str], named: bool = False) -> Said:
    """What is between blanks in the texts in lower case, as `split` finds it."""
    return _said(texts, _pieces, named)


def _said(texts: Iterable[str], find: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], named: bool) -> Said:
    texts = list(texts)
    rows, words, names = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], {}
    for places, lowered in _blocks(texts):
        joined = "\n".join([*lowered, ""])
        codes, kinds = _spelled(joined)
        begin, end = find(kinds)
        starts = np.cumsum([0, *map(len, lowered)]) + np.arange(len(lowered) + 1)
        rows.append(np.repeat(places, np.diff(np.searchsorted(begin, starts))))
        words.append(_numbers(codes, begin, end))
        if named:
            distinct, first = np.unique(words[-1], return_index=True)
            names |= {word: joined[a:b] for word, a, b in zip(distinct.tolist(), begin[first].tolist(), end[first].tolist(), strict=True)}
    return Said(np.concatenate(rows), np.concatenate(words), len(texts), names)


def _blocks(texts: Sequence[str]) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Positions of texts, and these texts in lower case: first all that are ASCII, which a byte a character tells."""
    plain = np.fromiter(map(str.isascii, texts), bool, len(texts))
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    for places in (np.flatnonzero(plain), np.flatnonzero(~plain)):
        full = np.flatnonzero(np.diff(np.cumsum(sizes[places]) // BLOCK)) + 1
        yield from ((part, [texts[place].lower() for place in part.tolist()]) for part in np.split(places, full) if len(part))


def _spelled(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The code of each character, and what it is."""
    if text.isascii():
        codes = text.encode("ascii")
        return np.frombuffer(codes, np.uint8), np.frombuffer(codes.translate(ASCII.tobytes().ljust(256, b"\0")), np.int8)
    wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return wide, _kinds(wide)


def _kind(letter: str) -> int:
    if letter.isalnum() or letter == "_":
        return LETTER
    return APOSTROPHE if letter in "'’" else SHOUT if letter in "!?" else SPACE if letter.isspace() else OTHER


ASCII = np.array([_kind(chr(code)) for code in range(128)], np.int8)


def _kinds(codes: np.ndarray) -> np.ndarray:
    """What each character is."""
    kinds = ASCII[np.minimum(codes, 127)]
    far = np.flatnonzero(codes > 127)
    if len(far):
        known, which = np.unique(codes[far], return_inverse=True)
        kinds[far] = np.array([_kind(chr(code)) for code in known.tolist()], np.int8)[which]
    return kinds


def _words(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words begin and end. Two runs of letters with an apostrophe between them are one word; a third begins another."""
    begin = np.append(0, np.flatnonzero(kinds[1:] != kinds[:-1]) + 1)
    end = np.append(begin[1:], len(kinds))
    said = np.flatnonzero(kinds[begin] >= LETTER)
    begin, end = begin[said], end[said]
    tied = _tied(kinds, begin, end)
    return np.delete(begin, tied + 1), np.delete(end, tied)


def _tied(kinds: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Which words go on after an apostrophe."""
    marks = np.flatnonzero(kinds == APOSTROPHE)
    after = np.searchsorted(begin, marks + 1)
    there = np.flatnonzero((after > 0) & (after < len(begin)))
    marks, after = marks[there], after[there]
    joins = (begin[after] == marks + 1) & (end[after - 1] == marks) & (kinds[marks - 1] == LETTER) & (kinds[begin[after]] == LETTER)
    tied = after[joins] - 1
    place = np.arange(len(tied))
    first = np.maximum.accumulate(np.where(np.diff(tied, prepend=-2) > 1, place, 0))  # of the row of ties that this one is in
    return tied[(place - first) % 2 == 0]


def _pieces(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blank = np.append(True, kinds == SPACE)
    edges = np.flatnonzero(blank[1:] != blank[:-1])  # in turn: where one begins, and where it ends, for the last character is a blank
    return edges[::2], edges[1::2]


def _numbers(codes: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The number of each word, whatever stands before it."""
    up, down = _powers(max(16, len(codes).bit_length()))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.add(codes, np.uint64(1), out=sums[1:])
    np.cumsum(np.multiply(sums[1:], up[: len(codes)], out=sums[1:]), out=sums[1:])
    return (sums[end] - sums[begin]) * down[begin]


@lru_cache(maxsize=2)
def _powers(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of the factor and of its inverse, modulo 2^64."""
    factors = np.ones((2, 2**bits), np.uint64)
    factors[0, 1:], factors[1, 1:] = FACTOR, pow(FACTOR, -1, 2**64)
    return tuple(np.cumprod(factors, axis=1, dtype=np.uint64))
