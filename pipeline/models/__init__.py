"""Model families: each one file, one decorated function with its facts. Importing this loads no model library."""

from __future__ import annotations

from pipeline.models.facts import FamilyFacts, OnRound, Preset, Resources, device_for, family

from pipeline.models import (  # isort: skip  (each import registers one family)
    baseline,
    catboost,
    extra_trees,
    hist_boosting,
    knn,
    lightgbm,
    linear,
    mlp,
    random_forest,
    svm,
    tabicl,
    tabm,
    tabpfn,
    xgboost,
)

__all__ = ["FamilyFacts", "OnRound", "Preset", "Resources", "device_for", "family"]
FAMILIES = (baseline, linear, lightgbm, hist_boosting, xgboost, extra_trees, random_forest, catboost, tabm, mlp, knn, svm, tabicl, tabpfn)
