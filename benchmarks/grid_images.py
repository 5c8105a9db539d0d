"""Grid on images: four fusions with two objectives in two scenarios, on CIFAR-10 with small conv nets, paired seeds.

clean       a residual net and two VGG-like nets that learnt from the same images
classes     the same three, each from the images of a third of the classes

A cell is a scenario and a seed: a new split, new teachers, a new student that knows a tenth of its labels (last epoch).
`--size small` takes minutes a cell on one core of a CPU, `--size large` is for a GPU; `SIZES` says what they are.
Without a folder everything runs on scikit-learn's digits, only to try the script out.

    python benchmarks/grid_images.py --data FOLDER --results images.jsonl [--size small] [--seeds 3] [--tables-only]
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import evidence
import harness
import numpy as np
import protocols
import quality
import results
import torch
from sklearn.datasets import load_digits

import tutelage as tl
from tutelage import fusion as f
from tutelage.data.views import Crop, Flip, Views
from tutelage.nets import VGG, ResNet
from tutelage.recipes._images_data import THINGS, image_rows, read_pictures
from tutelage.recipes._images_teachers import only
from tutelage.teaching import terms
from tutelage.train import fit_teacher, task_of

SCENARIOS = ("clean", "classes")
FUSIONS: dict[str, Any] = {"mean": f.Mean(), "soft vote": f.SoftVote(), "difference": f.Difference(),
                           "stacking": f.Stacking()}  # fmt: skip
OBJECTIVES: dict[str, Any] = {"KL": terms.KL(2.0), "DIST": terms.DIST()}


@dataclass(frozen=True)
class Size:
    """Of a cell.

    Attributes:
        own: images the teachers learn from.
        transfer: images the student learns from.
        widths: channels of the stages of the teachers' nets.
        student: of the student's.
        epochs: passes of the teachers.
    """

    own: int
    transfer: int
    widths: tuple[int, ...]
    student: tuple[int, ...]
    epochs: int


SIZES = {
    "digits": Size(560, 280, (32, 64), (8, 16), 2),
    "small": Size(8_000, 4_000, (16, 32, 64), (8, 16, 32), 12),
    "large": Size(20_000, 10_000, (32, 64, 128), (16, 32, 64), 15),
}
STEPS = {"digits": 50, "small": 1000, "large": 3000}


@cache
def pictures(data: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images, classes, the rows to deal and the rows to test, and the names of the classes."""
    if data is not None:
        images, target, (train, validation, test) = read_pictures(data / "image-cifar10")
        return images, target, np.concatenate([train, validation]), test, THINGS
    digits: Any = load_digits()
    images = np.repeat((digits.images * 15).astype(np.uint8)[..., None], 3, axis=3)
    row = np.random.default_rng(0).permutation(len(images))
    return images, digits.target.astype(np.int64), row[:1400], row[1400:], tuple("0123456789")


def draw(scenario: str, seed: int, size: Size, data: Path | None) -> protocols.Draw:
    """Rows and teachers of one cell."""
    images, target, pool, test, names = pictures(data)
    order = np.random.default_rng(seed).permutation(pool)
    own, transfer, _ = np.split(order, np.cumsum([size.own, size.transfer]))
    own = np.sort(own)
    rows = image_rows(images, target, (own, np.zeros(0, dtype=np.int64), test), names, 1.0)
    shift = Crop(("image",), pad=max(1, images.shape[1] // 8), edge="reflect")
    seen = rows.with_views(Views([Flip(("image",)), shift] if data else [shift], count=None, seed=seed))
    groups = [names] * 3 if scenario == "clean" else np.array_split(np.random.default_rng(seed).permutation(names), 3)
    makers: list[Any] = [
        lambda count: ResNet(3, count, size.widths, scale=1 / 255),
        lambda count: VGG(3, count, size.widths, 1, scale=1 / 255),
        lambda count: VGG(3, count, size.widths, 2, scale=1 / 255),
    ]
    taught: list[Any] = []
    for number, (make, group) in enumerate(zip(makers, groups, strict=True)):
        part, settings = only(seen, [str(name) for name in group]), tl.Training(size.epochs, 128, lr=3e-3, seed=seed)
        count = len(part.space.names)
        teacher: Any = fit_teacher(
            lambda make=make, count=count: make(count), part, part.train, task_of(part), name=f"net {number + 1}",
            seed=seed + number, training=settings,
        )  # fmt: skip
        teacher.module.to("cuda" if torch.cuda.is_available() else "cpu")
        taught.append(teacher)
    return protocols.Draw(rows.columns, ("image",), np.array(names)[target], transfer, test, tuple(taught))


def solve(cell: quality.Cell) -> dict[str, Any]:
    """The line of one cell."""
    start, size = time.process_time(), SIZES[cell.part]
    drawn = draw(cell.protocol, cell.seed, size, cell.data)
    for teacher in drawn.teachers:
        row = drawn.test
        found: Any = teacher.answer({"image": drawn.columns["image"][row]})
        names = np.array(teacher.space.names)[found.scores.argmax(1).cpu().numpy()]
        known = np.isin(drawn.target[row], teacher.space.names)
        right = np.mean((names == drawn.target[row])[known])
        print(f"{cell.key}: {teacher.name}, accuracy in its own classes {right:.3f}", flush=True)

    def student() -> tl.ConvNet:
        torch.manual_seed(cell.seed)
        return tl.ConvNet(3, len(np.unique(drawn.target)), size.student, scale=1 / 255)

    rows = drawn.rows(len(drawn.transfer) // 10)
    run = quality.contest(drawn, rows, cell, OBJECTIVES, FUSIONS, student, deciding=False)
    return {"key": cell.key, "protocol": cell.protocol, "seed": cell.seed, "seconds": time.process_time() - start,
            "part": "grid", "runs": [run]}  # fmt: skip


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", seeds=3, steps=0, jobs=1, size="small",
        scenarios=",".join(SCENARIOS), tables_only=False,
    )  # fmt: skip
    if given.smoke:
        given.seeds, given.steps, given.scenarios, given.data = 1, 5, "classes", ""
    folder, names = Path(given.data).resolve() if given.data else None, given.scenarios.split(",")
    size = given.size if folder else "digits"
    steps = given.steps or STEPS[size]
    cells = [quality.Cell(size, name, seed, steps, folder) for seed in range(given.seeds) for name in names]
    evidence.show(results.compute(solve, cells, given), given)


if __name__ == "__main__":
    main()
