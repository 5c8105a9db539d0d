from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels
from tutelage.fusion import Elected, Mean
from tutelage.ops.mixing import mixed
from voters import truths, voters

GOOD, POOR = [0.9, 0.05, 0.05], [0.34, 0.33, 0.33]
FIRST = [GOOD, [0.33, 0.34, 0.33], [0.33, 0.33, 0.34]]
"""Knows the first class well."""
OTHERS = [POOR, [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]]


def test_each_class_has_its_teacher() -> None:
    truth = truths(600, 3)
    signals = voters(truth, [FIRST, OTHERS])
    known = torch.ones(600, dtype=torch.bool)
    whole, apart = (Elected(per).fit(signals, truth, known) for per in ("task", "class"))  # pyright: ignore[reportArgumentType]
    assert whole(signals, Context()).values[:, 0].tolist() == [0.0, 1.0]
    assert apart.merits is not None
    assert apart.merits[0][0] > apart.merits[1][0]
    assert apart.merits[0][1] < apart.merits[1][1]
    sure = Classes.of(torch.tensor([[[8.0, 0, 0], [0, 8, 0]], [[4.0, 0, 0], [0, 4, 0]]]), "logits")
    assert apart(sure, Context()).values.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_missing_modality_is_replaced_by_the_next_best() -> None:
    """The best teacher is silent on half of the rows: the second best steps in, and the mean keeps the worst aboard."""
    truth = truths(400, 3)
    tables = [[[s if c == t else (1 - s) / 2 for c in range(3)] for t in range(3)] for s in (0.95, 0.8, 0.4)]
    scores = voters(truth, tables).scores
    valid = torch.ones(3, 400, dtype=torch.bool)
    valid[0, ::2] = False
    signals = Classes.of(scores, "logits", valid=valid)
    found = Elected().fit(signals, truth, torch.ones(400, dtype=torch.bool))
    weights = found(signals, Context()).values
    assert weights[:, 0].tolist() == [0.0, 1.0, 0.0]
    assert weights[:, 1].tolist() == [1.0, 0.0, 0.0]
    right = [
        float((mixed(signals.probs(), w).argmax(-1) == truth).double().mean())
        for w in (weights, Mean()(signals, Context()).values)
    ]
    assert right[0] > right[1] + 0.05


def test_labels_elect_column_by_column() -> None:
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 10)
    one = torch.stack([target[:, 0] * 6 - 3, torch.zeros(20)], dim=-1)
    two = torch.stack([torch.zeros(20), target[:, 1] * 6 - 3], dim=-1)
    signals = Labels.of(torch.stack([one, two]))
    found = Elected().fit(signals, target, torch.ones_like(target, dtype=torch.bool))
    assert found(signals, Context()).values[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(InputError, match="elects per column"):
        Elected("class").fit(signals, target, torch.ones_like(target, dtype=torch.bool))


def test_errors() -> None:
    signals = Classes.of(torch.zeros(2, 3, 2), "logits")
    with pytest.raises(InputError, match="TopK"):
        Elected().fit(signals, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    with pytest.raises(InputError, match="not fitted"):
        Elected()(signals, Context())
    with pytest.raises(InputError, match="k of at least 1"):
        Elected(k=0)
