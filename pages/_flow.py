"""The recipe as a drawing: from the columns, grouped by kind, through the steps to the model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import streamlit as st

from pages import _charts, _ui
from pipeline import entries

if TYPE_CHECKING:
    from pages._tried import Laid
    from pipeline import Plan
    from pipeline.features import Lane

Links = dict[tuple[str, str], int]


def drawing(plan: Plan, laid: Laid) -> None:
    """Bands from left to right; each says how many columns take that way."""
    links = _links(plan, laid)
    if not links:
        st.caption("No column goes anywhere yet.")
        return
    titles = _titles(plan, laid)
    fig = _charts.flow({name: titles.get(name, name.capitalize()) for name in dict.fromkeys(end for link in links for end in link)}, links)
    with st.container(key="wide_flow"):
        _charts.show(fig, "flow", "How the columns go through the steps to the model")
    with st.container(key="narrow_flow"):
        _listed(plan, laid, titles)
    after = [titles[str(number)] for number, spec in enumerate(plan.steps) if spec in laid.flow.training]
    if after:
        st.caption(f"Inside each fold the training rows go through {_ui.md(', '.join(after))} as well; rows to judge by never do.")
    with st.expander("The same as a table", key="flow_table", on_change="rerun") as table:
        if table.open:
            rows = [{"From": titles.get(a, a.capitalize()), "To": titles.get(b, b.capitalize()), "Columns": n} for (a, b), n in links.items()]
            st.dataframe(rows, key="flow_rows", hide_index=True, alt="How many columns go from where to where")


def _listed(plan: Plan, laid: Laid, titles: dict[str, str]) -> None:
    """The drawing where it has no room: every way that columns take, with how many take it."""
    numbers = {id(spec): number for number, spec in enumerate(plan.steps)}
    late = [str(numbers[id(spec)]) for spec in laid.flow.matrix]
    ways = Counter((*_way(lane, numbers), *late, "model") for lane in laid.flow.lanes if lane.shown)
    for way, count in ways.most_common():
        first = titles.get(way[0], way[0].capitalize()) if way[0].isdigit() else way[0].capitalize()
        steps = " → ".join([first, *(titles.get(place, place.capitalize()) for place in way[1:])])
        st.markdown(f"**{count:,} column{'s' * (count != 1)}** {_ui.md(steps)}")


def _titles(plan: Plan, laid: Laid) -> dict[str, str]:
    """The steps that are carried out, by their number, and the kinds of the columns with how many there are."""
    known = {step.name: step.title for step in entries("step")}
    kinds: dict[str, int] = {}
    for lane in laid.flow.lanes:
        if lane.made_by is None:
            kinds[lane.begins] = kinds.get(lane.begins, 0) + 1
    return {str(number): known.get(spec.step, spec.step) for number, spec in enumerate(plan.steps)} | {
        kind: f"{kind.capitalize()} ({count:,})" for kind, count in kinds.items()
    }


def _links(plan: Plan, laid: Laid) -> Links:
    """How many columns go from one place to the next; a place is a kind, the number of a step, or the model."""
    numbers = {id(spec): number for number, spec in enumerate(plan.steps)}
    late = [str(numbers[id(spec)]) for spec in laid.flow.matrix]
    lanes = {lane.name: lane for lane in laid.flow.lanes}
    found: Links = {}
    for lane in laid.flow.lanes:
        way = _way(lane, numbers)
        _add(found, [*way, (late or ["model"])[0]] if lane.shown else way)
    for made_by, reads in {(id(lane.made_by), lane.reads) for lane in laid.flow.lanes if lane.made_by is not None}:
        for name in reads:
            before = [place for place in _way(lanes[name], numbers) if not place.isdigit() or int(place) < numbers[made_by]]
            _add(found, [before[-1], str(numbers[made_by])])
    for place, after in zip(late, [*late[1:], "model"]):
        found[place, after] = sum(lane.shown for lane in laid.flow.lanes)
    return found


def _way(lane: Lane, numbers: dict[int, int]) -> list[str]:
    begin = lane.begins if lane.made_by is None else str(numbers[id(lane.made_by)])
    return [begin, *(str(numbers[id(spec)]) for spec in lane.steps)]


def _add(found: Links, way: list[str]) -> None:
    for link in zip(way, way[1:]):
        found[link] = found.get(link, 0) + 1
