"""Image features against slow twins that do one pixel at a time, and against torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tutelage.core import InputError
from tutelage.data.recipe import Recipe
from tutelage.data.steps import Hog, Resize


def naive_hog(image: np.ndarray, bins: int, cell: int, block: int) -> list[float]:
    """The definition, pixel by pixel; image [H, W, C]."""
    height, width, channels = image.shape
    high, wide = height // cell, width // cell
    cells = np.zeros((high, wide, bins))
    for y in range(high * cell):
        for x in range(wide * cell):
            best, angle = -1.0, 0.0
            for c in range(channels):
                down = image[y + 1, x, c] - image[y - 1, x, c] if 0 < y < height - 1 else 0.0
                right = image[y, x + 1, c] - image[y, x - 1, c] if 0 < x < width - 1 else 0.0
                if math.hypot(down, right) > best:
                    best, angle = math.hypot(down, right), math.degrees(math.atan2(down, right)) % 180
            cells[y // cell, x // cell, min(int(angle / (180 / bins)), bins - 1)] += best / cell**2
    found: list[float] = []
    for y in range(high - block + 1):
        for x in range(wide - block + 1):
            part = cells[y : y + block, x : x + block].ravel()
            part = np.minimum(part / math.sqrt(float(part @ part) + 1e-10), 0.2)
            found += (part / math.sqrt(float(part @ part) + 1e-10)).tolist()
    return found


@pytest.mark.parametrize(
    ("shape", "settings"), [((26, 19, 3), (9, 5, 2)), ((24, 24, 1), (6, 8, 3)), ((9, 17, 2), (4, 4, 1))]
)
def test_hog_is_its_definition(shape: tuple[int, int, int], settings: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).random((2, *shape))
    found = (
        Recipe((Hog(("image",), *settings),), {"hog": "image"}).fit({"image": images}).apply({"image": images})["hog"]
    )
    for image, row in zip(images, found, strict=True):
        assert np.allclose(row, naive_hog(image, *settings), atol=1e-6)


@pytest.mark.parametrize("size", [(7, 5), (13, 40), (64, 64), (30, 41)])
def test_resizing_is_that_of_torch(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).random((3, 30, 41, 3))
    found = Recipe((Resize(("image",), *size),), {"image": "image"}).fit({"image": images}).apply({"image": images})
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    wanted = torch.nn.functional.interpolate(tensor, size, mode="bilinear", antialias=True, align_corners=False)
    assert np.allclose(found["image"], wanted.permute(0, 2, 3, 1).numpy(), atol=1e-6)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"takes arrays \[rows, height, width\]"):
        Recipe((Resize(("x",), 2, 2),), {"x": "x"}).fit({"x": np.zeros((4, 3, 2, 2, 1))}).apply({"x": np.zeros((4, 9))})
    with pytest.raises(InputError, match="have no block of 2 cells"):
        Recipe((Hog(("x",)),), {"x": "x"}).fit({"x": np.zeros((4, 9, 9))}).apply({"x": np.zeros((4, 9, 9))})
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros((3, 3)), np.zeros((4, 3))]
    with pytest.raises(InputError, match=r"'x' holds arrays of shapes \[\(3, 3\), \(4, 3\)\]"):
        Recipe((Resize(("x",), 2, 2),), {"x": "x"}).fit({"x": ragged}).apply({"x": ragged})
