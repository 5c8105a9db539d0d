"""Terms that compare logits, which are defined up to a constant per row: both sides are centred.

    LogitMSE  phi = centred logits            linear
    LogitL1   phi = centred logits            not linear
    DIST      phi = standardised rows of p    linear without its column part
    LSKD      phi = that of KL or DKD, taken of logits with mean 0 and standard deviation 1; linear

They act on covered classes only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from ...core import Classes, Context, InputError
from ...core.spaces.classes import cover
from ...ops.losses import TINY_NORM, centred, standardised, unit
from ...ops.schedules import Schedule
from .classes import KL
from .decoupled import DKD

FADE = 1e-8
"""Added to the product of the norms of two columns of probabilities; Huang et al. 2022."""


@dataclass(frozen=True)
class LogitMSE:
    """Squared difference of centred logits, per row; Ba and Caruana 2014, Kim et al. 2021.

    It is what KL becomes at a high temperature, up to a factor. Dividing the logits by a temperature and
    multiplying with its square changes nothing, so there is none to set.

    Args:
        over: `mean` or `sum` over the covered classes.
    """

    name = "logit_mse"
    source = "kim2021"
    answers = "classes"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    over: Literal["mean", "sum"] = "mean"

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Centred logits over the temperature [..., B, C], for the mean over the root of their number."""
        return self._scaled(answer, temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the squared length [..., B]."""
        return temperature**2 * phi.square().sum(-1)

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        own = self._scaled(student.restricted(coverage), temperature)
        return temperature**2 * (own - phi).square().sum(-1)

    def _scaled(self, answer: Classes, temperature: float) -> Tensor:
        scores = answer.centred() / temperature
        if self.over == "sum":
            return scores
        return scores / cover(answer.coverage).sum(-1, keepdim=True).to(scores.dtype).sqrt()


@dataclass(frozen=True)
class LogitL1:
    """Absolute difference of centred logits, per row; Ba and Caruana 2014 (their comparison of targets).

    Not linear: many teachers cost one distance each.

    Args:
        over: `mean` or `sum` over the covered classes.
    """

    name = "logit_l1"
    source = "ba2014"
    answers = "classes"
    linear = False
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    over: Literal["mean", "sum"] = "mean"

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Centred logits over the temperature [..., B, C]."""
        return answer.centred() / temperature

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        away = (student.restricted(coverage).centred() / temperature - phi).abs().sum(-1)
        return temperature * (away / coverage.sum() if self.over == "mean" else away)


@dataclass(frozen=True)
class DIST:
    """T^2 (beta (1 - correlation of rows) + gamma (1 - mean correlation of columns)); Huang et al. 2022.

    Rows: the probabilities of one row over the classes. Columns: the probabilities of one class over the
    rows of the batch on which the teacher answers; every row carries the whole column part, so that the
    mean over rows is the value of the paper. A teacher's row without spread says nothing and costs 0; a
    column without spread has correlation 0.

    With gamma = 0 the statistic is the standardised row and the term is linear; the column part looks at
    the whole batch, and many teachers cost one comparison each.

    Args:
        beta: strength of the rows.
        gamma: strength of the columns.
    """

    name = "dist"
    source = "huang2022"
    answers = "classes"
    closed = False
    temperature: float | Schedule = 1.0
    beta: float = 1.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.beta < 0 or self.gamma < 0:
            raise InputError(f"beta and gamma of {self.name} must not be negative, got {self.beta}, {self.gamma}")

    @property
    def linear(self) -> bool:
        """True when there is no column part."""
        return self.gamma == 0

    @property
    def needs(self) -> frozenset[str]:
        """`batch` when there is a column part."""
        return frozenset() if self.linear else frozenset({"batch"})

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """[..., B, C]: standardised rows, or with a column part the probabilities."""
        probs = answer.probs(temperature)
        return unit(centred(probs, cover(answer.coverage))) if self.linear else probs

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """[..., B]: T^2 beta, for a teacher's row with spread; 0 with a column part."""
        scale = temperature**2 * self.beta if self.linear else 0.0
        return scale * phi.square().sum(-1)

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[B]."""
        probs = student.restricted(coverage).probs(temperature)
        theirs = phi if self.linear else unit(centred(phi, coverage))
        rows = theirs.square().sum(-1) - (theirs * unit(centred(probs, coverage))).sum(-1)
        items = self.beta * rows
        if not self.linear:
            items = items + self.gamma * _columns(probs, phi, coverage)
        return temperature**2 * items


@dataclass(frozen=True)
class LSKD:
    """`KL` or `DKD` of logits with mean 0 and standard deviation 1 per row; Sun et al. 2024.

    Unbiased standard deviation over the covered classes, plus 1e-7. A row without spread becomes uniform.
    T^2 is kept, as the authors do, though standardised logits have no scale.

    Args:
        inner: what compares the standardised logits; brings the temperature.
    """

    source = "sun2024"
    answers = "classes"
    linear = True
    closed = False
    inner: KL | DKD = field(default_factory=lambda: KL(2.0))

    @property
    def name(self) -> str:
        """`lskd`, or `lskd_dkd`."""
        return "lskd" if isinstance(self.inner, KL) else f"lskd_{self.inner.name}"

    @property
    def needs(self) -> frozenset[str]:
        """Those of the inner term."""
        return self.inner.needs

    @property
    def temperature(self) -> float | Schedule:
        """That of the inner term."""
        return self.inner.temperature

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """The inner term's statistic of the standardised answer."""
        return self.inner.statistic(_standardised(answer), temperature, context)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """That of the inner term."""
        return self.inner.energy(phi, temperature)

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]: that of the inner term."""
        return self.inner.pull(_standardised(student.restricted(coverage)), phi, coverage, temperature, context)


def _standardised(answer: Classes) -> Classes:
    answer.masked_logits()
    return replace(answer, scores=standardised(answer.scores, cover(answer.coverage)), kind="logits")


def _columns(own: Tensor, theirs: Tensor, coverage: Tensor) -> Tensor:
    """1 - mean correlation over covered classes, the same for every row [B]; 0 with fewer than two rows."""
    present = (theirs.sum(-1) > 0.5).unsqueeze(-2)
    a, b = centred(theirs.transpose(-1, -2), present), centred(own.transpose(-1, -2), present)
    square = b.square().sum(-1)
    varied = square > TINY_NORM**2
    length = a.square().sum(-1).sqrt() * torch.where(varied, square, 1.0).sqrt() + FADE
    match = (a * b).sum(-1) / torch.where(varied, length, 1.0)
    apart = 1.0 - match.masked_fill(~coverage, 0.0).sum(-1) / coverage.sum()
    return torch.where(present.sum() > 1, apart, 0.0).expand(own.shape[:-1])
