"""A small transformer on tokens, for texts whose order matters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core import InputError


class TokenTransformer(nn.Module):
    """Tokens with learnt places, layers of self-attention, their mean, and a linear head (Vaswani et al. 2017).

    Layer norm comes first in each half of a layer. Tokens of all texts lie in one table, so that only attention itself
    pays for what is shorter than a batch's longest text.

    Args:
        codes: number of codes beside 0, which stands for no token.
        outputs: number of outputs.
        length: most tokens of a text.
        width: numbers per token.
        layers: number of layers.
        heads: of attention; divides `width`.
        dropout: share that is dropped of the tokens' numbers and of their mean while training; none inside the layers,
            where drawing it would cost as much as all the rest.

    Raises:
        InputError: heads do not divide the width.
    """

    def __init__(
        self,
        codes: int,
        outputs: int,
        length: int = 128,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise InputError(f"TokenTransformer cuts its width into heads: {width=} must be a multiple of {heads=}")
        self.table = nn.Parameter(torch.randn(codes + 1, width) * 0.1)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.lost, self.norm, self.head = nn.Dropout(dropout), nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, outputs] from codes [B, L], or [B, L, parts], whose parts are added up.

        Raises:
            InputError: texts are longer than `length`.
        """
        codes = tokens.long() if tokens.dim() == 3 else tokens.long().unsqueeze(-1)
        there = codes[:, :, 0] > 0
        count = there.sum(1)
        if int(count.max()) > len(self.places):
            raise InputError(
                f"this transformer reads {len(self.places)} tokens, got {int(count.max())}: make it longer"
            )
        text, place = there[:, : max(1, int(count.max()))].nonzero(as_tuple=True)
        parts = codes[text, place]
        words = (functional.embedding(parts, self.table) * (parts > 0).unsqueeze(-1)).sum(1)
        state = self.lost(words + self.places[place])
        for layer in self.layers:
            state = layer(state, text, place, count)
        total = state.new_zeros(len(codes), state.shape[1]).index_add(0, text, self.norm(state))
        return self.head(self.lost(total / count.clamp_min(1).unsqueeze(1)))


class _Layer(nn.Module):
    """Self-attention and a small net, each added to what it reads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.asked, self.said = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.thought = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, state: Tensor, text: Tensor, place: Tensor, count: Tensor) -> Tensor:
        """[n, width] from tokens [n, width] of these texts [n] at these places [n]; texts have `count` [B] tokens."""
        longest = int(count.max())
        asked = self.asked(self.first(state))
        padded = asked.new_zeros(len(count), longest, asked.shape[1]).index_put((text, place), asked)
        query, key, value = padded.view(len(count), longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        there = torch.arange(longest, device=state.device) < count.view(-1, 1, 1, 1)
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=there)
        state = state + self.said(heard.transpose(1, 2).flatten(2)[text, place])
        return state + self.thought(self.second(state))
