"""Fitting a recipe on rows that come in chunks, larger than memory, going on after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core import Columns, InputError
from . import state as files
from .fitted import FittedRecipe
from .fitting import Fitting, Pass, merge_passes
from .recipe import Recipe
from .sketch import summary_from_state, summary_state
from .steps.step import Drops, Role

PROGRESS = "fitting"


def fit_chunks(
    recipe: Recipe,
    chunks: Callable[[], Iterable[Columns]],
    folder: Path | str | None = None,
    *,
    every: int = 1,
    inputs: Mapping[str, Role] | None = None,
) -> FittedRecipe:
    """The recipe fitted on training rows that come in chunks, in as many passes over them as it needs.

    Args:
        recipe: without steps that need all rows at once.
        chunks: gives the same chunks of training rows in the same order each time it is called.
        folder: keeps what has been seen, so that the same call goes on after a kill; emptied of it at the end.
        every: what has been seen is written after so many chunks.
        inputs: what each raw column holds; seen from the first chunk unless given.

    Raises:
        InputError: a step needs all rows at once, there are no rows, or the folder belongs to another recipe.
    """
    whole = [step.name for step in recipe.steps if isinstance(step, Drops) or step.kind == "batch"]
    first = next(iter(chunks()), None)
    if first is None or whole:
        raise InputError(
            f"steps {whole} need all rows at once: use `fit`" if whole else "there are no chunks to fit on"
        )
    fitting = Fitting.start(recipe, first) if inputs is None else Fitting.of(recipe, inputs)
    seen: Pass = {}
    begin, rows = 0, 0
    if folder is not None:
        fitting, seen, begin = _read(Path(folder), fitting)
    while rows == 0 or not fitting.done:
        rows = 0
        for number, chunk in enumerate(chunks()):
            size = len(next(iter(chunk.values())))
            if number >= begin:
                found = fitting.observe(chunk, np.arange(rows, rows + size))
                seen = merge_passes(seen, found) if seen else found
                if folder is not None and (number + 1) % every == 0:
                    _write(Path(folder), fitting, seen, number + 1)
            rows += size
        fitting, seen, begin = fitting.learn(seen), {}, 0
        if folder is not None:
            _write(Path(folder), fitting, seen, 0)
    if folder is not None:
        files.remove(Path(folder), PROGRESS)
    return fitting.fitted(rows, {})


def _write(folder: Path, fitting: Fitting, seen: Pass, chunk: int) -> None:
    summaries = {str(n): {name: summary_state(part) for name, part in each.items()} for n, each in seen.items()}
    files.write(
        folder,
        PROGRESS,
        {"recipe": fitting.recipe.id, "states": fitting.states, "chunk": chunk, "seen": summaries},
    )


def _read(folder: Path, fitting: Fitting) -> tuple[Fitting, Pass, int]:
    if not (folder / f"{PROGRESS}.json").exists():
        return fitting, {}, 0
    tree = files.read(folder, PROGRESS)
    if tree["recipe"] != fitting.recipe.id:
        raise InputError(
            f"{folder} holds the half-fitted recipe {tree['recipe'][:12]}, not this one: use another folder"
        )
    seen = {int(n): {name: summary_from_state(part) for name, part in each.items()} for n, each in tree["seen"].items()}
    return replace(fitting, states=tuple(tree["states"])), seen, int(tree["chunk"])
