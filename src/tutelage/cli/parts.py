"""From words on the command line to the parts they mean."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import fusion as fusions
from ..core import Fusion, InputError
from ..teachers.load import load_function


def fusion_from(text: str) -> Fusion:
    """`mean`, `confidence:form=softmax`, or `my.py:Mine`.

    Raises:
        InputError: no such fusion, or a parameter it does not have.
    """
    if ".py:" in text:
        found: Any = load_function(text)
        made: Any = found() if inspect.isclass(found) else found
        return made
    name, _, rest = text.partition(":")
    classes: list[Any] = [part for part in vars(fusions).values() if inspect.isclass(part)]
    known = {str(part.name): part for part in classes if hasattr(part, "name")}
    made = known.get(name.replace("-", "_"))
    if made is None:
        raise InputError(f"fusion {name!r} is not known: {', '.join(sorted(known))}, or my_file.py:MyFusion")
    options = dict(pairs(rest.split(",") if rest else [], f"fusion {name!r}"))
    try:
        return made(**{key: number_or_word(value) for key, value in options.items()})
    except TypeError as error:
        raise InputError(f"fusion {name!r}: {error}") from error


def recipe_from(text: str) -> tuple[str, Callable[..., Any]]:
    """The name and function meant by `digits` or `my_recipe.py:shop`.

    Raises:
        InputError: there is none.
    """
    if ".py" in text:
        path, _, name = text.rpartition(":") if ".py:" in text else (text, "", Path(text).stem)
        return name, load_function(f"{path}:{name}")
    shipped = sorted(p.stem for p in Path(__file__).parent.parent.joinpath("recipes").glob("*.py") if p.stem[0] != "_")
    if text not in shipped:
        raise InputError(f"recipe {text!r} is not known: {', '.join(shipped)}, or my_recipe.py:function, or a run.json")
    module: ModuleType = importlib.import_module(f"..recipes.{text}", __package__)
    return text, getattr(module, text)


def hook_from(text: str) -> Callable[..., Any]:
    """What a recipe lets be audited: the function `audit_NAME` beside the recipe `NAME`.

    Raises:
        InputError: there is no such recipe, or no such function.
    """
    name, function = recipe_from(text)
    hook = vars(sys.modules[function.__module__]).get(f"audit_{name}")
    if not callable(hook):
        raise InputError(
            f"recipe {name!r} does not say what can be audited: put a function audit_{name}() beside it that returns "
            "a tutelage.data.audit.Audited (docs/preparation.md shows one)"
        )
    return hook


def number_or_word(text: str) -> Any:
    """An int, a float, a bool, or the word itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def pairs(texts: list[str], flag: str) -> list[tuple[str, str]]:
    """`left=right` pairs.

    Raises:
        InputError: a text without an equals sign.
    """
    found = [text.partition("=") for text in texts]
    wrong = [text for text, (_, sign, _) in zip(texts, found, strict=True) if not sign]
    if wrong:
        raise InputError(f"{flag} takes NAME=VALUE, got {wrong[0]!r}")
    return [(left, right) for left, _, right in found]


def without_run(arguments: list[str]) -> list[str]:
    """The arguments without --run FOLDER, so that a repetition gets a folder of its own."""
    kept: list[str] = []
    skip = False
    for part in arguments:
        if skip or part == "--run":
            skip = not skip
        elif not part.startswith("--run="):
            kept.append(part)
    return kept


def shortened(names: tuple[str, ...]) -> str:
    """The first six names, and how many more there are."""
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def default_name(spec: str) -> str:
    """The name of a teacher that is given as a file or a function of a file."""
    return spec.rpartition(":")[2] if ".py:" in spec else Path(spec).stem
