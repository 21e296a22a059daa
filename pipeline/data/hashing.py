"""One SHA-256 for the content of a table, whatever file it came in."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from pipeline.data.schema import Column, Schema


def content_hash(table: pd.DataFrame, schema: Schema) -> str:
    """SHA-256 (hex) over names, order, missing cells and values of a table that `infer` or `conform` made.

    Numbers are hashed as float64, so 39 and 39.0 are equal; dates in microseconds UTC; text as UTF-8. Row order counts.
    """
    digest = hashlib.sha256(f"trainyard-table-1|{len(table)}|{len(schema.columns)}".encode())
    for column in schema.columns:
        _add(digest, column.name.encode())
        for part in _normal(table[column.name], column):
            _add(digest, part)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, part: bytes) -> None:
    """Each part with its length in front, so that no two lists of parts run together to the same bytes."""
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)


def _normal(values: pd.Series, column: Column) -> list[bytes]:
    if column.dtype == "str":
        return _texts(values)
    if column.dtype == "datetime":
        return [b"time", values.to_numpy(dtype="datetime64[us]").astype("<i8").tobytes()]
    numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
    numbers[np.isnan(numbers)] = np.nan  # one bit pattern for every NaN
    return [b"flag" if column.dtype == "bool" else b"number", numbers.astype("<f8").tobytes()]


def _texts(values: pd.Series) -> list[bytes]:
    """Distinct texts in the order in which they first appear, and a code per row: the same for equal columns only."""
    codes, uniques = pd.factorize(values)
    encoded = [str(text).encode("utf-8", "surrogatepass") for text in uniques]
    lengths = np.array([len(text) for text in encoded], dtype="<i8").tobytes()
    return [b"text", codes.astype("<i8").tobytes(), lengths, b"".join(encoded)]
