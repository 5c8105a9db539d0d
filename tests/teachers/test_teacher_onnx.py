"""ONNX files as skl2onnx and torch write them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, save
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from tutelage.core import Classes, InputError, MissingExtraError, Space, Values
from tutelage.teachers import EstimatorTeacher, ModuleTeacher, OnnxTeacher, aligned


def _linear(path: Path, rows: Any, name: str = "scores", classes: int = 3) -> np.ndarray:
    """A file with one matrix product; gives the matrix."""
    weight = np.random.default_rng(0).normal(size=(64, classes)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["pixels", "weight"], [name])],
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [rows, 64])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, classes])],
        [helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.flatten().tolist())],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return weight


@pytest.mark.parametrize("form", ["zipped", "plain"])
def test_string_classes_with_and_without_zipmap(
    digits: Any, word_forest: Any, onnx_files: dict[str, Path], form: str
) -> None:
    teacher = OnnxTeacher(onnx_files[form], reads="pixels")
    estimator = EstimatorTeacher(word_forest, reads="pixels")
    assert teacher.space == estimator.space
    answer, expected = teacher.answer(digits.shown), estimator.answer(digits.shown)
    assert isinstance(answer, Classes)
    assert np.allclose(answer.probs().numpy(), expected.probs().numpy(), atol=1e-4)  # type: ignore[attr-defined]
    assert teacher.output_found == "probabilities (found out: rows sum to 1)"


def test_more_than_nine_numbered_classes_keep_their_order(iris: Any, tmp_path: Path) -> None:
    to_onnx: Any = importlib.import_module("skl2onnx").to_onnx

    features = np.random.default_rng(0).normal(size=(240, 4)).astype(np.float32)
    target = np.arange(240) % 12
    model = LogisticRegression(max_iter=50).fit(features, target)
    for zipmap in (True, False):
        path = tmp_path / f"{zipmap}.onnx"
        options = {id(model): {"zipmap": zipmap}}
        path.write_bytes(to_onnx(model, features[:1], options=options, target_opset=17).SerializeToString())
        teacher = OnnxTeacher(path, reads="x")
        assert teacher.space.names == tuple(str(i) for i in range(12))
        probs = teacher.answer({"x": features}).probs().numpy()  # type: ignore[attr-defined]
        assert np.allclose(probs, model.predict_proba(features), atol=1e-5)


def test_several_columns_become_one_input(digits: Any, onnx_files: dict[str, Path]) -> None:
    pixels = digits.shown["pixels"]
    wide = OnnxTeacher(onnx_files["numbers"], reads="pixels").answer(digits.shown)
    names = [f"p{i}" for i in range(64)]
    narrow = OnnxTeacher(onnx_files["numbers"], reads=names).answer({n: pixels[:, i] for i, n in enumerate(names)})
    flat = OnnxTeacher(onnx_files["numbers"], reads="image").answer(digits.shown)
    for other in (narrow, flat):
        assert torch.equal(wide.to_arrays()["scores"], other.to_arrays()["scores"])


def test_one_column_per_input(iris: Any, tmp_path: Path) -> None:
    import polars as pl
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = {"city": np.array(["A", "B", "A", "C"] * 5, dtype=object), "age": np.arange(20.0)}
    encode = ColumnTransformer([("city", OneHotEncoder(), ["city"]), ("age", "passthrough", ["age"])])
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(pl.DataFrame(columns), [0, 1] * 10)
    inputs = [("city", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))]
    made: Any = convert_sklearn(model, initial_types=inputs, target_opset=17)
    path = tmp_path / "mixed.onnx"
    path.write_bytes(made.SerializeToString())
    probs = OnnxTeacher(path, reads=("age", "city")).answer(columns).probs()  # type: ignore[attr-defined]
    assert np.allclose(probs.numpy(), model.predict_proba(pl.DataFrame(columns)), atol=1e-5)
    with pytest.raises(InputError, match="name one column for each"):
        OnnxTeacher(path, reads="age").answer(columns)


def test_torch_writes_logits(digits: Any, net: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    training = net.training
    torch.onnx.export(
        net.eval(),
        (torch.zeros(2, 1, 8, 8),),
        path,
        dynamo=True,
        verbose=False,
        dynamic_shapes=({0: torch.export.Dim("rows")},),
    )
    net.train(training)
    teacher = OnnxTeacher(path, reads="image", batch_size=9)
    answer = teacher.answer(digits.shown)
    expected = ModuleTeacher(net, reads="image").answer(digits.shown)
    assert np.allclose(answer.to_arrays()["scores"].numpy(), expected.to_arrays()["scores"].numpy(), atol=1e-4)
    assert teacher.space.names == ()
    assert aligned(teacher, Space(Classes, tuple("0123456789"))).note == "order assumed"  # type: ignore[attr-defined]


def test_a_fixed_number_of_rows_is_filled_up(digits: Any, tmp_path: Path) -> None:
    weight = _linear(tmp_path / "fixed.onnx", 16)
    answer = OnnxTeacher(tmp_path / "fixed.onnx", reads="pixels").answer(digits.shown)
    assert np.allclose(answer.to_arrays()["scores"].numpy(), digits.shown["pixels"] @ weight, atol=1e-5)


def test_regression_and_votes(iris: Any, tmp_path: Path) -> None:
    to_onnx: Any = importlib.import_module("skl2onnx").to_onnx

    features, target, _ = iris
    features = features.astype(np.float32)
    model = LinearRegression().fit(features[:, :3], features[:, 3])
    (tmp_path / "line.onnx").write_bytes(to_onnx(model, features[:1, :3], target_opset=17).SerializeToString())
    values = OnnxTeacher(tmp_path / "line.onnx", reads="x", space=Space(Values, ("width",)))
    answer = values.answer({"x": features[:, :3]})
    assert isinstance(answer, Values)
    assert np.allclose(answer.mean[:, 0].numpy(), model.predict(features[:, :3]), atol=1e-4)
    svm = LinearSVC().fit(features, np.array(["a", "b", "c"])[target])
    (tmp_path / "svm.onnx").write_bytes(to_onnx(svm, features[:1], target_opset=17).SerializeToString())
    voting = OnnxTeacher(tmp_path / "svm.onnx", reads="x", output_name="label")
    votes = voting.answer({"x": features})
    assert isinstance(votes, Classes)
    assert votes.kind == "votes"
    assert [voting.space.names[i] for i in votes.scores.argmax(1)] == list(svm.predict(features))


def test_what_does_not_fit_is_named(digits: Any, onnx_files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shape \(40, 1\)"):
        OnnxTeacher(onnx_files["plain"], reads="ink").answer(digits.shown)
    with pytest.raises(InputError, match=r"takes tensor\(float\), but its column is object"):
        OnnxTeacher(onnx_files["plain"], reads=["unread"] * 64).answer(digits.shown)
    with pytest.raises(InputError, match="give output_name="):
        OnnxTeacher(onnx_files["plain"], reads="pixels", output_name="nothing")
    (tmp_path / "broken.onnx").write_bytes(onnx_files["plain"].read_bytes()[:500])
    with pytest.raises(InputError, match="cannot be opened as an ONNX model"):
        OnnxTeacher(tmp_path / "broken.onnx", reads="pixels")
    with pytest.raises(InputError, match="is no file"):
        OnnxTeacher(tmp_path / "none.onnx", reads="pixels")
    _linear(tmp_path / "three.onnx", None)
    with pytest.raises(InputError, match=r"need \[rows, 2\]"):
        OnnxTeacher(tmp_path / "three.onnx", reads="pixels", classes="ab").answer(digits.shown)


def test_fingerprint_is_of_the_bytes(onnx_files: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "other_name.onnx"
    copy.write_bytes(onnx_files["plain"].read_bytes())
    one = OnnxTeacher(onnx_files["plain"], reads="pixels").fingerprint
    assert one == OnnxTeacher(copy, reads="pixels").fingerprint
    assert one["weights"] != OnnxTeacher(onnx_files["zipped"], reads="pixels").fingerprint["weights"]


def test_missing_extra(onnx_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"tutelage\[onnx\]"):
        OnnxTeacher(onnx_files["plain"], reads="pixels")
