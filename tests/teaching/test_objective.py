"""The one reduction, and what an objective refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tutelage.core import InputError, Step
from tutelage.ops.schedules import Linear
from tutelage.teaching import Objective, Part, add_counts
from tutelage.teaching.objective import assemble, reduce
from tutelage.teaching.terms import JSD, KL, LogitMSE, ReverseKL


def test_the_reduction() -> None:
    losses = torch.tensor([1.0, 2.0, 4.0, 8.0])
    part = reduce(losses, torch.tensor([1.0, 3.0, 1.0, 1.0]), torch.tensor([True, True, False, True]))
    assert float(part.total) == 1 + 6 + 8
    assert float(part.count) == 5
    assert float(part.mean()) == 3.0
    assert float(part.mean(torch.tensor(10.0))) == 1.5


def test_row_weights_reach_every_entry() -> None:
    losses = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    part = reduce(losses, torch.tensor([1.0, 2.0]), torch.tensor([[True, False], [True, True]]))
    assert float(part.total) == 1 + 2 * 12
    assert float(part.count) == 5


def test_no_valid_row_gives_exactly_nothing() -> None:
    losses = torch.tensor([torch.nan, torch.inf, 3.0], requires_grad=True)
    part = reduce(losses, torch.ones(3), torch.zeros(3, dtype=torch.bool))
    mean = part.mean()
    mean.backward()
    assert float(mean.detach()) == 0.0
    assert losses.grad is not None
    assert losses.grad.tolist() == [0.0] * 3


def test_what_is_not_counted_may_be_anything() -> None:
    losses = torch.tensor([torch.nan, 2.0], requires_grad=True)
    reduce(losses, torch.ones(2), torch.tensor([False, True])).mean().backward()
    assert losses.grad is not None
    assert losses.grad.tolist() == [0.0, 1.0]


def test_parts_add_up_with_their_factors() -> None:
    parts = {"hard": Part(torch.tensor(6.0), torch.tensor(3.0)), "kl": Part(torch.tensor(8.0), torch.tensor(2.0), 0.5)}
    assert assemble(parts).item() == 2.0 + 0.5 * 4.0
    counts = add_counts([{"hard": torch.tensor(3.0), "kl": torch.tensor(2.0)}, {"hard": torch.tensor(1.0)}])
    assert {name: float(count) for name, count in counts.items()} == {"hard": 4.0, "kl": 2.0}
    assert assemble(parts, counts).item() == 1.5 + 2.0


def test_schedules() -> None:
    objective = Objective((KL(Linear(4.0, 1.0)),), soft=Linear(1.0, 0.0))
    assert objective.share(Step()) == 1.0
    assert objective.share(Step(progress=0.75)) == 0.25
    assert objective.temperatures(Step(progress=0.5)) == (2.5,)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"weights": (1.0, 2.0)}, "as many weights"),
        ({"weights": (-1.0,)}, "negative"),
        ({"soft": 1.5}, "soft share"),
        ({"soft": Linear(0.5, 2.0)}, "soft share"),
        ({"coverage": "open"}, "'open' is not known"),
        ({"l2": -1.0}, "l2"),
        ({"terms": (KL(0.0),)}, "temperature of kl"),
        ({"terms": (KL(1.0), KL(2.0))}, "different names"),
    ],
)
def test_bad_input(arguments: dict[str, Any], why: str) -> None:
    given: dict[str, Any] = {"terms": (KL(),)} | arguments
    with pytest.raises(InputError, match=why):
        Objective(**given)


@pytest.mark.parametrize("term", [ReverseKL(), LogitMSE(), JSD(beta=1.0)])
def test_only_probability_mass_can_be_nought_off_coverage(term: Any) -> None:
    with pytest.raises(InputError, match="coverage='restricted'"):
        Objective((term,), coverage="closed")
    Objective((KL(), JSD()), coverage="closed")
