"""Folders outside the repository that some tests read, a GPU, and the reasons given where one is absent."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
ABSENT = "outside folder absent"
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
