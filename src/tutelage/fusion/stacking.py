"""Stacking: a small model learns from out-of-fold answers how to put the teachers together.

`Stacking` is fitted once on rows that no teacher has seen (out-of-fold answers) and their labels. The
models are linear, with an L2 penalty, in `linear.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Classes, Context, InputError, Labels, Scores, Target, Values
from ..ops.mixing import among
from .answers import dtype_of, knowing, refusal
from .linear import Linear, logistic, ridge


@dataclass(frozen=True)
class Stacking:
    """Stacked generalisation on out-of-fold answers; Wolpert 1992.

    Classes: multinomial logistic regression on all teachers' probabilities (with two classes, on those of the
    second class only). Labels: one logistic regression per label, on the teachers' probabilities of it.
    Values: one ridge regression per column, on the teachers' means of it. A teacher that abstains, or does
    not know a class, is replaced there by the mean of those that do (by 0 when none does). Only classes that
    occur in the fitting rows are covered by the target. It has temperature 1.

    Args:
        penalty: strength of the L2 penalty, intercepts left out: sum of losses + penalty / 2 * |w|^2 for
            logistic regression (scikit-learn's C is its inverse), sum of squares + penalty * |w|^2 for ridge.
        models: what was fitted, one per label or column, one for classes; leave it out and call `fit`.
        seen: the classes that occurred in the fitting rows.

    Raises:
        InputError: a negative penalty; (when fitted) no labelled row with an answer, or a single class; (when
            called) not fitted, or fitted on other teachers or another kind of answer; rankings.
    """

    name = "stacking"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation"})
    source = "wolpert1992"
    penalty: float = 1.0
    models: tuple[Linear, ...] | None = None
    seen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.penalty >= 0:
            raise InputError(f"the penalty of stacking must not be negative, got {self.penalty}")

    @property
    def fitted(self) -> bool:
        """Whether it has models."""
        return self.models is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Stacking:
        """The same, fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        features = _features(signals)
        answered = signals.valid.any(0)
        known = answered & labelled
        if not bool(known.any(0).all()):
            raise InputError(
                "stacking needs labelled held-out rows that a teacher answers, for every label or column: "
                "give such rows, or use the mean"
            )
        if isinstance(signals, Classes):
            seen, place = target[known].unique(return_inverse=True)
            if len(seen) < 2:
                raise InputError(f"stacking needs two classes in its fitting rows, got only {seen.tolist()}")
            model = logistic(features[0][known], place, len(seen), self.penalty)
            return replace(self, models=(model,), seen=tuple(seen.tolist()))
        models: list[Linear] = []
        for column, inputs in enumerate(features):
            rows = known[:, column]
            truth = target[rows, column]
            if isinstance(signals, Labels):
                models.append(logistic(inputs[rows], (truth > 0.5).long(), 2, self.penalty))
            else:
                models.append(ridge(inputs[rows], truth, self.penalty))
        return replace(self, models=tuple(models))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        features = _features(signals)
        models = self._models(features)
        valid, coverage = signals.valid.any(0), signals.coverage.any(0)
        outputs = [model(inputs).to(dtype_of(signals)) for model, inputs in zip(models, features, strict=True)]
        if isinstance(signals, Classes):
            scores = torch.zeros_like(signals.scores[0])
            scores[:, list(self.seen)] = _log_probs(outputs[0])
            seen = torch.zeros_like(coverage)
            seen[list(self.seen)] = True
            return Target(Classes.of(scores, "log_probs", valid=valid, coverage=seen), 1.0)
        joined = torch.cat(outputs, dim=-1)
        if isinstance(signals, Labels):
            return Target(Labels.of(joined, valid=valid, coverage=coverage), 1.0)
        return Target(Values.of(joined, valid=valid, coverage=coverage))

    def _models(self, features: list[Tensor]) -> tuple[Linear, ...]:
        if self.models is None:
            raise InputError(
                f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled) on out-of-fold answers"
            )
        made_for, got = [model.inputs for model in self.models], [inputs.shape[-1] for inputs in features]
        if made_for != got:
            raise InputError(
                f"fusion {self.name!r} was fitted on answers that gave its models {made_for} inputs and got "
                f"{got}: fit it again for these teachers and this kind of answer"
            )
        return self.models


def _features(signals: Any) -> list[Tensor]:
    """What each model sees, [N, inputs]: one entry for classes, else one per label or column."""
    if isinstance(signals, Classes):
        first = 1 if signals.scores.shape[-1] == 2 else 0
        filled = _filled(signals.probs(), knowing(signals))[..., first:]
        return [filled.transpose(0, 1).flatten(1)]
    if isinstance(signals, Scores):
        raise refusal(
            "stacking", signals, "no two rows have the same candidates", "Performance, Borda or ReciprocalRank"
        )
    numbers = signals.probs() if isinstance(signals, Labels) else signals.mean
    return list(_filled(numbers, signals.valid).permute(2, 1, 0))


def _filled(numbers: Tensor, known: Tensor) -> Tensor:
    """Unknown entries [T, ...] replaced by the mean of the teachers that know them, else by 0."""
    return torch.where(known, numbers, among(numbers, known, torch.ones_like(numbers)))


def _log_probs(scores: Tensor) -> Tensor:
    """Log-probabilities [N, classes] from the outputs of a logistic regression."""
    if scores.shape[-1] == 1:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=-1)
    return torch.log_softmax(scores, dim=-1)
