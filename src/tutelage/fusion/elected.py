"""Elected: the teacher that held-out rows show to be best, for the whole task, per class or per column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Weights
from ..ops.mixing import among
from ..ops.simplex import normalised
from .answers import dtype_of, knowing
from .performance import Reward, achieved
from .topk import largest

Merits = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Elected:
    """The best single teachers by held-out rows teach alone; the election of LCKD, Wang et al. 2023.

    Of those that answer, so that a row whose best modality is missing is taught by the next best. Labels and values
    elect per label or column. For classes one election holds for the whole task, or one per class: then the class is
    that of the label while electing, and while teaching that which the teachers think likeliest together.

    Args:
        per: `task` or `class`; other answers than classes know `task` only.
        k: how many are elected; those as good as the k-th too.
        reward: what is best, as in `Performance`; values are always judged by `inv_mse`.
        merits: what was fitted, one row per teacher; leave it out and call `fit`.

    Raises:
        InputError: k is below 1, an unknown setting; (when fitted) no labelled row that any teacher answers; (when
            called) not fitted, or another number of teachers.
    """

    name = "elected"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "wang2023"
    per: Literal["task", "class"] = "task"
    k: int = 1
    reward: Reward = "truth"
    merits: Merits | None = None

    def __post_init__(self) -> None:
        if self.k < 1 or self.per not in ("task", "class"):
            raise InputError(f"elected takes k of at least 1 and per='task' or 'class', got {self.k} and {self.per!r}")

    @property
    def fitted(self) -> bool:
        """Whether the election was held."""
        return self.merits is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Elected:
        """The same after an election on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        if self.per == "class" and not isinstance(signals, Classes):
            raise InputError(f"{type(signals).__name__} have no classes to elect for: per='task' elects per column")
        reward: Reward = "inv_mse" if signals.kind_of_space == "values" else self.reward
        scores, known = achieved(signals, target, labelled, reward, self.name)
        if not bool(known.any()):
            raise InputError("an election needs held-out rows with labels that a teacher answers, got none: use TopK")
        scores = -scores if reward == "inv_mse" else scores
        whole = _means(scores, known)
        if self.per == "class":
            size = signals.scores.shape[-1]
            own = torch.nn.functional.one_hot(target.clamp(0, size - 1), size).bool()
            per_class = _means(scores.expand(*scores.shape[:2], size), known & own)
            whole = torch.where((known & own).any(1), per_class, whole)
        return replace(self, merits=tuple(tuple(row) for row in whole.tolist()))

    def bound(self, names: Sequence[str]) -> Elected:
        """The same: merits are in the order of the teachers it was fitted on."""
        return self

    def taking(self, teachers: Sequence[int]) -> Elected:
        """The same for these teachers only, in this order."""
        return self if self.merits is None else replace(self, merits=tuple(self.merits[t] for t in teachers))

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        if self.merits is None:
            raise InputError(
                f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled) on held-out rows"
            )
        if len(self.merits) != len(valid):
            raise InputError(
                f"fusion {self.name!r} was fitted on {len(self.merits)} teachers and got {len(valid)}: fit it again"
            )
        table = torch.tensor(self.merits, dtype=torch.float64, device=valid.device)
        if self.per == "class":
            probs = signals.probs()
            place = among(probs, knowing(signals), torch.ones_like(probs)).argmax(-1)
            merit = table[:, place]
        else:
            merit = (table if valid.dim() == 2 else table.unsqueeze(1)).expand(valid.shape)
        return Weights(normalised(largest(merit, valid, self.k).to(dtype_of(signals)), valid))


def _means(scores: Tensor, known: Tensor) -> Tensor:
    """Mean score of each teacher over the rows where it is known, [T, columns]; far below all others where nowhere."""
    total = torch.where(known, scores, 0.0).double().sum(1)
    mean = total / known.sum(1).clamp_min(1)
    return torch.where(known.any(1), mean, mean.min() - 1e6)
