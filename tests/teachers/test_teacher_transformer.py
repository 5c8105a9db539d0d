"""Hugging Face folders: what they answer, and which folders are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tutelage.core import Classes, Features, InputError, Labels, MissingExtraError, Space, Values
from tutelage.teachers import TransformerTeacher, load_saved, load_teacher, save_teacher
from tutelage.testing import check_teacher

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "a", "was", "not", "##s"]
COLUMNS: dict[str, np.ndarray] = {
    "text": np.array(["good film", "the films was not bad", "a", "", "unheard of good", "bad " * 40]),
    "other": np.array(["the film", "a", "good", "bad", "not", "was"]),
    "number": np.arange(6.0),
}


def folder_of(place: Path, seed: int = 0, head: bool = True, **settings: Any) -> Path:
    """A tiny BERT with random weights and a WordPiece vocabulary, as `save_pretrained` writes them."""
    transformers: Any = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY), max_position_embeddings=16, initializer_range=1.0, **small, **settings
    )
    model = transformers.BertForSequenceClassification(config) if head else transformers.BertModel(config)
    model.save_pretrained(place)
    tokenizer = transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(VOCABULARY)})
    tokenizer.save_pretrained(place)
    return place


NAMED: dict[str, Any] = {"id2label": {0: "neg", 1: "pos", 2: "mid"}, "label2id": {"neg": 0, "pos": 1, "mid": 2}}


def test_a_classifier_keeps_the_contract_and_answers_as_alone(tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    folder = folder_of(tmp_path / "one", **NAMED)
    teacher = TransformerTeacher(folder, reads="text", batch_size=2)
    changed = TransformerTeacher(folder_of(tmp_path / "two", 1, **NAMED), reads="text")
    check_teacher(teacher, COLUMNS, changed=changed)
    assert (teacher.name, teacher.max_length) == ("one", 16)
    assert teacher.space == Space(Classes, ("neg", "pos", "mid"))
    found: Any = teacher.answer(COLUMNS)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for row, text in enumerate(COLUMNS["text"].tolist()):
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=16)
        with torch.no_grad():
            torch.testing.assert_close(found.scores[row], model(**given).logits[0], atol=1e-4, rtol=1e-4)
    assert found.scores.std(0).min() > 0.01


def test_pairs_labels_values_and_rows_without_text(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "labels", problem_type="multi_label_classification", **NAMED)
    missing = {**COLUMNS, "text": np.array(["good", None, "bad", np.nan, "a", "the"], dtype=object)}
    teacher = TransformerTeacher(folder, reads=("text", "other"))
    found = teacher.answer(missing)
    assert isinstance(found, Labels)
    assert found.valid.all(1).tolist() == [True, False, True, False, True, True]
    swapped: Any = TransformerTeacher(folder, reads=("other", "text")).answer(missing)
    assert not torch.allclose(swapped.logits, found.logits)
    teacher = TransformerTeacher(folder_of(tmp_path / "value", num_labels=1), reads="text", classes=["stars"])
    found = teacher.answer(COLUMNS)
    assert isinstance(found, Values)
    assert teacher.space == Space(Values, ("stars",))
    assert float(found.mean.std()) > 0
    check_teacher(teacher, COLUMNS)


def test_features_are_means_over_tokens(tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    folder = folder_of(tmp_path / "bare", head=False)
    teacher = TransformerTeacher(folder, reads="text", features=True, batch_size=3)
    check_teacher(teacher, COLUMNS)
    found = teacher.answer(COLUMNS)
    assert isinstance(found, Features)
    assert found.shape == (16,)
    given = transformers.AutoTokenizer.from_pretrained(folder)("good film", return_tensors="pt")
    with torch.no_grad():
        wanted = transformers.AutoModel.from_pretrained(folder).eval()(**given).last_hidden_state[0].mean(0)
    torch.testing.assert_close(found.values[0], wanted, atol=1e-4, rtol=1e-4)
    with_head = TransformerTeacher(folder_of(tmp_path / "head"), reads="text", features=True)
    assert with_head.answer(COLUMNS).shape == (16,)  # type: ignore[attr-defined]


def test_saved_loaded_and_from_its_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "bert", **NAMED)
    (folder / "notes.md").write_text("not part of it")
    teacher = TransformerTeacher(folder, reads="text", max_length=9, seen=[2])
    text = json.dumps(save_teacher(teacher, tmp_path / "kept", COLUMNS))
    loaded = load_saved(json.loads(text), tmp_path / "kept")
    assert dict(loaded.fingerprint) == dict(teacher.fingerprint)
    assert torch.equal(loaded.answer(COLUMNS).scores, teacher.answer(COLUMNS).scores)  # type: ignore[attr-defined]
    assert not list((tmp_path / "kept").rglob("*.md"))
    named = load_teacher(folder, reads="text", space=Space(Classes, ("mid", "neg", "pos")))
    assert named.answer(COLUMNS).valid.all()


def test_folders_and_columns_that_are_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "bert", **NAMED)
    with pytest.raises(InputError, match=r"reads column 'number' as text, and it holds 0\.0"):
        TransformerTeacher(folder, reads="number").answer(COLUMNS)
    with pytest.raises(InputError, match="one or two columns"):
        TransformerTeacher(folder, reads=("text", "other", "text"))
    with pytest.raises(InputError, match=r"3 outputs .* but got 2 names"):
        TransformerTeacher(folder, reads="text", classes="ab")
    with pytest.raises(InputError, match=r"lack \['classifier"):
        TransformerTeacher(folder_of(tmp_path / "bare", head=False), reads="text")
    with pytest.raises(InputError, match=r"has no config\.json"):
        TransformerTeacher(tmp_path, reads="text")
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"it needs model\.safetensors"):
        TransformerTeacher(pickled, reads="text")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be opened"):
        TransformerTeacher(folder, reads="text")
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text(
        json.dumps({"model_type": "mine", "auto_map": {"AutoModelForSequenceClassification": "code.Mine"}})
    )
    (own / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(InputError, match="transformers itself knows"):
        TransformerTeacher(own, reads="text")
    assert not (tmp_path / "ran").exists()


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"tutelage\[hf\]"):
        TransformerTeacher(tmp_path, reads="text")
