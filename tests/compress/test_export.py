"""Exported forms of a student, row by row against the torch student."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import tutelage as tl
from train.small import Counted, net, table
from tutelage.compress import export_run
from tutelage.core import InputError, MissingExtraError, StoreError
from tutelage.report import Report
from tutelage.train import Cost, Run, Training


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose student takes one column of five features."""

    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tutelage.train.evaluate.cost", once)
        patch.setattr(Report, "save", lambda self, path: path)
        patch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 5)
        tl.distill(net, table(), [Counted()], training=Training(15, 16), seeds=[0], run=folder, baselines={})
    return tl.load(folder)


def columns(rows: int) -> dict[str, np.ndarray]:
    return {"features": np.random.default_rng(1).normal(size=(rows, 5)).astype(np.float32)}


def test_every_form_says_what_the_torch_student_says(run: Run, tmp_path: Path) -> None:
    given = columns(2000)
    found = export_run(run, given, tmp_path, int8=True)
    assert [one.name for one in found] == ["torch", "onnx", "onnx int8"]
    assert found[1].agreement == 1.0
    assert found[1].largest_change < 1e-4
    assert 0.95 < found[2].agreement <= 1.0
    assert all(one.size == one.path.stat().st_size and one.cost.p50_ms > 0 for one in found)
    session = onnxruntime.InferenceSession(str(found[1].path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        truth = run.student(torch.from_numpy(given["features"]))
    for count in (1, 3, 2000):
        said: Any = session.run(None, {"features": given["features"][:count]})[0]
        assert np.allclose(said, truth[:count], atol=1e-4)
    assert {file.name for file in tmp_path.iterdir()} >= {"student.onnx", "student.int8.onnx"}


def test_pt2_is_the_same_program(run: Run, tmp_path: Path) -> None:
    given = columns(64)
    found = export_run(run, given, tmp_path, to="pt2", measure=lambda answer: {"rows": float(len(answer))})
    assert [(one.name, one.agreement, one.largest_change) for one in found] == [("torch", 1.0, 0.0), ("pt2", 1.0, 0.0)]
    assert found[1].metrics == {"rows": 64.0}
    loaded = torch.export.load(tmp_path / "student.pt2").module()
    with torch.no_grad():
        assert torch.equal(
            loaded(torch.from_numpy(given["features"])), run.student(torch.from_numpy(given["features"]))
        )


def test_what_cannot_be_exported_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--int8 is written as ONNX"):
        export_run(run, columns(4), tmp_path, to="pt2", int8=True)
    with pytest.raises(InputError, match="no row to check"):
        export_run(run, columns(0), tmp_path)
    with pytest.raises(InputError, match=r"columns \['features'\] are missing"):
        export_run(run, {"other": np.zeros(3)}, tmp_path)


def test_a_missing_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"'onnxscript' is needed to write an ONNX file.*tutelage\[onnx\]"):
        export_run(run, columns(4), tmp_path)


def test_a_damaged_student_is_named(run: Run, tmp_path: Path) -> None:
    for file in ("run.json", "report.json"):
        (tmp_path / file).write_bytes((run.folder / file).read_bytes())
    (tmp_path / "student.pt2").write_bytes((run.folder / "student.pt2").read_bytes()[:100])
    with pytest.raises(StoreError, match=r"student\.pt2 cannot be loaded"):
        export_run(tl.load(tmp_path), columns(4), tmp_path)
