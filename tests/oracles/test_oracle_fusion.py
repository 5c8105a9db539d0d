"""Fusions against numbers of published implementations and numerical packages, through `Distillation.loss`.

Covered keys, by file (the others belong to fusions and terms that live elsewhere or come later):

    fusion_average, fusion_ebkd, fusion_camkd
                            w_normalised, loss_normalised, loss_reference, loss_by_weights, grad_z_s_reference
    textbrewer_multiteacher loss_ce, grad_ce
    combine_outputs         mean, weighted, weighted_sample, geometric, geometric_uniform, mean_logits_T4,
                            median_renormalised, trimmed20_renormalised, vote_counts, vote_share,
                            weighted_vote_share
    regression_fusion       mixture_mean, mixture_variance, precision_mean, median, trimmed20
    vote_stack_sklearn      vote_*_label, vote_*_prob, vote_pred, stack_prob, stack_label, stack_coef,
                            stack_intercept, stack_pred
    vote_aggregation        majority_prob, majority_label

Under KL at temperature T the student's gradient is T (q - p) / B with the target p, so the gradient of
`Distillation.loss` shows what target was really formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import oracle
from tutelage.core import INVARIANTS, Batch, Classes, Context, Signals, Target, Values, Weights
from tutelage.fusion import (
    Confidence,
    Entropy,
    GeometricMean,
    HardVote,
    Mean,
    MeanLogits,
    Median,
    Precision,
    SoftVote,
    Stacking,
    Trimmed,
    Weighted,
)
from tutelage.ops.simplex import positive
from tutelage.tasks import Classification, Regression
from tutelage.teaching.distillation import Distillation
from tutelage.teaching.objective import Loss, Objective
from tutelage.teaching.sources import Memory
from tutelage.teaching.terms import KL


class Table(nn.Module):
    """A student that knows its answers by heart: row number to logits."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = nn.Parameter(answers.clone())

    def forward(self, row: Tensor) -> Tensor:
        return self.answers[row]


def double(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array)).double()


def stacked(answers: list[Any]) -> Signals:
    return Signals(tuple(f"teacher {i}" for i in range(len(answers))), tuple(answers))


def taught(
    fusion: Any, signals: Signals, student: Tensor, target: Tensor | None, temperature: float
) -> tuple[Loss, Tensor, Distillation, Batch]:
    """The loss under KL alone, the student's gradient, and what made them."""
    rows, classes = student.shape
    task: Any = Classification(tuple(str(c) for c in range(classes)))
    term: Any = KL(temperature)
    distillation = Distillation(Memory(signals), fusion, Objective((term,), soft=1.0), task)
    batch = Batch.of({"row": torch.arange(rows)}, target)
    table = Table(student)
    loss = distillation.loss(table, batch)
    loss.backward()
    assert table.answers.grad is not None
    return loss, table.answers.grad, distillation, batch


def formed(fusion: Any, signals: Signals, temperature: float = 1.0) -> Tensor:
    """The target [B, C] that the student is drawn to."""
    rows, classes = len(signals), signals.stacked().scores.shape[-1]
    student = torch.zeros(rows, classes, dtype=torch.float64)
    _, gradient, distillation, batch = taught(fusion, signals, student, None, temperature)
    result = distillation.explain(batch)
    at = 1.0 if isinstance(result, Target) and result.temperature == 1.0 else temperature
    spoken = int(signals.stacked().valid.any(0).sum())
    return 1.0 / classes - gradient * spoken / at


def logits(numbers: Mapping[str, np.ndarray]) -> Signals:
    return stacked([Classes.of(one, "logits") for one in double(numbers["z_t"])])


def close(got: Tensor, wanted: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=rtol, atol=atol)


