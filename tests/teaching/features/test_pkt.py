"""PKT: the student gets the neighbours that the teacher sees."""

from __future__ import annotations

import torch
from torch import Tensor

from hinted import known, learnt
from tutelage.teaching.features import PKT


def neighbours(features: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(features, dim=1)
    near = (unit @ unit.T).fill_diagonal_(-2.0).topk(10).indices
    return torch.zeros(len(features), len(features), dtype=torch.bool).scatter(1, near, True)


def test_neighbours_by_cosine() -> None:
    shared = [
        float((neighbours(learnt(PKT(), weight, epochs=60)[0]) & neighbours(known())).sum()) for weight in (0.0, 3000.0)
    ]
    assert shared[1] > 1.15 * shared[0]
