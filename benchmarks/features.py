"""Trainyard's automatic recipe against other feature generators: the same model behind each, on the same folds of real tables.

    .venv/bin/python benchmarks/features.py ../shared/data/manifest.json
    .venv/bin/python benchmarks/features.py MANIFEST --tasks adult,soybean --lines lightgbm --systems trainyard,autogluon
    .venv/bin/python benchmarks/features.py MANIFEST --speed --tasks flights_late

The manifest is that of accuracy.py, and so are the environments. A generator learns on the training rows of each fold, in a
process and an environment of its own; the model is then fitted here with fixed parameters, whoever made the columns. The
gain is that of the first system over the named one, positive is better, with a 95 % interval (paired bootstrap over rows).
Nothing takes longer than --limit: a generator by the clock, the model on its columns in seconds of a core, all folds together.
What does is a line that says so. With --out every job is kept, and asked for again it is read from there.

--speed takes all rows of the tables, and says what the recipe costs in seconds of a core and in memory (the peak above what was
there before, in sizes of the table), what a default LightGBM fit costs on what it makes, and what a second family pays for it.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import accuracy

from pipeline import catalog, evaluate
from pipeline.device import give_back_memory
from pipeline.models import Resources

GENERATORS = Path(__file__).with_name("generators.py")
accuracy.SYSTEMS["skrub_native"] = accuracy.SYSTEMS["skrub"]
MODELS: dict[str, dict[str, Any]] = {  # the lines: a family of ours with everything fixed; nothing drawn, so the order of columns is no matter
    "lightgbm": {"learning_rate": 0.05, "num_leaves": 31, "n_estimators": 500, "feature_fraction": 1.0, "bagging_fraction": 1.0},
    "linear": {"max_rounds": 100},
}
RESAMPLES = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--systems", default="trainyard,autogluon,skrub,skrub_native")
    parser.add_argument("--lines", default="lightgbm,linear")
    parser.add_argument("--tasks", default="")
    parser.add_argument("--rows", type=int, default=40_000, help="of a larger table, so many are drawn")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=300, help="seconds for a generator, and as many for the model")
    parser.add_argument("--out", type=Path, help="a folder that keeps every job that came to a score")
    parser.add_argument("--speed", action="store_true", help="measure time and memory instead of scores")
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache" / "trainyard-bench")
    args = parser.parse_args()
    entries = [e for e in json.loads(args.manifest.read_text()) if not args.tasks or e["name"] in args.tasks.split(",")]
    if args.speed:
        for entry in entries:
            speed(entry, pd.read_csv(args.manifest.parent / entry["file"]), args.lines.split(","))
        return 0
    done: list[dict[str, Any]] = []
    for entry in entries:
        table, y, fold = rows_of(entry, args)
        for line in args.lines.split(","):
            systems = [system for system in args.systems.split(",") if (line, system) != ("linear", "skrub_native")]  # the same as skrub there
            jobs = [kept(system, line, entry, table, y, fold, args) for system in systems]
            for one in jobs:
                against(entry, y, jobs[0], one)
                show(one)
            done += jobs
    summary(done, args)
    return 0


def rows_of(entry: dict, args: argparse.Namespace) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The rows with a known target, at most so many, the target as codes or numbers, and the fold that each row validates."""
    from sklearn.model_selection import KFold, StratifiedKFold

    table = pd.read_csv(args.manifest.parent / entry["file"]).dropna(subset=[entry["target"]])
    table = table.sample(min(args.rows, len(table)), random_state=args.seed).reset_index(drop=True)
    number = entry["task"] == "regression"
    y = table[entry["target"]].to_numpy(float) if number else np.unique(table[entry["target"]].astype(str), return_inverse=True)[1]
    fold = np.empty(len(y), int)
    for k, (_, valid) in enumerate(
        (KFold if number else StratifiedKFold)(args.folds, shuffle=True, random_state=args.seed).split(table, y)
    ):
        fold[valid] = k
    return table, y, fold


