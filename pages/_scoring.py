"""Scoring with a kept model: a whole file, or one row in a form."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _import, _ui
from pipeline import TrainyardError, read_rows

if TYPE_CHECKING:

    from pipeline.data.contract import Contract
    from pipeline.data.schema import Column
    from pipeline.predictor import Predictor, Scored
    from pipeline.store import ModelVersion

VERDICTS = {
    "ok": ("Ok", ":material/check_circle:", "green", "Like the training data."),
    "note": ("Note", ":material/info:", "blue", "Something harmless was put right."),
    "check": ("Check", ":material/warning:", "orange", "The prediction rests on a guess; the reasons say why."),
}
MOST_LEVELS = 200
MOST_FIELDS = 60
PREVIEW_ROWS = 100
FIELDS_A_ROW = 4


def predictor(version: ModelVersion) -> Predictor:
    """The kept model, verified when it is opened and then kept in memory. Raises DamagedArtifact."""
    return _opened(version.artifact, version)


@st.cache_resource(show_spinner="Opening the model …", max_entries=3)
def _opened(artifact: str, _version: ModelVersion) -> Predictor:
    return _ui.store().predictor(_version)


def file(version: ModelVersion, model: Predictor) -> None:
    """Upload, score, download: the rows come back with a prediction, a verdict and its reasons."""
    kept, turn = f"scored_{version.ref}", st.session_state.setdefault("score_turn", 0)
    with st.container(border=True, height="stretch", key="score_card"):
        st.subheader("Score a file", anchor=False)
        st.markdown(
            f"Rows with the {len(model.schema.columns)} columns of the training table, in any order; {_ui.md(model.target)} may be absent."
        )
        given = st.file_uploader("A file of rows", _ui.FILE_TYPES, key=f"score_file_{turn}", label_visibility="collapsed")
        if given is not None:
            st.session_state["score_turn"] = turn + 1  # a new key: the uploader is empty again
            st.session_state[kept] = _score(given, model, _ui.store().contract(_ui.dataset(version.dataset_id).name))
            st.rerun()
        answer = st.session_state.get(kept)
        if answer is None:
            _wanted(model)
        if isinstance(answer, TrainyardError):
            _ui.failure(answer)
        elif answer:
            _answer(*answer)


def _wanted(model: Predictor) -> None:
    """What a row needs: every column, its kind, and what training has seen in it."""
    rows = [{"Column": column.name, "Kind": column.kind, "Seen in training": _seen(column)} for column in model.schema.columns]
    st.dataframe(
        rows, hide_index=True, height=_ui.height(len(rows), 8), key="wanted", alt="The columns that the model expects and what training has seen in them"
    )


def _seen(column: Column) -> str:
    if column.levels:
        return ", ".join(column.levels[:6]) + (f" … {column.unique:,} values" if column.unique > 6 else "")
    if isinstance(column.minimum, float):
        return f"{column.minimum:g} to {column.maximum:g}"
    return f"{column.minimum} to {column.maximum}" if column.minimum else f"{column.unique:,} values"


def _score(given: Any, model: Predictor, contract: Contract | None) -> tuple[str, Scored] | TrainyardError:
    try:
        with st.spinner("Scoring …"), tempfile.TemporaryDirectory(dir=_ui.store().home / "tmp") as folder:
            path = Path(folder) / "rows"
            _import.to_disk(given, path)
            rows, _ = read_rows(path, model.schema, name=given.name)
            return given.name, model.score(rows, contract)
    except TrainyardError as error:
        return error


def _answer(name: str, scored: Scored) -> None:
    counts = scored.table["verdict"].value_counts()
    with st.container(horizontal=True, vertical_alignment="center", key="verdicts"):
        st.markdown(f"**{len(scored.table):,} rows** of {_ui.md(name)}")
        for verdict, (word, icon, color, help) in VERDICTS.items():
            if counts.get(verdict):
                st.badge(f"{word} {counts[verdict]:,}", icon=icon, color=color, help=help)
    for notice in scored.notices[:5]:
        st.caption(_ui.md(notice))
    shown = scored.table.head(PREVIEW_ROWS)
    st.dataframe(shown, hide_index=True, height=_ui.height(len(shown), 6), key="scored", alt="The first scored rows with verdicts and reasons")
    stem = name.removesuffix(".gz").rpartition(".")[0] or name
    st.download_button(
        "Download predictions", scored.csv, f"{stem}-predictions.csv", "text/csv", key="download_scored", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def one_row(version: ModelVersion, model: Predictor) -> None:
    """A form with one field per column, filled from a real row, and the prediction beside it."""
    with st.container(border=True, key="row_card"):
        left, right = st.columns([8, 3])
        with left:
            with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
                st.subheader("Score one row", anchor=False)
                rows = _ui.dataset(version.dataset_id).rows
                number = st.number_input(
                    "Filled from row", 1, rows, key="from_row", width=160, help="A row of the training table; change what you like."
                )
            with _ui.shown():
                real = _row(version.dataset_id, number - 1)
            with st.form("row_form", border=False, enter_to_submit=True):
                values = _fields(model, real, f"{version.ref}_{number}")
                st.form_submit_button("Predict", key="predict", type="primary", icon=":material/bolt:")
        with right:
            _prediction(model, values)


def _row(dataset_id: str, position: int) -> dict[str, Any]:
    found = _ui.rows_at(_ui.dataset(dataset_id), [position])
    return {name: None if value is None or value != value else value for name, value in found.iloc[0].items()}


def _fields(model: Predictor, real: dict[str, Any], key: str) -> dict[str, Any]:
    """The form's values; columns beyond the first sixty keep those of the real row."""
    columns, values = model.schema.columns, {column.name: real.get(column.name) for column in model.schema.columns}
    for start in range(0, min(len(columns), MOST_FIELDS), FIELDS_A_ROW):
        for place, column in zip(st.columns(FIELDS_A_ROW), columns[start : min(start + FIELDS_A_ROW, MOST_FIELDS)], strict=False):
            with place:
                values[column.name] = _field(column, values[column.name], f"row_{key}_{column.name}")
    if len(columns) > MOST_FIELDS:
        st.caption(f"{len(columns) - MOST_FIELDS} further columns keep the values of the row.")
    return values


