"""Answers that rank: a score for each of the N candidates of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ..errors import InputError
from .classes import everything, joined

PADDING = -1
"""Item id of a place that holds no candidate."""


@final
@dataclass(frozen=True)
class Scores:
    """One row is one query; each of its N candidates has a score, the higher the better.

    Scores are defined up to a constant per row, as logits are. Students and teachers answer about the candidates of
    the row in the order in which the row has them, `item` says so; a list in another order is brought into it by `at`.
    The only name of the space is that of the column that holds the candidates.

    Attributes:
        item: int64 [B, N] (stacked: [T, B, N]), ids of the candidates; -1 where there is none.
        score: float [B, N] (stacked: [T, B, N]); 0 where not listed, which means nothing.
        listed: bool like `score`, False for padding and for items that the teacher does not know.
        valid: bool [B] (stacked: [T, B]), False where the teacher abstains.
    """

    kind_of_space: ClassVar[str] = "scores"
    item: Tensor
    score: Tensor
    listed: Tensor
    valid: Tensor

    @classmethod
    def of(
        cls, score: Tensor, item: Tensor | None = None, *, listed: Tensor | None = None, valid: Tensor | None = None
    ) -> Scores:
        """An answer about all candidates unless said otherwise; a row of which nothing is listed abstains.

        Args:
            score: float [B, N], or [T, B, N].
            item: int64 like `score`; the places 0..N-1 unless given.
            listed: bool like `score`; all but padding unless given.
            valid: bool [B], or [T, B].
        """
        if item is None:
            item = torch.arange(score.shape[-1], device=score.device).expand(score.shape)
        real = item >= 0
        listed = real if listed is None else listed & real
        some = listed.any(-1)
        return Scores(item, score.masked_fill(~listed, 0.0), listed, some if valid is None else valid & some)

    @property
    def coverage(self) -> Tensor:
        """bool [1] (stacked: [T, 1]), True: what a teacher knows differs from row to row and is in `listed`."""
        return everything((*self.score.shape[:-2], 1), self.score.device)

    @property
    def items(self) -> tuple[int, ...]:
        """[B]: one loss value per row."""
        return tuple(self.score.shape[:-1])

    def __len__(self) -> int:
        return int(self.score.shape[-2])

    @cached_property
    def common(self) -> Tensor:
        """bool like `score`: the candidates that are compared: those listed by all teachers that answer the row."""
        if self.score.dim() < 3:
            return self.listed & self.valid.unsqueeze(-1)
        answering = self.valid.unsqueeze(-1)
        return (self.listed | ~answering).all(0) & answering

    def log_probs(self, temperature: float = 1.0) -> Tensor:
        """Log of the probabilities of being chosen first among the common candidates; minus infinity elsewhere."""
        return log_softmax_over(self.score / temperature, self.common)

    def probs(self, temperature: float = 1.0) -> Tensor:
        """The probability of being chosen first among the common candidates; exactly 0 elsewhere."""
        return self.log_probs(temperature).exp()

    def centred(self) -> Tensor:
        """Scores minus their mean over the common candidates; 0 elsewhere."""
        known = self.common
        mean = self.score.masked_fill(~known, 0.0).sum(-1, keepdim=True) / known.sum(-1, keepdim=True).clamp_min(1)
        return (self.score - mean).masked_fill(~known, 0.0)

    def at(self, item: Tensor) -> Scores:
        """The same answer about these candidates, int64 [B, M]; those that it does not list are unknown to it."""
        if item is self.item or torch.equal(item, self.item):
            return self
        if self.item.shape[-1] == 0:
            return Scores.of(self.score.new_zeros(item.shape), item, listed=torch.zeros_like(item, dtype=torch.bool))
        own, order = self.item.masked_fill(~self.listed, PADDING).sort(dim=-1)
        place = torch.searchsorted(own, item.contiguous()).clamp_max(own.shape[-1] - 1)
        found = (own.gather(-1, place) == item) & (item >= 0)
        return Scores.of(self.score.gather(-1, order.gather(-1, place)), item, listed=found, valid=self.valid)

    def take(self, rows: Tensor | slice) -> Scores:
        """The answers about these positions."""
        item, score, listed = (part[..., rows, :] for part in (self.item, self.score, self.listed))
        return Scores(item, score, listed, self.valid[..., rows])

    def aligned(self, groups: Sequence[Sequence[int]]) -> Scores:
        """Itself: candidates meet by their ids, not by names.

        Raises:
            InputError: asked for more than the one name there is.
        """
        if [list(group) for group in groups] != [[0]]:
            raise InputError("scores have one name, the column of the candidates: items meet by their ids")
        return self

    def to_arrays(self) -> dict[str, Tensor]:
        """`score` float, `item` int64 and `listed` bool [B, N], and `valid` bool [B]."""
        return {"score": self.score, "item": self.item, "listed": self.listed, "valid": self.valid}

    def meta(self) -> dict[str, Any]:
        """Nothing stays the same from row to row but the name."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Scores:
        """The inverse of `to_arrays` and `meta`."""
        return Scores(arrays["item"], arrays["score"], arrays["listed"], arrays["valid"])

    @classmethod
    def stack(cls, answers: Sequence[Scores]) -> Scores:
        """[T, B, N] of several teachers, about the candidates of the first, who meet the others by item id.

        Each keeps its own `listed`; probabilities are over `common`. A row whose teachers have fewer than two
        candidates in common cannot be compared: all abstain there.
        """
        first = answers[0]
        own = [answer.at(first.item) for answer in answers]
        item, score, listed, valid = (joined([getattr(one, name) for one in own]) for name in FIELDS)
        whole = Scores(item, score.masked_fill(~listed, 0.0), listed & valid.unsqueeze(-1), valid)
        return replace(whole, valid=valid & (whole.common.sum(-1) >= 2))

    @classmethod
    def concat(cls, answers: Sequence[Scores]) -> Scores:
        """One answer about all rows, in order."""
        item, score, listed = (torch.cat([getattr(a, name) for a in answers], dim=-2) for name in FIELDS[:3])
        return Scores(item, score, listed, torch.cat([a.valid for a in answers], dim=-1))

    def check(self, who: str) -> None:
        """Raises InputError when a listed score of a valid row is NaN or infinite, or shapes do not fit."""
        shapes = {tuple(part.shape) for part in (self.item, self.score, self.listed)}
        if len(shapes) > 1 or self.valid.shape != self.score.shape[:-1]:
            raise InputError(
                f"{who}: item {tuple(self.item.shape)}, score {tuple(self.score.shape)}, listed "
                f"{tuple(self.listed.shape)} and valid {tuple(self.valid.shape)} do not fit together; expected three "
                "times [B, N], and [B]"
            )
        bad = (~torch.isfinite(self.score) & self.listed).any(-1) & self.valid
        if bool(bad.any()):
            rows = bad.nonzero().flatten().tolist()
            raise InputError(
                f"{who} answered NaN or infinity in {len(rows)} of {len(self)} rows (first positions {rows[:5]}): "
                "mend the model or its input, or let it not list such items"
            )


FIELDS = ("item", "score", "listed", "valid")


def log_softmax_over(scores: Tensor, known: Tensor) -> Tensor:
    """Log-softmax [..., N] over the known entries, minus infinity elsewhere, also where nothing is known.

    Rows of which nothing is known carry a gradient of 0.
    """
    some = known.any(-1, keepdim=True)
    filled = scores.masked_fill(~known, -torch.inf).masked_fill(~some, 0.0)
    return torch.log_softmax(filled, dim=-1).masked_fill(~known, -torch.inf)
