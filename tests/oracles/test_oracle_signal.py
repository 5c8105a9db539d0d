"""Waves: decibels of the oracle, at any volume."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import oracle
from tutelage.ops.metrics_signal import si_sdr, snr

CASES = [case for case in oracle.cases("metrics_signal") if not isinstance(case, str) or case == "audio"]


@pytest.mark.parametrize("name", CASES)
def test_oracle(name: str) -> None:
    case = oracle.load("metrics_signal")[name]
    truth, guess = torch.as_tensor(case["target"]), torch.as_tensor(case["pred"])
    np.testing.assert_allclose(snr(truth, guess), case["snr"], atol=1e-5)
    np.testing.assert_allclose(si_sdr(truth, guess), case["si_sdr"], atol=1e-5)
    np.testing.assert_allclose(si_sdr(truth, guess, centred=True), case["si_snr"], atol=1e-5)


def test_volume_does_not_count_and_a_shift_counts_unless_centred() -> None:
    torch.manual_seed(0)
    truth = torch.randn(3, 200)
    guess = truth + 0.1 * torch.randn(3, 200)
    torch.testing.assert_close(si_sdr(truth, 7 * guess), si_sdr(truth, guess))
    assert (snr(truth, 7 * guess) < snr(truth, guess) - 10).all()
    torch.testing.assert_close(si_sdr(truth, guess + 5, centred=True), si_sdr(truth, guess, centred=True))
    assert (si_sdr(truth, guess + 5) < si_sdr(truth, guess) - 10).all()
    assert torch.isinf(snr(truth, truth)).all()
    assert (si_sdr(torch.zeros(1, 5), torch.ones(1, 5)) == -torch.inf).all()
