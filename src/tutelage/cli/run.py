"""`tutelage run`: recipes, shipped or your own, and old runs again."""

from __future__ import annotations

import functools
import inspect
import json
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro

from ..core import Fusion, InputError
from ..train.run import begin, read_record
from . import show
from .parts import fusion_from, recipe_from

HELP = """usage: tutelage run RECIPE [options]

RECIPE is the name of a shipped recipe (digits), a function in your own file (my_recipe.py:shop), or the run.json of an
old run, which is then repeated. The options are the recipe's own arguments: tutelage run digits --help
"""


def run_command(arguments: list[str]) -> None:
    """Runs a recipe and prints what came out."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return
    what, *rest = arguments
    if what.endswith(".json") or (Path(what) / "run.json").exists():
        again(Path(what), rest)
        return
    name, function = recipe_from(what)
    resume = "--resume" in rest
    rest = [part for part in rest if part != "--resume"]
    _, given, run_folder = _parsed(function, rest, f"tutelage run {what}")
    _perform(what, name, function, given, show.new_folder(name, run_folder, resume), resume)


def again(path: Path, rest: list[str]) -> None:
    """Repeats the run of a run.json with the same arguments.

    Raises:
        InputError: the run was not made by a recipe.
    """
    folder = path if path.is_dir() else path.parent
    record = read_record(folder)
    recipe = None if record is None else record.get("recipe")
    if not recipe:
        raise InputError(f"{path} does not say how it was made: it was not made by tutelage run or tutelage distill")
    if recipe["command"] == "distill":
        from .distill import distill_command

        distill_command([*recipe["arguments"], *rest])
        return
    name, function = recipe_from(recipe["recipe"])
    stored = dict(recipe["arguments"])
    _, changed, run_folder = _parsed(function, rest, "tutelage run", defaults=stored)
    _perform(recipe["recipe"], name, function, changed, show.new_folder(name, run_folder, False), False)


def _perform(
    what: str, name: str, function: Callable[..., Any], given: dict[str, Any], folder: Path, resume: bool
) -> None:
    begin(
        folder,
        {"command": "run", "recipe": what, "arguments": json.loads(json.dumps(given, default=str))},
        resume=resume,
    )
    with show.progress() as listener:
        report = _called(function, given, folder, listener)
    accepts = inspect.signature(function).parameters
    show.results(report, folder if "run" in accepts else None)


def _called(function: Callable[..., Any], given: dict[str, Any], folder: Path, listener: Any) -> Any:
    """The recipe with its arguments, fusions made of their names, and with folder and listener if it takes them."""
    ready = dict(given)
    hints = _hints(function)
    for key, value in given.items():
        if isinstance(value, str) and Fusion in typing.get_args(hints[key]):
            ready[key] = fusion_from(value)
    extra = {"run": folder, "progress": listener}
    accepts = inspect.signature(function).parameters
    return function(**ready, **{key: value for key, value in extra.items() if key in accepts})


def recipe_again(what: str, arguments: dict[str, Any], folder: Path, listener: Any) -> Any:
    """Calls a recipe as a run of it was, in that run's folder."""
    _, function = recipe_from(what)
    _, given, _ = _parsed(function, [], f"tutelage run {what}", defaults=dict(arguments))
    return _called(function, given, folder, listener)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function)


def _parsed(
    function: Callable[..., Any], rest: list[str], prog: str, defaults: dict[str, Any] | None = None
) -> tuple[Any, dict[str, Any], Path | None]:
    """The recipe's arguments from the command line; its signature is the command line."""
    hints = _hints(function)
    kept: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("progress", "run"):
            continue
        kind = hints.get(parameter.name, str)
        if Fusion in typing.get_args(kind):
            kind = str | None
        default = (defaults or {}).get(parameter.name, parameter.default)
        kept.append(parameter.replace(annotation=kind, default=default, kind=inspect.Parameter.KEYWORD_ONLY))
    kept.append(inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Path | None))

    @functools.wraps(function)
    def shown(**values: Any) -> dict[str, Any]:
        return values

    shown.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    shown.__annotations__ = {parameter.name: parameter.annotation for parameter in kept}
    del shown.__wrapped__
    values: dict[str, Any] = tyro.cli(shown, args=rest, prog=prog)
    run_folder = values.pop("run")
    return function, values, run_folder
