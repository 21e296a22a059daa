"""Which words, pairs of words and parts of words a text has: what scikit-learn's CountVectorizer counts, by arrays instead of by loops.

Counting is most of what a text costs, in training and again at every prediction. CountVectorizer makes a Python string
for every occurrence; here each distinct word is looked at once, and the rest is arithmetic on its number: a third of
the time in training, about half of it at a prediction.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

WORD = re.compile(r"\w+(?:['’]\w+)?|[!?]+")  # don't is one word, and !!! says something too
PARTS = range(2, 6)  # characters
LETTER_BITS = 12
BLANK = ord(" ")


def words_and_pairs(text: str) -> list[str]:
    """The words of a text, then its pairs of neighbours."""
    words = WORD.findall(text.lower())
    return words + [f"{one} {next}" for one, next in zip(words, words[1:], strict=False)]


class Numbers(dict[str, int]):
    """The number of each string, and -1 for one that has none."""

    def __missing__(self, name: str) -> int:
        return -1


class Vocabulary(TransformerMixin, BaseEstimator):
    """Texts in, CSR matrix out: 1 where a text has a term, as TfidfVectorizer(binary=True) counts before it weighs.

    Terms are those in at least `min_df` of the training texts, of more than `max_features` the most frequent.
    """

    def __init__(self, min_df: int = 1, max_features: int = 50_000) -> None:
        self.min_df = min_df
        self.max_features = max_features

    def fit(self, texts: Iterable[str], y: object = None) -> Vocabulary:
        self.fit_transform(texts)
        return self

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray(self.terms_, dtype=object)

    def _chosen(self, found: sparse.csr_matrix) -> np.ndarray:
        """The columns of the terms that are frequent enough, in no order that matters."""
        rows_with = np.bincount(found.indices, minlength=found.shape[1])
        enough = np.flatnonzero(rows_with >= self.min_df)
        return enough[np.argsort(-rows_with[enough], kind="stable")][: self.max_features]


class WordVocabulary(Vocabulary):
    """Words and pairs of neighbours."""

    def fit_transform(self, texts: Iterable[str], y: object = None) -> sparse.csr_matrix:
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        rows, said, size = self._numbered(texts, numbers.__getitem__)
        places, pairs = _pairs(rows, said, len(numbers))
        pairs, which = np.unique(pairs, return_inverse=True)
        found = _ones(np.concatenate([rows, rows[places]]), np.concatenate([said, len(numbers) + which]), (size, len(numbers) + len(pairs)))
        chosen, words = self._chosen(found), list(numbers)
        two = chosen >= len(words)
        left, right = np.divmod(pairs[chosen[two] - len(words)], max(1, len(words)))
        named = [words[i] for i in chosen[~two]] + [f"{words[i]} {words[j]}" for i, j in zip(left, right, strict=True)]
        order = np.argsort(np.asarray(named, dtype=object), kind="stable")
        self.terms_ = [named[i] for i in order]
        self._keep(words, chosen[~two], left, right, np.argsort(order))
        return found[:, np.concatenate([chosen[~two], chosen[two]])[order]].tocsr()

    def _keep(self, words: Sequence[str], alone: np.ndarray, left: np.ndarray, right: np.ndarray, columns: np.ndarray) -> None:
        """What is needed to find the terms again: the words in them by a number, the column of each word, and of each pair in order."""
        needed, places = np.unique(np.concatenate([alone, left, right]), return_inverse=True)
        alone, left, right = np.split(places, [len(alone), len(alone) + len(left)])
        self.words_ = Numbers((words[word], number) for number, word in enumerate(needed))
        self.alone_ = np.full(len(needed) + 1, -1)  # the last is for words that are not known
        self.alone_[alone] = columns[: len(alone)]
        pairs = left.astype(np.int64) * len(needed) + right
        order = np.argsort(pairs)
        self.pairs_, self.paired_ = pairs[order], columns[len(alone) :][order]

    def transform(self, texts: Iterable[str]) -> sparse.csr_matrix:
        rows, said, size = self._numbered(texts, self.words_.__getitem__)
        places, pairs = _pairs(rows, said, len(self.words_))
        known = (said[places] >= 0) & (said[places + 1] >= 0)
        places, pairs = places[known], pairs[known]
        at = np.minimum(np.searchsorted(self.pairs_, pairs), max(0, len(self.pairs_) - 1))
        there = self.pairs_[at] == pairs if len(self.pairs_) else np.zeros(len(pairs), bool)
        alone = self.alone_[said]
        rows = np.concatenate([rows[alone >= 0], rows[places[there]]])
        return _ones(rows, np.concatenate([alone[alone >= 0], self.paired_[at[there]]]), (size, len(self.terms_)))

    @staticmethod
    def _numbered(texts: Iterable[str], number: Callable[[str], int]) -> tuple[np.ndarray, np.ndarray, int]:
        """The row and the number of every word, one after the other, and how many texts there are."""
        return _flat([WORD.findall(text.lower()) for text in texts], number)


class PartVocabulary(Vocabulary):
    """Parts of words, two to five characters, with a blank before and after each word: scikit-learn's analyzer "char_wb".

    A part is a whole number, twelve bits for each character: of more than 4,095 different ones the rarest are passed over.
    """

    def fit_transform(self, texts: Iterable[str], y: object = None) -> sparse.csr_matrix:
        rows, said, size, letters = _spelled(texts)
        known, times = np.unique(letters, return_counts=True)
        self.letters_ = np.sort(known[np.argsort(-times, kind="stable")][: 2**LETTER_BITS - 1])
        word, part = self._parts(letters)
        self.parts_, column = np.unique(part, return_inverse=True)
        found = self._found((rows, said, size), word, column)
        chosen = np.sort(self._chosen(found))
        self.parts_ = self.parts_[chosen]
        return found[:, chosen]

    def transform(self, texts: Iterable[str]) -> sparse.csr_matrix:
        rows, said, size, letters = _spelled(texts)
        word, part = self._parts(letters)
        column = np.minimum(np.searchsorted(self.parts_, part), max(0, len(self.parts_) - 1))
        there = self.parts_[column] == part if len(self.parts_) else np.zeros(len(part), bool)
        return self._found((rows, said, size), word[there], column[there])

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([self._spelling(int(part)) for part in self.parts_], dtype=object)

    def _found(self, said: tuple[np.ndarray, np.ndarray, int], word: np.ndarray, column: np.ndarray) -> sparse.csr_matrix:
        """Which words each text has, times which parts each word has."""
        rows, words, size = said
        count = int(max(words.max(initial=-1), word.max(initial=-1))) + 1
        found = _ones(rows, words, (size, count)) @ _ones(word, column, (count, len(self.parts_)))
        found.data[:] = 1
        found.sort_indices()
        return found

    def _parts(self, letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All parts of all words, and the word that each is of."""
        at = np.minimum(np.searchsorted(self.letters_, letters), max(0, len(self.letters_) - 1))
        number = np.where(self.letters_[at] == letters, at + 1, 0) if len(self.letters_) else np.zeros(len(letters), int)
        blank, words, parts = letters == BLANK, [], []
        word = np.cumsum(blank) - 1
        part, whole, within = number[:-1].astype(np.int64), number[:-1] > 0, np.ones(max(0, len(letters) - 1), bool)
        for size in PARTS:  # each a letter longer than the one before
            last = number[size - 1 :]
            part, whole = part[: len(last)] | last.astype(np.int64) << LETTER_BITS * (size - 1), whole[: len(last)] & (last > 0)
            within = within[: len(last)] & ~blank[size - 2 : size - 2 + len(last)] if size > 2 else within
            kept = np.flatnonzero(whole & within)
            words.append(word[kept])
            parts.append(part[kept])
        return np.concatenate(words), np.concatenate(parts)

    def _spelling(self, part: int) -> str:
        letters = []
        while part:
            letters.append(chr(self.letters_[(part & 2**LETTER_BITS - 1) - 1]))
            part >>= LETTER_BITS
        return "".join(letters)


def _spelled(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """The row and the number of every word, how many texts there are, and the distinct words as code points with a blank around each."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    said = _flat([text.lower().split() for text in texts], numbers.__getitem__)
    return *said, np.frombuffer(f" {' '.join(numbers)} ".encode("utf-32-le", "surrogatepass"), np.uint32)


def _flat(lists: Sequence[Sequence[str]], number: Callable[[str], int]) -> tuple[np.ndarray, np.ndarray, int]:
    """The row and the number of every string of many lists, and how many lists there are."""
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    numbers = np.fromiter(map(number, chain.from_iterable(lists)), np.int64, sizes.sum())
    return np.repeat(np.arange(len(lists)), sizes), numbers, len(lists)


def _pairs(rows: np.ndarray, said: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a word is followed by another of the same text, and both as one number."""
    places = np.flatnonzero(rows[:-1] == rows[1:])
    return places, said[places] * words + said[places + 1]


def _ones(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """1 at these places, however often each is named."""
    found = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    found.sum_duplicates()
    found.data[:] = 1
    return found
