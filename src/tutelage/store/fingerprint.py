"""Fingerprints: short names for contents, equal only when the contents are equal.

- `digest`: of strings and bytes, in order.
- `of_bytes`, `of_file`, `of_module`: of what a teacher is made of, for its `fingerprint` parts.
- `of_columns`: of some rows of a table, column by column, so that a change can name its column.

All are BLAKE2b with 128 bits, in hexadecimal.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..core import InputError

Part = str | bytes | memoryview

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def digest(*parts: Part) -> str:
    """The fingerprint of a sequence of parts; where one part ends and the next begins matters."""
    return _digest(parts)


def _digest(parts: Iterable[Part]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = memoryview(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part)
        state.update(struct.pack("<cq", b"s" if isinstance(part, str) else b"b", data.nbytes))
        state.update(data)
    return state.hexdigest()


def of_bytes(data: bytes) -> str:
    """The fingerprint of bytes."""
    return digest(data)


def of_file(path: Path) -> str:
    """The fingerprint of a file's content, whatever its name.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path} to fingerprint it: {error.strerror}") from error


def of_module(module: nn.Module) -> str:
    """The fingerprint of a module: the classes and settings of its parts, its parameters and buffers.

    Code is not looked at: a module whose `forward` was rewritten under the same class name keeps its
    fingerprint, so that such a teacher needs another name or another part beside this one.
    """

    def parts() -> Iterable[Part]:
        for name, child in module.named_modules():
            kind = type(child)
            yield f"{name}: {kind.__module__}.{kind.__qualname__}({_ADDRESS.sub('', child.extra_repr())})"
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            yield f"{name}: {tensor.dtype} {tuple(tensor.shape)}"
            yield _tensor_bytes(tensor)

    return _digest(parts())


def raw(array: np.ndarray) -> memoryview:
    """The bytes of an array, as they lie in memory where they lie in one piece."""
    return memoryview(cast("Any", np.ascontiguousarray(array).reshape(-1).view(np.uint8)))


def _tensor_bytes(tensor: Tensor) -> memoryview:
    return raw(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def of_columns(columns: Mapping[str, np.ndarray], names: Sequence[str], start: int, stop: int) -> dict[str, str]:
    """The fingerprint of rows start..stop-1 of each named column.

    Equal values of equal type have equal fingerprints: byte order, memory order, the width of a
    fixed-width string column and whether strings are kept as objects do not matter.

    Raises:
        InputError: a column is missing, or holds something without canonical bytes.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError(f"columns {missing} are not there; there are {sorted(columns)}")
    return {name: _of_array(columns[name][start:stop], name) for name in names}


def _of_array(array: np.ndarray, column: str) -> str:
    shape = str(array.shape)
    if array.dtype.kind in "OUT":
        items: list[Any] = array.reshape(-1).tolist()
        if all(type(item) is str for item in items):
            lengths = np.fromiter(map(len, items), dtype="<i8", count=len(items))
            return digest("strings", shape, lengths.tobytes(), "".join(items))
        return _digest(["objects", shape, *(_canonical(item, column) for item in items)])
    if array.dtype.hasobject:
        raise InputError(f"column {column!r} holds records with objects in them: give each field its own column")
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    kind = str(plain.dtype.descr)
    return digest("numbers", kind, shape, raw(plain))


def _canonical(value: object, column: str) -> bytes:
    """Bytes that tell a value and its type; lists and dictionaries element by element."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | complex | str):
        return f"{type(value).__name__}:{value!r}".encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return b"bytes:" + bytes(value)
    if isinstance(value, np.ndarray):
        return f"array:{_of_array(value, column)}".encode()
    if isinstance(value, Tensor):
        return f"array:{_of_array(value.detach().cpu().numpy(), column)}".encode()
    if isinstance(value, list | tuple):
        return f"list:{_digest(_canonical(item, column) for item in value)}".encode()
    if isinstance(value, Mapping):
        pairs = sorted(_canonical(key, column) + b"=" + _canonical(item, column) for key, item in value.items())
        return f"map:{_digest(pairs)}".encode()
    if hasattr(value, "isoformat"):
        return f"{type(value).__name__}:{value!r}".encode()
    raise InputError(
        f"column {column!r} holds a {type(value).__name__}, which has no canonical bytes: keep numbers, "
        "strings, bytes, dates, arrays, lists or dictionaries in it"
    )
