"""Objective: which terms, how strong, and the only reduction of the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..core import InputError, Step, Term
from ..ops.schedules import Schedule, schedule
from .balance import Balance


@dataclass(frozen=True)
class Objective:
    """(1 - soft) times the hard loss plus soft times the weighted sum of the terms.

    Args:
        terms: what is compared with the teachers.
        weights: strength of each term; equal to 1 unless given.
        soft: share of the soft loss in [0, 1]; a number or a schedule. A row on which every teacher
            abstains gets hard share 1.
        coverage: `restricted` (the student is renormalised on the classes a teacher knows) or
            `closed` (a teacher says "probability 0" about classes it does not know).
        l2: strength of the exact term l2 * sum of squared parameters, added by the training loop and
            shown apart (its gradient is 2 * l2 * parameter); not the decoupled decay of AdamW.
        balance: decides at every step, from their gradients, how strong labels and terms pull; see `MGDA`.
    """

    terms: tuple[Term, ...]
    weights: tuple[float, ...] = ()
    soft: float | Schedule = 0.9
    coverage: str = "restricted"
    l2: float = 0.0
    balance: Balance | None = None

    def __post_init__(self) -> None:
        if not self.weights:
            object.__setattr__(self, "weights", (1.0,) * len(self.terms))
        if len(self.weights) != len(self.terms):
            raise InputError(f"{len(self.terms)} terms need as many weights, got {len(self.weights)}")
        names = [term.name for term in self.terms]
        if len(set(names)) != len(names) or "hard" in names or "l2" in names:
            raise InputError(f"terms need different names, and not those of other parts (hard, l2), got {names}")
        if any(weight < 0 for weight in self.weights):
            raise InputError(f"weights of terms must not be negative, got {self.weights}")
        if self.coverage not in ("restricted", "closed"):
            raise InputError(
                f"coverage policy {self.coverage!r} is not known: restricted, closed (for `union` solve one "
                "target first, with a fusion that returns a Target over all classes)"
            )
        if self.coverage == "closed":
            for term in self.terms:
                if not term.closed:
                    raise InputError(
                        f"{term.name} does not compare probability mass, so classes off a teacher's coverage cannot "
                        "count as probability 0: use coverage='restricted'"
                    )
        if self.l2 < 0:
            raise InputError(f"l2 must not be negative, got {self.l2}")
        schedule(self.soft, "soft share", 0.0, 1.0)
        for term in self.terms:
            schedule(term.temperature, f"temperature of {term.name}", 1e-3)

    def share(self, at: Step) -> float:
        """The soft share at this moment."""
        return schedule(self.soft, "soft share", 0.0, 1.0).at(at)

    def shares(self, at: Step) -> tuple[float, float]:
        """What a taught row loses of its hard loss, and what its terms get."""
        share = self.share(at)
        return (0.0, 1.0) if self.balance is not None and self.balance.whole else (share, share)

    @property
    def apart(self) -> bool:
        """Whether the balance looks at every teacher by itself."""
        return self.balance is not None and self.balance.apart

    def temperatures(self, at: Step) -> tuple[float, ...]:
        """The temperature of each term at this moment."""
        return tuple(schedule(term.temperature, f"temperature of {term.name}", 1e-3).at(at) for term in self.terms)


@dataclass(frozen=True)
class Part:
    """One part of a loss: a weighted sum and the weight it has to be divided by.

    Attributes:
        total: scalar tensor, sum of weight * valid * loss.
        count: scalar tensor, sum of weight * valid.
        factor: share or strength with which the mean enters the loss.
    """

    total: Tensor
    count: Tensor
    factor: float = 1.0

    def mean(self, count: Tensor | None = None) -> Tensor:
        """total / count; exactly 0, with zero gradient, when nothing was valid."""
        return self.total * per_unit(1.0, self.count if count is None else count, self.total)

    def value(self, count: Tensor | None = None) -> Tensor:
        """factor * total / count: what the part adds to the loss."""
        return self.total * per_unit(self.factor, self.count if count is None else count, self.total)


def per_unit(factor: float, count: Tensor, like: Tensor) -> Tensor | float:
    """factor / count: what one more unit of a part's total adds to the loss; 0 where nothing counts.

    A number on the CPU, where it is at hand for nothing, else a tensor like the other one.
    """
    if count.dim() == 0 and count.device.type == "cpu" and not torch.compiler.is_compiling():
        whole = count.item()
        return factor / whole if whole > 0.0 else 0.0
    whole = count.to(like)
    return torch.where(whole > 0.0, factor / whole, 0.0)


@dataclass(frozen=True)
class Loss:
    """The loss of a batch, whole and in parts.

    Attributes:
        total: scalar tensor to call `backward` on.
        parts: `hard` and one entry per term, with sums and counts kept apart.
        values: what each part adds to the total.
        acted: bool [*items], where the fusion rule had something to say; None without teachers.
        weights: trust per teacher, [T, *items], where the fusion gives weights.
    """

    total: Tensor
    parts: Mapping[str, Part]
    values: Mapping[str, Tensor]
    acted: Tensor | None = field(default=None, repr=False)
    weights: Tensor | None = field(default=None, repr=False)

    def backward(self) -> None:
        """`total.backward()`."""
        self.total.backward()

    def item(self) -> float:
        """The loss as a number."""
        return float(self.total.detach())

    def plus(self, parts: Mapping[str, Part], counts: Mapping[str, Tensor] | None = None) -> Loss:
        """With more parts added."""
        values = {name: part.value(None if counts is None else counts[name]) for name, part in parts.items()}
        total = sum(values.values(), self.total)
        return replace(self, total=total, parts={**self.parts, **parts}, values={**self.values, **values})


def reduce(losses: Tensor, weight: Tensor, valid: Tensor, factor: float = 1.0, kept: Tensor | None = None) -> Part:
    """The only reduction: sum of weight * valid * loss, and sum of weight * valid.

    Args:
        losses: [*items].
        weight: row weights [B].
        valid: bool or share in [0, 1], [*items].
        factor: see `Part`.
        kept: share of each loss that counts in the sum, though the weight counts whole, [*items].
    """
    finite, trust = trusted(losses, weight, valid)
    counted = (trust if kept is None else trust * kept).to(losses.dtype)
    return Part(torch.dot(finite.flatten(), counted.flatten()), trust.sum(), factor)


def trusted(losses: Tensor, weight: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The losses, 0 where nobody counts them, and how much each counts: weight * valid, both [*items]."""
    trust = (weight if losses.dim() == 1 else weight.view(-1, *[1] * (losses.dim() - 1))) * valid
    return losses.masked_fill(trust <= 0, 0.0), trust


