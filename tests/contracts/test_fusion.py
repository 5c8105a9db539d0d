"""Every fusion of the house keeps the contract; the suite notices those that break it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from examples_of_fusions import MADE, TRUST, home, learnt
from tutelage import fusion as fusions
from tutelage.core import INVARIANTS, Context, InputError, Labels, Scores, Target, Values, Weights
from tutelage.fusion import (
    AEKD,
    GLAD,
    MTKDRL,
    RLKD,
    Attention,
    Blend,
    Borda,
    Confidence,
    Curriculum,
    DawidSkene,
    DenselyGuided,
    Difference,
    DynamicPerformance,
    Elected,
    Entropy,
    Gate,
    GeometricMean,
    HardVote,
    Mean,
    MeanLogits,
    Median,
    MetaWeights,
    NeuralFusion,
    OneCoin,
    Performance,
    Precision,
    PseudoLabels,
    RandomDrop,
    RandomTeacher,
    ReciprocalRank,
    Routed,
    SoftVote,
    Stacking,
    TopK,
    Trimmed,
    Union,
    Weighted,
)
from tutelage.ops.simplex import normalised
from tutelage.testing import check_fusion

ALL = ("classes", "labels", "values", "scores")
CHOICES = ("classes", "labels", "scores")
RANKS = ("scores",)
TAGS = ("a", "b", "", "c", "a", "b", "a", "d")
ROUTES = {"a": (0, 1), "b": (4,), "c": (2, 0)}

HOUSE: list[tuple[Any, tuple[str, ...]]] = [
    (Mean(), ALL),
    (home(), ALL),
    (replace(home(), gives="target"), ("classes",)),
    (Blend((Mean(), Median())), ALL),
    (Blend((Mean(), GeometricMean(), Performance())), CHOICES),
    (PseudoLabels(), CHOICES[:2]),
    (Weighted(TRUST), ALL),
    (Gate(), ALL[:3]),
    (Attention(), ALL[:3]),
    (NeuralFusion(hidden=3), ALL[:3]),
    (MADE["MetaModel"](), ALL[:2]),
    (GeometricMean(), ALL),
    (GeometricMean(TRUST), ALL),
    (MeanLogits(), CHOICES),
    (HardVote(), CHOICES[:2]),
    (HardVote("winner"), CHOICES[:2]),
    (HardVote("lowest", TRUST), CHOICES[:2]),
    (Borda(), RANKS),
    (Borda(1.0, TRUST), RANKS),
    (ReciprocalRank(), RANKS),
    (ReciprocalRank(0.0, 3.0, TRUST), RANKS),
    (SoftVote(), CHOICES),
    (SoftVote(TRUST), CHOICES),
    (Median(), ALL),
    (Trimmed(0.2), ALL),
    (Confidence("exact"), CHOICES),
    (Confidence("softmax"), CHOICES),
    (Entropy("paper"), CHOICES),
    (Entropy("softmax", 0.5), CHOICES),
    (Precision(), ("values",)),
    (Difference("squared"), ALL),
    (Difference("kl"), CHOICES),
    (Difference("js"), CHOICES),
    (Performance("correct"), CHOICES),
    (Performance("truth"), CHOICES),
    (Performance("nce"), CHOICES),
    (Performance("inv_mse"), ALL),
    (DynamicPerformance("truth"), CHOICES),
    (DynamicPerformance("inv_mse"), ALL),
    (Stacking(), ALL[:3]),
    (TopK(), ALL),
    (TopK(2), ALL),
    (Elected(), ALL),
    (Elected("class"), CHOICES[:1]),
    (Elected(k=2, reward="inv_mse"), ALL),
    (RandomDrop(), ALL),
    (RandomDrop(1.0), ALL),
    (RandomTeacher(), ALL),
    (DenselyGuided(), ALL),
    (DenselyGuided(0.8), ALL),
    (Routed(TAGS, ROUTES), ALL),
    (Curriculum(), ALL),
    (Curriculum((0.0, 0.2, 0.5, 0.9, 1.0), 0.1), ALL),
    (Union(), CHOICES[:1]),
    (Union(TRUST), CHOICES[:1]),
    (DawidSkene(), CHOICES[:2]),
    (DawidSkene(3, 0.0), CHOICES[:2]),
    (OneCoin(), CHOICES[:2]),
    (GLAD(6), CHOICES[:2]),
    (AEKD(), ALL[:3]),
    (AEKD(1.0), ALL[:3]),
    (AEKD(0.3), ALL[:3]),
    (learnt(MetaWeights), ALL),
    (learnt(MetaWeights, gate=3), ("classes",)),
    (learnt(MTKDRL), ("classes",)),
    (learnt(MTKDRL, dynamic=True), ("classes",)),
    (learnt(RLKD), ("classes",)),
]


@pytest.mark.parametrize(("fusion", "answers"), HOUSE, ids=lambda value: getattr(value, "name", ""))
def test_house_fusions_keep_the_contract(fusion: Any, answers: tuple[str, ...]) -> None:
    check_fusion(fusion, answers=answers)


def test_every_public_fusion_is_checked() -> None:
    public = {getattr(fusions, name) for name in fusions.__all__} - {
        fusions.Home,
        fusions.PerTeacher,
        fusions.Placed,
        fusions.Trust,
    }
    assert public == {type(fusion) for fusion, _ in HOUSE}


def _column(numbers: list[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers).to(like).view(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True)
class Broken:
    """Mean, broken in one way."""

    how: str
    invariants: frozenset[str] = INVARIANTS
    name: ClassVar[str] = "broken"
    gives: ClassVar[str] = "weights"
    needs: ClassVar[frozenset[str]] = frozenset()
    source: ClassVar[str] = "you2017"

    def __call__(self, signals: Any, context: Context) -> Weights:
        result = Mean()(signals, context)
        values = result.values
        if self.how == "sums to two":
            values = 2 * values
        if self.how == "counts the silent":
            values = torch.full_like(values, 1 / len(values))
        if self.how == "first only":
            first = torch.zeros_like(values)
            first[0] = values.sum(0)
            values = first * signals.valid
        number = next(iter(signals.to_arrays().values()))
        number = (number if number.shape == values.shape else number[..., 0]).tanh()
        if self.how == "prefers the first":
            values = normalised(values * _column([*range(len(values), 0, -1)], values), signals.valid)
        if self.how == "counts heads":
            values = normalised((len(values) * number).exp(), signals.valid)
        if self.how == "peeks" and context.target is not None:
            values = values.clone()
        if self.how == "counts steps" and context.at.step > 5:
            values = values.clone()
        if self.how == "mixes rows":
            values = normalised(number.mean(1, keepdim=True).exp().expand_as(values), signals.valid)
        if self.how == "writes":
            next(iter(signals.to_arrays().values()))[:] = 0
        if self.how == "float32 only":
            values = values.float()
        if self.how == "nan":
            values = values + 0 * signals.valid.sum(0).log()
        return Weights(values, result.acted)


broken: Any = Broken


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("sums to two", "sum to 1"),
        ("counts the silent", "abstaining teacher has weight"),
        ("first only", "sum to 1"),
        ("prefers the first", "permutation is declared, but is off"),
        ("counts heads", "absent is declared, but is off"),
        ("peeks", "context.target without declaring 'labels'"),
        ("counts steps", "context.at without declaring 'step'"),
        ("mixes rows", "other rows"),
        ("writes", "changed its input"),
        ("float32 only", "weights are torch.float32"),
        ("nan", "not finite"),
    ],
)
def test_suite_notices(how: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_fusion(broken(how))


def test_suite_asks_for_what_is_satisfied() -> None:
    with pytest.raises(AssertionError, match=r"single is not declared.*declare it"):
        check_fusion(broken("not at all", INVARIANTS - {"single"}))


def test_suite_asks_weights_for_their_invariants() -> None:
    with pytest.raises(AssertionError, match=r"must declare \['absent'\]"):
        check_fusion(broken("not at all", INVARIANTS - {"absent"}))


@dataclass(frozen=True)
class Boastful:
    """A hard vote that claims to lie between the teachers."""

    name: ClassVar[str] = "boastful"
    gives: ClassVar[str] = "target"
    needs: ClassVar[frozenset[str]] = frozenset()
    source: ClassVar[str] = "lam1997"
    invariants: ClassVar[frozenset[str]] = frozenset({"permutation", "absent", "convex"})

    def __call__(self, signals: Any, context: Context) -> Target:
        return HardVote()(signals, context)


boastful: Any = Boastful()


def test_suite_notices_a_false_claim() -> None:
    with pytest.raises(AssertionError, match="convex is declared, but is off"):
        check_fusion(boastful)


def test_suite_wants_the_stated_kinds() -> None:
    confidence: Any = Confidence()
    with pytest.raises(AssertionError, match=r"should fuse .*'values'.* and fuses"):
        check_fusion(confidence, answers=ALL)


def test_refusals_name_a_way_out() -> None:
    numbers, yes_no, ranks = (kind.of(torch.zeros(3, 2, 2)) for kind in (Values, Labels, Scores))
    for fusion, signals, way_out in (
        (MeanLogits(), numbers, "Mean"),
        (HardVote(), numbers, "Median"),
        (SoftVote(), numbers, "Median"),
        (Entropy(), numbers, "Precision"),
        (Confidence(), numbers, "inv_mse"),
        (GeometricMean(), numbers, "Median"),
        (Precision(), yes_no, "Entropy"),
        (Precision(), numbers, "scale"),
        (Difference("js"), numbers, "squared"),
        (HardVote(), ranks, "Borda"),
        (Stacking(), ranks, "ReciprocalRank"),
        (Precision(), ranks, "Entropy"),
        (Borda(), yes_no, "HardVote"),
        (ReciprocalRank(), numbers, "Mean"),
        (AEKD(), ranks, "Performance"),
        (TopK(), numbers, "Elected"),
        (Union(), yes_no, "Mean"),
        (DawidSkene(), numbers, "Median"),
        (OneCoin(), ranks, "Borda"),
        (GLAD(), numbers, "Precision"),
    ):
        with pytest.raises(InputError, match=way_out):
            fusion(signals, Context())
