"""Answers that choose one class among C."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

from ..errors import InputError
from .space import FLOOR

Kind = Literal["logits", "log_probs", "votes"]

CPU = torch.device("cpu")

_REGISTER = 16


@final
@dataclass(frozen=True)
class Classes:
    """Scores over C classes.

    Attributes:
        scores: float [B, C] (stacked: [T, B, C]); entries off coverage are 0 and mean nothing.
            `logits` and `log_probs` are both defined up to a constant per row for everything that
            the house does with them; `votes` are shares of cast votes (one-hot for one rule).
        kind: what the scores are.
        coverage: bool [C] (stacked: [T, C]), the classes the teacher knows.
        valid: bool [B] (stacked: [T, B]), False where the teacher abstains.
    """

    kind_of_space: ClassVar[str] = "classes"
    scores: Tensor
    kind: Kind
    coverage: Tensor
    valid: Tensor

    @classmethod
    def of(cls, scores: Tensor, kind: Kind, *, valid: Tensor | None = None, coverage: Tensor | None = None) -> Classes:
        """An answer with everything covered and valid unless said otherwise."""
        if valid is None:
            valid = torch.ones(scores.shape[:-1], dtype=torch.bool, device=scores.device)
        if coverage is None:
            return Classes(scores, kind, everything((*scores.shape[:-2], scores.shape[-1]), scores.device), valid)
        return Classes(scores.masked_fill(~cover(coverage), 0.0), kind, coverage, valid)

    @classmethod
    def from_probs(cls, probs: Tensor, *, valid: Tensor | None = None, coverage: Tensor | None = None) -> Classes:
        """An answer from probabilities [B, C], floored at `FLOOR` before the logarithm."""
        return Classes.of(probs.clamp_min(FLOOR).log(), "log_probs", valid=valid, coverage=coverage)

    @property
    def items(self) -> tuple[int, ...]:
        """[B]: one loss value per row."""
        return tuple(self.scores.shape[:-1])

    def __len__(self) -> int:
        return int(self.scores.shape[-2])

    def masked_logits(self, temperature: float = 1.0) -> Tensor:
        """Scores divided by the temperature, minus infinity off coverage. Refuses votes."""
        if self.kind == "votes":
            raise InputError(
                "votes have no logits or probabilities yet: calibrate the teacher on held-out labels "
                "(Calibration.fit), or use a vote fusion"
            )
        scores = self.scores if temperature == 1.0 else self.scores / temperature
        return scores if is_everything(self.coverage) else scores.masked_fill(~cover(self.coverage), -torch.inf)

    @cached_property
    def normalised(self) -> Tensor:
        """`log_probs()` at temperature 1, computed once however often it is asked for."""
        return _softmax(self.masked_logits(), torch.log_softmax)

    def log_probs(self, temperature: float = 1.0) -> Tensor:
        """Log-probabilities over the covered classes, minus infinity off coverage."""
        if temperature == 1.0:
            return self.normalised
        return _softmax(self.masked_logits(temperature), torch.log_softmax)

    def probs(self, temperature: float = 1.0) -> Tensor:
        """Probabilities over the covered classes, exactly 0 off coverage."""
        return _softmax(self.masked_logits(temperature), torch.softmax)

    def centred(self) -> Tensor:
        """Scores minus their mean over the covered classes, 0 off coverage."""
        self.masked_logits()
        known = cover(self.coverage)
        mean = self.scores.masked_fill(~known, 0.0).sum(-1, keepdim=True) / known.sum(-1, keepdim=True)
        return (self.scores - mean).masked_fill(~known, 0.0)

    def take(self, rows: Tensor | slice) -> Classes:
        """The answers about these positions."""
        return replace(self, scores=self.scores[..., rows, :], valid=self.valid[..., rows])

    def restricted(self, coverage: Tensor) -> Classes:
        """The same answer with fewer covered classes."""
        if coverage is self.coverage:
            return self
        return replace(self, coverage=coverage, scores=self.scores.masked_fill(~cover(coverage), 0.0))

    def aligned(self, groups: Sequence[Sequence[int]]) -> Classes:
        """The same answer over other classes.

        Class c collects the old classes `groups[c]` (probabilities add up); a class without old
        classes is not covered. A row whose best class is none of the collected ones abstains.
        """
        kept = torch.zeros(self.scores.shape[-1], dtype=torch.bool)
        columns: list[Tensor] = []
        for group in groups:
            index = torch.tensor(list(group), dtype=torch.int64)
            kept[index] = True
            part = self.scores[..., index]
            if len(group) == 0:
                columns.append(torch.zeros(self.scores.shape[:-1]))
            elif self.kind == "votes":
                columns.append(part.sum(-1))
            else:
                columns.append(torch.logsumexp(part, dim=-1) if len(group) > 1 else part[..., 0])
        known = torch.tensor([any(bool(self.coverage[i]) for i in group) for group in groups])
        best = self.scores.masked_fill(~self.coverage, -torch.inf).argmax(-1)
        scores = torch.stack(columns, dim=-1).masked_fill(~known, 0.0)
        return Classes(scores, self.kind, named(known), self.valid & kept[best])

    def to_arrays(self) -> dict[str, Tensor]:
        """`scores` float [B, C] and `valid` bool [B]."""
        return {"scores": self.scores, "valid": self.valid}

    def meta(self) -> dict[str, Any]:
        """Kind and coverage."""
        return {"kind": self.kind, "coverage": self.coverage.tolist()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Classes:
        """The inverse of `to_arrays` and `meta`."""
        return Classes(
            arrays["scores"], meta["kind"], covering(meta["coverage"], arrays["scores"].device), arrays["valid"]
        )

    @classmethod
    def stack(cls, answers: Sequence[Classes]) -> Classes:
        """[T, B, C] scores of several teachers: votes when all are votes, else defined up to a constant per row."""
        kinds = {answer.kind for answer in answers}
        if "votes" in kinds and len(kinds) > 1:
            raise InputError("votes cannot be stacked with logits or log-probabilities: calibrate them first")
        scores, valid = joined([a.scores for a in answers]), joined([a.valid for a in answers])
        if not bool(valid.all()):
            scores = scores.masked_fill(~valid.unsqueeze(-1), 0.0)
        kind: Kind = answers[0].kind if len(kinds) == 1 else "logits"
        return Classes(scores, kind, _coverages(answers), valid)

    @classmethod
    def presence(cls, answers: Sequence[Classes]) -> Classes:
        """What `stack` gives, for someone who looks only at who answers: scores of 0 that take no memory."""
        scores = answers[0].scores.new_zeros(()).expand(len(answers), *answers[0].scores.shape)
        return Classes(scores, "log_probs", _coverages(answers), torch.stack([a.valid for a in answers]))

    @classmethod
    def concat(cls, answers: Sequence[Classes]) -> Classes:
        """One answer about all rows, in order; kind and coverage of the first."""
        first = answers[0]
        scores = torch.cat([a.scores for a in answers], dim=-2)
        return Classes(scores, first.kind, first.coverage, torch.cat([a.valid for a in answers], dim=-1))

    def check(self, who: str) -> None:
        """Raises InputError when a valid row holds NaN or infinity, or shapes do not fit."""
        if self.scores.shape[:-1] != self.valid.shape or self.scores.shape[-1] != self.coverage.shape[-1]:
            raise InputError(
                f"{who}: scores {tuple(self.scores.shape)}, valid {tuple(self.valid.shape)} and coverage "
                f"{tuple(self.coverage.shape)} do not fit together; expected [B, C], [B], [C]"
            )
        if bool(torch.isfinite(self.scores.sum())):
            return
        bad = ~torch.isfinite(self.scores).all(-1) & self.valid
        if bool(bad.any()):
            rows = bad.nonzero().flatten().tolist()
            raise InputError(
                f"{who} answered NaN or infinity in {len(rows)} of {len(self)} rows (first positions {rows[:5]}): "
                "mend the model or its input, or let it abstain there"
            )


@cache
def everything(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """The coverage of those who know all classes, bool [C] or [T, C]: always the same tensor, never written to."""
    with torch.inference_mode(False):
        return torch.ones(shape, dtype=torch.bool, device=device)


def is_everything(coverage: Tensor) -> bool:
    """Whether this is the shared tensor, so that nothing has to be masked; an equal copy is merely masked in vain."""
    return coverage is everything(tuple(coverage.shape), coverage.device)


def named(coverage: Tensor) -> Tensor:
    """The same coverage, as the shared tensor where it is everything."""
    return everything(tuple(coverage.shape), coverage.device) if bool(coverage.all()) else coverage


def _coverages(answers: Sequence[Classes]) -> Tensor:
    if all(is_everything(answer.coverage) for answer in answers):
        return everything((len(answers), answers[0].scores.shape[-1]), answers[0].scores.device)
    return torch.stack([answer.coverage for answer in answers])


def _softmax(scores: Tensor, normalise: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Normalised over the last axis; on CPUs torch is six times as slow there when it is shorter than a register."""
    classes = scores.shape[-1]
    if classes >= _REGISTER or not scores.is_cpu:
        return normalise(scores, -1)
    wide = torch.constant_pad_nd(scores, [0, _REGISTER - classes], -torch.inf)
    return normalise(wide, -1)[..., :classes]


