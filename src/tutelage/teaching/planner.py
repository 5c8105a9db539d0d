"""Planner: what has to be computed at each step, and why.

The weighted sum of per-teacher losses and the loss to one mean statistic have the same student
gradient when every term is linear in its statistic, the weights are detached, and the teachers that
are mixed share one coverage and one temperature. Then T teachers cost what one target costs, and when
the weights do not depend on training, that one target can be computed once.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core import Fusion
from ..ops.schedules import constant
from .objective import Objective

STILL = frozenset({"labels", "source"})


@dataclass(frozen=True)
class Plan:
    """Which of the four plans runs, and the reason in plain words.

    Attributes:
        number: 1 one stored target; 2 T stored signals mixed on the fly; 3 T stored signals and T
            terms; 4 live teachers.
        reason: why not a cheaper one.
    """

    number: int
    reason: str

    def __str__(self) -> str:
        return f"plan {self.number}: {self.reason}"


def choose(fusion: Fusion, objective: Objective, *, live: bool) -> Plan:
    """The cheapest plan that gives the literal loss."""
    bent = [term.name for term in objective.terms if not term.linear]
    moving = [term.name for term in objective.terms if not constant(term.temperature)]
    varying = sorted(fusion.needs - STILL)
    if not objective.terms:
        return Plan(1, "no teachers: labels only")
    if live:
        return Plan(4, "teachers answer at every step (a teacher is not frozen, or inputs are not replayable)")
    if objective.apart and fusion.gives == "weights" and objective.balance is not None:
        return Plan(3, f"balance {objective.balance.name!r} looks at every teacher by itself")
    if varying:
        why = f"fusion {fusion.name!r} looks at {', '.join(varying)}"
        if bent and fusion.gives == "weights":
            return Plan(3, f"{why}, and {', '.join(bent)} is not linear in a statistic of the teachers")
        return Plan(2, why)
    if fusion.gives == "target":
        if moving:
            return Plan(2, f"the temperature of {', '.join(moving)} changes during training")
        return Plan(1, f"fusion {fusion.name!r} gives one target per row that does not depend on training")
    if bent:
        return Plan(3, f"{', '.join(bent)} is not linear in a statistic of the teachers")
    if moving:
        return Plan(2, f"the temperature of {', '.join(moving)} changes during training")
    return Plan(1, "weights do not depend on training and every term is linear: one mean statistic per row and term")
