"""Python code of the user's that a saved teacher or fusion needs: copied or referenced, run only when allowed."""

from __future__ import annotations

import functools
import importlib
import inspect
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import InputError, StoreError
from .digest import digest
from .keeping import Opening
from .load import LOADED, load_function


def keep_code(made: Any, folder: Path, who: str) -> dict[str, str]:
    """Where a function or class comes from, and the digest of its code.

    What `load_function` read from a file is copied with that file; what lies in an importable module is
    referenced as `module:name`.

    Raises:
        InputError: it is a lambda, a closure or a part of the running script, or its file has changed.
    """
    module, name = getattr(made, "__module__", None) or "", getattr(made, "__qualname__", "")
    if not name or "<" in name or module in ("", "__main__", "builtins"):
        raise InputError(
            f"{who} is made of {name or type(made).__name__!r} of {module or 'nowhere'}, which cannot be found again: "
            "move it to the top level of a Python file of its own, and import it or load it with load_function"
        )
    spec = f"{module}:{name}"
    try:
        if module.startswith(LOADED):
            file = Path(inspect.getsourcefile(made) or "")
            shutil.copyfile(file, folder / file.name)
            spec = f"{file.name}:{name}"
        again = _found(spec, folder)
    except (OSError, TypeError, ImportError, AttributeError, InputError) as error:
        raise InputError(f"the code of {who}, {spec}, cannot be found again: {error}") from error
    if digest(again) != digest(made):
        raise InputError(
            f"the code of {who}, {spec}, is not what was loaded: it has changed since, or depends on more than its "
            "file; load it again"
        )
    return {"from": spec, "code": digest(made)}


def open_code(value: Mapping[str, str], folder: Path, opening: Opening, who: str) -> Any:
    """The function or class that `keep_code` wrote down; runs its file.

    Raises:
        InputError: nobody allowed this code to be run.
        StoreError: it is not the code that was saved.
    """
    spec = value["from"]
    place = spec.rpartition(":")[0]
    named = [Path(one).parent for one in opening.code if place in (str(one), Path(one).name)]
    if not named and not opening.allow_pickle:
        raise InputError(
            f"{who} runs Python code, {spec}: look at it, then name it, "
            f"code=[{str(folder / place) if place.endswith('.py') else place!r}], or say allow_pickle=True if you "
            "trust whoever wrote it"
        )
    if place.endswith(".py") and Path(place).name != place:
        raise StoreError(f"{who}: {place!r} is outside of {folder}: it is not run")
    try:
        found = _found(spec, named[0] if named else folder)
    except (ImportError, AttributeError, InputError) as error:
        raise StoreError(f"the code of {who}, {spec}, cannot be found: {error}") from error
    if digest(found) != value["code"]:
        raise StoreError(
            f"the code of {who}, {spec}, is not the code that was saved: bring back the old code, or save again"
        )
    return found


def _found(spec: str, folder: Path) -> Any:
    place, _, name = spec.rpartition(":")
    if place.endswith(".py"):
        return load_function(str(folder / place) + f":{name}")
    return functools.reduce(getattr, name.split("."), importlib.import_module(place))
