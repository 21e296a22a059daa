"""One SHA-256 for the content of a table, whatever file it came in, made column by column and piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.schema import Schema


def content_hash(table: pd.DataFrame, schema: Schema) -> str:
    """SHA-256 (hex) over names, order, missing cells and values of a table that `infer` or `conform` made.

    Numbers are hashed as float64, so 39 and 39.0 are equal; dates in microseconds UTC; text as UTF-8. Row order counts.
    """
    digests = []
    for column in schema.columns:
        digest = ColumnDigest(column.dtype)
        digest.add(_array(table[column.name]))
        digests.append(digest)
    return table_digest(schema.names, digests, len(table))


def table_digest(names: Sequence[str], digests: Sequence[ColumnDigest], rows: int) -> str:
    """The content hash of a table out of the digests of its columns."""
    whole = hashlib.sha256(f"trainyard-table-2|{rows}|{len(names)}".encode())
    for name, digest in zip(names, digests, strict=True):
        for part in (name.encode("utf-8", "surrogatepass"), digest.digest()):
            # Each part with its length in front, so that no two lists of parts run together to the same bytes.
            whole.update(len(part).to_bytes(8, "little"))
            whole.update(part)
    return whole.hexdigest()


class ColumnDigest:
    """The digest of one column, fed in pieces: how the rows are cut into pieces makes no difference."""

    def __init__(self, dtype: str) -> None:
        self._normal = {"str": _texts, "datetime": _times}.get(dtype, _numbers)
        what = {"str": b"text", "datetime": b"time", "bool": b"flag"}.get(dtype, b"number")
        self._parts = [hashlib.sha256(what), hashlib.sha256()]

    def add(self, array: pa.Array) -> None:
        for digest, part in zip(self._parts, self._normal(array), strict=False):
            digest.update(part)

    def digest(self) -> bytes:
        return b"".join(part.digest() for part in self._parts)


def _array(values: pd.Series) -> pa.Array:
    try:
        array = pa.array(values, from_pandas=True)
    except UnicodeEncodeError:  # half a character, as damaged JSON has it
        array = pa.array(
            [None if text is None or text != text else text.encode("utf-8", "surrogatepass") for text in values.tolist()], pa.binary()
        )
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _times(array: pa.Array) -> list[memoryview]:
    stamps = _filled(array.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), np.iinfo(np.int64).min)
    return [stamps.to_numpy(zero_copy_only=False).astype("<i8", copy=False).data]


def _numbers(array: pa.Array) -> list[memoryview]:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    numbers = _filled(array.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    if pa.types.is_floating(array.type) or array.null_count:
        numbers = numbers + 0.0  # -0.0 becomes 0.0
        numbers[np.isnan(numbers)] = np.nan  # one bit pattern for every NaN
    return [numbers.astype("<f8", copy=False).data]


def _filled(array: pa.Array, value: float) -> pa.Array:
    return array.fill_null(value) if array.null_count else array  # it would copy them all to find none missing


def _texts(array: pa.Array) -> list[memoryview]:
    """The length of each text (-1: missing) and all their bytes in one run."""
    lengths = _filled(pc.binary_length(array), -1).to_numpy(zero_copy_only=False).astype("<i8")
    known = array.drop_null() if array.null_count else array
    large = pa.types.is_large_string(known.type) or pa.types.is_large_binary(known.type)
    _, offsets, data = known.buffers()
    if data is None or not len(known):
        return [lengths.data, memoryview(b"")]
    ends = np.frombuffer(offsets, dtype=np.int64 if large else np.int32)[[known.offset, known.offset + len(known)]]
    return [lengths.data, memoryview(data)[int(ends[0]) : int(ends[1])]]
