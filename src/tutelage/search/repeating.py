"""distill_as: a setting that a search found, as a distillation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data import Rows
from ..data.views import Views
from ..report import Report
from ..train.contest import Contest
from ..train.evaluate import task_of
from .augmenting import usual_views
from .distilling import distill
from .space import Maker, Setting, place_of


def distill_as(
    contest: Contest,
    setting: Setting,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    run: Path | None = None,
    progress: Any = None,
    sizes: Mapping[str, Maker] | None = None,
    augmentations: Mapping[str, Views] | None = None,
) -> Report:
    """`distill` on the rows and from the teachers of a contest, with a setting that a search found.

    Raises:
        InputError: the setting names something that is not there.
    """
    asked, made = contest.teachers, contest.rows
    rows = made if isinstance(made, Rows) else made(seeds[0])
    views = usual_views(rows) if augmentations is None else augmentations
    place = place_of(contest, task_of(rows), setting.teachers, True, sizes, views)
    one = place.candidate(setting)

    def teachers(seed: int, table: Rows) -> Sequence[Any]:
        found = asked(seed, table) if callable(asked) else asked
        return tuple(teacher for teacher in found if teacher.name in setting.teachers)

    def table(seed: int) -> Rows:
        return place.augmented(setting, made if isinstance(made, Rows) else made(seed))

    return distill(
        place.sizes[setting.size],
        table,
        teachers,
        fusion=one.fusion,
        objective=one.objective,
        training=contest.training,
        seeds=seeds,
        run=run,
        seen_ok=contest.seen_ok,
        title=f"Winner of a search: {setting}",
        progress=progress,
    )
