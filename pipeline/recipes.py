"""What the command line does with recipes. Each verb answers with what to say, or with rows to list, and with notes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotFound, TrainyardError

if TYPE_CHECKING:
    from pipeline.features import Recipe
    from pipeline.plan import Plan
    from pipeline.store import Dataset, Store

Answer = tuple[str | list[dict[str, Any]], list[str]]
DATASET = "its id, or its name for the newest version"


def options(verbs: Any, command: Callable[[Any, str, str, Callable], argparse.ArgumentParser], run: Callable) -> None:
    """Describe the verbs to the parser; `run` gets their arguments, with `act` as the function below that does it."""
    for act, help_ in (
        (listed, "list the templates"), (save, "keep the recipe of a dataset's draft as a template"), (bring, "keep the recipe of a file as a template"),
        (export, "write a template to a file"), (apply, "put a template into a dataset's draft"), (delete, "forget a template"),
        (undo, "undo the last change of a dataset's draft"), (redo, "make the change again that was undone last"),
    ):  # fmt: skip
        verb = command(verbs, {"listed": "list", "bring": "import"}.get(act.__name__, act.__name__), help_, run)
        verb.set_defaults(act=act, json=False)
        if act in (save, export, apply, delete):
            verb.add_argument("name", help="of the template")
        if act in (save, apply, undo, redo):
            verb.add_argument("dataset", help=DATASET)
        for words, more in _more(act):
            verb.add_argument(words, **more)


def _more(act: Callable) -> list[tuple[str, dict[str, Any]]]:
    mapped = {"metavar": "OLD=NEW", "action": "append", "default": [], "type": _names, "help": "a column that has another name here"}
    found: dict[Callable, list[tuple[str, dict[str, Any]]]] = {
        listed: [("--json", {"action": "store_true", "help": "print JSON instead of words"})],
        bring: [("file", {"help": "JSON"}), ("--name", {"help": "default: the recipe's own, else the file's"})],
        export: [("--to", {"required": True, "metavar": "PATH"})],
        apply: [("--map", mapped), ("--behind", {"action": "store_true", "help": "behind the draft's own steps, not in their place"})],
    }
    return found.get(act, [])


def _names(text: str) -> tuple[str, str | None]:
    old, equals, new = text.partition("=")
    if not (old and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW; OLD= leaves a column out")
    return old, new or None


def listed(store: Store, args: argparse.Namespace) -> Answer:
    return [{"template": t.name, "steps": [s["step"] for s in t.recipe["steps"]], "saved": t.saved.isoformat()} for t in store.templates()], []


def save(store: Store, args: argparse.Namespace) -> Answer:
    from pipeline.features import Recipe

    _, plan = draft(store, args.dataset)
    store.keep_template(args.name, Recipe.of(plan, args.name).model_dump(mode="json"))
    return f"kept {args.name!r} with {len(plan.recipe)} steps", []


def bring(store: Store, args: argparse.Namespace) -> Answer:
    from pipeline.features import Recipe

    path = Path(args.file)
    recipe = Recipe.parse(path.read_bytes())
    name = args.name or recipe.name or path.stem
    store.keep_template(name, recipe.model_dump(mode="json"))
    return f"kept {name!r} with {len(recipe.steps)} steps", []


def export(store: Store, args: argparse.Namespace) -> Answer:
    Path(args.to).write_text(json.dumps(store.template(args.name).recipe, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return args.to, []


def apply(store: Store, args: argparse.Namespace) -> Answer:
    dataset, plan = draft(store, args.dataset)
    plan, notes = put(find(store, args.name), plan, dict(args.map), args.behind)
    store.save_draft(dataset.id, plan)
    problems = [f"{problem.message} {problem.hint}" for problem in plan.problems(dataset.schema)]
    return f"{dataset.name} v{dataset.version}: {len(plan.recipe)} steps", [*notes, *problems]


def delete(store: Store, args: argparse.Namespace) -> Answer:
    store.delete_template(args.name)
    return f"forgot {args.name!r}", []


def undo(store: Store, args: argparse.Namespace) -> Answer:
    return _turned(store, args.dataset, "undo", store.undo_draft)


def redo(store: Store, args: argparse.Namespace) -> Answer:
    return _turned(store, args.dataset, "redo", store.redo_draft)


def _turned(store: Store, ref: str, word: str, turn: Callable[[str], Plan | None]) -> Answer:
    dataset, before = draft(store, ref)
    after = turn(dataset.id)
    if after is None:
        raise TrainyardError(f"There is nothing to {word} in the draft of {dataset.name!r}.", "It stays as it is.")
    changed = [name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)]
    return f"{dataset.name} v{dataset.version}: {', '.join(changed)}", []


def find(store: Store, name: str) -> Recipe:
    """A template by its name, or the recipe of a JSON file."""
    from pipeline.features import Recipe

    path = Path(name)
    return Recipe.parse(path.read_bytes()) if path.is_file() else Recipe.model_validate(store.template(name).recipe)


def put(recipe: Recipe, plan: Plan, names: dict[str, str | None], behind: bool = False) -> tuple[Plan, list[str]]:
    """The plan with a recipe; columns under other names are found as the page suggests them. Whatever is not as it was is told."""
    mapping = recipe.suggested(plan) | names
    plan, told = recipe.applied(plan, mapping, behind=behind)
    return plan, [*(f"{new!r} is taken for {old!r}." for old, new in mapping.items() if new not in (None, old)), *told]


def draft(store: Store, ref: str) -> tuple[Dataset, Plan]:
    """A dataset by its id or its name, with its draft."""
    found = store.datasets(ref)
    dataset = found[0] if found else store.dataset(ref)
    plan = store.draft(dataset.id)
    if plan is None:
        raise NotFound(f"The dataset {dataset.name!r} has no draft yet.", "Choose its target on the Features page.")
    return dataset, plan
