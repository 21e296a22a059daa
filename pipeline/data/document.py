"""The portrait of a dataset as one HTML page: no script, no other file, nothing that a browser would ask anybody for.

The page is built as a tree of elements, so a name or a value can only ever be text in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from pipeline.data.portrait import Portrait

_CSP = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1B2333; --soft: #5C6475; --line: #D5DBE6; --back: #fff; --card: #F4F6FA; --bar: #2F5FD0; --gap: #D9730D }
@media (prefers-color-scheme: dark) {
:root { --ink: #E6EAF2; --soft: #98A2B5; --line: #323B4C; --back: #10141C; --card: #1A202C; --bar: #7FA6FF; --gap: #F08A3C } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { font-size: 1.25rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
.soft { color: var(--soft) } .columns { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; background: var(--card) } .kind { float: right; color: var(--soft) }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
td, th { text-align: left; padding: .2rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
td.n { text-align: right; font-variant-numeric: tabular-nums } svg { display: block; width: 100% }
.heat td { border: 0; padding: 0; height: 1.1rem; min-width: 1.1rem }
.heat th { border: 0; font-weight: 400; white-space: nowrap; font-size: .75rem; overflow: hidden; text-overflow: ellipsis; max-width: 10rem }
.bar { fill: var(--bar) } .gap { fill: var(--gap) } .rest { fill: var(--line) }
"""


def page(portrait: Portrait, title: str) -> str:
    """The page as text."""
    html = ElementTree.Element("html", lang="en")
    head = _in(html, "head")
    _in(head, "meta", charset="utf-8")
    _in(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _CSP})
    _in(head, "title", said=title)
    _in(head, "style", said=_STYLE)
    body = _in(html, "body")
    _summary(body, portrait, title)
    _columns(body, portrait)
    _relations(body, portrait)
    _gaps(body, portrait)
    return "<!DOCTYPE html>\n" + ElementTree.tostring(html, encoding="unicode", method="html")


def _in(parent: ElementTree.Element, tag: str, attributes: dict[str, str] | None = None, said: object = None, **more: str) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, tag, {**(attributes or {}), **more})
    if said is not None:
        found.text = visible(said) if tag != "style" else str(said)
    return found


def visible(text: object, most: int = 200) -> str:
    """A text with its invisible and direction-changing characters written out, and cut when it is long."""
    shown = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") else c for c in str(text)[:most])
    return shown + ("…" if len(str(text)) > most else "")


def _summary(body: ElementTree.Element, portrait: Portrait, title: str) -> None:
    schema = portrait.schema
    _in(body, "h1", said=title)
    missing = sum(column.missing for column in schema.columns) / max(1, schema.rows * len(schema.columns))
    words = f"{schema.rows:,} rows, {len(schema.columns):,} columns, {missing:.1%} of the cells missing."
    if portrait.sampled:
        words += f" Shapes and relations were computed on {len(portrait.sample):,} evenly spread rows."
    _in(body, "p", said=words, **{"class": "soft"})


def _columns(body: ElementTree.Element, portrait: Portrait) -> None:
    _in(body, "h2", said="Columns")
    grid = _in(body, "div", **{"class": "columns"})
    for fact in portrait.columns[:1000]:
        card = _in(grid, "div", **{"class": "card"})
        _in(card, "span", said=fact["kind"], **{"class": "kind"})
        _in(card, "h3", said=fact["name"])
        _bars(card, fact)
        _share(card, fact["missing_share"])
        _in(card, "div", said=_words(fact, portrait), **{"class": "soft"})
    if len(portrait.columns) > 1000:
        _in(body, "p", said=f"{len(portrait.columns) - 1000:,} more columns are not drawn.")


def _words(fact: dict[str, Any], portrait: Portrait) -> str:
    said = [f"{fact['missing_share']:.1%} missing", f"{fact['unique']:,} different"]
    said += [f"{name} {_short(fact[name])}" for name in ("min", "mean", "max") if fact[name] is not None]
    if fact["name"] == portrait.target:
        said.append("the target")
    elif fact["relation"] is not None:
        said.append(f"relation to the target {abs(fact['relation']):.2f}")
    return " · ".join(said)


