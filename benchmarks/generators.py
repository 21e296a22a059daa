"""One job of benchmarks/features.py, in the environment of one feature generator: each fold's rows as numbers and categories.

Needs nothing but numpy, pandas, scipy and the generator itself. A generator is a function `(train, y, job) -> (made, change)`:
what it makes of the training rows, and what it does to later ones. Both are DataFrames (categories stay categories) or arrays.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

Made = tuple[Any, Callable[[pd.DataFrame], Any]]


def trainyard(train: pd.DataFrame, y: np.ndarray, job: dict) -> Made:
    """Reading, the drafted plan and its recipe, as the family `job["line"]` asks for it."""
    sys.path.insert(0, job["root"])
    from pipeline import catalog, features
    from pipeline.data import conform, infer
    from pipeline.plan import Plan

    table, schema = infer(train)
    plan = Plan.draft(schema, job["target"], task=job["task"])
    recipe = features.build(plan, features.Needs.of(catalog.get("family", job["line"]).facts))
    seen = schema.only(plan.features)
    return recipe.fit_transform(table, y), lambda rows: recipe.transform(conform(rows, seen).table)


def autogluon(train: pd.DataFrame, y: np.ndarray, job: dict) -> Made:
    """What AutoGluon gives to its models; for the linear line one-hot and scaled, because it leaves that to each model."""
    from autogluon.features.generators import AutoMLPipelineFeatureGenerator

    generator = AutoMLPipelineFeatureGenerator(verbosity=0)
    made = generator.fit_transform(X=train.drop(columns=job["target"]), y=pd.Series(y, index=train.index))
    if job["line"] != "linear":
        return made, generator.transform
    tail = _plain_numbers(made)
    return tail.fit_transform(made), lambda rows: tail.transform(generator.transform(rows))


def _plain_numbers(made: pd.DataFrame) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    levels = [name for name in made if made[name].dtype == "category"]
    onehot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_column_transformer((onehot, levels), remainder=numbers, sparse_threshold=0.3)


def skrub(train: pd.DataFrame, y: np.ndarray, job: dict, estimator: Any = None) -> Made:
    """`tabular_pipeline` for this very model, without the model."""
    import skrub as library
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression

    steps = library.tabular_pipeline(estimator or (LogisticRegression() if job["line"] == "linear" else LGBMClassifier()))[:-1]
    return steps.fit_transform(train.drop(columns=job["target"])), lambda rows: steps.transform(
        rows.drop(columns=job["target"], errors="ignore")
    )


def skrub_native(train: pd.DataFrame, y: np.ndarray, job: dict) -> Made:
    """As for scikit-learn's boosting, which takes categories as they are, and so does LightGBM."""
    return skrub(train, y, job, None if job["line"] == "linear" else "classifier")


def keep(path: Path, made: Any, known: dict[int, list[str]] | None = None) -> dict[int, list[str]]:
    """Write a matrix; the levels of the columns that stay categories are told. A level that is not known is missing."""
    if sparse.issparse(made):
        sparse.save_npz(path.with_suffix(".npz"), made.tocsr())
        return {}
    if not isinstance(made, pd.DataFrame):
        np.save(path.with_suffix(".npy"), np.asarray(made, dtype=float))
        return {}
    levels, values = {}, np.empty(made.shape, order="F")
    for i in range(made.shape[1]):
        column = made.iloc[:, i]
        if isinstance(column.dtype, pd.CategoricalDtype):
            names = column.cat.categories.astype(str)
            levels[i] = known[i] if known else list(names)
            values[:, i] = column.cat.rename_categories(names).cat.set_categories(levels[i]).cat.codes
        else:
            values[:, i] = column.to_numpy(dtype=float, na_value=np.nan)
    np.save(path.with_suffix(".npy"), values)
    return levels


def main(work: Path) -> None:
    job = json.loads((work / "job.json").read_text())
    said: dict[str, Any] = {"seconds": [], "columns": [], "levels": []}
    try:
        table, y, fold = pd.read_csv(work / "table.csv"), np.load(work / "y.npy"), np.load(work / "fold.npy")
        globals()[job["system"]](table.head(200).copy(), y[:200], job)  # imports are not what is timed
        for k in range(fold.max() + 1):
            began = time.perf_counter()
            made, change = globals()[job["system"]](table[fold != k].reset_index(drop=True), y[fold != k], job)
            valid = change(table[fold == k].drop(columns=job["target"]).reset_index(drop=True))
            said["seconds"].append(time.perf_counter() - began)
            said["columns"].append(made.shape[1])
            said["levels"].append(keep(work / f"{k}-train", made))
            keep(work / f"{k}-valid", valid, said["levels"][-1])
    except Exception as error:  # noqa: BLE001 - a generator that fails is a result
        said = {"error": f"{type(error).__name__}: {error}"[:300]}
    (work / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
