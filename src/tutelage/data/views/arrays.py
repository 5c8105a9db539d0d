"""What an augmentation of numbers asks of a column."""

from __future__ import annotations

import numpy as np

from ...core import InputError


def plane(image: np.ndarray, who: str, name: str) -> tuple[int, int]:
    """The axes of height and width: images [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels.

    As `nets.ConvNet` reads them: an axis behind the rows that has 1 or 3 places holds channels.

    Raises:
        InputError: it holds no images; names the augmentation and the column.
    """
    if image.dtype.kind in "fiu":
        if image.ndim == 3:
            return 1, 2
        if image.ndim == 4 and (image.shape[1] in (1, 3) or image.shape[3] in (1, 3)):
            return (2, 3) if image.shape[1] in (1, 3) else (1, 2)
    raise InputError(
        f"{who} needs images [N, H, W], [N, H, W, C] or [N, C, H, W] of numbers with 1 or 3 channels; column {name!r} "
        f"has shape {list(image.shape)} and type {image.dtype}"
    )


def check_numbers(column: np.ndarray, who: str, name: str, kinds: str) -> None:
    """Refuses what is not of these kinds of numbers.

    Raises:
        InputError: names augmentation, column and type.
    """
    if column.dtype.kind not in kinds:
        what = "numbers with fractions (floating point)" if kinds == "f" else "numbers"
        raise InputError(f"{who} needs {what}; column {name!r} holds {column.dtype}")
