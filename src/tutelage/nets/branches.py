"""One net with several heads: students that share what is near the input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """How much each branch counts in the mixture, from the shared features; Lan et al. 2018.

    softmax(ReLU(BN(W h))), with maps averaged over their places; the norm needs at least two rows to learn.

    Args:
        width: features (channels) of the trunk.
        branches: number of branches.
    """

    def __init__(self, width: int, branches: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, branches, bias=False)
        self.norm = nn.BatchNorm1d(branches)

    def forward(self, features: Tensor) -> Tensor:
        """Weights [B, M] that sum to 1, from features [B, D] or maps [B, D, ...]."""
        flat = features if features.dim() == 2 else features.flatten(2).mean(2)
        return torch.softmax(torch.relu(self.norm(self.score(flat))), dim=1)


class Branch(nn.Module):
    """One student out of several: the trunk and its own head."""

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, *columns: Tensor) -> Tensor:
        """[B, outputs]."""
        return self.head(self.trunk(*columns))


class Branches(nn.Module):
    """A shared trunk and M heads: a tuple of M outputs, and the gated mixture of them where there is a gate.

    Args:
        trunk: from columns to features; called once for all heads.
        heads: from features to outputs [B, C], one per student.
        gate: from features to weights [B, M], such as `Gate`; the mixture of the outputs is given last.
        rescale: divide by M what the heads together tell the trunk, so that its gradient is as large as that of one
            student; Song and Chai 2018.
    """

    def __init__(
        self, trunk: nn.Module, heads: Sequence[nn.Module], gate: nn.Module | None = None, rescale: bool = False
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)
        self.gate = gate
        self.rescale = rescale

    @property
    def students(self) -> int:
        """Number of heads."""
        return len(self.heads)

    def branch(self, number: int) -> Branch:
        """The trunk and one head as a net of its own, with the same parameters."""
        return Branch(self.trunk, self.heads[number])

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """M outputs [B, C], then the mixture where there is a gate."""
        features = self.trunk(*columns)
        if self.rescale:
            still = features.detach()
            features = still + (features - still) / len(self.heads)
        found = tuple(head(features) for head in self.heads)
        if self.gate is None:
            return found
        weights = self.gate(features)
        return (*found, torch.einsum("bm,mbc->bc", weights, torch.stack(found)))
