"""A plain Python function of the user's in a saved graph: by where it is, and by what it said when it was saved."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..core import InputError


@final
@dataclass(frozen=True)
class Function:
    """A function at the top of a module or of a file.

    Attributes:
        path: `package.module:name` or `folder/file.py:name`.
        code: SHA-256 of what it says, comments and layout left aside.
    """

    path: str
    code: str

    @staticmethod
    def of(function: Callable[..., Any]) -> Function:
        """A function of a module.

        Raises:
            InputError: it is not at the top of an importable module.
        """
        name, module = function.__qualname__, function.__module__
        if not name.isidentifier() or module == "__main__":
            raise InputError(f"function {module}:{name} cannot be found again: put it at the top of a module or a file")
        return Function.at(f"{module}:{name}")

    @staticmethod
    def at(path: str) -> Function:
        """A function by its path.

        Raises:
            InputError: there is none.
        """
        return Function(path, _code(path))

    def load(self) -> Callable[..., Any]:
        """The function, of a module that is imported only when it still says the same.

        Raises:
            InputError: it is gone or says something else now.
        """
        if _code(self.path) != self.code:
            raise InputError(
                f"function {self.path} says something else than when it was saved: restore it, or fit and save again"
            )
        place, name = _split(self.path)
        return getattr(_module(place), name)


def _split(path: str) -> tuple[str, str]:
    place, _, name = path.rpartition(":")
    if not place or not name.isidentifier():
        raise InputError(f"a function is named as in my_package.my_module:my_function or my_file.py:name, got {path!r}")
    return place, name


def _file(place: str) -> Path:
    if place.endswith(".py"):
        return Path(place)
    try:
        spec = importlib.util.find_spec(place)
    except ImportError as error:
        raise InputError(f"module {place} cannot be found: {error}") from error
    if spec is None or spec.origin is None:
        raise InputError(f"module {place} cannot be found, or is no file")
    return Path(spec.origin)


def _code(path: str) -> str:
    place, name = _split(path)
    file = _file(place)
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{file}, which should hold function {name}, cannot be read: {error}") from error
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(found) != 1:
        raise InputError(f"{file} has {len(found)} functions called {name!r} at its top, there should be one")
    return hashlib.sha256(ast.unparse(found[0]).encode()).hexdigest()


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    name = f"tutelage_function_{hashlib.sha256(place.encode()).hexdigest()[:16]}"
    if name in sys.modules and inspect.getfile(sys.modules[name]) == place:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
