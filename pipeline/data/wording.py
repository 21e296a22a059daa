"""When two texts say the same thing: stray blanks, spellings of one word, amounts with their unit."""

from __future__ import annotations

import re
import unicodedata

_BLANKS = re.compile(r"[\s\u00a0\u200b-\u200d\u2060\ufeff]+")
_JOINTS = re.compile(r"(?<=[^\W\d_])[\s\-_/'’]+(?=\w)|(?<=\w)[\s\-_/'’]+(?=[^\W\d_])|(?<!\d)[.,]|[.,](?!\d)")
_AMOUNT = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)*)\s*([^\W\d_]{0,12}|[°%]?[^\W\d_]?)\s*")
# What one of each unit is in the first unit of its kind.
UNITS: dict[str, dict[str, float]] = {
    "mass": {"kg": 1.0, "g": 0.001, "mg": 1e-6, "t": 1000.0, "lb": 0.45359237, "oz": 0.028349523125},
    "length": {"m": 1.0, "mm": 0.001, "cm": 0.01, "km": 1000.0, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344},
    "volume": {"l": 1.0, "ml": 0.001, "cl": 0.01, "dl": 0.1, "gal": 3.785411784},
    "time": {"h": 1.0, "min": 1 / 60, "s": 1 / 3600, "ms": 1 / 3_600_000, "d": 24.0, "wk": 168.0},
    "data": {"mb": 1.0, "kb": 0.001, "gb": 1000.0, "tb": 1_000_000.0},
    "power": {"kw": 1.0, "w": 0.001, "mw": 1000.0, "hp": 0.745699872},
    "energy": {"kcal": 1.0, "kj": 1 / 4.184, "kwh": 860.42065},
}
_OTHER_NAMES = {
    "lbs": "lb", "pound": "lb", "pounds": "lb", "kgs": "kg", "kilo": "kg", "kilos": "kg", "kilogram": "kg", "kilograms": "kg", "gram": "g", "grams": "g",
    "inch": "in", "inches": "in", "feet": "ft", "foot": "ft", "mile": "mi", "miles": "mi", "meter": "m", "meters": "m", "metre": "m", "metres": "m",
    "liter": "l", "liters": "l", "litre": "l", "litres": "l", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "mins": "min", "minute": "min",
    "minutes": "min", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "day": "d", "days": "d", "week": "wk", "weeks": "wk", "ounce": "oz",
    "ounces": "oz",
}  # fmt: skip


def tidied(text: str) -> str:
    """Without blanks at the ends, with single plain blanks within, and without characters that nobody sees."""
    return _BLANKS.sub(" ", text).strip()


def spelling(text: str) -> str:
    """What is left of a word when capitals, blanks, dots, hyphens and accents do not count: 'ny' for NY, 'ny ' and N.Y."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", tidied(text).casefold()) if not unicodedata.combining(c))
    return _JOINTS.sub("", plain) or plain


def amount(text: str) -> tuple[float, str] | None:
    """A number and its unit by its usual name, "" when there is none: (5.0, 'kg') for '5 kilos'. None: not an amount."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    digits, unit = match.group(1), match.group(2).casefold()
    plain = digits.replace(",", "") if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", digits) else digits.replace(",", ".")
    return (float(plain), _OTHER_NAMES.get(unit, unit)) if plain.count(".") <= 1 else None


def kind_of_unit(unit: str) -> str:
    """'mass' for 'kg'; empty for what is no unit we know."""
    return next((kind for kind, units in UNITS.items() if unit in units), "")
