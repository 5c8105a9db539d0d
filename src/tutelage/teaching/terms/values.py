"""Terms that compare numbers, one loss value per row and column.

    MSE          phi = mean                                linear
    GaussianKL   phi = (mean, mean^2 + variance)           linear; teachers act through their mixture's moments
    GaussianNLL  phi = (mean, mean^2 + variance)           linear; the same gradient
    Huber        phi = mean                                not linear
    L1           phi = mean                                not linear

Losses are taken in units of `spread` around `centre`, one number per column or one for all, so that columns
of different units weigh the same: `MSE(task.centre, task.spread)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core import Context, InputError, Values
from ...ops.losses import constants


@dataclass(frozen=True)
class MSE:
    """Squared difference of the means, in squared spreads.

    Args:
        centre: taken off both sides; changes rounding only.
        spread: unit of each column.
    """

    name = "mse"
    source = "hinton2015"
    answers = "values"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(self.name, self.spread)

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        """Means [..., B, D]."""
        return _plain(answer.mean, self.centre, self.spread)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """Squared means [..., B, D]."""
        return phi.square()

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]."""
        return (_plain(student.mean, self.centre, self.spread) - phi).square()


@dataclass(frozen=True)
class L1:
    """Absolute difference of the means, in spreads. Many teachers pull towards their weighted median.

    Args:
        centre: taken off both sides; changes rounding only.
        spread: unit of each column.
    """

    name = "l1"
    source = "huber1964"
    answers = "values"
    linear = False
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(self.name, self.spread)

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        """Means [..., B, D]."""
        return _plain(answer.mean, self.centre, self.spread)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return torch.zeros_like(phi)

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]."""
        return (_plain(student.mean, self.centre, self.spread) - phi).abs()


@dataclass(frozen=True)
class Huber:
    """Half the squared difference up to `delta` spreads, from there on a straight line; Huber 1964.

    Args:
        delta: in spreads.
        centre: taken off both sides; changes rounding only.
        spread: unit of each column.
    """

    name = "huber"
    source = "huber1964"
    answers = "values"
    linear = False
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    delta: float = 1.0
    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(self.name, (*self.spread, self.delta))

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        """Means [..., B, D]."""
        return _plain(answer.mean, self.centre, self.spread)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return torch.zeros_like(phi)

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]."""
        own = _plain(student.mean, self.centre, self.spread)
        return torch.nn.functional.huber_loss(own, phi, reduction="none", delta=self.delta)


@dataclass(frozen=True)
class GaussianKL:
    """KL(teacher || student) of normal distributions, in nats; Lakshminarayanan et al. 2017 mix like this.

    The statistic is the first two moments, in float64, because their difference is the variance. Their
    weighted mean over teachers is the mixture's, which is what the student is fitted to.

    Args:
        centre: taken off both sides; changes rounding only.
        spread: unit of each column; changes rounding only.
    """

    name = "gaussian_kl"
    source = "lakshminarayanan2017"
    answers = "values"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(self.name, self.spread)

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        """First and second moments, float64 [..., B, D, 2]."""
        return _moments(answer, self.name, self.centre, self.spread)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """Negative entropy of the normal distribution with these moments, without its constant [..., B, D]."""
        return -0.5 * (1.0 + _variance(phi).log())

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]: the expected negative log-likelihood, without its constant."""
        return _surprise(student, phi, self.name, self.centre, self.spread)


@dataclass(frozen=True)
class GaussianNLL:
    """Expected negative log-likelihood of the teacher's draws under the student's normal; Nix and Weigend 1994.

    The gradient of `GaussianKL`; the value, in nats per unit of the target, keeps the teachers' entropy.

    Args:
        centre: taken off both sides; changes rounding only.
        spread: unit of each column; changes rounding only.
    """

    name = "gaussian_nll"
    source = "nix1994"
    answers = "values"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature = 1.0
    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(self.name, self.spread)

    def statistic(self, answer: Values, temperature: float, context: Context) -> Tensor:
        """First and second moments, float64 [..., B, D, 2]."""
        return _moments(answer, self.name, self.centre, self.spread)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: the loss is linear as it stands."""
        return torch.zeros_like(phi[..., 0])

    def loss(self, student: Values, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, D]."""
        constant = 0.5 * math.log(2.0 * math.pi) + constants(self.spread, phi).log()
        return constant + _surprise(student, phi, self.name, self.centre, self.spread)


def _check(name: str, spread: tuple[float, ...]) -> None:
    if any(not value > 0 for value in spread):
        raise InputError(f"{name} measures in positive units, got {spread}: give a constant column the spread 1")


def _plain(values: Tensor, centre: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    return (values - constants(centre, values)) / constants(spread, values)


def _moments(answer: Values, name: str, centre: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    mean = _plain(answer.mean.double(), centre, spread)
    variance = answer.variance(name).double() / constants(spread, mean).square()
    return torch.stack([mean, mean.square() + variance], dim=-1)


def _variance(phi: Tensor) -> Tensor:
    return (phi[..., 1] - phi[..., 0].square()).clamp_min(torch.finfo(phi.dtype).tiny)


def _surprise(student: Values, phi: Tensor, name: str, centre: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    """Expected squared distance in variances of the student, halved, plus the log of its scale."""
    if student.scale is None:
        raise InputError(
            f"{name} needs a student that answers mean and scale: Regression(..., with_scale=True), or compare "
            "means only (MSE)"
        )
    mean = _plain(student.mean.to(phi.dtype), centre, spread)
    scale = student.scale.to(phi.dtype) / constants(spread, phi[..., 0])
    distance = (mean - phi[..., 0]).square() + _variance(phi)
    return 0.5 * distance / scale.square() + scale.log()
