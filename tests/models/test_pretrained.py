"""Pretrained models appear only where package and weights are here. The packages below stand in for the real ones: they
have the constructor of tabicl 2.2 and tabpfn 9.2, refuse to work when they might reach for the network, and answer with
the nearest training row."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIGNATURES = {
    "tabicl": "n_estimators=8, norm_methods=None, feat_shuffle_method='latin', batch_size=8, kv_cache=False, model_path=None, "
    "allow_auto_download=True, checkpoint_version='v2', device=None, use_amp='auto', random_state=42, n_jobs=None, verbose=False",
    "tabpfn": "*, n_estimators='auto', categorical_features_indices=None, softmax_temperature='auto', model_path='auto', device='auto', "
    "ignore_pretraining_limits=False, inference_precision='auto', fit_mode='fit_preprocessors', random_state=0, n_preprocessing_jobs=1",
}
PACKAGE = '''
import os, pathlib
import numpy as np
assert os.environ["HF_HUB_OFFLINE"] == "1", "imported without the variables that keep it off the network"
class {classifier}:
    def __init__(self, {signature}):
        assert pathlib.Path(model_path).read_text() == "weights", model_path
        assert device == "cpu" and random_state == 5 and n_estimators == 2
    def fit(self, X, y):
        self.X, self.y, self.classes_ = X, y, np.unique(y)
        return self
    def predict(self, X):
        return self.y[np.argmin(((X[:, None] - self.X[None]) ** 2).sum(-1), axis=1)]
    def predict_proba(self, X):
        return np.eye(len(self.classes_))[self.predict(X)]
class {regressor}({classifier}):
    pass
'''
LIST = "from pipeline import catalog; print([(e.name, e.tasks) for e in catalog.entries('family') if e.order >= 90])"
USE = """
import pickle, sys
import numpy as np
from pipeline import catalog
from pipeline.errors import NotFound
from pipeline.models import Resources
entry = catalog.get("family", sys.argv[1])
assert not entry.facts.default and entry.facts.max_rows and not entry.facts.weights
assert sys.argv[1] not in sys.modules, "registering imports nothing"
X = np.arange(40, dtype=np.float32)[:, None]
for task, y in (("multiclass", np.arange(40) // 15), ("binary", np.arange(40) // 20), ("regression", np.arange(40) * 2.0)):
    model = entry.make(task, {"views": 2}, Resources(threads=1, seed=5)).fit(X, y)
    for each in (model, pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(each.predict(X + 0.1), y)
import os
del os.environ[sys.argv[2]]
try:
    entry.make("binary", {}, Resources()).fit(X, np.arange(40) % 2)
except NotFound as error:
    assert sys.argv[2] in str(error) and error.hint
else:
    raise AssertionError("weights that are gone must be said")
"""


@pytest.fixture
def site(tmp_path):
    """A folder with both packages and files that stand for weights."""
    for name, signature in SIGNATURES.items():
        title = {"tabicl": "TabICL", "tabpfn": "TabPFN"}[name]
        text = PACKAGE.format(signature=signature, classifier=f"{title}Classifier", regressor=f"{title}Regressor")
        (tmp_path / f"{name}.py").write_text(text)
    for name in ("v2-classifier.ckpt", "v2-regressor.ckpt"):
        (tmp_path / name).write_text("weights")
    return tmp_path


def python(script: str, *arguments: str, path: Path | str = "", **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TRAINYARD_TAB", "HF_", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, env={**clean, "PYTHONPATH": str(path), **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_the_package_or_without_weights_the_families_are_silently_absent(site):
    here = {"TRAINYARD_TABICL_CHECKPOINT": str(site / "v2-classifier.ckpt"), "TRAINYARD_TABPFN_CHECKPOINT": str(site / "v2-classifier.ckpt")}
    gone = {name: str(site / "no such file") for name in here}
    assert python(LIST, path=site) == "[]"
    assert python(LIST, path=site, **gone) == "[]"
    if not _installed("tabicl") and not _installed("tabpfn"):
        assert python(LIST, **here) == "[]"


def test_the_files_say_which_tasks_there_are(site):
    found = python(LIST, path=site, TRAINYARD_TABICL_CHECKPOINT=str(site / "v2-regressor.ckpt"))
    assert found == "[('tabicl', ('regression',))]"
    found = python(LIST, path=site, TRAINYARD_TABPFN_CHECKPOINT=str(site / "v2-classifier.ckpt"))
    assert found == "[('tabpfn', ('binary', 'multiclass'))]"


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_adapter_speaks_the_documented_constructor_and_stays_off_the_network(site, name):
    variable = f"TRAINYARD_{name.upper()}_CHECKPOINT"
    both = os.pathsep.join([str(site / "v2-classifier.ckpt"), str(site / "v2-regressor.ckpt")])
    python(USE, name, variable, path=site, **{variable: both})


def _installed(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None
