"""Feature and relation losses of published implementations against ours, through `Distillation.loss`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import oracle
from hinted import compared
from tutelage.teaching.features import FitNet

Case = dict[str, np.ndarray]


def wide(case: Case, key: str) -> Tensor:
    return torch.from_numpy(case[key]).double()


def check(term: Any, case: Case, rtol: float = 1e-9, grad_rtol: float = 1e-9) -> None:
    """Loss and gradient of a term without adapters, in float64."""
    loss, student, _ = compared(term, wide(case, "f_s"), wide(case, "f_t"))
    np.testing.assert_allclose(loss.item(), case["loss"], rtol=rtol, atol=1e-12)
    close_grad(student.grad(), case["grad_f_s"], grad_rtol)


def close_grad(found: Tensor, expected: np.ndarray, rtol: float = 1e-9) -> None:
    """Gradients are compared relative to their largest entry."""
    np.testing.assert_allclose(found.numpy(), expected, rtol=rtol, atol=max(rtol * np.abs(expected).max(), 1e-12))


@pytest.mark.parametrize("name", oracle.cases("fitnet_hint"))
def test_fitnet(name: str) -> None:
    check(FitNet(), oracle.load("fitnet_hint")[name])
