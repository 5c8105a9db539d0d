"""What was decided about the fusion, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..core import Fusion

NOTICEABLE = 0.005
"""Nats a row; where all students are right, a smaller difference may well be beyond chance and means nothing."""
How = Literal["asked", "default", "picked", "blended", "declined"]


@dataclass(frozen=True)
class Tried:
    """One candidate on held-out rows.

    Attributes:
        name: of the fusion, `labels only`, or `only NAME` for a single teacher.
        error: mean over the rows: share of mistakes, or for numbers and rankings the loss.
        loss: mean cross-entropy at the one temperature that suits it, or squared error.
        gain: mean paired difference of the error to the default; above 0 this candidate is better.
        standard_error: of `gain`.
        loss_gain: the same of the loss.
        loss_error: of `loss_gain`.
    """

    name: str
    error: float
    loss: float
    gain: float
    standard_error: float
    loss_gain: float = 0.0
    loss_error: float = 0.0

    @property
    def z(self) -> float:
        """By how many standard errors it makes fewer mistakes."""
        return self.gain / max(self.standard_error, 1e-12)

    @property
    def z_loss(self) -> float:
        """By how many standard errors its loss is less."""
        return self.loss_gain / max(self.loss_error, 1e-12)

    def better(self, sure: float) -> bool:
        """Whether it makes fewer mistakes beyond chance, or no more of them and noticeably less loss beyond chance."""
        return self.z >= sure or (self.z_loss >= sure and self.loss_gain >= NOTICEABLE and self.gain >= 0)


@dataclass(frozen=True)
class Choice:
    """The fusion that a run takes.

    Attributes:
        fusion: concrete; fitted later, where it has to be.
        how: `asked` for by the user; the `default`, since nothing better was shown; `picked` or `blended` on
            held-out rows; `declined`: learning from labels alone was better, so the student does.
        why: in plain words.
        tried: the candidates, as they came out.
        rows: held-out rows they were judged on.
        judged: `students` trained on each candidate, their `ensembles`, or `nothing`.
    """

    fusion: Fusion
    how: How
    why: str
    tried: tuple[Tried, ...] = ()
    rows: int = 0
    judged: Literal["students", "ensembles", "nothing"] = "nothing"

    def to_json(self) -> dict[str, Any]:
        """For the record of a run."""
        return {
            "fusion": self.fusion.name,
            "how": self.how,
            "why": self.why,
            "rows": self.rows,
            "judged": self.judged,
            "tried": [vars(one) for one in self.tried],
        }
