"""Pseudo-labels: the class that a fusion thinks best, as a hard label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Classes, Context, Fusion, InputError, Labels, Target
from . import inner
from .answers import answer_of, refusal
from .mean import Mean


@dataclass(frozen=True)
class PseudoLabels:
    """What another fusion decides, without how sure it is; Lee 2013.

    Classes: the likeliest one has probability 1. Labels: those likelier than not have probability 1, the others 0. This
    is what one does without soft targets, and the row beside them in a report. Nothing softens the target, so that the
    student is compared at temperature 1.

    Args:
        of: the fusion whose answers become hard; `needs` within labels and source.

    Raises:
        InputError: that fusion follows training; (when called) values or scores, which have no hard form.
    """

    name = "pseudo_labels"
    gives = "target"
    source = "lee2013"
    of: Fusion = field(default_factory=Mean)

    def __post_init__(self) -> None:
        if inner.moving(self.of):
            raise InputError(
                f"pseudo-labels are made before training, and fusion {self.of.name!r} follows it "
                f"({inner.moving(self.of)}): use one that does not, such as the mean"
            )

    @property
    def needs(self) -> frozenset[str]:
        """Those of the other fusion."""
        return self.of.needs

    @property
    def invariants(self) -> frozenset[str]:
        """Those of the other fusion, but for what a hard answer cannot keep."""
        return self.of.invariants - {"convex", "single", "duplicate"}

    @property
    def fitted(self) -> bool:
        """Whether the other fusion is."""
        return inner.is_fitted(self.of)

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> PseudoLabels:
        """The same, the other fusion fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        return replace(self, of=inner.fitted(self.of, signals, target, labelled))

    def bound(self, names: Sequence[str]) -> PseudoLabels:
        """The same with what the other fusion holds by name in the order of these teachers."""
        return replace(self, of=inner.bound(self.of, names))

    def taking(self, teachers: Sequence[int]) -> PseudoLabels:
        """The same for these teachers only, in this order."""
        return replace(self, of=inner.taking(self.of, teachers))

    def __call__(self, signals: Any, context: Context) -> Target:
        """Hard answers about the B rows, at temperature 1."""
        if not isinstance(signals, Classes | Labels):
            raise refusal(self.name, signals, "they have no hard form", "the fusion itself")
        result = self.of(signals, context)
        answer = answer_of(result, signals)
        if isinstance(answer, Labels):
            hard = (answer.logits > 0).to(answer.logits)
            made: Any = Labels.from_probs(hard, valid=answer.valid, coverage=answer.coverage)
        else:
            best = answer.scores.masked_fill(~answer.coverage, -torch.inf).argmax(-1)
            hard = torch.nn.functional.one_hot(best, answer.scores.shape[-1]).to(answer.scores)
            made = Classes.from_probs(hard, valid=answer.valid, coverage=answer.coverage)
        return Target(made, 1.0, result.acted)
