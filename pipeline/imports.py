"""Files on the command line: read one as it would be imported, import it, and what to say of it where detection errs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHARACTERS = {"tab": "\t", "space": " ", "none": ""}
_KINDS = ("text", "number", "date", "boolean")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say how a file is to be read; each one that is not given is found out."""
    about = parser.add_argument_group("how to read the file (what is not said is found out)")
    about.add_argument("--encoding", metavar="NAME", help="utf-8, cp1252, ...")
    about.add_argument("--delimiter", metavar="C", type=_characters, help="one or two characters, or tab or space")
    about.add_argument("--quote", metavar="C", type=_character, help="the quotation mark, or none")
    about.add_argument(
        "--escape", metavar="C", type=_character, help="the character that keeps the next one from meaning something, or none"
    )
    about.add_argument("--widths", metavar="N,N,...", type=_numbers, help="widths of the columns of a fixed-width file")
    about.add_argument("--sheet", metavar="NAME", help="the sheet of a workbook")
    about.add_argument("--header", choices=("auto", "first", "none"), default="auto", help="whether the first row names the columns")
    about.add_argument("--skip", metavar="N", type=int, help="lines above the header that are left out")
    about.add_argument("--footer", metavar="N", type=int, help="rows below the table that are left out")
    about.add_argument("--decimal", choices=(".", ","), help="the decimal mark of all numbers")
    about.add_argument("--dates", choices=("auto", "day_first", "month_first"), default="auto", help="the order in dates like 05/06/2024")
    about.add_argument("--missing", metavar="TEXT", action="append", default=[], help="a text that means missing; may be given again")
    about.add_argument("--kind", metavar="COL=KIND", action="append", default=[], type=_kind, help=f"what a column is: {', '.join(_KINDS)}")


def _characters(text: str) -> str:
    found = _CHARACTERS.get(text, text.replace("\\t", "\t"))
    if not 1 <= len(found) <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not one or two characters")
    return found


def _character(text: str) -> str:
    found = _CHARACTERS.get(text, text.replace("\\t", "\t"))
    if len(found) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is more than one character")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _kind(text: str) -> tuple[str, str]:
    name, equals, kind = text.rpartition("=")
    if not equals or kind not in _KINDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not COL=KIND with one of {', '.join(_KINDS)}")
    return name, kind


def options_of(args: argparse.Namespace) -> Any:
    """What was said on the command line, as ReadOptions."""
    from pipeline.data import ReadOptions

    names = ("encoding", "delimiter", "quote", "escape", "widths", "sheet", "header", "skip", "footer", "decimal", "dates")
    return ReadOptions(**{name: getattr(args, name) for name in names}, missing=tuple(args.missing), kinds=dict(args.kind))


def verbs(commands: Any, command: Callable[..., argparse.ArgumentParser], store: Callable[..., Any], shown: Callable[[Any], int]) -> None:
    """`read` and `add`. `store` opens the store of a command line, `shown` prints JSON."""
    read_ = command(commands, "read", "show how a file is read, and everything that is not as expected", lambda args: read(args, shown))
    read_.add_argument("data")
    read_.add_argument("--rows", type=int, default=5, metavar="N", help="how many rows to show (default: 5)")
    add_ = command(commands, "add", "read a file and keep its table as a dataset", lambda args: add(args, store, shown))
    add_.add_argument("data")
    add_.add_argument("--name", help="the dataset's name (default: the file's)")
    for parser in (read_, add_):
        add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print JSON instead of words")


def read(args: argparse.Namespace, shown: Callable[[Any], int]) -> int:
    from pipeline.data import load

    table, schema, report = load(args.data, options=options_of(args))
    if args.json:
        return shown({"report": report.model_dump(mode="json"), "schema": schema.model_dump(mode="json")})
    recipe = report.recipe.model_dump(mode="json", exclude_defaults=True, exclude={"firm", "limits"})
    _out(f"{report.rows:,} rows, {report.columns:,} columns, {report.format}; " + ", ".join(f"{k} {v!r}" for k, v in recipe.items()) + "\n")
    for column in schema.columns:
        how = (column.date_format, f"unit {column.unit}" if column.unit else "", "decimal comma" if column.decimal == "," else "")
        _out(f"  {column.name}: {', '.join(filter(None, (column.kind, *how)))}\n")
    _say(report)
    _out(table.head(args.rows).to_csv(index=False))
    return 0


def add(args: argparse.Namespace, store: Callable[..., Any], shown: Callable[[Any], int]) -> int:
    path = Path(args.data)
    dataset = store(args).add_dataset(args.name or path.name.partition(".")[0], path, options=options_of(args))
    if args.json:
        return shown({"id": dataset.id, "name": dataset.name, "version": dataset.version, "report": dataset.report.model_dump(mode="json")})
    _say(dataset.report)
    _out(f"{dataset.name} version {dataset.version}: {dataset.rows:,} rows, {dataset.columns:,} columns, id {dataset.id}\n")
    return 0


def _say(report: Any) -> None:
    for problem in report.problems:
        _out(f"{'line ' + format(problem.line, ',') if problem.line else 'file':>12}  {problem.kind}: {problem.message}\n")
    _out("every cell is just what the file says\n" if report.exact else "please check: something was guessed, repaired or left out\n")


def _out(text: str) -> None:
    sys.stdout.write(text)
