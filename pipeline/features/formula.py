"""A column by formula: a small language that is parsed into a tree of known things and worked out over whole columns.

Numbers, columns, + - * / // % **, comparisons, and, or, not, `in (...)`, `a if b else c`, and the functions below. A column
is written by its name, or in backticks where the name is not one word. Text stands in quotes and can only be compared.
A missing value makes whatever is worked out from it missing, except in isnull, coalesce, min and max.

Nothing of Python runs but its parser: what is not in the lists below is refused with its place in the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.catalog import Param
from pipeline.errors import PlanError, near
from pipeline.features import Needs, step

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CHARACTERS, MOST_PARTS = 2_000, 400
NUMBERS = ("numeric", "boolean")
WORDS = ("categorical", "text", "id")
QUOTED = re.compile(r"`([^`]+)`|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")

NAMES = re.compile(QUOTED.pattern + r"|\b[^\W\d]\w*\b(?!\s*\()")

FUNCTIONS: dict[str, tuple[int, int]] = {  # the fewest and the most arguments
    "abs": (1, 1), "ceil": (1, 1), "coalesce": (2, 9), "exp": (1, 1), "floor": (1, 1), "isnull": (1, 1), "log": (1, 1), "log10": (1, 1),
    "log1p": (1, 1), "max": (2, 9), "min": (2, 9), "round": (1, 1), "sign": (1, 1), "sqrt": (1, 1), "where": (3, 3),
}  # fmt: skip
OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.FloorDiv: "floor_divide", ast.Mod: "mod", ast.Pow: "power",
}  # fmt: skip
COMPARISONS: dict[type, str] = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal", ast.NotEq: "not_equal",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One place of the tree: what is done there, with which value or parts. `kind` is what comes out: a number or text."""

    does: str
    value: Any = None
    parts: tuple[Part, ...] = ()
    kind: str = "number"


@dataclass(frozen=True)
class Formula:
    """A formula that was understood: its tree, and the columns that it reads with the kinds that each may have."""

    text: str
    tree: Part
    columns: dict[str, tuple[str, ...]]

    def over(self, table: pd.DataFrame) -> np.ndarray:
        """The value of every row as float64, missing where it is not a finite number."""
        import numpy as np

        from pipeline.features.derive import finite

        with np.errstate(all="ignore"):
            return finite(np.broadcast_to(_value(self.tree, table), len(table)))


def parse(text: str) -> Formula:
    """Understand a formula. Raises PlanError that names the place and what was expected there."""
    text = text.strip()
    if not text:
        raise PlanError("The formula is empty.", "Write one, such as log(`price` + 1) / rooms.")
    if len(text) > MOST_CHARACTERS:
        raise PlanError(f"The formula has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read.", "Make two columns of it.")
    reader = _Reader(text)
    try:
        tree = ast.parse(reader.plain, mode="eval").body
    except SyntaxError as error:
        raise reader.refused(max(0, (error.offset or 1) - 1), f"this cannot be read ({error.msg})") from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise reader.refused(0, "this is nested too deeply") from error
    if sum(1 for _ in ast.walk(tree)) > MOST_PARTS:
        raise reader.refused(0, f"there are more than {MOST_PARTS} parts in it")
    made = reader.read(tree)
    if made.kind != "number":
        raise reader.refused(0, "the whole of it is text, and a number is needed")
    return Formula(text, made, reader.columns)


