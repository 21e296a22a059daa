"""How many different values there are in a column that is too long to be held at once, and how often each occurs where they are few."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

MOST_KEPT = 1 << 16
FEW_TEXTS = 20_000  # up to here the different texts of a column are counted one by one
_ODD = np.uint64(0x9E3779B97F4A7C15)
_OTHER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)
_KEEP = (1 << np.arange(0, 72, 8, dtype=object)) - 1
_MASKS = np.array([int(mask) & (2**64 - 1) for mask in _KEEP], dtype=np.uint64)  # the first n bytes of a word


def mixed(values: np.ndarray) -> np.ndarray:
    """64-bit words scattered evenly; different words stay different."""
    return _mixed_in_place(values.view(np.uint64).copy())


def _mixed_in_place(words: np.ndarray) -> np.ndarray:
    words *= _ODD
    words ^= words >> _SHIFT
    words *= _OTHER
    words ^= words >> _SHIFT
    return words


class Different:
    """Counts different 64-bit words: exactly up to 65,000 of them, then on an evenly chosen part, within about one percent.

    A word belongs to the part when its scattered form begins with `level` zero bits (adaptive sampling, Wegman 1984).
    """

    def __init__(self) -> None:
        self.level = 0
        self._kept = np.array([], dtype=np.uint64)
        self._more: list[np.ndarray] = []

    def part(self, scattered: np.ndarray) -> np.ndarray:
        """The words of one piece that belong to the part, each once; may run in any thread."""
        return _once(_chosen(scattered, self.level))

    def add(self, part: np.ndarray) -> None:
        """Take in what `part` made."""
        self._more.append(part)
        if sum(map(len, self._more)) > MOST_KEPT:
            self._settle()

    @property
    def exact(self) -> bool:
        return self.level == 0

    @property
    def count(self) -> int:
        self._settle()
        return len(self._kept) << self.level

    def _settle(self) -> None:
        self._kept = _once(_chosen(np.concatenate([self._kept, *self._more]), self.level))
        self._more = []
        while len(self._kept) > MOST_KEPT:
            self.level += 1
            self._kept = _chosen(self._kept, self.level)


def _chosen(scattered: np.ndarray, level: int) -> np.ndarray:
    return scattered[scattered < np.uint64(1 << (64 - level))] if level else scattered


def _once(words: np.ndarray) -> np.ndarray:
    words = np.sort(words)
    first = np.ones(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=first[1:])
    return words[first]


class Tally:
    """How often each text of a column occurs, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._parts: list[tuple[pa.StringArray, np.ndarray]] = []

    def add(self, texts: pa.StringArray, hits: np.ndarray) -> bool:
        """Take in the different texts of a piece; False when all of them are too many to be counted so."""
        self._parts.append((texts, hits))
        if sum(len(texts) for texts, _ in self._parts) > FEW_TEXTS:
            self._settle()
        return len(self._parts[0][0]) <= FEW_TEXTS

    def counts(self) -> Counter[str]:
        self._settle()
        return Counter({text: n for texts, hits in self._parts for text, n in zip(texts.to_pylist(), hits.tolist(), strict=True)})

    def _settle(self) -> None:
        if len(self._parts) > 1:
            coded = pa.concat_arrays([texts for texts, _ in self._parts]).dictionary_encode()
            hits = np.zeros(len(coded.dictionary), dtype=np.int64)
            np.add.at(hits, coded.indices.to_numpy(), np.concatenate([hits for _, hits in self._parts]))
            self._parts = [(coded.dictionary, hits)]


def places(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a column of texts, and where in them each text begins and the last one ends. A missing text has no length."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(data, dtype=np.uint8)[: ends[-1]] if data is not None else np.zeros(0, dtype=np.uint8)
    return (content[ends[0] :], ends - ends[0]) if ends[0] else (content, ends)


def scattered_texts(texts: pa.StringArray) -> np.ndarray:
    """A scattered 64-bit word per text, the same for equal texts; different ones share a word once in 2^64 pairs."""
    content, ends = places(texts)
    starts, lengths = ends[:-1], np.diff(ends)
    room = np.zeros(len(content) + 8, dtype=np.uint8)
    room[: len(content)] = content
    words = np.ndarray(len(content) + 1, np.uint64, room, strides=(1,))  # the eight bytes from each position on
    seen = mixed(lengths.astype(np.uint64))
    if len(lengths) and lengths.min() == lengths.max() > 0:
        return _scattered_alike(words, int(starts[0]), int(lengths[0]), seen)
    todo, at, left = slice(None), starts.astype(np.int64), lengths
    while len(left) and (longest := left.max()) > 0:
        shortest, word = left.min(), words[at]
        if shortest < 8:
            word &= _MASKS[shortest if shortest == longest else np.minimum(left, 8)]
        word ^= seen[todo]
        seen[todo] = _mixed_in_place(word)
        if shortest <= 8:
            longer = np.flatnonzero(left > 8)
            todo = longer if isinstance(todo, slice) else todo[longer]
            at, left = at[longer], left[longer]
        at, left = at + 8, left - 8
    return seen


def _scattered_alike(words: np.ndarray, first: int, length: int, seen: np.ndarray) -> np.ndarray:
    """Texts of one length lie in equal steps: their words are cut out without looking for them one by one."""
    for at in range(0, length, 8):
        word = words[first + at :: length][: len(seen)] & _MASKS[min(length - at, 8)]
        word ^= seen
        seen = _mixed_in_place(word)
    return seen
