"""The plan: what to do, as data. Names and numbers only, frozen, JSON in and out, fingerprinted.

A plan knows no estimator. It is parsed leniently about names (a family that this installation lacks is a problem to
show, not a crash) and strictly about shape, so that an old plan always opens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline import catalog
from pipeline.data.schema import Kind, Schema
from pipeline.data.splits.refusals import refusals
from pipeline.data.splits.split import SPLITS, Split, default_holdout
from pipeline.errors import PlanError, TrainyardError

VERSION = 1
Task = Literal["binary", "multiclass", "regression"]
Role = Literal["feature", "ignore"]
DEFAULT_METRIC: dict[str, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
MOST_CLASSES = 200


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnPlan(Part):
    """What a column is taken for, and whether the model may see it."""

    name: str
    kind: Kind
    role: Role = "feature"
    reason: str = ""
    known: Literal["", "before", "at", "after"] = ""  # when its value is there: before, at or after the moment of prediction


class StepSpec(Part):
    """One step of the recipe. `columns=None` means every column of the kinds that the step is made for."""

    step: str
    columns: tuple[str, ...] | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True


class Fix(Part):
    """An answer to a finding, kept apart so that it can be undone: steps to add, columns to leave out, a metric."""

    code: str
    title: str
    steps: tuple[StepSpec, ...] = ()
    ignore: tuple[str, ...] = ()
    metric: str | None = None


class Balance(Part):
    """What is done about rare classes, on training rows alone: a method of the catalogue; `column` has the weights, for one that reads them."""

    method: str = "none"
    params: dict[str, Any] = Field(default_factory=dict)
    column: str | None = None


class FamilySpec(Part):
    """A family to try: `params` are fixed, `space` narrows what the search may explore (name -> [low, high])."""

    family: str
    params: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Search(Part):
    """How to look for better configurations, and for how long: in trials (exactly reproducible) or in seconds (not).

    `enqueued` are configurations that a person asked for: each is tried once, before the strategy begins.
    """

    strategy: str = "tpe"
    params: dict[str, Any] = Field(default_factory=dict)
    pruner: str = "none"
    pruner_params: dict[str, Any] = Field(default_factory=dict)
    enqueued: tuple[FamilySpec, ...] = ()
    trials: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)

    @property
    def varies(self) -> str:
        """Why another run of the plan may make other trials, in a sentence; nothing when it will make the same."""
        if self.seconds is not None:
            return "How many trials fit into the time depends on the machine. The trials that were made are stored, so they can be replayed."
        timed = next((entry.facts.timed for entry in catalog.entries("strategy") if entry.name == self.strategy), {})
        if any(self.params.get(name) == value for name, value in timed.items()):
            return "The strategy weighs how quickly models predict, which is measured anew in every run."
        return ""


class Analysis(Part):
    """A question about the dataset, asked instead of training: an analysis of the catalogue and its parameters."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class RealisedFit(Part):
    """A fit as a run in seconds made it: `stop` is the round at which the clock ended it, `rounds` what a refit was asked for.

    What was measured (`seconds`, `latency`, `cost`, `alone`) is kept, because the choice of the final models rested on it.
    """

    fold: int
    repeat: int = 0
    rounds: int | None = None
    stop: int | None = None
    state: Literal["complete", "cut", "failed"] = "complete"
    seconds: float = 0.0
    latency: float = 0.0
    cost: tuple[float, float] | None = None
    alone: float | None = None
    message: str = ""


class RealisedTrial(Part):
    """A trial as a run made it, with its fits."""

    family: str
    params: dict[str, Any] = Field(default_factory=dict)
    dropped: str = ""
    fits: tuple[RealisedFit, ...] = ()


class Problem(Part):
    """Why a plan cannot be carried out, and the page that mends it."""

    message: str
    hint: str
    page: Literal["data", "quality", "features", "models", "tuning"]