def covering(coverage: Tensor | Sequence[bool], device: torch.device = CPU) -> Tensor:
    """Coverage out of `meta`, once made a tensor by this function or as JSON has it, where the answers lie."""
    if not isinstance(coverage, Tensor):
        return named(torch.tensor(coverage, dtype=torch.bool, device=device))
    return coverage if coverage.device == device else named(coverage.to(device))


def joined(parts: Sequence[Tensor]) -> Tensor:
    """[T, ...]: tensors of one shape behind each other; parts that lie at equal steps in one tensor stay there."""
    first = parts[0]
    if len(parts) == 1:
        return first.unsqueeze(0)
    start, shape, strides, size = first.data_ptr(), first.shape, first.stride(), first.element_size()
    step = parts[1].data_ptr() - start
    together = parts[-1].untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
    if not together or step < 0 or step % size:
        return torch.stack(list(parts))
    for number, part in enumerate(parts):
        if part.data_ptr() != start + number * step or part.shape != shape or part.stride() != strides:
            return torch.stack(list(parts))
        if part.requires_grad or part.dtype != first.dtype:
            return torch.stack(list(parts))
    return first.as_strided((len(parts), *shape), (step // size, *strides))


def cover(coverage: Tensor) -> Tensor:
    """Coverage [C] or [T, C] shaped so that it broadcasts against scores [B, C] or [T, B, C]."""
    return coverage.unsqueeze(-2)
