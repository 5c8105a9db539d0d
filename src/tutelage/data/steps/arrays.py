"""What steps on arrays share: one function for NumPy and torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from ...core import InputError

Constants = Mapping[str, np.ndarray]
Same = Callable[[Any, Any, Mapping[str, Any]], Any]
"""A function of `numpy` or `torch`, an array [N, ...] of float64, and constants."""


def in_numpy(function: Same, constants: Constants) -> Callable[..., tuple[np.ndarray, ...]]:
    """The NumPy form of a step on arrays; float32 results."""

    def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
        found = (function(np, np.asarray(column, dtype=np.float64), constants) for column in columns)
        return tuple(column.astype(np.float32) for column in found)

    return run


@final
class InTorch(nn.Module):
    """The torch form of a step on arrays; the constants are buffers."""

    def __init__(self, function: Same, constants: Constants) -> None:
        super().__init__()
        self.function = function
        self.names = tuple(constants)
        for name, array in constants.items():
            self.register_buffer(f"_{name}", torch.from_numpy(np.array(array)))

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """Arrays [N, ...] to arrays."""
        constants = {name: self.get_buffer(f"_{name}") for name in self.names}
        return tuple(self.function(torch, column.double(), constants).float() for column in columns)


def check_shape(what: str, array: Any, dims: tuple[int, ...], shape: str) -> None:
    """Refuses arrays of other dimensions.

    Raises:
        InputError: says which shape was expected.
    """
    if array.ndim not in dims:
        raise InputError(f"{what} takes arrays {shape}, got shape {tuple(array.shape)}")
