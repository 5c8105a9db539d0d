"""Calibration: from what a teacher says to what it is worth, learnt on held-out labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..core import Answer, Batch, Classes, InputError, Labels, Scores, Signals, Values
from ..ops.losses import standardised
from ..ops.reliability import confusion_posterior, fit_temperature, residual_scale

MIN_ROWS = 10
"""Fewer held-out labelled rows than this do not move a calibration."""
MOST_CHOICES = 400
"""Relevant candidates that the temperature of a recommender is fitted on."""


@runtime_checkable
class Calibration(Protocol):
    """A frozen change of one teacher's answers."""

    def apply(self, answer: Any) -> Any:
        """The calibrated answer."""
        ...

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        ...


@dataclass(frozen=True)
class AsIs:
    """Answers are used as they come. Votes become probabilities of stated, assumed accuracy.

    Attributes:
        assumed: probability given to the class a rule votes for when no held-out labels can tell.
    """

    kind: ClassVar[str] = "as_is"
    assumed: float = 0.9

    def apply(self, answer: Any) -> Any:
        """The answer, votes turned into probabilities."""
        if isinstance(answer, Classes) and answer.kind == "votes":
            known = answer.coverage.sum().clamp_min(1)
            spread = (1.0 - self.assumed) / (known - 1).clamp_min(1)
            probs = answer.scores * (self.assumed - spread) + spread
            return Classes.from_probs(probs, valid=answer.valid, coverage=answer.coverage)
        return answer

    def __str__(self) -> str:
        return "as it is"

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "assumed": self.assumed}


@dataclass(frozen=True)
class Temperature:
    """Scores divided by one number per teacher, the one with the least held-out loss; Guo et al. 2017."""

    kind: ClassVar[str] = "temperature"
    value: float

    def apply(self, answer: Any) -> Any:
        """The answer with softened or sharpened scores."""
        if isinstance(answer, Classes):
            return Classes(answer.scores / self.value, "logits", answer.coverage, answer.valid)
        if isinstance(answer, Scores):
            return replace(answer, score=answer.score / self.value)
        return Labels(answer.logits / self.value, answer.coverage, answer.valid)

    def __str__(self) -> str:
        return f"temperature {self.value:.2f}"

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "value": self.value}


@dataclass(frozen=True)
class Confusion:
    """Votes become the probability of each class given the vote, from a smoothed held-out confusion matrix.

    Attributes:
        posterior: [C, C]; row v is the distribution of the truth when the teacher votes for v.
    """

    kind: ClassVar[str] = "confusion"
    posterior: tuple[tuple[float, ...], ...]

    def apply(self, answer: Any) -> Any:
        """Probabilities over all classes that the posterior gives mass to."""
        if answer.kind != "votes":
            return answer
        table = torch.tensor(self.posterior, dtype=answer.scores.dtype)
        return Classes.from_probs(answer.scores @ table, valid=answer.valid, coverage=answer.coverage)

    def __str__(self) -> str:
        return "votes read through a confusion matrix"

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "posterior": [list(row) for row in self.posterior]}


@dataclass(frozen=True)
class Residual:
    """A scale per column for a teacher of values that gives none: its held-out residual."""

    kind: ClassVar[str] = "residual"
    scale: tuple[float, ...]

    def apply(self, answer: Any) -> Any:
        """The answer with a scale."""
        if answer.scale is not None:
            return answer
        scale = torch.tensor(self.scale, dtype=answer.mean.dtype).expand_as(answer.mean)
        return Values(answer.mean, scale, answer.coverage, answer.valid)

    def __str__(self) -> str:
        return "scale from residuals"

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "scale": list(self.scale)}


@dataclass(frozen=True)
class Standardised:
    """Scores of candidates brought to mean 0 and spread 1 within their row, then divided by one number per teacher.

    For recommenders whose scores grow with what is known about a user, so that no single temperature fits all rows.
    """

    kind: ClassVar[str] = "standardised"
    value: float

    def apply(self, answer: Any) -> Any:
        """The answer with the spread of every row the same; a row of equal scores becomes 0."""
        return replace(answer, score=standardised(answer.score, answer.common) / self.value)

    def __str__(self) -> str:
        return f"standardised per row, temperature {self.value:.2f}"

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "value": self.value}