class Plan(Part):
    """What to do with one table. Make one with `Plan.draft`; change it with `model_copy(update=...)` or the verbs below."""

    version: int = VERSION
    dataset: str | None = None  # the id of the Dataset; None for a table that is in no store
    target: str
    task: Task
    metric: str
    positive: str | None = None
    columns: tuple[ColumnPlan, ...]
    recipe: tuple[StepSpec, ...] = ()
    fixes: tuple[Fix, ...] = ()
    split: Split = Split()
    balance: Balance = Balance()
    families: tuple[FamilySpec, ...] = ()
    search: Search = Search(seconds=60)
    analysis: Analysis | None = None
    replay: tuple[RealisedTrial, ...] = ()
    seed: int = Field(0, ge=0, lt=2**31)

    @classmethod
    def draft(cls, schema: Schema, target: str, *, dataset: str | None = None, task: Task | None = None) -> Plan:
        """A sensible plan for predicting `target`: every default is visible in it and can be changed.

        Raises UnknownName when there is no such column, PlanError when the target cannot be learned.
        """
        column = schema[target]
        task = task or guess_task(schema, target)
        positive = _positive(column.labels) if task == "binary" else None
        columns = tuple(_column_plan(c) for c in schema.columns if c.name != target)
        recipe = catalog.room("step").recipe(schema, target)
        families = tuple(FamilySpec(family=e.name) for e in catalog.entries("family", task) if e.facts.default)
        split = Split(holdout=default_holdout(schema.rows))
        return cls(
            dataset=dataset, target=target, task=task, metric=DEFAULT_METRIC[task], positive=positive, columns=columns,
            recipe=recipe, split=split, families=families,
        )  # fmt: skip

    @classmethod
    def parse(cls, text: str | bytes) -> Plan:
        """A plan from JSON, older versions included. Raises PlanError that names every field that does not fit."""
        try:
            return cls.model_validate(upgrade(json.loads(text)))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise PlanError(f"The plan is not JSON: {error}.", "Export a plan from the Models page and edit that.") from error
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise PlanError("The plan does not have the right shape: " + "; ".join(wrong) + ".", "Mend these fields.", wrong) from error

    def change(self, **fields: Any) -> Plan:
        """This plan with those fields replaced by plain values (what JSON has). Raises PlanError when they do not fit."""
        return self.parse(json.dumps({**self.model_dump(mode="json"), **fields}))

    @property
    def features(self) -> list[str]:
        """The columns that the model sees: roles, less what is set aside."""
        aside = self.set_aside
        return [c.name for c in self.columns if c.role == "feature" and c.name not in aside]

    @property
    def set_aside(self) -> dict[str, str]:
        """Columns that the model does not see whatever their role, and why: an accepted fix, the split, the weights.

        A group would teach the model its members, and a new one has no rows yet; a time may be a feature.
        """
        aside = {name: fix.title for fix in self.fixes for name in fix.ignore}
        if self.split.column and SPLITS[self.split.strategy].column in ("group", "own"):
            aside[self.split.column] = "divides the rows, so the model does not see it"
        if self.balance.column:
            aside[self.balance.column] = "weights the rows, so the model does not see it"
        return aside

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        """The steps that are switched on: those of the accepted fixes first, then the recipe."""
        return tuple(s for s in (*(s for fix in self.fixes for s in fix.steps), *self.recipe) if s.enabled)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each column is taken for; for more than one question, where asking for each `kind` would be slow."""
        return {c.name: c.kind for c in self.columns}

    def kind(self, name: str) -> Kind:
        return next(c.kind for c in self.columns if c.name == name)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: equal plans have equal fingerprints, whatever wrote them."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def asking(self, analysis: str, **params: Any) -> Plan:
        """This plan as a question: a run of it carries out that analysis of the catalogue instead of training."""
        entry = catalog.get("analysis", analysis)
        entry.complete(params)
        return self.model_copy(update={"analysis": Analysis(name=entry.name, params=params)})

    def replaying(self, realised: Iterable[Any]) -> Plan:
        """This plan with the trials that a run of it has made (`evaluation["realised"]`): it makes these again, no others, whatever the time.

        On the same data and the same kind of machine the models are the same. Raises PlanError when it has another shape.
        """
        return self.change(replay=list(realised))

    def extended(self, trials: int) -> Plan:
        """This plan with a budget of so many trials in place of the one that it has."""
        return self.change(search=self.search.model_dump(mode="json") | {"trials": trials, "seconds": None}, replay=[])

    def training(self) -> Plan:
        """This plan without a question: what a run of it would train."""
        return self.model_copy(update={"analysis": None})

    def accept(self, fixes: Iterable[Fix]) -> Plan:
        """This plan with those fixes; one that is accepted already, or that touches the target, changes nothing."""
        have = {(fix.code, fix.title) for fix in self.fixes}
        new = [fix for fix in fixes if (fix.code, fix.title) not in have and self.target not in fix.ignore]
        metric = next((fix.metric for fix in reversed(new) if fix.metric), self.metric)
        return self.model_copy(update={"fixes": (*self.fixes, *new), "metric": metric})

    def with_steps(self, steps: Iterable[StepSpec | dict[str, Any]]) -> Plan:
        """This plan with more steps, each before the first that usually comes later."""
        order, recipe = {entry.name: entry.order for entry in catalog.entries("step")}, list(self.recipe)
        for spec in map(StepSpec.model_validate, steps):
            place = next((i for i, other in enumerate(recipe) if order.get(other.step, 0) > order[spec.step]), len(recipe))
            recipe.insert(place, spec)
        return self.model_copy(update={"recipe": tuple(recipe)})

    def undo(self, code: str, title: str) -> Plan:
        """This plan without that fix; a metric that the fix had set goes back to the task's default."""
        gone = [fix for fix in self.fixes if (fix.code, fix.title) == (code, title)]
        kept = tuple(fix for fix in self.fixes if fix not in gone)
        metric = DEFAULT_METRIC[self.task] if any(fix.metric == self.metric for fix in gone) else self.metric
        return self.model_copy(update={"fixes": kept, "metric": metric})

    def problems(self, schema: Schema) -> list[Problem]:
        """Everything that stands in the way, each with the page that mends it; empty when the plan can run."""
        found = [*_target_problems(self, schema), *_column_problems(self, schema), *_split_problems(self, schema)]
        return [*found, *_name_problems(self), *_recipe_problems(self), *_balance_problems(self, schema), *_budget_problems(self)]

    def require(self, schema: Schema) -> None:
        """Raise PlanError with all problems, if there are any."""
        problems = self.problems(schema)
        if problems:
            raise PlanError(" ".join(p.message for p in problems), problems[0].hint, problems)


