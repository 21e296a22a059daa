"""What reading a file may cost, what a person may say about it, and what was found. Plain data, JSON in and out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_LISTED = 1000


class Limits(BaseModel):
    """What one file may cost. Sizes are bytes, times are seconds.

    `ratio` (bytes out per byte in) counts only once 10 MB have come out, so that small, dull files pass.
    `memory_bytes=None` means 3 GiB and 12 times the file, at most 80 % of the machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_bytes: int = 2 * 1024**3
    expanded_bytes: int = 4 * 1024**3
    ratio: float = 100.0
    columns: int = 20_000
    cells: int = 500_000_000
    cell_chars: int = 16 * 1024**2
    memory_bytes: int | None = None
    cpu_seconds: int = 300
    wall_seconds: float = 300.0


class ReadOptions(BaseModel):
    """What a person says about a file; None, "auto" and an empty value mean: find out.

    `sheet` is a name in a workbook; `quote` and `escape` are single characters, `delimiter` one or two, "" for `quote` and `escape` means that
    there is none; `widths` are those of the columns of a fixed-width file; `skip` and `footer` count the lines above the header and
    the rows below the table that are left out. `decimal` is the mark of all numbers; `dates` is for those that fit both orders;
    `missing` are further texts that mean "missing" in every column; `kinds` says what a column is, by its name in the table.
    `firm` is False in the recipe of another file: then an encoding that a file cannot have is not forced on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=2)
    quote: str | None = Field(None, max_length=1)
    escape: str | None = Field(None, max_length=1)
    widths: tuple[int, ...] | None = None
    sheet: str | None = None
    header: Literal["auto", "first", "none"] = "auto"
    skip: int | None = Field(None, ge=0)
    footer: int | None = Field(None, ge=0)
    decimal: Literal[".", ","] | None = None
    dates: Literal["auto", "day_first", "month_first"] = "auto"
    missing: tuple[str, ...] = ()
    kinds: dict[str, Literal["text", "number", "date", "boolean"]] = Field(default_factory=dict)
    firm: bool = True
    limits: Limits = Limits()

    @property
    def plain(self) -> bool:
        """True when nothing was said beyond encoding and delimiter: the fast path finds out the rest."""
        return self.model_copy(update={"encoding": None, "delimiter": None, "limits": Limits()}) == ReadOptions()


class ImportProblem(BaseModel):
    """One thing that was not as expected. `line` is the line in the text file or the row in the sheet, from 1."""

    model_config = ConfigDict(frozen=True)

    line: int | None = None
    kind: str
    message: str


class ImportReport(BaseModel):
    """Everything that was detected while reading a file.

    `exact` is False when a cell was padded, cut, guessed or dropped; each such case is among `problems`.
    `renamed` maps the name in the table to the header in the file, for every header that had to change. `recipe` has what was
    said and what was found out, to read another file of this kind alike. `checksums` is for files that may carry some of their
    content (None: others cannot): without them damage that keeps to what the file states of itself cannot be seen.
    """

    model_config = ConfigDict(frozen=True)

    problems: tuple[ImportProblem, ...] = ()
    exact: bool = True
    format: str = ""
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    widths: tuple[int, ...] | None = None
    first_line: int | None = None
    named: bool = True
    recipe: ReadOptions = ReadOptions()
    rows: int = 0
    columns: int = 0
    renamed: dict[str, str] = Field(default_factory=dict)
    checksums: bool | None = None


class Log:
    """Collects problems while a file is read; of each kind, the first 1,000 are listed and the others counted."""

    def __init__(self) -> None:
        self.exact = True
        self._problems: list[ImportProblem] = []
        self._counts: dict[str, int] = {}

    def add(self, kind: str, message: str, line: int | None = None, *, exact: bool = False) -> None:
        """Note one problem. `exact=True` says that the table is still just what the file says."""
        self.exact = self.exact and exact
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MOST_LISTED:
            self._problems.append(ImportProblem(line=line, kind=kind, message=message))

    def problems(self) -> tuple[ImportProblem, ...]:
        over = {kind: n - MOST_LISTED for kind, n in self._counts.items() if n > MOST_LISTED}
        more = [ImportProblem(kind=kind, message=f"{n:,} more of this kind are not listed.") for kind, n in over.items()]
        return (*self._problems, *more)
