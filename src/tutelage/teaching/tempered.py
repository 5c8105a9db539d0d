"""A term at a temperature that is learnt: the same number as at a fixed one, with a gradient for the temperature.

At temperature T a term compares answers divided by T and multiplies with T squared; so it is asked at temperature 1
about answers that have been divided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..core import Classes, Context, InputError, Labels, Term


@dataclass(frozen=True)
class Tempered:
    """A term of classes or labels at this temperature.

    Args:
        term: at whatever temperature.
        warmth: scalar tensor, the temperature, above 0; may want a gradient.

    Raises:
        InputError: the term compares answers that have no temperature.
    """

    term: Term
    warmth: Tensor
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.term.answers not in ("classes", "labels"):
            raise InputError(f"{self.term.name} compares {self.term.answers}, which have no temperature to be learnt")

    @property
    def name(self) -> str:
        """Of the term."""
        return self.term.name

    @property
    def source(self) -> str:
        """Of the term."""
        return self.term.source

    @property
    def linear(self) -> bool:
        """As the term."""
        return self.term.linear

    @property
    def needs(self) -> frozenset[str]:
        """As the term."""
        return self.term.needs

    @property
    def answers(self) -> str:
        """As the term."""
        return self.term.answers

    @property
    def closed(self) -> bool:
        """As the term."""
        return self.term.closed

    def statistic(self, answer: Any, temperature: float, context: Context) -> Tensor:
        """phi of the answers divided by the learnt temperature."""
        return self.term.statistic(self._divided(answer), temperature, context)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the term's."""
        return self.warmth.square() * self.term.energy(phi, temperature)

    def loss(self, student: Any, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """T^2 times the term's."""
        return self.warmth.square() * self.term.loss(self._divided(student), phi, coverage, temperature, context)

    def _divided(self, answer: Any) -> Any:
        if isinstance(answer, Classes):
            return replace(answer, scores=answer.scores / self.warmth)
        assert isinstance(answer, Labels)
        return replace(answer, logits=answer.logits / self.warmth)
