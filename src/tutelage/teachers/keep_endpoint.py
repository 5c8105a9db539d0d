"""Saving and loading teachers that are served: how they are asked, never a password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError, Teacher
from .endpoint import EndpointTeacher
from .keeping import Keeping, Opening, common, seen_in, space_from_json
from .wire import Limits


def save_endpoint(teacher: EndpointTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    """Writes address, settings and probes.

    Raises:
        InputError: it has headers, which may be secrets, or probes that are not plain arrays.
    """
    who = f"teacher {teacher.name!r}"
    if teacher.headers:
        raise InputError(
            f"{who} sends the headers {list(teacher.headers)}, which may be secrets and are not written: name the "
            "environment variable of a token with token_variable=, or give its stored predictions"
        )
    if teacher.probes is not None:
        probes: dict[str, Any] = {f"/{name}": _plain(column, name, who) for name, column in teacher.probes.items()}
        np.savez(folder / "probes.npz", **probes)
    return common(teacher, folder) | {
        "url": teacher.url,
        "told": teacher.told,
        "output": teacher.output,
        "token_variable": teacher.token_variable,
        "batch_size": teacher.batch_size,
        "limits": asdict(teacher.limits),
        "frozen": teacher.frozen,
        "deterministic": teacher.deterministic,
        "probes": teacher.probes is not None,
    }


def load_endpoint(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    """The teacher that `save_endpoint` wrote; nothing is asked yet."""
    probes = None
    if description["probes"]:
        with np.load(folder / "probes.npz", allow_pickle=False) as file:
            probes = {name.removeprefix("/"): file[name] for name in file.files}
    told = description["told"]
    return EndpointTeacher(
        description["url"],
        reads=description["reads"],
        space=space_from_json(description["space"]),
        probes=probes,
        name=description["name"],
        model=told.get("model"),
        revision=told.get("revision"),
        settings=told.get("settings"),
        output=description["output"],
        token_variable=description["token_variable"],
        batch_size=description["batch_size"],
        limits=Limits(**description["limits"]),
        frozen=description["frozen"],
        deterministic=description["deterministic"],
        seen=seen_in(description, folder),
    )


def _plain(column: np.ndarray, name: str, who: str) -> np.ndarray:
    if column.dtype.kind != "O":
        return column
    if not all(isinstance(value, str) for value in column.tolist()):
        raise InputError(f"{who}: its probes hold objects in column {name!r}: give text and numbers, to save it")
    return column.astype(np.str_)
