"""Saved teachers answer as before, and hostile, missing or damaged files are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from tutelage.core import Classes, InputError, KnowsRows, Labels, Space, StoreError, Teacher, Values
from tutelage.teachers import (
    EstimatorTeacher,
    ExportedTeacher,
    ModuleTeacher,
    OnnxTeacher,
    RuleTeacher,
    aligned,
    load_estimator,
    load_saved,
    load_teacher,
    save_teacher,
    stored,
)
from tutelage.teachers.keeping import Way
from tutelage.teachers.load import load_function

RULES = """
LIMIT = 15.0


def bright(ink):
    return ink > LIMIT


def inky(row):
    return "8" if bright(row["ink"]) else None


def odds(row):
    return {"1": 0.8} if row["ink"] < 12 else {"8": 0.6, "1": 0.1}
"""


def again(teacher: Teacher, folder: Path, columns: Any, **options: Any) -> Any:
    """Saved, the folder moved, the description sent through JSON, loaded."""
    text = json.dumps(save_teacher(teacher, folder / "one", columns))
    shutil.move(folder / "one", folder / "two")
    return load_saved(json.loads(text), folder / "two", **options)


def same(one: Any, other: Any, columns: Any) -> None:
    rows = columns["row"]
    before, after = (
        t.answer_rows(columns, rows) if isinstance(t, KnowsRows) else t.answer(columns) for t in (one, other)
    )
    assert type(before) is type(after)
    assert before.meta() == after.meta()
    for name, tensor in before.to_arrays().items():
        torch.testing.assert_close(after.to_arrays()[name], tensor, atol=1e-6, rtol=1e-6)
    members = ("name", "space", "reads", "frozen", "deterministic", "parameters")
    assert [getattr(one, m) for m in members] == [getattr(other, m) for m in members]
    assert (one.seen is None) == (other.seen is None)
    assert one.seen is None or one.seen.tolist() == other.seen.tolist()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    return path


class Heads(nn.Module):
    """A mean and a scale from two columns."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 2)

    def forward(self, pixels: torch.Tensor, row: torch.Tensor) -> dict[str, torch.Tensor]:
        both = self.layer(pixels)
        return {"mean": both[:, :1] + row.unsqueeze(1) * 1e-3, "scale": both[:, 1:].exp()}


