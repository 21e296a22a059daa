"""What the parent and the box say to each other: a job, and an answer beside the files that the box leaves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.data.report import ImportReport, ReadOptions
from pipeline.data.schema import Schema

JOB, TABLE, HEAD, SAMPLE, ANSWER = "job.json", "table.parquet", "head.parquet", "sample.parquet", "answer.json"


class Job(BaseModel):
    """What to read: `path` is where the bytes are, `name` what their owner calls them, `types` whether to infer types.

    `head` asks for the first lines of a text table only: enough to look at and to decide how it is to be read. With a `query` there is no
    file: its rows come from the database of that name. With `edits` the file is a stored table of that schema, to be edited.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    name: str
    types: bool
    options: ReadOptions
    head: bool = False
    query: str = ""
    edits: tuple[dict[str, Any], ...] = ()
    table_schema: Schema | None = None


class Answer(BaseModel):
    """What came of it: a report, with a schema and the content hash, or with the headers when every cell was asked for as text; or an
    error by its class name. `table_sha` is the SHA-256 of the table's file where it was hashed while it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: ImportReport | None = None
    table_schema: Schema | None = None
    headers: list[str] | None = None
    content: str | None = None
    table_sha: str = Field("", pattern="^([0-9a-f]{64})?$")
    tops: dict[str, list[list[Any]]] = {}
    error: str | None = None
    message: str = ""
    hint: str = ""
