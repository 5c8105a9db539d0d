"""sweep: many small students from one table, trained as one batched network.

Lane i ends where `fit` ends with the target and seed of that lane. A step costs one network of all lanes, one call
of each term for all lanes that share an objective, and one optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ..core import InputError, Outer
from ..data.rows import Rows
from ..teachers import thread_budget
from ..teaching import Distillation
from .fit import Epoch, Fitted, fit
from .labels import learnable
from .lanes import differs
from .race import Race
from .settings import SMALL, Plateau, Training, autocast, device_of, fresh_student
from .trial import slug

Told = Callable[[str, int, int], None] | None
PROBED = 16
"""Rows on which students are compared with themselves as one network."""
MOST_CONVOLVED = 256
"""Numbers per row up to which batched convolutions pay on the CPU: 0.5 of single runs at 8 x 8, 1.1 at 16 x 16 x 3."""


@dataclass(frozen=True)
class Lane:
    """One student to be trained.

    Attributes:
        name: unique in a sweep.
        target: what it learns from, its fusion fitted; prepared or not.
        seed: of its first parameters and of the order of its batches.
    """

    name: str
    target: Distillation
    seed: int = 0


@dataclass(frozen=True)
class Swept:
    """What came out of a sweep.

    Attributes:
        lanes: as they were given.
        fitted: one per lane, what `fit` would return; the time of a lane trained together is that of all of them.
        batched: whether a lane was trained in the batched network.
        why: in plain words, how many were, and why the others were not.
    """

    lanes: tuple[Lane, ...]
    fitted: tuple[Fitted, ...]
    batched: tuple[bool, ...]
    why: str


def sweep(
    make: nn.Module | Callable[[], nn.Module],
    lanes: Sequence[Lane],
    rows: Rows,
    training: Training | None = None,
    progress: Told = None,
) -> Swept:
    """Trains one student per lane, all of them as one batched network where that gives the same students.

    Args:
        make: a module, whose present parameters are every lane's start, or a maker called under each lane's seed.
        lanes: what each student learns from, and its seed; lanes that share a target share its memory.
        rows: as for `fit`; the test split is never opened.
        training: as for `fit`; the seed is replaced by the lane's.
        progress: told in words what is trained, epochs done, and epochs planned.

    Raises:
        InputError: two lanes have one name, or a loss is not finite (names the lane).
    """
    training = training or Training()
    names = [lane.name for lane in lanes]
    if not names or len(set(names)) != len(names):
        double = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"a sweep needs at least one lane, all under different names; given twice: {double}")
    refused = {i: reason for i, lane in enumerate(lanes) if (reason := _refused(lane.target, lanes[0].target, rows))}
    able = [i for i in range(len(lanes)) if i not in refused]
    made: dict[int, nn.Module] = {}
    reason = _setting(training)
    if reason is None and able:
        made = {i: fresh_student(make, lanes[i].seed).to(device_of(training.device)) for i in able}
        reason = _unlike(list(made.values()), lanes[able[0]], rows, training)
    if reason is not None:
        refused, able = dict.fromkeys(range(len(lanes)), reason), []
    fitted: dict[int, Fitted] = {}
    if able:
        found = _together([lanes[i] for i in able], [made[i] for i in able], rows, training, progress)
        fitted = dict(zip(able, found, strict=True))
    for i in refused:
        fitted[i] = _alone(make, lanes[i], rows, training, progress)
    order = range(len(lanes))
    return Swept(tuple(lanes), tuple(fitted[i] for i in order), tuple(i in able for i in order), _why(refused, able))


def why_alone(make: nn.Module | Callable[[], nn.Module], lane: Lane, rows: Rows, training: Training) -> str | None:
    """Why such students would be trained one by one, in plain words; None: they are trained together."""
    made = fresh_student(make, lane.seed).to(device_of(training.device))
    return _setting(training) or _refused(lane.target, lane.target, rows) or _unlike([made], lane, rows, training)


def _together(
    lanes: Sequence[Lane], students: Sequence[nn.Module], rows: Rows, training: Training, progress: Told
) -> list[Fitted]:
    def tell(epoch: int, epochs: int) -> None:
        if progress is not None:
            progress(f"{len(lanes)} students together", epoch, epochs)

    size = sum(p.numel() for student in students for p in student.parameters())
    threads = training.threads if training.threads is not None else (1 if size < SMALL else None)
    with thread_budget(threads):
        ready = {id(lane.target): lane.target for lane in lanes}
        for key, target in ready.items():
            if target.means is None:
                ready[key] = target.prepared(rows.lessons())
        targets = [ready[id(lane.target)] for lane in lanes]
        names, seeds = [lane.name for lane in lanes], [lane.seed for lane in lanes]
        return Race(names, students, targets, seeds, rows, training, device_of(training.device)).run(tell)


def _alone(make: Any, lane: Lane, rows: Rows, training: Training, progress: Told) -> Fitted:
    def tell(epoch: Epoch, epochs: int) -> None:
        if progress is not None:
            progress(lane.name, epoch.epoch, epochs)

    folders = {name: getattr(training, name) for name in ("checkpoint", "tensorboard", "profile")}
    own = {name: None if folder is None else folder / slug(lane.name) for name, folder in folders.items()}
    settings = replace(training, seed=lane.seed, **own)
    return fit(fresh_student(make, lane.seed), lane.target, rows, settings, tell)


def _why(refused: dict[int, str], able: Sequence[int]) -> str:
    said = f"{len(able)} student{'s' if len(able) > 1 else ''} as one batched network"
    reasons = list(dict.fromkeys(refused.values()))
    alone = "; ".join(f"{list(refused.values()).count(reason)} because {reason}" for reason in reasons)
    if not refused:
        return said
    return f"{said}; trained one by one: {alone}" if able else f"trained one by one: {'; '.join(reasons)}"


def _setting(training: Training) -> str | None:
    """Why these settings ask for single trainings."""
    device = device_of(training.device)
    if isinstance(training.rate(), Plateau):
        return "the learning rate Plateau follows the validation rows of each student"
    if training.release:
        return "release switches parameters on in the course of a training"
    if training.compile:
        return "compile=True is for single students"
    if autocast(training.precision, device)._enabled:
        return "bf16 arithmetic rounds otherwise in a batched network (precision='fp32' trains together)"
    asked = [name for name in ("checkpoint", "tensorboard", "profile") if getattr(training, name) is not None]
    return f"{asked[0]} was asked for, which is kept per student" if asked else None


def _refused(target: Distillation, first: Distillation, rows: Rows) -> str | None:
    """Why this lane has to be trained alone."""
    if len(target.trainable):
        return f"{', '.join(target.trainable)} learns beside the student"
    if isinstance(target.fusion, Outer):
        return f"fusion {target.fusion.name!r} learns in steps of its own, from a single student"
    if target.hints:
        return f"{', '.join(hint.name for hint in target.hints)} looks at layers of a single student"
    if "random" in target.fusion.needs:
        return f"fusion {target.fusion.name!r} draws random numbers, in the order of a single training"
    if learnable(rows, target) is not rows:
        return "it learns from labels alone, which views without labels do not have, and sees the rows as they are"
    return None if target.task == first.task else "its task differs from that of the first lane"


def _unlike(students: Sequence[nn.Module], lane: Lane, rows: Rows, training: Training) -> str | None:
    """Why these students have to be trained alone."""
    size = sum(p.numel() for p in students[0].parameters())
    if size >= SMALL:
        return f"a student of {size:,} parameters keeps the cores busy by itself (below {SMALL:,} are batched)"
    batch = rows.batch(rows.train[:PROBED]).to(device_of(training.device))
    wide = max(column[0].numel() for column in batch.inputs.values())
    convolves = any(isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) for part in students[0].modules())
    if convolves and wide > MOST_CONVOLVED and batch.row.device.type == "cpu":
        return f"on the CPU convolutions of more than {MOST_CONVOLVED} numbers a row ({wide}) are slower as one network"
    return differs(students, batch, lane.target.task)