class Chancy(nn.Module):
    """Never the same twice."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(pixels[:, :10])


def test_a_module_comes_back_as_a_program(digits: Any, net: nn.Module, tmp_path: Path) -> None:
    net.train()
    teacher = ModuleTeacher(net, reads="image", name="net", classes=range(10), seen=digits.train, batch_size=7)
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    same(teacher, loaded, digits.part(digits.test[40:41]))
    assert isinstance(loaded, ExportedTeacher)
    assert loaded.batch_size == 7
    assert all(part.training for part in net.modules())
    net.eval()


def test_a_module_of_values_with_two_columns_and_a_scale(digits: Any, tmp_path: Path) -> None:
    teacher = ModuleTeacher(Heads(), reads=("pixels", "row"), space=Space(Values, ("ink",)))
    loaded = again(teacher, tmp_path, digits.part(digits.test[:1]))
    same(teacher, loaded, digits.shown)
    assert loaded.answer(digits.shown).scale is not None


def test_what_was_found_out_about_a_module_is_remembered(digits: Any, net: nn.Module, tmp_path: Path) -> None:
    teacher = ModuleTeacher(nn.Sequential(net, nn.Softmax(-1)), reads="image")
    teacher.answer(digits.shown)
    loaded = again(teacher, tmp_path, digits.shown)
    assert loaded.output_found == teacher.output_found == "probabilities (found out: rows sum to 1)"


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "scores": lambda: LinearSVC(),
    "net": lambda: MLPClassifier((8,), max_iter=20, random_state=0),
    "values": lambda: Ridge(),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_estimators(kind: str, digits: Any, tmp_path: Path) -> None:
    made = ESTIMATORS[kind]().fit(digits.columns["pixels"][digits.train], digits.target[digits.train])
    teacher = EstimatorTeacher(made, reads="pixels", name=kind, seen=digits.train)
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert kind == "net" or loaded.fingerprint == teacher.fingerprint


def test_forests_keep_their_fingerprint(digits: Any, word_forest: Any, tmp_path: Path) -> None:
    teacher = EstimatorTeacher(word_forest, reads="pixels", frozen=False, deterministic=False)
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint


def test_boosters_of_lightgbm_keep_their_own_format(breast: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    import lightgbm

    features, target = breast
    made = lightgbm.LGBMClassifier(n_estimators=5, num_leaves=4, n_jobs=1, verbosity=-1).fit(features, target)
    made.booster_.save_model(str(tmp_path / "trees.txt"))
    teacher = EstimatorTeacher(load_estimator(tmp_path / "trees.txt"), reads="cells", names=("bad", "good"))
    columns = {"cells": features[:50], "row": np.arange(50)}
    loaded = again(teacher, tmp_path, columns)
    same(teacher, loaded, columns)
    assert loaded.fingerprint == teacher.fingerprint
    assert (tmp_path / "two" / "estimator.txt").is_file()


@pytest.mark.parametrize("kind", ["zipped", "plain", "numbers"])
def test_onnx(kind: str, digits: Any, onnx_files: dict[str, Path], tmp_path: Path) -> None:
    teacher = OnnxTeacher(onnx_files[kind], reads="pixels", batch_size=9)
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint


def test_onnx_brings_its_external_data(digits: Any, onnx_files: dict[str, Path], tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["pixels", "w"], ["scores"])],
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "linear.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="linear.data", size_threshold=0)
    teacher = OnnxTeacher(path, reads="pixels")
    loaded = again(teacher, tmp_path, digits.shown)
    (tmp_path / "linear.data").unlink()
    same(teacher, loaded, digits.shown)


def test_programs(digits: Any, exported: Path, tmp_path: Path) -> None:
    teacher = ExportedTeacher(exported, reads="image", name="net", output="logits", seen=[3, 1])
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint


@pytest.mark.parametrize("key", [None, "code"])
def test_stored_predictions(key: str | None, digits: Any, tmp_path: Path) -> None:
    columns = digits.shown | {"code": np.array([f"r{n}" for n in digits.shown["row"]])}
    found = np.random.default_rng(0).dirichlet(np.ones(3), size=30).astype(np.float32)
    table: dict[str, Any] = {f"p_{name}": found[:, i] for i, name in enumerate("abc")}
    table[key or "row"] = columns["code" if key else "row"][:30]
    np.savez(tmp_path / "said.npz", **table)
    teacher = stored(tmp_path / "said.npz", key=key, name="said", seen=[5])
    (tmp_path / "said.npz").unlink()
    loaded = again(teacher, tmp_path, columns)
    same(teacher, loaded, columns)
    assert loaded.fingerprint == teacher.fingerprint
    assert isinstance(loaded, KnowsRows) == (key is None)


def test_aligned_teachers_keep_names_and_groups(digits: Any, word_forest: Any, tmp_path: Path) -> None:
    space = Space(Classes, ("even", "one", "seven", "eleven"))
    even = dict.fromkeys(("zero", "two", "four", "six", "eight"), "even")
    teacher = aligned(EstimatorTeacher(word_forest, reads="pixels", name="forest"), space, even)
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint
    assert loaded.note == "does not know ['eleven']; ['five', 'nine', 'three'] are not asked for"
    assert loaded.answer(digits.shown).coverage.tolist() == [True, True, True, False]


def test_aligned_stored_rows_still_know_rows(digits: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "said.npz", row=digits.shown["row"], mean=digits.shown["ink"])
    teacher = aligned(stored(tmp_path / "said.npz", space=Space(Values, ("ink",))), Space(Values, ("ink",)))
    loaded = again(teacher, tmp_path, digits.shown)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint


@pytest.mark.parametrize("function", ["inky", "odds"])
def test_rules_from_files_are_copied_and_run_when_allowed(
    function: str, digits: Any, rules: Path, tmp_path: Path
) -> None:
    teacher = load_teacher(f"{rules}:{function}", reads="ink", classes=range(10))
    teacher.answer(digits.shown)
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    rules.unlink()
    loaded = load_saved(description, tmp_path / "kept", allow_pickle=True)
    same(teacher, loaded, digits.shown)
    assert loaded.fingerprint == teacher.fingerprint
    same(teacher, load_saved(description, tmp_path / "kept", code=[tmp_path / "kept" / "rules.py"]), digits.shown)
    for code in [(), ("other.py",)]:
        with pytest.raises(InputError, match=r"runs Python code, rules\.py"):
            load_saved(description, tmp_path / "kept", code=code)


def test_a_named_file_with_other_code_is_not_taken(digits: Any, rules: Path, tmp_path: Path) -> None:
    teacher = load_teacher(f"{rules}:inky", reads="ink", classes=range(10))
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    rules.write_text(RULES.replace("15.0", "3.0"))
    with pytest.raises(StoreError, match="not the code that was saved"):
        load_saved(description, tmp_path / "kept", code=[rules])


def test_a_rule_whose_file_changed_since_is_not_saved(digits: Any, rules: Path, tmp_path: Path) -> None:
    teacher = RuleTeacher(load_function(f"{rules}:inky"), reads="ink", classes=range(10))
    rules.write_text(RULES.replace("15.0", "3.0"))
    with pytest.raises(InputError, match="has changed since"):
        save_teacher(teacher, tmp_path / "kept", digits.shown)


def test_importable_rules_are_referenced(
    digits: Any, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules.rename(tmp_path / "kept_rules_abroad.py")
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    made = importlib.import_module("kept_rules_abroad")
    teacher = RuleTeacher(made.inky, reads="ink", classes=range(10))
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    assert description["function"]["from"] == "kept_rules_abroad:inky"
    same(teacher, load_saved(description, tmp_path / "kept", code=["kept_rules_abroad"]), digits.shown)
    with pytest.raises(InputError, match="allow_pickle=True"):
        load_saved(description, tmp_path / "kept")
    monkeypatch.setattr(made, "LIMIT", 3.0)
    with pytest.raises(StoreError, match="not the code that was saved"):
        load_saved(description, tmp_path / "kept", allow_pickle=True)


def test_a_rule_that_names_a_command_is_refused(digits: Any, rules: Path, tmp_path: Path) -> None:
    teacher = load_teacher(f"{rules}:inky", reads="ink", classes=range(10))
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    hostile: Any = description | {"function": {"from": "subprocess:getoutput", "code": "0"}}
    with pytest.raises(InputError, match="subprocess:getoutput"):
        load_saved(hostile, tmp_path / "kept")
    outside: Any = description | {"function": {"from": "../rules.py:inky", "code": "0"}}
    with pytest.raises(StoreError, match="outside"):
        load_saved(outside, tmp_path / "kept", allow_pickle=True)


@pytest.fixture
def unsaveable(
    digits: Any, net: nn.Module, exported: Path, onnx_files: dict[str, Path]
) -> dict[str, Callable[[], Teacher]]:
    image: Any = lambda columns: torch.from_numpy(columns["image"])  # noqa: E731

    def pipeline() -> Teacher:
        local = make_pipeline(FunctionTransformer(lambda x: x * 2), LogisticRegression(max_iter=50, tol=0.1))
        rows = digits.train[:200]
        return EstimatorTeacher(local.fit(digits.columns["pixels"][rows], digits.target[rows]), reads="pixels")

    return {
        "lambda": lambda: RuleTeacher(lambda row: None, reads="ink", classes=range(10)),
        "module": lambda: ModuleTeacher(net, reads="image", transform=image),
        "program": lambda: ExportedTeacher(exported, reads="image", transform=image),
        "onnx": lambda: OnnxTeacher(onnx_files["plain"], reads="image", transform=image),
        "pipeline": pipeline,
        "chance": lambda: ModuleTeacher(Chancy(), reads="pixels", deterministic=False),
        "hidden chance": lambda: ModuleTeacher(Chancy(), reads="pixels"),
        "branch": lambda: ModuleTeacher(Branch(), reads="pixels"),
    }


class Branch(nn.Module):
    """Python that looks at numbers, which no export can follow."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, :10] if float(pixels.sum()) > 0 else pixels[:, 10:20]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("lambda", "top level of a Python file"),
        ("module", "transform="),
        ("program", "transform="),
        ("onnx", "transform="),
        ("pipeline", "cannot be written by skops"),
        ("chance", "answers by chance"),
        ("hidden chance", "does not answer the same after saving"),
        ("branch", "cannot be written by torch.export"),
    ],
)
def test_what_cannot_be_saved_says_why(
    kind: str, words: str, unsaveable: dict[str, Callable[[], Teacher]], digits: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        save_teacher(unsaveable[kind](), tmp_path / "kept", digits.shown)


def test_kinds_of_the_users_come_with_their_own_way(digits: Any, forest: Any, tmp_path: Path) -> None:
    class Mine:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    mine: Any = Mine(EstimatorTeacher(forest, reads="pixels"))
    with pytest.raises(InputError, match="nobody said how to save"):
        save_teacher(mine, tmp_path / "kept", digits.shown)
    way = Way(
        lambda teacher, folder, keeping: {"inner": keeping.member(teacher.inner, folder, 0)},
        lambda description, folder, opening: Mine(opening.member(description["inner"], folder, 0)),  # type: ignore[arg-type]
    )
    description = save_teacher(mine, tmp_path / "kept", digits.shown, extra={Mine: way})
    found = load_saved(description, tmp_path / "kept", extra={Mine: way})
    same(mine, found, digits.shown)
    with pytest.raises(StoreError, match="nobody said how to load"):
        load_saved(description, tmp_path / "kept")


def test_missing_and_damaged_files(digits: Any, forest: Any, tmp_path: Path) -> None:
    teacher = EstimatorTeacher(forest, reads="pixels", seen=[1])
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    file = tmp_path / "kept" / "estimator.skops"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=r"estimator\.skops is damaged"):
        load_saved(description, tmp_path / "kept")
    file.unlink()
    with pytest.raises(StoreError, match=r"estimator\.skops is missing"):
        load_saved(description, tmp_path / "kept")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "os.system"}, "nobody said how to load"),
        ({"file": "../../secret.pkl"}, "not a file that an estimator"),
        ({"files": {"../../../etc/passwd": "0"}}, "outside its folder"),
        ({"files": {"/etc/passwd": "0"}}, "outside its folder"),
        ({"files": 3}, "not understood"),
        ({"reads": None}, "not understood"),
        ({"seen": True}, "not understood"),
    ],
)
def test_hostile_descriptions(change: dict[str, Any], words: str, digits: Any, forest: Any, tmp_path: Path) -> None:
    description = save_teacher(EstimatorTeacher(forest, reads="pixels"), tmp_path / "kept", digits.shown)
    with pytest.raises(StoreError, match=words):
        load_saved(description | change, tmp_path / "kept")


