"""`tutelage select`: which teachers are worth listening to?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ..search import keep_found, select
from . import show
from .ground import ground_again
from .parts import fusion_from


@dataclass(frozen=True)
class SelectOptions:
    """Select teachers of a finished run; it may answer "one teacher suffices" or "do not distil".

    Attributes:
        run: folder of the run.
        fusion: how teachers are fused (mean, soft_vote, ..., my.py:Mine).
        seeds: number of paired seeds of the small students.
        folds: in which few held-out rows are judged.
        share: of the run's epochs that the small students take.
        seed: the run's seed whose rows and teachers are looked at; its first unless given.
        check: check the advice on the sealed test rows, which is recorded in run.json.
    """

    run: tyro.conf.Positional[Path]
    fusion: str = "mean"
    seeds: int = 2
    folds: int = 3
    share: float = 0.5
    seed: int | None = None
    check: bool = True


def select_command(arguments: list[str]) -> None:
    """Selects, prints, and writes the chapter into the run's page; a killed command goes on where it was."""
    options = tyro.cli(SelectOptions, args=arguments, prog="tutelage select")
    fusion = fusion_from(options.fusion)
    with show.progress() as listener:
        ground = ground_again(options.run, options.seed, listener)
        found = select(
            ground,
            fusion=fusion,
            seeds=range(options.seeds),
            folds=options.folds,
            share=options.share,
            check=options.check,
        )
    written = keep_found(found, options.run, ground)
    print(found.table())
    print(f"\nwritten: {', '.join(map(str, written))}")
