"""The command line: every verb that the pages have. `python -m pipeline --help` lists them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import imports, recipes
from pipeline.errors import NotFound, TrainingError, TrainyardError

JSON_HELP = "print JSON instead of words"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 refused or failed (one sentence and a hint on stderr), 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["worker"]:
        from pipeline import worker

        return worker.main(arguments[1:])
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except TrainyardError as error:
        _err(f"error: {error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 1
    except FileNotFoundError as error:
        _err(f"error: There is no file {str(error.filename)!r}.\nhint: Check the path.\n")
        return 1
    except KeyboardInterrupt:
        _err("interrupted\nhint: `python -m pipeline runs` shows what was under way; `resume RUN` goes on with it.\n")
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description="Trainyard on the command line.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _train_options(_command(commands, "train", "train, evaluate and keep a model", train))
    imports.verbs(commands, _command, _store, _json)
    predict_ = _command(commands, "predict", "score a file with a kept model or a bundle", predict)
    predict_.add_argument("model", help="name, name:version, name@alias, or a bundle file")
    predict_.add_argument("data", help="the file to score")
    predict_.add_argument("--out", required=True, metavar="PREDICTIONS.csv")
    check_ = _command(commands, "check", "judge the quality of a file", check)
    check_.add_argument("data")
    check_.add_argument("--target", metavar="COL")
    check_.add_argument("--against", metavar="FILE", help="other rows of the same columns: is the data still alike?")
    check_.add_argument("--contract", metavar="DATASET", help="check the file against the contract of that dataset as well")
    imports.add_arguments(check_)
    check_.add_argument("--json", action="store_true", help=JSON_HELP)
    ask_ = _command(commands, "ask", "ask a long question about a file: court, doctor, costs, candidates, worth", ask)
    ask_.add_argument("question", help="the name of an analysis")
    ask_.add_argument("data")
    ask_.add_argument("--target", required=True, metavar="COL")
    ask_.add_argument("--set", metavar="PARAM=VALUE", action="append", default=[], type=_setting, help="a parameter of the analysis")
    export_ = _command(commands, "export", "write a bundle that predicts outside the project, and prove it", export)
    export_.add_argument("model", help="name, name:version or name@alias")
    export_.add_argument("--to", required=True, metavar="PATH")
    for name, run in (("runs", runs), ("models", models), ("datasets", datasets)):
        _command(commands, name, f"list the {name}", run).add_argument("--json", action="store_true", help=JSON_HELP)
    verbs = (("resume", resume, "go on with a run from its finished trials"), ("replay", replay, "make the trials of a run in seconds again, exactly"))
    for name, run, help_ in (*verbs, ("cancel", cancel, "stop a run, keep its best")):
        _command(commands, name, help_, run).add_argument("run_id", metavar="RUN")
    longer = _command(commands, "extend", "a run that is done with more trials, as a new run", extend)
    longer.add_argument("run_id", metavar="RUN")
    longer.add_argument("--trials", type=_positive(int), required=True, help="how many more")
    keep_ = _command(commands, "keep", "keep a model of a finished run under a name", keep)
    keep_.add_argument("run_id", metavar="RUN")
    keep_.add_argument("--name", help="the model's name (default: the dataset's)")
    keep_.add_argument("--result", choices=("accurate", "fast"), default="accurate", help="which of the run's two models is kept")
    about = "keep recipes by name, hand them out as files, put them into drafts, undo and redo"
    recipes.options(commands.add_parser("recipe", help=about).add_subparsers(required=True, metavar="VERB"), _command, recipe)
    _command(commands, "worker", "work on queued runs until idle (started by the app)", run=lambda args: 0)
    return parser


def _command(commands: Any, name: str, help_: str, run: Callable) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=help_.capitalize() + ".")
    parser.add_argument("--home", metavar="DIR", help="where everything is kept (default: $TRAINYARD_HOME, else the user's data folder)")
    parser.set_defaults(run=run)
    return parser


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", help="CSV, TSV, Excel, Parquet, JSON or JSON Lines, plain or gzip")
    parser.add_argument("--target", required=True, metavar="COL")
    parser.add_argument("--name", help="the model's name (default: the file's)")
    parser.add_argument("--metric", metavar="M", help="what to optimise (default: roc_auc, log_loss or rmse, by task)")
    parser.add_argument("--task", choices=("binary", "multiclass", "regression"), help="default: seen from the target")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--budget-seconds", type=_positive(float), metavar="S", help="default: 60")
    budget.add_argument("--budget-trials", type=_positive(int), metavar="N", help="exactly reproducible; the baseline is extra")
    parser.add_argument("--families", metavar="a,b,c", type=lambda text: [name.strip() for name in text.split(",") if name.strip()])
    for kind, what in (("strategy", "how to search: grid, random, tpe, gp, nsga2 or cmaes"), ("pruner", "median, halving, hyperband or wilcoxon")):
        parser.add_argument(f"--{kind}", metavar="NAME", help=f"{what} (default: the plan's)")
        parser.add_argument(f"--{kind}-set", metavar="PARAM=VALUE", action="append", default=[], type=_setting, help=f"a parameter of the {kind}")
    parser.add_argument("--holdout", type=_share, metavar="SHARE", help="rows that no trial sees, to check the result with: 0.2 is a fifth, 0 none")
    parser.add_argument("--result", choices=("accurate", "fast"), default="accurate", help="which of the run's two models is kept")
    parser.add_argument("--plan", metavar="FILE", help="start from this plan (JSON) instead of a draft")
    parser.add_argument("--recipe", metavar="NAME", help="the steps of this template, or of a JSON file, in the place of the drafted ones")
    parser.add_argument("--seed", type=int, metavar="N")
    imports.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def _setting(text: str) -> tuple[str, Any]:
    """`points=4` as ("points", 4): a number, true or false where it reads as one, else text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not PARAM=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _positive(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    parse.__name__ = "number"  # argparse puts this name into its message
    return parse


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return value


def train(args: argparse.Namespace) -> int:
    from pipeline.worker import run_here

    store, path = _store(args), Path(args.data)
    name = args.name or path.name.partition(".")[0]
    dataset = store.add_dataset(name, path, options=imports.options_of(args))
    run = store.submit(_plan(args, dataset))
    with _Bar(run.plan) as bar:
        run = run_here(store, run.id, on_event=bar.on_event)
    if run.state not in ("done", "cancelled"):
        raise TrainingError(run.message or f"The run ended as {run.state}.", run.hint or f"python -m pipeline resume {run.id}")
    known = store.versions(name)
    version = store.keep(run.id, name, args.result)
    return _show_training(args, store, run, version, version in known)


def keep(args: argparse.Namespace) -> int:
    """The model of a run that was resumed or replayed, or of one that the app made."""
    store = _store(args)
    name = args.name or store.dataset(store.run(args.run_id).dataset_id).name
    known = store.versions(name)
    version = store.keep(args.run_id, name, args.result)
    _out(_kept(version, args.result, version in known))
    return 0


def _kept(version: Any, result: str, before: bool) -> str:
    return f"{'already' if before else 'now'} kept as {version.ref} ({result}), run {version.run_id}\n"


def _plan(args: argparse.Namespace, dataset: Any) -> Any:
    from pipeline.plan import Plan
    from pipeline.run import with_options

    if args.plan:
        plan = Plan.parse(Path(args.plan).read_bytes()).change(dataset=dataset.id, target=args.target)
    else:
        plan = Plan.draft(dataset.schema, args.target, dataset=dataset.id, task=args.task)
    plan = with_options(
        plan, budget_seconds=args.budget_seconds, budget_trials=args.budget_trials, metric=args.metric,
        families=args.families or (), seed=args.seed, strategy=args.strategy, holdout=args.holdout,
    )  # fmt: skip
    if args.recipe:
        plan, notes = recipes.put(recipes.find(_store(args), args.recipe), plan, {})
        _notes(notes)
    return _searched(args, plan)


def _searched(args: argparse.Namespace, plan: Any) -> Any:
    """The plan with the strategy and the pruner that were asked for. How large a grid is, is said before it starts."""
    from pipeline.strategies import grid_sizes, strategy_of

    search = plan.search.model_dump(mode="json")
    for kind, field, name, given in (
        ("strategy", "params", args.strategy, args.strategy_set), ("pruner", "pruner_params", args.pruner, args.pruner_set),
    ):  # fmt: skip
        kept = search[field] if name in (None, search[kind]) else {}
        search |= {kind: name or search[kind], field: kept | dict(given)}
    plan = plan.change(search=search)
    if plan.search.strategy == "grid":
        sizes = grid_sizes(plan, **strategy_of(plan.search).keywords)
        _err(f"grid: {sum(sizes.values()):,} combinations ({', '.join(f'{name} {size:,}' for name, size in sizes.items())})\n")
    return plan


def _show_training(args: argparse.Namespace, store: Any, run: Any, version: Any, before: bool) -> int:
    evaluation, board = store.evaluation(run.id), store.leaderboard(run.id)
    judged = evaluation.get("holdout") or evaluation["cv"]
    shown_of = next(m for m in judged["metrics"] if m["name"] == run.plan.metric)
    kept = next(r for r in evaluation["results"] if r["name"] == args.result)
    shown = {
        "run": run.id, "model": f"{version.name}:{version.version}", "result": args.result, "task": run.plan.task, "metric": run.plan.metric,
        "score": kept["cv"], "holdout": kept["holdout"], "interval": [shown_of["low"], shown_of["high"]], "members": kept["members"],
        "results": evaluation["results"], "leaderboard": board,
        "seconds": round((run.finished - run.started).total_seconds(), 2), "state": run.state,
    }  # fmt: skip
    if args.json:
        return _json(shown)
    rows = [[r["title"], f"{r['score']:.5g}", "{:.5g} to {:.5g}".format(*r["interval"]), f"{r['seconds']:.1f}", _remark(r)] for r in board]
    _table(["family", f"{shown_of['title']} (cross-validated)", "95 % interval", "seconds", ""], rows)
    _show_results(evaluation, shown_of["title"])
    where = f"{judged['rows']:,} rows never trained on" if "holdout" in evaluation else f"{judged['rows']:,} rows out of fold; none were held out"
    _out(f"\n{shown_of['title']} on {where}: {shown_of['value']:.5g} (95 % interval {shown_of['low']:.5g} to {shown_of['high']:.5g})\n")
    _out(_kept(version, args.result, before))
    return 0


def _show_results(evaluation: dict[str, Any], metric: str) -> None:
    """The two models that the run offers, and who votes in the accurate one."""
    _out("\n")
    results = evaluation["results"]
    rows = [[r["name"], _made_of(r), f"{r['cv']:.5g}", _word(r["holdout"]), f"{r['latency'] * 1000:.1f}"] for r in results]
    _table(["result", "made of", f"{metric} (out of fold)", "on the holdout", "ms per 1,000 rows"], rows)
    for member in results[0]["members"] if len(results[0]["members"]) > 1 else ():
        _out(f"  {member['weight']:.0%} {_family(member['family'])}, trial {member['trial']}\n")


def _made_of(result: dict[str, Any]) -> str:
    models = "1 model" if result["models"] == 1 else f"{result['models']} models"
    if len(result["members"]) > 1:
        return f"an ensemble of {len(result['members'])} trials, {models}"
    return f"{_family(result['family'])}, {models}"


def _family(name: str) -> str:
    from pipeline import catalog

    return catalog.get("family", name).title


def _remark(row: dict[str, Any]) -> str:
    if row["baseline"]:
        return "baseline"
    return "within noise of the best" if row["tied"] else ""


def predict(args: argparse.Namespace) -> int:
    from pipeline.data import read_rows

    predictor, contract = _predictor(args)
    table, _ = read_rows(args.data, predictor.schema)
    scored = predictor.score(table, contract)
    out = Path(args.out)
    partial = out.with_name(out.name + ".partial")
    partial.write_bytes(scored.csv())
    partial.replace(out)
    for notice in scored.notices:
        _err(f"note: {notice}\n")
    counts = scored.table["verdict"].value_counts()
    _err(f"{len(scored.table):,} rows: " + ", ".join(f"{n:,} {verdict}" for verdict, n in counts.items()) + f". Written to {out}.\n")
    return 0


def _predictor(args: argparse.Namespace) -> tuple[Any, Any]:
    """The model, and the contract that the rows must keep."""
    from pipeline.export import open_bundle
    from pipeline.store.artifacts import load_verified

    if Path(args.model).is_file():
        return open_bundle(args.model, load_verified)
    store = _store(args)
    version = store.model(args.model)
    return store.predictor(version), store.contract(store.dataset(version.dataset_id).name)


def check(args: argparse.Namespace) -> int:
    from pipeline import quality
    from pipeline.data import conform, load, read_rows

    table, schema, imported = load(args.data, options=imports.options_of(args))
    against = conform(read_rows(args.against, schema)[0], schema).table if args.against else None
    report, breaches = quality.check(table, schema, args.target, against=against), _breaches(args, table, schema)
    if args.json:
        found = {**report.model_dump(mode="json"), "import": imported.model_dump(mode="json")}
        return _json(found if breaches is None else {**found, "contract": [asdict(breach) for breach in breaches]})
    for problem in imported.problems:
        _out(f"import   {problem.message}\n")
    for breach in breaches or ():
        _out(f"contract {breach.message}\n")
    marks = {"passed": "passed  ", "not_applicable": "n/a     "}
    for f in report.findings:
        _out(f"{marks.get(f.status, f.severity.ljust(8))} {f.code} {f.title}: {f.reason or f.explanation}\n")
    return 0


def ask(args: argparse.Namespace) -> int:
    """The answer is JSON in any case: what it says differs from question to question."""
    from pipeline.plan import Plan
    from pipeline.worker import run_here

    store, path = _store(args), Path(args.data)
    dataset = store.add_dataset(path.name.partition(".")[0], path)
    plan = store.draft(dataset.id)
    if plan is None or plan.target != args.target:
        plan = Plan.draft(dataset.schema, args.target, dataset=dataset.id)
    run = store.submit(plan.asking(args.question, **dict(args.set)))
    with _Bar(run.plan) as bar:
        run = run_here(store, run.id, on_event=bar.on_event)
    if run.state != "done":
        raise TrainingError(run.message or f"The run ended as {run.state}.", run.hint)
    return _json(store.evaluation(run.id))


def _breaches(args: argparse.Namespace, table: Any, schema: Any) -> list | None:
    """What the file breaks of the contract that was asked for; None when none was."""
    if not args.contract:
        return None
    contract = _store(args).contract(args.contract)
    if contract is None:
        raise NotFound(f"The dataset {args.contract!r} has no contract.", "Keep one on the Contract tab of the Data page.")
    return contract.check(table, schema)


def export(args: argparse.Namespace) -> int:
    from pipeline.export import export_model

    store = _store(args)
    made = export_model(store, store.model(args.model), args.to)
    _out(f"{made.path}  sha256 {made.sha256}\n")
    _out(f"proved: {made.rows_compared} rows in a new process, largest difference {made.largest_difference:.3g}\n")
    return 0


def runs(args: argparse.Namespace) -> int:
    found = [
        {"run": r.id, "dataset": r.dataset_id, "target": r.plan.target, "metric": r.plan.metric, "state": r.state,
         "trials": r.trials_done, "best": (r.best or {}).get("score"), "created": r.created.isoformat(), "message": r.message}
        for r in _store(args).runs()
    ]  # fmt: skip
    return _list(args, found)


def models(args: argparse.Namespace) -> int:
    store = _store(args)
    found = [
        {"model": f"{v.name}:{v.version}", "run": v.run_id, "aliases": [a for a, n in store.aliases(v.name).items() if n == v.version],
         "created": v.created.isoformat(), "content_sha256": v.content_sha256}
        for v in store.versions()
    ]  # fmt: skip
    return _list(args, found)


def datasets(args: argparse.Namespace) -> int:
    found = [
        {"dataset": d.id, "name": d.name, "version": d.version, "rows": d.rows, "columns": d.columns, "sha256": d.sha256,
         "created": d.created.isoformat()}
        for d in _store(args).datasets()
    ]  # fmt: skip
    return _list(args, found)


def recipe(args: argparse.Namespace) -> int:
    said, notes = args.act(_store(args), args)
    _notes(notes)
    if isinstance(said, list):
        return _list(args, said)
    _out(f"{said}\n")
    return 0


def _notes(notes: list[str]) -> None:
    for note in notes:
        _err(f"note: {note}\n")


def resume(args: argparse.Namespace) -> int:
    store = _store(args)
    return _carried_out(store, store.resume(args.run_id))


def replay(args: argparse.Namespace) -> int:
    store = _store(args)
    return _carried_out(store, store.submit(store.replayed(args.run_id)))


def extend(args: argparse.Namespace) -> int:
    store = _store(args)
    return _carried_out(store, store.extend(args.run_id, args.trials))


def _carried_out(store: Any, run: Any) -> int:
    from pipeline.worker import run_here

    with _Bar(run.plan) as bar:
        run = run_here(store, run.id, on_event=bar.on_event)
    if run.state not in ("done", "cancelled"):
        raise TrainingError(run.message or f"The run ended as {run.state}.", run.hint)
    _out(f"run {run.id}: {run.state}, {run.trials_done} trials\n")
    _err(f"hint: `python -m pipeline keep {run.id}` keeps its model.\n")
    return 0


def cancel(args: argparse.Namespace) -> int:
    run = _store(args).request_stop(args.run_id)
    _out(f"run {run.id}: {run.state}\n")
    return 0


class _Bar:
    """The progress of a run on the terminal: on stderr, so that stdout has only the answer."""

    def __init__(self, plan: Any) -> None:
        from tqdm import tqdm

        form = "{percentage:3.0f}%|{bar:30}| {elapsed}{postfix}"
        self._bar = tqdm(total=1.0, file=sys.stderr, bar_format=form, leave=False, disable=None)
        self._metric, self._best, self._doing = plan.metric, "", ""

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def on_event(self, event: Any) -> None:
        kind, payload = event.kind, event.payload
        if kind == "phase":
            self._doing = payload["message"]
        elif kind == "best":
            self._best = f" · best {payload['family']} {self._metric} {payload['score']:.5g}"
        elif kind == "progress":
            self._bar.update(max(0.0, payload["progress"] - self._bar.n))
        elif kind == "warning":
            self._bar.write(f"note: {payload['message']}", file=sys.stderr)
        self._bar.set_postfix_str(f"{self._doing}{self._best}")


def _store(args: argparse.Namespace) -> Any:
    from pipeline.store import Store

    return Store(args.home)


def _list(args: argparse.Namespace, found: list[dict[str, Any]]) -> int:
    if args.json:
        return _json(found)
    if not found:
        _out("Nothing yet.\n")
        return 0
    _table(list(found[0]), [[_word(value) for value in row.values()] for row in found])
    return 0


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        _out("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _json(value: Any) -> int:
    _out(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str) + "\n")
    return 0


def _out(text: str) -> None:
    sys.stdout.write(text)


def _err(text: str) -> None:
    sys.stderr.write(text)


if __name__ == "__main__":
    sys.exit(main())
