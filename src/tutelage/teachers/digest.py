"""Digests of what answers depend on: weights, fitted state, code. Pickle bytes differ between equal objects.

`digest(value)` walks a value and feeds types, names, numbers and array contents into SHA-256. Objects are
taken apart as pickle would (`__reduce_ex__`); functions by source, defaults, closure and the globals that
they use.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import InputError

IGNORED = frozenset({"n_jobs", "nthread", "thread_count", "verbose", "_sklearn_version"})
"""Attributes of estimators that change how an answer is computed, not what it is."""

PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
NAMED = (np.dtype, torch.dtype, torch.device)


def digest(value: Any) -> str:
    """SHA-256 of a value's content; equal content gives equal digests in any process.

    Raises:
        InputError: a part cannot be taken apart (locks, open files, generators).
    """
    return _Walk().of(value)


def digest_file(path: str | Path) -> str:
    """SHA-256 of the bytes of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_module(module: nn.Module) -> dict[str, str]:
    """`weights`: parameters and buffers; `architecture`: layers, their settings and their code."""
    tensors = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    code = sorted({_class_code(type(part)) for part in module.modules()})
    return {"weights": digest(dict(tensors)), "architecture": digest((repr(module), code))}


class _Walk:
    """One walk; each part is hashed on its own, so that shared and copied parts count the same."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[str, Any]] = {}
        self.path: list[int] = []

    def of(self, value: Any) -> str:
        if isinstance(value, PLAIN):
            return hashlib.sha256(f"{type(value).__name__}:{value!r}".encode()).hexdigest()
        if id(value) in self.done:
            return self.done[id(value)][0]
        if id(value) in self.path:
            return f"cycle:{len(self.path) - self.path.index(id(value))}"
        self.path.append(id(value))
        found = hashlib.sha256()
        for part in self.parts(value):
            found.update(part.encode() if isinstance(part, str) else part)
            found.update(b";")
        self.path.pop()
        self.done[id(value)] = (found.hexdigest(), value)
        return found.hexdigest()

    def parts(self, value: Any) -> Iterator[str | bytes | memoryview]:
        if isinstance(value, np.ndarray | np.generic):
            yield from self.array(np.asarray(value))
        elif isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().reshape(-1)
            yield f"tensor:{value.dtype}:{tuple(value.shape)}"
            yield flat.view(torch.uint8).numpy().data if flat.numel() else b""
        elif isinstance(value, Mapping):
            yield type(value).__name__
            for key in sorted((k for k in value if k not in IGNORED), key=lambda k: (type(k).__name__, str(k))):
                yield f"{self.of(key)}={self.of(value[key])}"
        elif isinstance(value, list | tuple):
            yield f"{type(value).__name__}:{len(value)}"
            yield from (self.of(item) for item in value)
        elif isinstance(value, set | frozenset):
            yield from sorted(self.of(item) for item in value)
        elif isinstance(value, type):
            yield _class_code(value)
        elif isinstance(value, NAMED):
            yield repr(value)
        elif isinstance(value, types.ModuleType):
            yield f"module:{value.__name__}"
        elif isinstance(value, types.FunctionType):
            yield from self.function(value)
        elif isinstance(value, types.BuiltinFunctionType | np.ufunc):
            yield f"builtin:{getattr(value, '__module__', '')}.{value.__name__}"
        elif isinstance(value, nn.Module):
            yield self.of(digest_module(value))
        elif hasattr(value, "model_to_string"):
            yield value.model_to_string()
        else:
            yield from self.object(value)

    def array(self, value: np.ndarray) -> Iterator[str | bytes]:
        yield f"array:{value.shape}:{value.dtype.str}"
        if value.dtype.names:
            # the padding between the fields of a record holds whatever was in memory
            for name in value.dtype.names:
                yield name
                yield from self.array(np.ascontiguousarray(value[name]))
        elif value.dtype.hasobject:
            yield self.of(value.ravel().tolist())
        else:
            yield np.ascontiguousarray(value).tobytes()

    def function(self, function: types.FunctionType) -> Iterator[str]:
        yield f"function:{function.__module__}.{function.__qualname__}"
        if _installed(function.__module__) and len(self.path) > 1:
            return
        yield _source(function)
        yield self.of((function.__defaults__, function.__kwdefaults__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            yield f"{name}={self.leniently(cell.cell_contents)}"
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                yield f"{name}={self.leniently(function.__globals__[name])}"

    def leniently(self, value: Any) -> str:
        """As `of`, by type alone where a value has no content (a lock or a session that a function uses)."""
        depth = len(self.path)
        try:
            return self.of(value)
        except InputError:
            del self.path[depth:]
            return type(value).__qualname__

    def object(self, value: Any) -> Iterator[str]:
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            parts = value.__reduce_ex__(4)
        except Exception as error:
            raise InputError(
                f"a {name} has no content that can be fingerprinted ({error}): keep it out of the teacher, "
                "or make it anew at each call"
            ) from error
        if isinstance(parts, str):
            yield f"{name}:{parts}"
            return
        maker, arguments, *rest = parts
        yield f"{_class_code(type(value))}:{getattr(maker, '__qualname__', '')}"
        yield self.of(arguments)
        for part in rest:
            yield self.of(list(part) if isinstance(part, Iterator) else part)


def _names(code: types.CodeType) -> set[str]:
    """All names that a code object and the code inside it look up."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*inner)


def _source(function: types.FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return _code(function.__code__)


def _code(code: types.CodeType) -> str:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()};{constants};{code.co_names};{code.co_varnames}"


def _installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed package, whose code counts by name only."""
    if module is None or module.split(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


@lru_cache(1024)
def _class_code(kind: type) -> str:
    name = f"class:{kind.__module__}.{kind.__qualname__}"
    if _installed(kind.__module__):
        return name
    try:
        return name + inspect.getsource(kind)
    except (OSError, TypeError):
        return name + "".join(_sources(vars(kind).values()))


def _sources(items: Iterable[Any]) -> Iterator[str]:
    return (_code(item.__code__) for item in items if isinstance(item, types.FunctionType))
