"""Three VGG-like nets, each stopped early and kept in a folder of its own, teach one small net: images from a folder.

The nets differ in seed, depth and optimiser. All learn from flipped and shifted images too; the three answer four views
of an image once, for the store. A second run of this script finds nets, answers and students where the first left them.
"""

import os
from collections import Counter
from pathlib import Path

import polars
import tyro

import tutelage as tl
from tutelage.data.views import Crop, Flip, Views
from tutelage.fusion import Mean


def cifar(folder: Path, count: int = 125) -> Path:
    """A folder of image files, so many of each of four classes of CIFAR-10."""
    source = Path(os.environ.get("TUTELAGE_DATA", ".")) / "image-cifar10" / "train-0.parquet"
    if not source.is_file():
        raise SystemExit(f"no {source}: set TUTELAGE_DATA, or --images (CIFAR-10: cs.toronto.edu/~kriz/cifar.html)")
    for name in ("automobile", "cat", "frog", "ship"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for row in polars.read_parquet(source).filter(polars.col("class") == name).head(count).to_dicts():
            (folder / name / Path(row["file"]).name).write_bytes(row["image"])
    return folder


def main(images: Path | None = None, run: Path = Path("vgg_folder"), size: int = 24) -> None:
    """Images: one folder per class; CIFAR-10 unless given. Run: what is kept. Size: side of an image in pixels."""
    found = tl.read_images(images or cifar(run / "images"), size=size)
    rows = found.rows.with_views(Views([Flip(("image",)), Crop(("image",), pad=2)], count=4))
    outputs, early, epochs = len(rows.space.names), tl.Training(18, 32, lr=2e-3, patience=6), Counter[str]()

    nets = tl.train_models(
        rows,
        [lambda depth=depth: tl.VGG(3, outputs, (16, 32, 64), depth, scale=1 / 255) for depth in (1, 2, 3)],
        vary=["seed", "architecture", "optimiser"],
        name="vgg",
        folds=1,
        training=early,
        folder=run / "teachers",
        progress=lambda name, epoch, planned: epochs.update([name]),
    )
    for net in nets:
        print(net.name, f"{epochs[net.name]} epochs" if epochs[net.name] else f"is from {run / 'teachers' / net.name}")

    def small() -> tl.ConvNet:
        return tl.ConvNet(3, outputs, (16, 32), scale=1 / 255)

    place = run / "student"
    report = tl.distill(small, rows, nets, fusion=Mean(), training=early, seeds=[0, 1], run=place, baselines={})
    print(report.table(), *found.remarks, sep="\n")


if __name__ == "__main__":
    tyro.cli(main)
