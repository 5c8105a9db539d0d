"""The weights of MTKD-RL against published code, with the heads for answers and for features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import oracle
from tutelage.fusion import MTKDRL


@pytest.mark.parametrize("head", ["logit", "feat"])
@pytest.mark.parametrize("case", oracle.cases("mtkd_rl_policy"))
def test_weights(case: str, head: str) -> None:
    numbers = {k: torch.from_numpy(np.asarray(v)) for k, v in oracle.load("mtkd_rl_policy")[case].items()}
    dynamic = bool(numbers["dynamic"])
    agent = MTKDRL([f"t{i}" for i in range(len(numbers["b_logit"]))], dynamic=dynamic).double()
    agent.stem = nn.Parameter(numbers["w_stem"].double())
    agent.head = nn.Parameter(numbers[f"w_{head}"].double())
    agent.bias = nn.Parameter(numbers[f"b_{head}"].double())
    long = {"logit": "logit", "feat": "feature"}[head]
    if dynamic:
        agent.factor = nn.Parameter(numbers[f"{long}_factor"].double())
    loss, away = numbers["teacher_ce"].double().T, numbers[f"{long}_divergence"].double().T
    everywhere = torch.ones_like(loss, dtype=torch.bool)
    found = agent.decided(numbers["state"].double(), loss, everywhere, away, everywhere)
    wanted = numbers["w_logits" if head == "logit" else "w_features"].T
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-6, atol=1e-9)
