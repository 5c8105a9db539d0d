"""Each peer has a target of its own; a leader learns from all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...core import Batch, Classes, InputError, Signals, Task, Values
from .form import Lesson
from .leave_one_out import called
from .members import Heard, silent


class Attention(nn.Module):
    """Asymmetric attention of peers to each other: softmax over b of <W_q h_a, W_k h_b>.

    Args:
        width: features per student.
        dim: of the projections.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, dim, bias=False)
        self.key = nn.Linear(width, dim, bias=False)

    def forward(self, features: Tensor, itself: bool) -> Tensor:
        """Weights [A, A, B] from features [A, B, D]: how much the first listens to the second, on each row."""
        energy = torch.einsum("abd,cbd->acb", self.query(features), self.key(features))
        if not itself:
            own = torch.eye(len(features), dtype=torch.bool, device=features.device)
            energy = energy.masked_fill(own.unsqueeze(-1), -torch.inf)
        return torch.softmax(energy, dim=1)


@dataclass(frozen=True)
class OKDDip:
    """Diverse peers and a leader, in two levels; Chen et al. 2020.

    All students but the last are peers. Each hears one mixture of the peers' scores, mixed by an attention of its own
    that learns with the peers' losses; so the targets differ, and the peers stay different. The last student, the
    leader, hears the peers and is shipped. The paper has T = 3, eight dimensions, and ramps the soft loss up.

    Args:
        layer: whose features the attention looks at; all students need the same width there. See `heard`.
        dim: of queries and keys.
        itself: whether a peer hears its own answer, too, as in the paper.
        parts: the attention; made by `Peers.sized`, which `fit_together` calls.
    """

    name = "okddip"
    source = "chen2020"
    layer: str
    dim: int = 8
    itself: bool = True
    parts: nn.ModuleDict | None = None

    def sized(self, students: nn.Module, heard: Heard) -> OKDDip:
        """With a fresh attention, as wide as the features.

        Raises:
            InputError: fewer than three students, or features of different widths.
        """
        if len(heard.answers) < 3 or len(heard.features) < 3:
            raise InputError(
                f"OKDDip needs at least two peers and a leader, got {len(heard.answers)} students and features of "
                f"{len(heard.features)}: give more students, and a layer that each of them has"
            )
        widths = {int(features.shape[-1]) for features in heard.features}
        if len(widths) > 1:
            raise InputError(f"layer {self.layer!r} is {sorted(widths)} wide: OKDDip needs one width for all students")
        first = heard.features[0]
        made = Attention(widths.pop(), self.dim).to(first.device, first.dtype)
        return replace(self, parts=nn.ModuleDict({"attention": made}))

    def leader(self, members: int) -> int:
        """The last student."""
        return members - 1

    def lessons(self, students: nn.Module, heard: Heard, task: Task, batch: Batch, flow: bool) -> tuple[Lesson, ...]:
        """A mixture of its own for each peer, all peers for the leader.

        Scores and features of others hold still unless `flow`; the attention always learns.
        """
        assert self.parts is not None
        said = heard.answers if flow else tuple(silent(answer) for answer in heard.answers)
        *peers, _ = said
        features = torch.stack(heard.features[:-1])
        trust = self.parts["attention"](features if flow else features.detach(), self.itself)
        mixed = [Signals(("mixture",), (mixture(peers, weights),)) for weights in trust]
        everyone = Signals(tuple(called(i) for i in range(len(peers))), tuple(peers))
        return tuple(
            Lesson(called(i), answer, taught)
            for i, (answer, taught) in enumerate(zip(heard.answers, [*mixed, everyone], strict=True))
        )

    def hearing(self, members: int) -> tuple[bool, ...]:
        """Everyone."""
        return (True,) * members


def mixture(answers: Any, weights: Tensor) -> Any:
    """One answer from the weighted mean of scores (or means) of several, weights [A, B].

    Raises:
        InputError: the answers are of another kind.
    """
    first = answers[0]
    if isinstance(first, Classes):
        scores = torch.einsum("ab,abc->bc", weights.to(first.scores), torch.stack([a.scores for a in answers]))
        return Classes.of(scores, "logits")
    if isinstance(first, Values) and first.scale is None:
        return Values.of(torch.einsum("ab,abd->bd", weights.to(first.mean), torch.stack([a.mean for a in answers])))
    raise InputError(f"OKDDip mixes scores of classes, or values without a scale, not {type(first).__name__}")