def calibrate(answer: Answer, target: Tensor, labelled: Tensor) -> Calibration:
    """The calibration of one teacher, fitted on held-out rows that it has not seen.

    Args:
        answer: the teacher's answers about the rows.
        target: labels as in `Batch`.
        labelled: which labels are there, as in `Batch`.
    """
    if isinstance(answer, Classes):
        target = target.clamp(0, answer.scores.shape[-1] - 1)
        known = labelled & answer.valid & answer.coverage[target]
        if int(known.sum()) < MIN_ROWS:
            return AsIs()
        if answer.kind == "votes":
            table = confusion_posterior(answer.scores[known], target[known], answer.coverage)
            return Confusion(tuple(tuple(row) for row in table.tolist()))
        scores = answer.masked_logits()[known]
        return Temperature(fit_temperature(scores, target[known]))
    if isinstance(answer, Labels):
        known = labelled & answer.valid
        if int(known.sum()) < MIN_ROWS:
            return AsIs()
        pair = torch.stack([torch.zeros_like(answer.logits), answer.logits], dim=-1)
        return Temperature(fit_temperature(pair[known], target[known].long()))
    if isinstance(answer, Values):
        known = labelled & answer.valid
        if int(known.any(-1).sum()) < MIN_ROWS or answer.scale is not None:
            return AsIs()
        return Residual(tuple(residual_scale(answer.mean, target, known).tolist()))
    if isinstance(answer, Scores):
        return _calibrate_ranking(answer, target, labelled)
    raise InputError(f"answers of type {type(answer).__name__} have no calibration yet")


def calibrated_on(answers: Sequence[Any], batch: Batch) -> tuple[Calibration, ...]:
    """The calibrations of teachers, from their answers about held-out rows."""
    return tuple(calibrate(answer, batch.target, batch.labelled) for answer in answers)


def _calibrate_ranking(answer: Scores, target: Tensor, labelled: Tensor) -> Calibration:
    """The temperature at which relevant candidates are most likely to be chosen first; each counts alike.

    Scores come in any unit (counts, cosines), so that the search begins at a spread of 1: of all rows together or of
    each row, whichever explains the held-out choices better. A few hundred choices settle one number.
    """
    known = answer.listed & (answer.valid & labelled).unsqueeze(-1)
    row, place = ((target > 0) & known).nonzero(as_tuple=True)
    if len(row.unique()) < MIN_ROWS:
        return AsIs()
    away = answer.centred()[known]
    spread = float(away.double().square().mean().sqrt())
    if not spread > 0:
        return AsIs()
    some = torch.linspace(0, len(row) - 1, min(len(row), MOST_CHOICES), dtype=torch.float64).round().long()
    place, chosen = place[some], answer.take(row[some])
    whole = (chosen.score / spread).masked_fill(~chosen.listed, -torch.inf)
    each = standardised(chosen.score, chosen.common).masked_fill(~chosen.listed, -torch.inf)
    one, other = fit_temperature(whole, place, tolerance=1e-4), fit_temperature(each, place, tolerance=1e-4)
    losses = [
        torch.nn.functional.cross_entropy(scores.double() / at, place) for scores, at in ((whole, one), (each, other))
    ]
    return Temperature(spread * one) if losses[0] <= losses[1] else Standardised(other)


def from_json(value: Mapping[str, Any]) -> Calibration:
    """The calibration written by `to_json`.

    Raises:
        InputError: its kind is not known.
    """
    kind = value["kind"]
    if kind == Temperature.kind:
        return Temperature(float(value["value"]))
    if kind == Standardised.kind:
        return Standardised(float(value["value"]))
    if kind == Confusion.kind:
        return Confusion(tuple(tuple(row) for row in value["posterior"]))
    if kind == Residual.kind:
        return Residual(tuple(value["scale"]))
    if kind == AsIs.kind:
        return AsIs(float(value["assumed"]))
    raise InputError(f"calibration {kind!r} is not known: as_is, temperature, standardised, confusion, residual")


def apply(calibrations: Sequence[Calibration], signals: Signals) -> Signals:
    """Calibrated signals, teacher by teacher."""
    answers = tuple(c.apply(answer) for c, answer in zip(calibrations, signals.answers, strict=True))
    return Signals(signals.names, answers)
