"""The bundle: a zip that scores rows in a process of its own, and the proof that it scores them like the kept model."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import catalog
from pipeline.errors import ExportRefused, Unreadable
from pipeline.export.parts import Contents, source_files

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.contract import Contract
    from pipeline.predictor import Predictor
    from pipeline.store import ModelVersion, Store

PROOF_ROWS = 200
TOLERANCE = 1e-9
MOST_BYTES = 4_000_000_000
SUMS = "SHA256SUMS"
WORDS = {SUMS, "requirements.txt", "MODEL_CARD.md"}  # the parts that may name the packages; scoring reads none but the sums
CONTRACT = "contract.json"
FUTURE = "from __future__ import annotations"  # must stand first in a file, and reading all files as one text it does not
# Runs predict.py and writes down the modules that scoring has loaded.
WATCH = """
import json, runpy, sys
out, sys.argv = sys.argv[1], sys.argv[2:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    if end.code:
        raise
json.dump(sorted({name.partition('.')[0] for name in sys.modules}), open(out, 'w'))
"""


@dataclass(frozen=True)
class Exported:
    """A bundle that has proved itself: how many rows were compared, and the largest difference of any number."""

    path: Path
    sha256: str
    rows_compared: int
    largest_difference: float
    packages: tuple[str, ...]


def export_model(store: Store, version: ModelVersion, to: str | Path) -> Exported:
    """Write the bundle of a kept model to `to` (a zip, or a folder to put it in) and prove it.

    The bundle is unpacked into an empty folder and run in a new, isolated process outside the project; its predictions
    for up to 200 rows of the training table, some made awkward on purpose, must equal the kept model's to 1e-9. That
    process also tells which packages it loaded: only the words that name them are then written anew.
    Raises ExportRefused when they do not; then nothing is left at `to`.
    """
    path = _target(version, Path(to))
    accurate = store.run_artifacts(version.run_id, version.attempt).get("predictor") == version.artifact
    contents = Contents(
        version=version, predictor=store.predictor(version), model=store.artifact_bytes(version.artifact), plan=store.run(version.run_id).plan,
        evaluation=store.evaluation(version.run_id, version.attempt), leaderboard=store.leaderboard(version.run_id, version.attempt),
        result="accurate" if accurate else "fast", contract=store.contract(store.dataset(version.dataset_id).name),
    )  # fmt: skip
    rows = _awkward(store.dataset(version.dataset_id).table(), contents.predictor.schema.names)
    with tempfile.TemporaryDirectory(prefix="trainyard-export-") as folder:
        draft = Path(folder) / "bundle.zip"
        proved = _write(draft, contents)
        theirs, pins = _score_outside(draft, rows, Path(folder))
        largest = _largest_difference(theirs, contents, rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        _only_words_differ(proved, _write(partial, replace(contents, packages=pins)), partial)
        os.replace(partial, path)
    return Exported(path, hashlib.sha256(path.read_bytes()).hexdigest(), len(rows), largest, pins)


def open_bundle(path: str | Path, load: Any) -> tuple[Predictor, Contract | None]:
    """The predictor in a bundle file, and the contract that rows must keep, if there is one. `load(bytes, sha256)` verifies and opens it.

    A bundle is code: open only your own.
    Raises Unreadable when the file is no bundle or any part of it differs from its checksum.
    """
    from pipeline.data.contract import Contract

    try:
        with zipfile.ZipFile(path) as bundle:
            _refuse_bombs(bundle)
            sums = _sums(bundle.read(SUMS).decode())
            for name, digest in sums.items():
                if hashlib.sha256(bundle.read(name)).hexdigest() != digest:
                    raise Unreadable(f"{name} in the bundle {Path(path).name!r} is not as it was exported.", "Export the model again.")
            contract = Contract.model_validate_json(bundle.read(CONTRACT)) if CONTRACT in sums else None
            return load(bundle.read("model.joblib"), sums["model.joblib"]), contract
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise Unreadable(f"{Path(path).name!r} is not a bundle of Trainyard: {error}.", "Give a file made by `export`.") from error


def _target(version: ModelVersion, to: Path) -> Path:
    if to.suffix == ".zip":
        return to
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in version.name) or "model"
    return to / f"{safe}-{version.version}.zip"


def _write(path: Path, contents: Contents) -> dict[str, bytes]:
    """Write the bundle, and return what is in it by name."""
    files = {entry.name: entry.make(contents) for entry in catalog.entries("export")} | source_files()
    files = {name: made.encode() if isinstance(made, str) else made for name, made in files.items() if made is not None}
    files[SUMS] = "".join(f"{hashlib.sha256(made).hexdigest()}  {name}\n" for name, made in sorted(files.items())).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for name, made in files.items():
            bundle.writestr(zipfile.ZipInfo(name), made)  # a fixed date: the same model gives the same bytes
    return files


def _only_words_differ(proved: dict[str, bytes], final: dict[str, bytes], path: Path) -> None:
    """What was proved holds for the bundle that is handed out: all that scoring reads is in it, byte for byte."""
    with zipfile.ZipFile(path) as bundle:
        written = {name: bundle.read(name) for name in bundle.namelist()}
    changed = {name for name in written.keys() | proved.keys() if written.get(name) != proved.get(name)}
    if written != final or changed - WORDS:
        path.unlink()
        raise ExportRefused(f"The bundle at {path.parent} is not the one that was proved: {', '.join(sorted(changed - WORDS))}.", "Export the model again.")


def _awkward(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Rows as text, the way a file has them: shuffled columns, an emptied cell in every tenth row, a level nobody has seen."""
    rows = table.sample(min(PROOF_ROWS, len(table)), random_state=0)[names[::-1]].astype(object).reset_index(drop=True)
    rows = rows.where(rows.notna(), None)
    for i in range(0, len(rows), 10):
        rows.iloc[i, i // 10 % len(names)] = None
        if not isinstance(rows.iloc[i, (i // 10 + 1) % len(names)], (int, float)):
            rows.iloc[i, (i // 10 + 1) % len(names)] = "never seen before"
    return rows


def _score_outside(bundle: Path, rows: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Unpack the bundle and score the rows in a new process that knows nothing of this project."""
    import pandas as pd

    with zipfile.ZipFile(bundle) as zipped:
        zipped.extractall(folder / "bundle")
    rows.to_csv(folder / "rows.csv", index=False)
    command = [sys.executable, "-I", "-c", WATCH, str(folder / "loaded.json"), str(folder / "bundle" / "predict.py")]
    command += [str(folder / "rows.csv"), "--out", str(folder / "out.csv")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ExportRefused(f"The bundle did not run in a process of its own: {last}", "Report this with the run's log; nothing was exported.")
    return pd.read_csv(folder / "out.csv", keep_default_na=False), _pins(set(json.loads((folder / "loaded.json").read_text())))


def _pins(loaded: set[str]) -> tuple[str, ...]:
    """The installed versions behind the modules that scoring loads, and behind those that reading any file format may load."""
    reading = "\n".join(text.decode() for name, text in source_files().items() if name.startswith("pipeline/data/"))
    loaded |= {module for node in ast.walk(ast.parse(reading.replace(FUTURE, ""))) for module in _modules(node)}
    owners = importlib.metadata.packages_distributions()
    names = {owner for module in loaded for owner in owners.get(module, ())}
    versions = {name: importlib.metadata.version(name).partition("+")[0] for name in names}  # what a build adds after + is on no index
    return tuple(sorted(f"{name}=={version}" for name, version in versions.items()))


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [(node.module or "").partition(".")[0]] if isinstance(node, ast.ImportFrom) else []


def _largest_difference(theirs: pd.DataFrame, contents: Contents, rows: pd.DataFrame) -> float:
    import pandas as pd

    ours = pd.read_csv(_as_file(contents, rows), keep_default_na=False)
    numbers = [name for name in ours.columns if name.startswith("proba_") or (name == "prediction" and contents.predictor.task == "regression")]
    same = ours.drop(columns=numbers).astype(str).equals(theirs.drop(columns=numbers).astype(str))
    largest = max((float((ours[n] - theirs[n]).abs().max()) for n in numbers), default=0.0)
    if not same or not largest <= TOLERANCE:
        raise ExportRefused(
            f"The bundle does not predict like the model: largest difference {largest:.3g} (at most {TOLERANCE:g} is allowed).",
            "Train again with the package versions that are installed now, and export that model.",
        )
    return largest


def _as_file(contents: Contents, rows: pd.DataFrame) -> Any:
    import io

    text = rows.astype(object).where(rows.notna(), "").astype(str)
    return io.BytesIO(contents.predictor.score(text, contents.contract).csv())


def _refuse_bombs(bundle: zipfile.ZipFile) -> None:
    total = sum(item.file_size for item in bundle.infolist())
    if total > MOST_BYTES:
        raise Unreadable(f"The bundle would unpack to {total / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.0f} GB is read.", "Give a file made by `export`.")


def _sums(text: str) -> dict[str, str]:
    return {name: digest for digest, name in (line.split("  ", 1) for line in text.splitlines())}
