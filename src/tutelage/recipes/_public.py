"""Where a recipe finds a public data set."""

from __future__ import annotations

import os
from pathlib import Path

from ..core import InputError


def public_folder(name: str, data: Path | None, where: str, asked: str = "this recipe") -> Path:
    """The folder with the files of a public data set.

    Args:
        name: of its folder below $TUTELAGE_DATA.
        data: given by the user, who may have the set elsewhere.
        where: which files are needed and where they are published, for those who have none.
        asked: who needs them.

    Raises:
        InputError: there is no such folder.
    """
    if data is None and os.environ.get("TUTELAGE_DATA"):
        data = Path(os.environ["TUTELAGE_DATA"]) / name
    if data is None or not data.is_dir():
        there = "no --data was given" if data is None else f"{data} is no folder"
        raise InputError(f"the files of {asked} are not there ({there}): give --data a folder with {where}")
    return data
