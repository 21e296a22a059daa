"""The space of a search: which parameters of a family may change, and where a value lies between its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.catalog import Param

if TYPE_CHECKING:
    from pipeline.plan import FamilySpec

Space = dict[str, list[Param]]  # family -> the parameters that may change


def space_of(spec: FamilySpec) -> list[Param]:
    """The parameters that the search may change: the catalogue's, within the plan's ranges, less those that the plan fixes."""
    params = [p for p in catalog.get("family", spec.family).params if p.tune and p.name not in spec.params]
    return [_narrowed(p, spec.space[p.name]) if p.name in spec.space else p for p in params]


def _narrowed(param: Param, bounds: tuple[float, float]) -> Param:
    return replace(param, low=max(bounds[0], param.low), high=min(bounds[1], param.high))


def is_number(param: Param) -> bool:
    return param.kind in ("int", "float")


def levels(param: Param) -> tuple:
    """The values of a parameter that is no number."""
    return (False, True) if param.kind == "bool" else param.choices


def position(param: Param, value: Any) -> float:
    """Where a value lies between the bounds, 0 to 1, on the parameter's own scale; a level lies at its place in the row."""
    if not is_number(param):
        return levels(param).index(value) / max(1, len(levels(param)) - 1)
    low, high, value = (log(v) if param.log else v for v in (param.low, param.high, min(max(value, param.low), param.high)))
    return (value - low) / (high - low) if high > low else 0.0


def value_at(param: Param, place: float) -> Any:
    """The value at a place from 0 to 1: what `position` says of it, but for the rounding of whole numbers."""
    if not is_number(param):
        return levels(param)[round(place * (len(levels(param)) - 1))]
    low, high = (log(param.low), log(param.high)) if param.log else (param.low, param.high)
    value = low + min(max(place, 0.0), 1.0) * (high - low)
    value = exp(value) if param.log else value
    value = min(max(value, param.low), param.high)
    return round(value) if param.kind == "int" else float(value)


def spread(param: Param, points: int) -> list[Any]:
    """Values from bound to bound: every level, or `points` numbers evenly on the parameter's scale (fewer where whole numbers coincide)."""
    if not is_number(param):
        return list(levels(param))
    return list(dict.fromkeys(value_at(param, k / max(1, points - 1)) for k in range(points)))


def key_of(params: Sequence[Param], family: str, values: dict[str, Any]) -> tuple:
    """What makes two configurations the same: the family and its values in this space."""
    known = catalog.get("family", family)
    return (family, *(values.get(p.name, known.param(p.name).default) for p in params))
