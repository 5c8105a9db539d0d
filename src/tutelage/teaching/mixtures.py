"""From the signals about a batch to what the terms need to know of them.

Answers about few classes are stacked and looked at together. Answers about many are never whole in one array
[T, B, C]: where the fusion only looks at who answers and the terms mix teacher by teacher, nothing is stacked at
all; else some rows are taken at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..core import Blind, Classes, Context, Fusion, Mixing, Signals, Target, Weights
from ..core.spaces.classes import is_everything
from ..ops.mixing import BLOCK, GROUP
from . import calibration as calibrating
from .calibration import AsIs, Calibration
from .fusing import fuse
from .objective import Objective
from .statistics import Mixture, TermPart, against_target, against_teachers, one_by_one

WIDE = 2**14
"""Numbers per teacher from which on teachers are mixed one by one, where that is possible."""
PIECE = 2**20
"""Numbers of all teachers together that are stacked at a time, above `MANY`."""
MANY = 2**22
"""Numbers of all teachers together from which on rows are taken in pieces."""
WIDE_ROW = 256
"""Items per row from which on only the mean trust in each teacher is remembered: it is for reports alone."""


@dataclass(frozen=True)
class Mixer:
    """The way from signals to mixtures.

    Attributes:
        calibrations: one per teacher.
        fusion: fitted.
        objective: terms, temperatures and coverage policy.
        generator: source of chance for fusions that need it.
    """

    calibrations: tuple[Calibration, ...]
    fusion: Fusion
    objective: Objective
    generator: torch.Generator | None = None

    def mixture(self, signals: Signals, view: torch.Tensor, context: Context) -> Mixture:
        """What the terms need about these rows.

        Args:
            signals: uncalibrated, about B rows.
            view: int64 [B].
            context: with all that the fusion might need, about the same rows.
        """
        apart = self._apart(signals)
        size = self._at_once(signals, apart)
        if size >= len(signals):
            return self._mixed(signals, view, context, apart)
        pieces = [slice(at, at + size) for at in range(0, len(signals), size)]
        return Mixture.concat([self._mixed(signals.take(p), view[p], _part(context, p), apart) for p in pieces])

    def _apart(self, signals: Signals) -> bool:
        """Whether the teachers can be mixed without stacking their answers."""
        first = signals.answers[0]
        return (
            isinstance(first, Classes)
            and first.scores.numel() >= WIDE
            and not any(isinstance(one, Classes) and one.scores.requires_grad for one in signals.answers)
            and isinstance(self.fusion, Blind)
            and not self.objective.apart
            and all(isinstance(term, Mixing) for term in self.objective.terms)
            and all(is_everything(answer.coverage) or bool(answer.coverage.all()) for answer in signals.answers)
        )

    def _at_once(self, signals: Signals, apart: bool) -> int:
        first = signals.answers[0]
        if not isinstance(first, Classes) or self.fusion.needs & {"batch", "random"}:
            return len(signals)
        if any("batch" in term.needs for term in self.objective.terms):
            return len(signals)
        classes, teachers = first.scores.shape[-1], len(signals.names)
        if apart:
            plain = all(isinstance(calibration, AsIs) for calibration in self.calibrations)  # copies nothing
            block = BLOCK if first.scores.is_cpu else GROUP
            return max(1, block // classes // (1 if plain else 2))
        return max(1, PIECE // (teachers * classes)) if teachers * first.scores.numel() > MANY else len(signals)

    def _mixed(self, signals: Signals, view: torch.Tensor, context: Context, apart: bool) -> Mixture:
        shown = calibrating.apply(self.calibrations, signals)
        kinds: type = type(shown.answers[0])
        answers = kinds.presence(shown.answers) if apart else shown.stacked()
        temperatures = self.objective.temperatures(context.at)
        fused = {
            t: fuse(self.fusion, answers, replace(context, temperature=t), self.generator) for t in set(temperatures)
        }
        parts: list[TermPart] = []
        for term, t in zip(self.objective.terms, temperatures, strict=True):
            decided, policy = fused[t], self.objective.coverage
            if isinstance(decided, Target):
                parts.append(against_target(term, decided, t, context, policy))
            elif apart and isinstance(term, Mixing):
                parts.append(one_by_one(term, shown.answers, decided.values, t))
            else:
                parts.append(against_teachers(term, answers, decided.values, t, context, policy, self.objective.apart))
        first = fused[temperatures[0]]
        acted = answers.valid.any(0) if first.acted is None else first.acted
        assert context.row is not None
        trust = _remembered(first.values) if isinstance(first, Weights) else None
        return Mixture(context.row, view, tuple(parts), acted, trust)


def _remembered(weights: torch.Tensor) -> torch.Tensor:
    """Trust per item [T, B, D], or of wide rows [T, B]: its mean over the items that somebody answers."""
    if weights.dim() < 3 or weights[0, 0].numel() < WIDE_ROW:
        return weights
    wide = weights.flatten(2)
    return wide.sum(-1) / (wide.sum(0) > 0).sum(-1).clamp_min(1)


def _part(context: Context, rows: slice) -> Context:
    """The context of some of its rows."""
    assert context.row is not None
    assert context.target is not None
    assert context.labelled is not None
    return replace(
        context,
        row=context.row[rows],
        target=context.target[rows],
        labelled=context.labelled[rows],
        student=None if context.student is None else context.student.take(rows),
    )
