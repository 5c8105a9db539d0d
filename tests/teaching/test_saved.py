"""Ensembles in folders: the same answers again, and nothing made or run that nobody allowed."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

import tutelage.fusion as fusions
from examples_of_fusions import MADE
from tutelage.core import Classes, Fittable, InputError, Signals, Space, StoreError, Values
from tutelage.fusion import (
    Borda,
    Confidence,
    Difference,
    DynamicPerformance,
    Entropy,
    GeometricMean,
    HardVote,
    Mean,
    MeanLogits,
    Median,
    Performance,
    Precision,
    ReciprocalRank,
    SoftVote,
    Stacking,
    Trimmed,
    Weighted,
)
from tutelage.fusion.linear import Linear
from tutelage.teachers import EstimatorTeacher, ModuleTeacher, RuleTeacher, load_teacher
from tutelage.teachers.keeping import Opening
from tutelage.teachers.load import load_function
from tutelage.teaching import Confusion, Ensemble, Residual, Temperature, calibrate, load_ensemble
from tutelage.teaching.calibration import from_json
from tutelage.teaching.saved import fusion_from_json, fusion_to_json

NAMES = ("bad", "good")

RULE = """
def large(row):
    return "bad" if row["size"] > 20 else None
"""

MINE = '''
from dataclasses import dataclass

import numpy as np
import torch

from tutelage.fusion import Mean


@dataclass(frozen=True)
class Part:
    factor: float


@dataclass(frozen=True)
class Mine:
    """The plain mean, with luggage."""

    name = "mine"
    gives = "weights"
    needs = frozenset()
    invariants = frozenset({"convex", "permutation", "absent"})
    source = "you2017"
    parts: tuple[Part, ...] = ()
    inner: object = Mean()
    table: torch.Tensor = torch.zeros(0)
    numbers: object = None
    words: object = None
    listed: object = None
    flags: object = frozenset()

    def __call__(self, signals, context):
        return self.inner(signals, context)


class Loose:
    name, gives, needs, invariants, source = "loose", "weights", frozenset(), frozenset(), "you2017"

    def __call__(self, signals, context):
        return Mean()(signals, context)
'''


@dataclass(frozen=True)
class Cells:
    columns: dict[str, np.ndarray]
    target: np.ndarray
    train: np.ndarray
    held: np.ndarray

    def part(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: column[rows] for name, column in self.columns.items()}


@pytest.fixture(scope="module")
def cells() -> Cells:
    found: Any = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(found.target))
    columns = {"cells": found.data.astype(np.float32), "size": found.data[:, 0]}
    return Cells(columns, found.target, order[:300], order[300:])


@pytest.fixture(scope="module")
def members(cells: Cells) -> tuple[Any, ...]:
    features, names = cells.columns["cells"][cells.train], np.array(NAMES)[cells.target[cells.train]]
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(features, names)
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, names)
    torch.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm1d(30), nn.Linear(30, 2))
    net(torch.from_numpy(features))
    return (
        EstimatorTeacher(tree, reads="cells", name="tree", seen=cells.train),
        EstimatorTeacher(linear, reads="cells", name="linear", seen=cells.train),
        ModuleTeacher(net, reads="cells", name="net", classes=NAMES, output="logits", seen=cells.train),
    )


def answers(ensemble: Any, cells: Cells) -> Tensor:
    found = ensemble.answer(cells.part(cells.held))
    return found.probs() if isinstance(found, Classes) else found.mean


def saved(ensemble: Ensemble, cells: Cells, folder: Path, **options: Any) -> Any:
    ensemble.save(folder, cells.part(cells.train[:5]))
    return load_ensemble(folder, **options)


def heldout(members: tuple[Any, ...], cells: Cells) -> Signals:
    columns = cells.part(cells.held)
    return Signals(tuple(m.name for m in members), tuple(m.answer(columns) for m in members))


def truth(cells: Cells) -> tuple[Tensor, Tensor]:
    target = torch.from_numpy(cells.target[cells.held])
    return target, torch.ones(len(target), dtype=torch.bool)


def test_the_same_answers_and_everything_else(members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    target, labelled = truth(cells)
    signals = heldout(members, cells)
    calibrations = tuple(calibrate(answer, target, labelled) for answer in signals.answers)
    assert all(isinstance(calibration, Temperature) for calibration in calibrations)
    one = Ensemble("team", members, Weighted((1.0, 2.0, 0.5)), calibrations, Space(Classes, NAMES))
    other = saved(one, cells, tmp_path / "kept")
    torch.testing.assert_close(answers(other, cells), answers(one, cells), atol=1e-6, rtol=0)
    assert not torch.allclose(answers(one, cells), answers(Ensemble.of("plain", members, Mean()), cells), atol=1e-3)
    for name in ("name", "space", "reads", "fusion", "calibrations", "frozen", "deterministic", "parameters"):
        assert getattr(other, name) == getattr(one, name)
    assert other.seen.tolist() == one.seen.tolist()  # type: ignore[union-attr]
    differing = [part for part in one.fingerprint if one.fingerprint[part] != other.fingerprint[part]]
    assert differing == ["teacher:net"]  # a module that became a program


def test_saving_again_replaces_an_ensemble_and_nothing_else(
    members: tuple[Any, ...], cells: Cells, tmp_path: Path
) -> None:
    saved(Ensemble.of("three", members, Mean()), cells, tmp_path / "kept")
    assert saved(Ensemble.of("one", members[:1], Mean()), cells, tmp_path / "kept").name == "one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept"]
    assert [p.name for p in (tmp_path / "kept" / "members").iterdir()] == ["0"]
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("keep me")
    with pytest.raises(InputError, match="something that is not an ensemble"):
        Ensemble.of("one", members[:1], Mean()).save(tmp_path / "letters", cells.columns)
    assert (tmp_path / "letters" / "dear.txt").exists()


def test_an_ensemble_inside_an_ensemble(members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    signals = heldout(members[:2], cells)
    inner = Ensemble.of("inner", members[:2], Stacking().fit(signals.stacked(), *truth(cells)))
    middle = Ensemble.of("middle", (inner, members[2]), GeometricMean({"net": 1.0, "inner": 3.0}))
    outer = Ensemble.of("outer", (middle, members[0]), SoftVote())
    other = saved(outer, cells, tmp_path / "kept")
    torch.testing.assert_close(answers(other, cells), answers(outer, cells), atol=1e-6, rtol=0)
    assert other.teachers[0].teachers[0].fusion == inner.fusion
    assert other.teachers[0].fusion.weights == (3.0, 1.0)


FITTED: dict[str, Callable[[Any, Tensor, Tensor], Any]] = {
    "Confidence": lambda *_: Confidence("softmax"),
    "Difference": lambda *_: Difference("js", 0.3),
    "DynamicPerformance": lambda *known: DynamicPerformance("nce").fit(*known),
    "Entropy": lambda *_: Entropy("softmax", 0.7),
    "Borda": lambda *_: Borda(1.5, (1.0, 2.0, 4.0)),
    "ReciprocalRank": lambda *_: ReciprocalRank(10.0, 3.0, (1.0, 2.0, 4.0)),
    "GeometricMean": lambda *_: GeometricMean((0.1, 1 / 3, 3.0)),
    "HardVote": lambda *_: HardVote("winner", (1.0, 2.0, 4.0)),
    "Mean": lambda *_: Mean(),
    "MeanLogits": lambda *_: MeanLogits(),
    "Median": lambda *_: Median(),
    "Performance": lambda *known: Performance("inv_mse").fit(*known),
    "Precision": lambda *_: Precision(),
    "SoftVote": lambda *_: SoftVote((0.2, 0.3, 0.5)),
    "Stacking": lambda *known: Stacking(0.1).fit(*known),
    "Trimmed": lambda *_: Trimmed(0.4),
    "Weighted": lambda *_: Weighted((0.2, 0.3, 1e-9)),
}
APART = ("AtHome", "MetaModel")
"""Not compared by value: see the tests of their own."""
SHIPPED = [
    name
    for name, kind in vars(fusions).items()
    if inspect.isclass(kind) and is_dataclass(kind) and hasattr(kind, "gives") and name not in APART
]


def fitted(name: str, *held: Any) -> Any:
    """A shipped fusion, fitted where it has to be."""
    if name in FITTED:
        return FITTED[name](*held)
    made = MADE[name]() if name in MADE else getattr(fusions, name)()
    return made.fit(*held) if isinstance(made, Fittable) else made


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fusion_round_trips(name: str, members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    signals = heldout(members, cells)
    fusion = fitted(name, signals.stacked(), *truth(cells))
    text = json.dumps(fusion_to_json(fusion, tmp_path))
    found: Any = fusion_from_json(json.loads(text), tmp_path, Opening({}))
    assert type(found) is type(fusion)
    assert found == fusion
    assert repr(found) == repr(fusion)
    moving = fusion.needs & {"random", "step", "student"}  # an ensemble has none of these
    if name not in ("Precision", "Borda", "ReciprocalRank") and not moving:  # about values or rankings only
        one, other = (Ensemble.of("team", members, f).answer(cells.part(cells.held)) for f in (fusion, found))
        assert torch.equal(one.scores, other.scores)
    assert len(list(tmp_path.iterdir())) == 0


def test_held_out_rows_do_not_travel(members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    fusion = DynamicPerformance().fit(heldout(members, cells).stacked(), *truth(cells))
    assert fusion.record is not None
    assert set(fusion_to_json(fusion, tmp_path)["fields"]) == {"reward", "weights"}


def test_calibrations_of_every_kind(cells: Cells, members: tuple[Any, ...], tmp_path: Path) -> None:
    kept = (Temperature(1 / 3), Confusion(((0.9, 0.1), (0.2, 0.8))), Temperature(2.0))
    found = saved(Ensemble("team", members, Mean(), kept, Space(Classes, NAMES)), cells, tmp_path / "kept")
    assert found.calibrations == kept
    ensemble: Any = Ensemble("team", members, Mean(), (*kept[:2], Halved()), Space(Classes, NAMES))
    with pytest.raises(InputError, match="calibration of teacher 'net'"):
        ensemble.save(tmp_path / "other", cells.columns)
    residual = Residual((0.1, 1 / 3))
    assert from_json(json.loads(json.dumps(residual.to_json()))) == residual


class Halved:
    """A calibration of the user's own."""

    def apply(self, answer: Any) -> Any:
        return answer

    def to_json(self) -> dict[str, Any]:
        return {"kind": "halved"}


