"""Folders of images: odd shapes and modes, unreadable files, missing classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tutelage.core import InputError, LeakageError
from tutelage.data import ImagePreparation, is_image_folder, read_images
from tutelage.data.images import decode


def picture(path: Path, value: int, mode: str = "RGB", size: tuple[int, int] = (10, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value // 2, 0)).convert(mode).save(path)
    return path


def folder(root: Path, classes: str = "ab", count: int = 10) -> Path:
    for name in classes:
        for number in range(count):
            picture(root / name / f"{number}.png", 200 if name == "a" else 40)
    return root


def test_a_folder_per_class_becomes_rows(tmp_path: Path) -> None:
    found = read_images(folder(tmp_path), size=8)
    rows = found.rows
    assert rows.space.names == ("a", "b")
    assert rows.columns["image"].shape == (20, 8, 8, 3)
    assert rows.columns["image"].dtype == np.uint8
    assert [rows.columns["image"][i, 0, 0].tolist() for i in (0, 10)] == [[200, 100, 0], [40, 20, 0]]
    assert found.remarks == ()
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (12, 4, 4)
    assert np.array_equal(found.preparation.apply(rows.columns)["image"], rows.columns["image"])


def test_modes_and_shapes(tmp_path: Path) -> None:
    for mode in ("L", "RGBA", "P", "1", "LA"):
        path = picture(tmp_path / f"{mode}.png", 200, mode, (3, 17))
        found = ImagePreparation(4).apply({"path": np.array([str(path)], dtype=object)})["image"]
        assert found.shape == (1, 4, 4, 3)
        grey = np.asarray(Image.new("RGB", (1, 1), (200, 100, 0)).convert("L"))[0, 0]
        if mode in ("L", "LA"):
            assert found[0, 0, 0].tolist() == [grey] * 3
        if mode == "RGBA":
            assert found[0, 0, 0].tolist() == [200, 100, 0]


def test_an_unreadable_image_is_named_and_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "a" / "3.png").write_bytes(b"no image")
    whole = (root / "b" / "4.png").read_bytes()
    (root / "b" / "4.png").write_bytes(whole[: len(whole) // 2])
    found = read_images(root, size=8)
    assert len(found.rows) == 18
    assert [str(root / name) in remark for name, remark in zip(("a/3.png", "b/4.png"), found.remarks, strict=True)] == [
        True,
        True,
    ]
    assert str(root / "a" / "3.png") not in found.rows.columns["path"]
    with pytest.raises(InputError, match=r"3\.png is no readable image"):
        found.preparation.apply({"path": np.array([str(root / "a" / "3.png")], dtype=object)})


def test_a_folder_of_unreadable_images_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"none of the images in .* can be read: .*x\.png"):
        read_images(tmp_path)


def test_a_class_of_unreadable_images_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "c").mkdir()
    (root / "c" / "x.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"none of the images of \['c'\] in .* can be read"):
        read_images(root)


def test_images_too_few_to_be_split_are_refused_unless_the_other_parts_are_given(tmp_path: Path) -> None:
    few = folder(tmp_path / "few", count=2)
    with pytest.raises(InputError, match=r"no class has the three images .*give validation= and test="):
        read_images(few)
    with pytest.raises(InputError, match=r"no class has the three images"):
        read_images(few, test=folder(tmp_path / "test", count=1))
    rows = read_images(few, test=tmp_path / "test", validation=folder(tmp_path / "held", count=1), size=4).rows
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (4, 2, 2)


def test_sixteen_bits_a_pixel_keep_their_shades(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.fromarray((grey >> 8).astype(np.uint8)).save(tmp_path / "plain.png")
    deep, plain = (decode(tmp_path / name, 8) for name in ("deep.png", "plain.png"))
    assert len(np.unique(plain)) > 60
    assert np.array_equal(deep, plain)
    for kind in (np.float32, np.int32):
        Image.fromarray(grey.astype(kind)).save(tmp_path / "wide.tiff")
        with pytest.raises(InputError, match=r"mode [FI], nobody knows the range: save it with 8 or 16 bits a pixel"):
            decode(tmp_path / "wide.tiff", 8)


def test_a_class_may_be_missing_in_the_other_folders_but_not_new(tmp_path: Path) -> None:
    root = folder(tmp_path / "train", "abc")
    held = folder(tmp_path / "held", "ac", 2)
    found = read_images(root, validation=held, size=4).rows
    assert found.target[found.validation].tolist() == [0, 0, 2, 2]
    assert set(found.target[found.train]) == {0, 1, 2}
    only = folder(tmp_path / "only", "a", 2)
    assert read_images(root, test=only, size=4).rows.target[-2:].tolist() == [0, 0]
    with pytest.raises(InputError, match=r"has classes \['d'\] that .* does not have: \['a', 'b', 'c'\]"):
        read_images(root, test=folder(tmp_path / "strange", "ad", 2))


def test_what_is_no_image_folder_is_refused(tmp_path: Path) -> None:
    assert not is_image_folder(tmp_path)
    with pytest.raises(InputError, match="at least 2 folders with images, one per class"):
        read_images(folder(tmp_path, "a"))
    with pytest.raises(InputError, match="is no folder"):
        read_images(tmp_path / "gone")


def test_image_files_of_training_and_test_are_different_rows(tmp_path: Path) -> None:
    root = folder(tmp_path / "train")
    with pytest.raises(LeakageError, match="same images"):
        read_images(root, test=root, size=4)
