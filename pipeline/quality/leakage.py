"""A column that predicts the target almost alone (DQ012): as a rule a copy of it, or something known only afterwards.

Each column is judged alone (`pipeline.quality.alone`) on at most 20,000 rows, so a wide or a long table costs seconds.
"""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.alone import FOLDS, auc, predict, predictors, r2, sample, target_of
from pipeline.quality.entry import Verdict, check_entry, leave_out, not_applicable, passed
from pipeline.quality.subject import Subject, listed

CERTAIN = 0.995
CELLS = 1_500_000  # sampled rows x columns: what a few seconds can look at


@check_entry(
    code="DQ012",
    title="A column gives the target away",
    help="Predicts the target from each column alone. What alone is almost perfect was as a rule made from the target, or is not yet "
    "known when a prediction is needed. The score is the ROC AUC for classes (each against the rest) and R2 for numbers (of the numbers or "
    "of their ranks, whichever is higher), on unseen rows.",
    severity="Error from the second threshold; warning from the first.",
    needs_target=True,
    params=(
        Param("warn", "float", 0.95, "Warn from", "Cross-validated score of one column alone.", 0.5, 1.0),
        Param("error", "float", 0.98, "Error from", "Cross-validated score of one column alone.", 0.5, 1.0),
        Param("rows", "int", 20_000, "Look at", "Rows to sample.", 1_000, 1_000_000, unit="rows"),
    ),
)
def leakage(subject: Subject, params: dict) -> Verdict:
    truth, why_not = target_of(subject)
    if truth is None:
        return not_applicable(why_not)
    scores, used = _scores(subject, truth, params["rows"])
    measure = "R2" if subject.task == "regression" else "ROC AUC"
    hit = _hit(scores, params)
    best_first = dict(sorted(scores.items(), key=lambda item: -item[1])[:50])
    evidence = {"measure": measure, "scores": best_first, "rows_used": used, "folds": FOLDS}
    if not hit:
        best = max(scores, key=scores.get)
        words = f"No column alone predicts {subject.target!r} suspiciously well; the best is {best!r} with {measure} {scores[best]:.3f}."
        return passed(words, **evidence)
    sure = [name for name in hit if scores[name] >= params["error"]]
    return Verdict(
        _words(subject, hit, scores, measure, used), "error" if sure else "warning", tuple(hit), None, evidence, (leave_out("DQ012", sure or hit),),
        safe=bool(sure) and min(scores[name] for name in sure) >= CERTAIN,
    )  # fmt: skip


def _hit(scores: dict[str, float], params: dict) -> list[str]:
    """The best columns first. One that is not sure leaves at most half of what the best honest one leaves open: strong among strong is no leak."""
    left = 1 - max((score for score in scores.values() if score < params["warn"]), default=0.0)
    found = (name for name, score in scores.items() if score >= params["error"] or (score >= params["warn"] and 1 - score <= left / 2))
    return sorted(found, key=lambda name: -scores[name])


def _words(subject: Subject, hit: list[str], scores: dict[str, float], measure: str, used: int) -> str:
    seen = ", ".join(f"{name!r} {scores[name]:.4f}" for name in hit[:3]) + (f" and {len(hit) - 3} more" if len(hit) > 3 else "")
    guess = "0 is guessing the mean" if measure == "R2" else "0.5 is guessing"
    verb = "predicts" if len(hit) == 1 else "each predict"
    return (
        f"{listed(hit)} alone {verb} {subject.target!r} almost perfectly: {measure} {seen} on unseen rows (1 is perfect, {guess}; "
        f"{used:,} of {subject.rows:,} rows were used). Leave out what is not known at the moment of a prediction."
    )


def _scores(subject: Subject, truth: np.ndarray, most: int) -> tuple[dict[str, float], int]:
    """Each column's score, and the number of rows it was made from. Scores below guessing are written as they are."""
    judged = predictors(subject)
    most = int(np.clip(CELLS / (len(judged) * truth.shape[1] ** 0.5), min(most, 2_000), most))
    rows = sample(truth, most, classes=subject.task != "regression")
    y, fold = truth[rows], np.arange(len(rows)) % FOLDS
    score = r2 if subject.task == "regression" else auc
    return {name: score(y, predict(subject, name, rows, y, fold)) for name in judged}, len(rows)