def test_rules_and_fusions_of_the_users_run_only_when_allowed(
    members: tuple[Any, ...], cells: Cells, tmp_path: Path
) -> None:
    (tmp_path / "rules.py").write_text(RULE)
    (tmp_path / "mine.py").write_text(MINE)
    rule = load_teacher(f"{tmp_path / 'rules.py'}:large", reads="size", classes=NAMES)
    mine: Any = load_module(tmp_path / "mine.py")
    fusion = mine.Mine(
        parts=(mine.Part(0.5), mine.Part(float("inf"))),
        inner=Weighted((3.0, 1.0, 0.0, 1.0)),
        table=torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16),
        numbers=np.arange(6, dtype=np.int16).reshape(2, 3),
        words={"a": (1, None, True), 2: "b"},
        listed=[1, [2.0]],
        flags=frozenset({"x", "y"}),
    )
    one = Ensemble.of("team", (*members, rule), fusion)
    one.save(tmp_path / "kept", cells.part(cells.train[:5]))
    with pytest.raises(InputError, match=r"rule 'large' runs Python code, rules\.py:large"):
        load_ensemble(tmp_path / "kept")
    with pytest.raises(InputError, match=r"the fusion in .* runs Python code, mine\.py:Mine"):
        load_ensemble(tmp_path / "kept", code=[tmp_path / "rules.py"])
    named = load_ensemble(tmp_path / "kept", code=[tmp_path / "rules.py", tmp_path / "mine.py"])
    (tmp_path / "rules.py").unlink()
    (tmp_path / "mine.py").unlink()
    for other in (named, load_ensemble(tmp_path / "kept", allow_pickle=True)):
        torch.testing.assert_close(answers(other, cells), answers(one, cells), atol=1e-6, rtol=0)
        found: Any = other.fusion
        assert [part.factor for part in found.parts] == [0.5, float("inf")]
        assert torch.equal(found.table, fusion.table)
        assert found.table.dtype == torch.bfloat16
        assert found.numbers.dtype == np.int16
        assert found.numbers.tolist() == fusion.numbers.tolist()
        assert (found.inner, found.words, found.listed, found.flags) == (
            fusion.inner,
            fusion.words,
            fusion.listed,
            fusion.flags,
        )


