"""Distillation: teachers, a fusion, an objective and a task, joined into `loss(student, batch)`.

A batch takes the same way under every plan:

    signals (stored or live) -> calibration -> fusion -> statistics -> per-item losses -> one reduction

Under plan 1 everything up to the statistics has been computed before training (`prepared`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..core import (
    Batch,
    Context,
    Fusion,
    InputError,
    Outer,
    Renewable,
    Signals,
    SignalSource,
    Step,
    Target,
    Task,
    Weights,
)
from . import calibration as calibrating
from . import closed, joining
from . import hints as hinting
from .calibration import AsIs, Calibration
from .fusing import beside, fuse, seen
from .hints import Hint
from .means import Means, kept_means
from .mixtures import Mixer
from .objective import Loss, Objective, Part, assemble, heeded, squares
from .parts import balanced, gathered, pieces_of
from .planner import Plan, choose
from .statistics import Mixture


@dataclass(frozen=True)
class Distillation:
    """Everything a training loop needs besides the student; no nn.Module on purpose.

    Args:
        source: where signals come from; see `Memory`, `Live` and the store.
        fusion: how teachers are combined; a fusion that has to be fitted must be fitted.
        objective: what is compared, and how strongly.
        task: answer space and hard loss.
        calibrations: one per teacher; as they are, unless given.
        means: statistics computed beforehand, see `prepared`.
        heldout: row numbers that the fusion was fitted on, for fusions that look at the student there.
        generator: source of chance for fusions that need it.
        hints: comparisons of features, beside the objective; see `Hint`.

    Raises:
        InputError: names, spaces, needs or shares do not fit together.
    """

    source: SignalSource
    fusion: Fusion
    objective: Objective
    task: Task
    calibrations: tuple[Calibration, ...] = ()
    means: Means | None = None
    heldout: Tensor | None = None
    generator: torch.Generator | None = field(default=None, repr=False)
    hints: tuple[Hint, ...] = ()

    def __post_init__(self) -> None:
        if not self.calibrations:
            object.__setattr__(self, "calibrations", tuple(AsIs() for _ in self.source.names))
        object.__setattr__(self, "fusion", joining.named(self.fusion, self.source.names))
        joining.check(self.source.names, self.calibrations, self.fusion, self.objective, self.task)
        hinting.check(self.hints, (term.name for term in self.objective.terms))

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.source.names

    @property
    def plan(self) -> Plan:
        """Which plan runs, and why."""
        return choose(self.fusion, self.objective, live=self.source.live)

    @property
    def trainable(self) -> nn.ModuleDict:
        """Parts that the student's optimiser trains along (adapters, discriminators), by name; never a teacher.

        A fusion that learns in steps of its own (`Outer`) is not among them.
        """
        asked = (*(() if isinstance(self.fusion, Outer) else (self.fusion,)), *self.objective.terms)
        parts = {part.name: part for part in asked if isinstance(part, nn.Module)}
        hinted = {hint.name: hint.parts for hint in self.hints if hint.parts}
        return nn.ModuleDict(parts | ({"hints": nn.ModuleDict(hinted)} if hinted else {}))

    def sized(self, student: nn.Module, batch: Batch) -> Distillation:
        """The same with fresh adapters for the features of this student; the same where no hint needs one.

        Call it before `attach` and the optimiser; `fit` does. The student runs once, and stays as it is.

        Args:
            student: whose layers the hints name.
            batch: a few rows that the teachers of the hints know, on the student's device.
        """
        if not self.hints or any(hint.parts is not None for hint in self.hints):
            return self
        return replace(self, hints=hinting.sized(self.hints, student, self.task, batch))

    def attach(self, student: nn.Module) -> nn.ModuleDict:
        """Student and trainable parts as one module, for loops that optimise one module."""
        return nn.ModuleDict({"student": student, "trainable": self.trainable})

    @staticmethod
    def detach(module: nn.ModuleDict) -> nn.Module:
        """The bare student out of what `attach` returned."""
        return module["student"]

    def check_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Raises InputError when a trainable part is missing from the optimiser."""
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        lost = [name for name, p in self.trainable.named_parameters() if p.requires_grad and id(p) not in known]
        if lost:
            raise InputError(
                f"the optimiser does not know {lost}, which would never learn: optimise the parameters of "
                "distillation.attach(student)"
            )

    def signals(self, row: Tensor, view: Tensor | None = None) -> Signals:
        """Calibrated signals about these rows, on the CPU."""
        row = row.cpu()
        found = self.source.gather(row, torch.zeros_like(row) if view is None else view.cpu())
        return calibrating.apply(self.calibrations, found)

    def fuse(self, signals: Any, context: Context) -> Weights | Target:
        """What the fusion decides about stacked answers."""
        return fuse(self.fusion, signals, context, self.generator)

    def loss(
        self,
        student: nn.Module,
        batch: Batch,
        at: Step | None = None,
        counts: Mapping[str, Tensor] | None = None,
    ) -> Loss:
        """The loss of a batch.

        Args:
            student: the model being trained; called once, by the task.
            batch: rows of any device; the loss is on the same device.
            at: where training stands, for schedules and fusions that need it.
            counts: sums of `counts` over the micro-batches or processes of one optimiser step, so that
                their losses add up to the loss of the whole.
        """
        at = Step() if at is None else at
        parts = {} if self.objective.l2 == 0.0 else {"l2": squares(student, self.objective.l2)}
        if not self.hints:
            return self.loss_of(self.task.answer(student, batch), batch, at, counts, parts)
        answer, features = hinting.heard(student, self.hints, self.task, batch)
        found = self.loss_of(answer, batch, at, counts, parts)
        for hint in self.hints:
            found = found.plus(hint.of(features[hint.layer], batch, at), counts)
        return found

    def loss_of(
        self,
        answer: Any,
        batch: Batch,
        at: Step,
        counts: Mapping[str, Tensor] | None = None,
        extra: Mapping[str, Part] | None = None,
        apart: bool = False,
    ) -> Loss:
        """The loss of answers already at hand; `extra` parts are added as they are.

        Args:
            answer: the student's, of the task's space.
            batch: rows with their labels; inputs may be empty.
            at: see `loss`.
            counts: see `loss`.
            extra: more parts by name.
            apart: whether each part has to carry a gradient of its own; else only the total is sure to.

        Raises:
            InputError: an extra part carries no gradient although the answers do: it would never be learnt.
        """
        heeded(extra or {}, answer)
        share = self.objective.share(at) if self.objective.terms else 0.0
        mixture = self.mixture(batch, at, answer) if share > 0.0 else None
        known = (None, None) if mixture is None else (mixture.acted, mixture.weights)

        def general(answer: Any) -> Loss:
            pieces = pieces_of(self.objective, self.task, answer, batch, at, mixture)
            return assemble(gathered(balanced(self.objective.balance, pieces, answer, at, counts)), counts, *known)

        if apart or not closed.is_closed(self.objective, self.task, answer, mixture):
            found = general(answer)
        else:
            found = closed.loss_of(
                self.objective, self.task, answer, batch, mixture, at, counts, lambda own: general(own).total
            )
        return found if not extra else found.plus(extra, counts)

    def counts(self, batch: Batch, at: Step | None = None) -> dict[str, Tensor]:
        """What the parts of the loss of this batch are divided by; needs no student."""
        at = Step() if at is None else at
        weight = batch.weight.view(-1, *[1] * (batch.labelled.dim() - 1))
        found = {"hard": (weight * batch.labelled).sum()}
        if self.objective.terms and self.objective.share(at) > 0:
            taught = (weight * self._taught(batch, at)).sum()
            found |= {term.name: taught for term in self.objective.terms}
        if self.objective.l2 > 0:
            found["l2"] = torch.ones((), device=batch.row.device)
        for hint in self.hints:
            found |= hint.counts(batch)
        return found

    def renewed(self, answer: Any) -> Distillation:
        """The same after the fusion saw the student's answers about its held-out rows; once per epoch."""
        if not isinstance(self.fusion, Renewable):
            return self
        return replace(self, fusion=self.fusion.renewed(answer))

    def prepared(self, batches: Iterable[Batch]) -> Distillation:
        """The same with plan 1's statistics computed for these rows; unchanged under other plans.

        With signals from a store they are kept beside it, where the next training that needs the same finds them.

        Args:
            batches: rows with their labels; inputs may be empty.
        """
        if self.plan.number != 1 or not self.objective.terms:
            return self
        parts = [repr(self.fusion), repr(self.objective), *(repr(c.to_json()) for c in self.calibrations)]
        return replace(
            self, means=kept_means(self.source, parts, list(batches), lambda b: self._mixture(b, Step(), None))
        )

    def explain(self, batch: Batch, at: Step | None = None) -> Weights | Target:
        """What the fusion decides about a batch, at temperature 1 and without a student."""
        at = Step() if at is None else at
        context = Context(at, 1.0, batch.row, batch.target, batch.labelled)
        return self.fuse(self.signals(batch.row, batch.view).stacked(), context)

    def _taught(self, batch: Batch, at: Step) -> Tensor:
        if self.means is not None:
            return self.means.gather(batch.row, batch.view).taught().to(batch.row.device)
        found, _, context = self._heard(batch, at, None)
        signals = calibrating.apply(self.calibrations, found).stacked()
        if self.fusion.gives == "weights":
            return signals.valid.any(0).to(batch.row.device)
        fused = self.fuse(signals, context)
        assert isinstance(fused, Target)
        return fused.answer.valid.to(batch.row.device)

    def _mixture(self, batch: Batch, at: Step, student: Any) -> Mixture:
        mixer = Mixer(self.calibrations, self.fusion, self.objective, self.generator)
        return mixer.mixture(*self._heard(batch, at, student))

    def _heard(self, batch: Batch, at: Step, student: Any) -> tuple[Signals, Tensor, Context]:
        """Uncalibrated signals, views and context of a batch, all where they are mixed; see `beside`."""
        row, view = batch.row.cpu(), batch.view.cpu()
        signals = beside(self.fusion, self.source.gather(row, view))
        there = signals.device
        known = seen(self.fusion, student, there)
        context = Context(at, 1.0, row.to(there), batch.target.to(there), batch.labelled.to(there), known)
        return signals, view.to(there), context

    def mixture(self, batch: Batch, at: Step, answer: Any) -> Mixture:
        """What the terms need to know of the teachers, prepared or computed now, on the device of the batch.

        Args:
            batch: rows with their labels; inputs may be empty.
            at: where training stands.
            answer: the student's, for fusions that look at it; None where none does.
        """
        known = self._mixture(batch, at, answer) if self.means is None else self.means.gather(batch.row, batch.view)
        return known.to(batch.row.device)