def assemble(
    parts: Mapping[str, Part],
    counts: Mapping[str, Tensor] | None = None,
    acted: Tensor | None = None,
    weights: Tensor | None = None,
) -> Loss:
    """The loss from its parts; `counts` of a larger group replace the batch's own."""
    values = {name: part.value(None if counts is None else counts[name]) for name, part in parts.items()}
    first, *others = values.values()
    return Loss(sum(others, first), parts, values, acted, weights)


def add_counts(counts: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Counts of several micro-batches or processes, added part by part."""
    total: dict[str, Tensor] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total[name] + count if name in total else count
    return total


def squares(student: nn.Module, strength: float) -> Part:
    """lambda times the sum of squared parameters; one unit per optimiser step."""
    found = [p.square().sum() for p in student.parameters() if p.requires_grad]
    total = torch.stack(found).sum()
    return Part(total, torch.ones_like(total), strength)


def heeded(extra: Mapping[str, Part], answer: Any) -> None:
    """Raises InputError when a part computed elsewhere carries no gradient although the student's answer does."""
    hears = any(value.requires_grad for value in answer.to_arrays().values()) if extra else False
    dead = [name for name, part in extra.items() if hears and not part.total.requires_grad]
    if dead:
        raise InputError(
            f"extra parts {dead} carry no gradient, so the student would never learn them: compute them from its "
            "own tensors, without .item(), .detach() or torch.tensor(...)"
        )
