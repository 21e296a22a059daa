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

from pipeline.errors import DamagedArtifact, MissingPackage, Unreadable
from pipeline.features.local_models import fingerprint, folder

BATCH = 64
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS")


class Meanings(TransformerMixin, BaseEstimator):
    """Each text column as `directions` numbers: what a sentence model makes of it, turned so that the first tell most (PCA).

    The model is not part of what is kept: it is looked up by its name where rows are scored, and refused there when its bytes are
    not those that were learned with. Missing is an empty text.
    """

    def __init__(self, columns: tuple[str, ...], model: str = "", directions: int = 32) -> None:
        self.columns = columns
        self.model = model
        self.directions = directions

    def fit(self, table: pd.DataFrame, y: object = None) -> Meanings:
        validate_data(self, table, skip_check_array=True)
        self.bytes_ = _reader(folder(self.model))[1]
        self.turns_ = {}
        for name in self.columns:
            places, _ = self._places(table[name])
            with np.errstate(invalid="ignore"):  # one text has no spread
                self.turns_[name] = PCA(min(self.directions, *places.shape), random_state=0).fit(places)
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        made = np.zeros((len(table), len(self.columns) * self.directions))
        for i, name in enumerate(self.columns if len(table) else ()):
            places, codes = self._places(table[name])
            turned = self.turns_[name].transform(places)
            made[:, i * self.directions : i * self.directions + turned.shape[1]] = turned[codes]
        return pd.DataFrame(made, columns=self.get_feature_names_out(), index=table.index)

    def get_feature_names_out(self, names: object = None) -> np.ndarray:
        return np.asarray([f"{name}: meaning {i + 1}" for name in self.columns for i in range(self.directions)], dtype=object)

    def _places(self, texts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Where the different texts lie, and which of them each row has."""
        reader, found = _reader(folder(self.model))
        if found != self.bytes_:
            raise DamagedArtifact(
                f"The sentence model {self.model!r} has the SHA-256 {found[:12]}, and {self.bytes_[:12]} was learned with.",
                "Put the folder of that model back, or train again with this one.",
            )
        codes, levels = pd.factorize(texts.astype(object).where(texts.notna(), "").astype(str))
        read = reader.encode(list(levels), batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(read, dtype=np.float32), codes


@lru_cache(maxsize=2)
def _reader(path: Path) -> tuple[Any, str]:
    """The model in that folder, on the GPU when there is one, and the SHA-256 of its files."""
    os.environ |= dict.fromkeys(OFFLINE, "1")  # read when the package is imported
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingPackage("sentence-transformers", "The meaning of a text") from error
    try:
        reader = SentenceTransformer(str(path), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True})
        _refuse_half(reader)
    except MemoryError:
        raise
    except Exception as error:
        hint = "Its folder must hold a config.json, a tokenizer and all its weights as safetensors, and no code. Copy it again, or choose another."
        raise Unreadable(f"The sentence model {path.name!r} cannot be read: {str(error).strip().partition(chr(10))[0].rstrip('.')}.", hint) from error
    return reader, fingerprint(path)


def _refuse_half(reader: Any) -> None:
    """The libraries fill in weights that are missing at random, and make do with a tokenizer that knows no word."""
    inner = reader.transformers_model
    if inner is None:
        return
    said = type(inner).from_pretrained(inner.name_or_path, local_files_only=True, use_safetensors=True, output_loading_info=True)[1]
    missing = sorted(name for name in said["missing_keys"] if "pooler" not in name)  # nothing is read from that one
    if missing:
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    if len(reader.tokenizer) <= len(reader.tokenizer.all_special_tokens):
        raise ValueError("its tokenizer knows no word")
