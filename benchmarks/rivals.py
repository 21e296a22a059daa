"""One job of benchmarks/accuracy.py, in the environment of one system: fit on train.csv, predict test.csv, say how long it took.

Needs nothing but numpy, pandas and the system itself. A system is a function `(train, job) -> predict`, and
`predict(test)` gives values, or (probabilities, classes).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Predict = Callable[[pd.DataFrame], Any]


def trainyard(train: pd.DataFrame, job: dict) -> Predict:
    sys.path.insert(0, job["root"])
    import pipeline

    outcome = pipeline.train(train, job["target"], budget_seconds=job["budget"], seed=job["seed"])
    job["note"] = ", ".join(f"{m['family']} {m['weight']:.2f}" for m in outcome.predictor.about["members"])
    stated = next(m for m in outcome.evaluation["cv"]["metrics"] if m["name"] == outcome.plan.metric)
    job["stated"] = [stated["low"], stated["high"]] if outcome.plan.metric == job["metric"] else None

    def predicting(model: Any) -> Predict:
        return lambda test: model.predict(test) if job["task"] == "regression" else (model.predict_proba(test), list(model.classes))

    job["fast"] = predicting(outcome.fast)
    return predicting(outcome.predictor)


def constant(train: pd.DataFrame, job: dict) -> Predict:
    y = train[job["target"]]
    if job["task"] == "regression":
        return lambda test: np.full(len(test), y.mean())
    share = y.astype(str).value_counts(normalize=True)
    return lambda test: (np.tile(share.to_numpy(), (len(test), 1)), list(share.index))


def lightgbm(train: pd.DataFrame, job: dict) -> Predict:
    """The defaults, on what an analyst does in five lines: every column that is no number becomes a category."""
    import lightgbm as library

    X, y = train.drop(columns=job["target"]), train[job["target"]]
    words = [name for name in X if not (pd.api.types.is_numeric_dtype(X[name]) or pd.api.types.is_bool_dtype(X[name]))]
    levels = {name: X[name].astype("category").cat.categories for name in words}

    def ready(table: pd.DataFrame) -> pd.DataFrame:
        table = table.assign(**{name: pd.Categorical(table[name], categories=levels[name]) for name in words})
        return table.set_axis([f"f{i}" for i in range(table.shape[1])], axis=1)

    kind = library.LGBMRegressor if job["task"] == "regression" else library.LGBMClassifier
    model = kind(verbose=-1, n_jobs=-1, random_state=job["seed"]).fit(ready(X), y if job["task"] == "regression" else y.astype(str))
    return lambda test: model.predict(ready(test)) if job["task"] == "regression" else (model.predict_proba(ready(test)), list(model.classes_))


def skrub(train: pd.DataFrame, job: dict) -> Predict:
    import skrub as library

    model = library.tabular_pipeline("regressor" if job["task"] == "regression" else "classifier")
    model.fit(train.drop(columns=job["target"]), train[job["target"]])
    return lambda test: model.predict(test) if job["task"] == "regression" else (model.predict_proba(test), list(model.classes_))


def flaml(train: pd.DataFrame, job: dict) -> Predict:
    from flaml import AutoML

    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[job["task"]]
    task = "regression" if job["task"] == "regression" else "classification"
    model = AutoML()
    X, y = train.drop(columns=job["target"]), train[job["target"]]
    model.fit(X, y, task=task, metric=metric, time_budget=job["budget"], seed=job["seed"], verbose=0, n_jobs=-1)
    return lambda test: model.predict(test) if job["task"] == "regression" else (model.predict_proba(test), list(model.classes_))


def autogluon(train: pd.DataFrame, job: dict, presets: str = "medium_quality") -> Predict:
    from autogluon.tabular import TabularPredictor

    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[job["task"]]
    model = TabularPredictor(job["target"], problem_type=job["task"], eval_metric=metric, path=tempfile.mkdtemp(), verbosity=0)
    model.fit(train, presets=presets, time_limit=job["budget"])
    job["note"] = f"{len(model.model_names())} models, best {model.model_best}"
    if job["task"] == "regression":
        return model.predict
    return lambda test: (model.predict_proba(test).to_numpy(), list(model.class_labels))


def autogluon_best(train: pd.DataFrame, job: dict) -> Predict:
    return autogluon(train, job, "best_quality")


def predicted(predict: Predict, test: pd.DataFrame, path: Path) -> float:
    """Save the predictions of the test rows; the seconds per 1,000 rows of a second call, on the same rows in turn where they are fewer."""
    found = predict(test)
    values, classes = found if isinstance(found, tuple) else (found, [])
    np.savez(path, values=np.asarray(values, dtype=float), classes=np.array([str(label) for label in classes]))
    batch = test.iloc[np.arange(max(len(test), 1000)) % len(test)].reset_index(drop=True)
    began = time.perf_counter()
    predict(batch)
    return (time.perf_counter() - began) / len(batch) * 1000


def main(work: Path) -> None:
    job = json.loads((work / "job.json").read_text())
    said: dict[str, Any] = {}
    try:
        train, test = pd.read_csv(work / "train.csv"), pd.read_csv(work / "test.csv")
        began = time.perf_counter()
        predict = globals()[job["system"]](train, job)
        said["fit_seconds"] = time.perf_counter() - began
        said |= {"note": job.get("note", ""), "stated": job.get("stated"), "predict_per_1000": predicted(predict, test, work / "prediction.npz")}
        if "fast" in job:
            said["fast_per_1000"] = predicted(job["fast"], test, work / "fast.npz")
    except Exception as error:  # noqa: BLE001 - a rival that fails is a result
        said["error"] = f"{type(error).__name__}: {error}"[:300]
    (work / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
