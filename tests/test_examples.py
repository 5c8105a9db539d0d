"""Every example runs as a reader would run it, stays short, and warns of nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from outside import DATA, REPO, absent

EXAMPLES = sorted((REPO / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_fits_on_a_page(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60


def run(example: Path, folder: Path, *given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(example), *given],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    if "TUTELAGE_DATA" in example.read_text(encoding="utf-8") and not DATA.is_dir():
        pytest.skip(absent(DATA))
    done = run(example, tmp_path, TUTELAGE_DATA=str(DATA))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.slow
def test_a_second_run_finds_the_nets_that_the_first_one_kept(tmp_path: Path, data: Path) -> None:
    """Grey images of another size, in a folder of the reader's own."""
    with np.load(data / "medimg-pneumoniamnist" / "pneumoniamnist.npz") as file:
        images, labels = file["train_images"], file["train_labels"][:, 0]
    for label, name in enumerate(("normal", "pneumonia")):
        (tmp_path / "lungs" / name).mkdir(parents=True)
        for number, image in enumerate(images[labels == label][:20]):
            Image.fromarray(image).save(tmp_path / "lungs" / name / f"{number}.png")
    (tmp_path / "lungs" / "normal" / "torn.png").write_bytes(b"\x89PNG")
    asked = ("--images", "lungs", "--run", "kept", "--size", "16")
    first, second = (run(REPO / "examples" / "vgg_folder.py", tmp_path, *asked) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert re.findall(r"^vgg_\d \d+ epochs$", first.stdout, re.MULTILINE) == first.stdout.splitlines()[:3]
    assert second.stdout.splitlines()[:3] == [f"vgg_{n} is from kept/teachers/vgg_{n}" for n in range(3)]
    assert "torn.png is no readable image" in first.stdout
    tables = [re.findall(r"^[▸ ]*(\S.*?)  +(\d\.\d+)", done.stdout, re.MULTILINE) for done in (first, second)]
    assert tables[0]
    assert tables[0][:7] == tables[1][:7], "accuracies"
