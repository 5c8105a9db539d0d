"""Grid on images: four fusions with two objectives in two scenarios, on CIFAR-10 with small conv nets, paired seeds.

clean       a residual net and two VGG-like nets that learnt from the same 20,000 images
classes     the same three, each from the images of a third of the classes

A cell is a scenario and a seed: a new split, new teachers, a new student (conv net of 24,000 parameters, 10,000 images
of which 1,000 are labelled, 3,000 steps, last epoch). Without a folder everything runs on scikit-learn's digits, only
to try the script out. It takes minutes on a GPU, and hours on a CPU.

    python benchmarks/grid_images.py --data FOLDER --results images.jsonl [--seeds 3] [--tables-only]
"""

from __future__ import annotations

import os
import time
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
SHARES = (0.4, 0.2)
"""Of the training images: the teachers' and the student's; a tenth of the latter are labelled."""
MOST, WIDTHS = 20_000, (32, 64, 128)


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


def draw(scenario: str, seed: int, epochs: int, data: Path | None) -> protocols.Draw:
    """Rows and teachers of one cell."""
    images, target, pool, test, names = pictures(data)
    order = np.random.default_rng(seed).permutation(pool)
    own, transfer, _ = np.split(order, np.cumsum([int(share * len(pool)) for share in SHARES]))
    own = np.sort(own[:MOST])
    rows = image_rows(images, target, (own, np.zeros(0, dtype=np.int64), test), names, 1.0)
    shift = Crop(("image",), pad=max(1, images.shape[1] // 8), edge="reflect")
    seen = rows.with_views(Views([Flip(("image",)), shift] if data else [shift], count=None, seed=seed))
    groups = [names] * 3 if scenario == "clean" else np.array_split(np.random.default_rng(seed).permutation(names), 3)
    widths = WIDTHS if data else WIDTHS[:2]
    makers: list[Any] = [
        lambda count: ResNet(3, count, widths, scale=1 / 255),
        lambda count: VGG(3, count, widths, 1, scale=1 / 255),
        lambda count: VGG(3, count, widths, 2, scale=1 / 255),
    ]
    taught: list[Any] = []
    for number, (make, group) in enumerate(zip(makers, groups, strict=True)):
        part, settings = only(seen, [str(name) for name in group]), tl.Training(epochs, 128, lr=3e-3, seed=seed)
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
    start = time.process_time()
    drawn = draw(cell.protocol, cell.seed, 15 if cell.data else 2, cell.data)
    for teacher in drawn.teachers:
        row = drawn.test
        found: Any = teacher.answer({"image": drawn.columns["image"][row]})
        names = np.array(teacher.space.names)[found.scores.argmax(1).cpu().numpy()]
        known = np.isin(drawn.target[row], teacher.space.names)
        right = np.mean((names == drawn.target[row])[known])
        print(f"{cell.key}: {teacher.name}, accuracy in its own classes {right:.3f}", flush=True)

    def student() -> tl.ConvNet:
        torch.manual_seed(cell.seed)
        return tl.ConvNet(3, len(np.unique(drawn.target)), (16, 32, 64) if cell.data else (8, 16), scale=1 / 255)

    rows = drawn.rows(len(drawn.transfer) // 10)
    run = quality.contest(drawn, rows, cell, OBJECTIVES, FUSIONS, student)
    return {"key": cell.key, "protocol": cell.protocol, "seed": cell.seed, "seconds": time.process_time() - start,
            "part": "grid", "runs": [run]}  # fmt: skip


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", seeds=3, steps=3000, jobs=1,
        scenarios=",".join(SCENARIOS), tables_only=False,
    )  # fmt: skip
    if given.smoke:
        given.seeds, given.steps, given.scenarios, given.data = 1, 5, "classes", ""
    folder, names = Path(given.data).resolve() if given.data else None, given.scenarios.split(",")
    cells = [quality.Cell("images", name, seed, given.steps, folder) for seed in range(given.seeds) for name in names]
    evidence.show(results.compute(solve, cells, given), given)


if __name__ == "__main__":
    main()
