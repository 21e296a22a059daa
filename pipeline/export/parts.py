"""What goes into a bundle: one decorated function per file, `make(contents) -> text or bytes`, or None for a file that this model does not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import catalog

if TYPE_CHECKING:
    from pipeline.data.contract import Contract
    from pipeline.plan import Plan
    from pipeline.predictor import Predictor
    from pipeline.store import ModelVersion

SOURCE = ("errors.py", "catalog.py", "device.py", "plan.py", "predictor.py", "data", "features", "models")
INIT = '"""The part of Trainyard that scores rows, copied beside the model it belongs to."""\n'


@dataclass(frozen=True)
class Contents:
    """All that a part may draw on. `packages` are the pins that the bundle needs, as the proof has measured them; `result` is
    which of the run's models this is."""

    version: ModelVersion
    predictor: Predictor
    model: bytes
    plan: Plan
    evaluation: dict[str, Any]
    leaderboard: list[dict[str, Any]]
    packages: tuple[str, ...] = ()
    result: str = "accurate"
    contract: Contract | None = None


def part(name: str, *, title: str, help: str, order: int) -> Callable[[Callable], Callable]:
    """Register a file of the bundle under its path in it."""
    return catalog.register("export", name, title=title, help=help, order=order)


@part("model.joblib", title="Model", help="The fitted recipe and models. Open it only with predict.py, which checks its SHA-256 first.", order=10)
def model(contents: Contents) -> bytes:
    return contents.model


@part("plan.json", title="Plan", help="What was done, as data: the same plan on the same table trains the same model.", order=20)
def plan(contents: Contents) -> str:
    return contents.plan.model_dump_json(indent=1) + "\n"


@part("schema.json", title="Schema", help="The columns that the model expects, how they are read, and what was seen in them.", order=30)
def schema(contents: Contents) -> str:
    return contents.predictor.schema.model_dump_json(indent=1) + "\n"


@part("contract.json", title="Contract", help="What the rows must keep to, where the dataset has a contract; predict.py checks it.", order=35)
def contract(contents: Contents) -> str | None:
    return contents.contract.only(contents.predictor.schema.names).model_dump_json(indent=1) + "\n" if contents.contract else None


@part("requirements.txt", title="Requirements", help="The exact packages that scoring loads, pinned.", order=40)
def requirements(contents: Contents) -> str:
    return "".join(f"{pin}\n" for pin in contents.packages)


@part("predict.py", title="Scoring script", help="python predict.py ROWS.csv --out PREDICTIONS.csv, in any folder.", order=50)
def predict(contents: Contents) -> str:
    return (Path(__file__).parent / "predict_template.py").read_text()


@part("MODEL_CARD.md", title="Model card", help="What the model is for, how good it is and on which rows, and what it was trained on.", order=60)
def card(contents: Contents) -> str:
    lines = [*_card_facts(contents), *_card_scores(contents), *_card_use(contents)]
    return "\n".join(lines) + "\n"


def source_files() -> dict[str, bytes]:
    """The modules of this package that scoring needs, by their path in the bundle."""
    root = Path(__file__).parents[1]
    found = {"pipeline/__init__.py": INIT.encode()}
    for name in SOURCE:
        paths = [root / name] if (root / name).is_file() else sorted((root / name).rglob("*.py"))
        found |= {f"pipeline/{path.relative_to(root).as_posix()}": path.read_bytes() for path in paths}
    return found


def _card_facts(contents: Contents) -> list[str]:
    version, about = contents.version, contents.predictor.about
    return [
        f"# {_plain(version.name)}, version {version.version}",
        "",
        f"Predicts **{_plain(contents.plan.target)}** ({contents.plan.task}) with {_card_models(about)}.",
        "",
        f"- Trained on {about['training_rows']:,} rows; {_card_holdout(contents.evaluation)}",
        f"- Data: SHA-256 of the content {version.content_sha256}, of the file {version.file_sha256}.",
        f"- Plan: fingerprint {about['plan']}, seed {contents.plan.seed}. Run {version.run_id}.",
        f"- Parameters of {'the member with the most weight' if len(about['members']) > 1 else 'the model'}: "
        f"`{json.dumps(about['params'], sort_keys=True)}`",
    ]