def upgrade(data: dict[str, Any]) -> dict[str, Any]:
    """The plan of an older version in today's shape. A newer version than ours is refused."""
    if not isinstance(data, dict):
        raise PlanError(f"The plan is a {type(data).__name__}; expected an object.", "Export a plan from the Models page and edit that.")
    if data.get("version", VERSION) > VERSION:
        raise PlanError(f"The plan has version {data['version']}; this Trainyard reads up to {VERSION}.", "Update Trainyard.")
    return {**data, "version": VERSION}


def guess_task(schema: Schema, target: str) -> Task:
    """Two values: binary. Words, or up to 20 whole numbers: multiclass. Other numbers: regression."""
    column = schema[target]
    if column.unique == 2:
        return "binary"
    if column.dtype in ("int", "float"):
        few = column.unique <= 20 and column.dtype == "int" and schema.rows >= 10 * column.unique
        return "multiclass" if few else "regression"
    return "multiclass"


def _positive(levels: tuple[str, ...]) -> str | None:
    """The class a person asks about: the rarer one, unless one of the two is plainly a yes."""
    yes = {"yes", "true", "1", "y", "t", "positive"}
    return next((level for level in levels if level.strip().lower() in yes), levels[-1] if levels else None)


def _column_plan(column: Any) -> ColumnPlan:
    if column.kind == "id":
        return ColumnPlan(name=column.name, kind=column.kind, role="ignore", reason=column.reason or "identifies the row")
    if column.unique <= 1:
        return ColumnPlan(name=column.name, kind=column.kind, role="ignore", reason="has a single value")
    return ColumnPlan(name=column.name, kind=column.kind)


def _target_problems(plan: Plan, schema: Schema) -> list[Problem]:
    try:
        column = schema[plan.target]
    except TrainyardError as error:
        return [Problem(message=f"The target {plan.target!r} is not in the table.", hint=error.hint, page="features")]
    known = schema.rows - column.missing

    def problem(message: str, hint: str) -> list[Problem]:
        return [Problem(message=message, hint=hint, page="features")]

    if known == 0:
        return problem(f"The target {plan.target!r} is empty in all {schema.rows:,} rows.", "Choose another target.")
    if column.unique < 2:
        only = f" ({column.labels[0]!r})" if column.labels else ""
        return problem(
            f"The target {plan.target!r} has a single value{only}; a model needs at least two.",
            "Choose another target, or add rows with another outcome.",
        )
    if plan.task == "regression" and column.dtype not in ("int", "float"):
        return problem(
            f"The target {plan.target!r} is text; a regression needs numbers.",
            "Choose a numeric target, or train a classification by setting the task.",
        )
    if plan.task == "binary" and column.unique != 2:
        return problem(f"The target {plan.target!r} has {column.unique:,} values; a binary task needs two.", "Set the task to multiclass.")
    if plan.task == "multiclass" and column.unique > MOST_CLASSES:
        return problem(
            f"The target {plan.target!r} has {column.unique:,} different values in {known:,} rows; "
            f"a classification takes at most {MOST_CLASSES}.",
            "Choose a target with fewer values; names and free text cannot be predicted as classes.",
        )
    return _too_few_rows(plan, known)


