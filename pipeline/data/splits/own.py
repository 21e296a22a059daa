"""A person's own split column: what its values say about where a row goes. Plain Python, so that a plan can ask too."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable

from pipeline.errors import PlanError

Part = str | int  # "train", "valid", "test", or the number of a fold; a row of fold -1 is always trained on
WORDS = {
    "train": {"train", "training", "fit", "learn"},
    "valid": {"valid", "validation", "val", "validate", "dev", "eval", "evaluation"},
    "test": {"test", "testing", "holdout", "hold-out", "hold_out", "held_out"},
}
MOST_FOLDS = 20
EXPECTED = (
    "Use the words train, valid and test; yes and no (named like is_test or is_train); or whole numbers from 0 as the fold of each row, "
    f"up to {MOST_FOLDS} of them, -1 for rows that are always trained on."
)


def read(name: str, values: Iterable[Hashable]) -> dict[Hashable, Part]:
    """Where each of these distinct values sends its rows. Raises PlanError that shows the values and what is understood."""
    values = list(values)
    numbers = {value: _number(value) for value in values}
    if all(isinstance(value, bool) for value in values) or (set(numbers.values()) == {0, 1} and _named(name)):
        marked = _named(name) or "test"
        return {value: marked if numbers[value] else ("test" if marked == "train" else "train") for value in values}
    if all(number is not None for number in numbers.values()):
        return _folds(name, numbers)
    words = {value: _word(str(value)) for value in values}
    unknown = [str(value) for value in values if words[value] is None]
    if unknown:
        raise _unclear(name, f"has {len(unknown):,} values that do not say where a row goes ({_some(unknown)})")
    if len(set(words.values())) < 2 or "train" not in words.values():
        raise _unclear(name, f"has only {_some(map(str, values))}; a split needs rows to train on and rows to judge by")
    return words


def _folds(name: str, numbers: dict[Hashable, int]) -> dict[Hashable, Part]:
    folds = sorted(number for number in set(numbers.values()) if number >= 0)
    if not 2 <= len(folds) <= MOST_FOLDS or min(numbers.values()) < -1:
        raise _unclear(name, f"has {len(numbers):,} different numbers ({_some(map(str, numbers))})")
    return numbers


def _number(value: Hashable) -> int | None:
    """The whole number that a value is or spells, else None."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _word(text: str) -> str | None:
    return next((part for part, words in WORDS.items() if text.strip().lower() in words), None)


def _named(name: str) -> str | None:
    """What a yes means in a column of that name: is_train marks training rows, is_valid validation rows."""
    said = set(re.split(r"[^a-z]+", name.lower()))
    return next((part for part, words in WORDS.items() if said & words), None)


def _some(values: Iterable[str]) -> str:
    values = list(values)
    return ", ".join(map(repr, values[:6])) + (" …" if len(values) > 6 else "")


def _unclear(name: str, seen: str) -> PlanError:
    return PlanError(f"The split column {name!r} {seen}.", EXPECTED)
