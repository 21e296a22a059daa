"""Whom the data is about: protected attributes (DQ029) and columns that stand in for them (DQ030)."""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.alone import FOLDS, auc, predict, predictors, r2, sample, target_of
from pipeline.quality.entry import Verdict, check_entry, leave_out, not_applicable, passed
from pipeline.quality.ranges import RULES, words_of
from pipeline.quality.subject import Subject, counted, some

# Charter of Fundamental Rights of the EU, article 21; GDPR, article 9.
ATTRIBUTES = {
    "sex": "sex|gender|geschlecht|sesso|sexe|sexo", "race or ethnic origin": "race|ethnicity|ethnic|ethnic group|ethnic origin|skin color|skin colour",
    "religion or belief": "religion|religious|faith|denomination",
    "nationality": "nationality|citizenship|native country|country of birth|birth country|immigrant",
    "disability or health": "disability|disabled|handicap|pregnant|pregnancy|hiv|diagnosis", "marital status": "marital|marital status|married|civil status",
    "sexual orientation": "sexual orientation|lgbt|lgbtq|gsm", "political opinion or union": "political|political party|union member|trade union",
    "age": "|".join(RULES[0].words | {"dob", "birthdate", "birth date", "date of birth", "birthday", "birth year", "year of birth", "yob", "age group"}),
}  # fmt: skip
NAMES = {words: what for what, listed in ATTRIBUTES.items() for words in listed.split("|")}
MOST_ATTRIBUTES = 6
MOST_COLUMNS = 1_000
CELLS = 400_000  # sampled rows x columns, for each attribute


@check_entry(
    code="DQ029",
    title="Protected attributes",
    help="Names columns that say whom a row is about: age, sex, origin, religion, health, marital status, opinion. In many uses the law forbids to "
    "decide by them. A model that may not see them can still be judged by them, so keep them in the file.",
    severity="Information: whether a model may use them depends on what it is for.",
)
def protected(subject: Subject, params: dict) -> Verdict:
    found = subject.once(attributes)
    if not found:
        return passed("No column has the name of a protected attribute.")
    seen = (f"{name!r} ({what})" for name, what in found.items())
    return Verdict(f"{some(seen, 6)}.", "info", tuple(found), None, {"attributes": dict(found)}, (leave_out("DQ029", list(found)),))


def attributes(subject: Subject, _: str) -> dict[str, str]:
    """Columns besides the target whose whole name is that of a protected attribute: name -> attribute."""
    named = {name: NAMES.get(" ".join(words_of(name))) for name in subject.features}
    return {name: what for name, what in named.items() if what and subject.kind(name) not in ("id", "text")}


@check_entry(
    code="DQ030",
    title="Stand-ins for protected attributes",
    help="Predicts each protected attribute from every other column alone, on unseen rows. A column that tells it well lets a model decide by "
    "it although the attribute itself was left out.",
    severity="Information: whether that matters depends on what the model is for.",
    params=(
        Param("auc", "float", 0.8, "Area under the curve from", "For attributes with classes; 0.5 is guessing.", 0.5, 1.0),
        Param("r2", "float", 0.6, "R2 from", "For attributes that are numbers or dates; 0 is guessing.", 0.0, 1.0),
    ),
)
def proxies(subject: Subject, params: dict) -> Verdict:
    told = subject.once(attributes)
    if not told:
        return not_applicable("No column has the name of a protected attribute.")
    found = {}
    for name in list(told)[:MOST_ATTRIBUTES]:
        asked = subject.asking(name, without=[*told, *([subject.target] if subject.target else [])])
        scores = scores_alone(asked)
        least = params["r2"] if asked.task == "regression" else params["auc"]
        found |= {other: (name, score) for other, score in scores.items() if score >= max(least, found.get(other, ("", 0.0))[1])}
    if not found:
        return passed(f"No other column alone tells {' or '.join(map(repr, list(told)[:3]))}.")
    best = dict(sorted(found.items(), key=lambda item: -item[1][1]))
    seen = (f"{other!r} tells {name!r} ({score:.2f})" for other, (name, score) in best.items())
    evidence = {"proxies": [{"column": other, "tells": name, "score": score} for other, (name, score) in best.items()]}
    return Verdict(f"{counted(len(best), 'column')}: {some(seen)}.", "info", tuple(best), None, evidence, (leave_out("DQ030", list(best)),))


def scores_alone(subject: Subject, cells: int = CELLS) -> dict[str, float]:
    """How well each column alone predicts the subject's target on unseen rows: area under the curve, or R2."""
    truth, _ = target_of(subject)
    if truth is None:
        return {}
    names = predictors(subject)[:MOST_COLUMNS]
    rows = sample(truth, int(np.clip(cells / (len(names) * truth.shape[1] ** 0.5), 500, 10_000)), classes=subject.task != "regression")
    y, fold = truth[rows], np.arange(len(rows)) % FOLDS
    score = r2 if subject.task == "regression" else auc
    return {name: score(y, predict(subject, name, rows, y, fold)) for name in names}
