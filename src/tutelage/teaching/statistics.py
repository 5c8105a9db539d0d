"""Statistics: what the terms need to know of the teachers, per row.

One `Group` per distinct coverage: the mean statistic of the teachers that share it, and how much
trust they hold together. `Means` keeps the groups of many rows (plan 1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Context, InputError, Target, Term
from ..ops.mixing import mixed
from ..ops.simplex import normalised


@dataclass(frozen=True)
class Group:
    """The mean statistic of the teachers that share one coverage.

    Attributes:
        coverage: bool [C].
        phi: [B, ...], used as it is.
        mass: trust of the group, float [*items]; the groups' masses sum to 1 where a teacher is valid.
    """

    coverage: Tensor
    phi: Tensor
    mass: Tensor


@dataclass(frozen=True)
class TermPart:
    """What one term needs: its groups, the constant that makes the value literal, the temperature."""

    groups: tuple[Group, ...]
    gap: Tensor
    temperature: float

    def loss(self, term: Term, student: Any, context: Context) -> Tensor:
        """[*items]: the weighted sum of the teachers' losses."""
        total = self.gap
        for group in self.groups:
            items = term.loss(student, group.phi, group.coverage, self.temperature, context)
            total = total + group.mass * items
        return total


@dataclass(frozen=True)
class Mixture:
    """All that is known about some rows before the student speaks."""

    row: Tensor
    view: Tensor
    parts: tuple[TermPart, ...]
    acted: Tensor
    weights: Tensor | None

    def taught(self) -> Tensor:
        """bool [*items]: where at least one teacher says something."""
        return torch.stack([group.mass for group in self.parts[0].groups]).sum(0) > 0

    def map(self, change: Callable[[Tensor], Tensor]) -> Mixture:
        """The same with every row-wise tensor changed; coverages go through unchanged."""
        parts = tuple(
            replace(
                part,
                gap=change(part.gap),
                groups=tuple(replace(g, phi=change(g.phi), mass=change(g.mass)) for g in part.groups),
            )
            for part in self.parts
        )
        weights = None if self.weights is None else change(self.weights.transpose(0, 1)).transpose(0, 1)
        return Mixture(change(self.row), change(self.view), parts, change(self.acted), weights)

    def to(self, device: torch.device) -> Mixture:
        """The same on another device."""
        if self.row.device == device:
            return self
        parts = tuple(
            replace(part, groups=tuple(replace(g, coverage=g.coverage.to(device)) for g in part.groups))
            for part in self.parts
        )
        return replace(self, parts=parts).map(lambda tensor: tensor.to(device))


def against_target(term: Term, target: Target, temperature: float, context: Context, policy: str) -> TermPart:
    """The statistic of one fused answer."""
    answer = target.answer
    formed = target.temperature
    phi = term.statistic(answer, temperature if formed is None else 1.0, context)
    mass = answer.valid.to(phi.dtype)
    coverage = torch.ones_like(answer.coverage) if policy == "closed" else _shared_coverage(answer)
    group = Group(coverage, _silent(phi, answer.valid), mass)
    return TermPart((group,), torch.zeros_like(mass), temperature if formed is None else formed)


def against_weights(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str
) -> TermPart:
    """One mean statistic per distinct coverage, for linear terms (plans 1, 2 and 4)."""
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    weights = weights.to(phi.dtype)
    literal = mixed(term.energy(phi, temperature), weights)
    groups: list[Group] = []
    for coverage, members in _by_coverage(signals, policy):
        trust = weights[members]
        mass = trust.sum(0)
        mean = mixed(phi[members], normalised(trust, trust > 0))
        literal = literal - mass * term.energy(mean, temperature)
        groups.append(Group(coverage, mean, mass))
    return TermPart(tuple(groups), literal, temperature)


def against_teachers(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str
) -> TermPart:
    """One mean statistic per coverage for a linear term, one per teacher for any other (plan 3)."""
    if term.linear:
        return against_weights(term, signals, weights, temperature, context, policy)
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    groups = tuple(
        Group(coverage, phi[teacher], weights[teacher].to(phi.dtype))
        for coverage, members in _by_coverage(signals, policy)
        for teacher in members
    )
    return TermPart(groups, torch.zeros_like(groups[0].mass), temperature)


