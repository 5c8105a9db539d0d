"""Errors of the house: each names the value, the rule and the way out."""

from __future__ import annotations

import importlib
from types import ModuleType


class TutelageError(Exception):
    """Base of every error raised on purpose by tutelage."""


class InputError(TutelageError, ValueError):
    """What the user gave cannot be used as it is."""


class LeakageError(InputError):
    """Rows would be used in a way that makes the evidence worthless."""


class StoreError(TutelageError, RuntimeError):
    """A store on disk is damaged, incomplete, or belongs to other teachers or other data."""


class MissingExtraError(TutelageError, ImportError):
    """An optional library is needed and not installed."""


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Imports an optional library, or says which extra brings it.

    Args:
        module: dotted module name.
        extra: the extra of tutelage that installs it.
        why: what it is needed for, as an end of the sentence "needed to ...".

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != top:
            raise
        raise MissingExtraError(
            f"{top!r} is needed to {why} and is not installed: pip install 'tutelage[{extra}]'",
            name=top,
        ) from error
