"""Free text as numbers, and text as data: tables of nothing but text train well with nothing configured."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import roc_auc_score

import pipeline
from pipeline import catalog
from pipeline.errors import DamagedArtifact, MissingPackage, NotFound, UnknownName, Unreadable
from pipeline.executor import InlineExecutor
from pipeline.features import Brief, Needs, local_models, sharing, text
from pipeline.features.sentences import Meanings, _reader
from pipeline.features.vocabulary import PartVocabulary, WordVocabulary, words_and_pairs
from pipeline.features.words import TextCounts
from pipeline.workspace import Workspace

DENSE, SPARSE = Needs(scaled=True, text="both"), Needs(scaled=True, sparse=True)
GOOD = "lovely fresh crisp tasty perfect delicious great favourite".split()
BAD = "stale awful broken refund bitter disgusting never waste".split()
PLAIN = "the box came on monday with my order and we tried it at home for some days".split()


def reviews(n: int = 200, seed: int = 0, only: bool = True) -> pd.DataFrame:
    """Reviews of a few words, of which two tell; in one of ten they tell the wrong thing."""
    rng = np.random.default_rng(seed)
    liked = rng.random(n) < 0.5
    told = np.where(rng.random(n) < 0.1, ~liked, liked)
    written = [" ".join(rng.permutation([*rng.choice(PLAIN, 12), *rng.choice(GOOD if good else BAD, 2)])) for good in told]
    frame = pd.DataFrame({"review": written, "liked": np.where(liked, "yes", "no")})
    if not only:
        frame.insert(1, "price", np.where(rng.random(n) < 0.8, liked, ~liked) + rng.normal(0, 0.2, n))
    return frame


def make(step: str, needs: Needs = DENSE, **params: Any) -> Any:
    entry = catalog.get("step", step)
    return entry.make(entry.complete(params), needs)


def texts(*written: str | None) -> pd.DataFrame:
    return pd.DataFrame({"note": pd.Series(written, dtype=object)})


def trained(frame: pd.DataFrame, families: list[str]) -> pipeline.Outcome:
    return pipeline.train(frame, "liked", budget_trials=len(families), families=families, executor=InlineExecutor(), holdout=0)


def test_a_table_of_nothing_but_a_text_trains_well() -> None:
    outcome = trained(reviews(), ["linear", "lightgbm"])
    assert [c.kind for c in outcome.plan.columns] == ["text"]
    assert {row["family"]: row["score"] > 0.8 for row in outcome.leaderboard} == {"linear": True, "lightgbm": True, "baseline": False}
    assert outcome.predictor.predict(pd.DataFrame({"review": [" ".join(GOOD), " ".join(BAD), None]}))[:2].tolist() == ["yes", "no"]


def test_several_texts_and_numbers_beside_them_are_all_used() -> None:
    frame = reviews(only=False)
    frame["answer"] = reviews(seed=1)["review"].where(np.arange(200) % 9 != 0)
    outcome = trained(frame, ["lightgbm"])
    assert {c.name: c.kind for c in outcome.plan.columns} == {"review": "text", "price": "numeric", "answer": "text"}
    alone = roc_auc_score(frame["liked"] == "yes", frame["price"])
    assert outcome.leaderboard[0]["score"] > alone, "better than the price alone"


def test_style_counts_what_is_written() -> None:
    made = make("text_style", columns=["note"]).fit_transform(texts("Buy NOW!!! 50% off?\nnow", None)).iloc[0].to_dict()
    assert {k.removeprefix("note: "): round(v, 3) for k, v in made.items()} == {
        "characters": 23, "words": 5, "characters per word": 2.8, "distinct words": 0.8, "capitals": round(4 / 23, 3), "words in capitals": 0.2,
        "digits": round(2 / 23, 3), "punctuation": round(5 / 23, 3), "exclamation marks": 3, "question marks": 1, "lines": 2,
    }  # fmt: skip
    assert not np.isnan(list(made.values())).any()


def test_negations_shouts_and_scripts_without_blanks_are_counted() -> None:
    counted = set(TextCounts().fit(texts("I don't like it!!!")).get_feature_names_out())
    assert {"note: don't", "note: don't like", "note: !!!", "note: i"} <= counted
    chinese = TextCounts().fit(texts("这个产品非常好我每天都用它来做早餐和午餐给家人", "这个产品质量很差我再也不会买了请大家不要买它"))
    assert {"note: 产品", "note: 不会"} <= set(chinese.get_feature_names_out()), "words without blanks are found by their parts"


ODD = ["", "  ", "a", "I", "Spider-Man (Earth-616)", "spider-man  again, again", "naïve ÉCOLE 😀😀", "tab\there\u3000now", "don't!! no\x00w", "\ud800 x", "don't"]
ODD += ["a'b'c'd'e ’x''y'z!?wh'at?!no'", "'", "rock'n'roll’s it's_ok ' o' 'n", "ΑΣ ΣΑΣ. İstanbul\nΌΔΟΣ"]


@pytest.mark.parametrize(("ours", "theirs"), [(WordVocabulary, {"analyzer": words_and_pairs}), (PartVocabulary, {"analyzer": "char_wb", "ngram_range": (2, 5)})])
@pytest.mark.parametrize("least", [1, 2])
def test_counts_are_those_of_scikit_learn(ours: type, theirs: dict[str, Any], least: int) -> None:
    known, new = [*ODD, *reviews(30)["review"]], [*ODD[::-1], "an unheard-of wörd", *reviews(30, seed=1)["review"]]
    made, expected = ours(min_df=least).fit(known), CountVectorizer(binary=True, min_df=least, **theirs).fit(known)
    order = np.argsort(made.get_feature_names_out())
    assert list(made.get_feature_names_out()[order]) == list(expected.get_feature_names_out())
    made = pickle.loads(pickle.dumps(made))
    for texts_ in (known, new, [], [""]):
        assert np.array_equal(made.transform(texts_)[:, order].toarray(), expected.transform(texts_).toarray() if texts_ else np.zeros((0, len(order))))
    assert (made.fit_transform(known) != made.transform(known)).nnz == 0
    assert ours(max_features=3).fit_transform(["b b a", "a c d", "a b c"]).shape == (3, 3)


def test_of_too_many_letters_the_rarest_are_passed_over() -> None:
    letters = [chr(0x4E00 + i) for i in range(5_000)]
    made = PartVocabulary().fit([*letters[:4_000], *letters[:4_000], *letters[4_000:]])
    assert {f" {letters[0]}", f" {letters[3_999]} "} <= set(made.get_feature_names_out())
    assert made.transform([letters[0], letters[-1]]).sum(axis=1).ravel().tolist() == [[3, 0]]


@pytest.mark.parametrize("parts", ["words", "characters", "both"])
@pytest.mark.parametrize("step", ["tfidf", "text_hash"])
def test_words_say_the_same_with_and_without_a_list_of_them(step: str, parts: str) -> None:
    train, new = reviews(200), reviews(200, seed=2)
    y, truth = (frame["liked"] == "yes" for frame in (train, new))
    dense, sparse = make(step, DENSE, parts=parts), make(step, SPARSE, parts=parts)
    score = dense.fit(train[["review"]], y.to_numpy().astype(int)).transform(new[["review"]])
    assert roc_auc_score(truth, score[:, 0]) > 0.65 and score.shape[1] == len(dense.get_feature_names_out()) == 49
    counted, scored = (
        make(step, SPARSE, parts=parts).fit_transform(train[["review"]]),
        sparse.fit_transform(train[["review"]], y.to_numpy().astype(int)),
    )
    assert scored.shape == (200, len(sparse.get_feature_names_out())) == (200, counted.shape[1] + 1), "the score is beside the words"
    assert roc_auc_score(truth, sparse.transform(new[["review"]])[:, [-1]].toarray()[:, 0]) == roc_auc_score(truth, score[:, 0])
    assert make(step, SPARSE).fit(texts(None, "")).transform(texts("a new text")).shape[0] == 1, "nothing to count"


@pytest.mark.parametrize("step", ["tfidf", "text_hash"])
def test_the_forms_of_a_text_share_what_is_counted_and_are_what_they_are_alone(step: str, tmp_path: Path) -> None:
    train, new = reviews(60)[["review"]], reviews(20, seed=2)[["review"]]
    y, memory = np.arange(60) % 2, Workspace(tmp_path)
    for form in (SPARSE, DENSE, replace(DENSE, text="scores"), replace(DENSE, text="directions")):
        made = []
        for place in (memory, Brief()):
            with sharing(place):
                fitted = make(step, form)
                made += [fitted.fit_transform(train, y), fitted.transform(new)]
        alone = make(step, form)
        made += [alone.fit_transform(train, y), alone.transform(new)]
        as_array = [one.toarray() if form.sparse else one for one in made]
        for i in range(2, 6):
            np.testing.assert_allclose(as_array[i], as_array[i % 2], atol=1e-12)
        kept = [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"]
        assert len(kept) == 3, "the counts of the training rows, what they say of y, and the counts of the new rows"


PACKAGE = "sentence_transformers"


class Reader:
    """Has the constructor and the verb of sentence-transformers 6; a text lies where its letters say."""

    transformers_model = None

    def __init__(self, path: str, *, local_files_only: bool, trust_remote_code: bool, model_kwargs: dict) -> None:
        assert local_files_only and not trust_remote_code and model_kwargs == {"use_safetensors": True} and Path(path).is_dir()

    def encode(self, read: list[str], *, batch_size: int, convert_to_numpy: bool, show_progress_bar: bool) -> np.ndarray:
        assert len(read) == len(set(read)), "every text is read once"
        return np.array([[one.count(letter) for letter in "abc"] for one in read], dtype=np.float32)


def test_sentence_models_are_read_from_a_folder_and_absent_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(local_models.FOLDER, raising=False)
    assert local_models.sentence_models() == [] and "text_meaning" not in {entry.name for entry in catalog.entries("step")}
    monkeypatch.setenv(local_models.FOLDER, str(tmp_path))
    for name, weights in (("small", "model.safetensors"), ("unsafe", "pytorch_model.bin")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / weights).write_bytes(b"")
    assert local_models.sentence_models() == ["small"], "weights that could run code are not offered"
    notes, step = texts("aa", "b", None, "aa", "abc"), Meanings(("note",), "small", directions=5)
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    _reader.cache_clear()
    with pytest.raises(MissingPackage) as caught:
        step.fit(notes)
    assert caught.value.hint == "pip install sentence-transformers"
    with pytest.raises(UnknownName):
        Meanings(("note",), "smal").fit(notes)
    package = ModuleType(PACKAGE)
    package.SentenceTransformer = Reader
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    made = step.fit(notes).transform(notes)
    assert step.fit(notes.head(1)).transform(notes.head(0)).shape == (0, 5), "one text, which has no spread, and none"
    assert made.shape == (5, 5) and made.columns.tolist() == list(text._meaning_names({"columns": ["note"], "directions": 5}))
    assert made.iloc[0].equals(made.iloc[3]) and not made.iloc[0].equals(made.iloc[1]) and (made.iloc[:, 3:] == 0).all(axis=None)
    (tmp_path / "small" / "config.json").write_text('{"other": 1}')
    _reader.cache_clear()
    with pytest.raises(DamagedArtifact, match="was learned with"):
        step.transform(notes)
    monkeypatch.delenv(local_models.FOLDER)
    with pytest.raises(NotFound, match="is not set"):
        step.transform(notes)
    _reader.cache_clear()


def bert(folder: Path) -> None:
    """A sentence model as the library saves one: tiny, its weights at random."""
    pytest.importorskip(PACKAGE, reason="a real model is read where somebody has installed sentence-transformers")
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "tea"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)


def test_a_real_sentence_model_reads_texts_and_half_a_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bert(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    weights = tmp_path / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    shutil.copytree(tmp_path / "whole", tmp_path / "mute", ignore=lambda *_: ["vocab.txt", "tokenizer.json", "tokenizer_config.json"])
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    config = json.loads((tmp_path / "half" / "config.json").read_text())
    (tmp_path / "half" / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    monkeypatch.setenv(local_models.FOLDER, str(tmp_path))
    notes = texts("good tea", "bad tea", None, "good tea", "bad " * 50)
    step = Meanings(("note",), "whole", directions=3).fit(notes)
    made = step.transform(notes)
    assert np.isfinite(made).all(axis=None) and made.iloc[0].equals(made.iloc[3]) and not made.iloc[0].equals(made.iloc[1])
    _reader.cache_clear()
    assert np.allclose(pickle.loads(pickle.dumps(step)).transform(notes), made)
    for name, said in (("torn", "cannot be read"), ("mute", "knows no word"), ("half", "16 of its weights are missing")):
        with pytest.raises(Unreadable, match=said):
            Meanings(("note",), name, directions=3).fit(notes)
    _reader.cache_clear()
