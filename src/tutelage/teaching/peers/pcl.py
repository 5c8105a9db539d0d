"""A teacher made of all peers' features, and the temporal mean of each peer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...core import Batch, Fusion, InputError, Signals, Task
from ...fusion import Weighted
from .form import Lesson
from .leave_one_out import called
from .members import Heard, heard, says, silent


class Joint(nn.Module):
    """A linear classifier of all students' features side by side."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """[B, outputs] of features [B, D]."""
        return self.head(features)


@dataclass(frozen=True)
class PCL:
    """Peer collaborative learning: an ensemble teacher and peer mean teachers; Wu and Gong 2021.

    A classifier of the concatenated features of all students learns from labels and teaches each of them. A running
    mean of each student's parameters teaches the others. Both kinds of teacher count alike: the ensemble 1, the running
    means together 1 (and each real teacher 1), then scaled to sum to 1. Running means answer in evaluation mode with
    running buffers. The paper shows each peer another augmentation of the image; here all see the rows of the batch.

    Args:
        layer: whose features are concatenated; see `heard`.
        decay: of the running means; it starts low, min(decay, 1 - 1 / (step + 1)).
        parts: made by `Peers.sized`, which `fit_together` calls.
    """

    name = "pcl"
    source = "wu2021"
    layer: str
    decay: float = 0.999
    parts: nn.ModuleDict | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise InputError(f"the running means need a decay in [0, 1), got {self.decay}")

    def sized(self, students: nn.Module, heard: Heard) -> PCL:
        """With a fresh classifier, and running means that begin as the students are.

        Raises:
            InputError: there are no features.
        """
        if len(heard.features) != len(heard.answers):
            raise InputError(
                f"PCL needs the features of every student, got {len(heard.features)} of {len(heard.answers)}: name a "
                "layer that each of them has"
            )
        outputs = int(next(iter(heard.answers[0].to_arrays().values())).shape[-1])
        first = heard.features[0]
        joint = Joint(sum(int(f.shape[-1]) for f in heard.features), outputs).to(first.device, first.dtype)
        mean = copy.deepcopy(students)
        mean.requires_grad_(False)
        return replace(self, parts=nn.ModuleDict({"joint": joint, "mean": mean}))

    def lessons(self, students: nn.Module, heard: Heard, task: Task, batch: Batch, flow: bool) -> tuple[Lesson, ...]:
        """The ensemble and the others' running means for each; labels for the ensemble.

        The ensemble's own loss pulls the features, too, as in the paper.
        """
        assert self.parts is not None
        ensemble = task.answer(says(self.parts["joint"](torch.cat(heard.features, dim=1))), batch)
        means = self._means(task, batch)
        lessons: list[Lesson] = []
        for i, answer in enumerate(heard.answers):
            others = [(f"mean of {called(j)}", mean) for j, mean in enumerate(means) if j != i]
            named = [("ensemble", ensemble if flow else silent(ensemble)), *others]
            taught = Signals(tuple(name for name, _ in named), tuple(said for _, said in named))
            lessons.append(Lesson(called(i), answer, taught))
        return (*lessons, Lesson("ensemble", ensemble))

    def _means(self, task: Task, batch: Batch) -> tuple[Any, ...]:
        assert self.parts is not None
        mean = self.parts["mean"]
        mean.eval()
        with torch.no_grad():
            return heard(mean, task, batch).answers

    def fusion(self, lesson: Lesson, teachers: int) -> Fusion:
        """Weights by kind of teacher."""
        others = 0 if lesson.taught is None else len(lesson.taught.names) - 1
        own = () if lesson.taught is None else (1.0, *(1.0 / others,) * others)
        return Weighted((*own, *(1.0,) * teachers))

    def hearing(self, members: int) -> tuple[bool, ...]:
        """Every student; not the ensemble."""
        return (*(True,) * members, False)

    def stepped(self, students: nn.Module, step: int) -> None:
        """Moves the running means; what is no float (counters) is copied."""
        assert self.parts is not None
        kept = min(self.decay, 1.0 - 1.0 / (step + 1))
        fresh = students.state_dict()
        with torch.no_grad():
            for name, value in self.parts["mean"].state_dict().items():
                if value.is_floating_point():
                    value.lerp_(fresh[name].to(value), 1.0 - kept)
                else:
                    value.copy_(fresh[name])
