"""Teachers' features in comparable units, by statistics of training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ...core import Features, InputError, Signals, SignalSource
from ...data import Rows
from .hadamard import balancing

FLAT = 1e-12
"""Variance, relative to the mean one, below which a channel has none."""


@runtime_checkable
class Standard(Protocol):
    """A way of standardising the channels of one teacher.

    Attributes:
        source: citation key; empty for common knowledge.
    """

    @property
    def source(self) -> str: ...

    def matrix(self, covariance: Tensor) -> Tensor:
        """W, float64 [D, D]: centred features x become W x.

        Args:
            covariance: float64 [D, D], of training rows.
        """
        ...


@dataclass(frozen=True)
class ZScore:
    """Each channel at variance 1; channels without variance become 0."""

    source = ""

    def matrix(self, covariance: Tensor) -> Tensor:
        """A diagonal matrix."""
        variance = covariance.diagonal()
        some = variance > FLAT * variance.mean()
        return torch.diag(torch.where(some, variance, 1.0).rsqrt() * some)


@dataclass(frozen=True)
class PhiS:
    """A scaled rotation after which every channel has variance 1 (Ranzinger et al., 2024, PHI-S).

    W = s H U', U the eigenvectors of the covariance, H a Hadamard matrix, s one over the root of the mean eigenvalue.
    Distances keep their proportions, which a z-score distorts. Where there is no Hadamard matrix of the width, a
    rotation made for these eigenvalues takes its place, and variances are 1 there too.
    """

    source = "ranzinger2024b"

    def matrix(self, covariance: Tensor) -> Tensor:
        """s H U'."""
        values, vectors = torch.linalg.eigh(covariance)
        mean = values.mean()
        scale = torch.where(mean > 0, mean, 1.0).rsqrt()
        return scale * (balancing(values) @ vectors.T)


@dataclass(frozen=True)
class Standardised:
    """Signals whose features are standardised channel by channel; a `SignalSource`.

    Attributes:
        source: the features as they are.
        shift: mean by teacher, float [D].
        matrix: W by teacher, float [D, D]; features x become W (x - mean).
    """

    source: SignalSource
    shift: Mapping[str, Tensor] = field(repr=False)
    matrix: Mapping[str, Tensor] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.source.names

    @property
    def live(self) -> bool:
        """Whether teachers are asked at every step."""
        return self.source.live

    @property
    def keys(self) -> tuple[str, ...] | None:
        """None: statistics are not part of the keys."""
        return None

    @property
    def folder(self) -> Path | None:
        """Nothing is kept."""
        return None

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The standardised signals about these rows; rows that a teacher does not know stay 0."""
        found = self.source.gather(row, view)
        return Signals(found.names, tuple(self._of(n, a) for n, a in zip(found.names, found.answers, strict=True)))

    def only(self, name: str) -> Standardised:
        """One teacher alone."""
        return Standardised(self.source.only(name), self.shift, self.matrix)

    def _of(self, name: str, answer: object) -> Features:
        features = _features(name, answer)
        channel = 1 if features.values.dim() == 4 else -1
        last = features.values.movedim(channel, -1)
        shift, matrix = (part[name].to(last) for part in (self.shift, self.matrix))
        return Features.of(((last - shift) @ matrix.T).movedim(-1, channel), features.valid)


def standardised(source: SignalSource, rows: Rows, how: Standard | None = None, size: int = 1024) -> Standardised:
    """The same source with each teacher's channels standardised by statistics of the training rows, and of no others.

    Args:
        source: whose answers are features.
        rows: the table, whose training rows the source knows.
        how: z-scores unless given.
        size: rows per question.

    Raises:
        InputError: a teacher has no features, or fewer than two positions of training rows.
    """
    how = how or ZScore()
    count: dict[str, int] = {}
    total: dict[str, Tensor] = {}
    outer: dict[str, Tensor] = {}
    first: dict[str, Tensor] = {}
    for start in range(0, len(rows.train), size):
        row = torch.from_numpy(np.asarray(rows.train[start : start + size], dtype=np.int64))
        found = source.gather(row, torch.zeros_like(row))
        for name, answer in zip(found.names, found.answers, strict=True):
            flat = _positions(_features(name, answer))
            if not len(flat):
                continue
            away = flat - first.setdefault(name, flat.mean(0))
            count[name] = count.get(name, 0) + len(flat)
            total[name] = total.get(name, 0.0) + away.sum(0)
            outer[name] = outer.get(name, 0.0) + away.T @ away
    few = [name for name in source.names if count.get(name, 0) < 2]
    if few:
        raise InputError(f"teachers {few} know fewer than two training rows: nothing can be standardised")
    shift, matrix = dict[str, Tensor](), dict[str, Tensor]()
    for name, n in count.items():
        mean = total[name] / n
        shift[name] = mean + first[name]
        matrix[name] = how.matrix((outer[name] - n * torch.outer(mean, mean)) / (n - 1))
    return Standardised(source, shift, matrix)


def _positions(features: Features) -> Tensor:
    """float64 [rows and positions, D] of the rows that are known."""
    values = features.values[features.valid].double().cpu()
    return values.movedim(1, -1).flatten(0, -2) if values.dim() == 4 else values.flatten(0, -2)


def _features(name: str, answer: object) -> Features:
    if not isinstance(answer, Features):
        raise InputError(f"teacher {name!r} has no features: only a FeatureTeacher's answers can be standardised")
    return answer
