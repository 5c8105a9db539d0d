"""Images as they are published, teachers of five kinds, and short runs on real X-rays and pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars
import pytest
from PIL import Image

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes._images_data import THINGS, image_rows, read_pictures, read_xrays
from tutelage.recipes._images_teachers import gradients, only
from tutelage.recipes.images import images
from tutelage.train import Cost


def test_x_rays_that_are_also_tested_are_not_learnt_from(data: Path) -> None:
    pixels, target, (train, validation, test) = read_xrays(data / "medimg-pneumoniamnist")
    assert (len(validation), len(test)) == (524, 624)
    assert len(train) == 4708 - 10
    elsewhere = {pixels[row].tobytes() for row in (*validation, *test)}
    assert not elsewhere & {pixels[row].tobytes() for row in train}
    assert target[test].sum() == 390
    few = read_xrays(data / "medimg-pneumoniamnist", 100)[2][0]
    assert len(few) == 100
    assert abs(target[few].mean() - target[train].mean()) < 0.01
    assert set(few) < set(train)
    assert pixels.dtype == np.uint8


@pytest.fixture(scope="module")
def pictures(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of the pictures, as Parquet files."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, count in (("train-0", 40), ("test-odd", 12)):
        table = polars.read_parquet(data / "image-cifar10" / f"{name}.parquet")
        table.group_by("label", maintain_order=True).head(count).write_parquet(folder / f"{name}.parquet")
    return folder


def test_parquet_and_the_binary_edition_hold_the_same_pictures(pictures: Path, tmp_path: Path) -> None:
    one, target, parts = read_pictures(pictures)
    assert [len(part) for part in parts] == [360, 40, 120]
    for kind, part in (("data_batch_1", "train-0"), ("test_batch", "test-odd")):
        table = polars.read_parquet(pictures / f"{part}.parquet")
        with (tmp_path / f"{kind}.bin").open("wb") as file:
            for cell, label in zip(table["image"], table["label"], strict=True):
                pixels = np.asarray(Image.open(io.BytesIO(cell)).convert("RGB"))
                file.write(bytes([label]) + pixels.transpose(2, 0, 1).tobytes())
    other, again, same = read_pictures(tmp_path)
    np.testing.assert_array_equal(other, one)
    np.testing.assert_array_equal(again, target)
    assert all(np.array_equal(a, b) for a, b in zip(parts, same, strict=True))
    (tmp_path / "data_batch_2.bin").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"data_batch_2\.bin has 100 bytes"):
        read_pictures(tmp_path)


def test_what_is_no_public_set_is_refused(tmp_path: Path) -> None:
    for on in ("pneumonia", "cifar10"):
        with pytest.raises(InputError, match="give --data a folder with"):
            images(on=on, data=tmp_path)  # pyright: ignore[reportArgumentType]
    polars.DataFrame({"picture": [b""], "label": [0]}).write_parquet(tmp_path / "train.parquet")
    (tmp_path / "test.parquet").write_bytes((tmp_path / "train.parquet").read_bytes())
    with pytest.raises(InputError, match=r"needs columns image \(or img\) and label"):
        read_pictures(tmp_path)


def test_a_specialist_learns_its_own_classes_only(pictures: Path) -> None:
    found = read_pictures(pictures)
    rows = image_rows(*found, THINGS, 1.0)
    part = only(rows, ("cat", "ship"))
    assert part.space.names == ("cat", "ship")
    assert {THINGS[code] for code in found[1][part.train]} == {"cat", "ship"}
    np.testing.assert_array_equal(np.array(part.space.names)[part.target[part.train]],
                                  np.array(THINGS)[found[1][part.train]])  # fmt: skip
    with pytest.raises(InputError, match=r"there are no classes \['dragon'\]"):
        only(rows, ("dragon",))
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 0"):
        image_rows(*found, THINGS, 0.0)


def test_gradients_see_edges_and_not_light() -> None:
    chance = np.random.default_rng(0)
    image = np.zeros((1, 16, 16))
    image[:, :, 8:] = 100.0
    up = gradients(image.reshape(1, -1), 16).reshape(3, 3, 4, 9)
    across = gradients(image.transpose(0, 2, 1).reshape(1, -1), 16).reshape(3, 3, 4, 9)
    assert up.sum((0, 1, 2)).argmax() == 0, "a vertical edge changes to the right"
    assert across.sum((0, 1, 2)).argmax() == 4, "a horizontal one downwards"
    noisy = chance.uniform(0, 255, (3, 16 * 16))
    np.testing.assert_allclose(gradients(noisy + 40, 16), gradients(noisy, 16), atol=1e-4)
    colours = np.repeat(noisy[:, :, None], 3, 2).reshape(3, -1)
    np.testing.assert_allclose(gradients(colours, 16), gradients(noisy, 16), atol=1e-5)


def test_a_short_run_on_pictures(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    monkeypatch.setattr("tutelage.recipes.images.RATES", (1e-2,))
    report = images(
        on="cifar10", data=pictures, features="relations", width=4, widths=(4,), views=2, seeds=1, epochs=1,
        teacher_epochs=1, labelled=0.5, fusion=Mean(),
    )  # fmt: skip
    names = {one.name for one in report.contenders}
    assert {"residual", "transformer", "animals", "things", "svm"} <= names
    assert "student: chosen fusion without hints" in names
    assert "accuracy under blur" in report.contenders[0].metrics


def test_a_short_run_on_x_rays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    monkeypatch.setattr("tutelage.recipes.images.RATES", (1e-2,))
    report = images(
        data=data / "medimg-pneumoniamnist", images=200, width=4, widths=(4,), views=2, seeds=1, epochs=1,
        teacher_epochs=1, fusion=Mean(),
    )  # fmt: skip
    assert report.headline == "roc_auc"
    assert {"residual", "transformer", "vgg", "svm"} <= {one.name for one in report.contenders}
