"""Blend: the middle of what several fusions say, for when nothing shows which of them is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, Fusion, InputError, Labels, Scores, Target, Values, Weights
from ..ops.simplex import positive
from . import inner
from .answers import answer_of, of_classes, of_scores


@dataclass(frozen=True)
class Blend:
    """A logarithmic pool of fusions, all trusted alike; Heskes 1998.

    Each fusion gives one answer, softened where it may be; the target is their geometric mean, scaled to sum to 1
    (labels: the mean of the logits; values: the mean, with the scale that the mixture of them has). It is formed at the
    temperature of the asking term.

    Args:
        fusions: at least two, none of which follows training (`needs` within labels and source).

    Raises:
        InputError: fewer than two fusions, or one that follows training.
    """

    name = "blend"
    gives = "target"
    source = "heskes1998"
    fusions: tuple[Fusion, ...]

    def __post_init__(self) -> None:
        strange = [f"{fusion.name} ({inner.moving(fusion)})" for fusion in self.fusions if inner.moving(fusion)]
        if len(self.fusions) < 2 or strange:
            raise InputError(
                "a blend needs at least two fusions that do not follow training, got "
                f"{', '.join(strange) or [fusion.name for fusion in self.fusions]}"
            )

    @property
    def needs(self) -> frozenset[str]:
        """Whatever one of them needs."""
        return frozenset().union(*(fusion.needs for fusion in self.fusions))

    @property
    def invariants(self) -> frozenset[str]:
        """What all of them satisfy, but for `convex`."""
        return INVARIANTS.intersection(*(fusion.invariants for fusion in self.fusions)) - {"convex"}

    @property
    def fitted(self) -> bool:
        """Whether all that have to be fitted are."""
        return all(inner.is_fitted(fusion) for fusion in self.fusions)

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Blend:
        """The same, those fitted that have to be, on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        return replace(self, fusions=tuple(inner.fitted(one, signals, target, labelled) for one in self.fusions))

    def bound(self, names: Sequence[str]) -> Blend:
        """The same with what its fusions hold by name in the order of these teachers."""
        return replace(self, fusions=tuple(inner.bound(fusion, names) for fusion in self.fusions))

    def taking(self, teachers: Sequence[int]) -> Blend:
        """The same for these teachers only, in this order."""
        return replace(self, fusions=tuple(inner.taking(fusion, teachers) for fusion in self.fusions))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows."""
        at = context.temperature
        results = [fusion(signals, context) for fusion in self.fusions]
        answers = [answer_of(result, signals, at) for result in results]
        acted = _acted(results, signals.valid.any(0))
        if isinstance(signals, Values):
            return Target(_middle(answers), acted=acted)
        soft = [at if isinstance(result, Target) and result.temperature is None else 1.0 for result in results]
        if isinstance(signals, Labels):
            logits = torch.stack([one.logits / t for one, t in zip(answers, soft, strict=True)]).mean(0)
            first = answers[0]
            return Target(Labels.of(logits, valid=first.valid, coverage=first.coverage), at, acted)
        logs = torch.stack([positive(one.probs(t)).log() for one, t in zip(answers, soft, strict=True)]).mean(0)
        if isinstance(signals, Scores):
            return Target(of_scores(logs.softmax(-1), signals), at, acted)
        return Target(of_classes(logs.softmax(-1) * answers[0].coverage, signals), at, acted)


def _acted(results: Sequence[Weights | Target], valid: Tensor) -> Tensor:
    """Where all of them had something to say."""
    known = [result.acted for result in results if result.acted is not None]
    return torch.stack([valid, *known]).all(0)


def _middle(answers: Sequence[Values]) -> Values:
    first, mean = answers[0], torch.stack([answer.mean for answer in answers]).mean(0)
    scales = [answer.scale for answer in answers if answer.scale is not None]
    if len(scales) < len(answers):
        return Values.of(mean, valid=first.valid, coverage=first.coverage)
    spread = torch.stack([scale.square() for scale in scales]).mean(0)
    between = torch.stack([(answer.mean - mean).square() for answer in answers]).mean(0)
    return Values.of(mean, (spread + between).sqrt(), valid=first.valid, coverage=first.coverage)
