"""RL-KD: a policy decides for each teacher and row whether it is heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..core import INVARIANTS, Context, InputError, Turn, Weights
from ..ops.simplex import equal, normalised
from .answers import dtype_of
from .drop import ranks
from .replay import FEATURES, Kept, Policy, Sight, normalised_reward, outcome, sight
from .trust import check_count


class RLKD(Policy):
    """Teachers drawn by a policy that learns by REINFORCE; Yuan et al. 2021.

    Teacher t is heard on a row with probability pi_t = sigmoid(v s_t + b_t), s_t five numbers about it there (see
    `tutelage.fusion.replay.Sight`); those that are heard count alike, and where nobody is, all do. After the step each
    row gives a reward, brought to mean 0 and deviation 1 over the batch, and the policy goes up reward times
    log pi(what was drawn) over a replay of the epoch.

    The paper's reward is how the student does; with `fall` (default) it is by how much a row's loss fell in the step,
    which has the same expected gradient, the loss before not depending on what was drawn, and far less noise. In the
    paper the states hold the student's features and the teachers' logits. Without a student all teachers count alike.
    Chance comes from `Distillation.generator`, else from torch's own.

    Args:
        names: the teachers' names; leave them out, `Distillation` puts them in.
        lr: learning rate of the policy (Adam).
        reward: `hard` (minus the hard loss) or `total` (minus the distances to the drawn teachers, too).
        fall: whether the reward is how far that fell.
        every: steps between two lessons; None: once per epoch.

    Raises:
        InputError: a number or word out of range; (when called) made for other teachers; answers that are not classes.
    """

    name = "rl_kd"
    gives = "weights"
    needs = frozenset({"labels", "student", "random", "trainable"})
    invariants = INVARIANTS
    source = "yuan2021"

    def __init__(
        self,
        names: Sequence[str] = (),
        *,
        lr: float = 0.02,
        reward: Literal["hard", "total"] = "hard",
        fall: bool = True,
        every: int | None = None,
    ) -> None:
        super().__init__()
        if not lr > 0 or reward not in ("hard", "total") or (every is not None and every < 1):
            raise InputError(
                f"rl_kd needs lr > 0, reward hard or total, every at least 1, got {lr}, {reward!r} and {every}"
            )
        self.names, self.lr, self.reward, self.fall, self.every = tuple(names), lr, reward, fall, every
        self.slope = nn.Parameter(torch.zeros(FEATURES))
        self.bias = nn.Parameter(torch.zeros(len(self.names)))
        self._replay: list[Kept] = []

    def taking(self, teachers: Sequence[int]) -> RLKD:
        """One with what was learnt about these teachers, in this order."""
        chosen = RLKD([self.names[teacher] for teacher in teachers], **self.settings())
        chosen.load_state_dict({"slope": self.slope.detach(), "bias": self.bias.detach()[list(teachers)]})
        return chosen

    def attached(self, signals: Any, context: Context, learnt: Mapping[str, Tensor]) -> Weights:
        """The same; what was drawn has no gradient."""
        valid: Tensor = signals.valid
        check_count(self.names, valid, self.name)
        if context.student is None:
            return Weights(equal(valid, dtype_of(signals)), torch.zeros_like(valid[0]))
        heard = torch.sigmoid(scored(sight(signals, context, self.name), learnt))
        place = ranks(heard.detach().masked_fill(~valid, -torch.inf))
        chance = torch.rand(valid.shape, generator=context.generator, dtype=torch.float64).to(valid.device)
        drawn = (chance.gather(0, place) < heard.detach()) & valid
        return Weights(normalised(drawn.to(dtype_of(signals)), valid), drawn.any(0))

    def chances(self, signals: Any, context: Context) -> Tensor:
        """How probably each teacher is heard, [T, B]; needs the student."""
        with torch.no_grad():
            seen = sight(signals, context, self.name)
            return torch.sigmoid(scored(seen, dict(self.named_parameters()))) * signals.valid

    def own_optimizer(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)

    def after_step(self, turn: Turn) -> Iterator[dict[str, Tensor]]:
        """Keeps the turn; learns from those kept every `every` steps."""
        valid, acted = turn.signals.valid, turn.weights.acted
        drawn = (turn.weights.values > 0) & (valid if acted is None else valid & acted)
        soft = self.reward == "total"
        gain = self._of_row(outcome(turn, soft), drawn, valid)
        if self.fall:
            gain = gain - self._of_row(_before(turn, soft), drawn, valid)
        reward = normalised_reward(gain.expand(valid.shape), valid)
        self._replay.append(Kept(sight(turn.signals, turn.context, self.name), valid, drawn.to(gain), reward))
        if self.every is not None and len(self._replay) >= self.every:
            yield from self.after_epoch()

    def after_epoch(self) -> Iterator[dict[str, Tensor]]:
        """One gradient per turn of the epoch, in their order."""
        for kept in self._replay:
            learnt = {name: value.detach().requires_grad_() for name, value in self.named_parameters()}
            scores = scored(kept.sight, learnt)
            log_pi = -torch.nn.functional.binary_cross_entropy_with_logits(scores, kept.action, reduction="none")
            loss = -(kept.reward * log_pi)[kept.valid].sum() / kept.valid.sum().clamp_min(1)
            found = torch.autograd.grad(loss, list(learnt.values()))
            yield dict(zip(learnt, found, strict=True))
        self._replay.clear()

    def _of_row(self, gain: Tensor, drawn: Tensor, valid: Tensor) -> Tensor:
        """One number per row: the mean over the teachers that were drawn (over all, where none was), [B]."""
        return (gain * normalised(drawn.to(gain), valid)).sum(0)

    def settings(self) -> dict[str, Any]:
        """What it was made with, besides the names."""
        return {"lr": self.lr, "reward": self.reward, "fall": self.fall, "every": self.every}


def scored(seen: Sight, learnt: Mapping[str, Tensor]) -> Tensor:
    """Logits of being heard [T, B]."""
    slope, bias = (learnt[name].to(seen.state) for name in ("slope", "bias"))
    return seen.state @ slope + bias.unsqueeze(1)


def _before(turn: Turn, soft: bool) -> Tensor:
    """As `outcome`, before the step."""
    student, context = turn.context.student, turn.context
    assert context.target is not None
    assert context.labelled is not None
    hard = turn.task.hard_loss(student, context.target).masked_fill(~context.labelled, 0.0)
    gain = -hard.expand(turn.signals.valid.shape)
    return gain - sight(turn.signals, context, RLKD.name).away if soft else gain
