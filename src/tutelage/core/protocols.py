"""The roles of the house, as Protocols: any object with these members plays a role; nothing has to be registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from .signals import Signals
from .spaces import Answer, Space

Columns = Mapping[str, np.ndarray]
"""Raw columns of some rows, name to array with leading row axis."""


@runtime_checkable
class Teacher(Protocol):
    """Whatever can answer about a row.

    Attributes:
        name: unique among the teachers of a run.
        space: kind of answer and the teacher's own names for its entries.
        reads: the raw columns it needs; its own transform is its own business.
        frozen: its answers never change; only frozen teachers are stored.
        deterministic: the same row gets the same answer twice.
        seen: sorted row numbers it was trained on, or None when nobody knows.
        parameters: number of parameters where that means something, else None.
    """

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def frozen(self) -> bool: ...
    @property
    def deterministic(self) -> bool: ...
    @property
    def seen(self) -> np.ndarray | None: ...
    @property
    def parameters(self) -> int | None: ...

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What its answers depend on, part by part (`weights`, `transform`, `numerics`, ...)."""
        ...

    def answer(self, columns: Columns) -> Answer:
        """Ordinary tensors without gradient about the given rows."""
        ...


@runtime_checkable
class KnowsRows(Protocol):
    """A teacher whose answer depends on which row is asked, not only on its columns (out of fold, stored)."""

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Answer:
        """Answers about these row numbers."""
        ...


@runtime_checkable
class HasHead(Protocol):
    """A teacher that lends its own classifier, for methods that pass the student's features through it."""

    def head(self, features: Tensor) -> Tensor:
        """Class scores [B, C] of features [B, ...] as this teacher's layer gives them; differentiable."""
        ...


@runtime_checkable
class SignalSource(Protocol):
    """Where signals come from: a store on disk, live teachers, or memory.

    `keys` has one entry per teacher, changing with its answers, or is None where the source cannot tell; `folder` is
    where what is computed from the signals may be kept, None for nowhere.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def live(self) -> bool: ...
    @property
    def keys(self) -> tuple[str, ...] | None: ...
    @property
    def folder(self) -> Path | None: ...

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals about these rows, uncalibrated; on the CPU, or all on the device where they shall be mixed."""
        ...

    def only(self, name: str) -> SignalSource:
        """The same source of one teacher alone."""
        ...


@dataclass(frozen=True)
class Step:
    """Where training stands. Passed in, never counted in secret.

    Attributes:
        step: optimiser steps taken.
        epoch: epochs finished.
        progress: share of the planned training done, in [0, 1].
    """

    step: int = 0
    epoch: int = 0
    progress: float = 0.0


@dataclass(frozen=True)
class Context:
    """What a fusion or a term may look at besides the signals; only declared needs are filled.

    Attributes:
        at: where training stands.
        temperature: softening at which the asking term compares.
        row: row numbers, int64 [B].
        target: labels as in `Batch`.
        labelled: which labels are there, as in `Batch`.
        student: the student's answer, detached.
        generator: source of chance, for fusions that need `random`.
    """

    at: Step = field(default_factory=Step)
    temperature: float = 1.0
    row: Tensor | None = None
    target: Tensor | None = None
    labelled: Tensor | None = None
    student: Any = None
    generator: torch.Generator | None = None


NEEDS = frozenset(
    {"labels", "student", "loss", "gradient", "history", "source", "step", "random", "batch", "trainable"}
)
"""What a fusion may declare in `needs`."""

INVARIANTS = frozenset({"convex", "permutation", "absent", "single", "duplicate"})
"""What a fusion may claim; see `tutelage.testing.check_fusion`."""


@dataclass(frozen=True)
class Weights:
    """Trust: each term mixes its own statistic of the answers with these.

    Attributes:
        values: float [T, *items], not negative, no gradient; sums to 1 over the teachers
            wherever at least one of them is valid, else all 0.
        acted: bool [*items], where the rule had something to say (elsewhere it fell back to equal
            weights); the tables print its share. None: everywhere.
    """

    values: Tensor
    acted: Tensor | None = None


@dataclass(frozen=True)
class Target:
    """One answer that stands for all teachers; each term takes its statistic of it.

    Attributes:
        answer: the fused answer about the B rows.
        temperature: at which it was formed. None: it may be softened to any temperature like the
            answer of a single teacher. A number: it is compared as it stands, with the student at
            that temperature (1 for votes and rules).
        acted: as in `Weights`.
    """

    answer: Any
    temperature: float | None = None
    acted: Tensor | None = None


@runtime_checkable
class Fusion(Protocol):
    """One way of combining teachers: a pure function of signals and context.

    Attributes:
        name: as printed in tables.
        needs: subset of `NEEDS`; nothing else of the context is filled.
        invariants: subset of `INVARIANTS` that it satisfies; the others are shown to be violated.
        gives: `weights` or `target`: what it returns.
        source: citation key of the paper.
    """

    @property
    def name(self) -> str: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def invariants(self) -> frozenset[str]: ...
    @property
    def gives(self) -> str: ...
    @property
    def source(self) -> str: ...

    def __call__(self, signals: Any, context: Context) -> Weights | Target:
        """Fuses stacked, calibrated answers ([T, B, ...])."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A fusion that is fitted once on held-out rows (out-of-fold answers and their labels)."""

    @property
    def fitted(self) -> bool: ...

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Fusion:
        """The same fusion with its parameters estimated."""
        ...


@runtime_checkable
class Unlabelled(Protocol):
    """A fusion whose `fit` looks at no labels, so that it may be shown every row that teachers were asked about."""

    @property
    def unlabelled(self) -> bool: ...


@runtime_checkable
class Renewable(Protocol):
    """A fitted fusion that looks at the student once per epoch (needs `history`)."""

    def renewed(self, student: Any) -> Fusion:
        """The same fusion after seeing the student's answers about the held-out rows."""
        ...


@runtime_checkable
class Term(Protocol):
    """One comparison of student and target.

    Attributes:
        name: as printed in logs.
        source: citation key.
        linear: the loss is `energy(phi)` plus something linear in `phi`, so that the mean of losses
            over teachers and the loss of the mean statistic have the same student gradient.
        needs: `{"labels"}` when the statistic looks at labels, else empty.
        answers: kind of answer it compares (`classes`, `labels`, `values`).
        closed: the statistic is probability mass, so that zero off coverage is a statement; such a
            term may be used under the coverage policy `closed`.
        temperature: softening of both sides; a number or a schedule.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def linear(self) -> bool: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def answers(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def temperature(self) -> Any: ...

    def statistic(self, answer: Any, temperature: float, context: Context) -> Tensor:
        """phi [..., B, *]: what the loss needs to know of an answer."""
        ...

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """[..., *items]: the part of the loss that is not linear in phi; free of the student."""
        ...

    def loss(self, student: Any, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[*items]: loss of the student against one statistic, taken as it is (never renormalised)."""
        ...
