"""Metrics of ranking: how high the relevant candidates of each query stand.

All take relevance in the order of the ranking (`ranked`) and give one number per query, float64 [B]. Ties: of
candidates with equal scores the less relevant stand first, so that nobody gains by not deciding, and the place of a
candidate in its list tells nothing. A relevant candidate that is not listed is not found. A query without relevant
candidates gets 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranked:
    """Relevance along rankings.

    Attributes:
        gain: float64 [B, N], of the candidates in the order of their scores; 0 where nothing is listed.
        ideal: float64 [B, N], of all candidates, largest first.
    """

    gain: Tensor
    ideal: Tensor

    def binary(self) -> Ranked:
        """The same with every relevance above 0 counted as 1."""
        return Ranked((self.gain > 0).double(), (self.ideal > 0).double())

    def take(self, rows: Tensor) -> Ranked:
        """The rankings of these queries."""
        return Ranked(self.gain[rows], self.ideal[rows])


def ranked(score: Tensor, relevance: Tensor, listed: Tensor | None = None) -> Ranked:
    """Relevance in the order of the scores.

    Args:
        score: float [B, N], the higher the better.
        relevance: [B, N], not negative; 0 is not relevant.
        listed: bool [B, N], which candidates the ranking names; all unless given.
    """
    known = torch.ones_like(score, dtype=torch.bool) if listed is None else listed
    grade = relevance.double().clamp_min(0.0)
    order = grade.argsort(dim=-1, stable=True)
    shown = score.double().masked_fill(~known, -torch.inf).gather(-1, order)
    order = order.gather(-1, shown.argsort(dim=-1, descending=True, stable=True))
    gain = torch.where(known, grade, 0.0).gather(-1, order)
    return Ranked(gain, grade.sort(dim=-1, descending=True).values)


def top(score: Tensor, item: Tensor, listed: Tensor, k: int) -> Tensor:
    """Ids of the k best items, int64 [B, min(k, N)], best first; -1 where fewer are listed.

    Of items with equal scores the one that comes first in its list stands first.
    """
    order = score.masked_fill(~listed, -torch.inf).argsort(dim=-1, descending=True, stable=True)[..., :k]
    return item.gather(-1, order).masked_fill(~listed.gather(-1, order), -1)


def recall(found: Ranked, k: int) -> Tensor:
    """Share of the relevant candidates that stand among the first k."""
    one = found.binary()
    return _share(one.gain[:, :k].sum(-1), one.ideal.sum(-1))


def precision(found: Ranked, k: int) -> Tensor:
    """Share of the first k places that hold a relevant candidate; places beyond the list count as wrong."""
    return found.binary().gain[:, :k].sum(-1) / k


def hit_rate(found: Ranked, k: int) -> Tensor:
    """1 where a relevant candidate stands among the first k."""
    return (found.gain[:, :k] > 0).any(-1).double()


def ndcg(found: Ranked, k: int) -> Tensor:
    """Discounted gain of the first k places over the best possible; Järvelin and Kekäläinen 2002.

    Gains are the relevances themselves (linear), discounts 1 / log2(1 + place). Of yes and no, `binary()`.
    """
    places = torch.arange(min(k, found.gain.shape[-1]), dtype=torch.float64, device=found.gain.device)
    discount = 1.0 / torch.log2(places + 2.0)
    return _share((found.gain[:, :k] * discount).sum(-1), (found.ideal[:, :k] * discount).sum(-1))


def reciprocal_rank(found: Ranked, k: int | None = None) -> Tensor:
    """1 / place of the first relevant candidate, 0 where none stands among the first k (MRR is its mean)."""
    right = found.gain[:, :k] > 0
    places = torch.arange(1, right.shape[-1] + 1, dtype=torch.float64, device=right.device)
    return (right / places).amax(-1)


def average_precision(found: Ranked, k: int | None = None) -> Tensor:
    """Mean over the relevant candidates among the first k of the precision at their places (MAP is its mean)."""
    right = (found.gain[:, :k] > 0).double()
    places = torch.arange(1, right.shape[-1] + 1, dtype=torch.float64, device=right.device)
    return _share((right.cumsum(-1) / places * right).sum(-1), right.sum(-1))


def catalogue_coverage(shown: Tensor, size: int) -> float:
    """Share of a catalogue of so many items that is shown to anybody; Ge et al. 2010.

    Args:
        shown: int64 [B, k], item ids; -1 is nothing.
        size: number of items in the catalogue.
    """
    return float(shown[shown >= 0].unique().numel()) / max(size, 1)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / torch.where(whole > 0, whole, 1.0), 0.0)
