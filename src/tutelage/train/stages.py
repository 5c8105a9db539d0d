"""Stages: students that become teachers of the next, each kept in a folder and never trained twice."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ..core import Fusion, InputError, SignalSource, Task, Teacher
from ..data import Rows
from ..fusion import Mean
from ..store import Store
from ..store.fingerprint import digest
from ..teaching import Distillation, Ensemble, Memory, Objective
from . import checkpoint
from .evaluate import in_names, task_of
from .fit import fit
from .fitted import as_teacher, labels_only
from .history import Epoch, Fitted
from .objectives import default_objective
from .resume import common, same_training, shown
from .settings import Training, fresh_student
from .steps import generate_predictions

Make = nn.Module | Callable[[], Any]


@dataclass(frozen=True)
class Stage:
    """One student of a sequence.

    Args:
        name: unique; of its folder, and of the teacher that it becomes.
        make: a module that is copied, or a maker of a fresh one.
        hears: `before` (the stage before, at the first stage all given teachers), `all` (all given teachers and all
            stages before), `nobody` (labels alone), or names of teachers and earlier stages.
        fusion: how those are combined.
        starts_as: name of an earlier stage whose student it begins as, instead of a fresh one.
        training: settings; those of `stages` unless given.
        objective: what is compared; that of `stages` unless given.
    """

    name: str
    make: Make
    hears: Literal["before", "all", "nobody"] | tuple[str, ...] = "before"
    fusion: Fusion = field(default_factory=Mean)
    starts_as: str | None = None
    training: Training | None = None
    objective: Objective | None = None


@dataclass(frozen=True)
class Finished:
    """A stage that was trained.

    Attributes:
        name: of the stage.
        fitted: the student and how it got there.
        teacher: the student as a teacher, which declares the training rows as seen.
        heard: names of those it heard.
    """

    name: str
    fitted: Fitted
    teacher: Teacher
    heard: tuple[str, ...]


@dataclass(frozen=True)
class Staged:
    """All stages, in order."""

    stages: tuple[Finished, ...]
    task: Task

    @property
    def student(self) -> nn.Module:
        """The student of the last stage."""
        return self.stages[-1].fitted.student

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """All students as teachers."""
        return tuple(stage.teacher for stage in self.stages)

    def ensemble(self, fusion: Fusion | None = None) -> Ensemble:
        """All students as one teacher; the mean of them unless another fusion is given."""
        return Ensemble.of("stages", self.teachers, fusion or Mean())


def stages(
    plan: Sequence[Stage],
    rows: Rows,
    *,
    teachers: Sequence[Teacher] = (),
    objective: Objective | None = None,
    training: Training | None = None,
    folder: Path | None = None,
    store: Store | None = None,
    progress: Callable[[str, Epoch, int], None] | None = None,
) -> Staged:
    """Trains the stages in order; each student is a teacher of those after it.

    Args:
        plan: see `Stage`; `assistants`, `born_again` and `easy_to_hard` make plans.
        rows: the train split is learnt from, the validation split watched, the test split never opened.
        teachers: who is there before the first stage.
        objective: what is compared; the task's default unless given.
        training: settings of every stage.
        folder: keeps each stage in a folder of its own; finished ones are not trained again, nor are their teachers
            asked, and an interrupted one goes on.
        store: keeps the answers; in memory without one.
        progress: called after each epoch with the name of the stage, its record and the number of epochs planned.

    Raises:
        InputError: names do not fit, or the folder holds other stages.
        StoreError: a stage cannot be written or read.
    """
    names = [teacher.name for teacher in teachers]
    task, training = task_of(rows), training or Training()
    objective = objective or default_objective(task)
    heard = _heard(plan, names)
    known: dict[str, Teacher] = {teacher.name: teacher for teacher in teachers}
    found: dict[str, Finished] = {}
    for one in plan:
        own = training if one.training is None else one.training
        place = None if folder is None else folder / one.name
        own = replace(own, checkpoint=place)
        voices = tuple(known[name] for name in heard[one.name])
        student = (
            fresh_student(one.make, own.seed)
            if one.starts_as is None
            else copy.deepcopy(found[one.starts_as].fitted.student)
        )
        goal = one.objective or objective
        fitted = _trained(one, student, voices, rows, task, goal, own, place, store, progress)
        teacher = as_teacher(copy.deepcopy(fitted.student), one.name, rows.inputs, rows.train, task)
        found[one.name] = Finished(one.name, fitted, teacher, heard[one.name])
        known[one.name] = teacher
    return Staged(tuple(found.values()), task)


def _heard(plan: Sequence[Stage], teachers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Whom each stage hears, by name."""
    known: list[str] = list(teachers)
    found: dict[str, tuple[str, ...]] = {}
    for one in plan:
        if one.name in known or not one.name or "/" in one.name:
            raise InputError(f"stage {one.name!r} needs a name of its own that can be a folder's; there are {known}")
        earlier = [name for name in known if name not in teachers]
        last = (earlier[-1],) if earlier else tuple(teachers)
        of_word = {"before": last, "all": tuple(known), "nobody": ()}
        voices = of_word[one.hears] if isinstance(one.hears, str) else one.hears
        strange = [name for name in voices if name not in known]
        if strange:
            raise InputError(f"stage {one.name!r} would hear {strange}, not there before it; there are {known}")
        if one.hears != "nobody" and not voices:
            raise InputError(f"stage {one.name!r} has nobody to hear: give teachers, or hears='nobody' for labels")
        if one.starts_as is not None and one.starts_as not in earlier:
            raise InputError(f"stage {one.name!r} would start as {one.starts_as!r}; the stages before it are {earlier}")
        found[one.name] = voices
        known.append(one.name)
    return found


