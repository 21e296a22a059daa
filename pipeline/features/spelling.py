"""The words of texts as numbers of 64 bits, found by arrays: no string is made for an occurrence.

A word is the sum of its characters times powers of a fixed odd number, modulo 2^64, so that those of all words follow from one running
sum. Two of a million words have the same number with a chance of one in thirty million; equal words always have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

BLANK = ord(" ")
BLOCK = 2**20  # characters that are looked at together: bounds the memory
FACTOR = 0x9E3779B97F4A7C15
OTHER, LETTER, APOSTROPHE, SHOUT, SPACE = range(5)


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
    rows, words, names, size = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], {}, 0
    for lowered in _blocks(texts):
        joined = "\n".join([*lowered, ""])
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        begin, end = find(_kinds(codes))
        starts = np.cumsum([0, *map(len, lowered)]) + np.arange(len(lowered) + 1)
        rows.append(np.repeat(np.arange(size, size + len(lowered)), np.diff(np.searchsorted(begin, starts))))
        words.append(_numbers(codes, begin, end))
        if named:
            distinct, first = np.unique(words[-1], return_index=True)
            names |= {word: joined[a:b] for word, a, b in zip(distinct.tolist(), begin[first].tolist(), end[first].tolist(), strict=True)}
        size += len(lowered)
    return Said(np.concatenate(rows), np.concatenate(words), size, names)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block, held = [], 0
    for text in texts:
        block.append(text.lower())
        held += len(text)
        if held >= BLOCK:
            yield block
            block, held = [], 0
    if block:
        yield block


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
    begin = np.flatnonzero(np.diff(kinds, prepend=np.int8(-1)))
    end = np.append(begin[1:], len(kinds))
    kind = kinds[begin]
    said = (kind == LETTER) | (kind == SHOUT)
    begin, end, letters = begin[said], end[said], kind[said] == LETTER
    tied = letters[:-1] & letters[1:] & (begin[1:] == end[:-1] + 1) & (kinds[end[:-1]] == APOSTROPHE) if len(begin) else np.empty(0, bool)
    place = np.arange(len(tied))
    since = np.maximum.accumulate(np.where(tied, 0, place + 1))  # where the row of ties that this one is in begins
    tied &= (place - since) % 2 == 0
    return begin[~np.append(False, tied)[: len(begin)]], end[~np.append(tied, False)[: len(end)]]


def _pieces(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edges = np.diff((kinds != SPACE).astype(np.int8), prepend=0)  # the last character is a blank
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _numbers(codes: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The number of each word, whatever stands before it."""
    up, down = _powers(max(16, len(codes).bit_length()))
    sums = np.append(np.uint64(0), np.cumsum((codes + np.uint64(1)) * up[: len(codes)]))
    return (sums[end] - sums[begin]) * down[begin]


@lru_cache(maxsize=2)
def _powers(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of the factor and of its inverse, modulo 2^64."""
    factors = np.ones((2, 2**bits), np.uint64)
    factors[0, 1:], factors[1, 1:] = FACTOR, pow(FACTOR, -1, 2**64)
    return tuple(np.cumprod(factors, axis=1, dtype=np.uint64))
