"""Neural: a small net over the claims about a fact and an embedding per source, trained on facts with a known truth.

Every claim becomes a vector (its source's embedding, how many agree, how new it is); a fact's context is the mean of
its claims' vectors, so that how far a source is trusted depends on who else says what. For words a value's score is the
sum over its claims; for numbers the claims are averaged with attention, each corrected by a learned offset.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from ...core import InputError
from ...ops.claims import added, weighted_median
from .choose import best_claims, candidates, chosen, combined
from .learned import truth_known
from .table import Resolved, Table

FEATURES = 5


@final
class ClaimNet(nn.Module):
    """Score, offset and log-variance from claims.

    Args:
        sources: number of sources.
        width: of the vectors.
    """

    def __init__(self, sources: int, width: int = 16) -> None:
        super().__init__()
        self.source = nn.Embedding(sources, width)
        self.claim = nn.Sequential(nn.Linear(width + FEATURES, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.trust = nn.Embedding(sources, 1)
        self.heads = nn.Linear(2 * width, 2)
        self.spread = nn.Linear(width, 1)
        nn.init.zeros_(self.trust.weight)
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(self.spread.bias)

    def forward(self, source: Tensor, features: Tensor, fact: Tensor, facts: int) -> tuple[Tensor, Tensor, Tensor]:
        """Scores [M] and offsets [M] of claims, log-variances [F] of facts.

        Args:
            source: int64 [M].
            features: float [M, FEATURES].
            fact: int64 [M].
            facts: number of facts.
        """
        claim = self.claim(torch.cat([self.source(source), features], dim=-1))
        count = torch.bincount(fact, minlength=facts).clamp_min(1).to(claim.dtype)
        context = claim.new_zeros(facts, claim.shape[-1]).index_add(0, fact, claim) / count.unsqueeze(-1)
        heads = self.heads(torch.cat([claim, context[fact]], dim=-1))
        return self.trust(source).squeeze(-1) + heads[:, 0], heads[:, 1], self.spread(context).squeeze(-1)


@final
@dataclass(frozen=True)
class Neural:
    """A resolver that `train_net` trained.

    Attributes:
        net: the weights.
        sources: names of the sources it knows.
        scale: of numbers; 1 for words.
        loss: on the facts held out for early stopping.
    """

    net: ClaimNet
    sources: tuple[str, ...]
    scale: float
    loss: float

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`.

        Raises:
            InputError: the table has other sources than those it was trained on.
        """
        if table.sources != self.sources:
            raise InputError(f"the resolver knows the sources {list(self.sources)}, not {list(table.sources)}")
        seen = _Seen.of(table, self.scale)
        with torch.no_grad():
            if table.numbers:
                value, log_variance = seen.number(self.net)
                value = torch.where(seen.heard, value * self.scale + seen.middle, torch.nan).double()
                confidence = 1 / (1 + log_variance.double().exp())
                return combined(table, value.numpy(), "neural", confidence=confidence.numpy(), near=self.scale)
            prob = seen.log_probs(self.net).exp().double().numpy()
        best = best_claims(table, prob[seen.place.numpy()])
        known = best >= 0
        sure = np.zeros(len(table.facts))
        sure[known] = prob[seen.place.numpy()[best[known]]]
        trust = dict(zip(table.sources, self.net.trust.weight.detach().flatten().tolist(), strict=True))
        return chosen(table, best, "neural", confidence=sure, trust=trust)


@dataclass(frozen=True)
class _Seen:
    """What the net sees of a table."""

    table: Table
    source: Tensor
    fact: Tensor
    features: Tensor
    place: Tensor
    candidate_fact: Tensor
    middle: Tensor
    deviation: Tensor
    heard: Tensor

    @staticmethod
    def of(table: Table, scale: float) -> _Seen:
        owner, _, place = candidates(table)
        size = len(table.facts)
        votes = np.bincount(place, weights=table.weight, minlength=len(owner))
        total = np.bincount(table.fact, weights=table.weight, minlength=size)
        newest = np.full(size, -np.inf)
        np.maximum.at(newest, table.fact, np.nan_to_num(table.time, nan=-np.inf))
        young = (table.time == newest[table.fact]).astype(float)
        share = votes[place] / np.where(total > 0, total, 1.0)[table.fact]
        middle = torch.zeros(size, dtype=torch.float64)
        deviation = torch.zeros(len(table), dtype=torch.float64)
        if table.numbers:
            middle = weighted_median(table.measurements())
            deviation = (torch.from_numpy(table.value) - middle[table.fact]) / scale
        far = torch.asinh(deviation.abs()).numpy()
        features = np.column_stack([share, np.log1p(total[table.fact]), young, table.weight, far])
        return _Seen(
            table,
            torch.from_numpy(table.source),
            torch.from_numpy(table.fact),
            torch.from_numpy(features).float(),
            torch.from_numpy(place),
            torch.from_numpy(owner),
            middle,
            deviation.float(),
            torch.from_numpy(np.bincount(table.fact, minlength=size) > 0),
        )

    def log_probs(self, net: ClaimNet) -> Tensor:
        """float [K] of the claimed values of each fact."""
        score, _, _ = net(self.source, self.features, self.fact, len(self.table.facts))
        logits = score.new_zeros(len(self.candidate_fact)).index_add(0, self.place, score)
        return logits - _log_sum(logits, self.candidate_fact, len(self.table.facts))[self.candidate_fact]

    def number(self, net: ClaimNet) -> tuple[Tensor, Tensor]:
        """Distance from the median in units of the scale [F], and its log-variance [F]."""
        size = len(self.table.facts)
        score, offset, log_variance = net(self.source, self.features, self.fact, size)
        share = (score - _log_sum(score, self.fact, size)[self.fact]).exp()
        value = score.new_zeros(size).index_add(0, self.fact, share * (self.deviation + offset))
        return value, log_variance.clamp(-12, 12)


