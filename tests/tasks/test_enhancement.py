"""Enhancement: decibels per row, bounded, whatever the volume; kept by name."""

from __future__ import annotations

import math

import pytest
import torch

from tutelage.core import InputError, MeasuresRows, Values
from tutelage.ops.metrics_signal import si_sdr, snr
from tutelage.tasks import Enhancement, task_from_json, task_to_json

TASK = Enhancement.of_wave(64)


def waves(rows: int = 3) -> torch.Tensor:
    return torch.randn(rows, 64, generator=torch.Generator().manual_seed(0))


def test_it_is_the_mean_of_the_measures_per_row() -> None:
    truth = waves()
    guess = truth + 0.3 * truth.roll(1, 1)
    known = torch.ones_like(truth).bool()
    found = TASK.metrics(Values.of(guess), truth, known)
    assert found == {
        "si_sdr": pytest.approx(float(si_sdr(truth, guess).mean())),
        "snr": pytest.approx(float(snr(truth, guess).mean())),
    }
    assert found["snr"] == pytest.approx(-20 * math.log10(0.3), abs=0.01), "the same wave, shifted, is the error"
    assert isinstance(TASK, MeasuresRows)
    assert set(found) == set(TASK.higher_is_better)


def test_volume_counts_for_one_of_them_and_both_are_bounded() -> None:
    truth = waves()
    known = torch.ones_like(truth).bool()
    assert TASK.metrics(Values.of(truth), truth, known) == {"si_sdr": 60.0, "snr": 60.0}
    half = TASK.metrics(Values.of(truth / 2), truth, known)
    assert half["si_sdr"] == 60.0
    assert half["snr"] == pytest.approx(20 * math.log10(2))
    silent = TASK.row_metrics(Values.of(torch.zeros_like(truth)), truth, known)
    assert silent["si_sdr"].tolist() == [-60.0] * 3
    assert silent["snr"].tolist() == [0.0] * 3
    nothing = TASK.row_metrics(Values.of(truth), torch.zeros_like(truth), known)
    assert nothing["si_sdr"].tolist() == [-60.0] * 3


def test_rows_count_that_are_known_whole_and_silence_is_heard_where_nothing_is_said() -> None:
    truth = waves()
    known = torch.ones_like(truth).bool()
    known[0, 5] = False
    said = torch.tensor([True, True, False])
    rows = TASK.row_metrics(Values.of(truth, valid=said), truth, known)
    assert rows["si_sdr"].tolist() == [60.0, -60.0]
    with pytest.raises(InputError, match="a wave counts when all its samples are known"):
        TASK.metrics(Values.of(truth), truth, torch.zeros_like(known))


def test_it_is_kept_by_name() -> None:
    task = Enhancement.of_wave(3, 0.5, headline="snr")
    assert task.spread == (0.5, 0.5, 0.5)
    assert task_from_json(task_to_json(task)) == task
    with pytest.raises(InputError, match="headline 'rmse' is not known"):
        Enhancement.of_wave(3, headline="rmse")
