"""A small convolutional net for texts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TextConv(nn.Module):
    """Looks tokens up in a table, slides windows over them, and keeps the strongest answer of each filter (Kim 2014).

    Args:
        codes: number of codes beside 0, which stands for no token and is looked up as zeros.
        outputs: number of outputs.
        width: numbers per token.
        filters: of each window.
        windows: how many tokens a window spans.
        dropout: probability, before the last layer; tokens are dropped with half of it.
    """

    def __init__(
        self,
        codes: int,
        outputs: int,
        width: int = 32,
        filters: int = 64,
        windows: tuple[int, ...] = (3,),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(codes + 1, width) * 0.1)
        self.windows = nn.ModuleList(nn.Linear(span * width, filters) for span in windows)
        self.spans = windows
        self.lost, self.dropout = nn.Dropout(dropout / 2), nn.Dropout(dropout)
        self.head = nn.Linear(len(windows) * filters, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, outputs] from codes [B, L], or [B, L, parts], whose parts are added up."""
        codes = tokens.long() if tokens.dim() == 3 else tokens.long().unsqueeze(-1)
        words = functional.embedding(codes, self.table) * (codes > 0).unsqueeze(-1)
        words = self.lost(words.sum(2))
        return self.head(self.dropout(torch.cat([self._strongest(words, n) for n in range(len(self.spans))], 1)))

    def _strongest(self, words: Tensor, number: int) -> Tensor:
        """[B, filters]: one filter bank as a product of matrices, which CPUs do faster than a convolution."""
        span = self.spans[number]
        padded = functional.pad(words, (0, 0, span - 1, span - 1))
        size = padded.shape[1] - span + 1
        rows = torch.cat([padded[:, start : start + size] for start in range(span)], -1)
        return self.windows[number](rows).amax(1).relu()
