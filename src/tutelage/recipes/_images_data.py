"""Images in the forms in which the public sets come, as rows: chest X-rays of PneumoniaMNIST, pictures of CIFAR-10."""

from __future__ import annotations

import io
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Classes, InputError, Space, Task, require
from ..data import Rows, Sealed
from ..data.images import decode
from ..data.split import stratified_split
from ..tasks import Classification

IMAGE, LUNGS = "image", ("normal", "pneumonia")
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
"""Of the pictures of CIFAR-10, in pixels."""


def read_xrays(folder: Path, most: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Chest X-rays (Yang et al. 2023), 28 x 28 grey.

    Args:
        folder: holds `pneumoniamnist.npz`.
        most: so many training images; all with 0.

    Returns:
        Bytes [N, 28, 28], class numbers [N], and the row numbers of train, validation and test. Images of the training
        part that are also in another part are left out of it.

    Raises:
        InputError: the file is not there.
    """
    path = folder / "pneumoniamnist.npz"
    if not path.is_file():
        raise InputError(f"{path} is not there: give --data a folder with it")
    with np.load(path, allow_pickle=False) as arrays:
        parts = [arrays[f"{part}_images"] for part in ("train", "val", "test")]
        target = np.concatenate([arrays[f"{part}_labels"].ravel() for part in ("train", "val", "test")])
    images = np.concatenate(parts)
    ends = np.cumsum([len(part) for part in parts])
    train, validation, test = np.split(np.arange(len(images)), ends[:-1])
    elsewhere = {images[row].tobytes() for row in (*validation, *test)}
    train = train[[images[row].tobytes() not in elsewhere for row in train]]
    return images, target.astype(np.int64), (_some(train, target, most), validation, test)


def read_pictures(folder: Path, most: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """CIFAR-10 (Krizhevsky 2009), 32 x 32 in colours.

    Args:
        folder: holds `train*.parquet` and `test*.parquet` with columns `label` and `image` (or `img`) of image
            files, or the binary edition, `data_batch_*.bin` and `test_batch.bin`.
        most: so many training images, of all classes alike; all with 0.

    Returns:
        Bytes [N, 32, 32, 3], class numbers [N], and the row numbers of train, validation (a tenth of the training
        images) and test.

    Raises:
        InputError: no such files, or one that cannot be read.
    """
    read, kind = (_binary, ("data_batch_*.bin", "test_batch*.bin"))
    if any(folder.glob("train*.parquet")):
        read, kind = _parquet, ("train*.parquet", "test*.parquet")
    files = [sorted(folder.glob(pattern)) for pattern in kind]
    if not all(files):
        raise InputError(
            f"{folder} has no CIFAR-10: give --data a folder with train*.parquet and test*.parquet, or with "
            "data_batch_*.bin and test_batch.bin"
        )
    (cells, target), (tested, wanted) = (
        [list(chain.from_iterable(one)) for one in zip(*map(read, part), strict=True)] for part in files
    )
    row = _some(np.arange(len(cells)), np.array(target), most)
    cells, target = [cells[number] for number in row], [target[number] for number in row]
    images = np.stack(
        [cell if isinstance(cell, np.ndarray) else decode(io.BytesIO(cell), SIDE) for cell in cells + tested]
    )
    split = stratified_split(np.array(target), shares=(0.1, 0.0))
    test = np.arange(len(cells), len(images))
    return images, np.array(target + wanted, dtype=np.int64), (np.sort(split.train), np.sort(split.validation), test)


def image_rows(
    images: np.ndarray,
    target: np.ndarray,
    parts: tuple[np.ndarray, ...],
    names: tuple[str, ...],
    labelled: float,
) -> Rows:
    """Rows of images under their classes; the student sees this share of the labels, of all classes alike.

    Of two classes the area under the ROC curve counts.

    Raises:
        InputError: the share is not in (0, 1].
    """
    if not 0 < labelled <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {labelled}")
    train, validation, test = parts
    known = np.zeros(len(target), dtype=bool)
    known[np.concatenate([_some(train, target, round(labelled * len(train))), validation])] = True
    space = Space(Classes, names)
    task: Task | None = Classification(names, headline="roc_auc") if len(names) == 2 else None
    return Rows({IMAGE: images}, (IMAGE,), target, space, known, train, validation, Sealed(test), task=task)


def _some(row: np.ndarray, target: np.ndarray, most: int) -> np.ndarray:
    """At most so many of these rows, drawn with seed 0, of all classes alike; all with 0."""
    if not 0 < most < len(row):
        return row
    order = np.random.default_rng(0).permutation(row)
    place = np.zeros(len(order))
    for label in np.unique(target[order]):
        own = np.flatnonzero(target[order] == label)
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.sort(order[np.argsort(place, kind="stable")[:most]])


def _parquet(path: Path) -> tuple[list[bytes], list[int]]:
    table: Any = require("polars", extra="data", why="read images from Parquet").read_parquet(path)
    column = next((name for name in ("image", "img") if name in table.columns), None)
    if column is None or "label" not in table.columns:
        raise InputError(f"{path} needs columns image (or img) and label, and has {table.columns}")
    cells = [cell["bytes"] if isinstance(cell, dict) else cell for cell in table[column].to_list()]
    return cells, table["label"].to_list()


def _binary(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """A byte of the class, then 1024 bytes each of red, green and blue, per image."""
    size = 1 + 3 * SIDE * SIDE
    content = np.fromfile(path, dtype=np.uint8)
    if not len(content) or len(content) % size:
        raise InputError(
            f"{path} has {len(content)} bytes, which are not images of {size}: it is cut off, or no CIFAR-10"
        )
    table = content.reshape(-1, size)
    return list(table[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)), table[:, 0].tolist()
