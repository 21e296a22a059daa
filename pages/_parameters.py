"""The parameters of an entry of the catalogue as fields: kind, bounds, unit and help follow from the entry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _ui

if TYPE_CHECKING:
    from pipeline.catalog import Entry, Param


def fields(entry: Entry, key: str, values: Mapping[str, Any], *, kinds: Mapping[str, str] = MappingProxyType({}), across: int = 1) -> dict[str, Any]:
    """Draw the parameters of a catalogue entry and return their values, defaults included.

    `values` are those of the plan. `kinds` are the columns to choose from, where a parameter is one. `across` is how many stand side by side.
    """
    chosen: dict[str, Any] = {}
    free: list = []
    for param in entry.params:
        value, at = values.get(param.name, param.default), f"{key}_{param.name}"
        if across == 1 or len(entry.params) == 1 or param.kind in ("text", "columns"):
            place, free = st.container(), []  # what may be long has a row of its own
        else:
            place, *free = free or st.columns(across, vertical_alignment="bottom")
        with place:
            chosen[param.name] = _column(param, at, value, kinds) if param.kind in ("column", "columns") else _field(param, at, value)
    return chosen


def _field(param: Param, key: str, value: Any) -> Any:
    unit = f" ({_ui.md(param.unit)})" if param.unit and param.unit not in param.title else ""
    title, help = _ui.md(param.title) + unit, _ui.md(param.help) or None
    if param.kind == "bool":
        return st.toggle(title, key=_ui.synced(key, bool(value)), help=help)
    if param.kind == "choice":
        return st.selectbox(title, param.choices, key=_ui.synced(key, value if value in param.choices else param.default), help=help)
    if param.kind == "text":
        return st.text_input(title, key=_ui.synced(key, str(value)), help=help)
    return _number(param, key, value, title, help)


def _column(param: Param, key: str, value: Any, kinds: Mapping[str, str]) -> Any:
    """One column or several, of the kinds that the parameter accepts; what is chosen already stays to be seen, whatever it is."""
    suited = [name for name, kind in kinds.items() if kind and (not param.accepts or kind in param.accepts)]
    now = [name for name in ([value] if isinstance(value, str) else value) if name]
    names, title, help = [*suited, *(name for name in now if name not in suited)], _ui.md(param.title), _ui.md(param.help) or None
    some = "Choose a column" if suited else f"No {' or '.join(param.accepts)} column is there"
    if param.kind == "columns":
        return st.multiselect(title, names, key=_ui.synced(key, now), placeholder=some.replace("a column", "columns"), help=help)
    return st.selectbox(title, names, None, key=_ui.synced(key, now[0] if now else None), placeholder=some, help=help) or ""


def _number(param: Param, key: str, value: Any, title: str, help: str | None) -> int | float:
    kind = int if param.kind == "int" else float
    low, high = (None if bound is None else kind(bound) for bound in (param.low, param.high))
    value = kind(value)
    value = value if (low is None or value >= low) and (high is None or value <= high) else kind(param.default)
    step = 1 if kind is int else _step(param)
    spelled = "%d" if kind is int else "%g"
    return st.number_input(title, low, high, key=_ui.synced(key, value), step=step, format=spelled, help=help)


def _step(param: Param) -> float:
    if param.low is None or param.high is None or param.log:
        return max(abs(float(param.default)) / 10, 1e-6)
    return (param.high - param.low) / 100
