"""What a Parquet file says of its own columns, held against what is read from it.

Few writers leave checksums of pages. Nearly all leave, for each column of each row group, how many cells are empty and the smallest and
the largest value, and pyarrow writes the names of the columns twice. Damage that keeps to all of that cannot be seen by anybody.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_EXACT = "parquet-cpp"  # states the smallest and the largest value themselves; others may state bounds of them
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_CHECKED = bytes((0x15, 0x15, 0x15, 0x15))  # in Thrift's compact form, the heads of the first four fields of a page: the fourth is the checksum


def batches(file: Any, size: int, doubt: Callable[[str], None]) -> Iterator[pa.RecordBatch]:
    """The rows, `size` at a time and never from two row groups; `doubt` hears of each column that is not as the file says.

    Raises ArrowInvalid where cells cannot be what they are to be, such as bytes that are no UTF-8 in a text.
    """
    if not _names_agree(file):
        doubt("The file writes the names of its columns in two places, and they are not the same there.")
    first, plain, exact = 1, _plain(file), file.metadata.created_by.startswith(_EXACT)
    for group in range(file.num_row_groups):
        meta, rows = file.metadata.row_group(group), 0
        columns = [_Column(one, meta.column(one.leaf), exact) for one in plain]
        for batch in file.iter_batches(size, row_groups=[group]):
            batch.validate(full=True)
            for column in columns:
                column.add(batch.column(column.what.place))
            rows += len(batch)
            yield batch
        for column in columns:
            if column.is_odd(rows):
                doubt(f"In rows {first:,} to {first + rows - 1:,} the column {column.what.name!r} {column.told}: the file is damaged there.")
        first += rows


def has_checksums(file: Any, path: Path) -> bool:
    """Whether the first page has a checksum; a writer gives one to every page or to none."""
    if not file.num_row_groups or not file.metadata.num_columns:
        return False
    chunk = file.metadata.row_group(0).column(0)
    with path.open("rb") as bytes_:
        bytes_.seek(chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset)
        head, heads, at = bytes_.read(32), b"", 0
    while len(heads) < len(_CHECKED) and at < len(head):
        heads += head[at : at + 1]
        at += 1
        while at < len(head) and head[at] & 0x80:  # a number goes on as long as the highest bit is set
            at += 1
        at += 1
    return heads == _CHECKED


def _names_agree(file: Any) -> bool:
    told = (file.metadata.metadata or {}).get(b"ARROW:schema")
    return told is None or pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told))).names == file.schema_arrow.names


@dataclass(frozen=True)
class _Plain:
    """A column with one value in each row: its place in the file and in the table, and whether the bytes of its values compare as they do."""

    leaf: int
    place: int
    name: str
    bounded: bool


def _plain(file: Any) -> list[_Plain]:
    fields = list(file.schema_arrow)
    places = {field.name: place for place, field in enumerate(fields) if not pa.types.is_nested(field.type)}
    if len({field.name for field in fields}) < len(fields):
        return []
    leaves = [(leaf, file.schema.column(leaf)) for leaf in range(len(file.schema))]
    flat = [(leaf, kind, places[kind.path]) for leaf, kind in leaves if kind.max_repetition_level == 0 and kind.path in places]
    return [_Plain(leaf, place, kind.path, _comparable(fields[place].type, kind)) for leaf, kind, place in flat]


class _Column:
    """One column of one row group: what is stated of it, and what was seen."""

    def __init__(self, what: _Plain, chunk: Any, exact: bool) -> None:
        self.what, self._values, self._exact = what, chunk.num_values, exact
        self._stated = chunk.statistics if chunk.is_stats_set else None
        self._bounded = what.bounded and self._stated is not None and self._stated.has_min_max
        self._nulls, self._low, self._high = 0, None, None

    def add(self, values: pa.Array) -> None:
        self._nulls += values.null_count
        if not self._bounded or values.null_count == len(values):
            return
        values = values.dictionary.take(pc.unique(values.indices)) if pa.types.is_dictionary(values.type) else values
        if pa.types.is_temporal(values.type):
            values = values.view(pa.int32() if values.type.bit_width == 32 else pa.int64())
        low, high = (_raw(end.as_py()) for end in pc.min_max(values).values())
        if low != low:  # nothing but NaN, which no bound is stated of
            return
        self._low = low if self._low is None else min(low, self._low)
        self._high = high if self._high is None else max(high, self._high)

    def is_odd(self, rows: int) -> bool:
        """Whether what was seen cannot be what the file states."""
        stated = self._stated
        if self._values != rows or (stated is not None and stated.has_null_count and stated.null_count != self._nulls):
            return True
        if not self._bounded:
            return False
        if self._low is None or self._low < stated.min_raw or self._high > stated.max_raw:
            return True
        return self._exact and (self._low, self._high) != (stated.min_raw, stated.max_raw)

    @property
    def told(self) -> str:
        stated = self._stated
        said = "" if stated is None or not self._bounded else f", from {stated.min!r} to {stated.max!r}"
        gaps = f" with {stated.null_count:,} gaps" if stated is not None and stated.has_null_count else ""
        return f"is stated to have {self._values:,} cells{gaps}{said}, and something else was read"


def _comparable(type_: pa.DataType, kind: Any) -> bool:
    type_ = type_.value_type if pa.types.is_dictionary(type_) else type_
    if pa.types.is_timestamp(type_):
        return f"timeUnit={_UNITS[type_.unit]}" in str(kind.logical_type)
    plain = pa.types.is_signed_integer(type_) or pa.types.is_float32(type_) or pa.types.is_float64(type_)
    return plain or pa.types.is_date32(type_) or pa.types.is_string(type_) or pa.types.is_large_string(type_)


def _raw(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
