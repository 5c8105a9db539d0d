"""Measures of quality of yes-or-no answers to C labels, in float64; scores and truth are [N, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.spaces import FLOOR
from .metrics import Rates, average_precision, rates_of_counts


def subset_accuracy(truth: Tensor, guess: Tensor) -> float:
    """Share of rows with every label right."""
    return float((truth == guess).all(-1).double().mean())


def hamming_loss(truth: Tensor, guess: Tensor) -> float:
    """Share of labels that are wrong."""
    return float((truth != guess).double().mean())


def label_rates(truth: Tensor, guess: Tensor) -> Rates:
    """Precision, recall and F1 per label."""
    return rates_of_counts((truth & guess).sum(0), guess.sum(0), truth.sum(0))


def micro_f1(truth: Tensor, guess: Tensor) -> float:
    """F1 over all labels at once."""
    return float(label_rates(truth.reshape(-1, 1), guess.reshape(-1, 1)).f1)


def sample_f1(truth: Tensor, guess: Tensor) -> float:
    """Mean over rows of the F1 of each row's labels; a row without true and guessed labels counts 0."""
    return float(label_rates(truth.T, guess.T).f1.mean())


def sample_jaccard(truth: Tensor, guess: Tensor) -> float:
    """Mean over rows of shared over united labels; a row without any counts 0."""
    return float(((truth & guess).sum(-1).double() / (truth | guess).sum(-1).clamp_min(1)).mean())


def binary_cross_entropy(probs: Tensor, truth: Tensor) -> float:
    """Mean negative log-probability of the truth of each label in nats, floored at `FLOOR`."""
    yes = probs.double()
    return float(-torch.where(truth, yes, 1.0 - yes).clamp_min(FLOOR).log().mean())


def label_average_precision(score: Tensor, truth: Tensor) -> Tensor:
    """Average precision per label, float64 [C]; NaN for a label that never holds."""
    each = [average_precision(score[:, c], truth[:, c]) for c in range(score.shape[-1])]
    return torch.tensor(each, dtype=torch.float64)


def ranking_average_precision(score: Tensor, truth: Tensor) -> float:
    """Mean over rows and their true labels of the share of true labels among those ranked as high.

    A row with all labels or none counts 1; Tsoumakas et al. 2010.
    """
    higher = _at_least(score)
    share = (higher & truth.unsqueeze(-2)).sum(-1).double() / higher.sum(-1)
    count = truth.sum(-1)
    mean = (share * truth).sum(-1) / count.clamp_min(1)
    return float(torch.where((count == 0) | (count == truth.shape[-1]), 1.0, mean).mean())


def coverage_error(score: Tensor, truth: Tensor) -> float:
    """How far down the ranking one has to go to meet all true labels, mean over rows."""
    return float((_at_least(score).sum(-1) * truth).amax(-1).double().mean())


def ranking_loss(score: Tensor, truth: Tensor) -> float:
    """Share of pairs of a true and a false label in the wrong order (ties are wrong), mean over rows."""
    pair = truth.unsqueeze(-1) & ~truth.unsqueeze(-2)
    count = pair.sum((-1, -2))
    return float(((_at_least(score) & pair).sum((-1, -2)).double() / count.clamp_min(1)).mean())


def _at_least(score: Tensor) -> Tensor:
    """Bool [N, C, C]: whether label k scores at least as high as label j."""
    return score.unsqueeze(-2) >= score.unsqueeze(-1)
