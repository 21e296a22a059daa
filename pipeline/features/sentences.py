"""Texts as places in a space of meanings, by a sentence model that lies in a folder of this machine. Nothing is downloaded."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import validate_data

from pipeline.errors import MissingPackage, UnknownName
from pipeline.features.local_models import FOLDER, sentence_models

BATCH = 64
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


class Meanings(TransformerMixin, BaseEstimator):
    """Each text column as `directions` numbers: what a sentence model makes of it, turned so that the first tell most (PCA).

    The model is not part of what is fitted or kept: it is looked up by its name where rows are scored. Missing is an empty text.
    """

    def __init__(self, columns: tuple[str, ...], model: str = "", directions: int = 32) -> None:
        self.columns = columns
        self.model = model
        self.directions = directions

    def fit(self, table: pd.DataFrame, y: object = None) -> Meanings:
        validate_data(self, table, skip_check_array=True)
        self.turns_ = {}
        for name in self.columns:
            places = self._places(table[name])
            self.turns_[name] = PCA(min(self.directions, *places.shape), random_state=0).fit(places)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        made = np.zeros((len(table), len(self.columns) * self.directions))
        for i, name in enumerate(self.columns if len(table) else ()):
            turned = self.turns_[name].transform(self._places(table[name]))
            made[:, i * self.directions : i * self.directions + turned.shape[1]] = turned
        return pd.DataFrame(made, columns=self.get_feature_names_out(), index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([f"{name}: meaning {i + 1}" for name in self.columns for i in range(self.directions)], dtype=object)

    def _places(self, texts: pd.Series) -> np.ndarray:
        """Each different text is read once."""
        codes, levels = pd.factorize(texts.astype(object).where(texts.notna(), "").astype(str))
        read = _reader(self.model).encode(list(levels), batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(read, dtype=np.float64)[codes]


@lru_cache(maxsize=2)
def _reader(name: str) -> Any:
    """The model of that name, on the GPU when there is one."""
    if name not in sentence_models():
        raise UnknownName(f"sentence model in the folder that {FOLDER} names", name, sentence_models())
    os.environ |= dict.fromkeys(OFFLINE, "1")  # read when the package is imported
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingPackage("sentence-transformers", "The meaning of a text") from error
    path = str(Path(os.environ[FOLDER]).expanduser() / name)
    return SentenceTransformer(path, local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True})