class _Reader:
    """Turns Python's tree into ours, part by part, and refuses the rest."""

    def __init__(self, text: str) -> None:
        self.text, self.columns, self._quoted = text, {}, {}
        self.plain = QUOTED.sub(self._stand_in, text.replace("\n", " "))

    def _stand_in(self, found: re.Match) -> str:
        """A word of the same length where a name stands in backticks, so that places in the text stay what they are."""
        if found[1] is None:
            return found[0]
        word = f"_{len(self._quoted)}".ljust(len(found[0]), "_")
        self._quoted[word] = found[1]
        return word

    def refused(self, place: int, what: str) -> PlanError:
        rest = self.text[place : place + 12].strip() or "the end"
        known = ", ".join(FUNCTIONS)
        return PlanError(
            f"At character {place + 1} ({rest!r}): {what}.", f"Columns, numbers, + - * / ** comparisons and {known} are understood."
        )

    def read(self, node: ast.AST, wanted: str = "number") -> Part:
        """The part at one node. `wanted` is what its surroundings take: a number, text or either."""
        for kind, understand in self._understood().items():
            if isinstance(node, kind):
                made = understand(node, wanted)
                if wanted != "either" and made.kind not in (wanted, "missing"):
                    raise self.refused(self._place(node), f"this is {made.kind}, and {wanted} is needed here")
                return made
        raise self.refused(self._place(node), f"{type(node).__name__} is not understood")

    def _understood(self) -> dict[type, Callable[[Any, str], Part]]:
        return {
            ast.Constant: self._constant, ast.Name: self._column, ast.BinOp: self._operation, ast.UnaryOp: self._sign,
            ast.BoolOp: self._both, ast.Compare: self._comparison, ast.Call: self._call, ast.IfExp: self._choice,
        }  # fmt: skip

    def _place(self, node: ast.AST) -> int:
        return len(self.plain.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore"))

    def _constant(self, node: ast.Constant, wanted: str) -> Part:
        if isinstance(node.value, str):
            return Part("text", node.value, kind="text")
        if not isinstance(node.value, (int, float)):
            raise self.refused(self._place(node), f"{node.value!r} is not a number")
        return Part("number", float(node.value) if abs(node.value) < 1e300 else float("inf"))

    def _column(self, node: ast.Name, wanted: str) -> Part:
        name = self._quoted.get(node.id, ast.get_source_segment(self.plain, node) or node.id)
        kinds = {"number": NUMBERS, "text": WORDS}.get(wanted, ())
        before = self.columns.get(name) or kinds
        both = tuple(kind for kind in before if not kinds or kind in kinds)
        if before and not both:
            raise self.refused(self._place(node), f"{name!r} is a number in one place and text in another")
        self.columns[name] = both
        return Part("column", name, kind=wanted if wanted != "either" else "number")

    def _operation(self, node: ast.BinOp, wanted: str) -> Part:
        name = OPERATORS.get(type(node.op))
        if name is None:
            raise self.refused(self._place(node), f"{type(node.op).__name__} is not understood")
        return Part(name, parts=(self.read(node.left), self.read(node.right)))

    def _sign(self, node: ast.UnaryOp, wanted: str) -> Part:
        name = {ast.USub: "negative", ast.UAdd: "positive", ast.Not: "not"}.get(type(node.op))
        if name is None:
            raise self.refused(self._place(node), f"{type(node.op).__name__} is not understood")
        return Part(name, parts=(self.read(node.operand),))

    def _both(self, node: ast.BoolOp, wanted: str) -> Part:
        return Part("and" if isinstance(node.op, ast.And) else "or", parts=tuple(self.read(value) for value in node.values))

    def _comparison(self, node: ast.Compare, wanted: str) -> Part:
        sides, found = [node.left, *node.comparators], []
        for left, how, right in zip(sides, node.ops, sides[1:], strict=False):
            if isinstance(how, (ast.In, ast.NotIn)):
                found.append(self._among(left, how, right))
                continue
            text = any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right))
            if type(how) not in COMPARISONS or (text and not isinstance(how, (ast.Eq, ast.NotEq))):
                raise self.refused(
                    self._place(right), "text can only be equal or not" if text else f"{type(how).__name__} is not understood"
                )
            does = COMPARISONS[type(how)]
            found.append(
                Part(does, "text" if text else "number", tuple(self.read(side, "text" if text else "number") for side in (left, right)))
            )
        return found[0] if len(found) == 1 else Part("and", parts=tuple(found))

    def _among(self, left: ast.AST, how: ast.cmpop, right: ast.AST) -> Part:
        values = getattr(right, "elts", None)
        if not values or not all(isinstance(v, ast.Constant) and isinstance(v.value, (str, int, float)) for v in values):
            raise self.refused(self._place(right), "a list of values is needed here, such as ('a', 'b')")
        text = isinstance(values[0].value, str)
        read = self.read(left, "text" if text else "number")
        listed = tuple(self.read(value, "text" if text else "number").value for value in values)
        among = Part("among", listed, (read,))
        return among if isinstance(how, ast.In) else Part("not", parts=(among,))

    def _call(self, node: ast.Call, wanted: str) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS:
            close = near(name, FUNCTIONS)
            raise self.refused(self._place(node), f"there is no function {name!r}" + (f", did you mean {close[0]!r}?" if close else ""))
        least, most = FUNCTIONS[name]
        if node.keywords or not least <= len(node.args) <= most or any(isinstance(arg, ast.Starred) for arg in node.args):
            count = str(least) if least == most else f"{least} to {most}"
            raise self.refused(self._place(node), f"{name} takes {count} values in its brackets")
        return Part(name, parts=tuple(self.read(arg, "either" if name == "isnull" else "number") for arg in node.args))

    def _choice(self, node: ast.IfExp, wanted: str) -> Part:
        return Part("where", parts=(self.read(node.test), self.read(node.body), self.read(node.orelse)))


