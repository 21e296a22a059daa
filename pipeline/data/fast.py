"""The fast path: a large, well-formed file becomes Parquet block by block, on all cores, without ever being held as a whole.

It is taken where facts allow it, and gives what the careful path would give:

1. A probe, the header with lines from all over the file, is read the careful way. Anything odd in it: the careful path.
2. Each column that the probe shows to be plain gets a lane (`lanes`); the others are read as a whole before.
3. The lanes must make of the probe exactly the table that the careful path made of it (the same content hash).
4. Every block must be what a well-formed table is: UTF-8, no zero byte, every row as wide as the header, no blank row. Otherwise: the
   careful path. A cell that its lane cannot read exactly sends its column the other way, and the pass begins again.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.data import formats
from pipeline.data.hashing import ColumnDigest, table_digest
from pipeline.data.lanes import Misfit, Piece, Words, lane
from pipeline.data.report import Limits
from pipeline.data.sampling import HEAD_ROWS, SAMPLE_ROWS
from pipeline.data.schema import Column, Schema
from pipeline.data.sources import Source, Unfit
from pipeline.data.types import infer_with_notes

MOST_PASSES = 8
FLUSHED_BLOCKS = 8
_CODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Made:
    """What a pass over a file made: a Parquet file and its SHA-256, its schema, the hash of its content, and some of its rows."""

    schema: Schema
    content: str
    sha256: str
    head: pa.Table
    sample: pa.Table
    notes: list[Any]
    tops: dict[str, list[list[Any]]]


def made(source: Source, probe: pd.DataFrame, schema: Schema, target: Path, name: str, limits: Limits) -> Made | None:
    """Write the table of `source` to `target`; None when it has to be read the careful way.

    `probe` and `schema` are what the careful path made of the lines in `source.probe()`.
    """
    try:
        ways = _proved(source, probe, schema)
        for _ in range(MOST_PASSES):
            try:
                return _Pass(source, probe, schema, ways, name, limits).run(target)
            except Misfit as misfit:
                ways[misfit.position] = misfit.way if ways.get(misfit.position) != "float" else "whole"
    except (Unfit, pa.ArrowInvalid):
        return None
    return None


def _proved(source: Source, probe: pd.DataFrame, schema: Schema) -> dict[int, str]:
    """The columns whose lane does not make of the probe what the careful path made of it: they are read as a whole."""
    chunks = source.read_probe()
    if len(chunks) != len(schema.columns) or len(chunks[0]) != len(probe):
        raise Unfit("the probe is not read alike")
    alike = [_alike(i, column, probe[column.name], chunk) for i, (column, chunk) in enumerate(zip(schema.columns, chunks, strict=True))]
    return {i: "whole" for i, same in enumerate(alike) if not same}


def _alike(position: int, column: Column, known: pd.Series, chunk: pa.Array) -> bool:
    one = lane(position, column, known)
    try:
        return one is None or _digest(column, one.read(chunk).values) == _digest(column, pa.array(known, from_pandas=True))
    except Misfit:
        return False


def _digest(column: Column, values: pa.Array | pa.ChunkedArray) -> bytes:
    digest = ColumnDigest(column.dtype)
    digest.add(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
    return digest.digest()


class _Pass:
    """One pass over all blocks."""

    def __init__(self, source: Source, probe: pd.DataFrame, schema: Schema, ways: dict[int, str], name: str, limits: Limits) -> None:
        self._source, self._name, self._limits = source, name, limits
        self._lanes = [lane(i, column, probe[column.name], ways.get(i)) for i, column in enumerate(schema.columns)]
        self._names, self._renamed = schema.names, {column.name: column.source for column in schema.columns if column.source}
        few = [column.dtype == "str" and 2 * column.unique < len(probe) for column in schema.columns]
        self._repeated = [again and isinstance(one, Words) and one.type == pa.string() for again, one in zip(few, self._lanes, strict=True)]
        self._digests: list[ColumnDigest] = []
        self._heads: list[pa.Table] = []
        self._samples: list[pa.Table] = []
        self._step = max(1, source.rows_about // SAMPLE_ROWS)
        self.rows = 0

    def run(self, target: Path) -> Made:
        whole, described, notes = self._whole()
        types = [whole[i].type if one is None else one.type for i, one in enumerate(self._lanes)]
        schema = pa.schema(list(zip(self._names, types, strict=True)))
        self._digests = [ColumnDigest(_dtype(kind)) for kind in types]
        with _Settling(target) as settling:
            with self._writer(target, schema) as writer:
                for pieces in in_order(self._source.blocks(), self._read):
                    self._take(pieces, whole, schema, writer)
                    settling.written()
                columns = [described[i] if one is None else one.column() for i, one in enumerate(self._lanes)]
                told = {"pandas": _pandas(schema, columns)}
                writer.add_key_value_metadata(told)
            sha256 = settling.sha256()
        self._source.finished(self.rows)
        head, sample = (_joined(parts, schema, told) for parts in (self._heads, self._samples))
        content = table_digest(self._names, self._digests, self.rows)
        counted = {name: one.top() for name, one in zip(self._names, self._lanes, strict=True) if one is not None}
        tops = {name: top for name, top in counted.items() if top}
        return Made(Schema(columns=tuple(columns), rows=self.rows), content, sha256, head, sample, notes, tops)

    def _writer(self, target: Path, schema: pa.Schema) -> Any:
        """Texts that come again are handed over as they were counted, whole numbers by their steps: cheap, and fewer bytes to hash.

        A block is one page of each column, made in one go.
        """
        import pyarrow.parquet as parquet

        kinds = [_CODED if again else kind for again, kind in zip(self._repeated, schema.types, strict=True)]
        steps = {name: "DELTA_BINARY_PACKED" for name, kind in zip(schema.names, kinds, strict=True) if pa.types.is_int64(kind)}
        again = [name for name, kind in zip(schema.names, kinds, strict=True) if kind == _CODED]
        plain = {"compression": "none", "write_statistics": False, "store_schema": False, "data_page_size": 1 << 24, "write_batch_size": 1 << 17}
        written = pa.schema(list(zip(schema.names, kinds, strict=True)))
        return parquet.ParquetWriter(target, written, use_dictionary=again, column_encoding=steps or None, **plain)

    def _whole(self) -> tuple[dict[int, pa.Array], dict[int, Column], list[Any]]:
        """The columns without a lane, read together: their values, their facts, and what there is to say about them."""
        places = [i for i, one in enumerate(self._lanes) if one is None]
        if not places:
            return {}, {}, []
        chunks = self._source.columns(places)
        frame = pd.DataFrame({self._names[i]: chunk for i, chunk in zip(places, chunks, strict=True)})
        typed, schema, notes = infer_with_notes(frame, self._renamed, decimal=self._source.decimal)
        values = {i: pa.array(typed[self._names[i]], from_pandas=True) for i in places}
        return {i: _flat(array) for i, array in values.items()}, dict(zip(places, schema.columns, strict=True)), notes

    def _read(self, block: Any) -> list[Piece | None]:
        chunks = self._source.read(block, [one is not None for one in self._lanes])
        return [None if one is None else one.read(chunk) for one, chunk in zip(self._lanes, chunks, strict=True)]

    def _take(self, pieces: Sequence[Piece | None], whole: dict[int, pa.Array], schema: pa.Schema, writer: Any) -> None:
        rows = next((len(piece.values) for piece in pieces if piece is not None), None)
        if rows is None:
            raise Unfit("no column is plain")
        arrays = [whole[i].slice(self.rows, rows) if piece is None else piece.values for i, piece in enumerate(pieces)]
        if not self._source.typed:
            _refuse_blank_rows(arrays)
        for one, piece, digest, array in zip(self._lanes, pieces, self._digests, arrays, strict=True):
            digest.add(array)
            if one is not None and piece is not None:
                one.add(piece)
        table = pa.Table.from_arrays(arrays, schema=schema)
        writer.write_table(self._written(arrays, pieces, writer.schema), row_group_size=max(1, rows))
        if self.rows < HEAD_ROWS:
            self._heads.append(table.slice(0, HEAD_ROWS - self.rows))
        self._samples.append(table.take(np.arange(-self.rows % self._step, rows, self._step)))
        self.rows += rows
        formats.check_shape(self.rows, len(arrays), self._name, self._limits)

    def _written(self, arrays: Sequence[pa.Array], pieces: Sequence[Piece | None], schema: pa.Schema) -> pa.Table:
        columns = [
            array if not again else piece.coded if piece is not None and piece.coded is not None else array.dictionary_encode()
            for again, array, piece in zip(self._repeated, arrays, pieces, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=schema)


class _Settling:
    """Hashes what was written of a file so far and sends it to the disk, beside the work: in the end little is left to wait for."""

    def __init__(self, path: Path) -> None:
        self._file, self._digest = path.open("w+b", buffering=0), hashlib.sha256()
        self._beside, self._blocks = ThreadPoolExecutor(1), 0
        self._sent: list[Future[None]] = []

    def __enter__(self) -> _Settling:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown()
        self._file.close()

    def written(self) -> None:
        """Another block was written."""
        self._blocks += 1
        if self._blocks % FLUSHED_BLOCKS == 0 and all(one.done() for one in self._sent):
            self._sent.append(self._beside.submit(self._settle))

    def sha256(self) -> str:
        """That of the whole file, when it is complete. Raises OSError where the disk refused a part of it."""
        self._beside.shutdown()
        for one in self._sent:
            one.result()
        self._hash()
        return self._digest.hexdigest()

    def _settle(self) -> None:
        self._hash()
        os.fdatasync(self._file.fileno())

    def _hash(self) -> None:
        while part := self._file.read(1 << 20):
            self._digest.update(part)


def in_order(blocks: Iterator[Any], work: Callable[[Any], Any]) -> Iterator[Any]:
    """The answers for all blocks, in order, made on all cores; only a few blocks are held at any time."""
    cores = len(os.sched_getaffinity(0))
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for block in blocks:
                waiting.append(pool.submit(work, block))
                if len(waiting) > cores + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _refuse_blank_rows(arrays: Sequence[pa.Array]) -> None:
    """The careful path leaves blank rows out and says where they were."""
    blank: np.ndarray | None = None
    for array in arrays:
        if not array.null_count:
            return
        gaps = array.is_null().to_numpy(zero_copy_only=False)
        blank = gaps if blank is None else blank & gaps
        if not blank.any():
            return
    raise Unfit("a row is blank")


def _flat(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _dtype(kind: pa.DataType) -> str:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "str"
    return "datetime" if pa.types.is_timestamp(kind) else "bool" if pa.types.is_boolean(kind) else "float"


def _pandas(schema: pa.Schema, columns: Sequence[Column]) -> bytes:
    """What pandas writes beside a table to find its own types again: whole numbers and truth values with gaps keep their type."""
    gaps = {"int": "Int64", "bool": "boolean"}
    frame = pd.DataFrame(
        {
            column.name: pd.Series([], dtype=gaps[column.dtype] if column.missing and column.dtype in gaps else kind.to_pandas_dtype())
            if column.dtype != "str"
            else pd.Series([], dtype="str")
            for column, kind in zip(columns, schema.types, strict=True)
        }
    )
    return pa.Schema.from_pandas(frame, preserve_index=False).metadata[b"pandas"]


def _joined(parts: Sequence[pa.Table], schema: pa.Schema, told: dict[str, bytes]) -> pa.Table:
    whole = pa.concat_tables(parts) if parts else schema.empty_table()
    return whole.replace_schema_metadata(told)