def kept(
    system: str, line: str, entry: dict, table: pd.DataFrame, y: np.ndarray, fold: np.ndarray, args: argparse.Namespace
) -> dict[str, Any]:
    """A job, or what came of it before."""
    path = args.out and args.out / f"{entry['name']}-{line}-{system}-{len(y)}-{args.folds}-{args.seed}.npz"
    if path and path.exists():
        found = np.load(path)
        return {**json.loads(str(found["said"])), "oof": found["oof"]}
    one = job(system, line, entry, table, y, fold, args)
    if path and "oof" in one:
        args.out.mkdir(parents=True, exist_ok=True)
        np.savez(path, said=json.dumps({name: value for name, value in one.items() if name != "oof"}), oof=one["oof"])
    return one


def job(
    system: str, line: str, entry: dict, table: pd.DataFrame, y: np.ndarray, fold: np.ndarray, args: argparse.Namespace
) -> dict[str, Any]:
    """One generator on one table: its columns made elsewhere, the model fitted here."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        table.to_csv(work / "table.csv", index=False)
        np.save(work / "y.npy", y)
        np.save(work / "fold.npy", fold)
        words = {"system": system, "line": line, "target": entry["target"], "task": entry["task"], "root": str(accuracy.ROOT)}
        (work / "job.json").write_text(json.dumps(words))
        _, code, log = accuracy.run(accuracy.interpreter(system, args.environments), work, args.limit, GENERATORS)
        said = (
            json.loads((work / "said.json").read_text()) if (work / "said.json").exists() else {"error": log[-300:] or f"ended with {code}"}
        )
        one = {"system": system, "line": line, "task": entry["name"], "metric": entry["metric"], **said}
        if not said.get("error"):
            try:
                with limited(args.limit):
                    one["oof"] = learned(work, said["levels"], line, entry["task"], y, fold)
                one["score"] = evaluate.score(entry["metric"], y, one["oof"])
            except TimeoutError as error:
                one["error"] = str(error)
        return one


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """TimeoutError after so many seconds of a core; what a library does between two steps in Python is not interrupted."""

    def over(*_: object) -> None:
        raise TimeoutError(f"the model took more than {seconds:g} s of a core on these columns")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def learned(work: Path, levels: list[dict], line: str, task: str, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The out-of-fold predictions of the one model on what a generator made."""
    family, classes = catalog.get("family", line), None if task == "regression" else y.max() + 1
    oof = np.zeros(len(y) if classes is None else (len(y), classes))
    for k, native in enumerate(levels):
        train, valid = (matrix(work / f"{k}-{part}", native, line) for part in ("train", "valid"))
        model = family.make(task, family.complete(MODELS[line]), Resources(threads=1, seed=0)).fit(train, y[fold != k])
        if classes is None:
            oof[fold == k] = model.predict(valid)
        else:
            oof[np.ix_(fold == k, model.classes_)] = model.predict_proba(valid)
    return oof


def matrix(path: Path, levels: dict[str, list[str]], line: str) -> Any:
    """What was kept: a CSR matrix, an array for the linear line, or a table whose categories are categories again."""
    from scipy import sparse

    if path.with_suffix(".npz").exists():
        return sparse.load_npz(path.with_suffix(".npz"))
    values = np.load(path.with_suffix(".npy"))
    if line == "linear":
        return values
    columns = {f"f{i}": values[:, i] for i in range(values.shape[1])}
    for i, names in levels.items():
        columns[f"f{i}"] = pd.Categorical.from_codes(values[:, int(i)].astype(int), pd.RangeIndex(len(names)))
    return pd.DataFrame(columns)


def against(entry: dict, y: np.ndarray, first: dict, one: dict) -> None:
    """What the first system gains over this one."""
    if "oof" not in first or "oof" not in one or one is first:
        return
    gain, error = evaluate.difference(entry["metric"], y, first["oof"], one["oof"], resamples=RESAMPLES)
    low, high = gain - 1.96 * error, gain + 1.96 * error
    one |= {"gain": gain, "low": low, "high": high, "verdict": "better" if low > 0 else "worse" if high < 0 else "tie"}