def _value(part: Part, table: pd.DataFrame) -> Any:
    """Numbers as float64 (truth as 1 and 0), text as objects; NaN is missing."""
    import numpy as np

    if part.does in ("number", "text"):
        return part.value
    if part.does == "column":
        return table[part.value].to_numpy()
    found = [_value(inner, table) for inner in part.parts]
    if part.does in COMPARISONS.values() or part.does in ("among", "not", "and", "or"):
        known = ~np.logical_or.reduce(np.broadcast_arrays(*[_missing(values) for values in found]))
        return np.where(known, _truth(part, found).astype("float64"), np.nan)
    if part.does == "isnull":
        return _missing(found[0]).astype("float64")
    return _number(part.does, [np.asarray(values, dtype="float64") for values in found])


def _truth(part: Part, found: list[Any]) -> Any:
    import numpy as np

    if part.does == "among":
        return np.isin(np.asarray(found[0]).astype(type(part.value[0])), part.value)
    if part.does in ("and", "or"):
        return getattr(np, f"logical_{part.does}").reduce([np.asarray(values, dtype="float64") != 0 for values in found])
    if part.does == "not":
        return np.asarray(found[0], dtype="float64") == 0
    if part.value == "text":
        found = [np.asarray(values).astype(str) for values in found]
    return getattr(np, part.does)(*found)


def _number(does: str, found: list[np.ndarray]) -> np.ndarray:
    import numpy as np

    if does == "where":
        return np.where(np.isnan(found[0]), np.nan, np.where(found[0] != 0, found[1], found[2]))
    if does == "coalesce":
        whole = found[0]
        for values in found[1:]:
            whole = np.where(np.isnan(whole), values, whole)
        return whole
    if does in ("min", "max"):
        return getattr(np, f"f{does}").reduce(np.broadcast_arrays(*found))
    return getattr(np, does)(*found)


def _missing(values: Any) -> np.ndarray:
    import numpy as np
    import pandas as pd

    return np.asarray(pd.isna(values))


def renamed(params: dict[str, Any], names: Mapping[str, str | None]) -> dict[str, Any]:
    """The parameters with the names of other columns in the formula, in backticks. Raises PlanError when it is not one."""
    columns = parse(params["formula"]).columns

    def name(found: re.Match) -> str:
        old = found[1] or found[0]
        new = names.get(old) or old
        return f"`{new}`" if old in columns and new != old else found[0]

    return params | {"formula": NAMES.sub(name, params["formula"])}


@step(
    "formula",
    title="Column by formula",
    help="A new number worked out from other columns, such as log(`price` + 1) / rooms or where(city == 'Oslo', 1, 0). Understood are "
    "+ - * / // % **, comparisons, and, or, not, in (...), and " + ", ".join(FUNCTIONS) + ". Missing values stay missing.",
    phase="derive",
    order=15,
    params=(
        Param("formula", "text", "", "Formula", "Names that are not one word stand in backticks: `unit price`.", tune=False),
        Param("name", "text", "", "Name", "Of the new column; empty for the formula itself.", tune=False),
    ),
    names=lambda params: {params["name"].strip() or parse(params["formula"]).text: "numeric"},
    wants=lambda params: list(parse(params["formula"]).columns.items()),
    renames=renamed,
)
def formula(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_formula, params)


def make_formula(table: pd.DataFrame, formula: str, name: str) -> dict[str, Any]:
    return {name.strip() or formula.strip(): parse(formula).over(table)}
