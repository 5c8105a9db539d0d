"""Which plan runs when, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distilling import Trust
from tutelage.fusion import Confidence, DynamicPerformance, Entropy, GeometricMean, Mean, MeanLogits, Median, SoftVote
from tutelage.ops.schedules import Constant, Cosine, Linear
from tutelage.teaching import Objective
from tutelage.teaching.planner import choose
from tutelage.teaching.terms import DIST, DKD, JSD, KL, LSKD, LogitMSE, TotalVariation

EQUAL = torch.ones(2, 4)
HOT = KL(Linear(8.0, 1.0))


@pytest.mark.parametrize(
    ("fusion", "terms", "number", "reason"),
    [
        (Mean(), (KL(),), 1, "every term is linear"),
        (Mean(), (KL(), DKD(), LSKD(), LogitMSE(), DIST(gamma=0.0)), 1, "every term is linear"),
        (Entropy(), (KL(),), 1, "every term is linear"),
        (Confidence(), (KL(),), 1, "every term is linear"),
        (Mean(), (KL(Constant(3.0)),), 1, "every term is linear"),
        (Mean(), (), 1, "labels only"),
        (GeometricMean(), (JSD(),), 1, "one target per row"),
        (SoftVote(), (KL(), TotalVariation()), 1, "one target per row"),
        (Median(), (DIST(),), 1, "one target per row"),
        (Trust(EQUAL, frozenset({"step"})), (KL(),), 2, "looks at step"),
        (Trust(EQUAL, frozenset({"student", "labels"})), (KL(),), 2, "looks at student"),
        (Trust(EQUAL, frozenset({"random"})), (KL(),), 2, "looks at random"),
        (Mean(), (HOT,), 2, "temperature of kl changes"),
        (MeanLogits(), (HOT,), 2, "temperature of kl changes"),
        (Mean(), (JSD(),), 3, "jsd is not linear"),
        (Mean(), (KL(), DIST(), TotalVariation()), 3, "dist, total_variation is not linear"),
        (Trust(EQUAL, frozenset({"step"})), (JSD(),), 3, "looks at step, and jsd is not linear"),
    ],
)
def test_plan(fusion: Any, terms: tuple[Any, ...], number: int, reason: str) -> None:
    plan = choose(fusion, Objective(terms), live=False)
    assert plan.number == number
    assert reason in plan.reason
    assert str(plan) == f"plan {number}: {plan.reason}"
    live = choose(fusion, Objective(terms), live=True)
    assert live.number == (4 if terms else 1)


def test_a_share_that_changes_keeps_the_plan() -> None:
    assert choose(Mean(), Objective((KL(),), soft=Cosine(0.9, 0.0, 0.1)), live=False).number == 1


def test_a_fusion_that_looks_at_the_students_past_is_no_plan_1() -> None:
    assert "history" in DynamicPerformance().needs
    assert choose(DynamicPerformance(), Objective((KL(),)), live=False).number == 2
