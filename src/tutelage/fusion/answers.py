"""What the fusions share: reading stacked answers, and building one answer that stands for all."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ..core import Classes, InputError, Labels, Scores, Target, Values, Weights
from ..core.spaces.classes import cover
from ..ops.mixing import mixed, moments
from ..ops.simplex import positive

Gives = Literal["weights", "target"]


def dtype_of(answer: Any) -> torch.dtype:
    """The floating type in which the teachers answered."""
    return next(value.dtype for value in answer.to_arrays().values() if value.dtype.is_floating_point)


def refusal(who: str, answer: Any, why: str, instead: str) -> InputError:
    """The error of a fusion that does not make sense for a kind of answer."""
    return InputError(f"fusion {who!r} cannot combine {type(answer).__name__}: {why}; use {instead}")


def one_coverage(answer: Classes, who: str) -> Tensor:
    """The coverage [C] that all teachers share.

    Raises:
        InputError: the teachers know different classes.
    """
    coverage = answer.coverage
    if not bool((coverage == coverage[0]).all()):
        raise InputError(
            f"fusion {who!r} compares log-probabilities, which have no common zero when teachers know "
            f"different classes ({coverage.sum(-1).tolist()} of {coverage.shape[-1]}): use the mean, a vote "
            "or the median"
        )
    return coverage[0]


def knowing(answer: Classes) -> Tensor:
    """bool [T, B, C]: which teachers answer about a row and know a class."""
    return answer.valid.unsqueeze(-1) & cover(answer.coverage)


def of_classes(mass: Tensor, answer: Classes, fallback: Tensor | None = None) -> Classes:
    """One answer [B, C] from what the fusion gives each class; it sums to 1 over what any teacher knows.

    Args:
        mass: float [B, C], not negative.
        answer: the stacked answers it was made from.
        fallback: float [B, C], used where `mass` vanishes; unless given, equal mass.
    """
    coverage = answer.coverage.any(0)
    empty = mass.sum(-1, keepdim=True) <= torch.finfo(mass.dtype).tiny
    spare = coverage.to(mass.dtype).expand_as(mass) if fallback is None else fallback
    filled = torch.where(empty, spare, mass)
    total = filled.sum(-1, keepdim=True)
    probs = filled / torch.where(total > 0, total, torch.ones_like(total))
    return Classes.of(positive(probs).log(), "log_probs", valid=answer.valid.any(0), coverage=coverage)


def of_labels(yes: Tensor, no: Tensor, answer: Labels) -> Labels:
    """One answer [B, C] from what the fusion gives "yes" and "no"; an even answer where both vanish."""
    logits = positive(yes).log() - positive(no).log()
    return Labels.of(logits, valid=answer.valid.any(0), coverage=answer.coverage.any(0))


def of_scores(mass: Tensor, answer: Scores, fallback: Tensor | None = None) -> Scores:
    """One ranking [B, N] from what the fusion gives each of the candidates that are compared.

    Args:
        mass: float [B, N], not negative.
        answer: the stacked answers it was made from.
        fallback: float [B, N], used where `mass` vanishes; unless given, equal mass.
    """
    known = answer.common.any(0)
    heard = mass.masked_fill(~known, 0.0)
    empty = heard.sum(-1, keepdim=True) <= torch.finfo(mass.dtype).tiny
    filled = torch.where(empty, known.to(mass.dtype) if fallback is None else fallback, heard)
    return Scores.of(positive(filled).log(), answer.item[0], listed=known, valid=answer.valid.any(0))


def choices(signals: Scores, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of relevance among the compared candidates [T, B, N], and where there are some, bool [T, B]."""
    grade = target.to(signals.score.dtype).clamp_min(0.0) * signals.common
    total = grade.sum(-1, keepdim=True)
    known = signals.valid & labelled & (total.squeeze(-1) > 0)
    return grade / torch.where(total > 0, total, 1.0), known


def truth(signals: Any, target: Tensor | None, labelled: Tensor | None, who: str) -> tuple[Tensor, Tensor]:
    """What each teacher says about the label.

    Args:
        signals: stacked `Classes`, `Labels` or `Scores`.
        target: labels as in `Batch`.
        labelled: which labels are there, as in `Batch`.
        who: the asking fusion.

    Returns:
        the log-probability of the label (of rankings: its mean over the relevant candidates), float [T, *items], 0
        where it is not known, and where it is known: bool [T, *items], True where the item has a label, the teacher
        answers and its coverage holds the label.

    Raises:
        InputError: there are no labels at all.
    """
    if target is None or labelled is None:
        raise InputError(f"fusion {who!r} looks at labels: give Context(target=..., labelled=...)")
    if isinstance(signals, Classes):
        index = target.clamp(0, signals.scores.shape[-1] - 1)
        known = signals.valid & labelled & signals.coverage[:, index]
        place = index.expand(signals.valid.shape).unsqueeze(-1)
        logs = signals.log_probs().gather(-1, place).squeeze(-1)
    elif isinstance(signals, Scores):
        shares, known = choices(signals, target, labelled)
        logs = (shares * signals.log_probs().masked_fill(~signals.common, 0.0)).sum(-1)
    else:
        known = signals.valid & labelled
        logs = -torch.nn.functional.binary_cross_entropy_with_logits(
            signals.logits, target.to(signals.logits.dtype).expand_as(signals.logits), reduction="none"
        )
    return torch.where(known, logs, torch.zeros_like(logs)), known


def answer_of(result: Weights | Target, stacked: Any, temperature: float = 1.0) -> Any:
    """One answer out of what a fusion decided: the target itself, or the answers mixed with the weights.

    Args:
        result: of the fusion.
        stacked: the answers that it saw.
        temperature: at which weights mix probabilities; values have none.
    """
    if isinstance(result, Target):
        return result.answer
    weights, valid = result.values, stacked.valid.any(0)
    known = stacked.coverage.any(0)
    if isinstance(stacked, Classes):
        probs = _renormalised(mixed(stacked.probs(temperature), weights), valid)
        return Classes.from_probs(probs, valid=valid, coverage=known)
    if isinstance(stacked, Labels):
        return Labels.from_probs(
            mixed(torch.sigmoid(stacked.logits / temperature), weights), valid=valid, coverage=known
        )
    if isinstance(stacked, Scores):
        known = stacked.common.any(0)
        logs = positive(mixed(stacked.probs(temperature), weights)).log()
        return Scores.of(logs, stacked.item[0], listed=known, valid=valid)
    if stacked.scale is None:
        return Values.of(mixed(stacked.mean, weights), valid=valid, coverage=known)
    mean, variance = moments(stacked.mean, stacked.scale.square(), weights)
    return Values.of(mean, variance.clamp_min(1e-12).sqrt(), valid=valid, coverage=known)


def _renormalised(probs: Tensor, valid: Tensor) -> Tensor:
    total = probs.sum(-1, keepdim=True)
    return torch.where(valid.unsqueeze(-1) & (total > 0), probs / total.clamp_min(1e-30), torch.full_like(probs, 1.0))