def _short(value: object) -> str:
    return f"{value:{',' if abs(value) >= 10_000 else ''}.5g}" if isinstance(value, (int, float)) else str(value)


def _bars(card: ElementTree.Element, fact: dict[str, Any]) -> None:
    if fact["histogram"] and fact["kind"] not in ("categorical", "boolean"):
        _upright(card, fact["histogram"]["counts"])
    elif fact["top"]:
        table = _in(card, "table")
        most = max(count for _, count in fact["top"])
        for value, count in fact["top"][:6]:
            row = _in(table, "tr")
            _in(row, "td", said=value)
            _in(row, "td", said=f"{count:,}", **{"class": "n"})
            svg = _in(_in(row, "td", style="width:40%"), "svg", viewBox="0 0 100 10", preserveAspectRatio="none", height="10")
            _in(svg, "rect", width=f"{100 * count / most:.1f}", height="10", **{"class": "bar"})


def _upright(card: ElementTree.Element, counts: Sequence[int]) -> None:
    svg = _in(card, "svg", viewBox=f"0 0 {10 * len(counts)} 60", preserveAspectRatio="none", height="60")
    most = max([*counts, 1])
    for i, count in enumerate(counts):
        height = 58 * count / most
        _in(svg, "rect", x=str(10 * i), y=f"{60 - height:.1f}", width="9", height=f"{height:.1f}", **{"class": "bar"})


def _share(card: ElementTree.Element, share: float) -> None:
    """A line as wide as the card: what is missing, and what is there."""
    svg = _in(card, "svg", viewBox="0 0 100 3", preserveAspectRatio="none", height="3")
    _in(svg, "rect", width="100", height="3", **{"class": "rest"})
    _in(svg, "rect", width=f"{100 * share:.2f}", height="3", **{"class": "gap"})


def _relations(body: ElementTree.Element, portrait: Portrait) -> None:
    names, square = portrait.relations["columns"], portrait.relations["strength"]
    if len(names) < 2:
        return
    _in(body, "h2", said="Relations")
    _in(body, "p", said="Numbers with numbers: Pearson's r. Levels with levels: Cramér's V. Levels with numbers: the correlation ratio.", **{"class": "soft"})
    table = _in(body, "table", **{"class": "heat"})
    for name, line in zip(names, square, strict=True):
        row = _in(table, "tr")
        _in(row, "th", said=visible(name, 24), title=visible(name))
        for other, value in zip(names, line, strict=True):
            said = "nothing to measure" if value is None else f"{value:.2f}"
            _in(row, "td", title=f"{visible(name)}, {visible(other)}: {said}", style=_heat(value))
    _listed(body, ("Column", "Column", "Strength", "Measure"), ((r["one"], r["other"], f"{r['strength']:.3f}", r["measure"]) for r in portrait.strongest(15)))


def _heat(value: float | None) -> str:
    if value is None:
        return ""
    color = "217,115,13" if value < 0 else "47,95,208"
    return f"background:rgba({color},{abs(value):.2f})"


def _gaps(body: ElementTree.Element, portrait: Portrait) -> None:
    found = portrait.gaps
    _in(body, "h2", said="Missing cells")
    _in(body, "p", said=f"{found['whole']:.1%} of the rows have no missing cell.", **{"class": "soft"})
    if found["patterns"]:
        rows = ((", ".join(p["columns"]), f"{p['rows']:,}", f"{p['share']:.1%}") for p in found["patterns"])
        _listed(body, ("Missing together, and nothing else", "Rows looked at", "Share"), rows)


def _listed(body: ElementTree.Element, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = _in(body, "table")
    head = _in(table, "tr")
    for title in titles:
        _in(head, "th", said=title)
    for row in rows:
        line = _in(table, "tr")
        for cell in row:
            _in(line, "td", said=cell)
