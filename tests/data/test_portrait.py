"""Relations by the right measure, what is missing together, and a report that is one file and nothing but text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from pipeline.data import Portrait, infer, profile
from pipeline.data.profiles import tops

N = 3000
EVIL = "<script>alert(1)</script> :red[x] ![](http://127.0.0.1:9/p.png) \u202e\"'&"


@pytest.fixture(scope="module")
def portrait():
    rng = np.random.default_rng(0)
    x, group = rng.normal(size=N), rng.integers(0, 4, N)
    frame = pd.DataFrame(
        {
            "x": x, "twice": -2 * x + rng.normal(size=N), "noise": rng.normal(size=N), EVIL: [f"g{g}" for g in group],
            "by group": group * 3 + rng.normal(size=N), "alike": [f"h{(g + (rng.random() < 0.05)) % 4}" for g in group],
            "chance": [f"c{c}" for c in rng.integers(0, 20, N)], "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(x * 10), unit="D"),
        }
    )  # fmt: skip
    frame.loc[: N // 3 - 1, ["noise", "chance"]] = None
    frame.loc[0, "x"] = None
    return Portrait(*infer(frame), target=EVIL)


def strength(portrait, one, other):
    names, square = portrait.relations["columns"], portrait.relations["strength"]
    return square[names.index(one)][names.index(other)]


def test_each_pair_has_the_measure_of_its_kinds(portrait):
    table = portrait.sample
    both = table[["x", "twice"]].dropna()
    assert strength(portrait, "x", "twice") == pytest.approx(np.corrcoef(both["x"], both["twice"])[0, 1], abs=1e-3)
    assert strength(portrait, "x", "day") > 0.99
    means = table.groupby(EVIL)["by group"].transform("mean")
    assert strength(portrait, EVIL, "by group") == pytest.approx(means.std() / table["by group"].std(), abs=1e-3)
    assert strength(portrait, "alike", EVIL) > 0.9 and abs(strength(portrait, "chance", EVIL)) < 0.08
    assert {row["measure"] for row in portrait.strongest(100)} == {"Pearson's r", "Cramér's V", "Correlation ratio"}
    assert portrait.relations["columns"][0] == EVIL and next(f for f in portrait.columns if f["name"] == "by group")["relation"] > 0.9


def test_what_is_missing_together(portrait):
    first, *others = portrait.gaps["patterns"]
    assert (sorted(first["columns"]), first["rows"]) == (["chance", "noise"], N // 3 - 1)
    assert sorted(others[0]["columns"]) == ["chance", "noise", "x"] and portrait.gaps["whole"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("one", "other", "shape"), [("x", "day", "numbers"), (EVIL, "noise", "mixed"), ("alike", EVIL, "levels")])
def test_a_pair_can_be_drawn(portrait, one, other, shape):
    found = portrait.pair(one, other)
    assert found["shape"] == shape and found["value"] == pytest.approx(strength(portrait, one, other), abs=1e-3)
    json.dumps(found, allow_nan=False)


def test_the_report_is_one_file_in_which_names_are_only_text(portrait):
    page = portrait.html(EVIL)
    tags: set[str] = set()
    attributes: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            attributes.update(name for name, _ in attrs)

    Reader().feed(page)
    assert tags <= set("html head meta title style body h1 h2 h3 p div span svg rect table tr th td".split())
    assert not {name for name in attributes if name in ("src", "href") or name.startswith("on")} and not re.search(r"@import|url\(", page)
    assert "&lt;script&gt;alert(1)" in page and "\u202e" not in page and "\\u202e" in page
    assert "default-src 'none'" in page and page.count("<h3>") == len(portrait.schema.columns)


def test_a_sample_tells_exactly_what_was_counted(portrait):
    table, schema = portrait.sample, portrait.schema
    facts = {fact["name"]: fact for fact in profile(table.iloc[::3].reset_index(drop=True), schema, tops(table, schema))}
    exact = {fact["name"]: fact for fact in profile(table, schema)}
    for name in schema.names:
        assert {k: facts[name][k] for k in ("missing", "unique", "min", "max")} == {k: exact[name][k] for k in ("missing", "unique", "min", "max")}
    assert facts["alike"]["top"] == exact["alike"]["top"] and abs(sum(facts["x"]["histogram"]["counts"]) - N) < 30


def test_a_table_with_nothing_to_relate_is_no_trouble():
    for frame in (pd.DataFrame({"a": ["1", "1"]}), pd.DataFrame({"a": [None, None], "b": ["1", "2"], "c": ["x", None]})):
        portrait = Portrait(*infer(frame.astype("str")), target="b")
        assert portrait.html("t") and portrait.columns and portrait.gaps and portrait.strongest() == []
