"""Three VGG-like nets, each stopped early and kept in a folder of its own, teach one small net: images from a folder.

The nets differ in seed, depth and optimiser. All learn from flipped and shifted images too; the three answer four views
of an image once, for the store. A second run of this script finds nets, answers and students where the first left them.
"""

import io
import os
from pathlib import Path

import polars
import tyro
from PIL import Image

import tutelage as tl
from tutelage.data.views import Crop, Flip, Views
from tutelage.fusion import Mean


def cifar(folder: Path, count: int = 125) -> Path:
    """A folder of PNG files, so many of each of four classes of CIFAR-10."""
    source = Path(os.environ.get("TUTELAGE_DATA", ".")) / "image-cifar10" / "train-0.parquet"
    if not source.is_file():
        raise SystemExit(
            f"{source} is not there: name its folder in TUTELAGE_DATA, or give --images, a folder of yours"
        )
    for name in ("automobile", "cat", "frog", "ship"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for row in polars.read_parquet(source).filter(polars.col("class") == name).head(count).to_dicts():
            Image.open(io.BytesIO(row["image"])).save(folder / name / f"{Path(row['file']).stem}.png")
    return folder


def main(images: Path | None = None, run: Path = Path("vgg_folder"), size: int = 24) -> None:
    """Images: one folder per class; CIFAR-10 unless given. Run: what is kept. Size: side of an image in pixels."""
    found = tl.read_images(images or cifar(run / "images"), size=size)
    rows = found.rows.with_views(Views([Flip(("image",)), Crop(("image",), pad=2)], count=4))
    outputs, settings = len(rows.space.names), tl.Training(18, 32, lr=2e-3, patience=6)

    nets = tl.train_models(
        rows,
        [lambda depth=depth: tl.VGG(3, outputs, (16, 32, 64), depth, scale=1 / 255) for depth in (1, 2, 3)],
        vary=["seed", "architecture", "optimiser"],
        name="vgg",
        folds=1,
        training=settings,
        folder=run / "teachers",
        progress=lambda name, epoch, planned: print(f"{name}: epoch {epoch.epoch}, loss {epoch.watched:.3f}"),
    )
    print("nets are kept in", *(run / "teachers" / net.name for net in nets))

    report = tl.distill(
        lambda: tl.ConvNet(3, outputs, (16, 32), scale=1 / 255),
        rows,
        nets,
        fusion=Mean(),
        training=settings,
        seeds=[0, 1],
        run=run / "student",
        baselines={},
    )
    print(report.table(), *found.remarks, sep="\n")


if __name__ == "__main__":
    tyro.cli(main)