def show(one: dict) -> None:
    if "oof" not in one:
        print(f"{one['task']:13} {one['line']:8} {one['system']:13} failed: {one.get('error')}", flush=True)
        return
    gain = f"  gain {one['gain']:+.5g} [{one['low']:+.4g}, {one['high']:+.4g}] {one['verdict']}" if "gain" in one else ""
    print(
        f"{one['task']:13} {one['line']:8} {one['system']:13} {one['metric']:9} {one['score']:11.6g}  features {np.mean(one['seconds']):6.2f} s/fold  "
        f"columns {max(one['columns']):6}{gain}", flush=True,
    )  # fmt: skip


def speed(entry: dict, frame: pd.DataFrame, lines: list[str]) -> None:
    """What the recipe of a drafted plan costs on a whole table: one fold of five, for each line."""
    import lightgbm

    from pipeline import features, run, trials
    from pipeline.data import infer
    from pipeline.plan import Plan
    from pipeline.workspace import Workspace

    table, schema = infer(frame)
    plan = Plan.draft(schema, entry["target"], task=entry["task"])
    plan = plan.change(split={**plan.split.model_dump(), "holdout": 0, "folds": 5})
    data, _ = run.prepare(plan, table, schema, lambda message: None)
    train, size = data.part(0)[0], table.memory_usage(deep=True).sum()
    print(f"{entry['name']}: {len(table):,} rows x {len(plan.features)} columns, {size / 1e6:.0f} MB")
    for line in lines:
        needs = features.Needs.of(catalog.get("family", line).facts)
        features.build(plan, needs).fit_transform(table.head(1_000), data.y[:1_000])  # imports are not what is timed
        made, seconds, peak = measured(lambda needs=needs: features.build(plan, needs).fit_transform(data.table.iloc[train], data.y[train]))
        print(f"  recipe for {line:9} {seconds:6.2f} s of a core, peak {peak / size:.1f} x the table, gives {made.shape[1]} columns")
        if line == "lightgbm":
            kind = lightgbm.LGBMRegressor if entry["task"] == "regression" else lightgbm.LGBMClassifier
            _, seconds, _ = measured(lambda made=made, kind=kind: kind(n_jobs=1, verbose=-1).fit(made, data.y[train]))
            print(f"  default LightGBM fit on it {seconds:6.2f} s of a core")
        del made
    with tempfile.TemporaryDirectory() as folder:
        space = Workspace(folder)
        for family in ("lightgbm", "xgboost"):
            needs = features.Needs.of(catalog.get("family", family).facts)
            _, seconds, _ = measured(lambda needs=needs: trials.prepared(space, data, 0, needs))
            print(f"  features of a fold for {family:9} {seconds:6.3f} s of a core")


def measured(make: Any) -> tuple[Any, float, float]:
    """What comes of it, seconds of a core, and the peak memory in bytes above what was there before (Linux)."""
    gc.collect()
    give_back_memory()  # what the line before has left to be used again would pass for nothing
    Path("/proc/self/clear_refs").write_text("5")
    before, began = resident("VmRSS"), time.process_time()
    made = make()
    return made, time.process_time() - began, resident("VmHWM") - before


def resident(name: str) -> float:
    return next(float(line.split()[1]) * 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))


def summary(done: list[dict], args: argparse.Namespace) -> None:
    first, *rivals = args.systems.split(",")
    for line in args.lines.split(","):
        own = [one for one in done if one["line"] == line]
        for rival in rivals:
            said = [one["verdict"] for one in own if one["system"] == rival and "verdict" in one]
            print(
                f"{line:8} {first} against {rival:13} better {said.count('better')}  tie {said.count('tie')}  worse {said.count('worse')}"
            )
        lost = {one["task"] for one in own if one.get("verdict") == "worse"}
        tables = {one["task"] for one in own}
        print(
            f"{line:8} {first} is best or tied with the best on {len(tables - lost)} of {len(tables)}"
            + f" (behind on {', '.join(sorted(lost))})" * bool(lost)
        )


if __name__ == "__main__":
    raise SystemExit(main())
