"""Made inputs: a net from noise to the student's columns, and plain noise to compare it with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..core import InputError

FORMS = ("spectral", "naive")
REACH = 2.0
"""Standard deviation of an output before the sigmoid: a third of the inputs lie in the outer fifths of their range."""


@dataclass(frozen=True)
class Range:
    """What one column may hold.

    Args:
        low: smallest number, one for all entries or an array of the column's shape.
        high: largest number, likewise.
        shape: of one row's entry; () for a plain number, (1, 8, 8) for a small picture.

    Raises:
        InputError: a bound is not finite or does not fit the shape, or the range is empty.
    """

    low: Any
    high: Any
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(size < 1 for size in self.shape):
            raise InputError(f"every axis of a column needs at least one entry, got shape {self.shape}")
        for name in ("low", "high"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape not in ((), self.shape):
                raise InputError(f"{name} is one number or has the column's shape {self.shape}, got {value.shape}")
            if not np.isfinite(value).all():
                raise InputError(f"a range needs finite bounds, got {name}={getattr(self, name)}")
        low, high = (np.asarray(end, dtype=np.float64) for end in (self.low, self.high))
        if bool((low > high).any()) or not bool((low < high).any()):
            raise InputError(f"a range goes from low up to high, got {self.low} to {self.high}: nothing lies between")

    @property
    def size(self) -> int:
        """Numbers per row."""
        return math.prod(self.shape)

    def bounds(self) -> Tensor:
        """Low and high of every entry, float32 [2, size]."""
        ends = [
            np.broadcast_to(np.asarray(end, dtype=np.float32), self.shape).reshape(-1) for end in (self.low, self.high)
        ]
        return torch.from_numpy(np.stack(ends))


def ranges_of(columns: Mapping[str, np.ndarray]) -> dict[str, Range]:
    """The ranges that some real rows span, entry by entry.

    Args:
        columns: numbers [N, ...] each, for instance of a few dozen rows that may be looked at.

    Raises:
        InputError: a column is not numeric, has no rows, or never changes.
    """
    found: dict[str, Range] = {}
    for name, column in columns.items():
        if column.dtype.kind not in "fiub" or not len(column):
            raise InputError(f"column {name!r} of type {column.dtype} and {len(column)} rows has no range of numbers")
        try:
            found[name] = Range(column.min(0).astype(np.float64), column.max(0).astype(np.float64), column.shape[1:])
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from error
    return found


class Noise(nn.Module):
    """Inputs drawn evenly from their ranges; nothing is learnt. What a generator has to beat.

    Args:
        inputs: the student's columns, in its order.

    Raises:
        InputError: there are none.
    """

    bounds: Tensor

    def __init__(self, inputs: Mapping[str, Range]) -> None:
        super().__init__()
        if not inputs:
            raise InputError("inputs need at least one column: inputs={'features': Range(-3.0, 3.0, (5,))}")
        self.inputs = dict(inputs)
        self.register_buffer("bounds", torch.cat([one.bounds() for one in self.inputs.values()], 1))

    @property
    def size(self) -> int:
        """Numbers per row, over all columns."""
        return int(self.bounds.shape[1])

    def latent(self, count: int, chance: torch.Generator | None = None) -> Tensor:
        """What so many rows are made from, float [count, size]."""
        return torch.rand(count, self.size, generator=chance).to(self.bounds.device)

    def unit(self, latent: Tensor) -> Tensor:
        """Rows as shares of their ranges, in [0, 1], float [B, size]."""
        return latent

    def columns(self, unit: Tensor) -> dict[str, Tensor]:
        """The columns [B, *shape] that such shares stand for."""
        low, high = self.bounds
        parts = (low + (high - low) * unit).split([one.size for one in self.inputs.values()], 1)
        return {
            name: part.reshape(-1, *one.shape) for (name, one), part in zip(self.inputs.items(), parts, strict=True)
        }

    def forward(self, latent: Tensor) -> dict[str, Tensor]:
        """Columns [B, *shape] by name."""
        return self.columns(self.unit(latent))

    def draw(self, count: int, seed: int = 0) -> dict[str, Tensor]:
        """So many rows, without gradient; the same for the same seed."""
        with torch.no_grad():
            return self(self.latent(count, torch.Generator().manual_seed(seed)))


class Generator(Noise):
    """A multi-layer perceptron from normal noise to inputs within their ranges.

    `spectral` divides every matrix by its largest singular value (Miyato et al. 2018), which power iteration follows,
    and brings every output to mean 0 and variance 4 over the batch before the sigmoid: no output can stay at the end of
    its range, and rows cannot become the same. `naive` does neither and is there for comparison.

    Args:
        inputs: the student's columns, in its order.
        noise: width of the noise.
        hidden: widths of the hidden layers.
        form: `spectral` or `naive`.
        seed: of the first parameters.

    Raises:
        InputError: a number or word out of range.
    """

    def __init__(
        self,
        inputs: Mapping[str, Range],
        *,
        noise: int = 64,
        hidden: tuple[int, ...] = (128, 128),
        form: Literal["spectral", "naive"] = "spectral",
        seed: int = 0,
    ) -> None:
        super().__init__(inputs)
        if noise < 1 or any(width < 1 for width in hidden) or form not in FORMS:
            raise InputError(
                f"a generator needs widths of at least 1 and the form {' or '.join(FORMS)}, got noise={noise}, "
                f"hidden={hidden}, form={form!r}"
            )
        self.noise, self.form = noise, form
        layers: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for wide, out in itertools.pairwise((noise, *hidden, self.size)):
                layer: Any = nn.Linear(wide, out)
                layers += [spectral_norm(layer) if form == "spectral" else layer, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])
        self.level = nn.BatchNorm1d(self.size, affine=False) if form == "spectral" else nn.Identity()

    def latent(self, count: int, chance: torch.Generator | None = None) -> Tensor:
        """Normal noise, float [count, noise]."""
        return torch.randn(count, self.noise, generator=chance).to(self.bounds.device)

    def unit(self, latent: Tensor) -> Tensor:
        """Rows as shares of their ranges, in (0, 1), float [B, size]."""
        reach = REACH if self.form == "spectral" else 1.0
        return torch.sigmoid(reach * self.level(self.layers(latent)))
