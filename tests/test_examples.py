"""Every example runs as a reader would run it, stays short, and warns of nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
