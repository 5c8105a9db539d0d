"""SP: rows that activate the teacher alike activate the student alike."""

from __future__ import annotations

import torch
from torch import Tensor

from hinted import known, learnt
from tutelage.teaching.features import SP


def alike(features: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    return (unit @ unit.T).flatten()


def test_the_student_finds_the_same_rows_alike() -> None:
    found = [learnt(SP(), weight, epochs=25)[0] for weight in (0.0, 300.0)]
    without, with_hint = (float(torch.corrcoef(torch.stack([alike(f), alike(known())]))[0, 1]) for f in found)
    assert with_hint > without + 0.05
