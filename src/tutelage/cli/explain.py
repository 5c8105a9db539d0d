"""`tutelage explain`: what does the student look at, and who taught it that?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ..core import require
from ..search import explain, keep_found
from . import show
from .ground import ground_again


@dataclass(frozen=True)
class ExplainOptions:
    """Explain the student of a finished run, and judge the explanation.

    Attributes:
        run: folder of the run.
        seeds: number of students; the run's own and more trained from its store.
        rows: most rows that are attributed.
        check: try the ranking of the inputs on the sealed test rows, which is recorded in run.json.
    """

    run: tyro.conf.Positional[Path]
    seeds: int = 3
    rows: int = 200
    check: bool = True


def explain_command(arguments: list[str]) -> None:
    """Explains, prints, and writes the chapter into the run's page; a killed command goes on where it was."""
    options = tyro.cli(ExplainOptions, args=arguments, prog="tutelage explain")
    require("captum", extra="explain", why="explain a run")
    with show.progress() as listener:
        ground = ground_again(options.run, None, listener, chosen=True)
        first = ground.trial.seed
        found = explain(ground, seeds=range(first, first + options.seeds), rows=options.rows, check=options.check)
    written = keep_found(found, options.run, ground)
    print(found.table())
    print(f"\nwritten: {', '.join(map(str, written))}")
