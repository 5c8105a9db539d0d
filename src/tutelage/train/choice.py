"""What was decided about the fusion, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..core import Fusion

How = Literal["asked", "default", "picked", "blended", "declined"]


@dataclass(frozen=True)
class Tried:
    """One candidate on held-out rows.

    Attributes:
        name: of the fusion, `labels only`, or `only NAME` for a single teacher.
        error: mean over the rows: share of mistakes, or for numbers and rankings the loss.
        loss: mean cross-entropy, or squared error.
        gain: mean paired difference of the error to the default; above 0 this candidate is better.
        standard_error: of `gain`.
    """

    name: str
    error: float
    loss: float
    gain: float
    standard_error: float

    @property
    def z(self) -> float:
        """How many standard errors it is better."""
        return self.gain / max(self.standard_error, 1e-12)


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
