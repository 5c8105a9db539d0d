"""Truth discovery: how far each source can be trusted, and the truth, found together from claims alone.

- `crh` (Li et al. 2014): one weight per source from its losses over facts of any kind, numbers and categories at once.
- `accu` (Dong et al. 2009, without copying): accuracies where facts have values of their own, such as names.
- `inverse_variance`: numbers weighted by 1 / variance, with variances given or learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .claims import Claims, Measurements, added, shares, tally, weighted_mean, weighted_median

SMALLEST = 1e-3
"""A source's error is at least this share of the average one: nobody is trusted without end."""


@dataclass(frozen=True)
class Discovered:
    """Weights of sources and what they make of each property.

    Attributes:
        truth: one tensor per property: shares of weight [F, V] for claims, values [F] for measurements.
        weight: float64 [S], mean 1.
        loss: float64 [S], mean normalised loss of each source's claims about contested facts.
        steps: iterations made.
    """

    truth: tuple[Tensor, ...]
    weight: Tensor
    loss: Tensor
    steps: int


def crh(
    properties: Sequence[Claims | Measurements], *, robust: bool = False, steps: int = 50, tolerance: float = 1e-9
) -> Discovered:
    """Conflict resolution on heterogeneous data: weights and truths in turn, each optimal given the other.

    Categories lose 1 where they are wrong; numbers lose their squared distance from the truth over the variance of the
    claims about the property within its facts. A source's weight is -log of its share of all losses, where a loss is
    the mean over its claims about facts that others claim too: saying little is no merit, and an uncontested claim
    tells nothing about its source. A source of which nothing is known has the mean weight.

    Args:
        properties: claims about each property by the same sources.
        robust: absolute distance and weighted median for numbers.
        steps: most iterations.
        tolerance: stops when no weight moves more.

    Raises:
        ValueError: no property, or different numbers of sources.
    """
    sources = {part.sources for part in properties}
    if len(sources) != 1:
        raise ValueError(f"truth discovery needs properties with the same sources, got {sorted(sources)}")
    count = sources.pop()
    scales = [_spread(part, robust) if isinstance(part, Measurements) else torch.ones(1) for part in properties]
    contested = [_contested(part) for part in properties]
    heard = torch.zeros(count, dtype=torch.float64)
    for part, used in zip(properties, contested, strict=True):
        heard = heard + added(used, part.source, count)
    weight = torch.ones(count, dtype=torch.float64)
    truth, loss, made = _truths(properties, weight, robust), torch.zeros_like(weight), 0
    for _ in range(steps):
        made += 1
        total = torch.zeros_like(weight)
        for part, used, found, scale in zip(properties, contested, truth, scales, strict=True):
            total = total + added(used * _losses(part, found, scale, robust), part.source, count)
        loss = total / heard.clamp_min(1e-300)
        new = _weights(loss, heard > 0)
        moved = float((new - weight).abs().max())
        weight, truth = new, _truths(properties, new, robust)
        if moved < tolerance:
            break
    return Discovered(tuple(truth), weight, loss, made)


def _contested(part: Claims | Measurements) -> Tensor:
    """Weights of the claims, 0 where nobody else claims anything about the fact."""
    count = torch.bincount(part.fact[part.weight > 0], minlength=part.facts)
    return torch.where(count[part.fact] > 1, part.weight, 0.0)


def _weights(loss: Tensor, heard: Tensor) -> Tensor:
    """-log of each share of the loss, scaled to mean 1; equal where nobody ever errs."""
    mean = float(loss[heard].mean()) if bool(heard.any()) else 0.0
    if mean <= 0 or int(heard.sum()) == 1:
        return torch.ones_like(loss)
    floored = loss[heard].clamp_min(SMALLEST * mean)
    raw = -(floored / floored.sum()).log()
    found = torch.ones_like(loss)
    found[heard] = raw / raw.mean()
    return found


def _truths(properties: Sequence[Claims | Measurements], weight: Tensor, robust: bool) -> list[Tensor]:
    made: list[Tensor] = []
    for part in properties:
        used = part.weight * weight[part.source]
        if isinstance(part, Claims):
            made.append(shares(tally(part, used)))
        else:
            made.append(weighted_median(part, used) if robust else weighted_mean(part, used))
    return made


def _losses(part: Claims | Measurements, truth: Tensor, scale: Tensor, robust: bool) -> Tensor:
    """[M]: loss of each claim."""
    if isinstance(part, Claims):
        return (part.value != truth.argmax(-1)[part.fact]).double()
    gap = (part.value - truth[part.fact]).nan_to_num(0.0)
    return gap.abs() / scale if robust else gap.square() / scale


def _spread(part: Measurements, robust: bool) -> Tensor:
    """Variance (robust: mean distance) of the claims around the mean (median) of their fact; 1 where there is none."""
    centre = weighted_median(part) if robust else weighted_mean(part)
    gap = (part.value - centre[part.fact]).nan_to_num(0.0)
    spread = (part.weight * (gap.abs() if robust else gap.square())).sum() / part.weight.sum().clamp_min(1e-300)
    return torch.where(spread > 0, spread, torch.ones_like(spread))


@dataclass(frozen=True)
class Believed:
    """What claims about open values come to.

    Attributes:
        prob: float64 [M]: probability that the value of each claim is the true one.
        accuracy: float64 [S].
        steps: iterations made.
    """

    prob: Tensor
    accuracy: Tensor
    steps: int


