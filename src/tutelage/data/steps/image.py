"""Images to features: resizing, and histograms of oriented gradients, in NumPy and torch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np
from torch import nn

from ...core import InputError
from .arrays import InTorch, check_shape, in_numpy
from .step import Column, Given, Kind, Role, State, check_columns, no_frame, plain

EPS = 1e-5


@final
@dataclass(frozen=True)
class Resize:
    """Images [N, H, W] or [N, H, W, C] to [N, height, width(, C)], bilinear, smoothed where they shrink.

    Args:
        columns: columns of images, replaced; values keep their range.
        height: in pixels.
        width: in pixels.

    Raises:
        InputError: a size is below 1; on use, arrays of another shape.
    """

    name: ClassVar[str] = "resize"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("array",)
    columns: tuple[str, ...]
    height: int
    width: int

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if min(self.height, self.width) < 1:
            raise InputError(f"images are resized to at least 1 x 1, got {self.height} x {self.width}")

    @property
    def kind(self) -> Kind:
        """Row-wise."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Arrays."""
        return plain(self.columns, "array")

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        return in_numpy(self._resized, {})

    def module(self, given: Given, state: State) -> nn.Module:
        """In torch."""
        return InTorch(self._resized, {})

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def _resized(self, xp: Any, image: Any, constants: Mapping[str, Any]) -> Any:
        check_shape(f"step {self.name!r}", image, (3, 4), "[rows, height, width] or [rows, height, width, channels]")
        rows, columns = weights(image.shape[1], self.height), weights(image.shape[2], self.width)
        if xp is not np:
            rows, columns = xp.from_numpy(rows), xp.from_numpy(columns)
        flat = image if image.ndim == 4 else image[..., None]
        done = xp.einsum("ih,nhwc,jw->nijc", rows, flat, columns)
        return done[..., 0] if image.ndim == 3 else done


def weights(size: int, wanted: int) -> np.ndarray:
    """How much each old pixel gives to each new one, float64 [wanted, size]: a triangle over the pixels it covers."""
    scale = size / wanted
    reach = max(scale, 1.0)
    middle = (np.arange(wanted)[:, None] + 0.5) * scale
    found = np.maximum(0.0, 1 - np.abs(np.arange(size) + 0.5 - middle) / reach)
    return found / found.sum(1, keepdims=True)


@final
@dataclass(frozen=True)
class Hog:
    """Images [N, H, W] or [N, H, W, C] to histograms of oriented gradients, one vector [N, F] (Dalal and Triggs 2005).

    Of several channels, each pixel follows the one with the steepest gradient. Blocks are normalised by L2-Hys. The
    numbers are those of scikit-image's `hog` with the same settings.

    Args:
        columns: columns of images, replaced.
        orientations: bins of 180 degrees.
        cell: pixels of a cell, in both directions; what is left over at the right and at the bottom is not used.
        block: cells of a block, in both directions.

    Raises:
        InputError: a setting is below 1; on use, images of another shape or smaller than a block.
    """

    name: ClassVar[str] = "hog"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("array",)
    columns: tuple[str, ...]
    orientations: int = 9
    cell: int = 8
    block: int = 2

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if min(self.orientations, self.cell, self.block) < 1:
            raise InputError(f"{self}: orientations, cell and block are at least 1")

    @property
    def kind(self) -> Kind:
        """Row-wise."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Arrays."""
        return plain(self.columns, "array")

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        return in_numpy(self._histograms, {})

    def module(self, given: Given, state: State) -> nn.Module:
        """In torch."""
        return InTorch(self._histograms, {})

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def _histograms(self, xp: Any, image: Any, constants: Mapping[str, Any]) -> Any:
        check_shape(f"step {self.name!r}", image, (3, 4), "[rows, height, width] or [rows, height, width, channels]")
        high, wide = image.shape[1] // self.cell, image.shape[2] // self.cell
        if min(high, wide) < self.block:
            raise InputError(f"images of {image.shape[1]} x {image.shape[2]} have no block of {self.block} cells")
        size, angle = _gradient(xp, image)
        size, angle = (part[:, : high * self.cell, : wide * self.cell] for part in (size, angle))
        step, cells = 180 / self.orientations, list[Any]()
        for number in range(self.orientations):
            inside = (angle >= step * number) & (angle < step * (number + 1))
            kept = xp.where(inside, size, xp.zeros_like(size))
            cut = kept.reshape(len(image), high, self.cell, wide, self.cell)
            cells.append(cut.sum((2, 4)) / self.cell**2)
        return self._blocks(xp, xp.stack(cells, -1), high - self.block + 1, wide - self.block + 1)

    def _blocks(self, xp: Any, cells: Any, high: int, wide: int) -> Any:
        rows = range(self.block)
        cut = xp.stack([cells[:, r : r + high, c : c + wide] for r in rows for c in rows], 3)
        width = self.block**2 * self.orientations
        flat = cut.reshape(len(cells), high, wide, width)
        flat = flat / ((flat**2).sum(-1)[..., None] + EPS**2) ** 0.5
        flat = xp.where(flat < 0.2, flat, xp.full_like(flat, 0.2))
        flat = flat / ((flat**2).sum(-1)[..., None] + EPS**2) ** 0.5
        return flat.reshape(len(cells), high * wide * width)


def _gradient(xp: Any, image: Any) -> tuple[Any, Any]:
    """Length and direction (degrees, 0 up to 180) of the steepest channel's gradient, [N, H, W] each."""
    channels = [image] if image.ndim == 3 else [image[..., number] for number in range(image.shape[3])]
    best: tuple[Any, Any, Any] | None = None
    for channel in channels:
        edge, side = xp.zeros_like(channel[:, :1]), xp.zeros_like(channel[:, :, :1])
        down = xp.concatenate((edge, channel[:, 2:] - channel[:, :-2], edge), axis=1)
        right = xp.concatenate((side, channel[:, :, 2:] - channel[:, :, :-2], side), axis=2)
        size = xp.hypot(down, right)
        if best is None:
            best = size, down, right
        else:
            more = size > best[0]
            best = tuple(xp.where(more, new, old) for new, old in zip((size, down, right), best, strict=True))
    assert best is not None
    return best[0], xp.rad2deg(xp.arctan2(best[1], best[2])) % 180