def check_weights(name: str, case: str, fusion: Any, factor: float) -> None:
    """Weights and loss; `factor` is what the source's loss is of the sound one."""
    numbers = oracle.load(name)[case]
    temperature, scale = float(numbers["T"]), 1.0 + float(np.abs(numbers["z_t"]).max())
    target = torch.from_numpy(numbers["y"])
    loss, gradient, _, _ = taught(fusion, logits(numbers), double(numbers["z_s"]), target, temperature)
    assert loss.weights is not None
    close(loss.weights, numbers["w_normalised"])
    loose = {"rtol": 1e-9, "atol": 1e-12 * scale}
    close(loss.total, numbers["loss_normalised"], **loose)
    close(loss.total * factor, numbers.get("loss_by_weights", numbers.get("loss_reference")), **loose)
    if "grad_z_s_reference" in numbers:
        wanted = numbers["grad_z_s_reference"]
        close(gradient * factor, wanted, rtol=1e-7, atol=1e-9 * float(np.abs(wanted).max()) + 1e-15)


@pytest.mark.parametrize("case", oracle.cases("fusion_average"))
def test_mean(case: str) -> None:
    check_weights("fusion_average", case, Mean(), 1.0)


@pytest.mark.parametrize("case", oracle.cases("fusion_ebkd"))
def test_entropy(case: str) -> None:
    """The source's weights sum to K - 1, and it divides by K once more."""
    teachers = len(oracle.load("fusion_ebkd")[case]["z_t"])
    check_weights("fusion_ebkd", case, Entropy("paper"), (teachers - 1) / teachers)


@pytest.mark.parametrize("case", oracle.cases("fusion_camkd"))
def test_confidence(case: str) -> None:
    """The source divides by K although its weights sum to 1."""
    check_weights("fusion_camkd", case, Confidence("exact"), 1 / len(oracle.load("fusion_camkd")[case]["z_t"]))


@pytest.mark.parametrize("case", [c for c in oracle.cases("fusion_camkd") if "k3" in str(c) or "k5" in str(c)])
def test_confidence_softmax_is_another_rule(case: str) -> None:
    numbers = oracle.load("fusion_camkd")[case]
    wanted = torch.softmax(-double(numbers["teacher_ce"]), 0)
    loss, *_ = taught(
        Confidence("softmax"), logits(numbers), double(numbers["z_s"]), torch.from_numpy(numbers["y"]), 4.0
    )
    assert loss.weights is not None
    close(loss.weights, wanted.numpy())
    assert np.abs(wanted.numpy() - numbers["w_normalised"]).max() > 0.01


@pytest.mark.parametrize("case", oracle.cases("textbrewer_multiteacher"))
def test_mean_logits(case: str) -> None:
    """The source's loss is the cross-entropy at temperature T: KL / T^2 plus the target's entropy."""
    numbers = oracle.load("textbrewer_multiteacher")[case]
    temperature, z_t = float(numbers["T"]), double(numbers["z_t"])
    loss, gradient, _, _ = taught(MeanLogits(), logits(numbers), double(numbers["z_s"]), None, temperature)
    target = torch.softmax(z_t.mean(0) / temperature, -1)
    own = -torch.special.xlogy(target, target).sum(-1).mean()
    scale = 1.0 + float(z_t.abs().max())
    close(loss.total / temperature**2 + own, numbers["loss_ce"], rtol=1e-9, atol=1e-12 * scale)
    wanted = numbers["grad_ce"]
    largest = max(float(np.abs(wanted).max()), 1e-12)
    np.testing.assert_allclose(gradient.numpy() / temperature**2, wanted, rtol=1e-7, atol=1e-9 * largest)


@dataclass(frozen=True)
class PerRow:
    """A user's own fusion: weights per teacher and row, known beforehand."""

    weights: Tensor
    name: ClassVar[str] = "per_row"
    gives: ClassVar[str] = "weights"
    needs: ClassVar[frozenset[str]] = frozenset()
    invariants: ClassVar[frozenset[str]] = INVARIANTS
    source: ClassVar[str] = "you2017"

    def __call__(self, signals: Any, context: Context) -> Weights:
        return Weights(self.weights)


