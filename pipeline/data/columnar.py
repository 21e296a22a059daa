"""Parquet and Feather: typed columns that somebody else wrote. The footer is checked before any column is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data import witness
from pipeline.data.formats import check_expansion, check_shape
from pipeline.data.report import Log, ReadOptions
from pipeline.data.rows import Parsed
from pipeline.errors import FileRefused, Unreadable

_BATCH, _FEW_ROWS = 64 << 20, 32  # bytes, rows
_MOST_HELD = 1_200_000_000  # bytes that may be held at once; a larger file with plain columns takes the fast path


def read_columns(path: Path, kind: str, name: str, options: ReadOptions, log: Log) -> Parsed:
    """The columns of a Parquet or Feather file, with the types that it states. Nested cells become JSON text, and are reported."""
    try:
        table, checksums = _parquet(path, name, options, log) if kind == "parquet" else (_feather(path, name, options), False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise Unreadable(
            f"{name} cannot be read as {kind.title()}: {error}.", "The upload may be cut short. Write the file again."
        ) from error
    if not table.num_rows or not table.num_columns:
        raise Unreadable(f"{name} has {table.num_columns} columns and no rows.", "Upload a table with at least one row.")
    columns = [as_plain(column, str(header), log) for column, header in zip(table.columns, table.column_names, strict=True)]
    plain = pa.table(columns, names=[str(i) for i in range(len(columns))])
    return Parsed(plain, list(map(str, table.column_names)), {"checksums": checksums})


def _parquet(path: Path, name: str, options: ReadOptions, log: Log) -> tuple[pa.Table, bool]:
    """Batch by batch: what a dictionary unpacks to is in no footer."""
    file, batches, size = opened_parquet(path, name, options), [], 0
    first = next(file.iter_batches(_FEW_ROWS), None)
    row_bytes = max(1, first.nbytes // _FEW_ROWS) if first is not None else 1
    for batch in witness.batches(file, min(1 << 16, max(1, _BATCH // row_bytes)), lambda words: log.add("damaged", words)):
        batches.append(batch)
        size += batch.nbytes
        if size > _MOST_HELD:
            raise FileRefused(
                f"{name} unpacks to more than {_MOST_HELD / 1e9:.1f} GB, and its columns are not plain enough to be read piece by piece.",
                "Write fewer rows, or shorter texts.",
            )
    return pa.Table.from_batches(batches, file.schema_arrow), witness.has_checksums(file, path)


def opened_parquet(path: Path, name: str, options: ReadOptions) -> Any:
    """The file, its footer read and found to state no more than may be read."""
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(path, page_checksum_verification=True)  # where the writer left checksums
    meta = file.metadata
    check_shape(meta.num_rows, meta.num_columns, name, options.limits)
    check_expansion(sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)), 1 << 62, name, options.limits)
    return file


def _feather(path: Path, name: str, options: ReadOptions) -> pa.Table:
    """Batch by batch, so that a file that unpacks to too much is refused while it grows."""
    batches, rows, size = [], 0, 0
    with pa.ipc.open_file(pa.memory_map(str(path))) as file:
        for i in range(file.num_record_batches):
            batches.append(file.get_batch(i))
            rows, size = rows + batches[-1].num_rows, size + batches[-1].nbytes
            check_shape(rows, len(file.schema), name, options.limits)
            check_expansion(size, 1 << 62, name, options.limits)
        table = pa.Table.from_batches(batches, file.schema)
        table.validate(full=True)
        return table


def as_plain(column: pa.ChunkedArray, header: str, log: Log) -> pa.ChunkedArray:
    """A column of a type that a table has: dictionaries decoded, decimals and nested values as text."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type), kind.storage_type
    if pa.types.is_dictionary(kind):
        return as_plain(column.cast(kind.value_type), header, log)
    if pa.types.is_nested(kind):
        log.add("nested", f"The column {header!r} holds lists or objects; they were kept as JSON text.", exact=True)
        return _texts(column, lambda value: json.dumps(value, ensure_ascii=False, default=str))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        log.add("binary", f"The column {header!r} holds bytes; they were read as UTF-8 text.")
        return _texts(column, lambda value: value.decode("utf-8", "replace"))
    if pa.types.is_decimal(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return _texts(column, lambda value: str(value.total_seconds()) if hasattr(value, "total_seconds") else str(value))
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return column.cast(pa.float64()) if pa.types.is_float16(kind) else column


def _texts(column: pa.ChunkedArray, text: Callable[[Any], str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if v is None else text(v) for v in column.to_pylist()], pa.string())])


def nullable(kind: Any) -> Any:
    """Integers and booleans with missing cells keep their type: as floats, large whole numbers would be rounded."""
    import pandas as pd

    if pa.types.is_integer(kind):
        return pd.UInt64Dtype() if kind == pa.uint64() else pd.Int64Dtype()
    return pd.BooleanDtype() if pa.types.is_boolean(kind) else None
