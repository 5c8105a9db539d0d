"""The candidates of a query, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Scores, Space
from ..core.spaces.scores import log_softmax_over
from ..ops import metrics_ranking as measure
from ..ops.losses import constants
from .headline import check_headline

PLACES = 10
"""How many places of a ranking are looked at and decoded."""


@dataclass(frozen=True)
class Ranking:
    """One row is a query with N candidates; its target is their relevance [B, N], and `labelled` is [B].

    The student answers one score per candidate, [B, N], the higher the better. A relevance of 0 is irrelevant, any
    positive number relevant; a row without a relevant candidate has no label.

    Args:
        items: the column of the candidates' ids, int64 [rows, N], -1 for padding; one of the student's inputs.
        catalogue: how many items there are, for coverage; those offered to the measured rows unless given.
        sampling: the probability with which an item was drawn as a candidate, by item id. The hard loss then corrects
            for it (logQ correction; Bengio and Senécal 2008, Yi et al. 2019): where popular items are drawn more
            often, a plain softmax over the candidates learns to hold their popularity against them.
        headline: the metric a table is sorted by.

    Raises:
        InputError: a sampling probability is not positive, or the catalogue is empty.
    """

    name: ClassVar[str] = "ranking"
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "ndcg@10": True,
        "recall@10": True,
        "hit@10": True,
        "mrr": True,
        "coverage@10": True,
    }
    items: str = "candidates"
    catalogue: int | None = None
    sampling: tuple[float, ...] | None = None
    headline: str = "ndcg@10"

    def __post_init__(self) -> None:
        check_headline(self)
        if self.catalogue is not None and self.catalogue < 1:
            raise InputError(f"a catalogue holds at least one item, got {self.catalogue}")
        strange = [q for q in self.sampling or () if not (math.isfinite(q) and q > 0)]
        if strange or self.sampling == ():
            raise InputError(
                f"sampling probabilities are positive, one per item id, got {strange[:5] or 'none'}: give items that "
                "are never drawn any positive number, or leave sampling out where candidates are drawn evenly"
            )

    @classmethod
    def of(cls, space: Space, target: np.ndarray, labelled: np.ndarray) -> Ranking:
        """Ranking of the candidates in the column that the space names."""
        return cls(space.names[0])

    @property
    def space(self) -> Space:
        """Scores under the name of the candidates' column."""
        return Space(Scores, (self.items,))

    def answer(self, student: nn.Module, batch: Batch) -> Scores:
        """The student's scores [B, N], in float32 or float64; calls it with the batch's inputs in order.

        Without the candidates' column among the inputs, items are called by their places in the row.
        """
        scores = student(*batch.inputs.values())
        item = batch.inputs.get(self.items)
        wanted = (len(batch), "candidates") if item is None else tuple(item.shape)
        if scores.dim() != 2 or (item is not None and scores.shape != item.shape):
            raise InputError(
                f"the student answered shape {tuple(scores.shape)}, but rows with candidates need {list(wanted)}: give "
                "it one score per candidate"
            )
        return Scores.of(scores if scores.dtype == torch.float64 else scores.float(), item)

    def hard_loss(self, answer: Scores, target: Tensor) -> Tensor:
        """Cross-entropy [B] of the softmax over the candidates, averaged over the relevant ones by relevance; nats.

        A row without a relevant candidate costs 0.

        Raises:
            InputError: an item has no sampling probability.
        """
        logits = answer.score if self.sampling is None else answer.score - self._log_drawn(answer)
        logs = log_softmax_over(logits, answer.listed).masked_fill(~answer.listed, 0.0)
        grade = target.to(logs.dtype).clamp_min(0.0).masked_fill(~answer.listed, 0.0)
        return -(grade * logs).sum(-1) / grade.sum(-1).clamp_min(torch.finfo(logs.dtype).tiny)

    def decode(self, answer: Scores) -> Tensor:
        """Ids of the ten best items, int64 [B, min(10, N)], best first; -1 where fewer are listed."""
        return measure.top(answer.score, answer.item, answer.listed, PLACES)

    def metrics(self, answer: Scores, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """NDCG, recall and hit rate of the first ten places, mean reciprocal rank, and coverage of the catalogue.

        Over labelled rows; the first four are means. A row on which a teacher abstains, and a relevant item that it
        does not list, count as not found. NDCG takes relevances as gains. Ties: see `ops.metrics_ranking`.

        Raises:
            InputError: no row is labelled.
        """
        shown = self._shown(answer, labelled)
        offered = int(shown.item[shown.item >= 0].unique().numel()) if self.catalogue is None else self.catalogue
        best = measure.top(shown.score, shown.item, shown.listed & shown.valid.unsqueeze(-1), PLACES)
        means = {name: float(values.mean()) for name, values in self.row_metrics(answer, target, labelled).items()}
        return {**means, "coverage@10": measure.catalogue_coverage(best, offered)}

    def row_metrics(self, answer: Scores, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """All but coverage, per labelled row, float64 [n]."""
        shown = self._shown(answer, labelled)
        found = measure.ranked(shown.score, target[labelled], shown.listed & shown.valid.unsqueeze(-1))
        return {
            "ndcg@10": measure.ndcg(found, PLACES),
            "recall@10": measure.recall(found, PLACES),
            "hit@10": measure.hit_rate(found, PLACES),
            "mrr": measure.reciprocal_rank(found),
        }

    def _shown(self, answer: Scores, labelled: Tensor) -> Scores:
        if not bool(labelled.any()):
            raise InputError("no labelled rows to measure on: a row needs at least one relevant candidate")
        return answer.take(labelled.nonzero().flatten())

    def _log_drawn(self, answer: Scores) -> Tensor:
        assert self.sampling is not None
        most = int(answer.item.max()) if answer.item.numel() else -1
        if most >= len(self.sampling):
            raise InputError(
                f"item {most} has no sampling probability: there are {len(self.sampling)}, for the ids from 0"
            )
        return constants(self.sampling, answer.score).log()[answer.item.clamp_min(0)]
