"""`tutelage search`: teachers, fusion, objective, student size and augmentation within a time budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ..core import require
from ..search import keep_found, search_best, write_recipe
from . import show
from .ground import ground_again


@dataclass(frozen=True)
class SearchOptions:
    """Search teachers, fusion, objective, temperature, soft share, student size and augmentation of a finished run.

    Attributes:
        run: folder of the run.
        seconds: time for trials; what an interrupted search spent counts.
        trials: how many at most; as many as there is time for unless given.
        seeds: number of seeds of a trial's students.
        folds: in which few held-out rows are judged.
        share: of the run's epochs that the students of trials take.
        augment: also try views of the rows (shifted images, lost words, new rows of a table), which teachers answer.
        check: compare winner and default on the sealed test rows, which is recorded in run.json.
    """

    run: tyro.conf.Positional[Path]
    seconds: float = 300.0
    trials: int | None = None
    seeds: int = 1
    folds: int = 3
    share: float = 1.0
    augment: bool = True
    check: bool = True


def search_command(arguments: list[str]) -> None:
    """Searches, prints the front of quality against cost, and writes the winner as a recipe; a killed one goes on."""
    options = tyro.cli(SearchOptions, args=arguments, prog="tutelage search")
    require("optuna", extra="search", why="search settings")
    with show.progress() as listener:
        ground = ground_again(options.run, None, listener)
        found = search_best(
            ground,
            seconds=options.seconds,
            trials=options.trials,
            seeds=range(options.seeds),
            folds=options.folds,
            share=options.share,
            augmentations=None if options.augment else {},
            check=options.check,
        )
    recipe = write_recipe(found, options.run, len(ground.contest.seeds))
    written = keep_found(found, options.run, ground)
    print(found.table())
    print(f"\nwritten: {', '.join(map(str, (*written, recipe)))}\nrepeat the winner: tutelage run {recipe}:winner")