def _card_models(about: dict[str, Any]) -> str:
    """Who predicts: one family, or an ensemble with its members and weights."""
    models = "one fitted model" if about["models"] == 1 else f"the weighted mean of {about['models']} fitted models"
    if len(about["members"]) == 1:
        return f"{about['family']}: {models}"
    votes = ", ".join(f"{m['family']} {m['weight']:.0%}" for m in sorted(about["members"], key=lambda m: -m["weight"]))
    return f"an ensemble of {len(about['members'])} trials ({votes}): {models}"


def _card_holdout(evaluation: dict[str, Any]) -> str:
    if "holdout" in evaluation:
        return f"{evaluation['holdout']['rows']:,} further rows were held out and used once."
    return "no rows were held out: every figure below is of predictions by models that have not seen the row."


def _card_scores(contents: Contents) -> list[str]:
    """The scores of this very model where the run has two: by every metric for the accurate one, by the run's metric for the fast one."""
    lines = ["", "## How good", "", *_card_offered(contents)]
    parts = [part for part in ("holdout", "cv") if part in contents.evaluation]
    words = {"holdout": "holdout", "cv": "out of fold"}
    lines += ["", "The most accurate model of the run, by every metric; an interval says where the score on as many other rows like these will be:", ""]
    lines += ["| metric | " + " | ".join(f"{words[part]} | 95 % interval" for part in parts) + " |", "|---" * (1 + 2 * len(parts)) + "|"]
    figures = [{m["name"]: m for m in contents.evaluation[part]["metrics"]} for part in parts]
    for name, m in figures[0].items():
        lines.append(f"| {m['title']} | " + " | ".join(_card_figure(one[name]) for one in figures) + " |")
    lines += ["", "Families tried, by cross-validation:", "", "| family | score | 95 % interval | |", "|---|---|---|---|"]
    for row in contents.leaderboard:
        low, high = row["interval"]
        mark = "baseline" if row["baseline"] else "within noise of the first" if row["tied"] else ""
        lines.append(f"| {row['title']} | {row['score']:.5g} | {low:.5g} to {high:.5g} | {mark} |")
    return lines


def _card_figure(m: dict[str, Any]) -> str:
    return f"{m['value']:.5g} | {m['low']:.5g} to {m['high']:.5g}"


def _card_offered(contents: Contents) -> list[str]:
    """The run's two models by its metric, and which of them this is."""
    ours = contents.result
    lines = [f"| model | {contents.plan.metric}, out of fold | on the holdout | ms per 1,000 rows |", "|---|---|---|---|"]
    for result in contents.evaluation["results"]:
        held = "" if result["holdout"] is None else f"{result['holdout']:.5g}"
        mark = f"**{result['name']}** (this one)" if result["name"] == ours else result["name"]
        lines.append(f"| {mark} | {result['cv']:.5g} | {held} | {result['latency'] * 1000:.1f} |")
    return lines


def _card_use(contents: Contents) -> list[str]:
    columns = ", ".join(f"`{_plain(name)}`" for name in contents.predictor.schema.names)
    return [
        "",
        "## Use",
        "",
        "`pip install -r requirements.txt`, then `python predict.py ROWS.csv --out PREDICTIONS.csv`. Each row gets a verdict: ok, note",
        "(something harmless was put right) or check (the prediction rests on a guess; the reasons name the columns).",
        "",
        f"Expects these columns, in any order: {columns}.",
        "",
        "Not judged here: fairness between groups, and data from another time or place than the training rows.",
    ]


def _plain(name: str) -> str:
    """A name from the data, without what Markdown or HTML would act on."""
    return "".join(c if c.isalnum() or c in " _-.,:" else f"&#{ord(c)};" for c in name)
