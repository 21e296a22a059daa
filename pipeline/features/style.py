"""How a text is written, in numbers: its length, and what its characters and words are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from pipeline.features.names import STYLE

if TYPE_CHECKING:
    import pandas as pd

WORD = re.compile(r"\w+")


def make_style(table: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The statistics of every text; a missing text is a text of length 0, and a share of nothing is 0."""
    made = {}
    for name in columns:
        texts = table[name].astype(object).where(table[name].notna(), "").astype(str)
        counted = np.array([_counted(text) for text in texts], dtype=float).reshape(len(texts), -1).T
        made |= {f"{name}: {said}": values for said, values in zip(STYLE, _shares(*counted), strict=True)}
    return made


def _counted(text: str) -> tuple[int, ...]:
    words = WORD.findall(text)
    letters = sum(map(len, words))
    return (
        len(text), len(words), letters, len({word.lower() for word in words}), sum(map(str.isupper, text)),
        sum(len(word) > 1 and word.isupper() for word in words), sum(map(str.isdigit, text)), len(text) - letters - sum(map(str.isspace, text)),
        text.count("!"), text.count("?"), text.count("\n") + 1,
    )  # fmt: skip


def _shares(size: np.ndarray, words: np.ndarray, letters: np.ndarray, distinct: np.ndarray, upper: np.ndarray, shouted: np.ndarray,
            digits: np.ndarray, marks: np.ndarray, *counts: np.ndarray) -> tuple[np.ndarray, ...]:  # fmt: skip
    some, said = np.maximum(size, 1), np.maximum(words, 1)
    return (size, words, letters / said, distinct / said, upper / some, shouted / said, digits / some, marks / some, *counts)
