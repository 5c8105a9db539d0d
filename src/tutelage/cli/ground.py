"""From the folder of a run back to its rows, teachers and student."""

from __future__ import annotations

from pathlib import Path

from ..core import InputError
from ..search import Ground, stand
from ..train.contest import Contest, Progress, taking
from ..train.run import load


def contest_again(folder: Path, progress: Progress | None = None) -> Contest:
    """What was asked of `distill` when a finished run was made; nothing is trained but teachers of a recipe's own.

    Raises:
        InputError: there is no finished run, or it was made from Python, which has to ask itself.
    """
    recipe = load(folder).record.get("recipe")
    if not recipe:
        raise InputError(
            f"{folder} does not say how it was made: it was not made by tutelage run or tutelage distill. In Python: "
            "tl.select(tl.ground_of(student, rows, teachers, run=...)), and tl.analyse, tl.search_best, tl.explain"
        )
    with taking() as taken:
        if recipe["command"] == "distill":
            from .distill import distill_again

            distill_again(recipe["arguments"], folder, progress)
        else:
            from .run import recipe_again

            recipe_again(recipe["recipe"], recipe["arguments"], folder, progress)
    if not taken:
        raise InputError(
            f"the recipe {recipe['recipe']!r} ended without tl.distill, so it says no rows and no teachers"
        )
    return taken[0]


def ground_again(
    folder: Path, seed: int | None = None, progress: Progress | None = None, *, chosen: bool = False
) -> Ground:
    """The ground of a finished run, see `stand`; its teachers are asked only what its store does not hold."""
    return stand(contest_again(folder, progress), seed, chosen=chosen)
