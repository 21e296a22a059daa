"""Which words, pairs of words and parts of words a text has: what scikit-learn's CountVectorizer counts, by arrays instead of by loops.

Counting is most of what a text costs, in training and again at every prediction, and CountVectorizer makes a Python string
for every occurrence. Here a word is a number from where it is found on (see `spelling`), and the rest is arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from pipeline.features.shared import briefly
from pipeline.features.spelling import BLANK, Said, pieces_of, words_of

WORD = re.compile(r"\w+(?:['’]\w+)?|[!?]+")  # don't is one word, and !!! says something too
PARTS = range(2, 6)  # characters
LETTER_BITS = 12


def words_and_pairs(text: str) -> list[str]:
    """The words of a text, then its pairs of neighbours."""
    words = WORD.findall(text.lower())
    return words + [f"{one} {next}" for one, next in zip(words, words[1:], strict=False)]


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
        said = words_of(texts, named=True)
        words, number = np.unique(said.words, return_inverse=True)
        places, pairs = _pairs(said.rows, number, len(words))
        pairs, which = np.unique(pairs, return_inverse=True)
        rows, columns = np.concatenate([said.rows, said.rows[places]]), np.concatenate([number, len(words) + which])
        found = _ones(rows, columns, (said.size, len(words) + len(pairs)))
        chosen = self._chosen(found)
        two = chosen >= len(words)
        left, right = np.divmod(pairs[chosen[two] - len(words)], max(1, len(words)))
        name = [said.names[word] for word in words.tolist()]
        named = [name[i] for i in chosen[~two]] + [f"{name[i]} {name[j]}" for i, j in zip(left, right, strict=True)]
        order = np.argsort(np.asarray(named, dtype=object), kind="stable")
        self.terms_ = [named[i] for i in order]
        self._keep(words, chosen[~two], left, right, np.argsort(order))
        return found[:, np.concatenate([chosen[~two], chosen[two]])[order]].tocsr()

    def _keep(self, words: np.ndarray, alone: np.ndarray, left: np.ndarray, right: np.ndarray, columns: np.ndarray) -> None:
        """What is needed to find the terms again: the words in them, the column of each word, and of each pair."""
        needed, places = np.unique(np.concatenate([alone, left, right]), return_inverse=True)
        alone, left, right = np.split(places, [len(alone), len(alone) + len(left)])
        self.words_ = pd.Index(words[needed])
        self.alone_ = np.full(len(needed) + 1, -1)  # the last is for words that are not known
        self.alone_[alone] = columns[: len(alone)]
        self.pairs_, self.paired_ = pd.Index(left.astype(np.int64) * len(needed) + right), columns[len(alone) :]

    def transform(self, texts: Collection[str]) -> sparse.csr_matrix:
        said = briefly("words", texts, lambda: words_of(texts))
        number = self.words_.get_indexer(said.words)
        alone = self.alone_[number]
        places, pairs = _pairs(said.rows, number, len(self.words_))
        known = (number[places] >= 0) & (number[places + 1] >= 0)
        at = self.pairs_.get_indexer(pairs[known])
        rows = np.concatenate([said.rows[alone >= 0], said.rows[places[known][at >= 0]]])
        return _ones(rows, np.concatenate([alone[alone >= 0], self.paired_[at[at >= 0]]]), (said.size, len(self.terms_)))


class PartVocabulary(Vocabulary):
    """Parts of words, two to five characters, with a blank before and after each word: scikit-learn's analyzer "char_wb".

    A part is a whole number, twelve bits for each character: of more than 4,095 different ones the rarest are passed over.
    """

    def fit_transform(self, texts: Iterable[str], y: object = None) -> sparse.csr_matrix:
        said, of, letters = self._spelled(texts)
        known, times = np.unique(letters, return_counts=True)
        self.letters_ = np.sort(known[np.argsort(-times, kind="stable")][: 2**LETTER_BITS - 1])
        word, part = self._parts(letters)
        parts, column = np.unique(part, return_inverse=True)
        found = self._found(said, of, word, column, len(parts))
        chosen = np.sort(self._chosen(found))
        self.parts_ = pd.Index(parts[chosen])
        return found[:, chosen]

    def transform(self, texts: Collection[str]) -> sparse.csr_matrix:
        said, of, letters = briefly("pieces", texts, lambda: self._spelled(texts))
        word, part = self._parts(letters)
        column = self.parts_.get_indexer(part)
        return self._found(said, of, word[column >= 0], column[column >= 0], len(self.parts_))

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([self._spelling(int(part)) for part in self.parts_], dtype=object)

    @staticmethod
    def _spelled(texts: Iterable[str]) -> tuple[Said, np.ndarray, np.ndarray]:
        """What is between blanks, the number of each, and the distinct ones as code points with a blank around each."""
        said = pieces_of(texts, named=True)
        distinct, of = np.unique(said.words, return_inverse=True)
        spelled = f" {' '.join(map(said.names.__getitem__, distinct.tolist()))} "
        return said, of, np.frombuffer(spelled.encode("utf-32-le", "surrogatepass"), np.uint32)

    @staticmethod
    def _found(said: Said, of: np.ndarray, word: np.ndarray, column: np.ndarray, parts: int) -> sparse.csr_matrix:
        """Which words each text has, times which parts each word has."""
        count = int(max(of.max(initial=-1), word.max(initial=-1))) + 1
        found = _ones(said.rows, of, (said.size, count)) @ _ones(word, column, (count, parts))
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


def _pairs(rows: np.ndarray, said: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a word is followed by another of the same text, and both as one number."""
    places = np.flatnonzero(rows[:-1] == rows[1:])
    return places, said[places] * words + said[places + 1]


def _ones(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """1 at these places, however often each is named."""
    count, wide = shape
    kind = np.int32 if count * wide < 2**31 else np.int64  # half the width sorts in half the time
    places = np.asarray(rows, kind) * kind(wide) + np.asarray(columns, kind)
    places.sort()
    places = places[np.append(True, places[1:] != places[:-1])[: len(places)]]
    starts = np.searchsorted(places, np.arange(count + 1, dtype=kind) * kind(wide))
    there = places - np.repeat(np.arange(count, dtype=kind) * kind(wide), np.diff(starts))
    return sparse.csr_matrix((np.ones(len(there), np.float32), there, starts), shape=shape)