def test_untrusted_types_stay_refused(digits: Any, tmp_path: Path) -> None:
    made = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    made.fit(digits.columns["pixels"][digits.train], digits.target[digits.train])
    teacher = EstimatorTeacher(Doubled(made), reads="pixels")
    description = save_teacher(teacher, tmp_path / "kept", digits.shown)
    with pytest.raises(InputError, match="nobody has trusted"):
        load_saved(description, tmp_path / "kept")
    same(teacher, load_saved(description, tmp_path / "kept", trusted=[f"{__name__}.Doubled"]), digits.shown)


class Doubled:
    """An estimator of the user's own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.classes_ = inner.classes_

    def predict(self, features: Any) -> Any:
        return self.inner.predict(features)

    def predict_proba(self, features: Any) -> Any:
        return self.inner.predict_proba(features)


def test_labels_of_several_outputs(digits: Any, tmp_path: Path) -> None:
    yes = np.stack([digits.target % 2 == 0, digits.target > 4], axis=1)
    from sklearn.neighbors import KNeighborsClassifier

    made = KNeighborsClassifier(3).fit(digits.columns["pixels"][digits.train], yes[digits.train])
    teacher = EstimatorTeacher(made, reads="pixels", names=("even", "large"))
    assert teacher.space == Space(Labels, ("even", "large"))
    same(teacher, again(teacher, tmp_path, digits.shown), digits.shown)
