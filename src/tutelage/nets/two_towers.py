"""Two towers: a vector for whoever asks, a vector for each item, and their inner product."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core import InputError
from .mlp import MLP

FULL = 8
"""Items are all scored where there are at most this many for each candidate of a row."""


class TwoTowers(nn.Module):
    """Scores candidates by the inner product of a user's and an item's vector, plus a bias of the item.

    The vector of an item is a learned embedding by its id, or a tower over its features, or the sum of both. An id
    that was never seen (-1, or beyond `items`) has the embedding and the bias 0, so that its features alone speak.
    Vectors of items do not depend on who asks: `item_vectors` computes them once, `scores_of` scores all of them.

    Args:
        user: number of features of the user (of all columns of the query together).
        items: number of item ids that have an embedding; 0 for none.
        features: number of features of an item, given with each candidate; 0 for none.
        width: of the vectors.
        hidden: widths of the hidden layers of both towers.
        dropout: probability, after each hidden layer.

    Raises:
        InputError: items have neither an embedding nor features.
    """

    def __init__(
        self,
        user: int,
        items: int = 0,
        features: int = 0,
        width: int = 32,
        hidden: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if items < 1 and features < 1:
            raise InputError("items need ids with an embedding (items=) or features (features=), got neither")
        self.items, self.features = items, features
        self.users = MLP(user, width, hidden, dropout)
        self.embedding = nn.Embedding(items + 1, width, padding_idx=items) if items else None
        self.bias = nn.Embedding(items + 1, 1, padding_idx=items) if items else None
        self.tower = MLP(features, width, hidden, dropout) if features else None
        for table, spread in ((self.embedding, width**-0.5), (self.bias, 0.0)):
            if table is not None:
                nn.init.normal_(table.weight, std=spread)
                with torch.no_grad():
                    table.weight[items].zero_()

    def forward(self, user: Tensor, item: Tensor, features: Tensor | None = None) -> Tensor:
        """Scores [B, N] of users [B, ...] for candidates [B, N] with features [B, N, features], where they have some.

        Raises:
            InputError: features are missing, or given to a net that has no tower for them.
        """
        if self.tower is None and self.items <= FULL * item.shape[-1]:
            return self._of_whole(user, item, features)
        vectors = self.item_vectors(item, features)
        return (vectors[..., :-1] @ self.user_vectors(user).unsqueeze(-1)).squeeze(-1) + vectors[..., -1]

    def _of_whole(self, user: Tensor, item: Tensor, features: Tensor | None) -> Tensor:
        """The same by scoring every item there is: where many are candidates, cheaper than a vector for each."""
        every = torch.arange(self.items, device=item.device)
        vectors = self.item_vectors(every, features)
        known = torch.logical_and(item >= 0, item < self.items)
        place = torch.where(known, item, 0)
        return self.scores_of(user, vectors).gather(-1, place).masked_fill(torch.logical_not(known), 0.0)

    def user_vectors(self, user: Tensor) -> Tensor:
        """[B, width] from users [B, ...]."""
        return self.users(user)

    def item_vectors(self, item: Tensor, features: Tensor | None = None) -> Tensor:
        """Vectors of items with the bias behind, [..., width + 1], from ids [...] and features [..., features].

        Raises:
            InputError: as in `forward`.
        """
        if (features is None) != (self.tower is None):
            raise InputError(
                f"the net was made for {self.features} features per item and was given "
                f"{'none' if features is None else tuple(features.shape)}: TwoTowers(..., features=)"
            )
        parts: list[Tensor] = []
        if self.embedding is not None and self.bias is not None:
            known = torch.where(torch.logical_and(item >= 0, item < self.items), item, self.items)
            parts.append(torch.cat([self.embedding(known), self.bias(known)], dim=-1))
        if self.tower is not None and features is not None:
            vectors = self.tower(features.reshape(-1, self.features)).view(*item.shape, -1)
            parts.append(torch.cat([vectors, torch.zeros_like(vectors[..., :1])], dim=-1))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def scores_of(self, user: Tensor, vectors: Tensor) -> Tensor:
        """Scores [B, M] of users [B, ...] for M items whose `item_vectors` [M, width + 1] are at hand."""
        return torch.addmm(vectors[:, -1], self.user_vectors(user), vectors[:, :-1].T)
