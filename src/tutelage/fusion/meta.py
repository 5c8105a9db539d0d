"""Meta-learnt weights: trust goes to the teachers whose lessons help on what the student still gets wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core import INVARIANTS, Batch, Classes, Context, InputError, Turn, Weights
from ..ops.bilevel import around_step, leaves, through_step
from ..ops.simplex import entropy, masked_softmax
from .answers import dtype_of, refusal
from .trust import check_count, unbound

HIDDEN_INPUTS = 3


class MetaWeights(nn.Module):
    """Weights, and if asked for temperature and soft share, learnt by one-step bilevel optimisation; Zhang et al. 2023.

    w = softmax_t(b_t), or with a gate softmax_t(b_t + MLP(x_t)) with x_t the largest probability, the entropy and the
    lead of the first class over the second. After a step of the student the weights go down the hard loss that the
    student would have after one more step of plain gradient descent on the same batch:

        min over w of  hard loss, on hard and other rows, of  (theta - rate * d loss(theta, w) / d theta)

    Hard rows are labelled training rows that the student gets wrong (of numbers: the worst quarter of a batch); the
    last `buffer` of them are kept, and as many of the other labelled rows; those of the present batch are left out.
    The paper looks at hard rows alone. Once few are left, whoever contradicts the student looks right on them, also a
    teacher that is wrong everywhere: `others` keeps such a teacher down. In the paper the gate sees the logits of all
    teachers and of the student, another one weighs features, and the student goes two steps on the teachers alone
    before one on labels; here it is one step of the whole loss.

    A plain object is a plan: `Distillation` makes one for its teachers of it (`bound`), which then learns in place.

    Args:
        names: the teachers' names; leave them out.
        lr: learning rate of the weights (Adam).
        every: steps of the student between two of the weights.
        rate: length of the step that is looked through.
        finite: by a central difference instead of exactly: first-order cost, see `tutelage.ops.bilevel`.
        buffer: how many hard rows are kept.
        draw: how many of them are looked at in a step.
        others: how many other labelled rows are looked at in a step; 0 as in the paper.
        gate: hidden units of the gate; 0: the same weights for all rows.
        soft: soft share to begin with, learnt along; None leaves the objective's.
        temperature: temperature of all terms to begin with, learnt along; None leaves theirs.

    Raises:
        InputError: a number out of range; (when called) made for other teachers, or a gate for answers that are not
            classes.
    """

    name = "meta"
    gives = "weights"
    needs = frozenset({"trainable"})
    invariants = INVARIANTS
    source = "zhang2023"
    hard: Tensor
    easy: Tensor
    steps: Tensor

    def __init__(
        self,
        names: Sequence[str] = (),
        *,
        lr: float = 0.1,
        every: int = 1,
        rate: float = 0.1,
        finite: bool = False,
        buffer: int = 256,
        draw: int = 64,
        others: int = 64,
        gate: int = 0,
        soft: float | None = None,
        temperature: float | None = None,
    ) -> None:
        super().__init__()
        numbers = {"lr": lr, "every": every, "rate": rate, "buffer": buffer, "draw": draw}
        if wrong := {name: value for name, value in numbers.items() if not value > 0}:
            raise InputError(f"meta needs positive numbers, got {wrong}")
        if (
            min(gate, others) < 0
            or (soft is not None and not 0.0 < soft < 1.0)
            or (temperature is not None and temperature <= 0)
        ):
            raise InputError(
                "meta needs gate and others >= 0, a soft share strictly between 0 and 1 and a temperature above 0 to "
                f"begin with, got {gate}, {others}, {soft} and {temperature}"
            )
        self.names, self.lr, self.every, self.rate, self.finite = tuple(names), lr, every, rate, finite
        self.buffer, self.draw, self.others, self.gate = buffer, draw, others, gate
        self.soft, self.temperature = soft, temperature
        self.bias = nn.Parameter(torch.zeros(len(self.names)))
        if gate:
            chance = torch.Generator().manual_seed(gate)
            first = torch.randn(gate, HIDDEN_INPUTS + 1, generator=chance) / math.sqrt(HIDDEN_INPUTS + 1)
            self.first, self.second = nn.Parameter(first), nn.Parameter(torch.zeros(gate))
        if soft is not None:
            self.share = nn.Parameter(torch.tensor(math.log(soft / (1.0 - soft))))
        if temperature is not None:
            self.warmth = nn.Parameter(torch.tensor(math.log(temperature)))
        for kind in ("hard", "easy"):
            self.register_buffer(kind, torch.full((buffer,), -1, dtype=torch.int64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        """The settings; nothing of what was learnt."""
        return ", ".join(f"{name}={value}" for name, value in self._settings().items())

    def bound(self, names: Sequence[str]) -> MetaWeights:
        """One for these teachers, with equal weights; the same object where it is for them already.

        Raises:
            InputError: it has been made for other teachers.
        """
        fresh = unbound(self.names, names, self.name)
        return MetaWeights(names, **self._settings()) if fresh else self

    def taking(self, teachers: Sequence[int]) -> MetaWeights:
        """One with what was learnt about these teachers, in this order."""
        chosen = MetaWeights([self.names[teacher] for teacher in teachers], **self._settings())
        learnt = {name: value for name, value in self.state_dict().items() if name != "bias"}
        chosen.load_state_dict({**learnt, "bias": self.bias.detach()[list(teachers)]})
        return chosen

    @property
    def steers(self) -> Mapping[str, float]:
        """`soft` and `temperature`, where they are learnt."""
        return {name: float(value.detach()) for name, value in self.steering(dict(self.named_parameters())).items()}

    def steering(self, learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same with gradient."""
        found: dict[str, Tensor] = {}
        if self.soft is not None:
            found["soft"] = torch.sigmoid(learnt["share"])
        if self.temperature is not None:
            found["temperature"] = learnt["warmth"].exp()
        return found

    def forward(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items], without gradient."""
        with torch.no_grad():
            return self.attached(signals, context, dict(self.named_parameters()))

    def attached(self, signals: Any, context: Context, learnt: Mapping[str, Tensor]) -> Weights:
        """The same as a function of its parameters."""
        valid: Tensor = signals.valid
        check_count(self.names, valid, self.name)
        column = learnt["bias"].to(valid.device, dtype_of(signals))
        scores = column.view(-1, *[1] * (valid.dim() - 1)).expand(valid.shape)
        if self.gate:
            scores = scores + self._gated(signals, learnt)
        return Weights(masked_softmax(scores, valid))

    def own_optimizer(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)

    def after_step(self, turn: Turn) -> Iterator[dict[str, Tensor]]:
        """One gradient every `every` steps, once there is a row that the student gets wrong."""
        self.steps += 1
        if int(self.steps) % self.every:
            return
        rows = self._asked(turn.batch)
        self._remember(turn)
        if not len(rows):
            return
        batch = turn.fetch(rows)

        def outer(student: Mapping[str, Tensor]) -> Tensor:
            losses = turn.hard(student, batch)
            return (losses * batch.labelled).sum() / batch.labelled.sum()

        way = around_step if self.finite else through_step
        yield way(turn.loss, outer, turn.student, leaves(dict(self.named_parameters())), self.rate)

    def after_epoch(self) -> Iterator[dict[str, Tensor]]:
        """Nothing."""
        return iter(())

    @torch.no_grad()
    def _remember(self, turn: Turn) -> None:
        """Keeps the rows of a batch that the student gets wrong, the latest first."""
        batch = turn.batch
        known = batch.labelled if batch.labelled.dim() == 1 else batch.labelled.any(1)
        answer = turn.answer(turn.student, batch)
        if isinstance(answer, Classes):
            wrong = turn.task.decode(answer) != batch.target
        else:
            losses = turn.task.hard_loss(answer, batch.target)
            losses = losses if losses.dim() == 1 else (losses * batch.labelled).sum(1)
            wrong = losses >= losses[known].quantile(0.75) if bool(known.any()) else known
        for memory, chosen in ((self.hard, wrong & known), (self.easy, known & ~wrong)):
            fresh = batch.row[chosen & (batch.row >= 0)].to(memory.device)
            kept = torch.cat([fresh, self._elsewhere(memory, batch)])[: self.buffer]
            memory.copy_(torch.nn.functional.pad(kept, (0, self.buffer - len(kept)), value=-1))

    def _asked(self, batch: Batch) -> Tensor:
        """Some of the hard and of the other rows, by number; none of this batch, and none without hard ones."""
        chance = torch.Generator().manual_seed(int(self.steps))
        found: list[Tensor] = []
        for memory, most in ((self.hard, self.draw), (self.easy, self.others)):
            rows = self._elsewhere(memory, batch).cpu()
            found.append(rows[torch.randperm(len(rows), generator=chance)[:most]])
        return torch.cat(found) if len(found[0]) else found[0]

    def _elsewhere(self, memory: Tensor, batch: Batch) -> Tensor:
        """Rows kept that are not in this batch."""
        return memory[(memory >= 0) & ~torch.isin(memory, batch.row.to(memory.device))]

    def _gated(self, signals: Any, learnt: Mapping[str, Tensor]) -> Tensor:
        if not isinstance(signals, Classes):
            raise refusal(self.name, signals, "the gate looks at probabilities of classes", "gate=0")
        probs = signals.probs()
        best = probs.topk(2, dim=-1).values
        parts = [best[..., 0], entropy(probs) / math.log(probs.shape[-1]), best[..., 0] - best[..., 1]]
        inputs = torch.stack([*parts, torch.ones_like(parts[0])], dim=-1)
        first, second = (learnt[name].to(inputs) for name in ("first", "second"))
        return torch.tanh(inputs @ first.T) @ second

    def _settings(self) -> dict[str, Any]:
        kept = ("lr", "every", "rate", "finite", "buffer", "draw", "others", "gate", "soft", "temperature")
        return {name: getattr(self, name) for name in kept}
