"""CRD: a row of the student finds its own row of the teacher among all others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hinted import LAYER, compared, hinted, memory, net, table, teacher, unlabelled
from tutelage.core import InputError
from tutelage.teaching import Hint
from tutelage.teaching.features import CRD
from tutelage.teaching.features.chance import uniform
from tutelage.train import Training, fit


def rank(epochs: int, weight: float) -> float:
    """Mean rank of a training row's own teacher vector among all training rows' (0 is best), relative to chance."""
    rows, student = table(), net()
    source = memory(rows, [teacher("wide", 12, 1)])
    term = CRD(rows=len(rows), negatives=64, width=8)
    target = hinted([Hint(source, LAYER, term, weight)]).sized(student, rows.batch(rows.train[:2]))
    fit(student, target, rows, Training(epochs, 32, watch="accuracy"))
    part: Any = target.hints[0].parts
    head = part["crd/wide"]["head"]
    own, other = head.memory_student[rows.train], head.memory_teacher[rows.train]
    scores = own @ other.T
    return float((scores > scores.diagonal().unsqueeze(1)).float().mean()) / 0.5


def test_the_right_row_is_found() -> None:
    assert rank(30, 1.0) < 0.5 * rank(1, 0.0)


def test_rows_outside_the_memory_are_an_error() -> None:
    features = torch.randn(4, 3)
    with pytest.raises(InputError, match=r"memory of 3 rows.*rows 0\.\.3"):
        compared(CRD(rows=3), features, features)
    with pytest.raises(InputError, match="contrasts rows"):
        CRD(rows=1)


def test_the_memory_is_not_written_when_nothing_is_learnt() -> None:
    features = torch.randn(4, 3)
    _, model, target = compared(CRD(rows=4, negatives=5), features, features)
    before = {name: value.clone() for name, value in target.trainable.state_dict().items()}
    with torch.no_grad():
        target.loss(model, unlabelled(features))
    assert all(torch.equal(value, before[name]) for name, value in target.trainable.state_dict().items())


def test_chance_is_a_pure_function_of_row_seed_and_step() -> None:
    row = torch.arange(20_000)
    found = uniform(row, 3, 5)
    assert torch.equal(found[100:200], uniform(row[100:200], 3, 5))
    assert not torch.equal(found, uniform(row, 3, 6))
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(found.var()) == pytest.approx(1 / 12, abs=0.003)
    assert float(found.min()) >= 0.0
    assert float(found.max()) < 1.0
    pairs = torch.stack([found[:-1], found[1:]])
    assert abs(float(torch.corrcoef(pairs)[0, 1])) < 0.03
