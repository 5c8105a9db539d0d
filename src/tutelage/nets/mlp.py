"""A multi-layer perceptron for feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU and optional dropout; several inputs are flattened and concatenated.

    Args:
        inputs: total number of input features.
        outputs: number of outputs.
        hidden: widths of the hidden layers.
        dropout: probability, after each hidden layer.
        scale: inputs are multiplied by it (1/255 for bytes).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: tuple[int, ...] = (64, 64),
        dropout: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        width = inputs
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
            width = size
        layers.append(nn.Linear(width, outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, *columns: Tensor) -> Tensor:
        """[B, outputs] from columns [B, ...]."""
        flat = [column.flatten(1) if column.dim() > 1 else column.unsqueeze(1) for column in columns]
        joined = torch.cat([column.float() for column in flat], dim=1)
        return self.layers(joined if self.scale == 1.0 else joined * self.scale)
