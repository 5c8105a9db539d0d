"""Saving a recommender: its code by reference, and the arrays and plain values that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..core import InputError, StoreError, Teacher
from .keeping import Keeping, Opening, Way, common, seen_in
from .kept_code import keep_code, open_code
from .ranker import RankingTeacher

STATE, OWN = "state.npz", "own/"


def _save(teacher: RankingTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    who = f"ranker {teacher.name!r}"
    if isinstance(teacher.ranker, nn.Module):
        raise InputError(
            f"{who} is an nn.Module, which is saved by no way yet: give extra={{RankingTeacher: Way(...)}}"
        )
    own = {"items": teacher.items, "given": list(teacher.given), "deterministic": teacher.deterministic}
    if isinstance(teacher.ranker, type) or not hasattr(teacher.ranker, "scores"):
        return common(teacher, folder) | own | {"function": keep_code(teacher.ranker, folder, who)}
    arrays: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in vars(teacher.ranker).items():
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            arrays[OWN + name] = value
        elif isinstance(value, bool | int | float | str | None):
            plain[name] = value
        else:
            raise InputError(
                f"{who} holds {name!r}, a {type(value).__name__}: only arrays, numbers, texts and None can be written "
                "down; turn it into one of them, or give extra={RankingTeacher: Way(save, load)}"
            )
    code = keep_code(type(teacher.ranker), folder, who)
    np.savez(folder / STATE, **arrays)
    return common(teacher, folder) | own | {"class": code, "plain": plain, "order": list(vars(teacher.ranker))}


def _load(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    who = f"ranker {description['name']!r}"
    if "function" in description:
        ranker = open_code(description["function"], folder, opening, who)
    else:
        kind = open_code(description["class"], folder, opening, who)
        if not isinstance(kind, type):
            raise StoreError(f"{who}: {description['class']['from']} is no class: the description was changed")
        ranker = object.__new__(kind)
        with np.load(folder / STATE, allow_pickle=False) as file:
            held = {name.removeprefix(OWN): file[name] for name in file.files} | description["plain"]
        ranker.__dict__.update({name: held[name] for name in description["order"]})
    return RankingTeacher(
        ranker,
        reads=description["given"],
        items=description["items"],
        name=description["name"],
        seen=seen_in(description, folder),
        deterministic=description["deterministic"],
    )


RANKERS: dict[type, Way] = {RankingTeacher: Way(_save, _load)}
"""How recommenders are saved and loaded."""
