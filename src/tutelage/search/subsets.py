"""The held-out loss of subsets of the teachers, fused: what selection and Shapley values are about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..core import Batch, Fusion, Signals
from ..fusion import Mean, PerTeacher
from ..teaching.fusing import beside
from ..train.choose import Fold, cross_fit, heldout_loss
from ..train.settings import one_thread
from .ground import kept


@dataclass
class Subsets:
    """Cross-fitted losses of fused subsets; each is computed once.

    Attributes:
        names: of the teachers.
        folds: of the held-out rows; calibrations and fusions are fitted on the other folds.
        fusion: how a subset is fused.
    """

    names: tuple[str, ...]
    folds: list[Fold]
    fusion: Fusion
    _known: dict[frozenset[int], np.ndarray] = field(default_factory=dict[frozenset[int], np.ndarray], repr=False)

    def losses(self, members: Collection[int]) -> np.ndarray:
        """Loss per held-out row, float64 [B], in an order that is the same for every subset.

        A row that no member answers costs what knowing nothing costs; so does every row for no members at all.
        """
        key = frozenset(members)
        if key not in self._known:
            places = sorted(key)
            folds = [_of(fold, places) if places else _silent(fold) for fold in self.folds]
            with one_thread():
                self._known[key] = heldout_loss(folds, self._fusion(places)).double().numpy()
        return self._known[key]

    def loss(self, members: Collection[int]) -> float:
        """The mean of `losses`."""
        return float(self.losses(members).mean())

    def _fusion(self, places: list[int]) -> Fusion:
        if not places:
            return Mean()
        return self.fusion.taking(places) if isinstance(self.fusion, PerTeacher) else self.fusion


def subsets_of(signals: Signals, batch: Batch, fusion: Fusion | None = None) -> Subsets:
    """The subsets of these teachers.

    Args:
        signals: about the rows of `batch`, uncalibrated.
        batch: labelled rows that no teacher has been trained on.
        fusion: how a subset is fused; the plain mean unless given.
    """
    chosen = fusion or Mean()
    if isinstance(chosen, PerTeacher):
        chosen = chosen.bound(signals.names)
    with one_thread():
        return Subsets(signals.names, cross_fit(beside(chosen, signals), batch), chosen)


def gain(worse: np.ndarray, better: np.ndarray) -> tuple[float, float]:
    """Mean of the paired differences `worse - better` of losses per row, and its standard error."""
    difference = worse - better
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else float("nan")
    return float(difference.mean()), error


def _of(fold: Fold, places: list[int]) -> Fold:
    calibrations = tuple(fold.calibrations[i] for i in places)
    return replace(fold, signals=kept(fold.signals, places), shown=kept(fold.shown, places), calibrations=calibrations)


def _silent(fold: Fold) -> Fold:
    """The fold with one teacher that never answers."""
    one = _of(fold, [0])
    answer: Any = one.shown.answers[0]
    return replace(one, shown=Signals(one.shown.names, (replace(answer, valid=torch.zeros_like(answer.valid)),)))
