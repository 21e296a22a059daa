"""The frame around every page: navigation, the dataset picker, the runs that are on. Start it with `make app`."""

from __future__ import annotations

import streamlit as st

from pages import _ui
from pipeline import TrainyardError

PAGES = {
    "": [("home", "Home", "home")],
    "Prepare": [("data", "Data", "table"), ("quality", "Quality", "fact_check"), ("features", "Features", "view_column")],
    "Train": [("models", "Models", "model_training"), ("tuning", "Tuning", "tune"), ("runs", "Runs", "play_circle")],
    "Judge": [("leaderboard", "Leaderboard", "leaderboard"), ("evaluate", "Evaluate", "monitoring"), ("explain", "Explain", "lightbulb")],
    "Deliver": [("registry", "Registry", "inventory_2"), ("export", "Export", "download")],
}


def page(name: str, title: str, icon: str) -> st.Page:
    path = None if name == "home" else name
    return st.Page(f"pages/{name}.py", title=title, icon=f":material/{icon}:", url_path=path, default=path is None)


def locate(ids: list[str]) -> str | None:
    """The dataset this page is about, and put into the URL: that of the run in the URL, the URL's own, the last one, the newest."""
    wanted, run_id = st.query_params.get("dataset"), st.query_params.get("run")
    if run_id:
        try:
            wanted = _ui.store().run(run_id).dataset_id
        except TrainyardError:
            return wanted  # the page says that there is no such run
    last = st.session_state.get("last_dataset")
    found = wanted or (last if last in ids else next(iter(ids), None))
    st.query_params.update({"dataset": found} if found else {})  # even if nothing is new: a link to the page one is on leaves the address as it was
    st.session_state["last_dataset"] = found
    return found


def picked() -> None:
    st.query_params.pop("run", None)
    st.query_params["dataset"] = st.session_state["picker"]


def running() -> None:
    """What is on right now. The timer runs only while something is, and ends with one full rerun."""
    active = _ui.store().active_runs()
    if not active:
        if st.session_state.get("polling"):
            st.session_state["polling"] = False
            st.rerun()
        return
    run = active[0]
    share = f"{run.progress:.0%}" if run.state == "running" else _ui.STATES[run.state][0].lower()
    title = f"{len(active)} running · {share}" if len(active) > 1 else f"Run {run.id[:6]} · {share}"
    st.page_link("pages/runs.py", label=title, icon="spinner", query_params={"dataset": run.dataset_id, "run": run.id})


st.set_page_config(page_title="Trainyard", page_icon="assets/icon.png", layout="wide")
groups = {group: [page(*facts) for facts in members] for group, members in PAGES.items()}
opened = st.navigation(groups, position="hidden")
st.logo("assets/logo_dark.png" if st.context.theme.type == "dark" else "assets/logo.png", icon_image="assets/icon.png")
with st.sidebar:
    with _ui.shown():
        known = {dataset.id: _ui.label(dataset) for dataset in _ui.store().datasets()}
        chosen = locate(list(known))
    st.session_state["picker"] = chosen if chosen in known else None
    first, hint = 0 if chosen in known else None, "Choose a dataset" if known else "No dataset yet"
    st.selectbox("Dataset", list(known), first, known.get, "picker", on_change=picked, placeholder=hint, disabled=not known)
    for group, members in groups.items():
        with st.container(gap="xxsmall"):
            if group:
                st.caption(group)
            for member in members:
                st.page_link(member, query_params=_ui.here(dataset=chosen), width="stretch")
    st.session_state["polling"] = bool(_ui.store().active_runs())
    st.fragment(running, run_every=5 if st.session_state["polling"] else None)()
opened.run()
