"""Forecasting: every horizon by name, checked against the oracle, and how sure one may be."""

from __future__ import annotations

import math

import pytest
import torch

import oracle
from tutelage.core import InputError, Values
from tutelage.tasks import Forecasting, task_from_json, task_to_json

TASK = Forecasting(("15 min", "60 min"))


def test_every_horizon_is_reported_by_name_and_the_headline_is_their_mean() -> None:
    truth = torch.tensor([[50.0, 40.0], [60.0, 20.0]])
    found = TASK.metrics(Values.of(truth + torch.tensor([[3.0, 8.0], [-3.0, 4.0]])), truth, torch.ones(2, 2).bool())
    assert found["rmse 15 min"] == pytest.approx(3.0)
    assert found["rmse 60 min"] == pytest.approx(math.sqrt(40))
    assert found["rmse"] == pytest.approx((3 + math.sqrt(40)) / 2)
    assert found["mae 60 min"] == pytest.approx(6.0)
    assert found["mape 60 min"] == pytest.approx(0.2)
    assert found["mape"] == pytest.approx((3 / 50 + 3 / 60 + 0.4) / 4)
    assert set(found) <= set(TASK.higher_is_better)
    assert not TASK.higher_is_better["mae 60 min"]


@pytest.mark.parametrize("name", oracle.cases("metrics_regression"))
def test_oracle(name: str) -> None:
    case = oracle.load("metrics_regression")[name]
    truth, guess = (torch.as_tensor(case[key]).reshape(len(case["y"]), -1) for key in ("y", "pred"))
    names = tuple(f"{number} min" for number in range(truth.shape[1]))
    found = Forecasting(names).metrics(Values.of(guess), truth, torch.ones_like(truth).bool())
    for measure in ("rmse", "mae", "mape"):
        each = [found[f"{measure} {one}"] for one in names]
        assert sum(each) / len(each) == pytest.approx(float(case[measure]), rel=1e-6), measure


def test_a_scale_that_is_right_holds_four_outcomes_of_five() -> None:
    torch.manual_seed(0)
    truth = 50 + torch.randn(20_000, 2) * torch.tensor([2.0, 7.0])
    mean, known = torch.full_like(truth, 50.0), torch.ones_like(truth).bool()
    scale = torch.tensor([2.0, 7.0]).expand_as(truth)
    assert TASK.metrics(Values.of(mean, scale), truth, known)["interval_gap"] < 0.01
    assert TASK.metrics(Values.of(mean, scale / 4), truth, known)["interval_gap"] > 0.4
    assert "interval_gap" not in TASK.metrics(Values.of(mean), truth, known)


def test_horizons_without_outcomes_are_left_out() -> None:
    known = torch.tensor([[True, False], [True, False]])
    found = TASK.metrics(Values.of(torch.ones(2, 2)), torch.zeros(2, 2), known)
    assert found["rmse"] == found["rmse 15 min"] == 1.0
    assert "rmse 60 min" not in found


def test_it_is_kept_by_name_and_headed_by_any_horizon() -> None:
    task = Forecasting(("15 min", "60 min"), (1.0, 2.0), (3.0, 4.0), with_scale=True, loss="nll", headline="mae 15 min")
    assert task_from_json(task_to_json(task)) == task
    with pytest.raises(InputError, match="headline 'rmse 5 min' is not known"):
        Forecasting(("15 min",), headline="rmse 5 min")
