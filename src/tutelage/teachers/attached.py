"""Answers with gradient: which teachers can be looked through, down to the columns that they read."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..core import InputError, Teacher
from ..core.spaces import Answer
from .align import Aligned, regrouped
from .module import ModuleTeacher


def has_gradient(teacher: Teacher) -> bool:
    """Whether `attached` can ask this teacher: a torch module that takes the columns themselves."""
    if isinstance(teacher, Aligned):
        return has_gradient(teacher.teacher)
    return isinstance(teacher, ModuleTeacher) and teacher.transform is None


def attached(teacher: Teacher, columns: Mapping[str, Tensor]) -> Answer:
    """The teacher's answer with the gradient of the columns, on the CPU.

    Args:
        teacher: a `ModuleTeacher`, in names of its own or of the task.
        columns: [B, ...] each; those that it reads.

    Raises:
        InputError: the teacher is another one, or its module cannot be asked.
    """
    if isinstance(teacher, Aligned):
        return regrouped(attached(teacher.teacher, columns), teacher.groups, teacher.space, teacher.name)
    if not isinstance(teacher, ModuleTeacher):
        raise InputError(
            f"teacher {teacher.name!r} is no torch module, so its answers have no gradient: choose gradient='forward' "
            "(more questions) or gradient='student' (none)"
        )
    answer = teacher.attached(columns)
    answer.check(f"teacher {teacher.name!r}")
    return answer
