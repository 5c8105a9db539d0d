"""What some tests need and not every machine has: folders, a GPU, large packages; and the reasons of their skips."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]
ABSENT = "outside folder absent"
HEAVY = "left out of the development packages"
NO_GPU = "no CUDA device on this machine"


def _folder(variable: str, default: str) -> Path:
    """The folder that the environment names, else the one beside the repository."""
    if variable not in os.environ:
        return REPO.parent / "shared" / default
    named = Path(os.environ[variable]).expanduser()
    if not named.is_dir():
        raise NotADirectoryError(f"{variable}={named} is not a folder")
    return named


ORACLES = _folder("TUTELAGE_ORACLES", "oracles")
DATA = _folder("TUTELAGE_DATA", "data")


def absent(folder: Path) -> str:
    """The reason of a skip for want of one of the folders above."""
    variable = {ORACLES: "TUTELAGE_ORACLES", DATA: "TUTELAGE_DATA"}[folder]
    return f"{ABSENT}: set {variable} to its place"


def heavy(module: str) -> Any:
    """A package that the development set leaves out; skips where it is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{HEAVY}: {module}")
    return importlib.import_module(module)
