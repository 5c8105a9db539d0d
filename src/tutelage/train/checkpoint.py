"""Checkpoints: one file per training, replaced whole, so that a kill leaves the last good one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..core import StoreError

NAME = "checkpoint.pt"
VERSION = 1


def save(folder: Path, state: dict[str, Any]) -> None:
    """Writes the state (tensors, numbers, strings, lists, dicts) in one piece.

    Raises:
        StoreError: the disk is full; the checkpoint before is untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{NAME}.{os.getpid()}.tmp"
    try:
        with open(fresh, "wb") as file:
            torch.save({"version": VERSION} | state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, folder / NAME)
    except (OSError, RuntimeError) as error:
        fresh.unlink(missing_ok=True)
        raise StoreError(
            f"the checkpoint in {folder} could not be written ({error}); the one before is untouched: "
            "make room and resume"
        ) from error


def load(folder: Path) -> dict[str, Any] | None:
    """The state, or None when there is none; sweeps up what a kill left. Nothing in it is executed.

    Raises:
        StoreError: the file is damaged or of another version.
    """
    path = folder / NAME
    for left in folder.glob(f"{NAME}.*.tmp"):
        left.unlink(missing_ok=True)
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise StoreError(
            f"checkpoint {path} is damaged ({type(error).__name__}): delete it to start this training again"
        ) from error
    if state.get("version") != VERSION:
        raise StoreError(f"checkpoint {path} has version {state.get('version')}, this tutelage reads {VERSION}")
    return state