def _trained(
    one: Stage,
    student: nn.Module,
    voices: tuple[Teacher, ...],
    rows: Rows,
    task: Task,
    objective: Objective,
    training: Training,
    place: Path | None,
    store: Store | None,
    progress: Callable[[str, Epoch, int], None] | None,
) -> Fitted:
    """A stage from its folder, or trained now."""

    def told(epoch: Epoch, planned: int) -> None:
        if progress is not None:
            progress(one.name, epoch, planned)

    done = None if place is None else place / "done"
    settings = common(student, rows, training) | {
        "hears": ", ".join(voice.name for voice in voices),
        "answers": digest(*(repr(sorted(voice.fingerprint.items())) for voice in voices)),
        "fusion": shown(one.fusion),
        "objective": shown(objective),
        "task": shown(task),
        "start": digest(*(value.cpu().numpy().tobytes() for value in student.state_dict().values())),
    }
    kept = None if done is None else checkpoint.load(done)
    if kept is not None:
        same_training(kept["settings"], settings, done)
        student.load_state_dict(kept["student"])
        history = tuple(Epoch(**epoch) for epoch in kept["history"])
        return Fitted(student, kept["best"], kept["best_epoch"], history, kept["stopped"])
    target = labels_only(task)
    if voices:
        target = Distillation(_source(voices, rows, store), one.fusion, objective, task)
    fitted = fit(student, target, rows, training, told)
    if done is not None:
        history = [asdict(epoch) for epoch in fitted.history]
        record = {"best": fitted.best, "best_epoch": fitted.best_epoch, "history": history, "stopped": fitted.stopped}
        checkpoint.save(done, {"settings": settings, "student": student.state_dict(), **record})
    return fitted


def _source(voices: Sequence[Teacher], rows: Rows, store: Store | None) -> SignalSource:
    """What they say about the rows; each is asked once."""
    if store is None:
        return Memory.of([in_names(voice, rows.space) for voice in voices], rows.columns, rows.views)
    return generate_predictions(voices, rows, store)
