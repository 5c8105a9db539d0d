"""A neural fusion: a small net from what all teachers say to one answer; stacked generalisation, Wolpert 1992."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Classes, Context, InputError, Labels, Target, Values
from ..ops.mixing import among
from ..ops.simplex import positive
from .answers import dtype_of, knowing
from .learnt import Table, fitted, learnable, said, side_by_side, spread, table


@dataclass(frozen=True)
class NeuralFusion:
    """y = m + W2 tanh(W1 x), with x the answers of all teachers side by side and m the plain mean of them.

    m is the logarithm of the mean probabilities for classes, the log-odds of the mean for labels, the mean for values.
    W2 starts at 0: before it has learnt anything the net is the mean, and where the labels say nothing against it,
    it stays there. Fitted once on out-of-fold answers and their labels, by cross-entropy or squared error. Classes
    that no teacher knows stay out. The target has temperature 1.

    Args:
        penalty: strength of the L2 penalty, as in `Stacking`.
        hidden: width of the net.
        inner: fitted W1 [hidden, inputs + 1]; leave it out and call `fit`.
        outer: fitted W2 [outputs, hidden].
        scale: fitted centre and spread of values, in which the net sees and says them.

    Raises:
        InputError: a negative penalty or no width; (when fitted) no labelled row with an answer; (when called) not
            fitted, or fitted on other teachers; rankings.
    """

    name = "neural"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset[str]()
    source = "wolpert1992"
    penalty: float = 1.0
    hidden: int = 16
    inner: Table | None = None
    outer: Table = ()
    scale: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not (self.penalty >= 0 and self.hidden >= 1):
            raise InputError(
                "a neural fusion needs a penalty of at least 0 and a width of at least 1, got "
                f"{self.penalty} and {self.hidden}"
            )

    @property
    def fitted(self) -> bool:
        """Whether it has a net."""
        return self.inner is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> NeuralFusion:
        """The same, fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        numbers, known = said(signals, self.name)
        about = _scale(numbers, known) if isinstance(signals, Values) else (0.0, 1.0)
        x, base = _inputs(signals, self.name, about)
        rows = learnable(signals, target, labelled, "a neural fusion")
        count, scale = int(rows.sum()), spread(signals)

        def loss(inner: Tensor, outer: Tensor) -> Tensor:
            given = base[rows] + about[1] * _net(x[rows], inner, outer)
            squares = inner.square().sum() + outer.square().sum()
            return (_loss(given, signals, target[rows]).sum() / scale + self.penalty / 2 * squares) / count

        angles = torch.arange(self.hidden * x.shape[1], dtype=torch.float64)
        start = (angles * 2.4).sin().view(self.hidden, -1) / x.shape[1] ** 0.5
        inner, outer = fitted((start, torch.zeros(base.shape[1], self.hidden)), loss)
        return replace(self, inner=table(inner), outer=table(outer), scale=about)

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        if self.inner is None:
            raise InputError(f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled)")
        x, base = _inputs(signals, self.name, self.scale)
        inner, outer = (torch.tensor(part, dtype=torch.float64, device=x.device) for part in (self.inner, self.outer))
        if (x.shape[1], base.shape[1]) != (inner.shape[1], outer.shape[0]):
            raise InputError(
                f"fusion {self.name!r} was fitted on answers of {inner.shape[1] - 1} numbers a row and got "
                f"{x.shape[1] - 1}: fit it again for these teachers"
            )
        given = (base + self.scale[1] * _net(x, inner, outer)).to(dtype_of(signals))
        valid, coverage = signals.valid.any(0), signals.coverage.any(0)
        if isinstance(signals, Classes):
            scores = torch.log_softmax(given.masked_fill(~coverage, -torch.inf), -1).masked_fill(~coverage, 0.0)
            return Target(Classes.of(scores, "log_probs", valid=valid, coverage=coverage), 1.0)
        if isinstance(signals, Labels):
            return Target(Labels.of(given, valid=valid, coverage=coverage), 1.0)
        return Target(Values.of(given, valid=valid, coverage=coverage))


def _net(x: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    return (x @ inner.T).tanh() @ outer.T


def _inputs(signals: Any, who: str, scale: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """What the net sees, with a 1 at the end, and where it starts from: float64 [N, inputs] and [N, outputs]."""
    numbers, known = said(signals, who)
    x = side_by_side(numbers)
    if isinstance(signals, Values):
        x = side_by_side(((numbers - scale[0]) / scale[1]).masked_fill(~known, 0.0))
        base = among(numbers, known, torch.ones_like(numbers))
    elif isinstance(signals, Labels):
        yes = among(numbers + 0.5, known, torch.ones_like(numbers))
        base = torch.logit(yes.clamp(1e-6, 1 - 1e-6))
    else:
        probs = signals.probs().double()
        base = positive(among(probs, knowing(signals), torch.ones_like(probs)).clamp_min(1e-6)).log()
    return torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64, device=x.device)], 1), base


def _scale(numbers: Tensor, known: Tensor) -> tuple[float, float]:
    seen = numbers[known]
    if len(seen) < 2:
        return 0.0, 1.0
    return float(seen.mean()), float(seen.std().clamp_min(1e-9))


def _loss(given: Tensor, signals: Any, truth: Tensor) -> Tensor:
    if isinstance(signals, Classes):
        open_ = given.masked_fill(~signals.coverage.any(0), -torch.inf)
        return torch.nn.functional.cross_entropy(open_, truth, reduction="none")
    if isinstance(signals, Labels):
        wanted = truth.double()
        return torch.nn.functional.binary_cross_entropy_with_logits(given, wanted, reduction="none").sum(-1)
    return (given - truth).square().sum(-1)