@pytest.mark.parametrize("case", oracle.cases("combine_outputs"))
def test_combined_outputs(case: str) -> None:
    numbers = oracle.load("combine_outputs")[case]
    signals = logits(numbers)
    trust = tuple(numbers["w"].tolist())
    close(formed(Mean(), signals), numbers["mean"])
    close(formed(SoftVote(), signals), numbers["mean"])
    close(formed(Weighted(trust), signals), numbers["weighted"])
    close(formed(SoftVote(trust), signals), numbers["weighted"])
    close(formed(PerRow(double(numbers["w_sample"])), signals), numbers["weighted_sample"])
    close(formed(GeometricMean(trust), signals), numbers["geometric"])
    close(formed(GeometricMean(), signals), numbers["geometric_uniform"])
    close(formed(MeanLogits(), signals, 4.0), numbers["mean_logits_T4"])
    close(formed(GeometricMean(), signals, 4.0), numbers["mean_logits_T4"])
    close(formed(Median(), signals), numbers["median_renormalised"])
    shares = formed(HardVote(), signals)
    close(shares, numbers["vote_share"])
    close(shares * len(trust), numbers["vote_counts"], rtol=1e-9, atol=1e-11)
    close(formed(HardVote(weights=trust), signals), numbers["weighted_vote_share"])
    if "trimmed20_renormalised" in numbers:
        close(formed(Trimmed(0.2), signals), numbers["trimmed20_renormalised"])


def test_trimmed_is_compared() -> None:
    if oracle.cases("combine_outputs") == list(oracle.load("combine_outputs")):
        assert "trimmed20_renormalised" in oracle.load("combine_outputs")["k5"]


@dataclass(frozen=True)
class Inner:
    """A user's own term: minus the inner product of the student with (mean, mean^2 + variance)."""

    name: ClassVar[str] = "inner"
    source: ClassVar[str] = "bishop1994"
    answers: ClassVar[str] = "values"
    linear: ClassVar[bool] = True
    closed: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    temperature: ClassVar[float] = 1.0

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        spread = torch.zeros_like(answer.mean) if answer.scale is None else answer.scale.square()
        return torch.stack([answer.mean, answer.mean.square() + spread], dim=-1)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        return torch.zeros_like(phi[..., 0])

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        assert student.scale is not None
        return -(torch.stack([student.mean, student.scale], dim=-1) * phi).sum(-1)


def pulled(fusion: Any, signals: Signals) -> tuple[Tensor, Tensor]:
    """Mean and variance [B] of the target that the student is drawn to."""
    rows = len(signals)
    task: Any = Regression(("value",), with_scale=True)
    term: Any = Inner()
    distillation = Distillation(Memory(signals), fusion, Objective((term,), soft=1.0), task)
    table = Table(torch.zeros(rows, 2, dtype=torch.float64))
    batch = Batch.of({"row": torch.arange(rows)}, torch.zeros(rows, 1, dtype=torch.float64))
    distillation.loss(table, batch).backward()
    assert table.answers.grad is not None
    slope = torch.tensor([1.0, 0.5])  # of mean and of softplus scale at 0
    first, second = (-table.answers.grad * rows / slope).unbind(-1)
    return first, second - first.square()


@pytest.mark.parametrize("case", oracle.cases("regression_fusion"))
def test_regression(case: str) -> None:
    numbers = oracle.load("regression_fusion")[case]
    mean, variance = double(numbers["mu_t"]), double(numbers["var_t"])
    pairs = zip(mean, variance, strict=True)
    signals = stacked([Values.of(m.unsqueeze(-1), v.sqrt().unsqueeze(-1)) for m, v in pairs])
    trust = tuple(numbers["w"].tolist())
    centre, spread = pulled(Weighted(trust), signals)
    close(centre, numbers["mixture_mean"])
    close(spread, numbers["mixture_variance"])
    close(pulled(Precision(), signals)[0], numbers["precision_mean"])
    close(pulled(Median(), signals)[0], numbers["median"])
    close(pulled(Trimmed(0.2), signals)[0], numbers["trimmed20"])


