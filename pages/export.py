"""Export: a kept model as a bundle that proves itself, a file of rows scored, or one row."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages import _scoring, _ui
from pipeline import TrainyardError, entries, export_model

_ui.guard()


def choose(versions: list, at: _ui.Current):
    """The version to work with, kept in the URL; without one the newest of this dataset."""
    known = {version.ref: version for version in sorted(versions, key=lambda v: at.dataset is None or v.dataset_id != at.dataset.id)}
    wanted = st.query_params.get("model")

    def shown(ref: str) -> str:
        aliases = ", ".join(known[ref].aliases)
        return f"{ref} · {aliases}" if aliases else ref

    def picked() -> None:
        st.query_params["model"] = st.session_state["model"]

    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = _ui.synced("model", wanted if wanted in known else next(iter(known)))
        version = known[st.selectbox("Model", list(known), format_func=shown, key=key, on_change=picked, width=420)]
        dataset = _ui.dataset(version.dataset_id)
        st.caption(f"Trained on {_ui.md(_ui.label(dataset))}, kept {_ui.ago(version.created)}", width="stretch")
    return version


def bundle(version) -> None:
    """Build the zip on demand; it is offered only after it has scored rows exactly like the kept model."""
    built = st.session_state.get(f"bundle_{version.artifact}_{version.ref}")
    with st.container(border=True, height="stretch", key="bundle_card"):
        st.subheader("Bundle", anchor=False)
        st.markdown("One zip that scores rows on any machine with Python, without Trainyard.")
        parts = [{"File": part.name, "What it is": part.title} for part in entries("export")]
        st.dataframe(parts, hide_index=True, key="parts", alt="The files in the bundle")
        if built is None:
            st.caption(
                "Built, unpacked into an empty folder and run in a process of its own; offered only if it scores exactly like the model."
            )
            if st.button("Build and prove", key="build", type="primary", icon=":material/package_2:"):
                _build(version)
            return
        _proof(built)
        st.download_button(
            f"Download {built.path.name}", built.path.read_bytes, built.path.name, "application/zip", key="download_bundle", type="primary",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _build(version) -> None:
    folder = _ui.store().home / "tmp" / "bundles" / version.artifact[:12]
    try:
        with st.spinner("Building the bundle and scoring rows with it …"):
            built = export_model(_ui.store(), version, folder)
    except TrainyardError as error:
        _ui.failure(error)
        return
    st.session_state[f"bundle_{version.artifact}_{version.ref}"] = built
    st.rerun()


def _proof(built) -> None:
    size = Path(built.path).stat().st_size / 1e6
    st.success(
        f"{built.rows_compared} rows scored by the bundle and by the kept model: the largest difference of any number is {built.largest_difference:.1g}. "
        "The zip has "
        f"{size:.1f} MB, {len(built.packages)} pinned packages.",
        title="Proved", icon=":material/check_circle:",
    )  # fmt: skip
    st.caption(f"SHA-256 `{built.sha256}`")


at = _ui.page("Export", "Take a kept model away, or score rows with it here")
with _ui.shown():
    versions = _ui.store().versions()
if not versions:
    _ui.empty(
        "No model kept yet",
        "Keep the model of a finished run first; then it can be exported and used.",
        "pages/registry.py",
        "Keep a model",
    )
    st.stop()
version = choose(versions, at)
if version.state != "ready":
    st.error(
        f"The stored bytes of {_ui.md(version.ref)} are not what was kept, so it is never opened. Keep the run's model again.",
        icon=":material/error:",
    )
    st.stop()
with _ui.shown():
    predictor = _scoring.predictor(version)
left, right = st.columns(2)
with left:
    bundle(version)
with right:
    _scoring.file(version, predictor)
_scoring.one_row(version, predictor)
