"""The leakage court on real tables: planted leaks of eight kinds that it finds, and honest columns that it accuses.

    .venv/bin/python benchmarks/leaks.py ../shared/data/manifest.json
    .venv/bin/python benchmarks/leaks.py MANIFEST --tables adult,soybean --rows 4000 --seeds 0,1
    .venv/bin/python benchmarks/leaks.py MANIFEST --strength weak       (harder ones: partly filled, with errors, several to one)

The manifest is a list of {name, file, target}. Every table is drawn down to --rows rows; every kind of leak is planted in a
copy of it, once per seed with other details. "found" is guilty or suspicious, "guilty" is guilty; the honest columns of
all tables, planted or not, are those accused wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pipeline.data import infer
from pipeline.judge.court import Findings, hear
from pipeline.plan import Plan

PLANTED = "planted"
TARGET = "the target"
Plant = Callable[[pd.DataFrame, pd.Series, np.random.Generator], pd.DataFrame]


def is_number(y: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(y) and y.nunique() > 20


def hit(y: pd.Series, rng: np.random.Generator) -> np.ndarray:
    """The rows with "the outcome": the rarer of two classes, some of several, a high value."""
    if is_number(y):
        return (y > y.quantile(rng.uniform(0.4, 0.8))).to_numpy()
    classes = y.value_counts().index
    return y.isin(classes[1:] if len(classes) == 2 else classes[: max(1, len(classes) // 2)]).to_numpy()


def copy(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(**{PLANTED: y.mask(rng.random(len(y)) < rng.choice([0, 0.1]))})


def recoded(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    if is_number(y):
        curve = [lambda v: np.log1p(v - v.min()), lambda v: -3 * v + 7, lambda v: pd.qcut(v, 8, labels=False, duplicates="drop"), np.round]
        return table.assign(**{PLANTED: curve[rng.integers(4)](y)})
    codes = pd.factorize(y)[0]
    if rng.random() < 0.5:  # several codes for a class, as a detailed status has
        codes = codes * 2 + rng.integers(0, 2, len(y))
    return table.assign(**{PLANTED: [f"k{(c * 37 + 11) % 97}" for c in codes]})


def noisy(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    if is_number(y):
        return table.assign(**{PLANTED: y + rng.normal(0, rng.uniform(0.05, 0.3) * y.std(), len(y))})
    other = rng.random(len(y)) < rng.uniform(0.01, 0.1)
    return table.assign(**{PLANTED: y.mask(other, pd.Series(rng.choice(y.unique(), len(y)), index=y.index))})


def date_after(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """A day that is written down when the outcome is there: only then, or later for some outcomes."""
    begun = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 700, len(y)), unit="D")
    if rng.random() < 0.5:
        ended = pd.Series(begun + pd.to_timedelta(rng.integers(1, 60, len(y)), unit="D"), index=y.index)
        return table.assign(**{PLANTED: ended.where(hit(y, rng))})
    steps = y.rank(method="dense").to_numpy() if is_number(y) else pd.factorize(y)[0] * 40.0
    waited = steps / steps.max() * 400 + rng.normal(0, 8 if len(np.unique(steps)) > 2 else 30, len(y))
    return table.assign(opened=begun, **{PLANTED: begun + pd.to_timedelta(np.round(waited + 60), unit="D")})


def gaps(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    filled = np.where(hit(y, rng), rng.random(len(y)) < rng.uniform(0.9, 1), rng.random(len(y)) < rng.uniform(0, 0.08))
    return table.assign(**{PLANTED: np.where(filled, np.round(rng.normal(50, 9, len(y)), 1), np.nan)})


def group_mean(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    levels = table.nunique()
    possible = [name for name in table if 4 <= levels[name] <= len(table) / 3]
    by = table[rng.choice(possible)] if possible else pd.Series(rng.integers(0, 40, len(y)))
    value = y if is_number(y) else (y == y.value_counts().index[-1 if y.nunique() == 2 else 0]).astype(float)
    return table.assign(**{PLANTED: value.groupby(by.astype(str)).transform("mean")})


def numbered(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Numbers that were given out in the order of the target; the rows may be shuffled since."""
    place = (y if is_number(y) else pd.Series(pd.factorize(y)[0], index=y.index)).rank(method="dense").to_numpy()
    place = np.argsort(np.argsort(place + rng.uniform(0, 0.9, len(y)))) + 100_000
    return table.assign(**{PLANTED: place if rng.random() < 0.5 else [f"C-{n}" for n in place]})


