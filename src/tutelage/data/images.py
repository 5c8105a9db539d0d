"""Images from folders: one folder per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Classes, InputError, LeakageError, Space, require
from .rows import Rows, Sealed
from .target import natural, split

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class ImagePreparation:
    """How an image file becomes an array: RGB, resized to a square, bytes."""

    size: int
    output: str = "image"
    reads: tuple[str, ...] = ("path",)

    def apply(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """uint8 [N, size, size, 3] from file paths.

        Raises:
            InputError: a file is no readable image; names the file.
        """
        return {self.output: np.stack([decode(path, self.size) for path in columns["path"].tolist()])}

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "images", "size": self.size, "output": self.output}


@dataclass(frozen=True)
class Images:
    """Rows of a folder, the preparation, and remarks (files that could not be read)."""

    rows: Rows
    preparation: ImagePreparation
    remarks: tuple[str, ...]


def is_image_folder(path: Path) -> bool:
    """Whether a folder holds folders with images."""
    return path.is_dir() and any(image_files(child) for child in path.iterdir() if child.is_dir())


def read_images(
    path: Path | str,
    *,
    validation: Path | str | None = None,
    test: Path | str | None = None,
    size: int = 32,
    seed: int = 0,
) -> Images:
    """Rows from a folder with one folder of images per class.

    Args:
        path: training images.
        validation: folder of the same form; split off the training images unless given.
        test: folder of the same form; split off the training images unless given.
        size: side of the square that images are resized to, in pixels.
        seed: of the split.

    Raises:
        InputError: fewer than two classes, a class of which no image can be read, too few images to be split, or
            another folder has other classes.
        LeakageError: one folder is given twice.
    """
    names = classes_of(Path(path), least=2)
    parts = {"train": Path(path)}
    parts |= {} if validation is None else {"validation": Path(validation)}
    parts |= {} if test is None else {"test": Path(test)}
    if len({folder.resolve() for folder in parts.values()}) < len(parts):
        raise LeakageError(f"{' and '.join(parts)} are the same images: {[str(folder) for folder in parts.values()]}")
    paths: list[str] = []
    labels: list[int] = []
    origin: list[str] = []
    remarks: list[str] = []
    pixels: list[np.ndarray] = []
    for part, folder in parts.items():
        strange = sorted(set(classes_of(folder)) - set(names))
        if strange:
            raise InputError(f"{folder} has classes {strange} that {path} does not have: {list(names)}")
        for label, name in enumerate(names):
            for file in image_files(folder / name):
                try:
                    pixels.append(decode(file, size))
                except InputError as error:
                    remarks.append(str(error))
                    continue
                paths.append(str(file))
                labels.append(label)
                origin.append(part)
    _check(parts, names, labels, origin, remarks)
    target = np.array(labels, dtype=np.int64)
    space = Space(Classes, names)
    where = {part: np.flatnonzero(np.array(origin) == part) for part in ("train", "validation", "test")}
    train, held, tested = _split(target, space, where, seed)
    columns = {"path": np.array(paths, dtype=object), "image": np.stack(pixels)}
    known = np.ones(len(target), dtype=bool)
    preparation = ImagePreparation(size)
    rows = Rows(columns, ("image",), target, space, known, train, held, Sealed(tested), None, preparation)
    return Images(rows, preparation, tuple(remarks))


def _check(
    parts: Mapping[str, Path],
    names: Sequence[str],
    labels: Sequence[int],
    origin: Sequence[str],
    remarks: Sequence[str],
) -> None:
    """Raises InputError when a folder or a class has no image that can be read."""
    for part, folder in parts.items():
        if part not in origin:
            raise InputError(f"none of the images in {folder} can be read: {remarks[0]}")
    learnt = {label for label, part in zip(labels, origin, strict=True) if part == "train"}
    lost = [name for label, name in enumerate(names) if label not in learnt]
    if lost:
        raise InputError(
            f"none of the images of {lost} in {parts['train']} can be read: repair some, or remove these folders"
        )


def decode(path: Path | str | BytesIO, size: int) -> np.ndarray:
    """One image, a file or its content, as uint8 [size, size, 3]; of 16 bits a pixel the upper eight are taken.

    Raises:
        InputError: the file is no readable image, or its pixels have no known range.
    """
    image = require("PIL.Image", extra="vision", why="read images")
    try:
        with image.open(path) as opened:
            plain = image.fromarray(_eight_bits(opened)) if opened.mode[0] in "IF" else opened
            return np.asarray(plain.convert("RGB").resize((size, size), image.Resampling.BILINEAR))
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        raise InputError(f"{path} is no readable image ({error}): it is left out") from error


def _eight_bits(opened: Any) -> np.ndarray:
    """Grey pixels of 16 bits as uint8; Pillow would cut them off at 255.

    Raises:
        ValueError: they have more bits, so that nobody knows which number is white.
    """
    if not opened.mode.startswith("I;16") and (opened.mode, opened.format) != ("I", "PNG"):
        raise ValueError(
            f"of its pixels, mode {opened.mode}, nobody knows the range: save it with 8 or 16 bits a pixel"
        )
    return (np.asarray(opened) >> 8).astype(np.uint8)


def classes_of(folder: Path, least: int = 1) -> tuple[str, ...]:
    """Names of the folders that hold images.

    Raises:
        InputError: fewer than `least`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    found = sorted((child.name for child in folder.iterdir() if child.is_dir() and image_files(child)), key=natural)
    if len(found) < least:
        raise InputError(f"{folder} needs at least {least} folders with images, one per class; found {found}")
    return tuple(found)


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder, sorted."""
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _split(
    target: np.ndarray, space: Space, where: dict[str, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    own = where["train"]
    shares = (0.0 if len(where["validation"]) else 0.15, 0.0 if len(where["test"]) else 0.15)
    train, held, tested = split(target[own], space, np.ones(len(own), dtype=bool), seed=seed, shares=shares)
    if any(share and not len(part) for share, part in zip(shares, (held, tested), strict=True)):
        raise InputError(
            f"no class has the three images that a split into three parts takes ({len(own)} images in "
            "all): add some, or give validation= and test="
        )
    return (
        own[train],
        np.concatenate([own[held], where["validation"]]),
        np.concatenate([own[tested], where["test"]]),
    )
