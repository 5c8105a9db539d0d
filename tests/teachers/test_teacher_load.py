"""Teachers from files by name, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skops.io import dump

from tutelage.core import Classes, InputError, Space
from tutelage.teachers import load_teacher

DIGITS = Space(Classes, tuple(str(i) for i in range(10)))

RULES = """
LIMIT = 20.0

def thin(row):
    return 1 if row["ink"] < LIMIT else None
"""


def test_every_known_kind(
    digits: Any, forest: Any, net: Any, exported: Path, onnx_files: dict[str, Path], tmp_path: Path
) -> None:
    dump(forest, tmp_path / "forest.skops")
    (tmp_path / "forest.pkl").write_bytes(pickle.dumps(forest))
    (tmp_path / "rules.py").write_text(RULES)
    probs = forest.predict_proba(digits.shown["pixels"])
    np.savez(tmp_path / "p.npz", row=digits.shown["row"], **{f"p_{c}": probs[:, c] for c in range(10)})
    made = [
        load_teacher(tmp_path / "forest.skops", reads="pixels", space=DIGITS),
        load_teacher(tmp_path / "forest.pkl", reads="pixels", space=DIGITS, allow_pickle=True),
        load_teacher(onnx_files["numbers"], reads="pixels", space=DIGITS),
        load_teacher(tmp_path / "p.npz", reads=(), space=DIGITS, key="row"),
        load_teacher(exported, reads="image", space=DIGITS),
        load_teacher(f"{tmp_path}/rules.py:thin", reads="ink", space=DIGITS),
    ]
    assert [teacher.name for teacher in made] == ["forest", "forest", "numbers", "p", "net", "thin"]
    first, *others = [teacher.answer(digits.shown) for teacher in made]
    for answer in others[:3]:
        assert torch.allclose(answer.probs(), first.probs(), atol=1e-4)  # type: ignore[attr-defined]
    assert others[-1].valid.any()
    assert not others[-1].valid.all()


def test_mapping_reaches_the_alignment(digits: Any, onnx_files: dict[str, Path]) -> None:
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with pytest.raises(InputError, match="no name in common"):
        load_teacher(onnx_files["plain"], reads="pixels", space=DIGITS)
    mapping = {word: number for number, word in enumerate(words)}
    teacher = load_teacher(onnx_files["plain"], reads="pixels", space=DIGITS, mapping=mapping, name="words")
    answer: Any = teacher.answer(digits.shown)
    assert (answer.scores.argmax(1).numpy() == digits.target[digits.test[:40]]).mean() > 0.9
    assert teacher.name == "words"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.pt", "torch.export.save as .pt2"),
        ("net.safetensors", "torch.export.save as .pt2"),
        ("forest.pkl", "say allow_pickle=True"),
        ("forest.joblib", "say allow_pickle=True"),
        ("forest.xyz", "ending in '.xyz', which is no kind of teacher; known are .skops"),
        ("folder", "is a folder"),
        ("none", "is no known kind of file"),
    ],
)
def test_refusals_say_the_way_out(tmp_path: Path, name: str, message: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name != "none":
        path.write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        load_teacher(path, reads="x", space=DIGITS)


def test_rules_from_files(tmp_path: Path) -> None:
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    with pytest.raises(InputError, match=r"no function 'thick'; it has \['thin'\]"):
        load_teacher(f"{path}:thick", reads="ink", space=DIGITS)
    with pytest.raises(InputError, match="is no file"):
        load_teacher(f"{tmp_path}/none.py:thin", reads="ink", space=DIGITS)
    before = load_teacher(f"{path}:thin", reads="ink", space=DIGITS).fingerprint
    assert before == load_teacher(f"{path}:thin", reads="ink", space=DIGITS).fingerprint
    path.write_text(RULES.replace("20.0", "30.0"))
    assert before["weights"] != load_teacher(f"{path}:thin", reads="ink", space=DIGITS).fingerprint["weights"]
    path.write_text("1 / 0")
    with pytest.raises(InputError, match="failed while it was read: ZeroDivisionError"):
        load_teacher(f"{path}:thin", reads="ink", space=DIGITS)


def test_importing_teachers_imports_no_extra() -> None:
    extras = ["sklearn", "skops", "joblib", "lightgbm", "onnx", "onnxruntime", "polars", "threadpoolctl"]
    code = f"import sys, tutelage.teachers; print(sorted(set({extras}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
