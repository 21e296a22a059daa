"""Looking back at the trials of one family: which parameters mattered, and how the score lies over two of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline import catalog
from pipeline.catalog import Param
from pipeline.errors import TrainingError
from pipeline.strategies.bayes import frozen, told_study
from pipeline.strategies.entry import Past
from pipeline.strategies.space import position, value_at

LEAST = 10  # trials; with fewer, an importance says more about chance than about the parameters
STEPS = 40  # of a surface, in each direction


@dataclass(frozen=True)
class Study:
    """The finished trials of one family: pairs (parameters, score)."""

    family: str
    trials: tuple[tuple[dict[str, Any], float], ...]

    def tuned(self) -> list[Param]:
        """The parameters that differ between the trials."""
        params = catalog.get("family", self.family).params
        return [p for p in params if len({str(given.get(p.name, p.default)) for given, _ in self.trials}) > 1]

    def importance(self) -> dict[str, float]:
        """The share of the score's variance that each tuned parameter explains, greatest first (fANOVA).

        Raises TrainingError when there are too few trials to say.
        """
        import optuna

        tuned = [p for p in self.tuned() if p.kind != "text"]
        if len(self.trials) < LEAST or not tuned:
            seen = f"{len(self.trials)} trials with {len(tuned)} parameters that differ"
            raise TrainingError(f"There are {seen}; importance needs at least {LEAST} trials.", "Search longer, or extend the run.")
        past = [Past(self.family, params, score) for params, score in self.trials]
        study = told_study(frozen(past, {self.family: tuned}))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        names = {f"{self.family}.{p.name}": p.name for p in tuned}
        found = optuna.importance.get_param_importances(study, evaluator=evaluator, params=list(names))
        return {names[name]: float(share) for name, share in found.items()}

    def surface(self, first: str, second: str) -> dict[str, list]:
        """The score over two numbers: {"x", "y", "z"}, z in rows of y, None outside of what was tried.

        Raises TrainingError when the trials do not span an area.
        """
        from scipy.interpolate import griddata

        entry = catalog.get("family", self.family)
        params = [entry.param(first), entry.param(second)]
        places = np.array([[position(p, given.get(p.name, p.default)) for p in params] for given, _ in self.trials])
        spans = len(self.trials) > 3 and np.linalg.matrix_rank(places - places.mean(axis=0), tol=1e-6) == 2
        if not spans:
            raise TrainingError(
                f"The trials do not span an area of {params[0].title} and {params[1].title}.", "Choose other parameters, or search longer."
            )
        grid = [np.linspace(*(f(column) for f in (np.min, np.max)), STEPS) for column in places.T]
        z = griddata(places, np.array([score for _, score in self.trials]), tuple(np.meshgrid(*grid)), method="linear")
        x, y = ([value_at(replace(p, kind="float"), float(place)) for place in axis] for p, axis in zip(params, grid, strict=True))
        return {"x": x, "y": y, "z": _with_gaps(z)}


def _with_gaps(z: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in z]
