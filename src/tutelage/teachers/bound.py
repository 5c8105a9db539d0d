"""Teachers bound to a source: where a row lacks what they learnt from, they abstain, stored or live.

    orders = Binding("orders", present=("has_orders",))
    teacher = bound(EstimatorTeacher(model, reads=ORDERS, name="purchases"), orders)

Who is not asked costs nothing, and sees no gap: the teacher is shown only rows that have its source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch

from ..core import Columns, InputError, KnowsRows, Space, Teacher
from ..core.spaces import Answer
from .binding import Binding
from .digest import digest
from .naming import reads_of


def bound(
    teacher: Teacher,
    source: str | Binding,
    *,
    present: str | Sequence[str] = (),
    filled: str | Sequence[str] = (),
) -> Teacher:
    """The same teacher, which abstains where a row lacks the source it learnt from.

    Args:
        teacher: whoever answers.
        source: its name; or a `Binding`, which says all.
        present: as in `Binding`.
        filled: as in `Binding`.

    Raises:
        InputError: nothing says which rows have the source, or a binding and columns were both given.
    """
    if isinstance(source, Binding) and (present or filled):
        raise InputError(f"give a Binding or columns, not both: {source}, present={present}, filled={filled}")
    binding = source if isinstance(source, Binding) else Binding(source, reads_of(present), reads_of(filled))
    return (BoundByRow if isinstance(teacher, KnowsRows) else Bound)(teacher, binding)


@final
class Bound:
    """A teacher bound to a source; made by `bound`.

    Args:
        teacher: whoever answers.
        binding: which rows it is asked about.
    """

    def __init__(self, teacher: Teacher, binding: Binding) -> None:
        self.teacher = teacher
        self.binding = binding
        self.name = teacher.name
        self.space: Space = teacher.space
        self.reads = tuple(dict.fromkeys((*teacher.reads, *binding.reads)))
        self.frozen = teacher.frozen
        self.deterministic = teacher.deterministic
        self.form: Answer | None = None  # its last answer, without rows: what an answer about nobody looks like

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.binding.source

    @property
    def seen(self) -> np.ndarray | None:
        """As the teacher's."""
        return self.teacher.seen

    @property
    def parameters(self) -> int | None:
        """As the teacher's."""
        return self.teacher.parameters

    @property
    def output_found(self) -> str:
        """As the teacher's."""
        return getattr(self.teacher, "output_found", self.space.kind)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The teacher's, and the binding."""
        told = (self.binding.source, self.binding.present, self.binding.filled)
        return {**self.teacher.fingerprint, "source": digest(told)}

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The teacher."""
        return (self.teacher,)

    def with_members(self, members: Sequence[Teacher]) -> Bound:
        """Another teacher, bound alike."""
        return Bound(members[0], self.binding)

    def answer(self, columns: Columns) -> Answer:
        """The teacher's answer about rows that have the source; the others are not valid."""
        return self.asked(columns, lambda shown, there: self.teacher.answer(shown))

    def asked(self, columns: Columns, ask: Callable[[Columns, np.ndarray], Answer]) -> Answer:
        """What `ask` says about the rows that have the source, which it gets with where they are, bool [N]."""
        there = self.binding.rows(columns)
        if not there.any() and self.form is not None:
            return spread(self.form, there)
        whole = bool(there.all())
        shown = {name: columns[name] if whole else columns[name][there] for name in self.teacher.reads}
        found = ask(shown, there)
        if there.any():
            self.form = found.take(slice(0, 0))
        return found if whole else spread(found, there)


