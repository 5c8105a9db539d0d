from __future__ import annotations

import math

import pytest
import torch

from tutelage.core import Context, InputError
from tutelage.fusion import OneCoin
from voters import even, truths, voters


def test_accuracies_are_found_and_weigh_by_their_log_odds() -> None:
    truth = truths(4000, 3)
    signals = voters(truth, [even(s, 3) for s in (0.9, 0.7, 0.5)])
    found = OneCoin(smoothing=0.0).fit(signals, truth, torch.zeros(4000, dtype=torch.bool))
    assert found.coins is not None
    assert found.coins[0].skill == pytest.approx((0.9, 0.7, 0.5), abs=0.06)
    logs = found(signals, Context()).answer.log_probs()
    said = signals.scores.argmax(-1)
    apart = (said[0] != said[1]) & (said[2] == said[1])
    row = int(apart.nonzero()[0, 0])
    one, two, three = found.coins[0].skill
    odds = [math.log(2 * s / (1 - s)) for s in (one, two, three)]
    prior = [math.log(p) for p in found.coins[0].prior]
    first, second = int(said[0, row]), int(said[1, row])
    wanted = odds[0] - odds[1] - odds[2] + prior[first] - prior[second]
    assert float(logs[row, first] - logs[row, second]) == pytest.approx(wanted, abs=1e-6)


def test_settings() -> None:
    with pytest.raises(InputError, match="at least one step"):
        OneCoin(0)