def _field(column: Column, value: Any, key: str) -> Any:
    """A widget by kind: known levels to choose from (a new one may be typed), numbers, or text. Empty means missing."""
    title = _ui.md(column.name)
    if column.kind in ("categorical", "boolean") and 0 < len(column.levels) <= MOST_LEVELS:
        levels = list(column.levels)
        at = levels.index(str(value)) if str(value) in levels else None
        return st.selectbox(title, levels, at, key=key, placeholder="missing", accept_new_options=column.kind == "categorical")
    if column.dtype in ("int", "float"):
        kind = int if column.dtype == "int" else float
        return st.number_input(title, value=None if value is None else kind(value), step=1 if kind is int else None, key=key, placeholder="missing",
                               format=None if kind is int else "%g")  # fmt: skip
    return st.text_input(title, "" if value is None else str(value).removesuffix(" 00:00:00"), key=key, placeholder="missing") or None


def _prediction(model: Predictor, values: dict[str, Any]) -> None:
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in values.items()})
    try:
        scored = model.score(frame)
    except TrainyardError as error:
        _ui.failure(error)
        return
    row = scored.table.iloc[0]
    answer = row["prediction"]
    st.metric(_ui.md(model.target), _ui.md(_ui.number(answer) if isinstance(answer, float) else answer), border=True)
    word, icon, color, help = VERDICTS[row["verdict"]]
    st.badge(word, icon=icon, color=color, help=help)
    for reason in filter(None, row["reasons"].split("; ")):
        st.caption(_ui.md(reason))
    for label in sorted(model.classes, key=lambda label: -row[f"proba_{label}"])[:8]:
        st.progress(float(row[f"proba_{label}"]), text=f"{_ui.md(label)} {_ui.share(row[f'proba_{label}'])}")
