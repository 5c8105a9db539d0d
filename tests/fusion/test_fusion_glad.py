from __future__ import annotations

import pytest
import torch

from tutelage.core import Context, InputError
from tutelage.fusion import GLAD, OneCoin
from voters import even, truths, voters


def test_disagreement_makes_a_row_hard_and_its_target_soft() -> None:
    """Where able voters disagree, one coin stays as sure as its log-odds say; GLAD finds the row hard."""
    truth = truths(600, 2)
    signals = voters(truth, [even(s, 2) for s in (0.95, 0.9, 0.9, 0.9, 0.9)])
    nothing = torch.zeros(600, dtype=torch.bool)
    said = signals.scores.argmax(-1)
    split = (said.sum(0) == 2) | (said.sum(0) == 3)
    sure = [f.fit(signals, truth, nothing)(signals, Context()).answer.probs().amax(-1) for f in (GLAD(), OneCoin())]
    assert sure[0][split].mean() < sure[1][split].mean() - 0.05
    assert sure[0][said.sum(0) % 5 == 0].min() > 0.95


def test_who_errs_on_purpose_helps() -> None:
    truth = truths(600, 2)
    signals = voters(truth, [even(s, 2) for s in (0.9, 0.9, 0.9, 0.1)])
    found = GLAD().fit(signals, truth, torch.zeros(600, dtype=torch.bool))
    assert found.abilities is not None
    assert found.abilities[0][3] < 0 < min(found.abilities[0][:3])


def test_settings() -> None:
    with pytest.raises(InputError, match="at least one step"):
        GLAD(0)