def load_module(path: Path) -> Any:
    return sys.modules[load_function(f"{path}:Mine").__module__]


def test_all_that_cannot_be_saved_is_told_at_once(members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    rules = [RuleTeacher(lambda row: None, reads="size", classes=NAMES, name=name) for name in ("first", "second")]
    (tmp_path / "mine.py").write_text(MINE)
    loose = load_module(tmp_path / "mine.py").Loose()
    with pytest.raises(InputError) as caught:
        Ensemble.of("team", (*members, *rules), loose).save(tmp_path / "kept", cells.columns)
    lines = str(caught.value).splitlines()
    assert [line.split(" is ")[0] for line in lines] == ["rule 'first'", "rule 'second'", "fusion 'loose'"]
    assert "frozen dataclass" in lines[2]
    assert [p.name for p in tmp_path.iterdir() if p.is_dir() and p.name != "__pycache__"] == []


def test_fields_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    mine = load_module(tmp_path / "mine.py")
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(InputError, match="holds a Generator"):
        fusion_to_json(mine.Mine(words={"chance": torch.Generator()}), kept)


def hostile(path: str, values: Any = None) -> Any:
    return {"class": path, "fields": values or {}}


@pytest.mark.parametrize(
    "value",
    [
        hostile("subprocess:Popen", {"args": "true"}),
        hostile("os:system"),
        hostile("tutelage.fusion.linear:Linear", {"weight": [], "bias": []}),  # a dataclass, but no fusion
        hostile("tutelage.fusion.trust:PerTeacher"),
        hostile("tutelage.fusion:os"),
        hostile("tutelage.core.batch:Batch"),
        hostile("tutelage.teaching.ensemble:Ensemble"),
        hostile("Mean"),
        hostile("tutelage.fusion.stacking:Stacking", {"models": [hostile("pathlib:Path")]}),
    ],
)
def test_hostile_fusions_are_not_made(value: Any, members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    Ensemble.of("team", members[:1], Mean()).save(tmp_path, cells.part(cells.train[:5]))
    file = tmp_path / "ensemble.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fusion": value}))
    with pytest.raises(StoreError, match="is not made"):
        load_ensemble(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fusion": value | {"from": "os:system", "code": "0"}}))
    with pytest.raises(InputError, match="os:system"):
        load_ensemble(tmp_path)


def test_linear_is_part_of_a_fusion(tmp_path: Path) -> None:
    fusion = Stacking(models=(Linear(((1 / 3, 2.0),), (0.1,)),), seen=(0, 1))
    assert fusion_from_json(fusion_to_json(fusion, tmp_path), tmp_path, Opening({})) == fusion


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99}, "not of format 1"),
        ({"kind": "ModuleTeacher"}, "not understood"),
        ({"members": None}, "not understood"),
        ({"fusion": {"class": "tutelage.fusion.mean:Mean", "fields": {"odd": 1}}}, "not understood"),
        ({"fusion": {"class": "tutelage.fusion.weighted:Weighted", "fields": {"weights": {"a": 1}}}}, "not understood"),
        ({"space": {"kind": "os", "names": []}}, "not understood"),
    ],
)
def test_changed_descriptions(change: Any, words: str, members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    Ensemble.of("team", members[:1], Mean()).save(tmp_path, cells.part(cells.train[:5]))
    file = tmp_path / "ensemble.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(StoreError, match=words):
        load_ensemble(tmp_path)


def test_missing_and_damaged_files(members: tuple[Any, ...], cells: Cells, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no whole ensemble"):
        load_ensemble(tmp_path)
    Ensemble.of("team", members, Mean()).save(tmp_path, cells.part(cells.train[:5]))
    program = tmp_path / "members" / "2" / "program.pt2"
    program.write_bytes(program.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"program\.pt2 is damaged"):
        load_ensemble(tmp_path)
    program.unlink()
    with pytest.raises(StoreError, match=r"program\.pt2 is missing"):
        load_ensemble(tmp_path)
    file = tmp_path / "ensemble.json"
    file.write_text(file.read_text()[:-40])
    with pytest.raises(StoreError, match="no whole ensemble"):
        load_ensemble(tmp_path)


def test_ensembles_of_values(tmp_path: Path) -> None:
    """Precision looks at scales, which only values have."""
    torch.manual_seed(0)

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            both = self.layer(x)
            return {"mean": both[:, :1], "scale": both[:, 1:].exp()}

    space = Space(Values, ("y",))
    teachers = [ModuleTeacher(Both(), reads="x", name=name, space=space) for name in "ab"]
    columns = {"x": np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)}
    one = Ensemble.of("team", teachers, Precision())
    one.save(tmp_path / "kept", columns)
    before, after = one.answer(columns), load_ensemble(tmp_path / "kept").answer(columns)
    torch.testing.assert_close(after.mean, before.mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.scale, before.scale, atol=1e-6, rtol=0)


def test_every_shipped_fusion_is_a_dataclass_or_learns_beside_the_student() -> None:
    kinds = [kind for kind in vars(fusions).values() if inspect.isclass(kind) and hasattr(kind, "gives")]
    plain = {kind.__name__ for kind in kinds if not issubclass(kind, torch.nn.Module)}
    assert plain == {*SHIPPED, *APART}


def test_where_teachers_are_at_home_is_kept_without_the_rows_of_one_table(tmp_path: Path) -> None:
    bare = replace(MADE["AtHome"](), shares=None)
    found = fusion_from_json(json.loads(json.dumps(fusion_to_json(bare, tmp_path))), tmp_path, Opening({}))
    assert repr(found) == repr(bare)


def test_a_meta_model_says_that_it_cannot_be_written(cells: Cells, members: tuple[Any, ...], tmp_path: Path) -> None:
    fusion = MADE["MetaModel"]().fit(heldout(members, cells).stacked(), *truth(cells))
    with pytest.raises(InputError, match="cannot be written"):
        fusion_to_json(fusion, tmp_path)