def probabilities(array: np.ndarray) -> Signals:
    return stacked([Classes.of(positive(one).log(), "log_probs") for one in double(array)])


@pytest.mark.parametrize("case", [c for c in oracle.cases("vote_stack_sklearn") if c != "regression"])
def test_voting(case: str) -> None:
    numbers = oracle.load("vote_stack_sklearn")[case]
    signals, trust = probabilities(numbers["member_prob"]), tuple(numbers["weights"].tolist())
    exact = numbers["member_prob"] / numbers["member_prob"].sum(-1, keepdims=True)
    for weights, word in ((None, ""), (trust, "_weighted")):
        soft = formed(SoftVote(weights), signals)
        close(soft, np.average(exact, 0, weights))
        # two members answer in single precision: their probabilities sum to 1 up to 1e-6
        close(soft, numbers[f"vote_soft{word}_prob"], rtol=0.0, atol=1e-6)
        close(soft.argmax(-1), numbers[f"vote_soft{word}_label"])
        close(formed(HardVote("lowest", weights), signals).argmax(-1), numbers[f"vote_hard{word}_label"])


@pytest.mark.parametrize("case", [c for c in oracle.cases("vote_stack_sklearn") if c != "regression"])
def test_stacking(case: str) -> None:
    numbers = oracle.load("vote_stack_sklearn")[case]
    held_out, target = probabilities(numbers["oof_prob"]), torch.from_numpy(numbers["y_train"])
    fusion = Stacking().fit(held_out.stacked(), target, torch.ones_like(target, dtype=torch.bool))
    told = formed(fusion, probabilities(numbers["member_prob"]))
    close(told, numbers["stack_prob"], atol=1e-4, rtol=0.0)
    close(told.argmax(-1), numbers["stack_label"])
    assert fusion.models is not None
    close(torch.tensor(fusion.models[0].weight), numbers["stack_coef"], atol=2e-3, rtol=0.0)
    close(torch.tensor(fusion.models[0].bias), numbers["stack_intercept"], atol=2e-3, rtol=0.0)


@pytest.mark.parametrize("case", [c for c in oracle.cases("vote_stack_sklearn") if c == "regression"])
def test_stacking_numbers(case: str) -> None:
    numbers = oracle.load("vote_stack_sklearn")[case]
    held_out = stacked([Values.of(one.unsqueeze(-1)) for one in double(numbers["oof_pred"])])
    asked = stacked([Values.of(one.unsqueeze(-1)) for one in double(numbers["member_pred"])])
    close(pulled(Weighted(tuple(numbers["weights"].tolist())), asked)[0], numbers["vote_pred"])
    target = double(numbers["y_train"]).unsqueeze(-1)
    penalty = float(numbers["ridge_alpha"])
    fusion = Stacking(penalty).fit(held_out.stacked(), target, torch.ones_like(target, dtype=torch.bool))
    close(pulled(fusion, asked)[0], numbers["stack_pred"])


@pytest.mark.parametrize("case", oracle.cases("vote_aggregation"))
def test_majority(case: str) -> None:
    numbers = oracle.load("vote_aggregation")[case]
    votes, classes = torch.from_numpy(numbers["votes"]).T, int(numbers["n_classes"])
    ballots = torch.nn.functional.one_hot(votes.clamp_min(0), classes).double()
    signals = stacked([Classes.of(one, "votes", valid=cast >= 0) for one, cast in zip(ballots, votes, strict=True)])
    some = (votes >= 0).any(0)
    close(formed(HardVote(), signals)[some], numbers["majority_prob"][some.numpy()])
    clear = some & ~torch.from_numpy(numbers["majority_tie"])
    winner = formed(HardVote("winner"), signals).argmax(-1)
    close(winner[clear], numbers["majority_label"][clear.numpy()])
