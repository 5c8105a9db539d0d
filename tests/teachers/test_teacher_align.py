"""From a teacher's names to the task's: spellings, mappings, coverage, assumed order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tutelage.core import Classes, InputError, KnowsRows, Labels, Space, Values
from tutelage.teachers import ModuleTeacher, RuleTeacher, aligned, stored

EYE = nn.Linear(4, 4, bias=False)
EYE.weight.data = torch.eye(4)
X = {"x": np.array([[4, 3, 2, 1], [1, 4, 2, 3], [1, 2, 3, 4]], dtype=np.float32)}


def _teacher(classes: Any = None) -> ModuleTeacher:
    return ModuleTeacher(EYE, reads="x", classes=classes, output="logits")


def _scores(teacher: Any) -> list[list[float]]:
    return teacher.answer(X).scores.tolist()


@pytest.mark.parametrize(
    ("own", "task"),
    [
        ([3, 1, 0, 2], ("0", "1", "2", "3")),
        ([3.0, 1.0, 0.0, 2.0], ("0", "1", "2", "3")),
        (["3.0", "1", " 0", "2"], ("0", "1", "2", "3")),
        (np.array([3, 1, 0, 2]), ("0.0", "1.0", "2.0", "3.0")),
        ([3, True, False, 2], ("0", "1", "2", "3")),
    ],
)
def test_spellings_of_numbers(own: Any, task: tuple[str, ...]) -> None:
    teacher = aligned(_teacher(own), Space(Classes, task))
    assert _scores(teacher)[0] == [2, 3, 1, 4]
    assert teacher.note == "all names"  # type: ignore[attr-defined]


def test_names_that_are_written_alike_stay_apart() -> None:
    teacher = aligned(_teacher(["1", "01", "2", "3"]), Space(Classes, ("01", "1", "2", "3")))
    assert _scores(teacher)[0] == [3, 4, 2, 1]
    with pytest.raises(InputError, match="no name in common"):
        aligned(_teacher(["1.0", "a", "b", "c"]), Space(Classes, ("01", "1")))


def test_mapping_many_to_one() -> None:
    space = Space(Classes, ("animal", "plant"))
    mapping = {"cat": "animal", "dog": "animal", "oak": "plant", "car": None}
    teacher = aligned(_teacher(["cat", "dog", "oak", "car"]), space, mapping)
    answer: Any = teacher.answer(X)
    raw = torch.softmax(torch.from_numpy(X["x"]), -1)
    merged = torch.stack([raw[:, 0] + raw[:, 1], raw[:, 2]], -1)
    assert torch.allclose(answer.probs(), merged / merged.sum(-1, keepdim=True), atol=1e-6)
    assert answer.valid.tolist() == [True, True, False]
    assert teacher.note == "['car'] are not asked for"  # type: ignore[attr-defined]


def test_errors_show_both_lists() -> None:
    space = Space(Classes, ("x", "y"))
    with pytest.raises(InputError, match=r"\['a', 'b', 'c', 'd'\], the task about \['x', 'y'\].*mapping=\{'a': 'x'"):
        aligned(_teacher("abcd"), space)
    with pytest.raises(InputError, match=r"names \['e'\], which it does not know: it has \['a', 'b', 'c', 'd'\]"):
        aligned(_teacher("abcd"), space, {"e": "x"})
    with pytest.raises(InputError, match=r"names \['z'\], which the task does not have: it has \['x', 'y'\]"):
        aligned(_teacher("abcd"), space, {"a": "z"})
    with pytest.raises(InputError, match="answers with classes, but the task needs labels"):
        aligned(_teacher("abcd"), Space(Labels, ("a",)))
    with pytest.raises(InputError, match="no names of its own to map"):
        aligned(_teacher(), space, {"a": "x"})


def test_order_is_assumed_without_names() -> None:
    teacher = aligned(_teacher(), Space(Classes, tuple("abcd")))
    assert teacher.note == "order assumed"  # type: ignore[attr-defined]
    assert _scores(teacher) == X["x"].tolist()
    assert tuple(teacher.answer({"x": X["x"][:0]}).coverage.shape) == (4,)
    with pytest.raises(InputError, match="names none of its 4 outputs, and the task has 2"):
        aligned(_teacher(), Space(Classes, ("a", "b"))).answer(X)


def test_fingerprint_has_the_alignment() -> None:
    base = _teacher("abcd")
    one = aligned(base, Space(Classes, ("a", "b"))).fingerprint
    two = aligned(base, Space(Classes, ("b", "a"))).fingerprint
    assert {key for key in one if one[key] != two[key]} == {"alignment"}
    assert {key: one[key] for key in base.fingerprint} == dict(base.fingerprint)


def test_other_kinds_of_answer() -> None:
    values = RuleTeacher(lambda r: [1.0, 2.0], reads="x", space=Space(Values, ("a", "b")))
    turned: Any = aligned(values, Space(Values, ("b", "a", "c"))).answer(X)
    assert turned.mean[0].tolist() == [2, 1, 0]
    assert turned.coverage.tolist() == [True, True, False]
    tags = RuleTeacher(lambda r: {"a": 1, "b": 0}, reads="x", space=Space(Labels, ("a", "b")))
    moved: Any = aligned(tags, Space(Labels, ("b", "a"))).answer(X)
    assert (moved.logits > 0)[0].tolist() == [False, True]


def test_row_keyed_teachers_stay_row_keyed(tmp_path: Any) -> None:
    np.savez(tmp_path / "p.npz", row=np.arange(3), p_b=np.array([0.2, 0.5, 0.9]), p_a=np.array([0.8, 0.5, 0.1]))
    teacher = aligned(stored(tmp_path / "p.npz"), Space(Classes, ("a", "b")))
    assert isinstance(teacher, KnowsRows)
    assert not isinstance(aligned(_teacher("abcd"), Space(Classes, ("a", "b"))), KnowsRows)
    answer: Any = teacher.answer_rows({}, np.array([2, 0, 7]))
    assert np.allclose(answer.probs()[:2].numpy(), [[0.1, 0.9], [0.8, 0.2]], atol=1e-5)
    assert answer.valid.tolist() == [True, True, False]
