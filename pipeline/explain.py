"""Why: what the model rests on, measured on rows that the measured model has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import catalog, evaluate

if TYPE_CHECKING:
    from pipeline.predictor import FittedModel
    from pipeline.trials import TrainingData

ROWS_PER_FOLD = 400
MOST_COLUMNS = 60
LEAST_TURNS = 4


def permutation_importance(data: TrainingData, models: Mapping[int, FittedModel]) -> list[dict[str, Any]]:
    """How much worse the metric gets when one column is shuffled: Breiman 2001, on each fold's validation rows.

    `models` are those of one configuration by fold. With a single fold, its rows are shuffled several times instead.

    One row per column, most important first: `column`, `importance` (the mean loss of the metric over the folds, in the
    metric's unit, positive when the column helps), `low` and `high` (95 %, Student's t over the folds). Columns that
    carry the same information share their importance and can all look unimportant. At most 60 columns are measured.
    """
    from scipy import stats

    rng = np.random.default_rng(data.plan.seed)
    columns = data.plan.features[:MOST_COLUMNS]
    turns = [fold for fold in models for _ in range(max(1, LEAST_TURNS // len(models)))]
    losses = np.array([_fold_losses(data, models[fold], fold, columns, rng) for fold in turns])
    mean, error = np.nanmean(losses, axis=0), np.nanstd(losses, axis=0, ddof=1) / np.sqrt(len(losses))
    half = stats.t.ppf(0.975, len(losses) - 1) * error
    table = [
        {"column": name, "importance": float(m), "low": float(m - h), "high": float(m + h)}
        for name, m, h in zip(columns, mean, half, strict=True)
    ]
    return sorted(table, key=lambda row: -row["importance"])


def _fold_losses(data: TrainingData, model: FittedModel, fold: int, columns: list[str], rng: np.random.Generator) -> list[float]:
    """One fold: the metric's loss for each column shuffled. All shuffled copies are predicted in one call, which is much the quicker."""
    import pandas as pd

    rows = rng.permutation(data.folds[fold][1])[:ROWS_PER_FOLD]
    table, y = data.table.iloc[rows], data.y[rows]
    copies = [table, *(table.assign(**{name: table[name].iloc[rng.permutation(len(rows))].array}) for name in columns)]
    predicted = np.split(model.predict(pd.concat(copies, ignore_index=True)), len(copies))
    whole, *shuffled = (evaluate.score(data.plan.metric, y, p) for p in predicted)
    sign = 1 if catalog.get("metric", data.plan.metric).facts.greater else -1
    return [sign * (whole - score) for score in shuffled]
