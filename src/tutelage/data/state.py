"""Trees of arrays and JSON values, in one file or two: how fitted preparations are kept, without pickle.

`pack` takes the arrays out of a tree (for JSON beside safetensors), `inline` writes them into it (for one JSON text).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from ..core import InputError

ARRAY = "/array"
NUMBER = "/number"


def pack(tree: Any, prefix: str = "") -> tuple[Any, dict[str, np.ndarray]]:
    """The tree with names in place of its arrays, and the arrays by name."""
    arrays: dict[str, np.ndarray] = {}

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[path] = np.ascontiguousarray(value)
            return {ARRAY: path}
        return _branches(value, path, walk)

    return walk(tree, prefix), arrays


def unpack(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The tree that `pack` or `inline` took apart.

    Raises:
        InputError: an array is missing.
    """
    if isinstance(tree, list):
        return [unpack(value, arrays) for value in tree]
    if not isinstance(tree, dict):
        return tree
    if NUMBER in tree:
        return float(tree[NUMBER])
    if ARRAY not in tree:
        return {name: unpack(value, arrays) for name, value in tree.items()}
    if "values" in tree:
        flat = [float(value) if isinstance(value, str) else value for value in tree["values"]]
        return np.array(flat, dtype=tree[ARRAY]).reshape(tree["shape"])
    if tree[ARRAY] not in arrays:
        raise InputError(f"the array {tree[ARRAY]!r} of a saved state is missing: copy all files of its folder")
    return arrays[tree[ARRAY]]


def inline(tree: Any) -> Any:
    """The tree with its arrays written out as JSON values, exactly."""

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            flat = [repr(v) if isinstance(v, float) and not math.isfinite(v) else v for v in value.ravel().tolist()]
            return {ARRAY: value.dtype.str, "shape": list(value.shape), "values": flat}
        return _branches(value, path, walk)

    return walk(tree, "")


def _branches(value: Any, path: str, walk: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): walk(part, f"{path}.{name}" if path else str(name)) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [walk(part, f"{path}.{number}" if path else str(number)) for number, part in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {NUMBER: repr(value)}
    return value


def canonical(tree: Any) -> str:
    """JSON text that is the same for the same tree."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(tree: Any) -> str:
    """Of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(tree).encode("utf-8", "surrogatepass")).hexdigest()


def write(folder: Path, name: str, tree: Any) -> None:
    """Writes the arrays, then `<name>.json`, which names their file by content: a kill leaves the old pair or the new.

    Raises:
        OSError: the disk is full or broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed, arrays = pack(tree)
    data = save(arrays)
    stamp = hashlib.sha256(data).hexdigest()
    file = folder / f"{name}-{stamp[:16]}.safetensors"
    replace(file, data)
    head = {"arrays": file.name, "sha256": stamp, "state": packed}
    replace(folder / f"{name}.json", json.dumps(head, allow_nan=False).encode())
    _sweep(folder, name, file)


def read(folder: Path, name: str) -> Any:
    """The tree that `write` wrote.

    Raises:
        InputError: there is none, or it is damaged; names the file.
    """
    path = folder / f"{name}.json"
    try:
        head = json.loads(path.read_text())
        file = folder / Path(head["arrays"]).name
        stamp, state = head["sha256"], head["state"]
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error!r}; write it again from its recipe") from error
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != stamp:
        raise InputError(f"{file}, which {path.name} names, is missing or damaged; write it again from its recipe")
    return unpack(state, load_file(file))


def remove(folder: Path, name: str) -> None:
    """Removes what `write` wrote, if it is there."""
    (folder / f"{name}.json").unlink(missing_ok=True)
    _sweep(folder, name, None)


def _sweep(folder: Path, name: str, kept: Path | None) -> None:
    """Removes the arrays of earlier states, and what a killed write left half done."""
    for old in (*folder.glob(f"{name}-*.safetensors"), *folder.glob(f"{name}*.new")):
        if old != kept:
            old.unlink(missing_ok=True)


def replace(path: Path, data: bytes) -> None:
    """Puts a whole file in place in one step, on disk before its name says so."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
