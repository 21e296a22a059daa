"""Start in one click, or go on where you were."""

from __future__ import annotations

import streamlit as st

from pages import _import, _ui

_ui.guard()

from pipeline import Plan, ensure_worker, samples, with_options

SAMPLE_SECONDS = 20
RECENT = 8


def facts(sample) -> str:
    task = _ui.TASK_TITLES[sample.task].lower()
    return f"{sample.rows:,} rows · {sample.columns} columns · predict **{_ui.md(sample.target)}** ({task})"


def train(sample) -> None:
    """Add the sample, draft a plan for it, queue it, and open the run."""
    with _ui.shown(), st.spinner("Starting …"):
        store = _ui.store()
        dataset = store.add_dataset(sample.name, sample.path)
        plan = Plan.draft(dataset.schema, sample.target, dataset=dataset.id, task=sample.task)
        plan = with_options(plan, budget_seconds=SAMPLE_SECONDS)
        if store.draft(dataset.id) is None:
            store.save_draft(dataset.id, plan)
        run = store.submit(plan)
        ensure_worker(store.home)
    _ui.go("pages/runs.py", dataset=dataset.id, run=run.id)


def sample_card() -> None:
    known = {sample.name: sample for sample in samples()}
    st.subheader("Try it with a sample", anchor=False)
    name = st.pills("Sample", list(known), default=next(iter(known)), required=True, format_func=lambda n: _ui.md(known[n].title), key="sample",
                    label_visibility="collapsed")  # fmt: skip
    sample = known[name]
    st.markdown(facts(sample))
    st.caption(f"{_ui.md(sample.about)}  \nLicence: {_ui.md(sample.licence)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Train on the sample", key="train_sample", type="primary", icon=":material/play_arrow:")
        st.caption(f"Several models, each on five folds, and a tested score: a budget of {SAMPLE_SECONDS} s", width="stretch")
    if pressed:
        train(sample)


def run_table(runs: list, key: str) -> None:
    """One line per run; the first cell opens it."""
    names = {dataset.id: _ui.label(dataset) for dataset in _ui.store().datasets()}
    with st.container(border=True, gap="xxsmall", key=key):
        for run in runs:
            state, what, score, age = st.columns([2, 6, 3, 4], vertical_alignment="center")
            with state:
                _ui.badge(run)
            with what:
                title = f"{_ui.md(names.get(run.dataset_id, 'deleted dataset'))} → {_ui.md(run.plan.target)}"
                _ui.link("pages/runs.py", title, dataset=run.dataset_id, run=run.id)
            score.caption(best(run))
            trials = "" if run.analysis else f"{run.trials_done} trial{'s' * (run.trials_done != 1)} · "
            age.caption(f"{trials}{_ui.ago(run.created)}")


def best(run) -> str:
    if run.analysis:
        return _ui.md(_ui.analysis_title(run.analysis))
    if not run.best or run.best.get("score") is None:
        return _ui.md(run.message[:60])
    return f"{_ui.metric_title(run.plan.metric)} **{run.best['score']:.4g}**"


_ui.page("Home", "From a table to a trained, tested and exported model")
left, right = st.columns([7, 5])
with left, st.container(border=True, height="stretch"):
    sample_card()
with right, st.container(border=True, height="stretch"):
    st.subheader("Use your own data", anchor=False)
    _import.uploader("home_file", title="A table with one row per case and the column to predict")
    st.caption("CSV, TSV, Excel, OpenDocument, Parquet or JSON, plain or gzip. It is read on this machine and stays on it.")

with _ui.shown():
    runs = _ui.store().runs(limit=RECENT + 8)
active = [run for run in runs if run.active]
if active:
    st.subheader("Running now", anchor=False)
    run_table(active, "active_runs")
st.subheader("Recent runs", anchor=False)
recent = [run for run in runs if not run.active][:RECENT]
if recent:
    run_table(recent, "recent_runs")
elif not active:
    st.caption("Nothing here yet. Runs you start appear here.")

if "warmed" not in st.session_state:  # the worker imports its libraries while the person reads
    st.session_state["warmed"] = True
    with _ui.shown():
        ensure_worker(_ui.store().home)
