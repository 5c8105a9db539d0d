"""Measures of quality of answers over classes, in float64.

`metrics_multilabel` and `metrics_regression` hold those of the other kinds of answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..core.spaces import FLOOR


def confusion(truth: Tensor, guess: Tensor, classes: int) -> Tensor:
    """Counts int64 [C, C], rows truth, columns guess; guesses outside 0..C-1 fall in no column."""
    inside = (guess >= 0) & (guess < classes)
    flat = truth[inside] * classes + guess[inside]
    return torch.bincount(flat, minlength=classes * classes).view(classes, classes)


@dataclass(frozen=True)
class Rates:
    """Precision, recall and F1 per class, float64 [C]; 0/0 counts as 0.

    Attributes:
        support: rows per true class, float64 [C].
    """

    precision: Tensor
    recall: Tensor
    f1: Tensor
    support: Tensor

    def macro(self) -> tuple[float, float, float]:
        """Precision, recall and F1, every class counted once, also one that never occurs."""
        return float(self.precision.mean()), float(self.recall.mean()), float(self.f1.mean())

    def weighted(self) -> tuple[float, float, float]:
        """Precision, recall and F1, every class counted by its rows."""
        share = self.support / self.support.sum().clamp_min(1)
        return float(self.precision @ share), float(self.recall @ share), float(self.f1 @ share)


def rates(table: Tensor, support: Tensor | None = None) -> Rates:
    """Precision, recall and F1 of a confusion matrix.

    Args:
        table: int64 [C, C], rows truth.
        support: rows per true class; row sums unless given (rows without a guess are in no row sum).
    """
    return rates_of_counts(table.diagonal(), table.sum(0), table.sum(1) if support is None else support)


def rates_of_counts(hit: Tensor, guessed: Tensor, true: Tensor) -> Rates:
    """Precision, recall and F1 from counts [C]: rightly guessed, guessed, true."""
    hit, guessed, true = hit.double(), guessed.double(), true.double()
    f1 = 2 * hit / (guessed + true).clamp_min(1)
    return Rates(hit / guessed.clamp_min(1), hit / true.clamp_min(1), f1, true)


def accuracy(truth: Tensor, guess: Tensor) -> float:
    """Share of rows guessed right."""
    return float((guess == truth).double().mean())


def balanced_accuracy(table: Tensor) -> float:
    """Mean recall over the classes that occur; Brodersen et al. 2010."""
    found = rates(table)
    return float(found.recall[found.support > 0].mean())


def matthews(table: Tensor) -> float:
    """Matthews correlation of truth and guess for C classes, 0 when one of them is constant; Gorodkin 2004."""
    counts = table.double()
    true, guessed, total = counts.sum(1), counts.sum(0), counts.sum()
    shared = counts.diagonal().sum() * total - true @ guessed
    length = ((total**2 - guessed @ guessed) * (total**2 - true @ true)).sqrt()
    return float(shared / length) if length > 0 else 0.0


def kappa(table: Tensor) -> float:
    """Agreement of truth and guess beyond chance; Cohen 1960. 0 when chance explains everything."""
    counts = table.double()
    total = counts.sum()
    chance = (counts.sum(1) @ counts.sum(0)) / total**2
    return float((counts.diagonal().sum() / total - chance) / (1 - chance)) if chance < 1 else 0.0


def cross_entropy(probs: Tensor, truth: Tensor, floor: float = FLOOR) -> float:
    """Mean negative log-probability of the truth in nats, probabilities kept above a floor."""
    chosen = probs.double().gather(-1, truth.unsqueeze(-1)).clamp_min(floor)
    return float(-chosen.log().mean())


def brier(probs: Tensor, truth: Tensor) -> float:
    """Mean over rows of the squared error of the probabilities, summed over classes; Brier 1950."""
    hot = torch.nn.functional.one_hot(truth, probs.shape[-1]).double()
    return float((probs.double() - hot).square().sum(-1).mean())


def top_accuracy(probs: Tensor, truth: Tensor, k: int) -> float:
    """Share of rows whose truth is among the k most probable classes."""
    return float((probs.topk(k, dim=-1).indices == truth.unsqueeze(-1)).any(-1).double().mean())


def calibration_error(probs: Tensor, truth: Tensor, bins: int = 15, norm: Literal["l1", "l2", "max"] = "l1") -> float:
    """Gap between confidence and accuracy of the top class over equal-width bins; Naeini et al. 2015.

    Args:
        probs: [N, C].
        truth: int64 [N].
        bins: number of bins; a confidence on an edge belongs to the upper one.
        norm: `l1`: mean absolute gap (ECE); `l2`: root of the mean squared gap; `max`: the largest one.
    """
    confidence, guess = probs.double().max(-1)
    right = (guess == truth).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=probs.device)
    place = torch.bucketize(confidence, edges[1:-1], right=True)
    count = torch.bincount(place, minlength=bins).double()
    gap = torch.bincount(place, weights=confidence - right, minlength=bins).abs() / count.clamp_min(1)
    if norm == "max":
        return float(gap.max())
    share = count / count.sum()
    return float(gap @ share) if norm == "l1" else float((gap.square() @ share).sqrt())


def roc_auc(score: Tensor, positive: Tensor) -> float:
    """Probability that a positive row scores higher than a negative one, ties half; NaN without both."""
    positive = positive.bool()
    ups, downs = int(positive.sum()), int((~positive).sum())
    if ups == 0 or downs == 0:
        return float("nan")
    return (float(mean_ranks(score)[positive].sum()) - ups * (ups + 1) / 2) / (ups * downs)


def roc_auc_ovr(probs: Tensor, truth: Tensor) -> float:
    """Macro mean over classes of one against the rest."""
    each = [roc_auc(probs[:, c], truth == c) for c in range(probs.shape[-1])]
    return sum(each) / len(each)


def roc_auc_ovo(probs: Tensor, truth: Tensor) -> float:
    """Macro mean over pairs of classes, both directions; Hand and Till 2001."""
    each: list[float] = []
    for one in range(probs.shape[-1]):
        for other in range(one):
            rows = (truth == one) | (truth == other)
            each += [roc_auc(probs[rows, c], truth[rows] == c) for c in (one, other)]
    return sum(each) / len(each)


def average_precision(score: Tensor, positive: Tensor) -> float:
    """Precision averaged over the recall steps, rows of one score taken together; NaN without positives."""
    positive = positive.bool()
    if not bool(positive.any()):
        return float("nan")
    order = score.argsort(descending=True, stable=True)
    ordered, hits = score[order], positive[order].double().cumsum(0)
    last = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool, device=score.device)])
    hits, count = hits[last], (last.nonzero().flatten() + 1).double()
    steps = torch.diff(hits, prepend=hits.new_zeros(1))
    return float((hits / count * steps).sum() / positive.sum())


def mean_ranks(values: Tensor) -> Tensor:
    """Ranks from 1, float64 [N]; equal values share the mean of their ranks."""
    _, place, count = values.unique(sorted=True, return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    return (last - (count.double() - 1) / 2)[place]