def _log_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    largest = values.new_full((size,), -torch.inf).scatter_reduce(0, index, values.detach(), "amax")
    largest = torch.where(torch.isfinite(largest), largest, 0.0)
    total = values.new_zeros(size).index_add(0, index, (values - largest[index]).exp())
    return total.clamp_min(1e-30).log() + largest


def train_net(
    table: Table,
    truth: np.ndarray,
    *,
    width: int = 16,
    epochs: int = 300,
    patience: int = 30,
    rate: float = 0.02,
    seed: int = 0,
) -> Neural:
    """Trains the net on facts whose truth is known, a fifth of them held out to stop in time.

    Args:
        table: claims; the facts to be resolved may be among them.
        truth: true value of each fact of the table [F], None or NaN where unknown.
        width: of the vectors.
        epochs: most passes.
        patience: passes without gain on the held-out facts after which it stops.
        rate: learning rate.
        seed: of weights and held-out facts.

    Raises:
        InputError: fewer than ten facts are known, or none of the truths is claimed by anyone.
    """
    known = truth_known(table, truth)
    scale, target, known = _target(table, truth, known)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(known))
    held, train = (torch.from_numpy(part) for part in (rows[: len(rows) // 5], rows[len(rows) // 5 :]))
    seen = _Seen.of(table, scale)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ClaimNet(len(table.sources), width)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    best, since, kept = torch.inf, 0, copy.deepcopy(net.state_dict())
    for _ in range(epochs):
        losses = _losses(seen, net, target)
        loss = float(losses[held].mean().detach())
        if loss < best - 1e-5:
            best, since, kept = loss, 0, copy.deepcopy(net.state_dict())
        since += 1
        if since > patience:
            break
        optimiser.zero_grad()
        losses[train].mean().backward()
        optimiser.step()
    net.load_state_dict(kept)
    return Neural(net.eval(), table.sources, scale, best)


def _target(table: Table, truth: np.ndarray, known: np.ndarray) -> tuple[float, Tensor, np.ndarray]:
    """Scale, target [F] (distance from the median, or the right candidate), and the facts that can be learned from."""
    if table.numbers:
        claims = table.measurements()
        middle, real = weighted_median(claims), torch.from_numpy(np.asarray(truth, dtype=np.float64))
        error = (claims.value - real[claims.fact]).square().nan_to_num(0.0)
        count = added(torch.from_numpy(known[table.fact]).double(), torch.zeros_like(claims.fact), 1)
        scale = float((error.sum() / count.clamp_min(1)).sqrt().clamp_min(1e-12))
        known = known & torch.isfinite(middle).numpy()
        return scale, ((real - middle) / scale).float().nan_to_num(0.0), known
    fact, code, _ = candidates(table)
    right = torch.full((len(table.facts),), -1, dtype=torch.int64)
    for number, (f, c) in enumerate(zip(fact.tolist(), code.tolist(), strict=True)):
        if known[f] and str(table.names[c]) == truth[f]:
            right[f] = number
    usable = known & (right >= 0).numpy()
    if usable.sum() < 10:
        raise InputError(f"the truth is claimed by somebody for {int(usable.sum())} known facts only: ten are needed")
    return 1.0, right, usable


def _losses(seen: _Seen, net: ClaimNet, target: Tensor) -> Tensor:
    """[F]: negative log-likelihood of each fact's truth; only those of learnable facts mean anything."""
    if seen.table.numbers:
        value, log_variance = seen.number(net)
        return 0.5 * ((value - target).square() * (-log_variance).exp() + log_variance)
    return -seen.log_probs(net)[target.clamp_min(0)]
