"""What `search_best` searches: settings of a distillation, and how a setting becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn

from ..core import Fusion, InputError, Task
from ..data import Rows
from ..data.views import Views
from ..fusion import Mean
from ..nets import MLP, ConvNet
from ..tasks import Regression
from ..teaching import Objective, terms
from ..train.choose import candidates
from ..train.contest import Contest
from ..train.objectives import default_objective
from .proxy import Candidate

Maker = nn.Module | Callable[[], Any]
TERMS = {
    "classes": (terms.KL, terms.ReverseKL, terms.DKD, terms.DIST, terms.LogitMSE),
    "labels": (terms.BinaryKL, terms.BinaryCrossEntropy),
    "values": (terms.MSE, terms.L1, terms.Huber),
    "scores": (terms.ListNet, terms.PlackettLuce),
}
"""Terms that are tried, by kind of answer."""
TEMPERATURES = (1.0, 8.0)
SOFT = (0.2, 1.0)
OWN, AS_IT_IS = "as it is", "none"


@dataclass(frozen=True)
class Setting:
    """One point of the space; plain values, so that a recipe can hold it.

    Attributes:
        teachers: who teaches.
        fusion: its name.
        term: name of the term.
        temperature: of the comparison; 1 where the term has none.
        soft: share of the soft loss.
        size: name of the student's size.
        augmentation: name of what is done to the rows.
    """

    teachers: tuple[str, ...]
    fusion: str
    term: str
    temperature: float
    soft: float
    size: str = OWN
    augmentation: str = AS_IT_IS

    def __str__(self) -> str:
        who = " + ".join(self.teachers)
        more = "" if self.augmentation == AS_IT_IS else f"; {self.augmentation}"
        return f"{self.fusion} of {who}; {self.term} at {self.temperature:g}, soft {self.soft:g}; {self.size}{more}"


@dataclass(frozen=True)
class Place:
    """The space of one contest.

    Attributes:
        task: of the student.
        names: of the teachers.
        fusions: by name.
        terms: by name.
        sizes: makers of students, by name.
        augmentations: views by name; `none` leaves the rows as they are.
        labelled: whether there are labels to mix with.
    """

    task: Task
    names: tuple[str, ...]
    fusions: Mapping[str, Fusion]
    terms: Mapping[str, Any]
    sizes: Mapping[str, Maker]
    augmentations: Mapping[str, Views] = field(default_factory=dict)
    labelled: bool = True

    def candidate(self, setting: Setting, name: str = "") -> Candidate:
        """What a student of this setting learns from.

        Raises:
            InputError: the setting names something that is not there.
        """
        for what, value, known in (
            ("fusion", setting.fusion, self.fusions),
            ("term", setting.term, self.terms),
            ("size", setting.size, self.sizes),
        ):
            if value not in known:
                raise InputError(f"{what} {value!r} is not known here: {', '.join(known)}")
        lost = [one for one in setting.teachers if one not in self.names]
        if lost or not setting.teachers:
            raise InputError(f"teachers {lost or '(none)'} are not known here: {', '.join(self.names)}")
        objective = objective_of(self.task, self.terms[setting.term], setting.temperature, setting.soft)
        return Candidate(name or str(setting), setting.teachers, self.fusions[setting.fusion], objective)

    def augmented(self, setting: Setting, rows: Rows) -> Rows:
        """The rows that a student of this setting learns from.

        Raises:
            InputError: the setting names an augmentation that is not there.
        """
        if setting.augmentation == AS_IT_IS:
            return rows
        if setting.augmentation not in self.augmentations:
            known = ", ".join((AS_IT_IS, *self.augmentations))
            raise InputError(f"augmentation {setting.augmentation!r} is not known here: {known}")
        return rows.with_views(self.augmentations[setting.augmentation])


def place_of(
    contest: Contest,
    task: Task,
    names: Sequence[str],
    labelled: bool,
    sizes: Mapping[str, Maker] | None = None,
    augmentations: Mapping[str, Views] | None = None,
) -> Place:
    """The space of a contest: its task's fusions and terms, and its student in several sizes where that is known."""
    fusions = {fusion.name: fusion for fusion in (Mean(), *candidates(task))}
    if contest.fusion is not None:
        fusions[contest.fusion.name] = contest.fusion
    known = {kind.__name__: kind for kind in TERMS[task.space.kind]}
    made = {OWN: contest.student, **(sizes_of(contest.student) if sizes is None else sizes)}
    return Place(task, tuple(names), fusions, known, made, dict(augmentations or {}), labelled)


def objective_of(task: Task, kind: Any, temperature: float, soft: float) -> Objective:
    """One term at this temperature, where it has one, with the task's units, where it wants them."""
    known = {part.name for part in fields(kind)}
    given: dict[str, Any] = {"temperature": temperature} if "temperature" in known else {}
    if isinstance(task, Regression):
        given |= {name: getattr(task, name) for name in ("centre", "spread") if name in known}
    return replace(default_objective(task), terms=(kind(**given),), soft=soft)


def has_temperature(kind: Any) -> bool:
    """Whether a term softens."""
    return any(part.name == "temperature" for part in fields(kind))


def default_of(place: Place) -> Setting:
    """All teachers, the plain mean, and the task's default objective."""
    goal = default_objective(place.task)
    term: Any = goal.terms[0]
    soft = goal.soft if isinstance(goal.soft, float) else 0.9
    temperature = float(getattr(term, "temperature", 1.0))
    return Setting(place.names, Mean().name, type(term).__name__, temperature, soft if place.labelled else 1.0)


def sizes_of(student: Maker) -> dict[str, Maker]:
    """Half and double the widths of a student that is a net of `tutelage.nets`; nothing for others."""
    torch.manual_seed(0)
    made = student if isinstance(student, nn.Module) else student()
    if isinstance(made, MLP):
        linear = [part for part in made.layers if isinstance(part, nn.Linear)]
        drop = next((part.p for part in made.layers if isinstance(part, nn.Dropout)), 0.0)
        hidden, first, last = [part.out_features for part in linear[:-1]], linear[0], linear[-1]

        def mlp(factor: float) -> Callable[[], nn.Module]:
            widths = tuple(max(2, round(factor * width)) for width in hidden)
            return lambda: MLP(first.in_features, last.out_features, widths, drop, made.scale)

        return {"half": mlp(0.5), "double": mlp(2.0)} if hidden else {}
    if isinstance(made, ConvNet):
        stages = [part for part in made.stages if isinstance(part, nn.Conv2d)]

        def conv(factor: float) -> Callable[[], nn.Module]:
            widths = tuple(max(2, round(factor * part.out_channels)) for part in stages)
            return lambda: ConvNet(stages[0].in_channels, made.head.out_features, widths, made.scale)

        return {"half": conv(0.5), "double": conv(2.0)}
    return {}


def parameters_of(student: Maker) -> int:
    """Number of parameters of a size."""
    torch.manual_seed(0)
    made = student if isinstance(student, nn.Module) else student()
    return sum(part.numel() for part in made.parameters())
