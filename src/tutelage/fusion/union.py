"""Union of label spaces: one answer over all classes out of teachers who know some of them each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core import FLOOR, Classes, Context, Target
from ..ops.union import union
from .answers import of_classes, refusal
from .trust import Trust, checked, expanded, ordered, taken


@dataclass(frozen=True)
class Union:
    """One answer over all classes: the t with least sum_k w_k CE(p_k, t | L_k); Vongkulbhisal et al. 2019.

    t | L_k is t restricted to the classes L_k that teacher k knows and scaled to sum to 1 there. What teachers say
    about the classes they share decides how much mass each one's own classes get: with p(a) = p(b) from one teacher
    and p(b) = p(c) from another, t is uniform, where averaging gives b too much. The problem is convex in the logits
    of t and solved exactly, row by row (see `tutelage.ops.union`). Where all teachers know the same classes this is
    the mean. Groups of classes that no teacher connects get mass in proportion to their numbers of classes. The target
    is formed at the temperature T of the asking term; probabilities are not below a floor.

    Args:
        weights: strength of each teacher, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: bad weights; (when called) answers that are no classes.
    """

    name = "union"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent", "single", "duplicate"})
    source = "vongkulbhisal2019"
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "Union")

    def bound(self, names: Sequence[str]) -> Union:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "Union"))

    def taking(self, teachers: Sequence[int]) -> Union:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "Union"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows over all classes that a teacher knows, formed at `context.temperature`."""
        if not isinstance(signals, Classes):
            raise refusal(
                self.name, signals, "its entries stand by themselves, so that nothing has to be united", "Mean"
            )
        trust = expanded(self.weights, signals, "Union") * signals.valid
        mass = union(signals.probs(context.temperature), signals.coverage, trust, FLOOR)
        return Target(of_classes(mass, signals), context.temperature)
