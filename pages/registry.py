"""Registry: models kept under a name, their versions, the names that point at them, and what made them."""

from __future__ import annotations

import streamlit as st

from pages import _judged, _results, _ui
from pipeline import TrainyardError

_ui.guard()

ALIASES = ("champion", "challenger")


def keep(at: _ui.Current) -> None:
    """Keep the model of the run in the URL, or of the dataset's newest finished one."""
    run = at.run
    with st.container(border=True, key="keep_card"):
        if run is None or run.active or not run.best:
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown("A run that has finished can be kept here under a name.", width="stretch")
                _ui.link("pages/models.py", "Train one", icon=":material/model_training:")
            return
        kept = [version.ref for version in _ui.store().versions() if version.run_id == run.id]
        with st.form("keep_form", border=False):
            which = _results.choose(run.id, run.plan.metric)
            words, field, button = st.columns([7, 4, 2], vertical_alignment="center")
            said = f"  \n:gray[Kept as {_ui.md(_judged.words(kept))}.]" if kept else ""
            words.markdown(f"**Run {run.id[:6]}** predicts **{_ui.md(run.plan.target)}**.{said}")
            name = field.text_input("Name", at.dataset.name, key="keep_name", max_chars=200, label_visibility="collapsed")
            pressed = button.form_submit_button(
                "Keep", key="keep", type="secondary" if kept else "primary", icon=":material/inventory_2:", width="stretch"
            )
        if pressed:
            _keep(run.id, name.strip(), which)


def _keep(run_id: str, name: str, which: str) -> None:
    known = {version.ref for version in _ui.store().versions(name)}
    try:
        version = _ui.store().keep(run_id, name, which)
    except TrainyardError as error:
        _ui.failure(error)
        return
    st.session_state["model_name"], st.query_params["model"] = version.name, version.ref
    st.toast(f"{'Already kept' if version.ref in known else 'Kept'} as {_ui.md(version.ref)}", icon=":material/check_circle:")
    st.rerun()


def versions_table(versions: list):
    """The versions of one name, newest first; the one that is selected, else that of the URL, else the newest."""
    rows, wanted = [], [place for place, version in enumerate(versions) if version.ref == st.query_params.get("model")]
    for version in versions:
        run, evaluation = _made_by(version)
        result = _results.kept(version, evaluation)
        rows.append({
            "Version": version.version, "Result": _results.WORDS[result["name"]] if version.state == "ready" else "Damaged",
            "Score": f"{_judged.metric_title(run.plan.metric)} {_judged.number(result['cv'])}", "Aliases": list(version.aliases),
            "Model": _results.made_of(result), "Time": None if result["latency"] is None else result["latency"] * 1000, "Kept": _ui.ago(version.created),
        })  # fmt: skip
    as_ = st.column_config
    config = {"Version": as_.NumberColumn(width=55), "Result": as_.TextColumn(width=75), "Score": as_.TextColumn(width=110, help="Out of fold."),
              "Aliases": as_.ListColumn(width=90), "Time": as_.NumberColumn("ms / 1,000", format="%.1f", help="To predict 1,000 rows.", width=75)}  # fmt: skip
    chosen = st.dataframe(
        rows, hide_index=True, column_config=config, on_select="rerun", selection_mode="single-row", height=_ui.height(len(rows), 8),
        key=f"versions_{len(rows)}_{wanted}", selection_default={"selection": {"rows": wanted}}, alt="Versions of this model, newest first",
    )  # fmt: skip
    places = chosen["selection"]["rows"]
    return versions[places[0] if places and places[0] < len(versions) else 0]


def _made_by(version):
    with _ui.shown():
        return _ui.store().run(version.run_id), _ui.store().evaluation(version.run_id, version.attempt)


def aliases(version) -> None:
    """Point a name at this version. Aliases move; versions never change."""
    now = _ui.store().aliases(version.name)
    with st.container(border=True, height="stretch", key="aliases"):
        st.markdown(f"**Version {version.version}: aliases**")
        for alias in ALIASES:
            with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
                at = now.get(alias)
                st.markdown(f"{alias.title()} :gray[{'this version' if at == version.version else f'version {at}' if at else 'none'}]")
                if at != version.version:
                    st.button("Set", key=f"set_{alias}", help=f"Make this version the {alias}", on_click=_point, args=(version, alias))
        with st.popover("Another alias", icon=":material/label:"):
            alias = st.text_input("Alias", key="alias", placeholder="shadow", help="Letters, digits, - and _; the first one a letter.")
            st.button("Set", key="set_other", disabled=not alias, on_click=_point, args=(version, alias))
        if error := st.session_state.pop("alias_error", None):
            _ui.failure(error)


def _point(version, alias: str) -> None:
    try:
        _ui.store().point(version.name, alias, version.version)
    except TrainyardError as error:
        st.session_state["alias_error"] = error


def lineage(version) -> None:
    """From the file to the model: each link by the id that the next one stores."""
    run, evaluation = _made_by(version)
    dataset = _ui.dataset(version.dataset_id)
    chain = [
        ("File", dataset.file_name, version.file_sha256), ("Dataset", _ui.label(dataset), version.content_sha256),
        ("Plan", f"target {run.plan.target}, seed {run.plan.seed}", version.plan_fingerprint),
        ("Run", f"{run.trials_done} trials, attempt {version.attempt}", run.id), ("Model", version.ref, version.artifact),
    ]  # fmt: skip
    with st.container(border=True, height="stretch", key="lineage"):
        st.markdown("**Where it comes from**")
        rows = [{"What": what, "Which": which, "SHA-256 or id": identity} for what, which, identity in chain]
        st.dataframe(rows, hide_index=True, key="lineage_table", alt="File, dataset, plan, run and model with their hashes")
        held = evaluation["holdout"]["rows"] if "holdout" in evaluation else 0
        learned = evaluation["split"]["rows"]["train"] if evaluation.get("split") else dataset.rows - held
        divided = f"Learned from {learned:,} rows of {_ui.md(dataset.file_name)}; {f'{held:,}' if held else 'no rows'} were held out."
        st.caption(f"{divided} {_ui.md(_trials(run))}")
        _ui.link("pages/evaluate.py", "Its evaluation", icon=":material/monitoring:", dataset=version.dataset_id, run=run.id)


def _trials(run) -> str:
    if run.plan.search.seconds is not None:
        return "Budget in seconds: its trials are stored for a replay."
    return f"Budget in trials: {run.plan.search.varies or 'exactly reproducible.'}"


at = _ui.page("Registry", "Models kept under a name, and what made them")
with _ui.shown():
    kept = _ui.store().versions()
keep(at)
if not kept:
    _ui.empty("Nothing kept yet", "Keep the model of a finished run: it gets a name, a version, and its whole history.")
    st.stop()
names = list(dict.fromkeys(version.name for version in kept))
here = min(kept, key=lambda version: (version.ref != st.query_params.get("model"), at.dataset is None or version.dataset_id != at.dataset.id)).name
left, right = st.columns([3, 9])
with left.container(border=True, height="stretch", key="models"):
    name = st.radio("**Models**", names, names.index(here), format_func=_ui.md, key="model_name")
with right:
    version = versions_table([version for version in kept if version.name == name])
first, second = st.columns([3, 9])
with first:
    aliases(version)
with second:
    lineage(version)
_ui.next_step(
    "Take it away as files, or score rows right here.", "pages/export.py", "Export", model=version.ref, dataset=version.dataset_id
)