def _too_few_rows(plan: Plan, known: int) -> list[Problem]:
    folds = plan.split.count(known)
    need = max(20, 4 * folds)
    if known >= need:
        return []
    held = " and a holdout" if plan.split.holdout else ""
    message = f"There are {known} rows with a known target; {folds} folds{held} need at least {need}."
    return [Problem(message=message, hint="Add rows, or use fewer folds.", page="models")]


def _column_problems(plan: Plan, schema: Schema) -> list[Problem]:
    found, there = [], set(schema.names)
    for column in plan.columns:
        if column.name not in there:
            found.append(Problem(message=f"The plan has a column {column.name!r} that the table lacks.", hint="Save the roles again.", page="features"))
    if not plan.features:
        found.append(Problem(message="No column is left for the model to learn from.", hint="Give at least one column the role 'feature'.", page="features"))
    return found


def _split_problems(plan: Plan, schema: Schema) -> list[Problem]:
    """What does not fit in how the rows are divided."""
    found = refusals(plan.split, schema, plan.target, len(plan.families))
    return [Problem(message=message, hint=hint, page="models") for message, hint in found]


def _balance_problems(plan: Plan, schema: Schema) -> list[Problem]:
    """What the chosen method itself says about this plan; an unknown name is told with the other names."""
    method = next((entry for entry in catalog.entries("balance", plan.task) if entry.name == plan.balance.method), None)
    if method is None or plan.target not in schema:
        return []
    found = list(method.facts.refusals(plan, schema))
    if plan.balance.column and not method.facts.reads_column:
        found.append((f"{method.title} does not read the weight column {plan.balance.column!r} that is set.", "Clear the column, or choose its weights."))
    if method.facts.moves_rows and catalog.room("step").grows(plan):
        hint = "Choose class weights, or leave the step out: made-up rows cannot be told from copies afterwards."
        found.append((f"{method.title} does not go together with the steps of the recipe that add training rows.", hint))
    return [Problem(message=message, hint=hint, page="models") for message, hint in found]


def _name_problems(plan: Plan) -> list[Problem]:
    """Names and parameters that the catalogue does not know, collected rather than raised one by one."""
    asked = [("step", s.step, s.params, "features") for s in plan.steps]
    asked += [("family", f.family, f.params, "models") for f in plan.families]
    asked += [("metric", plan.metric, {}, "models"), ("strategy", plan.search.strategy, plan.search.params, "tuning")]
    asked += [("pruner", plan.search.pruner, plan.search.pruner_params, "tuning")]
    asked += [("family", f.family, f.params, "tuning") for f in plan.search.enqueued]
    asked += [("balance", plan.balance.method, plan.balance.params, "models")]
    if plan.analysis:
        asked.append(("analysis", plan.analysis.name, plan.analysis.params, "quality"))
    found = []
    for kind, name, params, page in asked:
        try:
            entry = catalog.get(kind, name)
            entry.complete(params)
            if plan.task not in entry.tasks:
                suited = ", ".join(e.name for e in catalog.entries(kind, plan.task))
                raise PlanError(f"{entry.title} does not apply to a {plan.task} task.", f"Choose one of: {suited}.")
        except TrainyardError as error:
            found.append(Problem(message=str(error), hint=error.hint, page=page))
    return found


def _recipe_problems(plan: Plan) -> list[Problem]:
    """Columns that a step asks for and does not find, and columns that would reach the model as they are."""
    return [Problem(message=message, hint=hint, page="features") for message, hint in catalog.room("step").problems(plan)]


def _budget_problems(plan: Plan) -> list[Problem]:
    found = []
    if not plan.families:
        found.append(Problem(message="No model family is chosen.", hint="Choose at least one family.", page="models"))
    if (plan.search.trials is None) == (plan.search.seconds is None):
        found.append(Problem(message="The budget must be either a number of trials or a number of seconds.", hint="Set one of the two.", page="tuning"))
    return found
