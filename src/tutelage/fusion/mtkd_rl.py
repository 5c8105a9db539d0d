"""MTKD-RL: an agent sets the weights from how the teachers do and how far the student is from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core import INVARIANTS, Context, InputError, Turn, Weights
from ..ops.simplex import equal, masked_softmax, normalised
from .answers import dtype_of
from .replay import FEATURES, Kept, Policy, Sight, normalised_reward, outcome, sight
from .trust import check_count

POSITIVE = 1e-8


class MTKDRL(Policy):
    """Weights of an agent that learns by reward; Yang et al. 2025.

        h = relu(W s),  w = a_0 softmax(V h + b) + a_1 (1 - softmax(CE)) / (K - 1) + a_2 softmax(KL)

    with s the states of all K teachers side by side, CE their cross-entropies with the label and KL how far the student
    is from them; a = 1/3 each, or learnt with `dynamic`. The reward of teacher t on a row is minus the student's hard
    loss minus its distance to t, after the step; it is brought to mean 0 and deviation 1 over the batch and clamped to
    [0, 1], and the agent goes up reward times log w over a replay of the epoch. In the first epoch the weights are
    equal.

    The paper's states hold embeddings, logits and the cosine of features besides; here they are five numbers per
    teacher, so that the agent does not grow with the classes. Rows without a label leave out the second part.

    Args:
        names: the teachers' names; leave them out, `Distillation` puts them in.
        lr: learning rate of the agent (SGD).
        hidden: width of h.
        dynamic: whether the shares of the three parts are learnt.
        every: steps between two lessons; None: once per epoch.

    Raises:
        InputError: a number out of range; (when called) made for other teachers; answers that are not classes.
    """

    name = "mtkd_rl"
    gives = "weights"
    needs = frozenset({"labels", "student", "step", "trainable"})
    invariants = INVARIANTS
    source = "yang2025"

    def __init__(
        self,
        names: Sequence[str] = (),
        *,
        lr: float = 0.1,
        hidden: int = 128,
        dynamic: bool = False,
        every: int | None = None,
    ) -> None:
        super().__init__()
        if not lr > 0 or hidden < 1 or (every is not None and every < 1):
            raise InputError(f"mtkd_rl needs lr > 0, hidden and every at least 1, got {lr}, {hidden} and {every}")
        self.names, self.lr, self.hidden, self.dynamic, self.every = tuple(names), lr, hidden, dynamic, every
        teachers, chance = len(self.names), torch.Generator().manual_seed(hidden)
        width = max(1, teachers * FEATURES)
        self.stem = nn.Parameter(torch.randn(hidden, teachers * FEATURES, generator=chance) / math.sqrt(width))
        self.head = nn.Parameter(torch.zeros(teachers, hidden))
        self.bias = nn.Parameter(torch.zeros(teachers))
        if dynamic:
            self.factor = nn.Parameter(torch.zeros(3))
        self._replay: list[Kept] = []

    def taking(self, teachers: Sequence[int]) -> MTKDRL:
        """One with what was learnt about these teachers, in this order."""
        chosen = MTKDRL([self.names[teacher] for teacher in teachers], **self.settings())
        place = list(teachers)
        stem = self.stem.detach().view(self.hidden, -1, FEATURES)[:, place].reshape(self.hidden, -1)
        own = {"stem": stem, "head": self.head.detach()[place], "bias": self.bias.detach()[place]}
        chosen.load_state_dict({**self.state_dict(), **own})
        return chosen

    def attached(self, signals: Any, context: Context, learnt: Mapping[str, Tensor]) -> Weights:
        """The same as a function of its parameters."""
        valid: Tensor = signals.valid
        check_count(self.names, valid, self.name)
        if context.student is None or context.at.epoch == 0:
            if context.student is not None:
                sight(signals, context, self.name)
            return Weights(equal(valid, dtype_of(signals)), torch.zeros_like(valid[0]))
        return Weights(self._weights(sight(signals, context, self.name), valid, learnt))

    def decided(self, state: Tensor, loss: Tensor, judged: Tensor, away: Tensor, valid: Tensor) -> Tensor:
        """The formula, [T, B], with the present parameters.

        Args:
            state: states side by side, [B, S].
            loss: cross-entropy of each teacher with the label, [T, B].
            judged: where it is known, bool [T, B].
            away: distance of the student from each teacher, [T, B].
            valid: who answers, bool [T, B].
        """
        return _decided(state, loss, judged, away, valid, dict(self.named_parameters()))

    def own_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def after_step(self, turn: Turn) -> Iterator[dict[str, Tensor]]:
        """Keeps the turn; learns from those kept every `every` steps."""
        seen = sight(turn.signals, turn.context, self.name)
        valid = turn.signals.valid
        reward = normalised_reward(outcome(turn, soft=True), valid).clamp(0.0, 1.0)
        self._replay.append(Kept(seen, valid, turn.weights.values, reward))
        if self.every is not None and len(self._replay) >= self.every:
            yield from self.after_epoch()

    def after_epoch(self) -> Iterator[dict[str, Tensor]]:
        """One gradient per turn of the epoch, in their order."""
        for kept in self._replay:
            learnt = {name: value.detach().requires_grad_() for name, value in self.named_parameters()}
            weights = self._weights(kept.sight, kept.valid, learnt)
            gain = (kept.reward * weights.clamp_min(POSITIVE).log()).masked_fill(~kept.valid, 0.0)
            loss = -gain.sum() / kept.valid.sum().clamp_min(1)
            found = torch.autograd.grad(loss, list(learnt.values()))
            yield dict(zip(learnt, found, strict=True))
        self._replay.clear()

    def _weights(self, seen: Sight, valid: Tensor, learnt: Mapping[str, Tensor]) -> Tensor:
        state = seen.state.transpose(0, 1).flatten(1)
        return _decided(state, seen.loss, seen.judged, seen.away, valid, learnt)

    def settings(self) -> dict[str, Any]:
        """What it was made with, besides the names."""
        return {"lr": self.lr, "hidden": self.hidden, "dynamic": self.dynamic, "every": self.every}


def _decided(
    state: Tensor, loss: Tensor, judged: Tensor, away: Tensor, valid: Tensor, learnt: Mapping[str, Tensor]
) -> Tensor:
    own = {name: value.to(state) for name, value in learnt.items()}
    hidden = torch.relu(state @ own["stem"].T)
    agent = masked_softmax((hidden @ own["head"].T + own["bias"]).T, valid)
    count = judged.sum(0, keepdim=True)
    rest = (1.0 - masked_softmax(loss, judged)) / (count - 1).clamp_min(1)
    right = torch.where(count > 1, rest, torch.ones_like(rest)) * judged
    shares = torch.softmax(own["factor"], 0) if "factor" in own else state.new_full((3,), 1.0 / 3.0)
    parts = shares[0] * agent + shares[1] * right + shares[2] * masked_softmax(away, valid)
    return normalised(parts, valid)
