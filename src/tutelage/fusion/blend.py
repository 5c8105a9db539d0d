"""Blend: the middle of what several fusions say, for when nothing shows which of them is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, Fittable, Fusion, InputError, Labels, Scores, Target, Values, Weights
from ..ops.simplex import positive
from .answers import answer_of, of_classes, of_scores
from .trust import PerTeacher

STEADY = frozenset({"labels", "source"})


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
        moving = [f"{fusion.name} ({', '.join(sorted(fusion.needs - STEADY))})" for fusion in self.fusions
                  if fusion.needs - STEADY]  # fmt: skip
        if len(self.fusions) < 2 or moving:
            raise InputError(
                "a blend needs at least two fusions that do not follow training, got "
                f"{', '.join(moving) or [fusion.name for fusion in self.fusions]}"
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
        return all(fusion.fitted for fusion in self.fusions if isinstance(fusion, Fittable))

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Blend:
        """The same, those fitted that have to be, on out-of-fold answers (stacked, [T, N, ...]) and their labels."""

        def fitted(fusion: Fusion) -> Fusion:
            if isinstance(fusion, Fittable) and not fusion.fitted:
                return fusion.fit(signals, target, labelled)
            return fusion

        return replace(self, fusions=tuple(fitted(fusion) for fusion in self.fusions))

    def bound(self, names: Sequence[str]) -> Blend:
        """The same with what its fusions hold by name in the order of these teachers."""
        found = (fusion.bound(names) if isinstance(fusion, PerTeacher) else fusion for fusion in self.fusions)
        return replace(self, fusions=tuple(found))

    def taking(self, teachers: Sequence[int]) -> Blend:
        """The same for these teachers only, in this order."""
        found = (fusion.taking(teachers) if isinstance(fusion, PerTeacher) else fusion for fusion in self.fusions)
        return replace(self, fusions=tuple(found))

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
