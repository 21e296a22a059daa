"""The two models that a run offers, accurate and fast: what either reaches, what it costs, and who votes in an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _judged, _ui
from pipeline import entry

if TYPE_CHECKING:
    from pipeline.store import ModelVersion

WORDS = {"accurate": "Accurate", "fast": "Fast"}
ICONS = {"accurate": ":material/target:", "fast": ":material/bolt:"}


def no_holdout(judged: _judged.Judged) -> str:
    """Why there is no holdout, and what the figures rest on instead."""
    return f"No rows were held out: all {judged.rows:,} were learned from, and every figure here is of predictions by models that have not seen the row."


def made_of(result: dict[str, Any]) -> str:
    """What a result is: its family or that it is an ensemble, and how many fitted models predict."""
    models = "1 fitted model" if result["models"] == 1 else f"{result['models']} fitted models"
    members = len(result.get("members", ()))
    return f"Ensemble of {members} trials, {models}" if members > 1 else f"{_judged.family_title(result['family'])}, {models}"


def speed(result: dict[str, Any]) -> str:
    """How long 1,000 rows take, in words."""
    return f"{result['latency'] * 1000:,.1f} ms per 1,000 rows"


def trade(results: list[dict[str, Any]], metric: str) -> str:
    """What the fast result costs in score and gains in time, against the accurate one."""
    accurate, fast = results
    if fast["models"] == accurate["models"] and fast["members"] == accurate["members"]:
        return "Both are the same model: no second one was worth its time."
    found = entry("metric", metric)
    worse = (accurate["cv"] - fast["cv"]) * (1 if found.facts.greater else -1)
    cost = f"costs {_judged.number(worse)} {found.title}" if worse > 0 else f"costs no {found.title} out of fold"
    times = accurate["latency"] / fast["latency"] if fast["latency"] else 1.0
    return f"The fast model {cost} and answers {times:.1f} times as quickly."


def compare(judged: _judged.Judged, *, holdout: bool = False) -> None:
    """Both results side by side, and the trade between them. The holdout's figures stay shut unless they are asked for."""
    results = judged.evaluation.get("results")
    if not results:  # a run of an earlier Trainyard
        return
    with st.container(border=True, key="results"):
        for column, result in zip(st.columns(len(results)), results, strict=True):
            score = result["holdout" if holdout else "cv"]
            where = "on the holdout" if holdout else "out of fold"
            column.markdown(
                f"{ICONS[result['name']]} **{WORDS[result['name']]}** {_ui.md(made_of(result))}  \n"
                f"{_ui.md(judged.metric.title)} {_ui.md(_judged.number(score))} {where} :gray[· {_ui.md(speed(result))}]"
            )
        st.caption(_ui.md(trade(results, judged.evaluation["metric"])))


def ensemble(judged: _judged.Judged) -> None:
    """Who votes with which weight; or that an ensemble was weighed and not offered, and why."""
    weighed, title = judged.evaluation.get("ensemble"), _ui.md(judged.metric.title)
    if judged.several:
        st.markdown(
            f"The result is an **ensemble**: better than the best single model by {_gain(weighed)} {title}, which is more than noise."
        )
        rows = [
            {"Model": _judged.family_title(m["family"]), "Trial": m["trial"], "Weight": m["weight"], "Folds": m["folds"], "Refits on all rows": m["refits"]}
            for m in sorted(judged.evaluation["members"], key=lambda m: -m["weight"])
        ]
        rows = [row | {"Weight": weight} for row, weight in zip(rows, _ui.shares(row["Weight"] for row in rows), strict=True)]
        config = {"Weight": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)}
        st.dataframe(rows, hide_index=True, column_config=config, key="members", alt="The members of the ensemble with their weights")
    elif weighed and weighed["models"] > 1:
        st.markdown(
            f"An ensemble of {weighed['models']} models was weighed and is **not offered**: it was not better than the best single model by more "
            f"than noise ({_gain(weighed)} {title})."
        )


def _gain(weighed: dict[str, Any]) -> str:
    return _ui.md(f"{_judged.signed(weighed['gain'])} ± {_judged.number(weighed['error'])}")


def choose(run_id: str, metric: str) -> str:
    """A choice between the two results of a run; the name that `store.keep` takes."""
    results = {result["name"]: result for result in (_ui.store().evaluation(run_id) or {}).get("results", ())}
    if len(results) < 2:
        return "accurate"
    told = {name: f"{WORDS[name]}: {_judged.number(r['cv'])}, {speed(r)}" for name, r in results.items()}
    chosen = st.radio("Which model", list(results), format_func=told.get, key="keep_result", horizontal=True, label_visibility="collapsed",
                      captions=[made_of(result) for result in results.values()])  # fmt: skip
    st.caption(_ui.md(trade(list(results.values()), metric)))
    return chosen


def kept(version: ModelVersion, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Which of its run's results a version is; an earlier Trainyard had only one."""
    with _ui.shown():
        artifacts = _ui.store().run_artifacts(version.run_id, version.attempt)
    name = "accurate" if artifacts.get("predictor") == version.artifact else "fast"
    score = next((m["value"] for m in evaluation["cv"]["metrics"] if m["name"] == evaluation["metric"]), None)
    only = {"name": name, "family": evaluation["family"], "models": evaluation["folds"], "latency": None, "cv": score}
    return next((result for result in evaluation.get("results", ()) if result["name"] == name), only)