def _silent(phi: Tensor, valid: Tensor) -> Tensor:
    """Statistics of absent answers become 0, whatever the answer held."""
    mask = valid.view(*valid.shape, *[1] * (phi.dim() - valid.dim()))
    return torch.where(mask, phi, torch.zeros_like(phi))


def _shared_coverage(answer: Any) -> Tensor:
    """Answers valid entry by entry need no coverage beside; the others bring theirs."""
    return torch.ones_like(answer.coverage) if answer.valid.dim() == 2 else answer.coverage


def _by_coverage(signals: Any, policy: str) -> list[tuple[Tensor, list[int]]]:
    """Distinct coverages and the teachers that share each."""
    coverage: Tensor = signals.coverage
    everyone = list(range(coverage.shape[0]))
    if policy == "closed" or signals.valid.dim() == 3:
        return [(torch.ones_like(coverage[0]), everyone)]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for teacher in everyone:
        groups.setdefault(tuple(coverage[teacher].tolist()), []).append(teacher)
    return [(coverage[members[0]], members) for members in groups.values()]


@dataclass(frozen=True)
class Means:
    """The mixtures of many rows, found again by row number and view."""

    rows: Mixture
    position: Tensor

    @staticmethod
    def collect(mixtures: Iterable[Mixture]) -> Means:
        """One from many, in the given order."""
        found = list(mixtures)
        if not found:
            raise InputError("no rows to prepare: the feed gave no batch")
        rows = _concat(found)
        return Means(rows, _positions(rows.row, rows.view))

    def gather(self, row: Tensor, view: Tensor) -> Mixture:
        """The mixtures of these rows.

        Raises:
            InputError: a row was not prepared.
        """
        row, view = row.cpu(), view.cpu()
        inside = (row >= 0) & (row < self.position.shape[0]) & (view < self.position.shape[1])
        place = self.position[row.clamp(0, self.position.shape[0] - 1), view.clamp(0, self.position.shape[1] - 1)]
        lost = row[~inside | (place < 0)]
        if len(lost):
            raise InputError(
                f"{len(lost)} rows were not prepared (first {lost[:5].tolist()}): call distillation.prepared with all "
                "rows of the feed"
            )
        return self.rows.map(lambda tensor: tensor[place])

    def save(self, folder: Path) -> None:
        """Writes one array per statistic, to be mapped into memory by `load`."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: list[np.ndarray] = []
        self.rows.map(lambda tensor: (arrays.append(tensor.numpy()), tensor)[1])
        for number, array in enumerate(arrays):
            np.save(folder / f"{number:03d}.npy", array)
        shape = {
            "parts": [
                {"temperature": part.temperature, "coverage": [g.coverage.tolist() for g in part.groups]}
                for part in self.rows.parts
            ],
            "weights": self.rows.weights is not None,
        }
        (folder / "means.json").write_text(json.dumps(shape))

    @staticmethod
    def load(folder: Path) -> Means:
        """The means written by `save`, mapped into memory."""
        shape = json.loads((folder / "means.json").read_text())
        files = iter(sorted(folder.glob("*.npy")))

        def read() -> Tensor:
            return torch.from_numpy(np.load(next(files), mmap_mode="c"))

        parts: list[TermPart] = []
        for part in shape["parts"]:
            gap = read()
            groups = tuple(Group(torch.tensor(c, dtype=torch.bool), read(), read()) for c in part["coverage"])
            parts.append(TermPart(groups, gap, part["temperature"]))
        weights = read().transpose(0, 1) if shape["weights"] else None
        rows = Mixture(read(), read(), tuple(parts), read(), weights)
        return Means(rows, _positions(rows.row, rows.view))


def _concat(mixtures: list[Mixture]) -> Mixture:
    columns: list[list[Tensor]] = [[] for _ in mixtures]
    for mixture, column in zip(mixtures, columns, strict=True):
        mixture.map(lambda tensor, column=column: (column.append(tensor), tensor)[1])
    joined = iter([torch.cat(pieces) for pieces in zip(*columns, strict=True)])
    return mixtures[0].map(lambda _: next(joined))


def _positions(row: Tensor, view: Tensor) -> Tensor:
    position = torch.full((int(row.max()) + 1, int(view.max()) + 1), -1, dtype=torch.int64)
    position[row, view] = torch.arange(len(row))
    return position
