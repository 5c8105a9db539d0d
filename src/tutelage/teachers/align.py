"""From a teacher's own names to the task's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from ..core import Columns, InputError, KnowsRows, Space, Teacher
from ..core.spaces import Answer
from .digest import digest
from .naming import class_name, match_key
from .output import Reading


def aligned(teacher: Teacher, space: Space, mapping: Mapping[Any, Any] | None = None) -> Teacher:
    """The same teacher, answering in the task's names.

    Names meet by name (1, 1.0, "1" and True are one), the others through `mapping`. A teacher may know only
    some of the task's classes; where its best class is none of them, it abstains. A teacher without names is
    taken to answer in the task's order, and must answer as many entries as the task has.

    Args:
        teacher: whoever answers.
        space: the task's kind of answer and names.
        mapping: the teacher's name -> the task's name (several may share one), or -> None to leave one out.

    Raises:
        InputError: another kind of answer, unknown names in the mapping, or no name in common.
    """
    if teacher.space.answer is not space.answer:
        raise InputError(
            f"teacher {teacher.name!r} answers with {teacher.space.kind}, but the task needs {space.kind}: "
            "declare the teacher's space, or choose another task"
        )
    groups = _groups(teacher, space, mapping or {}) if teacher.space.names else None
    if groups is None and mapping:
        raise InputError(f"teacher {teacher.name!r} has no names of its own to map: give it classes= first")
    return (AlignedByRow if isinstance(teacher, KnowsRows) else Aligned)(teacher, space, groups)


@final
class Aligned:
    """A teacher in the task's names; made by `aligned`.

    Args:
        teacher: whoever answers.
        space: the task's kind of answer and names.
        groups: for each of the task's names the teacher's entries that it collects; None assumes the order.
    """

    def __init__(self, teacher: Teacher, space: Space, groups: Sequence[Sequence[int]] | None) -> None:
        self.teacher = teacher
        self.space = space
        self.groups = groups
        self.name = teacher.name
        self.reads = teacher.reads
        self.frozen = teacher.frozen
        self.deterministic = teacher.deterministic

    @property
    def seen(self) -> np.ndarray | None:
        """As the teacher's."""
        return self.teacher.seen

    @property
    def parameters(self) -> int | None:
        """As the teacher's."""
        return self.teacher.parameters

    @property
    def note(self) -> str:
        """How the names met, for tables and the command line."""
        return describe(self.teacher, self.space, self.groups)

    @property
    def output_found(self) -> str:
        """As the teacher's."""
        return getattr(self.teacher, "output_found", self.space.kind)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The teacher's, and the alignment."""
        return {**self.teacher.fingerprint, "alignment": digest((self.space.names, self.groups))}

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The teacher."""
        return (self.teacher,)

    def with_members(self, members: Sequence[Teacher]) -> Aligned:
        """Another teacher with the same names, aligned alike."""
        return Aligned(members[0], self.space, self.groups)

    def answer(self, columns: Columns) -> Answer:
        """The teacher's answer in the task's names."""
        return regrouped(self.teacher.answer(columns), self.groups, self.space, self.name)


@final
class AlignedByRow:
    """As `Aligned`, for a teacher that has to know which rows it is asked about.

    Args:
        teacher: whoever answers; also `KnowsRows`.
        space: the task's kind of answer and names.
        groups: as in `Aligned`.
    """

    def __init__(self, teacher: Any, space: Space, groups: Sequence[Sequence[int]] | None) -> None:
        self.plain = Aligned(teacher, space, groups)
        self.teacher = teacher
        self.space = space
        self.name = self.plain.name
        self.reads = self.plain.reads
        self.frozen = self.plain.frozen
        self.deterministic = self.plain.deterministic

    @property
    def seen(self) -> np.ndarray | None:
        """As the teacher's."""
        return self.plain.seen

    @property
    def parameters(self) -> int | None:
        """As the teacher's."""
        return self.plain.parameters

    @property
    def note(self) -> str:
        """As in `Aligned`."""
        return self.plain.note

    @property
    def output_found(self) -> str:
        """As the teacher's."""
        return self.plain.output_found

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """As in `Aligned`."""
        return self.plain.fingerprint

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The teacher."""
        return (self.teacher,)

    def with_members(self, members: Sequence[Teacher]) -> AlignedByRow:
        """As in `Aligned`."""
        return AlignedByRow(members[0], self.space, self.plain.groups)

    def answer(self, columns: Columns) -> Answer:
        """As the teacher's own `answer`, in the task's names."""
        return self.plain.answer(columns)

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Answer:
        """The teacher's answer about these row numbers, in the task's names."""
        found = self.teacher.answer_rows(columns, row)
        return regrouped(found, self.plain.groups, self.space, self.name)


def regrouped(answer: Answer, groups: Sequence[Sequence[int]] | None, space: Space, name: str) -> Answer:
    """An answer in the task's names.

    Raises:
        InputError: the order is assumed and the number of entries differs.
    """
    if groups is None:
        width = int(answer.coverage.shape[-1])
        if len(answer) == 0:
            return Reading(space, None, name).empty()
        if width != len(space.names):
            raise InputError(
                f"teacher {name!r} names none of its {width} outputs, and the task has {len(space.names)}: "
                f"{list(space.names)}. Give the teacher classes= with a name for each output"
            )
        return answer
    if list(groups) == [[i] for i in range(int(answer.coverage.shape[-1]))]:
        return answer
    return answer.aligned(groups)


def describe(teacher: Teacher, space: Space, groups: Sequence[Sequence[int]] | None) -> str:
    """How the names met: `order assumed`, `all names`, or which are unknown on either side."""
    if groups is None:
        return "order assumed"
    used = {entry for group in groups for entry in group}
    unknown = [name for name, group in zip(space.names, groups, strict=True) if not group]
    extra = [name for entry, name in enumerate(teacher.space.names) if entry not in used]
    parts = [f"does not know {unknown}"] * bool(unknown) + [f"{extra} are not asked for"] * bool(extra)
    return "; ".join(parts) or "all names"


def _groups(teacher: Teacher, space: Space, mapping: Mapping[Any, Any]) -> list[list[int]]:
    own = teacher.space.names
    told = {_find(source, own): target for source, target in mapping.items()}
    strange = [source for source in mapping if _find(source, own) is None]
    lost = [target for target in mapping.values() if target is not None and _find(target, space.names) is None]
    if strange or lost:
        raise InputError(
            f"the mapping of teacher {teacher.name!r} names {strange or lost}, which "
            f"{'it does not know: it has' if strange else 'the task does not have: it has'} "
            f"{list(own if strange else space.names)}"
        )
    groups: list[list[int]] = [[] for _ in space.names]
    for entry, name in enumerate(own):
        place = _find(told[entry], space.names) if entry in told else _find(name, space.names)
        if place is not None:
            groups[place].append(entry)
    if not any(groups):
        raise InputError(
            f"teacher {teacher.name!r} and the task have no name in common: it answers about {_short(own)}, "
            f"the task about {_short(space.names)}. Give mapping={{{own[0]!r}: {space.names[0]!r}, ...}}"
        )
    return groups


def _find(name: Any, names: Sequence[str]) -> int | None:
    """The place of a name: as it is written, else by what its spellings share, where that is unambiguous."""
    wanted = class_name(name)
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    keys = [match_key(other) for other in names]
    key = match_key(wanted)
    return keys.index(key) if Counter(keys)[key] == 1 else None


def _short(names: Sequence[str]) -> str:
    return f"{list(names[:10])}{f' and {len(names) - 10} more' if len(names) > 10 else ''}"
