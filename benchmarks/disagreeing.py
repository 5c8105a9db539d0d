"""Worlds in which sources disagree, with their truth; used by resolve.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.data import resolve as r
from tutelage.data.resolve import Resolved, Table

KNOWN, SOURCES, VALUES = 300, 6, 4


@dataclass(frozen=True)
class World:
    """Claims, what is true, and what else is known of the facts."""

    table: Table
    truth: np.ndarray
    features: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """The truth of the first facts."""
        missing: Any = np.nan if self.table.numbers else None
        return np.where(np.arange(len(self.truth)) < KNOWN, self.truth, missing)

    def error(self, found: Resolved) -> float:
        """Share of wrong facts, or the root of the mean squared error, over facts of unknown truth with claims."""
        claimed = np.bincount(self.table.fact, minlength=len(self.truth)) > 0
        judged = claimed & (np.arange(len(self.truth)) >= KNOWN)
        if self.table.numbers:
            return float(np.sqrt(np.mean(np.square(found.value - self.truth)[judged])))
        return float(np.mean((found.value != self.truth)[judged]))


def world(said: np.ndarray, says: float, truth: np.ndarray, features: np.ndarray, chance: np.random.Generator) -> World:
    """Claims [facts, sources] of which each is made with a chance, at random times."""
    fact, source = np.nonzero(chance.random(said.shape) < says)
    value = said[fact, source]
    word = value.dtype.kind != "f"
    columns = {
        "fact": fact,
        "source": np.array([f"source {n}" for n in source.tolist()], dtype=object),
        "value": np.array([f"value {v}" for v in value.tolist()], dtype=object) if word else value,
        "at": chance.random(len(fact)),
    }
    real = np.array([f"value {v}" for v in truth.tolist()], dtype=object) if word else truth
    return World(r.claims_of(columns, time="at", facts=np.arange(len(truth))), real, features)


def uneven(seed: int, facts: int) -> World:
    """Two good sources, four poor ones that err independently."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, VALUES, facts)
    right = chance.random((facts, SOURCES)) < np.array([0.95, 0.9, 0.4, 0.35, 0.3, 0.3])
    said = np.where(right, truth[:, None], (truth[:, None] + chance.integers(1, VALUES, right.shape)) % VALUES)
    return world(said, 0.7, truth, chance.normal(size=(facts, 3)), chance)


def copies(seed: int, facts: int) -> World:
    """Three good sources; the other three copy one liar."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, VALUES, facts)
    lie = np.where(chance.random(facts) < 0.35, truth, (truth + chance.integers(1, VALUES, facts)) % VALUES)
    noise = chance.integers(0, VALUES, (facts, SOURCES))
    told = np.concatenate([np.tile(truth[:, None], 3), np.tile(lie[:, None], 3)], axis=1)
    kept = chance.random(noise.shape) < np.array([0.7, 0.7, 0.7, 0.95, 0.95, 0.95])
    return world(np.where(kept, told, noise), 0.9, truth, chance.normal(size=(facts, 3)), chance)


def explained(seed: int, facts: int, numbers: bool = False) -> World:
    """Few claims about facts whose features explain the truth."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(facts, 4))
    signal = 3 * features[:, 0] + np.where(features[:, 1] > 0, 2.0, -2.0)
    if numbers:
        noise = chance.normal(size=(facts, SOURCES)) * np.array([0.3, 0.6, 3, 4, 8, 8])
        return world(signal[:, None] + noise, 0.3, signal, features, chance)
    truth = (signal > 0).astype(np.int64)
    right = chance.random((facts, SOURCES)) < np.array([0.9, 0.75, 0.7, 0.6, 0.6, 0.55])
    return world(np.where(right, truth[:, None], 1 - truth[:, None]), 0.3, truth, features, chance)


def measured(seed: int, facts: int) -> World:
    """Numbers with noise of very different size."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(10, 5, facts)
    noise = chance.normal(size=(facts, SOURCES)) * np.array([0.3, 0.6, 3, 4, 5, 5])
    return world(truth[:, None] + noise, 0.7, truth, chance.normal(size=(facts, 3)), chance)


def crooked(seed: int, facts: int) -> World:
    """Numbers of which most share an offset."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(10, 5, facts)
    said = truth[:, None] + chance.normal(size=(facts, SOURCES)) + np.array([0, 0, 3, 3, 3, 3.0])
    return world(said, 0.8, truth, chance.normal(size=(facts, 3)), chance)