def accu(
    claims: Claims,
    *,
    wrong: int = 10,
    start: float = 0.8,
    smoothing: float = 1.0,
    steps: int = 50,
    tolerance: float = 1e-9,
) -> Believed:
    """Accuracies where each fact has its own values and codes need no table of all of them.

    Each fact has one true value and `wrong` false ones, which a source that errs says with equal chance; so two sources
    that agree are rarely both wrong. Values that nobody claims keep their part of the probability.

    Args:
        claims: about categories with any number of codes.
        wrong: number of false values of a fact.
        start: accuracy that is assumed at first.
        smoothing: pseudo-claims per source at that accuracy.
        steps: most iterations.
        tolerance: stops when no accuracy moves more.
    """
    cell, place = torch.unique(claims.cell, return_inverse=True)
    fact = torch.div(cell, claims.values, rounding_mode="floor")
    named = torch.bincount(fact, minlength=claims.facts)
    silent = (wrong + 1 - named).clamp_min(0).double()
    heard = added(claims.weight, claims.source, claims.sources)
    accuracy = torch.full((claims.sources,), start, dtype=torch.float64)
    prob, made = torch.zeros(len(cell), dtype=torch.float64), 0
    for _ in range(steps):
        made += 1
        safe = accuracy.clamp(1e-6, 1 - 1e-6)
        score = (wrong * safe / (1 - safe)).log()
        votes = added(claims.weight * score[claims.source], place, len(cell))
        largest = torch.zeros(claims.facts, dtype=torch.float64).scatter_reduce_(0, fact, votes, "amax")
        raised = (votes - largest[fact]).exp()
        total = added(raised, fact, claims.facts) + silent * (-largest).exp()
        prob = raised / total[fact]
        right = added(claims.weight * prob[place], claims.source, claims.sources)
        new = (right + smoothing * start) / (heard + smoothing).clamp_min(1e-300)
        moved = float((new - accuracy).abs().max())
        accuracy = new
        if moved < tolerance:
            break
    return Believed(prob[place], accuracy, made)


@dataclass(frozen=True)
class Estimate:
    """Numbers combined by precision.

    Attributes:
        value: float64 [F], NaN without claims.
        variance: float64 [F] of the value, infinite without claims.
        scale: float64 [S], variance of each source's claims.
        bias: float64 [S], how much each source is above the others.
        steps: iterations made.
    """

    value: Tensor
    variance: Tensor
    scale: Tensor
    bias: Tensor
    steps: int


def inverse_variance(
    claims: Measurements,
    scale: Tensor | None = None,
    *,
    biased: bool = False,
    smoothing: float = 1.0,
    steps: int = 100,
    tolerance: float = 1e-9,
) -> Estimate:
    """Weights 1 / variance, the best linear unbiased estimate; variances are learned unless given.

    A learned variance is the sum of a source's squared residuals over its number of free ones: each claim counts 1
    minus its own pull on the estimate (restricted maximum likelihood; Patterson and Thompson 1971), so that a claim
    nobody else comments on tells nothing. A claim's weight divides its variance.

    Args:
        claims: about numbers.
        scale: variance of each source, [S], above 0.
        biased: learn a constant offset per source too, with mean 0 over the sources, weighted by their claims.
        smoothing: pseudo-claims per source with the geometric mean of the variances.
        steps: most iterations.
        tolerance: stops when no variance moves more, relative.

    Raises:
        ValueError: a given variance is not above 0.
    """
    heard = added(claims.weight, claims.source, claims.sources)
    bias = torch.zeros(claims.sources, dtype=torch.float64)
    if scale is not None:
        if len(scale) != claims.sources or not bool((scale > 0).all()):
            raise ValueError(f"{claims.sources} variances above 0 are needed, got {scale.tolist()}")
        value, variance = _combined(claims, scale.double(), bias)
        return Estimate(value, variance, scale.double(), bias, 0)
    counts = added((claims.weight > 0).double(), claims.source, claims.sources)
    typical = float(_spread(claims, False))
    found, made = torch.full((claims.sources,), typical, dtype=torch.float64), 0
    value, variance = _combined(claims, found, bias)
    for _ in range(steps):
        made += 1
        residual = (claims.value - value[claims.fact]).nan_to_num(0.0)
        if biased:
            bias = added(claims.weight * residual, claims.source, claims.sources) / heard.clamp_min(1e-300)
            bias = bias - (bias * heard).sum() / heard.sum().clamp_min(1e-300)
            residual = residual - bias[claims.source]
        squares = added(claims.weight * residual.square(), claims.source, claims.sources)
        pull = claims.weight / found[claims.source] * torch.where(claims.weight > 0, variance[claims.fact], 0.0)
        free = counts - added(pull, claims.source, claims.sources)
        average = float(squares.sum()) / max(float(free.sum()), 1e-9)
        usual = float(found[counts > 0].log().mean().exp()) if bool((counts > 0).any()) else typical
        new = (squares + smoothing * usual) / (free + smoothing).clamp_min(1e-300)
        new = new.clamp_min(max(SMALLEST * average, 1e-300))
        moved = float(((new - found) / found).abs().max())
        found = new
        value, variance = _combined(claims, found, bias)
        if moved < tolerance:
            break
    return Estimate(value, variance, found, bias, made)


def _combined(claims: Measurements, scale: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    precision = claims.weight / scale[claims.source]
    total = added(precision, claims.fact, claims.facts)
    moved = Measurements(
        claims.fact, claims.source, claims.value - bias[claims.source], precision, claims.facts, claims.sources
    )
    return weighted_mean(moved), 1 / total