@final
class BoundByRow:
    """As `Bound`, for a teacher that has to know which rows it is asked about.

    Args:
        teacher: whoever answers; also `KnowsRows`.
        binding: which rows it is asked about.
    """

    def __init__(self, teacher: Any, binding: Binding) -> None:
        self.plain = Bound(teacher, binding)
        self.teacher = teacher
        self.binding = binding
        self.name = self.plain.name
        self.space = self.plain.space
        self.reads = self.plain.reads
        self.frozen = self.plain.frozen
        self.deterministic = self.plain.deterministic

    @property
    def source(self) -> str:
        """As in `Bound`."""
        return self.plain.source

    @property
    def seen(self) -> np.ndarray | None:
        """As the teacher's."""
        return self.plain.seen

    @property
    def parameters(self) -> int | None:
        """As the teacher's."""
        return self.plain.parameters

    @property
    def output_found(self) -> str:
        """As the teacher's."""
        return self.plain.output_found

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """As in `Bound`."""
        return self.plain.fingerprint

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The teacher."""
        return (self.teacher,)

    def with_members(self, members: Sequence[Teacher]) -> BoundByRow:
        """As in `Bound`."""
        return BoundByRow(members[0], self.binding)

    def answer(self, columns: Columns) -> Answer:
        """As in `Bound`."""
        return self.plain.answer(columns)

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Answer:
        """The teacher's answer about those of these row numbers that have the source."""
        return self.plain.asked(columns, lambda shown, there: self.teacher.answer_rows(shown, row[there]))


def spread(answer: Any, there: np.ndarray) -> Answer:
    """An answer about some rows as one about all, which abstains about the others.

    Args:
        answer: about the rows that are there, in order.
        there: bool [N].
    """
    place = torch.from_numpy(np.flatnonzero(there))
    arrays: dict[str, torch.Tensor] = {}
    for name, tensor in answer.to_arrays().items():
        whole = torch.ones if name == "scale" else torch.zeros
        arrays[name] = whole((len(there), *tensor.shape[1:]), dtype=tensor.dtype)
        arrays[name][place] = tensor
    found = type(answer).from_arrays(arrays, answer.meta())
    if bool(found.valid[torch.from_numpy(~there)].any()):
        raise InputError(f"answers of kind {answer.kind_of_space} cannot abstain about single rows")
    return found


def sources_of(teacher: Any) -> tuple[str, ...]:
    """Names of the sources that a teacher is bound to, outermost first; none where it is not bound."""
    found: list[str] = []
    inner = teacher
    while inner is not None:
        if isinstance(inner, Bound | BoundByRow):
            found.append(inner.source)
        inner = getattr(inner, "teacher", None)
    return tuple(dict.fromkeys(found))


def settle(teacher: Any, columns: Columns) -> None:
    """Asks every bound teacher inside a teacher that has not answered yet about one row that has its source.

    What numbers a model gives is found out from its first answers; rows that nobody answers would be told in a form
    that later rows do not have.

    Args:
        teacher: of any kind.
        columns: of the whole table.
    """
    if isinstance(teacher, Bound | BoundByRow):
        plain = teacher.plain if isinstance(teacher, BoundByRow) else teacher
        if plain.form is None and all(name in columns for name in teacher.reads):
            row = np.flatnonzero(teacher.binding.rows(columns))[:1]
            shown = {name: columns[name][row] for name in teacher.reads}
            if len(row):
                teacher.answer_rows(shown, row) if isinstance(teacher, BoundByRow) else teacher.answer(shown)
    for member in (*getattr(teacher, "members", ()), *getattr(teacher, "teachers", ())):
        settle(member, columns)


def bindings_in(teacher: Any) -> tuple[Binding, ...]:
    """The bindings of a teacher and of the teachers that it is made of."""
    own = (teacher.binding,) if isinstance(teacher, Bound | BoundByRow) else ()
    members = (*getattr(teacher, "members", ()), *getattr(teacher, "teachers", ()))
    return (*own, *(binding for member in members for binding in bindings_in(member)))


def example_rows(teacher: Any, columns: Columns, row: np.ndarray, most: int) -> np.ndarray:
    """A few rows, sorted: the first ones, and of each source inside a teacher the first that have it.

    Args:
        teacher: of any kind.
        columns: of the whole table; those that tell which rows have a source are looked at.
        row: row numbers to choose from.
        most: rows of each kind.
    """
    found = [row[:most]]
    for binding in bindings_in(teacher):
        there = binding.rows({name: np.asarray(columns[name])[row] for name in binding.reads})
        found.append(row[there][:most])
    return np.unique(np.concatenate(found))
