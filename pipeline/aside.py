"""Questions about the whole of a stored table, put to a child process where the table is large.

A process that serves pages for weeks must not hold a table of gigabytes because somebody looked at it: the child reads the file
(`python -m pipeline.aside`, the question as JSON on its standard input), answers in JSON and ends. A small table is asked about at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, TypeAdapter

from pipeline.data.contract import Contract
from pipeline.data.schema import Schema
from pipeline.errors import DataError, TrainyardError, told
from pipeline.estimate import Estimate, estimated
from pipeline.plan import Fix, Plan
from pipeline.quality import Mending, Report, check, preview_fix

if TYPE_CHECKING:
    import pandas as pd


class Kept(Protocol):
    """A stored table: a Dataset is one."""

    @property
    def schema(self) -> Schema: ...
    @property
    def is_large(self) -> bool: ...
    def table(self) -> pd.DataFrame: ...
    def file(self) -> Path: ...


class _Question(BaseModel):
    """What is asked of which tables."""

    name: str
    files: tuple[Path, ...]
    schemas: tuple[Schema, ...]
    words: dict[str, Any]


class _Answer(BaseModel):
    """What came of it, or an error by its class name."""

    value: Any = None
    error: str = ""
    message: str = ""
    hint: str = ""


def check_kept(of: Kept, target: str | None) -> Report:
    """`pipeline.check` of a stored table."""
    return _asked("check", [of], target=target)


def preview_kept(of: Kept, fix: Fix, plan: Plan | None) -> Mending:
    """`pipeline.preview_fix` on a stored table."""
    return _asked("preview", [of], fix=fix.model_dump(mode="json"), plan=plan and plan.model_dump(mode="json"))


def learn_contract(of: Kept) -> Contract:
    """`Contract.learn` from a stored table."""
    return _asked("contract", [of])


def compare_kept(was: Kept, now: Kept) -> dict[str, Any]:
    """`pipeline.compare` of two stored tables."""
    return _asked("compare", [was, now])


def estimate_kept(plan: Plan, of: Kept) -> Estimate:
    """`pipeline.estimated` for a stored table."""
    return _asked("estimate", [of], plan=plan.model_dump(mode="json"))


def _check(tables: list[pd.DataFrame], schemas: list[Schema], target: str | None) -> Report:
    return check(tables[0], schemas[0], target)


def _preview(tables: list[pd.DataFrame], schemas: list[Schema], fix: dict[str, Any], plan: dict[str, Any] | None) -> Mending:
    return preview_fix(tables[0], schemas[0], Fix.model_validate(fix), plan and Plan.model_validate(plan))


def _contract(tables: list[pd.DataFrame], schemas: list[Schema]) -> Contract:
    return Contract.learn(tables[0], schemas[0])


def _compare(tables: list[pd.DataFrame], schemas: list[Schema]) -> dict[str, Any]:
    from pipeline.data import compare

    return compare(tables[0], schemas[0], tables[1], schemas[1])


def _estimate(tables: list[pd.DataFrame], schemas: list[Schema], plan: dict[str, Any]) -> Estimate:
    return estimated(Plan.model_validate(plan), tables[0], schemas[0])


_QUESTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    "check": (_check, Report), "preview": (_preview, Mending), "contract": (_contract, Contract), "compare": (_compare, dict[str, Any]),
    "estimate": (_estimate, Estimate),
}  # fmt: skip


def _asked(name: str, kept: list[Any], **words: Any) -> Any:
    schemas = [one.schema for one in kept]
    ask, kind = _QUESTIONS[name]
    if not any(one.is_large for one in kept):
        return ask([one.table() for one in kept], schemas, **words)
    return TypeAdapter(kind).validate_python(_by_child(_Question(name=name, files=[one.file() for one in kept], schemas=schemas, words=words)))


def _by_child(question: _Question) -> Any:
    from pipeline.data.nursery import environment

    command = [sys.executable, "-m", "pipeline.aside"]
    done = subprocess.run(command, input=question.model_dump_json().encode(), capture_output=True, env=environment(), check=False)
    if done.returncode:
        why = "for lack of memory, most likely" if done.returncode < 0 else (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["?"])[-1]
        rows = max(schema.rows for schema in question.schemas)
        raise DataError(f"Looking at all {rows:,} rows was ended before there was an answer ({why[:200]}).", "Try again, or keep fewer rows in a version.")
    answer = _Answer.model_validate_json(done.stdout)
    if answer.error:
        raise told(answer.error, answer.message, answer.hint)
    return answer.value


def main() -> int:
    """Answer the question on standard input; whatever else is printed goes to standard error."""
    import pandas as pd

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    question = _Question.model_validate_json(sys.stdin.buffer.read())
    ask, kind = _QUESTIONS[question.name]
    try:
        found = ask([pd.read_parquet(file) for file in question.files], list(question.schemas), **question.words)
        answer = _Answer(value=TypeAdapter(kind).dump_python(found, mode="json"))
    except TrainyardError as error:
        answer = _Answer(error=type(error).__name__, message=str(error), hint=error.hint)
    out.write(answer.model_dump_json().encode())
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
