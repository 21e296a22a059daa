"""Free text as numbers: weighted counts of words and parts of words, and two short forms of them for families that want few columns."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from pipeline.features.crossfit import inner_folds

SHORT = 60  # characters: in names and titles even two letters tell something; in longer texts they cost much and tell little
WORD = re.compile(r"\w\w+")
PENALTIES = (3.0, 0.5)  # names want more of it than reviews: the better one on a fifth of the training rows is taken
MOST_SCORED_CLASSES = 20
LEAST_LOG = float(np.log(1e-6))


class TextCounts(TransformerMixin, BaseEstimator):
    """TF-IDF of each text column over words and word pairs, and in short texts over parts of words: a CSR matrix.

    A column without a single word in the training rows gives nothing. Missing text is empty text.
    """

    def __init__(self, max_features: int = 50_000) -> None:
        self.max_features = max_features

    def fit(self, table: pd.DataFrame, y: object = None) -> TextCounts:
        self.fit_transform(table, y)
        return self

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> sparse.csr_matrix:
        self.feature_names_in_ = np.asarray(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        self.counted_, blocks = [], []
        for name in table.columns:
            words = _words(table[name])
            for vectorizer in self._vectorizers(words):
                try:
                    blocks.append(vectorizer.fit_transform(words))
                except ValueError:  # scikit-learn's way to say that there is nothing to count
                    continue
                self.counted_.append((name, vectorizer))
        return self._joined(blocks, len(table))

    def transform(self, table: pd.DataFrame) -> sparse.csr_matrix:
        return self._joined([vectorizer.transform(_words(table[name])) for name, vectorizer in self.counted_], len(table))

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([f"{name}: {word}" for name, made in self.counted_ for word in made.get_feature_names_out()], dtype=object)

    def _vectorizers(self, words: pd.Series) -> list[TfidfVectorizer]:
        same = {"min_df": 2 if len(words) > 200 else 1, "max_features": self.max_features, "sublinear_tf": True, "dtype": np.float32}
        found, short = [TfidfVectorizer(analyzer=words_and_pairs, **same)], words.str.len().mean() < SHORT
        return [*found, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **same)] if short else found

    @staticmethod
    def _joined(blocks: list, rows: int) -> sparse.csr_matrix:
        return sparse.hstack(blocks, format="csr") if blocks else sparse.csr_matrix((rows, 0), dtype=np.float32)


class TextShort(TransformerMixin, BaseEstimator):
    """A text in few columns, for families that take no CSR matrix: what it alone says of the target, its main directions, or both.

    Scores are those of a linear model on the counts, one column, or one per class. A training row gets the score of a
    model that has not seen it (five inner folds of the training rows), a new row that of the model of all training rows.
    Otherwise the column would be worth more in training than it ever is afterwards. Directions are a truncated SVD.
    """

    def __init__(self, max_features: int = 50_000, components: int = 48, gives: str = "scores") -> None:
        self.max_features = max_features
        self.components = components
        self.gives = gives

    def fit(self, table: pd.DataFrame, y: np.ndarray | None = None) -> TextShort:
        self.fit_transform(table, y)
        return self

    def fit_transform(self, table: pd.DataFrame, y: np.ndarray | None = None) -> np.ndarray:
        self.counts_ = TextCounts(self.max_features)
        counts, self.model_, self.svd_, blocks = self.counts_.fit_transform(table), None, None, []
        if self.gives != "directions":
            blocks.append(self._scores_of_others(table, counts, np.asarray(y)))
        if self.gives != "scores":
            size = min(self.components, counts.shape[1] - 1, counts.shape[0] - 1)
            self.svd_ = TruncatedSVD(size, n_iter=2, random_state=0).fit(counts) if size > 0 else None
            blocks.append(self._directions(counts))
        return np.hstack(blocks)

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        counts, blocks = self.counts_.transform(table), []
        if self.gives != "directions":
            blocks.append(self._score(self.model_, counts))
        if self.gives != "scores":
            blocks.append(self._directions(counts))
        return np.hstack(blocks)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        found = []
        if self.gives != "directions":
            found += ["text: score"] if self._wide() == 1 else [f"text: score {i + 1}" for i in range(self._wide())]
        if self.gives != "scores":
            size = self.svd_.components_.shape[0] if self.svd_ else len(self.counts_.get_feature_names_out())
            found += [f"text: direction {i + 1}" for i in range(size)]
        return np.asarray(found, dtype=object)

    def _directions(self, counts: sparse.csr_matrix) -> np.ndarray:
        return self.svd_.transform(counts) if self.svd_ else counts.toarray()

    def _scores_of_others(self, table: pd.DataFrame, counts: sparse.csr_matrix, y: np.ndarray) -> np.ndarray:
        """The score of each training row by a model of other training rows; the model of all of them is kept."""
        self.classes_ = None if np.issubdtype(y.dtype, np.floating) else np.unique(y)
        made, self.penalty_ = np.zeros((len(y), self._wide())), PENALTIES[0]
        if not counts.shape[1] or len(np.unique(y)) < 2:
            return made
        folds = inner_folds(table, y)
        self.penalty_ = self._best_penalty(counts, y, *folds[0])
        self.model_ = self._learn(counts, y, self.penalty_)
        for train, valid in folds:
            made[valid] = self._score(self._learn(counts[train], y[train], self.penalty_), counts[valid])
        return made

    def _best_penalty(self, counts: sparse.csr_matrix, y: np.ndarray, train: np.ndarray, valid: np.ndarray) -> float:
        def loss(penalty: float) -> float:
            model = self._learn(counts[train], y[train], penalty)
            if self.classes_ is None:
                return float(np.square(model.predict(counts[valid]) - y[valid]).mean())
            known = np.isin(y[valid], model.classes_)
            chosen = model.predict_log_proba(counts[valid][known])[np.arange(known.sum()), np.searchsorted(model.classes_, y[valid][known])]
            return float(-np.maximum(chosen, LEAST_LOG).mean())

        return min(PENALTIES, key=loss)

    def _wide(self) -> int:
        return 1 if self.classes_ is None or len(self.classes_) <= 2 else min(len(self.classes_), MOST_SCORED_CLASSES)

    def _learn(self, counts: sparse.csr_matrix, y: np.ndarray, penalty: float) -> LogisticRegression | Ridge:
        if self.classes_ is None:
            return Ridge(alpha=penalty, solver="sparse_cg", tol=1e-3).fit(counts, y)
        return LogisticRegression(C=1 / penalty, max_iter=100, tol=1e-3).fit(counts, y)

    def _score(self, model: LogisticRegression | Ridge | None, counts: sparse.csr_matrix) -> np.ndarray:
        """Log odds (two classes), log probabilities of the first classes, or the value: rows x columns."""
        if model is None:
            return np.zeros((counts.shape[0], self._wide()))
        if self.classes_ is None:
            return model.predict(counts).reshape(-1, 1)
        log = np.full((counts.shape[0], len(self.classes_)), LEAST_LOG)
        log[:, np.searchsorted(self.classes_, model.classes_)] = np.clip(model.predict_log_proba(counts), LEAST_LOG, 0)
        return (log[:, 1:] - log[:, :1]) if len(self.classes_) == 2 else log[:, : self._wide()]


def words_and_pairs(text: str) -> list[str]:
    """The words of a text and its pairs of neighbours; twice as quick as scikit-learn's own, which is most of a prediction's time."""
    words = WORD.findall(text.lower())
    return words + [f"{one} {next}" for one, next in zip(words, words[1:], strict=False)]


def _words(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)
