"""Every kind of teacher keeps the contract, and `check_teacher` notices each way of breaking it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.svm import LinearSVC
from torch import nn

from tutelage.core import Classes, Space, Values
from tutelage.teachers import (
    EstimatorTeacher,
    ExportedTeacher,
    ModuleTeacher,
    OnnxTeacher,
    RuleTeacher,
    aligned,
    bound,
    stored,
)
from tutelage.testing import check_teacher

FEATURES, TARGET = load_iris(return_X_y=True)
COLUMNS = {
    "x": FEATURES[::10].astype(np.float32),
    "width": FEATURES[::10, 3],
    "id": np.arange(0, 150, 10),
    "unread": np.array(["?"] * 15),
    "has": np.arange(15) % 3 > 0,
}


def _net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 3))


def _module(_: Path) -> Any:
    teachers = [ModuleTeacher(_net(seed), reads="x", classes="abc", batch_size=4) for seed in (0, 1)]
    return tuple(teachers)


def _exported(folder: Path) -> Any:
    for seed in (0, 1):
        program = torch.export.export(
            _net(seed).eval(), (torch.zeros(3, 4),), dynamic_shapes=({0: torch.export.Dim("n")},)
        )
        torch.export.save(program, folder / f"{seed}.pt2")
    return tuple(ExportedTeacher(folder / f"{seed}.pt2", reads="x", classes="abc") for seed in (0, 1))


def _forest(_: Path) -> Any:
    fitted = [RandomForestClassifier(5, random_state=seed).fit(FEATURES, TARGET) for seed in (0, 1)]
    return tuple(EstimatorTeacher(model, reads="x", seen=range(150)) for model in fitted)


def _svm(_: Path) -> Any:
    return tuple(EstimatorTeacher(LinearSVC(C=c).fit(FEATURES, TARGET), reads="x") for c in (1.0, 0.1))


def _regressor(_: Path) -> Any:
    fitted = [RandomForestRegressor(5, random_state=seed).fit(FEATURES[:, :3], FEATURES[:, 3]) for seed in (0, 1)]
    return tuple(EstimatorTeacher(model, reads="three") for model in fitted)


def _onnx(folder: Path) -> Any:
    from skl2onnx import to_onnx

    for seed in (0, 1):
        model = RandomForestClassifier(5, random_state=seed).fit(FEATURES, TARGET)
        made: Any = to_onnx(model, FEATURES[:1].astype(np.float32), target_opset=17)
        (folder / f"{seed}.onnx").write_bytes(made.SerializeToString())
    return tuple(OnnxTeacher(folder / f"{seed}.onnx", reads="x") for seed in (0, 1))


def _rule(_: Path) -> Any:
    def made(limit: float) -> Callable[[Any], Any]:
        return lambda row: None if row["width"] > 2 else "a" if row["width"] < limit else "b"

    return tuple(RuleTeacher(made(limit), reads="width", classes="abc") for limit in (1.0, 1.5))


def _values_rule(_: Path) -> Any:
    def half(columns: Any) -> Any:
        return columns["width"] / 2

    def third(columns: Any) -> Any:
        return columns["width"] / 3

    space = Space(Values, ("w",))
    return tuple(RuleTeacher(rule, reads="width", space=space, batched=True) for rule in (half, third))


def _stored_by_key(folder: Path) -> Any:
    for seed in (0, 1):
        p = np.random.default_rng(seed).dirichlet(np.ones(3), 100)
        np.savez(folder / f"{seed}.npz", id=np.arange(100), p_a=p[:, 0], p_b=p[:, 1], p_c=p[:, 2])
    return tuple(stored(folder / f"{seed}.npz", key="id") for seed in (0, 1))


def _stored_by_row(folder: Path) -> Any:
    for seed in (0, 1):
        np.savez(folder / f"{seed}.npz", row=np.arange(10), label=np.array(list("abcab" * 2))[:: 1 - 2 * seed])
    return tuple(stored(folder / f"{seed}.npz") for seed in (0, 1))


def _aligned(folder: Path) -> Any:
    one = _module(folder)[0]
    return tuple(aligned(one, Space(Classes, names)) for names in (("c", "z", "a"), ("a", "z", "c")))


def _aligned_by_row(folder: Path) -> Any:
    one = _stored_by_row(folder)[0]
    return tuple(aligned(one, Space(Classes, names)) for names in (("c", "b", "a"), ("a", "b", "c")))


def _bound(folder: Path) -> Any:
    one = _forest(folder)[0]
    return tuple(bound(one, source, present="has") for source in ("orders", "clicks"))


def _bound_by_row(folder: Path) -> Any:
    one = _stored_by_row(folder)[0]
    return tuple(bound(one, "orders", present=present) for present in ("has", "id"))


KINDS = [
    _module,
    _exported,
    _forest,
    _svm,
    _regressor,
    _onnx,
    _rule,
    _values_rule,
    _stored_by_key,
    _stored_by_row,
]


@pytest.mark.parametrize(
    "kind", [*KINDS, _aligned, _aligned_by_row, _bound, _bound_by_row], ids=lambda kind: kind.__name__
)
def test_every_kind_keeps_the_contract(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    teacher, changed = kind(tmp_path)
    check_teacher(teacher, {**COLUMNS, "three": COLUMNS["x"][:, :3]}, changed=changed)


class Broken:
    """A teacher with one fault."""

    name = "broken"
    space = Space(Classes, ("a", "b", "c", "d"))
    reads = ("x",)
    frozen = True
    deterministic = True
    seen: np.ndarray | None = None
    parameters: int | None = None

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.asked = 0
        self.module = nn.Linear(1, 1)

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"asked": str(self.asked if self.fault == "fingerprint" else 0)}

    def answer(self, columns: Any) -> Any:
        self.asked += 1
        scores = torch.from_numpy(columns["x"].copy())
        if self.fault == "undeclared":
            columns["width"]
        if self.fault == "changes":
            columns["x"][:] = 0
        if self.fault == "gradient":
            scores.requires_grad_()
        if self.fault == "inference":
            with torch.inference_mode():
                return Classes.of(scores * 2, "logits")
        if self.fault == "chance":
            scores = scores + torch.from_numpy(np.random.default_rng(self.asked).normal(size=scores.shape)).float()
        if self.fault == "batch":
            scores = scores - scores.mean(0)
        if self.fault == "training":
            self.module.eval()
        if self.fault == "mode":
            torch.set_grad_enabled(False)
        if self.fault == "threads":
            torch.set_num_threads(2)
        if self.fault == "rows":
            scores = scores[1:] if len(scores) > 4 else scores
        if self.fault == "names":
            scores = scores[:, :3]
        if self.fault == "nan":
            scores[0] = torch.nan
        if self.fault == "double":
            scores = scores.double()
        if self.fault == "valid":
            return Classes.of(scores, "logits", valid=torch.arange(len(scores)) < 3)
        if self.fault == "kind":
            return Classes.of(scores, "logits" if len(scores) > 4 else "log_probs")
        if self.fault == "empty" and len(scores) == 0:
            return Classes.of(torch.zeros(0, 1), "logits")
        return Classes.of(scores, "logits")


FAULTS = {
    "undeclared": "column 'width' is read",
    "changes": "changed column 'x'",
    "gradient": "has a gradient",
    "inference": "made in inference mode",
    "chance": "differ by up to",
    "batch": "differ by up to",
    "training": "changed training flags",
    "mode": "changed training flags, gradient mode",
    "threads": "changed training flags, gradient mode, threads",
    "rows": "asked about 15 rows",
    "names": "3 entries for the 4 names",
    "nan": "NaN or infinity",
    "double": "expected float32 or bool",
    "valid": "abstained on other rows",
    "kind": "the kind of answer changed",
    "empty": "about no rows has 1 entries",
    "fingerprint": "the fingerprint changed",
}


def test_a_teacher_without_fault_passes() -> None:
    check_teacher(Broken(), COLUMNS)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_noticed(fault: str) -> None:
    threads = torch.get_num_threads()
    try:
        with pytest.raises((AssertionError, ValueError), match=FAULTS[fault]):
            check_teacher(Broken(fault), COLUMNS)
    finally:
        torch.set_grad_enabled(True)
        torch.set_num_threads(threads)


def test_members_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"reads the columns \['x'\]"):
        check_teacher(Broken(), {"width": COLUMNS["width"]})
    with pytest.raises(AssertionError, match="changed twin is the same"):
        check_teacher(Broken(), COLUMNS, changed=Broken())
    unsorted = Broken()
    unsorted.seen = np.array([3, 1])
    with pytest.raises(AssertionError, match="sorted"):
        check_teacher(unsorted, COLUMNS)
    with pytest.raises((AssertionError, TypeError), match=r"lacks members|core\.protocols\.Teacher"):
        check_teacher(object(), COLUMNS)  # type: ignore[arg-type]


def test_the_suite_needs_no_test_runner() -> None:
    import tutelage.testing.teacher as suite

    assert "pytest" not in vars(suite)
    assert "pytest" not in Path(sys.modules[suite.__name__].__file__ or "").read_text()
