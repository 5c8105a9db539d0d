"""Versions of the training rows, to see what the distribution of the data changes: labels, size, imbalance, shift.

Each version is a table with the same judged rows left out and other training rows; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..core import Context
from ..data import Rows
from ..fusion import Mean
from ..fusion.answers import answer_of
from ..store.fingerprint import digest
from ..teaching.heldout import calibrated
from .ground import Ground

SHARES = (0.25, 0.5, 1.0)
FEW = 0.25
RARE = 0.2
"""Share of the rows of the rare half of the classes that the skewed version keeps."""


@dataclass(frozen=True)
class Version:
    """Training rows of one kind.

    Attributes:
        factor: what is varied: labels, transfer set, imbalance, shift.
        name: of the level.
        rows: the table.
        judged: rows to judge on.
    """

    factor: str
    name: str
    rows: Rows
    judged: np.ndarray

    @property
    def key(self) -> str:
        """The same for versions that hold the same rows, labels and weights, whatever they are called."""
        rows = self.rows
        weight = np.ones(1) if rows.weight is None else rows.weight
        parts = (rows.train, rows.labelled, weight, self.judged)
        return digest(*(np.ascontiguousarray(part).tobytes() for part in parts))

    @property
    def detail(self) -> str:
        """Rows and labels, in words."""
        return f"{len(self.rows.train)} rows, {len(self.rows.labelled_train)} labels"


def versions(ground: Ground, rows: Rows, judged: np.ndarray) -> Iterator[Version]:
    """All versions of a table from which the judged rows have been taken out."""
    chance = np.random.default_rng(0)
    for share in SHARES:
        yield Version("labels", f"{share:.0%} of the labels", fewer_labels(rows, share, chance), judged)
    few = rows if _unlabelled(rows) >= 0.2 else fewer_labels(rows, FEW, chance)
    for share in SHARES:
        yield Version("transfer set", f"{share:.0%} of the rest", smaller(few, share, chance), judged)
    if ground.task.space.kind == "classes":
        known = classes_of(ground, rows, np.setdiff1d(ground.trial.heldout, judged))
        yield Version("imbalance", "as it is", rows, judged)
        yield Version("imbalance", "balanced", _kept(rows, balanced(rows.train, known, chance)), judged)
        rare = _kept(rows, skewed(rows.train, known, len(ground.task.space.names), chance))
        yield Version("imbalance", "half of classes rare", rare, judged)
        weighted = replace(rare, weight=inverse_frequency(rare, known))
        yield Version("imbalance", "rare rows weigh more", weighted, judged)
    position = along(rows)
    cut = np.quantile(position[rows.train], 0.6)
    near = rows.train[position[rows.train] <= cut]
    far = judged[position[judged] > cut]
    if len(far) >= 10 and len(near) >= 10:
        same = np.sort(chance.choice(rows.train, len(near), replace=False))
        yield Version("shift", "learns from all over", _kept(rows, same), far)
        yield Version("shift", "learns from elsewhere", _kept(rows, near), far)


def fewer_labels(rows: Rows, share: float, chance: np.random.Generator) -> Rows:
    """The same rows, of which only a share of the labelled training rows shows its label."""
    if share >= 1.0 or not len(rows.labelled_train):
        return rows
    count = max(2, round(share * len(rows.labelled_train)))
    return rows.with_labels(np.union1d(chance.choice(rows.labelled_train, count, replace=False), rows.validation))


def smaller(rows: Rows, share: float, chance: np.random.Generator) -> Rows:
    """All labelled training rows and a share of the others."""
    others = np.setdiff1d(rows.train, rows.labelled_train)
    part = chance.choice(others, round(share * len(others)), replace=False)
    return _kept(rows, np.union1d(rows.labelled_train, part))


def balanced(train: np.ndarray, known: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """As many rows of every class as there are of the rarest."""
    groups = [train[known[train] == one] for one in np.unique(known[train])]
    least = min(map(len, groups))
    return np.sort(np.concatenate([chance.choice(group, least, replace=False) for group in groups]))


def skewed(train: np.ndarray, known: np.ndarray, classes: int, chance: np.random.Generator) -> np.ndarray:
    """A fifth of the rows of the second half of the classes, all of the others."""
    rare = known[train] >= classes - classes // 2
    keep = ~rare | (chance.random(len(train)) < RARE)
    return train[keep]


def inverse_frequency(rows: Rows, known: np.ndarray) -> np.ndarray:
    """Weights that give every class the same share of the training rows, with mean 1 over them."""
    counts = np.bincount(known[rows.train], minlength=int(known.max()) + 1).astype(np.float64)
    weight = np.ones(len(rows))
    weight[rows.train] = len(rows.train) / (np.count_nonzero(counts) * counts[known[rows.train]])
    return weight


def classes_of(ground: Ground, rows: Rows, learning: np.ndarray) -> np.ndarray:
    """The class of every row as far as training may know it: its label, else what the teachers' mean says; [N].

    Args:
        ground: whose teachers.
        rows: the table.
        learning: row numbers that calibrations may learn from.
    """
    batch = rows.batch(rows.taught, inputs=False)
    stacked = calibrated(ground.signals, ground.rows.batch(learning, inputs=False), batch).stacked()
    said = answer_of(Mean()(stacked, Context()), stacked)
    found = np.zeros(len(rows), dtype=np.int64)
    found[rows.taught] = torch.where(batch.labelled, batch.target, said.log_probs().argmax(-1)).numpy()
    return found


def along(rows: Rows) -> np.ndarray:
    """Where every row lies along the direction in which the training rows vary most, [N]."""
    parts = [np.asarray(rows.columns[name], dtype=np.float64).reshape(len(rows), -1) for name in rows.inputs]
    table = np.concatenate(parts, axis=1)
    own = table[rows.train]
    spread = own.std(0)
    scaled = (table - own.mean(0)) / np.where(spread > 0, spread, 1.0)
    _, _, directions = np.linalg.svd(scaled[rows.train], full_matrices=False)
    return scaled @ directions[0]


def _kept(rows: Rows, train: np.ndarray) -> Rows:
    return replace(rows, train=np.sort(train))


def _unlabelled(rows: Rows) -> float:
    return 1.0 - len(rows.labelled_train) / max(len(rows.train), 1)
