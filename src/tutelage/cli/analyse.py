"""`tutelage analyse`: four questions on your own data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ..search import analyse, keep_found
from . import show
from .ground import ground_again


@dataclass(frozen=True)
class AnalyseOptions:
    """Ask a finished run: against other models, what the data change, which teachers, which fusion.

    Attributes:
        run: folder of the run.
        seeds: number of paired seeds of the students.
        folds: in which few held-out rows are judged.
        share: of the run's epochs that the students take.
        check: check the advised fusion on the sealed test rows, which is recorded in run.json.
    """

    run: tyro.conf.Positional[Path]
    seeds: int = 2
    folds: int = 3
    share: float = 0.5
    check: bool = True


def analyse_command(arguments: list[str]) -> None:
    """Answers, prints, and writes four chapters into the run's page; a killed command goes on where it was."""
    options = tyro.cli(AnalyseOptions, args=arguments, prog="tutelage analyse")
    with show.progress() as listener:
        ground = ground_again(options.run, None, listener, chosen=True)
        found = analyse(
            ground, seeds=range(options.seeds), folds=options.folds, share=options.share, check=options.check
        )
    written = keep_found(found, options.run, ground)
    print(found.table())
    print(f"\nwritten: {', '.join(map(str, written))}")
