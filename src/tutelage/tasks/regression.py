"""D numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Space, Values
from ..ops import metrics_regression as measure
from ..ops.losses import constants
from .headline import check_headline

SMALLEST_SCALE = 1e-4
"""In spreads of the target; keeps the likelihood of a student bounded."""


@dataclass(frozen=True)
class Regression:
    """One or several numbers per row; targets and `labelled` are [B, D].

    The student works in z-scores, (target - centre) / spread; its answers, and everything that is reported,
    are in the units of the target. Hard losses are in z-scores, so that columns weigh the same; terms are
    given the same units: `MSE(task.centre, task.spread)`.

    Args:
        columns: column names, in the order of the student's outputs.
        centre: of each column; 0 unless given.
        spread: of each column, positive; 1 unless given.
        with_scale: the student has 2 D outputs: D means, then D numbers whose softplus is the standard
            deviation, in spreads.
        loss: hard loss per column, in z-scores: `mse` squared error; `huber` half of it up to 1, then a
            line; `nll` negative log-likelihood, which needs `with_scale`.
        headline: the metric a table is sorted by.
    """

    name: ClassVar[str] = "regression"
    higher_is_better: ClassVar[Mapping[str, bool]] = {"rmse": False, "mae": False, "r2": True, "nll": False}
    columns: tuple[str, ...]
    centre: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    with_scale: bool = False
    loss: Literal["mse", "huber", "nll"] = "mse"
    headline: str = "rmse"

    def __post_init__(self) -> None:
        check_headline(self)
        count = len(self.columns)
        if len(set(self.columns)) != count or not count:
            raise InputError(f"regression needs at least one column, all different, got {list(self.columns)}")
        if not self.centre:
            object.__setattr__(self, "centre", (0.0,) * count)
        if not self.spread:
            object.__setattr__(self, "spread", (1.0,) * count)
        if len(self.centre) != count or len(self.spread) != count:
            raise InputError(
                f"{count} columns need as many centres and spreads, got {len(self.centre)} and {len(self.spread)}"
            )
        if any(not value > 0 for value in self.spread):
            raise InputError(f"spreads must be positive, got {self.spread}: give a constant column the spread 1")
        if self.loss == "nll" and not self.with_scale:
            raise InputError("the hard loss nll needs a scale: Regression(..., with_scale=True)")

    @classmethod
    def of(cls, space: Space, target: np.ndarray, labelled: np.ndarray) -> Regression:
        """Regression of the names of a space, centred and scaled by the labelled targets [N, D]."""
        known = [target[labelled[:, d], d].astype(np.float64) for d in range(len(space.names))]
        centre = tuple(float(values.mean()) if len(values) else 0.0 for values in known)
        spread = tuple((float(values.std()) if len(values) else 0.0) or 1.0 for values in known)
        return cls(space.names, centre, spread)

    @property
    def space(self) -> Space:
        """Values under their column names."""
        return Space(Values, self.columns)

    def answer(self, student: nn.Module, batch: Batch) -> Values:
        """The student's means, and scales where it has them, in units of the target [B, D]."""
        found = student(*batch.inputs.values())
        count = len(self.columns)
        wanted = 2 * count if self.with_scale else count
        if found.dim() != 2 or found.shape[1] != wanted:
            raise InputError(
                f"the student answered shape {tuple(found.shape)}, but {count} columns"
                f"{' with scales' if self.with_scale else ''} need [rows, {wanted}]"
            )
        found = found if found.dtype == torch.float64 else found.float()
        spread = constants(self.spread, found)
        mean = constants(self.centre, found) + spread * found[:, :count]
        if not self.with_scale:
            return Values.of(mean)
        return Values.of(mean, spread * (torch.nn.functional.softplus(found[:, count:]) + SMALLEST_SCALE))

    def hard_loss(self, answer: Values, target: Tensor) -> Tensor:
        """[B, D], in z-scores; of any number where there is no label."""
        spread = constants(self.spread, answer.mean)
        away = (answer.mean - target) / spread
        if self.loss == "mse":
            return away.square()
        if self.loss == "huber":
            return torch.nn.functional.huber_loss(away, torch.zeros_like(away), reduction="none")
        assert answer.scale is not None
        scale = answer.scale / spread
        return 0.5 * (away / scale).square() + scale.log()

    def decode(self, answer: Values) -> Tensor:
        """Means [B, D]."""
        return answer.mean

    def metrics(self, answer: Values, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """RMSE, MAE and R2, averaged over columns, and with scales the negative log-likelihood in nats.

        Entries without a label are left out; where a teacher says nothing it is given the centre and spread
        of the column, which is what knowing nothing amounts to.
        """
        columns = [d for d in range(len(self.columns)) if bool(labelled[:, d].any())]
        if not columns:
            raise InputError("no labelled entries to measure on")
        mean = torch.where(answer.valid, answer.mean, constants(self.centre, answer.mean))
        pairs = [(target[labelled[:, d], d], mean[labelled[:, d], d]) for d in columns]
        found = {
            name: sum(rule(truth, guess) for truth, guess in pairs) / len(pairs)
            for name, rule in (("rmse", measure.rmse), ("mae", measure.mae), ("r2", measure.r2))
        }
        if answer.scale is None:
            return found
        scale = torch.where(answer.valid, answer.scale, constants(self.spread, answer.scale))
        scales = [scale[labelled[:, d], d] for d in columns]
        each = [measure.gaussian_nll(*pair, one) for pair, one in zip(pairs, scales, strict=True)]
        return found | {"nll": sum(each) / len(each)}
