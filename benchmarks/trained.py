"""Three conv teachers that have learnt something, as files for the processes that measure them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from conv import BATCH, CLASSES, SIDE, resnet8
from torch import Tensor, nn

from tutelage.teachers import ModuleTeacher

NAMES = tuple(str(number) for number in range(CLASSES))


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [count, 3, 16, 16] and classes int64 [count]."""
    folder = Path(os.environ.get("TUTELAGE_DATA", "")) / "image-cifar10"
    if folder.is_dir():
        import polars
        from PIL import Image

        table = polars.read_parquet(folder / "train-0.parquet")[:count]
        small = [np.asarray(Image.open(io.BytesIO(b)).resize((SIDE, SIDE))) for b in table["image"]]
        found, target = np.stack(small).transpose(0, 3, 1, 2) / 128 - 1, table["label"].to_numpy()
    else:
        from sklearn.datasets import load_digits

        digits, target = load_digits(return_X_y=True)
        found = np.kron(digits.reshape(-1, 1, 8, 8) / 8 - 1, np.ones((1, 3, 2, 2)))
    chosen = np.arange(count) % len(found)
    return found[chosen].astype(np.float32), target[chosen].astype(np.int64)


def batches(count: int, seed: int) -> Iterator[Tensor]:
    yield from torch.randperm(count, generator=torch.Generator().manual_seed(seed)).split(BATCH)


def train_teachers(folder: Path, images: int, steps: int) -> None:
    """Images and the weights of three teachers, as files for the processes that measure."""
    x, y = pictures(images)
    np.savez(folder / "images.npz", x=x, y=y)
    given, target = torch.from_numpy(x), torch.from_numpy(y)
    for seed in range(3):
        torch.manual_seed(seed)
        net = resnet8()
        optimizer, done = torch.optim.AdamW(net.parameters(), 3e-3), 0
        while done < steps:
            for row in batches(images, seed + done):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(given[row]), target[row]).backward()
                optimizer.step()
                done += 1
        torch.save(net.eval().state_dict(), folder / f"{seed}.pt")


def opened(folder: Path) -> tuple[np.ndarray, np.ndarray, list[nn.Module]]:
    nets = [resnet8().eval() for _ in range(3)]
    for seed, net in enumerate(nets):
        net.load_state_dict(torch.load(folder / f"{seed}.pt"))
    with np.load(folder / "images.npz") as file:
        return file["x"], file["y"], nets


def teachers_of(nets: list[nn.Module]) -> list[ModuleTeacher]:
    return [
        ModuleTeacher(net, reads="image", name=f"net {i}", classes=NAMES, output="logits", batch_size=BATCH)
        for i, net in enumerate(nets)
    ]