def twice(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    whole = table.assign(**{TARGET: y})
    again = whole.sample(frac=rng.uniform(0.05, 0.3), random_state=int(rng.integers(1e6)))
    return pd.concat([whole, again]).sample(frac=1, random_state=0).reset_index(drop=True)


def weak_copy(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """One in ten to one in twenty is wrong; a number is off by so much of itself."""
    wrong = rng.uniform(0.05, 0.1)
    if is_number(y):
        return table.assign(**{PLANTED: y * (1 + rng.normal(0, wrong, len(y)))})
    return table.assign(**{PLANTED: y.mask(rng.random(len(y)) < wrong, pd.Series(rng.choice(y, len(y)), index=y.index))})


def many_to_one(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Several codes for a class, or several classes for a code; bands of a number."""
    if is_number(y):
        return table.assign(**{PLANTED: pd.qcut(y.rank(method="first"), int(rng.integers(3, 13)), labels=False).map(lambda b: f"band {b * 7 % 13}")})
    codes = pd.factorize(y)[0]
    codes = codes // 2 if codes.max() > 4 and rng.random() < 0.5 else codes * 6 + rng.integers(0, 6, len(y))
    return table.assign(**{PLANTED: [f"k{c * 41 % 997}" for c in codes]})


def monotone(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    steps = y - y.min() if is_number(y) else pd.Series(pd.factorize(y)[0], index=y.index)
    curve = [np.sqrt, np.log1p, lambda v: np.exp(-v / v.max()), lambda v: 1 / (1 + v), lambda v: v.rank(method="dense") * 3 + 5]
    return table.assign(**{PLANTED: curve[rng.integers(len(curve))](steps)})


def partly_late(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """What is written down afterwards, in some of the rows."""
    value = recoded(table, y, rng)[PLANTED] if rng.random() < 0.5 else y
    return table.assign(**{PLANTED: value.where(rng.random(len(y)) < rng.uniform(0.3, 0.7))})


def table_sorted(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """No column gives it away: the rows lie in its order, but for a few."""
    place = y.rank() if is_number(y) else pd.Series(pd.factorize(y)[0], index=y.index)
    astray = rng.random(len(y)) < 0.03
    order = np.argsort(np.where(astray, rng.permutation(place), place), kind="stable")
    return table.assign(**{TARGET: y}).iloc[order].reset_index(drop=True)


def shared_ids(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Each customer has several rows and always the same answer."""
    value = pd.Series(pd.qcut(y.rank(method="first"), 40, labels=False) if is_number(y) and len(y) > 200 else pd.factorize(y)[0])
    share = rng.integers(3, 8)
    number = value.groupby(value).cumcount() // share
    ids = pd.factorize(pd.Series(list(zip(value, number))))[0]
    names = rng.permutation(10 * (ids.max() + 1))[: ids.max() + 1] + 20_000
    return table.assign(**{PLANTED: [f"U{names[i]}" for i in ids] if rng.random() < 0.5 else names[ids]})


def jittered(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Rows that are there again with a hundredth of their spread on every number that is no whole number."""
    whole = table.assign(**{TARGET: y})
    again = whole.sample(frac=rng.uniform(0.1, 0.3), random_state=int(rng.integers(1e6))).copy()
    for name in table.select_dtypes("float"):
        again[name] = again[name] + rng.normal(0, 0.01 * table[name].std(), len(again))
    return pd.concat([whole, again]).sample(frac=1, random_state=0).reset_index(drop=True)


def weak_gaps(table: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    filled = np.where(hit(y, rng), rng.random(len(y)) < rng.uniform(0.8, 0.95), rng.random(len(y)) < rng.uniform(0, 0.15))
    return table.assign(**{PLANTED: np.where(filled, rng.choice(["a", "b", "c"], len(y)), None)})


KINDS: dict[str, Plant] = {
    "copy": copy, "recoded copy": recoded, "noisy copy": noisy, "date after": date_after, "gaps after": gaps, "group mean": group_mean,
    "row numbers": numbered, "rows twice": twice,
}  # fmt: skip
WEAK: dict[str, Plant] = {
    "weak copy": weak_copy, "many to one": many_to_one, "monotone": monotone, "partly late": partly_late, "table sorted": table_sorted,
    "shared ids": shared_ids, "rows jittered": jittered, "weak gaps": weak_gaps,
}  # fmt: skip
OF_THE_TABLE = {"rows twice": "twins", "rows jittered": "twins", "table sorted": "order"}  # kinds of which no column is guilty


def judged(frame: pd.DataFrame, target: str) -> Findings:
    table, schema = infer(frame)
    return hear(Plan.draft(schema, target), table, schema)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--tables", default="")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--strength", choices=("usual", "weak"), default="usual")
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--seeds", default="0")
    args = parser.parse_args()
    wanted = [e for e in json.loads(args.manifest.read_text()) if not args.tables or e["name"] in args.tables.split(",")]
    results, honest, started = [], [], time.process_time()
    for entry in wanted:
        frame = pd.read_csv(args.manifest.parent / entry["file"])
        frame = frame.sample(min(args.rows, len(frame)), random_state=0).sort_index().reset_index(drop=True)
        honest.append(_clean(entry, frame))
        for kind in args.kinds.split(",") if args.kinds else KINDS if args.strength == "usual" else WEAK:
            for seed in map(int, args.seeds.split(",")):
                results.append(_planted(entry, frame, kind, seed))
    _report(pd.DataFrame(results), pd.DataFrame(honest), time.process_time() - started)
    return 0


def _clean(entry: dict, frame: pd.DataFrame) -> dict:
    found = judged(frame, entry["target"])
    for heard in found.columns:
        if heard.verdict in ("guilty", "suspicious"):
            print(f"  {entry['name']}: {heard.column} {heard.verdict}: {heard.evidence[0].says}", flush=True)
    for exhibit in found.table:
        print(f"  {entry['name']}: of the table, {exhibit.verdict}: {exhibit.says}", flush=True)
    return _accused(entry["name"], found, ())


def _accused(name: str, found: Findings, planted: tuple[str, ...]) -> dict:
    others = [h for h in found.columns if h.column not in planted]
    return {
        "table": name, "columns": len(others), "guilty": sum(h.verdict == "guilty" for h in others),
        "suspicious": sum(h.verdict == "suspicious" for h in others),
    }  # fmt: skip


def _planted(entry: dict, frame: pd.DataFrame, kind: str, seed: int) -> dict:
    target = entry["target"]
    made = {**KINDS, **WEAK}[kind](frame.drop(columns=target), frame[target], np.random.default_rng(seed))
    made = made.rename(columns={TARGET: target}) if TARGET in made else made.assign(**{target: frame[target]})
    if kind == "row numbers" and seed % 2:
        made = made.sort_values(PLANTED).reset_index(drop=True)
    started = time.process_time()
    found = judged(made, target)
    seconds = time.process_time() - started
    said = next((h for h in found.columns if h.column == PLANTED), None)
    verdict = next((e.verdict for e in found.table if e.kind == OF_THE_TABLE.get(kind)), said.verdict if said else "undecided" if found.why_not else "clean")
    if verdict in ("clean", "undecided"):
        print(f"  MISSED ({verdict}) {entry['name']} {kind} seed {seed}: {found.why_not or said.strength if said else ''}", flush=True)
    others = _accused(entry["name"], found, (PLANTED, "opened"))
    return {"table": entry["name"], "kind": kind, "seed": seed, "verdict": verdict, "seconds": seconds, **{f"others_{k}": others[k] for k in others}}


def _report(results: pd.DataFrame, honest: pd.DataFrame, seconds: float) -> None:
    shown = results.assign(found=results["verdict"].isin(["guilty", "suspicious"]), guilty=results["verdict"] == "guilty")
    print("\nFound (guilty or suspicious), share of what was planted:")
    print(shown.pivot_table(index="table", columns="kind", values="found", sort=False, margins=True, margins_name="all").round(2).to_string())
    print(f"\nfound {shown['found'].mean():.1%}, of these guilty {shown.loc[shown['found'], 'guilty'].mean():.1%}, of {len(shown)} planted leaks")
    print("\nHonest columns accused in the tables as they are:")
    print(honest.to_string(index=False))
    for title, guilty, suspicious, columns in (
        ("clean tables", honest["guilty"].sum(), honest["suspicious"].sum(), honest["columns"].sum()),
        ("beside a planted leak", shown["others_guilty"].sum(), shown["others_suspicious"].sum(), shown["others_columns"].sum()),
    ):
        print(f"{title}: {(guilty + suspicious) / columns:.1%} of {columns} accused ({guilty} guilty, {suspicious} suspicious)")
    print(f"{seconds:.0f} CPU s in all, {shown['seconds'].mean():.2f} s a table, {shown['seconds'].max():.1f} s at most")


if __name__ == "__main__":
    sys.exit(main())
